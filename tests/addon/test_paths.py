"""Camera paths in Blender: drawing, following, presets, and their export as `CameraPath`."""

from __future__ import annotations

import math

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="the add-on tests need the bpy package")

from mathutils import Matrix, Vector  # noqa: E402

from blender_addon import compat  # noqa: E402
from blender_addon.paths.curve import (  # noqa: E402
    OFFSET_DATA_PATH,
    add_bezier,
    follow,
    followed_curve,
    followed_frames,
    look_target,
    new_path_camera,
    new_path_curve,
    new_target,
)
from blender_addon.paths.keyframes import apply_path_to_camera  # noqa: E402
from blender_addon.paths.sample import path_camera_of, path_from_camera, path_of_scene  # noqa: E402
from mosaic_core.cameras import Camera, CameraPath, load_path, save_path  # noqa: E402
from mosaic_core.cameras.camera import look_at  # noqa: E402
from mosaic_core.errors import CameraError  # noqa: E402

SIZE = {"image_height": 90, "image_width": 160}
KNOTS = np.array([[0.0, -4, 1], [3, -2, 1.5], [4, 2, 2], [0, 4, 2.5]])


def scene_camera(*, at=(6.0, -4.0, 2.0), to=(0.5, 0.5, 0.5)):
    """A scene camera that looks at a point."""
    obj = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    bpy.context.scene.collection.objects.link(obj)
    direction = Vector(to) - Vector(at)
    obj.matrix_world = Matrix.LocRotScale(Vector(at), direction.to_track_quat("-Z", "Y"), None)
    bpy.context.scene.camera = obj
    bpy.context.view_layer.update()
    return obj


def following(*, knots=KNOTS, aim="PATH", target=None, frame_count=25, **settings):
    """A curve through the knots and a camera that follows it."""
    curve_obj = new_path_curve(bpy.context, name="Route")
    add_bezier(curve_obj, knots)
    camera_obj = new_path_camera(bpy.context, name="Traveller")
    follow(camera_obj, curve_obj, frame_start=1, frame_count=frame_count, aim=aim, target=target, **settings)
    return camera_obj, curve_obj


def sampled(camera_obj, *, frame_start=1, frame_end=25, **settings) -> CameraPath:
    return path_from_camera(bpy.context, camera_obj, frame_start=frame_start, frame_end=frame_end, **(SIZE | settings))


def positions(path: CameraPath) -> np.ndarray:  # (T, 3)
    return np.array([camera.position_world for camera in path])


def steps(points: np.ndarray) -> np.ndarray:  # (T - 1,)
    return np.linalg.norm(np.diff(points, axis=0), axis=1)


def polyline(curve_obj) -> np.ndarray:  # (N, 3) the evaluated curve, world
    evaluated = curve_obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    points = np.array([evaluated.matrix_world @ v.co for v in mesh.vertices])
    evaluated.to_mesh_clear()
    return points


