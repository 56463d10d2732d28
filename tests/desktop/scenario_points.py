"""The memory as points in Object Mode: hover, click, box, lasso, circle, drag, copy, delete, undo, Edit Mode and back.

The tool is chosen by its name; everything else is mouse and keyboard. After each step Blender's data must say that it
happened.
"""

from __future__ import annotations

import importlib

import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d

RED, BLUE = 3, 4


def room() -> bpy.types.Object:
    return bpy.data.objects["Room"]


def part(name: str):
    return importlib.import_module(f"bl_ext.user_default.mosaic.{name}")


def ints(name: str) -> np.ndarray:
    return part("memory.faces").face_ints(room().data, name)


def selected() -> np.ndarray:
    return part("memory.select").selected_faces(room())


def middles() -> np.ndarray:  # (F, 3) world
    found = np.zeros((len(room().data.polygons), 3), np.float32)
    room().data.polygons.foreach_get("center", found.ravel())
    return found


def on_screen(desk, point) -> tuple[int, int]:
    """Where a point of the world is on the screen."""
    region = desk.region("WINDOW")
    x, y = location_3d_to_region_2d(region, desk.area("VIEW_3D").spaces.active.region_3d, point)
    return int(region.x + x), int(region.y + y)


def crate_px(desk, object_id: int) -> tuple[int, int]:
    """The middle of a crate's front."""
    return on_screen(desk, middles()[(ints("object_id") == object_id) & (ints("view") == 1)].mean(axis=0))


def scenario(desk):
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    yield from desk.wait(1.0)
    desk.check(room().display_type == "BOUNDS", "the points stand for the mesh")
    with bpy.context.temp_override(window=desk.window, area=desk.area("VIEW_3D"), region=desk.region("WINDOW")):
        bpy.ops.wm.tool_set_by_id(name="mosaic.select_tool")
    yield from desk.wait(0.5)
    yield from kept_picture(desk)
    yield from hover_and_click(desk)
    yield from regions(desk)
    yield from keys(desk)
    yield from gizmo(desk)
    yield from buttons(desk)
    yield from copy_and_delete(desk)
    yield from edit_mode(desk)


def kept_picture(desk):
    """With software OpenGL the points are a picture that is kept, made in parts. The host compares it with those that
    are drawn straight into the viewport."""
    draw, layers = part("overlay.draw"), part("overlay.layer")._layers
    desk.check(draw._state.layered, "a picture of the points is kept")
    draw._PATCHES_A_PART = 50
    draw.forget()
    for name, key in (("here", ""), ("turned", "NUMPAD_4")):
        if key:
            yield from desk.press(key)
        desk.area("VIEW_3D").tag_redraw()
        yield from desk.wait(0.5)
        yield from desk.until(
            lambda: layers and all(held[0].complete for held in layers.values()), "all parts are drawn"
        )
        yield from desk.shot(f"kept_{name}")
        draw._state.layered = False
        yield from desk.shot(f"drawn_{name}")
        draw._state.layered = True
    yield from desk.press("NUMPAD_6")
    yield from desk.wait(0.5)


def hover_and_click(desk):
    x, y = crate_px(desk, RED)
    yield from desk.move(x - 5, y)
    yield from desk.move(x, y)
    yield from desk.wait(0.5)
    hit, caption = part("overlay.marks").hovered()
    desk.check(caption.startswith("Red Crate, view "), f"the cursor names what it is over ({caption})")
    yield from desk.shot("11_hover")
    yield from desk.click(x, y)
    yield from desk.wait(0.5)
    desk.check(np.flatnonzero(selected()).tolist() == [hit.face], "a click selects that patch")
    yield from desk.click(*crate_px(desk, BLUE), shift=True)
    yield from desk.wait(0.5)
    desk.check(sorted(ints("object_id")[selected()]) == [RED, BLUE], "a Shift-click adds another")


