"""Camera paths as an artist makes them: drawn, keyed from the view, kept as bookmarks, checked, written and read.

Every change comes from the mouse or the keyboard; what is checked is what would be seen: where the camera is at a
frame, what it looks at, and what the panel and the timeline say. The panels above and below Path are taken away, so
that it stands on the screen in one piece.
"""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np

OTHERS = ("start", "memory", "edit", "view", "compare", "result", "shots", "generate")  # children first
ROW_PX = 20
FILE_NAME = "walk.json"


def scenario(desk):
    others = [panel for name in OTHERS if (panel := getattr(bpy.types, f"MOSAIC_PT_{name}", None)) is not None]
    for panel in others:
        bpy.utils.unregister_class(panel)
    try:
        # A file browser in a window of its own would come without a window manager to place it.
        bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
        yield from desk.move(*desk.centre())
        yield from desk.press("ESC")
        yield from desk.open_sidebar("Mosaic")
        yield from desk.shot("paths_01_nothing_yet")
        yield from in_the_air(desk)
        yield from on_surfaces(desk)
        yield from speed_and_look(desk)
        yield from preset(desk)
        yield from keys(desk)
        yield from check(desk)
        yield from bookmarks(desk)
        yield from files(desk)
    finally:
        for panel in reversed(others):
            bpy.utils.register_class(panel)


def scene() -> bpy.types.Scene:
    return bpy.context.scene


def camera() -> bpy.types.Object | None:
    return scene().mosaic.path_camera


def matrix_at(frame: int) -> np.ndarray:  # (4, 4), Blender's camera axes
    """Where the path camera is at a frame; the timeline goes back afterwards."""
    now = scene().frame_current
    scene().frame_set(frame)
    found = np.array(camera().matrix_world)
    scene().frame_set(now)
    return found


def places(frames: range | None = None) -> np.ndarray:  # (N, 3)
    frames = frames or range(scene().frame_start, scene().frame_end + 1)
    return np.array([matrix_at(frame)[:3, 3] for frame in frames])


def steps_m() -> np.ndarray:
    """How far the camera goes from each frame to the next."""
    return np.linalg.norm(np.diff(places(), axis=0), axis=1)


def looks_at(point, frame: int) -> float:
    """The angle between the camera's view and a point, in degrees."""
    matrix = matrix_at(frame)
    towards = np.array(point) - matrix[:3, 3]
    return float(np.degrees(np.arccos(np.clip(-matrix[:3, 2] @ towards / np.linalg.norm(towards), -1, 1))))


def viewport_place(desk) -> np.ndarray:  # (3,)
    return np.array(desk.area("VIEW_3D").spaces.active.region_3d.view_matrix.inverted().translation)


def stroke(desk, down_px: int) -> list[tuple[int, int]]:
    x, y = desk.centre()
    return [(x - 350 + 35 * i, int(y - down_px + 40 * np.sin(i / 6))) for i in range(21)]


def drawn_points() -> np.ndarray:  # (N, 3) world
    curve = bpy.context.edit_object
    curve.update_from_editmode()
    return np.array([curve.matrix_world @ point.co for spline in curve.data.splines for point in spline.bezier_points])


def in_the_air(desk):
    x, y = desk.centre()
    yield from desk.click(x + 50, y - 250, button="RIGHTMOUSE", shift=True)  # the 3D cursor, which gives the depth
    yield from desk.click_button("mosaic.draw_path(")
    yield from desk.until(lambda: bpy.context.mode == "EDIT_CURVE", "Draw Path puts the pen into the hand")
    yield from desk.wait(0.5)
    yield from desk.drag(stroke(desk, 130))
    yield from desk.wait(0.5)
    desk.check(len(drawn_points()) >= 2, f"the stroke became a curve ({len(drawn_points())} points)")
    yield from desk.press("TAB")
    yield from desk.until(lambda: bpy.context.mode == "OBJECT", "Tab puts the pen down")
    desk.check(camera() is not None and steps_m().sum() > 1.0, "a camera travels along it")
    target = bpy.data.objects["Path Target"]
    desk.check(max(looks_at(target.location, frame) for frame in (1, 12, 24)) < 0.5, "and looks at its target")
    yield from desk.shot("paths_02_drawn_in_the_air")