def distance_to_polyline(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    starts, edges = line[:-1], np.diff(line, axis=0)
    offsets = points[:, None] - starts
    along = np.einsum("psk,sk->ps", offsets, edges) / np.maximum(np.einsum("sk,sk->s", edges, edges), 1e-12)
    nearest = starts + np.clip(along, 0, 1)[..., None] * edges
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(axis=1)


def stroke(points):
    """What Blender's curve drawing hears from a pen, as `curve.draw` takes it from scripts."""
    # Every property must be given, and there are fewer since 4.3.
    known = {"pen_flip": False} if "pen_flip" in bpy.types.OperatorStrokeElement.bl_rna.properties else {}
    return [
        known
        | {
            "name": "",
            "location": point,
            "mouse": (0, 0),
            "mouse_event": (0, 0),
            "pressure": 1.0,
            "size": 1.0,
            "x_tilt": 0.0,
            "y_tilt": 0.0,
            "time": index / 60,
            "is_start": index == 0,
        }
        for index, point in enumerate(points)
    ]


def draw_stroke(points):
    bpy.ops.curve.draw(stroke=stroke(points), wait_for_input=False, use_cyclic=False)


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
    assert paint.surface_offset == 1.5
    camera_obj = bpy.context.scene.mosaic.path_camera
    assert look_target(camera_obj) is None
    bpy.ops.object.mode_set(mode="OBJECT")


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


def test_follow_path_without_a_curve_is_not_offered():
    assert not bpy.ops.mosaic.follow_path.poll()


# --- Presets -----------------------------------------------------------------------------------------------------


def preset(kind, *, frames=48, **settings) -> CameraPath:
    assert bpy.ops.mosaic.path_preset(kind=kind, frames=frames, **settings) == {"FINISHED"}
    return sampled(bpy.context.scene.mosaic.path_camera, frame_end=frames)


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


# --- Sampling any camera -----------------------------------------------------------------------------------------


def test_sampling_leaves_frame_subframe_and_camera_as_they_were():
    scene = bpy.context.scene
    shot = scene_camera()
    camera_obj, _ = following()
    scene.frame_set(7, subframe=0.25)
    place = shot.matrix_world.copy()
    sampled(camera_obj)
    assert (scene.frame_current, scene.frame_subframe) == (7, 0.25)
    assert scene.camera == shot
    assert shot.matrix_world == place
    shot.data.type = "ORTHO"
    with pytest.raises(CameraError, match="orthographic"):
        sampled(shot)
    assert (scene.frame_current, scene.frame_subframe) == (7, 0.25)


def test_drivers_parents_and_an_animated_lens_are_sampled():
    rig = bpy.data.objects.new("Rig", None)
    bpy.context.scene.collection.objects.link(rig)
    rig.location.x = 10
    shot = scene_camera(at=(0, 0, 0), to=(0, 1, 0))
    shot.parent = rig
    shot.driver_add("location", 2).driver.expression = "frame * 0.5"
    shot.data.sensor_width = 36
    for frame, lens_mm in ((1, 18.0), (11, 72.0)):
        shot.data.lens = lens_mm
        shot.data.keyframe_insert("lens", frame=frame)
    path = sampled(shot, frame_end=11, step=10)
    assert path.frame_numbers == (1, 11)
    np.testing.assert_allclose(positions(path), [[10, 0, 0.5], [10, 0, 5.5]], atol=1e-5)
    np.testing.assert_allclose([c.intrinsics_px[0, 0] for c in path], [80, 320], rtol=1e-5)


@pytest.mark.parametrize("how", ["eye", "monitor", "collection", "excluded"])
def test_a_hidden_camera_is_sampled_as_it_moves(how):
    camera_obj, _ = following()
    expected = positions(sampled(camera_obj))
    shot = scene_camera()
    hidden = bpy.data.collections.new("Hidden")
    bpy.context.scene.collection.children.link(hidden)
    bpy.context.scene.collection.objects.unlink(camera_obj)
    hidden.objects.link(camera_obj)
    if how == "eye":
        camera_obj.hide_set(True)
    elif how == "monitor":
        camera_obj.hide_viewport = True
    elif how == "collection":
        hidden.hide_viewport = True
    else:
        bpy.context.view_layer.layer_collection.children["Hidden"].exclude = True
    np.testing.assert_allclose(positions(sampled(camera_obj)), expected, atol=1e-5)
    assert bpy.context.scene.camera == shot


def test_a_camera_that_was_hidden_ever_since_the_file_was_opened_is_sampled(tmp_path):
    camera_obj, _ = following()
    expected = positions(sampled(camera_obj))
    scene_camera()
    camera_obj.hide_viewport = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "hidden.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "hidden.blend"))
    bpy.context.view_layer.update()
    np.testing.assert_allclose(positions(sampled(bpy.data.objects["Traveller"])), expected, atol=1e-5)


def test_cuts_by_timeline_markers_are_in_the_scene_s_path():
    scene = bpy.context.scene
    cameras = [scene_camera(at=(x, -5, 1), to=(0, 0, 1)) for x in (1, 2)]
    for camera_obj, frame in zip(cameras, (1, 4), strict=True):
        scene.timeline_markers.new("Cut", frame=frame).camera = camera_obj
    scene.frame_set(1)
    path = path_of_scene(bpy.context, frame_start=1, frame_end=6, **SIZE)
    np.testing.assert_allclose(positions(path)[:, 0], [1, 1, 1, 2, 2, 2])
    assert scene.camera == cameras[0]


def test_frame_rate_and_pixel_aspect_come_from_the_render_settings():
    render = bpy.context.scene.render
    render.fps, render.fps_base = 30, 1.001
    render.pixel_aspect_x, render.pixel_aspect_y = 2, 1
    path = sampled(scene_camera(), frame_end=2)
    assert path.fps == pytest.approx(29.97, abs=1e-3)
    assert path[0].intrinsics_px[1, 1] == pytest.approx(2 * path[0].intrinsics_px[0, 0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"frame_start": 10, "frame_end": 9}, "empty"),
        ({"step": 0}, "step"),
        ({"frame_end": 10**8}, "at most"),
        ({"image_height": 0}, "image_height"),
        ({"image_width": 10**7}, "image_width"),
    ],
)
def test_impossible_samplings_are_refused(settings, words):
    scene = bpy.context.scene
    shot = scene_camera()
    scene.frame_set(3)
    with pytest.raises(CameraError, match=words):
        sampled(shot, **settings)
    assert scene.frame_current == 3


def test_no_camera_and_a_deleted_camera_are_said_plainly():
    with pytest.raises(CameraError, match="no camera"):
        path_of_scene(bpy.context, **SIZE)
    bpy.ops.mosaic.path_preset(kind="PAN")
    camera_obj = bpy.context.scene.mosaic.path_camera
    bpy.context.scene.collection.objects.unlink(camera_obj)
    with pytest.raises(CameraError, match="Pan Camera was deleted"):
        path_camera_of(bpy.context.scene)


# --- Files and keyframes -----------------------------------------------------------------------------------------


