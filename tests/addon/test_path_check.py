"""Checking a path: where it is too fast, goes through things or leaves memory, and cameras that would close holes."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon import compat
from blender_addon.paths.curve import new_path_camera
from tests.core.known_scenes import camera_at, room_memory

from .capture_scenes import add_cube, animate
from .memory_scenes import built


@pytest.fixture
def shot(tmp_path):
    """One view of the room, and a camera that turns away from what it saw and back."""
    from blender_addon.cameras import blender_of_world_from_cam

    obj, memory = built(tmp_path, room_memory(((0.0, -5.0, 1.8),)))
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    scene.collection.objects.link(camera)
    scene.camera, scene.mosaic.path_camera, scene.mosaic.memory = camera, camera, obj
    scene.mosaic.width, scene.mosaic.height = 160, 90
    scene.frame_start, scene.frame_end = 1, 9
    camera.data.sensor_fit = "HORIZONTAL"
    seen, away = memory.views[0].camera, camera_at((0.0, -5.0, 1.8), (5.0, 0.0, 1.0))
    for frame, stand in ((1, seen), (5, away), (9, seen)):
        matrix = blender_of_world_from_cam(stand.world_from_cam)
        camera.matrix_world = Matrix(matrix.tolist())
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_euler", frame=frame)
    camera.data.lens = camera.data.sensor_width * memory.views[0].camera.intrinsics_px[0, 0] / 160
    return obj, camera


def hole_markers() -> dict[int, str]:
    markers = bpy.context.scene.timeline_markers
    return {m.frame: m.name for m in markers if m.name.startswith("check:") and "known" in m.name}


def findings(kind: str) -> list[tuple[int, int, str]]:
    return [(f.first, f.last, f.sentence) for f in bpy.context.scene.mosaic_findings if f.kind == kind]


def test_what_would_be_invented_is_marked_and_a_capture_proposed(shot):
    scene = bpy.context.scene
    scene.timeline_markers.new("event: dusk", frame=3)
    bpy.ops.mosaic.check_path(frames=9, add_cameras=True)
    (start,) = hole_markers()
    assert 1 < start <= 4 and "known, to" in hole_markers()[start]
    assert scene.timeline_markers["event: dusk"].frame == 3
    assert "of the path is known" in scene.mosaic_checked
    ((first, last, sentence),) = findings("memory")
    assert first == start and last >= 5 and "the rest is made up" in sentence
    selected = list(bpy.context.view_layer.objects.selected)
    assert selected and all(obj.type == "CAMERA" and obj.name.startswith("Capture") for obj in selected)
    assert selected[0].name in scene.mosaic_checked


def test_a_proposed_camera_stands_where_the_path_looks_at_the_holes(shot):
    from blender_addon.paths.sample import path_from_camera, path_of_scene

    bpy.ops.mosaic.check_path(frames=9, add_cameras=True)
    camera = next(obj for obj in bpy.context.view_layer.objects.selected)
    number = int(camera.name.split()[1])
    size = {"image_height": 90, "image_width": 160}
    wanted = path_of_scene(bpy.context, frame_start=number, frame_end=number, **size)[0]
    still = path_from_camera(bpy.context, camera, frame_start=1, frame_end=9, **size)
    for frame in still:
        np.testing.assert_allclose(frame.world_from_cam, wanted.world_from_cam, atol=1e-5)
        np.testing.assert_allclose(frame.intrinsics_px, wanted.intrinsics_px, rtol=1e-5)


def test_a_new_check_takes_the_place_of_the_old_one(shot):
    scene = bpy.context.scene
    bpy.ops.mosaic.check_path(frames=9)
    assert hole_markers() and not [o for o in bpy.data.objects if o.name.startswith("Capture")]
    scene.frame_end = 1
    bpy.ops.mosaic.check_path(frames=9)
    assert not hole_markers() and not findings("memory") and not scene.timeline_markers


def test_deleting_patches_makes_holes(shot):
    bpy.ops.mosaic.check_path(frames=9)
    before = bpy.context.scene.mosaic_checked
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    bpy.ops.mosaic.delete()
    bpy.ops.mosaic.check_path(frames=9)
    assert bpy.context.scene.mosaic_checked != before


def test_it_says_what_is_missing(shot):
    bpy.context.scene.mosaic.path_camera = bpy.context.scene.camera = None
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.mosaic.check_path()
    assert not bpy.ops.mosaic.check_path.poll()


def test_a_finding_is_a_click_away(shot):
    bpy.ops.mosaic.check_path(frames=9)
    ((first, _, sentence),) = findings("memory")
    assert bpy.ops.mosaic.go_to_frame(frame=first, sentence=sentence) == {"FINISHED"}
    assert bpy.context.scene.frame_current == first


@pytest.fixture
def walk():
    """A camera that walks 12 m in 25 frames past x = 6, in a scene without a memory."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 25
    scene.mosaic.width, scene.mosaic.height = 160, 90
    camera = new_path_camera(bpy.context, name="Walker")
    camera.rotation_euler = (np.pi / 2, 0, -np.pi / 2)
    for frame, x in ((1, 0.0), (25, 12.0)):
        camera.location = (x, 0, 1)
        camera.keyframe_insert("location", frame=frame)
    for fcurve in compat.fcurves_of(camera):
        for key in fcurve.keyframe_points:
            key.interpolation = "LINEAR"
    scene.mosaic.path_camera = camera
    add_cube("Floor", (6, 0, -0.5), size=1.0).scale = (40, 40, 1)
    return camera


