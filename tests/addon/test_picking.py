"""Picking patches on the screen, and what a click makes of the selection."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import bpy
import numpy as np

from tests.core.known_scenes import room_memory

from .memory_scenes import built, ints
from .path_scenes import in_viewport

SIZE = (200, 100)
# Looks along +y from the origin, x to the right, z up: at a depth of d, a metre is 100 / d pixels wide.
CLIP = np.array([[1, 0, 0, 0], [0, 0, 2, 0], [0, 1, 0, -0.2], [0, 1, 0, 0]], float)
DEPTH = np.array([0, 1, 0, 0], float)


def facing(x: float, y: float, z: float, *, half: float = 0.5) -> list:
    """A quad that faces the eye."""
    return [[x - half, y, z + half], [x + half, y, z + half], [x + half, y, z - half], [x - half, y, z - half]]


def on_screen(*quads, own=None):
    from blender_addon.overlay.picking import ScreenPatches

    corners = np.array(quads, np.float32)
    cells = np.tile(np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32), (len(quads), 1, 1))
    by_coordinate = np.ascontiguousarray(corners.transpose(2, 1, 0))
    size = np.ones(len(quads), np.float32)
    return ScreenPatches(corners, by_coordinate, cells, size, CLIP, DEPTH, *SIZE, own=own)


def everywhere() -> np.ndarray:
    return np.ones((SIZE[1], SIZE[0]), bool)


def test_the_patch_in_front_is_picked_wherever_it_stands_in_the_mesh():
    far, near = facing(0, 8, 0), facing(0.2, 4, 0)
    assert on_screen(far, near).pick(102, 51)[0] == 1
    assert on_screen(near, far).pick(102, 51)[0] == 0
    assert abs(on_screen(near, far).pick(102, 51)[1] - 4) < 1e-5


def test_a_click_beside_a_patch_means_the_nearest_one_within_reach():
    screen = on_screen(facing(0, 4, 0), facing(2, 4, 0))  # 87.5 .. 112.5 and 137.5 .. 162.5 pixels across
    assert screen.pick(118, 50)[0] == 0
    assert screen.pick(131, 50)[0] == 1
    assert screen.pick(125, 50)[0] == -1


def test_nothing_behind_the_eye_is_picked():
    assert on_screen(facing(0, -4, 0)).pick(100, 50)[0] == -1
    assert not on_screen(facing(0, -4, 0)).showing_in(everywhere()).any()


def test_one_sees_through_pixels_that_are_not_the_patchs_own():
    far, near = facing(0, 8, 0), facing(0, 4, 0)
    left_half = on_screen(far, near, own=lambda cells, patch: (patch == 0) | (cells[:, 0] < 0.5))
    assert left_half.pick(95, 50)[0] == 1
    assert left_half.pick(103, 50)[0] == 0


def test_a_region_takes_what_shows_and_with_x_ray_what_is_behind():
    behind, before, beside = facing(0, 8, 0), facing(0, 4, 0, half=0.6), facing(3, 8, 0)
    screen = on_screen(behind, before, beside)
    assert screen.showing_in(everywhere()).tolist() == [False, True, True]
    assert screen.showing_in(everywhere(), through=True).tolist() == [True, True, True]


def test_layers_of_one_surface_are_taken_together():
    wall, again = facing(0, 8, 0), facing(0.1, 8.05, 0)
    assert on_screen(wall, again).showing_in(everywhere()).all()


def test_a_slanted_floor_does_not_hide_itself():
    rows = [[[-1, y + 0.5, -2], [1, y + 0.5, -2], [1, y, -2], [-1, y, -2]] for y in np.arange(5, 12, 0.5)]
    screen = replace(on_screen(*rows), width_px=800, height_px=400)
    assert screen.showing_in(np.ones((400, 800), bool)).all()


def test_a_box_takes_what_lies_in_it():
    from blender_addon.overlay.picking import box_region

    screen = on_screen(facing(-2, 4, 0), facing(0, 4, 0), facing(2, 4, 0))
    assert screen.showing_in(box_region(SIZE, (120, 90), (70, 10))).tolist() == [False, True, False]
    assert not screen.showing_in(box_region(SIZE, (-50, -50), (-10, -10))).any(), "outside the picture"


def test_lasso_and_circle_are_the_pixels_inside():
    from blender_addon.overlay.picking import circle_region, lasso_region

    triangle = lasso_region(SIZE, np.array([[10, 10], [60, 10], [10, 60]]))
    assert triangle[20, 20]
    assert not triangle[50, 50]
    assert abs(int(triangle.sum()) - 1250) < 60
    assert abs(int(circle_region(SIZE, (100, 50), 20).sum()) - np.pi * 400) < 30
    assert not lasso_region(SIZE, np.array([[5, 5]])).any()


def test_clicks_set_extend_and_take_out(tmp_path):
    from blender_addon.memory.select import selected_faces
    from blender_addon.operators.pick import pick_face

    obj, _ = built(tmp_path)
    assert not selected_faces(obj).any(), "a new memory has nothing selected"
    assert pick_face(obj, 3, extend=False) == 1
    assert pick_face(obj, 7, extend=True) == 2
    assert pick_face(obj, 3, extend=True) == 1
    assert np.flatnonzero(selected_faces(obj)).tolist() == [7]
    whole = pick_face(obj, 7, extend=False, whole_object=True)
    assert whole == int((ints(obj, "object_id") == ints(obj, "object_id")[7]).sum())


def test_the_gizmo_is_there_with_its_tool_and_the_points_alone(tmp_path):
    from blender_addon.operators.pick import pick_face
    from blender_addon.tool import MOSAIC_GGT_transform

    obj, _ = built(tmp_path)
    pick_face(obj, 5, extend=False)
    settings = bpy.context.scene.mosaic

    def shows(tool: str) -> bool:
        with in_viewport():
            bpy.ops.wm.tool_set_by_id(name=tool)
            return MOSAIC_GGT_transform.poll(bpy.context)

    assert shows("mosaic.select_tool")
    assert not shows("builtin.move"), "Blender's own gizmo is there then"
    settings.show_points = False
    assert not shows("mosaic.select_tool"), "its handles would do nothing"
    settings.show_points = True
    assert shows("mosaic.select_tool")
    bpy.ops.object.mode_set(mode="EDIT")
    assert not MOSAIC_GGT_transform.poll(bpy.context)


def test_the_caption_names_object_view_and_age(tmp_path):
    from blender_addon.memory.captions import caption

    obj, _ = built(tmp_path)
    red = int(np.flatnonzero((ints(obj, "object_id") == 3) & (ints(obj, "view") == 0))[0])
    assert caption(obj, red) == "Red Crate, view 0 (View 0), age 2 s"
    tags = ints(obj, "memory")
    tags[red] += 1
    obj.data.attributes["memory"].data.foreach_set("value", tags)
    assert caption(obj, red) == "object 3, view 0", "a face that was joined in has numbers of its own memory"
    tags[red] -= 1
    obj.data.attributes["memory"].data.foreach_set("value", tags)
    del obj.data["mosaic_names"]
    assert caption(obj, red) == "object 3, view 0"


def test_a_transform_is_one_step_and_can_copy_first(tmp_path):
    from blender_addon.operators.pick import pick_face

    obj, _ = built(tmp_path)
    pick_face(obj, 5, extend=False)
    before, count = np.array(obj.data.polygons[5].center), len(obj.data.polygons)
    motion = np.eye(4)
    motion[:3, 3] = (0, 0, 2)
    bpy.types.MOSAIC_OT_transform.poll = classmethod(lambda _cls, _context: True)  # there is no viewport here
    try:
        assert bpy.ops.mosaic.transform(kind="MOVE", motion=motion.ravel().tolist(), duplicate=True) == {"FINISHED"}
    finally:
        del bpy.types.MOSAIC_OT_transform.poll
    assert len(obj.data.polygons) == count + 1
    assert np.allclose(obj.data.polygons[5].center, before)
    assert np.allclose(obj.data.polygons[count].center, before + motion[:3, 3], atol=1e-5)


def test_a_memory_captured_after_undo_is_not_picked_by_the_mask_of_the_one_before(tmp_path):
    from blender_addon.overlay import screen, source

    region = SimpleNamespace(width=96, height=54)
    view = SimpleNamespace(perspective_matrix=CLIP, view_matrix=np.diag([1.0, 1.0, -1.0, 1.0]), is_perspective=True)

    def picked(obj) -> list[int]:
        shown = screen.screen_of(obj, region, view)
        return [shown.pick(x, y)[0] for x in range(4, 96, 8) for y in range(4, 54, 8)]

    def captured(place, name: str):
        obj, _ = built(tmp_path, room_memory((place,)), name=name)
        obj.location = (0.3, 6, -1.1)
        bpy.context.view_layer.update()
        return obj

    bpy.ops.ed.undo_push(message="before the capture")
    obj = captured((0.0, -5.0, 1.8), "first.mosaic")
    bpy.ops.ed.undo_push(message="capture")
    (first,) = source.shown(obj).atlases
    picked(obj)
    bpy.ops.ed.undo()
    source.changed()  # as the handler of undo does
    obj = captured((1.5, -4.0, 2.5), "second.mosaic")
    assert source.shown(obj).atlases == (first,), "the name is free again"
    found = picked(obj)
    screen.forget()
    assert found == picked(obj) and max(found) >= 0
