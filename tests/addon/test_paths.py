"""Camera paths in Blender: drawing one and following it."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from blender_addon import compat
from blender_addon.paths.curve import (
    AIMS,
    OFFSET_DATA_PATH,
    add_bezier,
    follow,
    followed_curve,
    followed_frames,
    lift_m,
    look_target,
    new_path_camera,
    new_path_curve,
    new_target,
)
from blender_addon.paths.sample import path_of_scene
from mosaic_core.errors import CameraError

from .path_scenes import (
    KNOTS,
    SIZE,
    distance_to_polyline,
    draw_stroke,
    following,
    polyline,
    positions,
    preset,
    sampled,
    scene_camera,
    steps,
)

# --- Following a curve -------------------------------------------------------------------------------------------


def test_exported_positions_lie_on_the_evaluated_curve():
    camera_obj, curve_obj = following()
    curve_obj.matrix_world = Matrix.LocRotScale(Vector((1, 2, 3)), Matrix.Rotation(0.7, 3, "Z"), (1.5,) * 3)
    points = positions(sampled(camera_obj))
    line = polyline(curve_obj)
    assert distance_to_polyline(points, line).max() < 1e-3
    np.testing.assert_allclose(points[0], line[0], atol=1e-4)
    np.testing.assert_allclose(points[-1], line[-1], atol=1e-4)


def test_constant_speed_means_equal_steps():
    camera_obj, _ = following(frame_count=101)
    lengths = steps(positions(sampled(camera_obj, frame_end=101)))
    np.testing.assert_allclose(lengths, lengths.mean(), rtol=0.02)


def test_ease_starts_and_stops_gently():
    camera_obj, _ = following(frame_count=51, ease=True)
    lengths = steps(positions(sampled(camera_obj, frame_end=51)))
    assert lengths[0] < lengths[25] / 3
    assert lengths[-1] < lengths[25] / 3


def test_half_the_frames_double_the_speed():
    slow, curve_obj = following(frame_count=51)
    speed = steps(positions(sampled(slow, frame_end=51))).mean()
    follow(slow, curve_obj, frame_start=1, frame_count=26, aim="PATH")
    assert followed_frames(slow) == (1, 26)
    assert steps(positions(sampled(slow, frame_end=26))).mean() == pytest.approx(2 * speed, rel=0.02)


def test_a_target_stays_in_the_middle_of_every_frame():
    target = new_target(bpy.context, name="Look", location_world=Vector((0.3, 0.2, 0.9)))
    camera_obj, _ = following(aim="TARGET", target=target)
    for camera in sampled(camera_obj):
        uv, z_depth = camera.project(np.array(target.location))
        assert z_depth > 0
        np.testing.assert_allclose(uv, [80, 45], atol=0.5)


def test_along_the_path_the_camera_looks_where_it_goes_and_stays_upright():
    camera_obj, _ = following(frame_count=101)
    path = sampled(camera_obj, frame_end=101)
    points = positions(path)
    going = np.diff(points, axis=0)
    going /= np.linalg.norm(going, axis=1, keepdims=True)
    looking = np.array([camera.forward_world for camera in path])[1:]
    assert np.einsum("ij,ij->i", going, looking).min() > 0.99
    right = np.array([camera.world_from_cam[:3, 0] for camera in path])
    down = np.array([camera.world_from_cam[:3, 1] for camera in path])
    assert np.abs(right[:, 2]).max() < 0.02
    assert down[:, 2].max() < -0.8


def test_editing_the_curve_changes_the_export():
    camera_obj, curve_obj = following()
    before = positions(sampled(camera_obj))
    curve_obj.data.splines[0].bezier_points[2].co.z += 2
    after = positions(sampled(camera_obj))
    np.testing.assert_allclose(after[0], before[0], atol=1e-5)
    assert np.abs(after - before)[:, 2].max() > 1.5


def test_following_again_changes_the_camera_instead_of_stacking_constraints():
    target = new_target(bpy.context, name="Look", location_world=Vector((0, 0, 1)))
    camera_obj, curve_obj = following(aim="TARGET", target=target)
    follow(camera_obj, curve_obj, frame_start=5, frame_count=10, aim="PATH")
    assert [c.type for c in camera_obj.constraints] == ["FOLLOW_PATH"]
    assert look_target(camera_obj) is None
    assert followed_curve(camera_obj) == curve_obj
    assert followed_frames(camera_obj) == (5, 10)
    curves = [f for f in compat.fcurves_of(camera_obj) if f.data_path == OFFSET_DATA_PATH]
    assert [len(f.keyframe_points) for f in curves] == [2]


def test_a_camera_with_motion_of_its_own_is_refused():
    camera_obj, curve_obj = following()
    keyed = scene_camera()
    keyed.keyframe_insert("location", frame=1)
    with pytest.raises(CameraError, match="Shot is animated already"):
        follow(keyed, curve_obj, frame_start=1, frame_count=10, aim="PATH")
    assert not keyed.constraints
    child = new_path_camera(bpy.context, name="Child")
    child.parent = camera_obj
    with pytest.raises(CameraError, match="Child has the parent"):
        follow(child, curve_obj, frame_start=1, frame_count=10, aim="PATH")


@pytest.mark.parametrize("knots", [np.zeros((0, 3)), np.zeros((1, 3)), np.zeros((4, 2)), KNOTS * np.nan])
def test_curves_without_a_route_are_refused(knots):
    curve_obj = new_path_curve(bpy.context, name="Route")
    with pytest.raises(CameraError, match="points"):
        add_bezier(curve_obj, knots)
    assert not curve_obj.data.splines


# --- Draw Path ---------------------------------------------------------------------------------------------------


def test_draw_path_opens_the_curve_and_a_camera_follows_what_is_drawn():
    bpy.context.scene.cursor.location = (1, 1, 0)
    bpy.context.scene.frame_end = 40
    assert bpy.ops.mosaic.draw_path(aim="TARGET", centre="CURSOR") == {"FINISHED"}
    assert bpy.context.mode == "EDIT_CURVE"
    assert bpy.context.tool_settings.curve_paint_settings.depth_mode == "CURSOR"
    curve_obj = bpy.context.active_object
    camera_obj = bpy.context.scene.mosaic.path_camera
    assert followed_curve(camera_obj) == curve_obj
    assert not curve_obj.data.splines
    drawn = [(4 * math.cos(t), 4 * math.sin(t), 2) for t in np.linspace(0, 2.5, 60)]
    draw_stroke(drawn)
    bpy.ops.object.mode_set(mode="OBJECT")
    path = path_of_scene(bpy.context, **SIZE)
    assert len(path) == 40
    assert distance_to_polyline(positions(path), np.array(drawn)).max() < 0.05
    np.testing.assert_allclose(positions(path)[[0, -1]], [drawn[0], drawn[-1]], atol=0.05)
    for camera in path:
        np.testing.assert_allclose(camera.project(np.array([1.0, 1, 0]))[0], [80, 45], atol=0.5)


def test_draw_path_leaves_the_scene_camera_and_its_view_alone_and_takes_its_lens():
    shot = scene_camera()
    shot.data.lens = 85
    before = shot.matrix_world.copy()
    bpy.ops.mosaic.draw_path(centre="CURSOR")
    bpy.ops.object.mode_set(mode="OBJECT")
    scene = bpy.context.scene
    assert scene.camera == shot
    assert shot.matrix_world == before
    assert scene.mosaic.path_camera != shot
    assert scene.mosaic.path_camera.data.lens == 85


def test_draw_path_on_surfaces_leaves_another_edit_mode():
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mosaic.draw_path(depth="SURFACE", surface_offset=1.5, aim="PATH")
    assert bpy.context.mode == "EDIT_CURVE"
    paint = bpy.context.tool_settings.curve_paint_settings
    assert paint.depth_mode == "SURFACE"
    assert paint.surface_offset == 0.0
    camera_obj = bpy.context.scene.mosaic.path_camera
    assert look_target(camera_obj) is None
    bpy.ops.object.mode_set(mode="OBJECT")


@pytest.mark.parametrize("aim", AIMS)
def test_a_path_drawn_on_a_surface_keeps_the_camera_above_it(aim):
    """Blender's own offset goes along the normal: a stroke over a flower pot leapt aside by 1.6 m."""
    bpy.ops.mosaic.draw_path(depth="SURFACE", surface_offset=1.5, frames=5)
    bpy.ops.object.mode_set(mode="OBJECT")
    scene = bpy.context.scene
    camera_obj, curve_obj = scene.mosaic.path_camera, bpy.context.view_layer.objects.active
    knots = np.array([(0, 0, 0), (1, 0, 0.2), (2, 1, 0)], float)
    add_bezier(curve_obj, knots)
    bpy.ops.mosaic.follow_path(aim=aim)
    bpy.ops.mosaic.follow_path(frames=9)
    assert lift_m(camera_obj) == 1.5
    for frame, knot in ((1, knots[0]), (9, knots[-1])):
        scene.frame_set(frame)
        above = np.array(camera_obj.matrix_world.translation) - knot
        assert np.linalg.norm(above) == pytest.approx(1.5, abs=1e-3) and above[2] > 1.4