def regions(desk):
    x, y = crate_px(desk, RED)
    yield from desk.drag([(x - 110, y + 110), (x - 60, y + 60), (x + 60, y - 60), (x + 110, y - 110)])
    yield from desk.wait(0.8)
    found = ints("object_id")[selected()]
    reds = int((found == RED).sum())
    desk.check(reds > 10, f"a box takes the crate's patches ({reds} of {(ints('object_id') == RED).sum()})")
    desk.check(BLUE not in found, "and no other crate's")
    yield from desk.shot("12_box")
    corner = desk.region("WINDOW")
    yield from desk.click(corner.x + 60, corner.y + 60)
    yield from desk.wait(0.6)
    desk.check(not selected().any(), "a click beside everything selects nothing")
    blue_x, blue_y = crate_px(desk, BLUE)
    round_it = [(blue_x + int(75 * np.cos(turn)), blue_y + int(75 * np.sin(turn))) for turn in np.linspace(0, 6.2, 25)]
    yield from desk.drag(round_it, ctrl=True)
    yield from desk.wait(0.8)
    blues = int((ints("object_id")[selected()] == BLUE).sum())
    desk.check(blues > 10 and RED not in ints("object_id")[selected()], f"a Ctrl-drag is a lasso ({blues} patches)")
    yield from desk.move(x, y)
    yield from desk.press("C")
    yield from desk.drag([(x, y), (x + 8, y)])
    yield from desk.press("RET")
    yield from desk.wait(0.6)
    desk.check(RED in ints("object_id")[selected()], "C paints more of them with a circle")
    yield from desk.move(x, y)
    yield from desk.press("L")
    yield from desk.wait(0.6)
    desk.check(np.array_equal(selected(), ints("object_id") == RED), "L takes the whole crate")


def keys(desk):
    before, chosen = middles(), selected()
    yield from desk.move(*crate_px(desk, RED))
    yield from desk.press("G")
    yield from desk.press("X")
    yield from desk.write("1")
    yield from desk.shot("13_moving")
    desk.check(np.array_equal(middles(), before), "nothing is written while the drag lasts")
    yield from desk.press("RET")
    yield from desk.wait(0.5)
    shift = middles() - before
    desk.check(np.allclose(shift[chosen], (1, 0, 0), atol=1e-5), "G X 1 Enter moves the crate by a metre")
    desk.check(not shift[~chosen].any(), "and nothing else")
    yield from desk.press("Z", ctrl=True)
    yield from desk.wait(0.8)
    desk.check(np.array_equal(middles(), before) and np.array_equal(selected(), chosen), "Ctrl+Z takes it back")
    yield from desk.press("S")
    yield from desk.write("2")
    yield from desk.press("ESC")
    yield from desk.wait(0.3)
    desk.check(np.array_equal(middles(), before), "Escape leaves everything where it was")


def gizmo(desk):
    """Drag the red arrow."""
    before, chosen = middles(), selected()
    pivot = part("tool").middle_of_selection(room())
    start, aside = (np.array(on_screen(desk, pivot + offset)) for offset in (np.zeros(3), np.array([0.3, 0, 0])))
    along = (aside - start) / np.linalg.norm(aside - start)
    grip = start + along * 100
    yield from desk.move(*(grip - along * 4).astype(int))
    yield from desk.move(*grip.astype(int))
    yield from desk.wait(0.6)
    yield from desk.shot("14_gizmo")
    yield from gone_with_another_tool(desk)
    yield from desk.move(*(grip - along * 4).astype(int))
    yield from desk.drag([tuple((grip + along * px).astype(int)) for px in (0, 10, 30, 60, 90)])
    yield from desk.wait(0.8)
    shift = middles() - before
    desk.check(shift[chosen, 0].min() > 0.3, f"the arrow drags the crate ({shift[chosen, 0].mean():.2f} m)")
    desk.check(np.abs(shift[chosen, 1:]).max() < 1e-5 and not shift[~chosen].any(), "along its axis, and it alone")
    yield from desk.press("G", alt=True)
    yield from desk.wait(0.6)
    desk.check(np.array_equal(middles(), before), "Alt-G puts it back where it was captured")


