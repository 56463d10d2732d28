"""Planning a path: what is known of it, where it would be invented, and cameras that would close the holes."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from tests.core.known_scenes import camera_at, room_memory

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
    return {m.frame: m.name for m in bpy.context.scene.timeline_markers if m.name.startswith("holes:")}


def test_what_would_be_invented_is_marked_and_a_capture_proposed(shot):
    scene = bpy.context.scene
    scene.timeline_markers.new("event: dusk", frame=3)
    bpy.ops.mosaic.plan_path(frames=9)
    (start,) = hole_markers()
    assert 1 < start <= 4 and "known, to" in hole_markers()[start]
    assert scene.timeline_markers["event: dusk"].frame == 3
    assert "of the path is known" in scene.mosaic.plan and "Invented in part" in scene.mosaic.plan
    selected = list(bpy.context.view_layer.objects.selected)
    assert selected and all(obj.type == "CAMERA" and obj.name.startswith("Capture") for obj in selected)
    assert selected[0].name in scene.mosaic.plan


def test_a_proposed_camera_stands_where_the_path_looks_at_the_holes(shot):
    from blender_addon.paths.sample import path_from_camera, path_of_scene

    bpy.ops.mosaic.plan_path(frames=9)
    camera = next(obj for obj in bpy.context.view_layer.objects.selected)
    number = int(camera.name.split()[1])
    size = {"image_height": 90, "image_width": 160}
    wanted = path_of_scene(bpy.context, frame_start=number, frame_end=number, **size)[0]
    still = path_from_camera(bpy.context, camera, frame_start=1, frame_end=9, **size)
    for frame in still:
        np.testing.assert_allclose(frame.world_from_cam, wanted.world_from_cam, atol=1e-5)
        np.testing.assert_allclose(frame.intrinsics_px, wanted.intrinsics_px, rtol=1e-5)


def test_a_new_plan_takes_the_place_of_the_old_one(shot):
    scene = bpy.context.scene
    bpy.ops.mosaic.plan_path(frames=9, add_cameras=False)
    assert hole_markers() and not [o for o in bpy.data.objects if o.name.startswith("Capture")]
    scene.frame_end = 1
    bpy.ops.mosaic.plan_path(frames=9, add_cameras=False)
    assert not hole_markers() and "Invented" not in scene.mosaic.plan


def test_deleting_patches_makes_holes(shot):
    bpy.ops.mosaic.plan_path(frames=9, add_cameras=False)
    before = bpy.context.scene.mosaic.plan
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    bpy.ops.mosaic.delete()
    bpy.ops.mosaic.plan_path(frames=9, add_cameras=False)
    assert bpy.context.scene.mosaic.plan != before


def test_it_says_what_is_missing(shot):
    obj, _ = shot
    bpy.context.scene.mosaic.path_camera = bpy.context.scene.camera = None
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.mosaic.plan_path()
    bpy.data.objects.remove(obj)
    assert not bpy.ops.mosaic.plan_path.poll()
