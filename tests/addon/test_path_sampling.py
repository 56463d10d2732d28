"""Any animated camera as a `CameraPath`, and a `CameraPath` as keyframes and files."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest

from blender_addon.paths.curve import new_path_camera
from blender_addon.paths.keyframes import apply_path_to_camera
from blender_addon.paths.sample import path_camera_of, path_of_scene
from mosaic_core.cameras import Camera, CameraPath, load_path, save_path
from mosaic_core.cameras.camera import look_at
from mosaic_core.errors import CameraError

from .path_scenes import SIZE, following, positions, sampled, scene_camera

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


def test_what_was_moved_and_not_keyed_stays_where_it_is():
    scene, shot = bpy.context.scene, scene_camera()
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    for frame, x in ((1, 0.0), (5, 4.0)):
        cube.location.x = x
        cube.keyframe_insert("location", frame=frame)
    scene.frame_set(3)
    cube.location, cube.rotation_euler.z = (1.0, 2.0, 3.0), 0.5
    sampled(shot, frame_end=5)
    assert scene.frame_current == 3
    assert tuple(cube.location) == (1.0, 2.0, 3.0) and cube.rotation_euler.z == 0.5
    bpy.context.view_layer.update()
    np.testing.assert_allclose(cube.matrix_world.translation, (1, 2, 3))


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
    with pytest.raises(RuntimeError, match="in no camera-path format known here"):
        bpy.ops.mosaic.import_path(filepath=str(file))
    fish = Camera.from_fov(np.eye(4), fov_deg=178, **SIZE)
    save_path(CameraPath((fish,), (1,), 24), file)
    with pytest.raises(RuntimeError, match="lens"):
        bpy.ops.mosaic.import_path(filepath=str(file))
    assert not bpy.data.objects
    assert not bpy.data.cameras