def test_one_undo_takes_a_drawn_path_back_whole():
    scene_camera()
    bpy.ops.ed.undo_push(message="before")
    before = {obj.name for obj in bpy.data.objects}
    bpy.ops.mosaic.draw_path("EXEC_DEFAULT", True)
    assert {obj.name for obj in bpy.data.objects} == before | {"Path", "Path Camera", "Path Target"}
    bpy.ops.ed.undo()
    assert {obj.name for obj in bpy.data.objects} == before
    assert bpy.context.mode == "OBJECT"
    assert bpy.context.scene.mosaic.path_camera is None
    assert bpy.context.scene.camera.name == "Shot"
    bpy.ops.ed.redo()
    assert bpy.context.scene.mosaic.path_camera.name == "Path Camera"
    assert followed_curve(bpy.data.objects["Path Camera"]) == bpy.data.objects["Path"]


def test_a_hidden_active_collection_does_not_swallow_the_path():
    hidden = bpy.data.collections.new("Hidden")
    bpy.context.scene.collection.children.link(hidden)
    layer = bpy.context.view_layer.layer_collection.children["Hidden"]
    bpy.context.view_layer.active_layer_collection = layer
    layer.hide_viewport = True
    bpy.ops.mosaic.draw_path(centre="CURSOR")
    assert bpy.context.mode == "EDIT_CURVE"
    assert not hidden.objects
    bpy.ops.object.mode_set(mode="OBJECT")