def on_surfaces(desk):
    """The same stroke on the ground, over a column's foot and a flower pot: the camera goes at the height of eyes."""
    first = camera()
    yield from desk.click_button("mosaic.draw_path(depth='SURFACE'")
    yield from desk.until(lambda: bpy.context.mode == "EDIT_CURVE", "On Surfaces puts the pen into the hand")
    yield from desk.wait(0.5)
    yield from desk.drag(stroke(desk, 230))
    yield from desk.wait(0.5)
    heights = drawn_points()[:, 2]
    desk.check(len(heights) >= 2, f"the stroke on the ground became a curve ({len(heights)} points)")
    desk.check(heights.min() > -0.2 and heights.max() < 0.8, f"which lies on the ground ({heights.round(2)})")
    yield from desk.press("TAB")
    yield from desk.wait(0.5)
    desk.check(camera() not in (None, first), "another camera follows it")
    heights = places()[:, 2]
    desk.check(heights.min() > 1.4 and heights.max() < 2.4, f"at the height of eyes ({heights.round(2)})")
    yield from desk.shot("paths_03_drawn_on_the_ground")


def speed_and_look(desk):
    before = steps_m()
    desk.check(before.max() < 1.6 * before.min(), "the camera goes evenly")
    _, y = yield from desk.find("mosaic.bake_path(")  # right of the menu Speed
    region = desk.region("UI")
    yield from desk.click(region.x + region.width // 5, y)
    yield from desk.wait(0.5)
    yield from desk.shot("paths_04_speeds")
    yield from desk.pick("EASE')")
    yield from desk.wait(0.5)
    eased = steps_m()
    desk.check(eased[0] < 0.5 * eased[len(eased) // 2], "Ease In and Out starts gently")
    desk.check(abs(eased.sum() - before.sum()) < 0.05 * before.sum(), "on the same way")
    yield from desk.press("Z", ctrl=True)
    yield from desk.wait(0.8)
    desk.check(np.allclose(steps_m(), before, atol=1e-4), "Ctrl+Z takes that back")
    yield from desk.click_button("mosaic.follow_path(")
    yield from desk.wait(1.0)
    yield from desk.shot("paths_05_speed_and_look")
    x, y = desk.mouse_xy
    yield from desk.move(x + 130, y - 118)
    yield from desk.wait(0.4)
    yield from desk.click(x + 138, y - 120)  # Ease, in what has opened below the pointer
    yield from desk.wait(0.8)
    yield from desk.shot("paths_05_eased")
    desk.check(steps_m()[0] < 0.5 * before[0], "Speed and Look has Ease as well")
    yield from desk.press("ESC")
    yield from desk.move(*desk.centre())
    yield from desk.wait(0.5)
    yield from desk.press("Z", ctrl=True)
    yield from desk.wait(0.8)
    desk.check(np.allclose(steps_m(), before, atol=1e-4), "Ctrl+Z takes that back, too")


def preset(desk):
    """An orbit from the menu, which lies above the field Camera."""
    first = camera()
    x, y = yield from desk.find("mosaic.path_camera")
    yield from desk.click(x, y + ROW_PX + 4)
    yield from desk.wait(0.5)
    yield from desk.shot("paths_06_presets")
    yield from desk.pick("ORBIT')")
    yield from desk.wait(0.8)
    desk.check(camera() not in (None, first), "a preset has a camera of its own")
    middle, at = places().mean(axis=0), places()
    radii = np.linalg.norm(at - middle, axis=1)
    desk.check(radii.max() < 1.15 * radii.min() and radii.min() > 1.0, f"it circles ({radii.min():.2f} m)")
    yield from desk.shot("paths_07_orbit")


def keys(desk):
    """A camera of keys: here at the first frame, from the other side at the last."""
    x, y = yield from desk.find("mosaic.path_camera")
    yield from desk.move(x, y)
    yield from desk.press("BACK_SPACE")
    yield from desk.until(lambda: camera() is None, "Backspace over the field Camera empties it")
    yield from to_frame(desk, 1)
    here = viewport_place(desk)
    yield from desk.click_button("mosaic.key_view(")
    yield from desk.until(lambda: camera() is not None, "Key the View makes a camera where there is none")
    yield from to_frame(desk, scene().frame_end)
    yield from desk.move(*desk.centre())
    for key in ("NUMPAD_9", "NUMPAD_2", "NUMPAD_2"):  # from behind, and from near the ground
        yield from desk.press(key)
        yield from desk.wait(0.6)
    there = viewport_place(desk)
    desk.check(float(np.linalg.norm(there - here)) > 5.0, "Numpad 9 and 2 look from the other side")
    yield from desk.click_button("mosaic.key_view(")
    yield from desk.wait(0.5)
    desk.check(np.allclose(places(range(1, 2))[0], here, atol=1e-3), "at the first frame the camera is where I was")
    desk.check(np.allclose(places()[-1], there, atol=1e-3), "and at the last where I am")
    yield from desk.shot("paths_08_keyed")


def to_frame(desk, frame: int):
    yield from desk.move(*desk.centre())
    yield from desk.press("LEFT_ARROW" if frame == 1 else "RIGHT_ARROW", shift=True)  # to the range's start or end
    yield from desk.until(lambda: scene().frame_current == frame, f"the timeline goes to frame {frame}")


def check(desk):
    """Straight through the wall at the back: the check says through what, and a click goes there."""
    yield from desk.click_button("mosaic.check_path(")
    yield from desk.until(lambda: bool(scene().mosaic_checked), "Check Path looks at the path", limit_s=60)
    yield from desk.wait(0.5)
    found = [(finding.kind, finding.name, finding.first) for finding in scene().mosaic_findings]
    through = [each for each in found if each[0] == "geometry"]
    desk.check(bool(through), f"it says what the camera passes through ({found})")
    marks = [marker.name for marker in scene().timeline_markers if marker.name.startswith("check:")]
    desk.check(len(marks) == sum(finding.has_frames for finding in scene().mosaic_findings), "each is on the timeline")
    yield from desk.shot("paths_09_checked")
    yield from desk.click_button("mosaic.go_to_frame(")
    yield from desk.wait(0.5)
    first = next(finding for finding in scene().mosaic_findings if finding.has_frames)
    desk.check(scene().frame_current == first.first, f"a click goes to frame {first.first}")
    yield from desk.shot("paths_10_at_the_finding")
    yield from desk.press("Z", ctrl=True)
    yield from desk.wait(0.8)
    desk.check(not scene().mosaic_checked and not scene().timeline_markers, "Ctrl+Z takes the check back")


def bookmarks(desk):
    """Two views kept, a path through them, and back to the first."""
    seen = []
    for turns in (0, 4):
        yield from desk.move(*desk.centre())
        for _ in range(turns):
            yield from desk.press("NUMPAD_6")
            yield from desk.wait(0.3)
        seen.append(viewport_place(desk))
        yield from desk.click_button("mosaic.bookmark_add(", across=(0.83,))
        yield from desk.wait(0.5)
    desk.check(len(scene().mosaic_bookmarks) == 2, "two views are kept")
    first = camera()
    yield from desk.click_button("mosaic.bookmark_path(")
    yield from desk.wait(0.5)
    desk.check(camera() not in (None, first), "a camera goes through them")
    at = places()
    desk.check(np.allclose(at[[0, -1]], seen, atol=1e-3), "from the first to the second")
    yield from desk.shot("paths_11_bookmarks")
    yield from desk.click_button("mosaic.bookmark_show(", across=(0.7, 0.73, 0.76))
    yield from desk.wait(1.0)
    desk.check(np.allclose(viewport_place(desk), seen[0], atol=1e-2), "the eye goes back to the first view")
    yield from desk.shot("paths_12_back_at_the_first")


def files(desk):
    """Written from the file browser, and read again from there."""
    file, before = Path(bpy.data.filepath).with_name(FILE_NAME), places()
    yield from desk.click_button("mosaic.export_path(")
    yield from named_in_browser(desk, "paths_13_export")
    yield from desk.until(file.is_file, "the path is written")
    document = json.loads(file.read_text(encoding="utf-8"))
    desk.check("mosaic" in json.dumps(document)[:200].lower(), "as Mosaic's own file")
    first = camera()
    yield from desk.click_button("mosaic.import_path(")
    yield from named_in_browser(desk, "paths_14_import")
    yield from desk.until(lambda: camera() not in (None, first), "the file becomes another camera")
    desk.check(camera().name.startswith(Path(FILE_NAME).stem), f"called as the file is ({camera().name})")
    desk.check(np.allclose(places(), before, atol=1e-3), "which goes the same way")
    yield from desk.wait(0.5)
    yield from desk.shot("paths_15_imported")


def named_in_browser(desk, picture: str):
    """Type the file's name into the file browser's field and confirm."""
    area = lambda: next((each for each in desk.window.screen.areas if each.type == "FILE_BROWSER"), None)  # noqa: E731
    yield from desk.until(lambda: area() is not None, "the file browser opens")
    yield from desk.wait(1.0)
    region = desk.region("EXECUTE", area="FILE_BROWSER")
    yield from desk.click(region.x + region.width // 4, region.y + region.height - 18)
    yield from desk.wait(0.3)
    yield from desk.press("A", ctrl=True)
    yield from desk.write(FILE_NAME)
    yield from desk.press("RET")
    yield from desk.wait(0.5)
    yield from desk.shot(picture)
    yield from desk.move(*desk.centre(area="FILE_BROWSER"))
    yield from desk.press("RET")
    yield from desk.until(lambda: area() is None, "the file browser closes")
    yield from desk.wait(0.5)
