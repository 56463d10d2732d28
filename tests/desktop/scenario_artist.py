"""What an artist does first: capture, select, move, draw a path, generate. Every click is a real event.

After each step Blender's data must say that it happened, and a picture is kept of what the artist sees.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

OBJECT = "Crate Red"
MOVED_BY_M = (0.0, -1.5, 0.0)


def memory_object() -> bpy.types.Object | None:
    return bpy.context.scene.mosaic.memory


def memory_faces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle (F, 3) in the memory's own space, object id (F,) and selection (F,) of each patch, Edit Mode included."""
    obj = memory_object()
    if obj.mode == "EDIT":
        obj.update_from_editmode()
    mesh = obj.data.copy()  # of a mesh in Edit Mode only a copy has its attributes
    count = len(mesh.polygons)
    middles = np.zeros((count, 3), np.float32)
    object_ids, selected = np.zeros(count, np.int32), np.zeros(count, bool)
    mesh.polygons.foreach_get("center", middles.ravel())
    mesh.polygons.foreach_get("select", selected)
    mesh.attributes["object_id"].data.foreach_get("value", object_ids)
    bpy.data.meshes.remove(mesh)
    return middles, object_ids, selected


def bounds_world(obj: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest corner (3,) of an object's bounding box."""
    corners = np.array([obj.matrix_world @ Vector(corner) for corner in obj.bound_box])
    return corners.min(axis=0), corners.max(axis=0)


def scenario(desk):
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    yield from desk.open_sidebar("Mosaic")
    yield from desk.shot("01_before")
    yield from capture(desk)
    yield from look(desk)
    yield from select(desk)
    yield from move(desk)
    yield from draw_path(desk)
    yield from generate(desk)


def capture(desk):
    yield from desk.click_button("mosaic.capture(")
    yield from desk.until(lambda: memory_object() is not None, "capture makes a memory", limit_s=120)
    middles, object_ids, _ = memory_faces()
    desk.check(len(middles) > 1000, f"the memory has patches ({len(middles)})")
    desk.check(len(np.unique(object_ids)) > 10, "the patches tell the objects apart")
    file = Path(bpy.path.abspath(memory_object().mosaic.memory_path))
    desk.check(file.is_file(), f"{file.name} is written")
    yield from desk.shot("02_captured")


def look(desk):
    """The memory alone, with the pixels that were captured."""
    yield from desk.click_button("mosaic.show_memory(")
    yield from desk.until(lambda: desk.area("VIEW_3D").spaces.active.local_view is not None, "the memory is alone")
    yield from desk.move(*desk.centre())
    yield from desk.shot("03_memory_alone")


def select(desk):
    """The menu "Object" of the panel, which lies above the button "Camera"."""
    x, y = yield from desk.find("mosaic.select_frustum(")
    yield from desk.click(x, y + 20)
    yield from desk.wait(0.5)
    yield from desk.shot("04_menu")
    yield from desk.pick(repr(OBJECT).replace("'", '"'))
    yield from desk.wait(0.5)
    middles, object_ids, selected = memory_faces()
    desk.check(len(np.unique(object_ids[selected])) == 1, "one object's patches are selected")
    desk.check(20 < selected.sum() < 2000, f"that is a number of patches ({selected.sum()})")
    low, high = bounds_world(bpy.data.objects[OBJECT])
    inside = ((middles[selected] > low - 0.1) & (middles[selected] < high + 0.1)).all()
    desk.check(inside, f"they lie where {OBJECT} stands")
    desk.check(bpy.context.view_layer.objects.active == memory_object(), "the memory is active")
    yield from desk.move(*desk.centre())
    yield from desk.wait(0.5)
    yield from desk.press("TAB")
    yield from desk.until(lambda: bpy.context.mode == "EDIT_MESH", "Tab enters Edit Mode")
    yield from desk.shot("05_selected")


def move(desk):
    """Native: G, Y, a number, Enter; then undo and redo."""
    before, _, selected = memory_faces()
    yield from desk.move(*desk.centre())
    for key in ("G", "Y"):
        yield from desk.press(key)
    yield from desk.write(f"{MOVED_BY_M[1]}")
    yield from desk.press("RET")
    yield from desk.wait(0.5)
    shifts = memory_faces()[0] - before
    desk.check(np.allclose(shifts[selected], MOVED_BY_M, atol=1e-4), "the selected patches moved")
    desk.check(np.abs(shifts[~selected]).max() == 0, "no other patch moved")
    yield from desk.shot("06_moved")
    yield from desk.press("Z", ctrl=True)
    yield from desk.wait(0.5)
    desk.check(np.abs(memory_faces()[0] - before).max() < 1e-6, "Ctrl+Z takes the move back")
    yield from desk.press("Z", ctrl=True, shift=True)
    yield from desk.wait(0.5)
    shifts = memory_faces()[0] - before
    desk.check(np.allclose(shifts[selected], MOVED_BY_M, atol=1e-4), "Ctrl+Shift+Z moves again")


def draw_path(desk):
    """The 3D cursor goes to the front with Shift and the right button, then a stroke from left to right."""
    x, y = desk.centre()
    yield from desk.click(x + 50, y - 250, button="RIGHTMOUSE", shift=True)
    yield from desk.click_button("mosaic.draw_path(")
    yield from desk.wait(0.5)
    stroke = [(x - 350 + 35 * i, int(y - 130 + 40 * np.sin(i / 6))) for i in range(21)]
    yield from desk.drag(stroke)
    yield from desk.wait(0.5)
    curve = bpy.context.edit_object
    desk.check(curve is not None and curve.type == "CURVE", "a curve is being drawn")
    curve.update_from_editmode()
    points = sum(len(spline.bezier_points) for spline in curve.data.splines)
    desk.check(points >= 2, f"the stroke became a curve ({points} points)")
    yield from desk.shot("07_path_drawn")
    yield from desk.press("TAB")
    camera = bpy.context.scene.mosaic.path_camera
    desk.check(camera is not None, "a camera follows the path")
    scene, places = bpy.context.scene, []
    for frame in (scene.frame_start, scene.frame_end):
        scene.frame_set(frame)
        places.append(np.array(camera.matrix_world.translation))
    desk.check(float(np.linalg.norm(places[1] - places[0])) > 1.0, "the camera travels")
    scene.frame_set(scene.frame_start)


def strips() -> list:
    editor = bpy.context.scene.sequence_editor
    return list(editor.strips) if editor is not None else []


def backgrounds() -> list:
    return list(bpy.context.scene.mosaic.path_camera.data.background_images)


def generate(desk):
    job = bpy.context.window_manager.mosaic_job
    yield from desk.click_button("mosaic.generate(")
    yield from desk.until(lambda: job.running or job.error, "the job starts", limit_s=20)
    yield from desk.until(lambda: job.frame_file or job.error, "frames appear", limit_s=90)
    yield from desk.shot("08_generating")
    yield from desk.until(lambda: not job.running, "the job ends", limit_s=240)
    desk.check(not job.error, f"the job succeeds {job.error}")
    scene, take = bpy.context.scene, Path(job.take_folder)
    frames = sorted((take / "frames").glob("frame_*.png"))
    desk.check(len(frames) == scene.frame_end - scene.frame_start + 1, "every frame is there")
    desk.check((take / "clip.mp4").stat().st_size > 10_000, "the video is there")
    desk.check((take / "manifest.json").is_file(), "the manifest is there")
    desk.check(len(strips()) == 1, "the sequencer has a strip")
    desk.check(len(backgrounds()) == 1, "the camera has a background")
    yield from desk.shot("09_generated")
    yield from desk.move(*desk.centre())
    yield from desk.press("Z", ctrl=True)
    yield from desk.wait(1.0)
    desk.check((len(strips()), len(backgrounds())) == (0, 0), "one Ctrl+Z takes strip and background back")
    desk.check("Path" in bpy.data.objects, "and nothing else")
    yield from desk.press("Z", ctrl=True, shift=True)
    yield from desk.wait(1.0)
    desk.check((len(strips()), len(backgrounds())) == (1, 1), "Ctrl+Shift+Z brings them again")
    yield from desk.click_button("mosaic.look_through(")
    yield from desk.wait(0.5)
    space = desk.area("VIEW_3D").spaces.active
    through = space.region_3d.view_perspective == "CAMERA" and space.camera == bpy.context.scene.mosaic.path_camera
    desk.check(through, "Look Through shows the path camera's view")
    yield from desk.move(*desk.centre())
    for _ in range(9):
        yield from desk.press("RIGHT_ARROW")
    yield from desk.wait(1.0)
    desk.check(bpy.context.scene.frame_current == 10, "the arrow keys go through the frames")
    yield from desk.shot("10_through_the_camera")
