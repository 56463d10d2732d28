"""Keys from the view, lens keys, bookmarks, speed and loops of the path camera."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from blender_addon import compat
from blender_addon.paths.bookmarks import add_bookmark, bookmark_path, view_of
from blender_addon.paths.curve import followed_curve, followed_timing, new_path_camera
from blender_addon.paths.sample import path_of_scene
from blender_addon.paths.views import View, key_view, lens_for
from mosaic_core.errors import CameraError

from .path_scenes import SIZE, following, positions, preset, sampled, scene_camera, steps

PLACES = [((6, -4, 2), (0, 0, 1)), ((6, 4, 2), (0, 0, 1)), ((-6, 4, 3), (0, 0, 1)), ((-6, -4, 2), (0, 0, 1))]


def view(at=(6, -4, 2), to=(0, 0, 1), *, tan_half_width=0.5) -> View:
    direction = Vector(to) - Vector(at)
    return View(Matrix.LocRotScale(Vector(at), direction.to_track_quat("-Z", "Y"), None), tan_half_width)


def path_camera(name="Path Camera"):
    camera_obj = new_path_camera(bpy.context, name=name)
    bpy.context.scene.mosaic.path_camera = camera_obj
    return camera_obj


# --- Keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZXY"])
def test_keyed_views_are_where_they_were_and_between_them_the_camera_turns_the_short_way(mode):
    camera_obj = path_camera()
    camera_obj.rotation_mode = mode
    # Past the south, where the angle of a plain Euler rotation jumps by a whole turn.
    looks = {1: view((0, 0, 1), (-1, 4, 1)), 11: view((0, 0, 1), (-4, -1, 1)), 21: view((0, 0, 1), (4, -1, 1))}
    for frame, look in looks.items():
        key_view(camera_obj, look, frame=frame, lens_mm=40.0)
    path = sampled(camera_obj, frame_end=21)
    for frame, look in looks.items():
        seen = path[frame - 1]
        wanted = -np.array(look.world_from_view.col[2][:3])
        np.testing.assert_allclose(seen.forward_world, wanted, atol=1e-4)
    turned = [a.forward_world @ b.forward_world for a, b in zip(path, path.cameras[1:], strict=False)]
    assert math.degrees(math.acos(min(turned))) < 40


def test_the_lens_of_a_view_shows_what_the_view_showed():
    camera_obj = path_camera()
    for fit in ("AUTO", "HORIZONTAL", "VERTICAL"):
        camera_obj.data.sensor_fit = fit
        key_view(camera_obj, view(), frame=1, lens_mm=lens_for(camera_obj.data, 0.5, aspect=160 / 90))
        camera = sampled(camera_obj, frame_end=1)[0]
        assert 160 / 2 / camera.intrinsics_px[0, 0] == pytest.approx(0.5, rel=1e-4)


def test_a_camera_on_a_curve_says_why_its_place_cannot_be_keyed_and_can_after_baking():
    camera_obj, _ = following()
    scene = bpy.context.scene
    scene.mosaic.path_camera, scene.frame_end = camera_obj, 25
    with pytest.raises(CameraError, match="Traveller follows Route: its place comes from the curve"):
        key_view(camera_obj, view(), frame=5)
    before = sampled(camera_obj)
    assert bpy.ops.mosaic.bake_path(every=1) == {"FINISHED"}
    assert not camera_obj.constraints
    np.testing.assert_allclose(positions(sampled(camera_obj)), positions(before), atol=1e-4)
    key_view(camera_obj, view(), frame=25)
    np.testing.assert_allclose(positions(sampled(camera_obj))[-1], (6, -4, 2), atol=1e-4)


@pytest.fixture
def looking(monkeypatch):
    """A viewport, which there is none of in the background: it looks from where the test says."""
    from blender_addon.operators import path_keys

    place = {"view": view()}
    monkeypatch.setattr(path_keys, "has_viewport", lambda _context: True)
    monkeypatch.setattr(path_keys, "viewport_view", lambda _context: place["view"])
    return place


def test_keying_the_view_makes_a_camera_and_then_goes_on_with_it(looking):
    scene = bpy.context.scene
    scene.mosaic.width, scene.mosaic.height = SIZE["image_width"], SIZE["image_height"]
    for frame, (at, to) in zip((1, 24), PLACES, strict=False):
        scene.frame_set(frame)
        looking["view"] = view(at, to)
        assert bpy.ops.mosaic.key_view() == {"FINISHED"}
    cameras = [obj for obj in bpy.data.objects if obj.type == "CAMERA"]
    assert cameras == [scene.mosaic.path_camera] == [scene.camera]
    path = sampled(cameras[0], frame_end=24)
    np.testing.assert_allclose(positions(path)[[0, -1]], [PLACES[0][0], PLACES[1][0]], atol=1e-4)
    assert 80 / path[0].intrinsics_px[0, 0] == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("instead", ["BAKE", "NEW"])
def test_the_view_of_a_camera_on_a_curve_is_keyed_after_baking_or_on_a_new_camera(looking, instead):
    camera_obj, _ = following()
    scene = bpy.context.scene
    scene.mosaic.path_camera, scene.frame_end = camera_obj, 25
    before = positions(sampled(camera_obj))
    scene.frame_set(25)
    assert bpy.ops.mosaic.key_view(instead=instead) == {"FINISHED"}
    assert (scene.mosaic.path_camera == camera_obj) == (instead == "BAKE")
    assert (followed_curve(camera_obj) is None) == (instead == "BAKE")
    np.testing.assert_allclose(positions(sampled(scene.mosaic.path_camera))[-1], (6, -4, 2), atol=1e-4)
    np.testing.assert_allclose(positions(sampled(camera_obj))[0], before[0], atol=1e-4)


def test_a_bake_with_few_keys_stays_near_the_curve():
    camera_obj, _ = following(frame_count=49)
    scene = bpy.context.scene
    scene.mosaic.path_camera, scene.frame_end = camera_obj, 49
    before = positions(sampled(camera_obj, frame_end=49))
    bpy.ops.mosaic.bake_path(every=12)
    assert {len(fcurve.keyframe_points) for fcurve in compat.fcurves_of(camera_obj)} == {5}
    after = positions(sampled(camera_obj, frame_end=49))
    np.testing.assert_allclose(after[::12], before[::12], atol=1e-4)
    assert np.linalg.norm(after - before, axis=1).max() < 0.1


def test_lens_keys_make_a_zoom():
    camera_obj = path_camera()
    scene = bpy.context.scene
    for frame, lens_mm in ((1, 24.0), (21, 80.0)):
        scene.frame_set(frame)
        assert bpy.ops.mosaic.key_lens(lens_mm=lens_mm) == {"FINISHED"}
    focal = [camera.intrinsics_px[0, 0] for camera in sampled(camera_obj, frame_end=21)]
    assert focal[-1] / focal[0] == pytest.approx(80 / 24, rel=1e-4) and (np.diff(focal) > 0).all()


@pytest.mark.parametrize("ease", [False, True])
def test_a_dolly_zoom_keeps_the_size_of_what_it_looks_at(ease):
    scene_camera(at=(0, -8, 1), to=(0, 0, 1))
    bpy.context.scene.cursor.location = (0, 0, 1)
    path = preset("DOLLY_ZOOM", centre="CURSOR", distance=4.0, ease=ease)
    heights = [c.project(np.array([0, 0, 2.0]))[0][1] - c.project(np.array([0, 0, 1.0]))[0][1] for c in path]
    np.testing.assert_allclose(heights, heights[0], rtol=1e-3)
    assert path[-1].position_world[1] == pytest.approx(-4, abs=1e-3)
    with pytest.raises(RuntimeError, match="would reach what it looks at"):
        bpy.ops.mosaic.path_preset(kind="DOLLY_ZOOM", centre="CURSOR", distance=8.0)


# --- Bookmarks ---------------------------------------------------------------------------------------------------


def keep_places():
    scene = bpy.context.scene
    scene.mosaic.width, scene.mosaic.height = SIZE["image_width"], SIZE["image_height"]
    scene.frame_start, scene.frame_end = 1, 41
    for at, to in PLACES:
        add_bookmark(scene, view(at, to))
    return scene


def test_a_bookmark_keeps_place_direction_and_lens():
    scene = keep_places()
    assert [b.name for b in scene.mosaic_bookmarks] == ["View 1", "View 2", "View 3", "View 4"]
    kept, wanted = view_of(scene.mosaic_bookmarks[2]), view(*PLACES[2])
    np.testing.assert_allclose(np.array(kept.world_from_view), np.array(wanted.world_from_view), atol=1e-5)
    assert kept.tan_half_width == pytest.approx(0.5)
    assert bpy.ops.mosaic.bookmark_remove(index=1) == {"FINISHED"}
    assert [b.name for b in scene.mosaic_bookmarks] == ["View 1", "View 3", "View 4"]
    assert add_bookmark(scene, view()).name == "View 5"
    scene.mosaic_bookmark_index = 3
    bpy.ops.mosaic.bookmark_move(direction="UP")
    assert [b.name for b in scene.mosaic_bookmarks] == ["View 1", "View 3", "View 5", "View 4"]


def test_the_path_passes_the_ticked_bookmarks_at_one_speed():
    scene = keep_places()
    scene.mosaic_bookmarks[1].chosen = False
    assert bpy.ops.mosaic.bookmark_path() == {"FINISHED"}
    path = path_of_scene(bpy.context, **SIZE)
    points = positions(path)
    np.testing.assert_allclose(points[[0, -1]], [PLACES[0][0], PLACES[3][0]], atol=1e-3)
    near = [np.linalg.norm(points - np.array(at), axis=1).min() for at, _ in PLACES]
    assert near[2] < 0.4 and near[1] > 2
    np.testing.assert_allclose(steps(points), steps(points).mean(), rtol=0.03)
    assert 160 / 2 / path[20].intrinsics_px[0, 0] == pytest.approx(0.5, rel=1e-3)


def test_a_loop_through_bookmarks_has_no_seam():
    scene = keep_places()
    path = bookmark_path(scene.mosaic_bookmarks, frame_start=1, frame_count=80, fps=24, loop=True, **SIZE)
    points = positions(path)
    around = np.concatenate([points, points[:2]])
    lengths = steps(around)
    np.testing.assert_allclose(lengths, lengths.mean(), rtol=0.03)
    turns = np.diff(around, axis=0)
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    assert (turns[-2:] * turns[-3:-1]).sum(1).min() > 0.95  # no corner where it closes


def test_the_frames_between_two_bookmarks_are_the_same_number_without_even_speed():
    scene = keep_places()
    path = bookmark_path(scene.mosaic_bookmarks, frame_start=1, frame_count=31, fps=24, even_speed=False, **SIZE)
    np.testing.assert_allclose(positions(path)[::10], [at for at, _ in PLACES], atol=1e-6)


def test_a_path_needs_two_bookmarks():
    scene = keep_places()
    for bookmark in list(scene.mosaic_bookmarks)[1:]:
        bookmark.chosen = False
    assert not bpy.ops.mosaic.bookmark_path.poll()
    with pytest.raises(CameraError, match="at least two bookmarks"):
        bookmark_path(scene.mosaic_bookmarks[:1], frame_start=1, frame_count=10, fps=24, **SIZE)


# --- Speed and loops ---------------------------------------------------------------------------------------------


def test_speed_presets_on_a_curve_keep_the_way_and_the_frames():
    camera_obj, _ = following(frame_count=51)
    bpy.context.scene.mosaic.path_camera = camera_obj
    for kind, slow_start, slow_end in (("EASE_IN", True, False), ("EASE_OUT", False, True), ("EVEN", False, False)):
        assert bpy.ops.mosaic.path_speed(kind=kind) == {"FINISHED"}
        points = positions(sampled(camera_obj, frame_end=51))
        lengths = steps(points)
        assert (lengths[0] < lengths[25] / 3) == slow_start and (lengths[-1] < lengths[25] / 3) == slow_end
        assert followed_timing(camera_obj)[:2] == (1, 51)
    np.testing.assert_allclose(lengths, lengths.mean(), rtol=0.02)


def test_even_speed_of_keys_keeps_the_way():
    camera_obj = path_camera()
    for frame, (at, to) in zip((1, 5, 41), PLACES, strict=False):
        key_view(camera_obj, view(at, to), frame=frame)
    before = positions(sampled(camera_obj, frame_end=41))
    assert steps(before).max() > 3 * steps(before).mean()
    assert bpy.ops.mosaic.path_speed(kind="EVEN") == {"FINISHED"}
    after = positions(sampled(camera_obj, frame_end=41))
    np.testing.assert_allclose(steps(after), steps(after).mean(), rtol=0.1)
    np.testing.assert_allclose(after[[0, -1]], before[[0, -1]], atol=1e-4)
    bpy.ops.mosaic.path_speed(kind="EASE")
    eased = steps(positions(sampled(camera_obj, frame_end=41)))
    assert eased[0] < eased[20] / 3 > eased[-1]


def test_a_camera_that_does_not_move_has_no_speed():
    path_camera()
    with pytest.raises(RuntimeError, match="has no keys"):
        bpy.ops.mosaic.path_speed(kind="EVEN")


def test_a_looped_curve_closes_without_a_seam_and_starts_where_it_did():
    camera_obj, curve_obj = following(frame_count=48)
    scene = bpy.context.scene
    scene.mosaic.path_camera = camera_obj
    start = positions(sampled(camera_obj, frame_end=1))[0]
    assert bpy.ops.mosaic.follow_path(loop=True) == {"FINISHED"}
    assert followed_curve(camera_obj) == curve_obj and curve_obj.data.splines[0].use_cyclic_u
    points = positions(sampled(camera_obj, frame_end=50))
    np.testing.assert_allclose(points[0], start, atol=1e-3)
    np.testing.assert_allclose(points[48:], points[:2], atol=1e-3)  # frame 49 is frame 1
    np.testing.assert_allclose(steps(points), steps(points).mean(), rtol=0.05)
    assert followed_timing(camera_obj)[:2] == (1, 48)
    bpy.ops.mosaic.follow_path(frames=24)
    assert followed_timing(camera_obj)[:2] == (1, 24) and followed_timing(camera_obj).loop