def test_without_a_memory_a_wall_in_the_way_is_found(walk):
    add_cube("Wall", (6, 0, 1), size=1.0).scale = (0.2, 4, 4)
    add_cube("Beside", (3, 3, 1), size=1.0)
    add_cube("Not Rendered", (9, 0, 1), size=1.0, hide_render=True)
    bpy.ops.mosaic.check_path()
    crossed = findings("geometry")
    assert [sentence for *_, sentence in crossed] == ["Between frames 12 and 14 the camera passes through Wall."]
    assert findings("memory") == [] and "No memory" in bpy.context.scene.mosaic_checked
    assert [m.name for m in bpy.context.scene.timeline_markers] == ["check: through Wall, to 14"]
    assert bpy.context.scene.frame_current == 1


def test_a_door_that_is_open_in_time_is_no_obstacle(walk):
    door = add_cube("Door", (6, 0, 1), size=1.0)
    door.scale = (0.2, 4, 4)
    animate(door, "location", {10: (6, 0, 1), 12: (6, 8, 1)})
    bpy.ops.mosaic.check_path()
    assert findings("geometry") == []
    animate(door, "location", {10: (6, 8, 1), 12: (6, 0, 1)})
    bpy.ops.mosaic.check_path()
    assert findings("geometry")


def test_a_jump_and_a_turn_too_fast_are_found_where_they_are(walk):
    walk.rotation_mode = "XYZ"
    animate(walk, "rotation_euler", {10: (np.pi / 2, 0, -np.pi / 2), 12: (np.pi / 2, 0, 0.8)})
    animate(walk, "location", {1: (0, 0, 1), 20: (2, 0, 1), 21: (8, 0, 1), 25: (8.5, 0, 1)})
    bpy.ops.mosaic.check_path()
    (jump,) = [f for f in findings("jump") if "moves" in f[2]]
    assert jump[:2] == (20, 21)
    turns = [f for f in findings("speed") if "turns" in f[2]]
    assert turns and turns[0][0] >= 6 and turns[0][1] <= 16


def test_in_a_scene_of_nothing_but_a_memory_its_patches_are_in_the_way(shot):
    _, camera = shot
    camera.animation_data_clear()
    for frame, y in ((1, -5.0), (9, 9.0)):
        camera.location = (0.0, y, 1.0)
        camera.keyframe_insert("location", frame=frame)
    bpy.ops.mosaic.check_path(frames=2)
    assert findings("geometry") and "passes through Room" in findings("geometry")[0][2]
