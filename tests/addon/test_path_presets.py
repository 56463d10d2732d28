"""Ready-made camera moves keep their geometry and stay native, editable data."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon import compat
from blender_addon.paths.curve import followed_curve

from .path_scenes import in_viewport, positions, preset, sampled, scene_camera, steps


def test_orbit_keeps_the_scene_camera_s_distance_and_looks_at_the_centre():
    scene_camera(at=(6, -4, 2))
    bpy.context.scene.cursor.location = (1, 1, 0.5)
    path = preset("ORBIT", centre="CURSOR")
    points = positions(path)
    np.testing.assert_allclose(points[0], [6, -4, 2], atol=1e-4)
    np.testing.assert_allclose(points[-1], points[0], atol=1e-4)
    radii = np.linalg.norm(points[:, :2] - [1, 1], axis=1)
    np.testing.assert_allclose(radii, math.hypot(5, 5), rtol=1e-3)
    np.testing.assert_allclose(points[:, 2], 2, atol=1e-5)
    np.testing.assert_allclose(steps(points), steps(points).mean(), rtol=0.02)
    (ax, ay), (bx, by) = points[0, :2] - 1, points[1, :2] - 1
    assert ax * by - ay * bx > 0  # counter-clockwise seen from above
    for camera in path:
        np.testing.assert_allclose(camera.project(np.array([1, 1, 0.5]))[0], [80, 45], atol=0.5)


def test_half_an_orbit_the_other_way_with_its_own_radius():
    scene_camera(at=(6, 0, 2))
    path = preset("ORBIT", centre="CURSOR", radius=3.0, angle=math.pi, reverse=True)
    points = positions(path)
    np.testing.assert_allclose(points[0], [3, 0, 2], atol=1e-3)
    np.testing.assert_allclose(points[-1], [-3, 0, 2], atol=1e-3)
    assert points[24, 1] < -2.9  # clockwise seen from above


def test_spiral_closes_in_and_rises():
    scene_camera(at=(6, 0, 2))
    points = positions(preset("SPIRAL", centre="CURSOR", turns=1.5, radius_factor=0.5, rise=1.0))
    radii = np.linalg.norm(points[:, :2], axis=1)
    assert radii[0] == pytest.approx(6, rel=1e-3)
    assert radii[-1] == pytest.approx(3, rel=1e-3)
    assert (np.diff(radii) < 0).all()
    assert points[-1, 2] == pytest.approx(3, abs=1e-3)
    np.testing.assert_allclose(points[-1, :2], [-3, 0], atol=1e-2)


def test_dolly_starts_with_the_scene_camera_s_view_and_keeps_its_direction():
    shot = scene_camera()
    shot_path = sampled(shot, frame_end=1)
    path = preset("DOLLY", distance=2.0)
    np.testing.assert_allclose(path[0].world_from_cam, shot_path[0].world_from_cam, atol=1e-4)
    moved = path[-1].position_world - path[0].position_world
    np.testing.assert_allclose(moved, path[0].forward_world * 2, atol=1e-4)
    back = preset("DOLLY", distance=2.0, reverse=True)
    np.testing.assert_allclose(back[-1].position_world - back[0].position_world, -moved, atol=1e-4)


def test_pan_turns_about_the_vertical_and_is_keyed_on_one_channel():
    shot = scene_camera()
    start = sampled(shot, frame_end=1)[0]
    path = preset("PAN", pan_angle=math.radians(60))
    np.testing.assert_allclose(path[0].world_from_cam, start.world_from_cam, atol=1e-5)
    np.testing.assert_allclose(positions(path), np.tile(start.position_world, (48, 1)), atol=1e-5)
    turn = np.array(Matrix.Rotation(math.radians(60), 3, "Z"))
    np.testing.assert_allclose(path[-1].forward_world, turn @ start.forward_world, atol=1e-5)
    curves = list(compat.fcurves_of(bpy.context.scene.mosaic.path_camera))
    assert [(f.data_path, f.array_index) for f in curves] == [("rotation_euler", 2)]


@pytest.mark.parametrize("frames", [24, 25])
def test_there_and_back_ends_where_it_began(frames):
    shot = scene_camera()
    start = sampled(shot, frame_end=1)[0]
    path = preset("THERE_AND_BACK", frames=frames, distance=3.0, centre="CURSOR")
    np.testing.assert_allclose(path[0].world_from_cam, start.world_from_cam, atol=1e-4)
    np.testing.assert_allclose(path[-1].world_from_cam, path[0].world_from_cam, atol=1e-5)
    points = positions(path)
    np.testing.assert_allclose(points, points[::-1], atol=1e-4)
    furthest = np.linalg.norm(points - points[0], axis=1).max()
    assert furthest == pytest.approx(3.0, rel=0.1)


def test_preset_curves_stay_editable():
    scene_camera()
    before = positions(preset("ORBIT", centre="CURSOR"))
    camera_obj = bpy.context.scene.mosaic.path_camera
    curve_obj = followed_curve(camera_obj)
    assert bpy.context.active_object == curve_obj
    assert len(curve_obj.data.splines[0].bezier_points) == 8
    curve_obj.location.z += 1
    after = positions(sampled(camera_obj, frame_end=48))
    np.testing.assert_allclose(after - before, np.tile([0, 0, 1], (48, 1)), atol=1e-4)


def test_a_preset_is_one_undo_step_and_leaves_the_scene_camera():
    shot = scene_camera()
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.mosaic.path_preset("EXEC_DEFAULT", True, kind="ORBIT", centre="CURSOR")
    assert bpy.context.scene.camera == shot
    bpy.ops.ed.undo()
    assert [obj.name for obj in bpy.data.objects] == ["Shot"]


def test_a_preset_in_an_empty_scene_makes_the_scene_s_camera():
    path = preset("ORBIT", centre="CURSOR")
    assert bpy.context.scene.camera == bpy.context.scene.mosaic.path_camera
    assert np.linalg.norm(path[0].position_world[:2]) > 1


def test_one_looks_through_the_path_camera_whichever_camera_the_scene_has():
    from blender_addon.paths.views import viewport_view

    old = scene_camera(at=(6, -4, 2))
    preset(kind="ORBIT")
    scene, datablocks = bpy.context.scene, len(bpy.data.user_map())
    path_camera = scene.mosaic.path_camera
    path_camera.data.lens = 80.0
    with in_viewport():
        space = bpy.context.space_data
        bpy.ops.view3d.view_camera()
        assert space.camera == old, "what Numpad 0 shows"
        for before in ("CAMERA", "PERSP"):  # from the other camera's view, and from the artist's own
            assert space.region_3d.view_perspective == before
            assert bpy.ops.mosaic.look_through() == {"FINISHED"}
            assert (space.region_3d.view_perspective, space.camera) == ("CAMERA", path_camera)
            assert viewport_view(bpy.context).lens_mm == pytest.approx(80.0), "keys and bookmarks mean what is shown"
            assert bpy.ops.mosaic.look_through() == {"FINISHED"}
            assert space.region_3d.view_perspective == "PERSP"
            assert (space.camera, space.use_local_camera) == (old, False), "Numpad 0 is the scene's again"
            assert viewport_view(bpy.context).lens_mm != pytest.approx(80.0), "and the view is the artist's"
    assert scene.camera == old and len(bpy.data.user_map()) == datablocks


def test_looking_through_the_scenes_own_camera_follows_its_cuts():
    old = scene_camera(at=(6, -4, 2))
    with in_viewport():
        bpy.ops.mosaic.look_through()
        assert bpy.context.space_data.camera == old
        other = scene_camera(at=(1, -4, 2))
        assert bpy.context.space_data.camera == other
        bpy.ops.mosaic.look_through()
        assert bpy.context.space_data.region_3d.view_perspective == "PERSP"


def test_without_a_camera_look_through_says_what_is_missing():
    with in_viewport(), pytest.raises(RuntimeError, match="the scene has no camera: add one, or draw a path"):
        bpy.ops.mosaic.look_through()
    scene_camera()
    assert not bpy.ops.mosaic.look_through.poll(), "there is no viewport in this context"


def test_presets_turn_around_what_is_selected():
    scene_camera(at=(9, 0, 2))
    bpy.ops.mesh.primitive_cube_add(location=(3, 3, 1))
    points = positions(preset("ORBIT"))
    np.testing.assert_allclose(points[:-1, :2].mean(axis=0), [3, 3], atol=1e-2)


def test_orbit_right_above_its_centre_is_refused_unless_it_has_a_radius():
    scene_camera(at=(0, 0, 5), to=(0, 0, 0))
    with pytest.raises(RuntimeError, match="radius"):
        bpy.ops.mosaic.path_preset(kind="ORBIT", centre="CURSOR")
    assert [obj.name for obj in bpy.data.objects] == ["Shot"]
    assert np.linalg.norm(positions(preset("ORBIT", centre="CURSOR", radius=2.0))[0, :2]) == pytest.approx(2)
