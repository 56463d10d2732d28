"""The capture dialog: rings of cameras around things and in rooms, and defaults that suit the scene."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Vector

from blender_addon.capture import rates
from blender_addon.capture.ring import build_ring, default_ring, remove_ring, ring_cameras
from blender_addon.memory.store import memory_of
from blender_addon.paths.obstacles import first_hit
from mosaic_core.errors import CaptureError

from .capture_scenes import HEIGHT, WIDTH, add_camera, add_cube, animate


def wall(name, location, scale):
    obj = add_cube(name, location, size=1.0)
    obj.scale = scale
    return obj


def room(height=3.0):
    """Four walls, 8 x 6 m, a floor, a ceiling, and a table in the middle."""
    wall("South", (0, -3.1, height / 2), (8.4, 0.2, height))
    wall("North", (0, 3.1, height / 2), (8.4, 0.2, height))
    wall("West", (-4.1, 0, height / 2), (0.2, 6.4, height))
    wall("East", (4.1, 0, height / 2), (0.2, 6.4, height))
    wall("Floor", (0, 0, -0.1), (8.4, 6.4, 0.2))
    wall("Ceiling", (0, 0, height + 0.1), (8.4, 6.4, 0.2))
    wall("Table", (0, 0, 0.5), (0.6, 0.6, 1.0))
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.update()


def ground(size=200.0):
    bpy.ops.mesh.primitive_plane_add(size=size, location=(0, 0, -0.5))


def forward(camera_obj) -> Vector:
    return -camera_obj.matrix_world.col[2].to_3d()


def sees(camera_obj, point) -> str:
    """What the way from a camera to a point meets first."""
    start = camera_obj.matrix_world.translation
    way = Vector(point) - start
    depsgraph = bpy.context.evaluated_depsgraph_get()
    hit = first_hit(bpy.context.scene, depsgraph, start, way, distance_m=way.length + 1)
    return hit.name if hit else ""


def test_around_a_thing_on_a_wide_ground_all_cameras_look_at_it():
    add_cube("Thing", size=1.0)
    ground()
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.update()
    ring = default_ring(bpy.context, number=6)
    assert ring.where == "AROUND" and 1.5 < ring.radius_m < 6  # of the thing, not of the ground
    cameras = build_ring(bpy.context, ring)
    assert len(cameras) == 6
    for camera_obj in cameras:
        assert sees(camera_obj, (0, 0, 0)) == "Thing" and camera_obj.matrix_world.translation.z > 0
    angles = np.sort([np.arctan2(c.matrix_world.translation.y, c.matrix_world.translation.x) for c in cameras])
    np.testing.assert_allclose(np.diff(angles), np.pi / 3, atol=1e-4)


def test_in_a_room_the_cameras_stand_inside_and_look_out_with_overlap():
    room()
    ring = default_ring(bpy.context, number=8)
    assert ring.where == "INSIDE"
    cameras = build_ring(bpy.context, ring)
    assert len(cameras) == 8
    for camera_obj in cameras:
        x, y, z = camera_obj.matrix_world.translation
        assert abs(x) < 4 and abs(y) < 3 and 1.0 < z < 2.5
        assert Vector((x, y, 0)).dot(forward(camera_obj)) > 0
        assert sees(camera_obj, camera_obj.matrix_world.translation + 20 * forward(camera_obj)) in (
            "South", "North", "West", "East")  # fmt: skip
    assert ring.fov_deg >= 1.3 * 360 / 8


def test_a_selected_thing_in_a_room_is_circled_in_front_of_the_walls():
    room()
    bpy.data.objects["Table"].select_set(True)
    cameras = build_ring(bpy.context, default_ring(bpy.context, number=8, where="AROUND"))
    assert len(cameras) == 8
    for camera_obj in cameras:
        x, y, z = camera_obj.matrix_world.translation
        assert abs(x) < 4 and abs(y) < 3 and 0 < z < 3
        assert sees(camera_obj, (0, 0, 0.5)) == "Table"


def test_of_a_set_with_one_wall_no_camera_stands_behind_the_wall():
    add_cube("Actor", size=1.0)
    wall("Backdrop", (0, 2.5, 1.0), (6, 0.2, 3))
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.update()
    ring = default_ring(bpy.context, number=8)
    assert ring.where == "AROUND"
    for camera_obj in build_ring(bpy.context, ring):
        x, y, _ = camera_obj.matrix_world.translation
        assert y < 2.5 or abs(x) > 3


def test_no_camera_stands_inside_a_solid():
    add_cube("Middle", size=1.0)
    wall("Pillar", (0, -4, 0), (2, 2, 8))
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["Middle"].select_set(True)
    bpy.context.view_layer.update()
    ring = default_ring(bpy.context, number=8)._replace(radius_m=4.0)
    for camera_obj in build_ring(bpy.context, ring):
        x, y, _ = camera_obj.matrix_world.translation
        assert not (abs(x) < 1 and -5 < y < -3)


def test_an_empty_scene_and_a_ring_without_a_place_are_refused():
    with pytest.raises(CaptureError, match="no surface to stand around"):
        default_ring(bpy.context)
    add_cube()
    with pytest.raises(CaptureError, match="at least one camera"):
        build_ring(bpy.context, default_ring(bpy.context, number=0))
    assert not ring_cameras(bpy.context.scene) and len(bpy.data.collections) == 0


@pytest.fixture
def small(tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    settings = bpy.context.scene.mosaic
    settings.capture_width, settings.capture_height = WIDTH, HEIGHT
    return settings


@pytest.mark.parametrize("keep", [False, True])
def test_a_ring_is_captured_and_its_cameras_go_or_stay(small, keep):
    add_cube("Thing", size=1.0)
    assert bpy.ops.mosaic.capture_wizard(source="RING", number=3, keep=keep) == {"FINISHED"}
    memory = memory_of(small.memory)
    assert len(memory.views) == 3 and dict(memory.object_names) == {1: "Thing"}
    assert all((view.object_ids == 1).mean() > 0.02 for view in memory.views)
    cameras = [obj for obj in bpy.data.objects if obj.type == "CAMERA"]
    assert len(cameras) == (3 if keep else 0) and len(bpy.data.collections) == keep
    assert bpy.context.scene.camera is None
    assert bpy.ops.mosaic.capture_wizard(source="RING", number=2, extend=True) == {"FINISHED"}
    assert len(memory_of(small.memory).views) == 5
    assert len([obj for obj in bpy.data.objects if obj.type == "CAMERA"]) == len(cameras)


def test_animation_and_selected_cameras_are_captured_too(small):
    add_cube("Thing", size=1.0)
    camera = add_camera()
    animate(camera, "location", {1: (0, 0, 5), 21: (0.5, 0, 5)})
    bpy.context.scene.frame_end = 21
    assert bpy.ops.mosaic.capture_wizard(source="ANIMATION", every=10) == {"FINISHED"}
    assert len(memory_of(small.memory).views) == 3
    bpy.ops.object.select_all(action="DESELECT")
    with pytest.raises(RuntimeError, match="no camera is selected"):
        bpy.ops.mosaic.capture_wizard(source="SELECTED")
    camera.select_set(True)
    assert bpy.ops.mosaic.capture_wizard(source="SELECTED") == {"FINISHED"}


def test_the_time_is_foretold_by_the_last_capture():
    rates.remember("CYCLES", views=4, pixels=1000, seconds=40.0)
    assert rates.estimate_s("CYCLES", views=8, pixels=1000) == pytest.approx(80)
    assert rates.in_words(rates.estimate_s("CYCLES", views=2, pixels=1000)) == "about 20 s"
    assert "unknown" in rates.in_words(rates.estimate_s("SOMETHING", views=2, pixels=1000))
    remove_ring(bpy.context.scene)  # nothing to remove is fine