def gone_with_another_tool(desk):
    """Blender's own Move has a gizmo of its own."""
    for tool, shown in (("builtin.move", False), ("mosaic.select_tool", True)):
        with bpy.context.temp_override(window=desk.window, area=desk.area("VIEW_3D"), region=desk.region("WINDOW")):
            bpy.ops.wm.tool_set_by_id(name=tool)
            polled = part("tool").MOSAIC_GGT_transform.poll(bpy.context)
        desk.check(polled == shown, f"the gizmo is {'there' if shown else 'gone'} with {tool}")
        yield from desk.wait(0.5)
        yield from desk.shot(f"14_{tool.partition('.')[2]}")


def buttons(desk):
    """The panel's buttons do what the keys do."""
    before, chosen = middles(), selected()
    yield from desk.open_sidebar("Mosaic")
    yield from desk.click_button("mosaic.move(")
    yield from desk.wait(0.3)
    desk.check(part("overlay.draw").motion_of(room()) is not None, "Move in the panel begins a drag")
    x, y = desk.mouse_xy
    yield from desk.move(x - 60, y)
    yield from desk.move(x - 120, y + 10)
    yield from desk.shot("14_panel_move")
    yield from desk.press("LEFTMOUSE")
    yield from desk.wait(0.5)
    shift = np.linalg.norm(middles() - before, axis=1)
    desk.check(shift[chosen].min() > 0.1 and not shift[~chosen].any(), f"and a click ends it ({shift.max():.2f} m)")
    yield from desk.move(*desk.centre())
    yield from desk.press("Z", ctrl=True)
    yield from desk.wait(0.8)
    desk.check(np.array_equal(middles(), before) and np.array_equal(selected(), chosen), "in one step of undo")
    yield from desk.press("N")
    yield from desk.wait(0.5)


def copy_and_delete(desk):
    count, crate = len(middles()), int(selected().sum())
    yield from desk.move(*crate_px(desk, RED))
    yield from desk.press("D", shift=True)
    yield from desk.press("X")
    yield from desk.write("-1.5")
    yield from desk.press("RET")
    yield from desk.wait(0.8)
    desk.check(len(middles()) == count + crate, "Shift-D copies the crate")
    yield from desk.shot("15_copied")
    yield from desk.press("H")
    yield from desk.wait(0.5)
    hidden = part("memory.change").hidden_faces(room())
    desk.check(int(hidden.sum()) == crate and not selected().any(), "H hides the copy")
    yield from desk.press("H", alt=True)
    yield from desk.wait(0.5)
    desk.check(int(selected().sum()) == crate, "Alt-H shows it again, selected")
    yield from desk.press("X")
    yield from desk.wait(0.8)
    desk.check(len(middles()) == count, "X deletes it")
    for _ in range(4):  # delete, show, hide, copy
        yield from desk.press("Z", ctrl=True)
        yield from desk.wait(0.6)
    desk.check(len(middles()) == count and int(selected().sum()) == crate, "Ctrl+Z takes each step back")


def edit_mode(desk):
    before, chosen, ids = middles(), selected(), ints("placement")
    yield from desk.press("TAB")
    yield from desk.until(lambda: bpy.context.mode == "EDIT_MESH", "Tab enters Edit Mode")
    yield from desk.wait(0.6)
    desk.check(room().display_type == "TEXTURED", "the mesh is shown there")
    desk.check(room().data.total_face_sel == int(chosen.sum()), "the same patches are selected")
    yield from desk.shot("16_edit_mode")
    yield from desk.open_sidebar("Mosaic")
    yield from desk.click_button("mosaic.move(")
    yield from desk.wait(0.5)
    yield from desk.shot("16_edit_mode_move")
    yield from desk.press("ESC")
    yield from desk.move(*desk.centre())
    yield from desk.press("N")
    yield from desk.wait(0.5)
    yield from desk.press("TAB")
    yield from desk.until(lambda: bpy.context.mode == "OBJECT", "Tab leaves it")
    yield from desk.wait(0.6)
    same = np.array_equal(middles(), before) and np.array_equal(ints("placement"), ids)
    desk.check(same and np.array_equal(selected(), chosen), "and nothing is lost")
    desk.check(room().display_type == "BOUNDS", "the points are back")
    yield from desk.shot("17_back")