def test_draw_path_around_a_selection_that_is_not_there_says_so():
    with pytest.raises(RuntimeError, match="nothing with a surface is selected"):
        bpy.ops.mosaic.draw_path(centre="SELECTION")
    assert not bpy.data.objects
    with pytest.raises(RuntimeError, match="no memory yet"):
        bpy.ops.mosaic.draw_path(centre="MEMORY")


# --- Follow Path -------------------------------------------------------------------------------------------------


def test_follow_path_gives_an_artist_s_own_curve_a_camera_and_then_changes_its_speed():
    bpy.context.scene.frame_end = 60
    curve_obj = new_path_curve(bpy.context, name="Own")
    add_bezier(curve_obj, KNOTS)
    assert bpy.ops.mosaic.follow_path(aim="PATH") == {"FINISHED"}
    camera_obj = bpy.context.scene.mosaic.path_camera
    assert followed_frames(camera_obj) == (1, 60)
    assert bpy.ops.mosaic.follow_path(frames=30) == {"FINISHED"}
    assert [obj for obj in bpy.data.objects if obj.type == "CAMERA"] == [camera_obj]
    assert followed_frames(camera_obj) == (1, 30)
    assert look_target(camera_obj) is None  # still along the path
    assert bpy.ops.mosaic.follow_path(aim="TARGET", centre="CURSOR") == {"FINISHED"}
    assert look_target(camera_obj).type == "EMPTY"
    assert followed_frames(camera_obj) == (1, 30)


def test_follow_path_takes_the_selected_camera_to_the_curve():
    shot = scene_camera()
    curve_obj = new_path_curve(bpy.context, name="Own")
    add_bezier(curve_obj, KNOTS)
    shot.select_set(True)
    bpy.ops.mosaic.follow_path(aim="PATH", frames=20, there_and_back=True)
    points = positions(sampled(shot, frame_end=20))
    np.testing.assert_allclose(points[0], KNOTS[0], atol=1e-4)
    np.testing.assert_allclose(points, points[::-1], atol=1e-4)


def test_changing_the_look_keeps_the_speed_the_artist_keyed_by_hand():
    camera_obj, curve_obj = following(frame_count=25, ease=True)
    bpy.context.scene.mosaic.path_camera = camera_obj
    fcurve = next(f for f in compat.fcurves_of(camera_obj) if f.data_path == OFFSET_DATA_PATH)
    fcurve.keyframe_points.insert(10, 0.8)
    bpy.context.view_layer.objects.active = None
    curve_obj.select_set(False)
    before = positions(sampled(camera_obj))
    assert bpy.ops.mosaic.follow_path(aim="TARGET", centre="CURSOR") == {"FINISHED"}
    np.testing.assert_allclose(positions(sampled(camera_obj)), before, atol=1e-5)
    assert bpy.ops.mosaic.follow_path(ease=False) == {"FINISHED"}
    lengths = steps(positions(sampled(camera_obj)))
    np.testing.assert_allclose(lengths, lengths.mean(), rtol=0.02)


def test_changing_the_frames_keeps_there_and_back():
    scene_camera()
    preset("THERE_AND_BACK", frames=24, centre="CURSOR", distance=2.0)
    assert bpy.ops.mosaic.follow_path(frames=40) == {"FINISHED"}
    points = positions(sampled(bpy.context.scene.mosaic.path_camera, frame_end=40))
    np.testing.assert_allclose(points, points[::-1], atol=1e-4)
    assert steps(points).max() > 0.05


def test_a_selected_bystander_camera_is_not_put_on_the_path():
    camera_obj, curve_obj = following()
    bpy.context.scene.mosaic.path_camera = camera_obj
    shot = scene_camera()
    curve_obj.select_set(False)
    bpy.context.view_layer.objects.active = shot
    shot.select_set(True)
    bpy.ops.mosaic.follow_path(frames=12)
    assert not shot.constraints
    assert followed_frames(camera_obj) == (1, 12)


def test_follow_path_without_a_curve_is_not_offered():
    assert not bpy.ops.mosaic.follow_path.poll()
