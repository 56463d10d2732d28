"""Laws of cameras and paths, and every way a path file can be wrong."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from mosaic_core.cameras import Camera, CameraPath, load_path, save_path
from mosaic_core.cameras.camera import look_at, transform_points
from mosaic_core.cameras.path_file import path_from_json, path_to_json
from mosaic_core.conventions import swap_camera_axes
from mosaic_core.errors import CameraError


def some_camera(**changes) -> Camera:
    """A camera whose every number matters: off-centre, unequal focal lengths, skewed, turned."""
    settings = {
        "intrinsics_px": np.array([[310.0, 3.0, 171.0], [0, 290.0, 88.0], [0, 0, 1]]),
        "world_from_cam": look_at([3.0, -4, 2], [0.2, 0.1, 0.5]),
        "image_height": 180,
        "image_width": 320,
    }
    return Camera(**(settings | changes))


def some_path(frame_count: int = 5) -> CameraPath:
    places = np.random.default_rng(3).normal(size=(frame_count, 3)) * 3
    cameras = (some_camera(world_from_cam=look_at(p, [0.1, 9.0, 0.3])) for p in places)
    return CameraPath(tuple(cameras), tuple(range(7, 7 + 2 * frame_count, 2)), 23.976)


# --- Camera ------------------------------------------------------------------------------------------------------


def test_project_undoes_unproject():
    camera = some_camera()
    rng = np.random.default_rng(0)
    uv = rng.uniform([-50, -50], [370, 230], size=(500, 2))
    z_depth = rng.uniform(0.05, 80, size=500)
    uv_again, z_again = camera.project(camera.unproject(uv, z_depth))
    np.testing.assert_allclose(uv_again, uv, atol=1e-9)
    np.testing.assert_allclose(z_again, z_depth, rtol=1e-12)


def test_a_point_right_of_and_below_the_axis_appears_right_and_below():
    camera = Camera.from_fov(np.eye(4), fov_deg=90, image_height=100, image_width=200)
    uv, z_depth = camera.project(np.array([1.0, 0.5, 2.0]))
    np.testing.assert_allclose(uv, [150, 75])
    assert z_depth == 2.0


def test_unproject_measures_depth_along_the_axis_and_not_along_the_ray():
    camera = Camera.from_fov(np.eye(4), fov_deg=90, image_height=100, image_width=200)
    np.testing.assert_allclose(camera.unproject(np.array([200.0, 50.0]), np.array(3.0)), [3, 0, 3])


def test_points_behind_have_no_place_in_the_image_but_a_depth():
    uv, z_depth = Camera.from_fov(np.eye(4), fov_deg=60, image_height=10, image_width=10).project(
        np.array([[0.0, 0, -2], [0.0, 0, 0]])
    )
    assert np.isnan(uv).all()
    np.testing.assert_array_equal(z_depth, [-2, 0])


def test_a_point_projects_to_the_same_bits_alone_and_in_a_crowd():
    camera = some_camera()
    points = np.random.default_rng(1).normal(size=(1001, 3)).astype(np.float32)
    crowd, _ = camera.project(points)
    for index in (0, 13, 1000):
        np.testing.assert_array_equal(camera.project(points[index])[0], crowd[index])


def test_the_first_pixel_s_centre_is_half_a_pixel_in():
    centres = some_camera().pixel_centres()
    assert centres.shape == (180, 320, 2)
    np.testing.assert_array_equal(centres[0, 0], [0.5, 0.5])
    np.testing.assert_array_equal(centres[179, 319], [319.5, 179.5])


def test_scaling_scales_every_projection_and_scales_back():
    camera = some_camera()
    points = np.random.default_rng(2).normal(size=(50, 3))
    scaled = camera.scaled_to(image_height=540, image_width=640)
    np.testing.assert_allclose(scaled.project(points)[0], camera.project(points)[0] * [2, 3], rtol=1e-12)
    back = scaled.scaled_to(image_height=180, image_width=320)
    np.testing.assert_allclose(back.intrinsics_px, camera.intrinsics_px, rtol=1e-14)


def test_from_fov_spans_the_image_edge_to_edge():
    camera = Camera.from_fov(np.eye(4), fov_deg=70, image_height=90, image_width=160)
    edge = np.array([math.tan(math.radians(35)), 0, 1.0])
    np.testing.assert_allclose(camera.project(edge)[0], [160, 45])
    assert camera.focal_px == pytest.approx(camera.intrinsics_px[0, 0])


def test_cam_from_world_is_the_inverse():
    camera = some_camera()
    np.testing.assert_allclose(camera.cam_from_world @ camera.world_from_cam, np.eye(4), atol=1e-14)


def test_a_camera_does_not_share_its_matrices_with_the_caller():
    matrix = np.eye(4)
    camera = some_camera(world_from_cam=matrix)
    matrix[0, 3] = 99
    assert camera.position_world[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        camera.world_from_cam[0, 3] = 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"world_from_cam": np.full((4, 4), np.nan)}, "finite"),
        ({"world_from_cam": np.diag([2.0, 2, 2, 1])}, "scale"),
        ({"world_from_cam": np.diag([1.0, 1, -1, 1])}, "mirrored"),
        ({"world_from_cam": np.eye(3)}, "shape"),
        ({"intrinsics_px": np.diag([0.0, 1, 1])}, "positive"),
        ({"intrinsics_px": np.diag([1.0, np.inf, 1])}, "finite"),
        ({"image_height": 0}, "image_height"),
        ({"image_width": 10**12}, "image_width"),
        ({"image_width": 2.5}, "image_width"),
    ],
)
def test_impossible_cameras_are_refused(changes, words):
    with pytest.raises(CameraError, match=words):
        some_camera(**changes)


@pytest.mark.parametrize("fov_deg", [0, 180, -5, math.nan])
def test_impossible_fields_of_view_are_refused(fov_deg):
    with pytest.raises(CameraError, match="fov_deg"):
        Camera.from_fov(np.eye(4), fov_deg=fov_deg, image_height=10, image_width=10)


# --- look_at, transforms -----------------------------------------------------------------------------------------


def test_look_at_puts_the_target_in_the_middle_and_up_upwards():
    matrix = look_at([5.0, -2, 3], [1.0, 4, 0])
    camera = some_camera(world_from_cam=matrix, intrinsics_px=np.diag([100.0, 100, 1]))
    np.testing.assert_allclose(camera.project(np.array([1.0, 4, 0]))[0], [0, 0], atol=1e-12)
    assert matrix[2, 0] == pytest.approx(0)  # right is level
    assert matrix[2, 1] < 0  # y points down
    np.testing.assert_allclose(camera.forward_world, matrix[:3, 2])


def test_look_at_straight_down_has_plus_y_at_the_top():
    matrix = look_at([0.0, 0, 5], [0.0, 0, 0])
    np.testing.assert_allclose(matrix[:3, 1], [0, -1, 0], atol=1e-12)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)


def test_look_at_itself_is_refused():
    with pytest.raises(CameraError, match="target"):
        look_at([1.0, 2, 3], [1.0, 2, 3])


def test_swapping_camera_axes_twice_changes_nothing():
    matrix = some_camera().world_from_cam
    np.testing.assert_array_equal(swap_camera_axes(swap_camera_axes(matrix)), matrix)
    np.testing.assert_array_equal(swap_camera_axes(matrix)[:, 2], -matrix[:, 2])


def test_transforming_points_is_the_matrix_product():
    matrix, points = some_camera().world_from_cam, np.random.default_rng(5).normal(size=(20, 3))
    expected = points @ matrix[:3, :3].T + matrix[:3, 3]
    np.testing.assert_allclose(transform_points(matrix, points), expected, atol=1e-14)


# --- CameraPath --------------------------------------------------------------------------------------------------


def test_path_time_follows_its_frame_numbers():
    path = some_path(3)
    assert path.frame_numbers == (7, 9, 11)
    assert path.time_s(2) == pytest.approx(4 / 23.976)
    assert path.duration_s == pytest.approx(5 / 23.976)


def test_scaling_a_path_scales_every_camera():
    path = some_path(3).scaled_to(image_height=90, image_width=160)
    assert (path.image_height, path.image_width) == (90, 160)
    assert path[2].intrinsics_px[0, 0] == pytest.approx(155)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda c: CameraPath((), (), 24), "at least one frame"),
        (lambda c: CameraPath((c, c), (1,), 24), "one frame number a camera"),
        (lambda c: CameraPath((c, c), (2, 2), 24), "rise"),
        (lambda c: CameraPath((c, c.scaled_to(image_height=9, image_width=9)), (1, 2), 24), "size"),
        (lambda c: CameraPath((c,), (1,), 0), "fps"),
        (lambda c: CameraPath((c,), (1,), math.nan), "fps"),
        (lambda c: CameraPath((c,) * 1_000_001, range(1_000_001), 24), "at most"),
    ],
)
def test_impossible_paths_are_refused(make, words):
    with pytest.raises(CameraError, match=words):
        make(some_camera())


# --- The path file -----------------------------------------------------------------------------------------------


def test_a_saved_path_loads_bit_for_bit(tmp_path):
    path, file = some_path(), tmp_path / "path.json"
    save_path(path, file)
    loaded = load_path(file)
    assert loaded.frame_numbers == path.frame_numbers
    assert loaded.fps == path.fps
    for ours, theirs in zip(path, loaded, strict=True):
        np.testing.assert_array_equal(theirs.world_from_cam, ours.world_from_cam)
        np.testing.assert_array_equal(theirs.intrinsics_px, ours.intrinsics_px)
        assert (theirs.image_height, theirs.image_width) == (ours.image_height, ours.image_width)
    assert sorted(tmp_path.iterdir()) == [file]


def test_saving_into_a_missing_folder_fails_and_keeps_nothing(tmp_path):
    with pytest.raises(OSError, match="missing"):
        save_path(some_path(), tmp_path / "missing" / "path.json")
    assert not list(tmp_path.iterdir())


def _without(key):
    return lambda document: document.pop(key)


def _frame(**changes):
    return lambda document: document["frames"][1].update(changes)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: d.update(format="nerfstudio"), "not a Mosaic camera path"),
        (_without("format"), "not a Mosaic camera path"),
        (lambda d: d.update(schema_version=2), "update Mosaic"),
        (lambda d: d.update(schema_version="1"), "schema_version"),
        (_without("schema_version"), "schema_version"),
        (lambda d: d.update(frames=[]), "at least one frame"),
        (lambda d: d.update(frames=7), "malformed"),
        (lambda d: d.update(frames=[None]), "malformed"),
        (_without("frames"), "malformed"),
        (_without("fps"), "malformed"),
        (lambda d: d.update(fps=-24), "fps"),
        (lambda d: d.update(fps="fast"), "malformed"),
        (lambda d: d.update(image_width=10**30), "image_width"),
        (lambda d: d.update(image_width=math.inf), "malformed|image_width"),
        (lambda d: d.update(image_height=0), "image_height"),
        (lambda d: d.update(image_height=None), "malformed|image_height"),
        (_frame(world_from_cam=[math.nan] * 16), "finite"),
        (_frame(world_from_cam=[1.0] * 15), "malformed"),
        (_frame(world_from_cam=["x"] * 16), "malformed"),
        (_frame(intrinsics_px=[0.0] * 9), "positive"),
        (_frame(frame=7), "rise"),
        (_frame(frame=math.inf), "malformed"),
        (_frame(frame="seven"), "malformed"),
    ],
)
def test_bad_path_documents_are_refused_in_one_sentence(spoil, words):
    document = json.loads(json.dumps(path_to_json(some_path())))
    spoil(document)
    with pytest.raises(CameraError, match=words) as caught:
        path_from_json(document)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b"null", b"[" * 100_000],
    ids=["empty", "open", "list", "bytes", "null", "deep"],
)
def test_files_that_are_no_paths_are_refused(tmp_path, content):
    file = tmp_path / "path.json"
    file.write_bytes(content)
    with pytest.raises(CameraError):
        load_path(file)


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path):
    file = tmp_path / "path.json"
    save_path(some_path(2), file)
    whole = file.read_bytes()
    for length in range(0, len(whole), 97):
        file.write_bytes(whole[:length])
        with pytest.raises(CameraError, match=r"not valid JSON"):
            load_path(file)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CameraError, match="cannot read"):
        load_path(tmp_path / "nothing.json")