def wild_path() -> CameraPath:
    """Shifted principal points, a zoom, and turns past half a circle: all that keyframes must carry."""
    cameras = []
    for index in range(30):
        angle = index * 0.4
        k = np.array([[200 + 3 * index, 0, 300 + index], [0, 200 + 3 * index, 190 - index], [0, 0, 1]])
        place = [4 * math.cos(angle), 4 * math.sin(angle), 1 + index * 0.1]
        cameras.append(Camera(k, look_at(place, [0.1, 0.2, 0.3]), 360, 640))
    return CameraPath(tuple(cameras), tuple(range(3, 63, 2)), 24)


def test_imported_keyframes_sample_back_to_the_same_path():
    path = wild_path()
    camera_obj = new_path_camera(bpy.context, name="Import")
    apply_path_to_camera(path, camera_obj)
    again = sampled(camera_obj, frame_start=3, frame_end=61, step=2, image_height=360, image_width=640)
    assert again.frame_numbers == path.frame_numbers
    for ours, theirs in zip(path, again, strict=True):
        np.testing.assert_allclose(theirs.world_from_cam, ours.world_from_cam, atol=1e-5)
        np.testing.assert_allclose(theirs.intrinsics_px, ours.intrinsics_px, atol=2e-4, rtol=1e-6)


def test_between_imported_keyframes_the_camera_turns_the_short_way():
    camera_obj = new_path_camera(bpy.context, name="Import")
    apply_path_to_camera(wild_path(), camera_obj)
    path = sampled(camera_obj, frame_start=3, frame_end=61)
    forward = np.array([camera.forward_world for camera in path])
    assert np.einsum("ij,ij->i", forward[1:], forward[:-1]).min() > math.cos(0.4)


def test_a_path_imports_into_a_scene_with_wide_pixels():
    bpy.context.scene.render.pixel_aspect_x = 2
    shot = scene_camera()
    shot.data.shift_x, shot.data.shift_y = 0.1, -0.2
    path = sampled(shot, frame_end=2)
    camera_obj = new_path_camera(bpy.context, name="Import")
    with pytest.raises(CameraError, match="pixel aspect"):
        apply_path_to_camera(path, camera_obj)
    apply_path_to_camera(path, camera_obj, pixel_aspect=(2, 1))
    again = sampled(camera_obj, frame_end=2)
    np.testing.assert_allclose(again[0].intrinsics_px, path[0].intrinsics_px, atol=1e-4)
    np.testing.assert_allclose(again[0].world_from_cam, path[0].world_from_cam, atol=1e-5)


def test_paths_blender_cannot_have_are_refused():
    camera_obj = new_path_camera(bpy.context, name="Import")
    skewed = np.array([[100.0, 5, 80], [0, 100, 45], [0, 0, 1]])
    with pytest.raises(CameraError, match="skew"):
        apply_path_to_camera(CameraPath((Camera(skewed, np.eye(4), 90, 160),), (1,), 24), camera_obj)
    fish = Camera.from_fov(np.eye(4), fov_deg=178, **SIZE)
    with pytest.raises(CameraError, match="lens"):
        apply_path_to_camera(CameraPath((fish,), (1,), 24), camera_obj)
    held, _ = following()
    with pytest.raises(CameraError, match="constraints"):
        apply_path_to_camera(wild_path(), held)


def test_export_writes_what_is_sampled_and_import_reads_it_back(tmp_path):
    scene = bpy.context.scene
    scene.frame_end = 12
    scene_camera()
    bpy.ops.mosaic.path_preset(kind="ORBIT", centre="CURSOR")
    file = tmp_path / "orbit.json"
    assert bpy.ops.mosaic.export_path(filepath=str(file)) == {"FINISHED"}
    path = load_path(file)
    expected = path_of_scene(bpy.context, image_height=360, image_width=640)
    assert path.frame_numbers == tuple(range(1, 13))
    np.testing.assert_array_equal(positions(path), positions(expected))
    assert bpy.ops.mosaic.import_path(filepath=str(file)) == {"FINISHED"}
    assert scene.mosaic.path_camera.name == "orbit"
    again = path_of_scene(bpy.context, image_height=360, image_width=640)
    np.testing.assert_allclose(positions(again), positions(path), atol=1e-5)


def test_export_fails_in_one_sentence_and_writes_nothing(tmp_path):
    file = tmp_path / "missing" / "path.json"
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.mosaic.export_path(filepath=str(tmp_path / "path.json"))
    scene_camera()
    with pytest.raises(RuntimeError, match="The path was not written"):
        bpy.ops.mosaic.export_path(filepath=str(file))
    assert not list(tmp_path.iterdir())


def test_import_of_a_bad_file_leaves_the_scene_as_it_was(tmp_path):
    file = tmp_path / "bad.json"
    file.write_text("{")
    with pytest.raises(RuntimeError, match="not valid JSON"):
        bpy.ops.mosaic.import_path(filepath=str(file))
    fish = Camera.from_fov(np.eye(4), fov_deg=178, **SIZE)
    save_path(CameraPath((fish,), (1,), 24), file)
    with pytest.raises(RuntimeError, match="lens"):
        bpy.ops.mosaic.import_path(filepath=str(file))
    assert not bpy.data.objects
    assert not bpy.data.cameras
