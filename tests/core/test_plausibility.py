"""What a look at a camera path finds: each mistake by its name, and nothing in a path that has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.cameras import Camera, CameraPath
from mosaic_core.cameras.camera import look_at
from mosaic_core.cameras.formats import Gaps, read_path
from mosaic_core.cameras.placing import anchored
from mosaic_core.cameras.plausibility import check_path, speed_shares
from mosaic_core.cameras.presets import Trajectory, dolly, even_times, orbit, pan, spiral, truck
from mosaic_core.conventions import swap_camera_axes
from mosaic_core.errors import CameraError

BOUNDS = np.array([[-3, -3, 0], [3, 3, 2.5]])
START, CENTRE = np.array([0.0, -5.0, 1.7]), np.array([0.0, 0.0, 1.0])
TIMES = even_times(72, ease=True)
MOVES = {
    "orbit": orbit(START, CENTRE, times=TIMES, angle_deg=90),
    "full orbit": orbit(START, CENTRE, times=even_times(120), angle_deg=360),
    "orbit about the origin": orbit(np.array([0, -5.0, 0]), np.zeros(3), times=TIMES, angle_deg=90),
    "spiral": spiral(START, CENTRE, times=TIMES, angle_deg=120, radius_factor=0.7, rise_m=1),
    "dolly": dolly(START, CENTRE, times=TIMES, distance_m=3),
    "pan": pan(START, CENTRE, times=TIMES, angle_deg=60),
    "truck": truck(START, CENTRE, times=TIMES, offset_world=np.array([2.0, 0, 0])),
    "from above": truck(np.array([0, 0, 6.0]), np.zeros(3), times=TIMES, offset_world=np.array([0, 0, 1.0])),
}


def path_of(move: Trajectory, **lens) -> CameraPath:
    camera = Camera.from_fov(np.eye(4), fov_deg=60, image_height=360, image_width=640)
    return move.to_path(replace(camera, **lens), fps=24)


def with_matrices(path: CameraPath, change) -> CameraPath:
    cameras = [replace(c, world_from_cam=change(i, np.array(c.world_from_cam))) for i, c in enumerate(path)]
    return replace(path, cameras=tuple(cameras))


def scaled(factor):
    def change(_index, matrix):
        matrix[:3, 3] *= factor
        return matrix

    return change


def said(path, bounds=None) -> dict[str, str]:
    findings = check_path(path, bounds)
    for finding in findings:
        assert finding.sentence.endswith(".") and "\n" not in finding.sentence
        assert any(c.isdigit() for c in finding.sentence), "a sentence carries its evidence"
    return {finding.kind: finding.sentence for finding in findings}


@pytest.mark.parametrize("bounds", [None, BOUNDS])
@pytest.mark.parametrize("move", MOVES)
def test_a_good_path_is_left_in_peace(move, bounds):
    assert said(path_of(MOVES[move]), bounds) == {}
    shifted = np.array([[554, 0, 350], [0, 554, 160], [0, 0, 1]])
    assert said(path_of(MOVES[move], intrinsics_px=shifted), bounds) == {}


@pytest.mark.parametrize("move", sorted(set(MOVES) - {"from above"}))
def test_flipped_axes_are_named(move):
    path = with_matrices(path_of(MOVES[move]), lambda _i, m: swap_camera_axes(m))
    text = said(path)["flipped_axes"]
    assert f"{len(path)} of {len(path)} frames" in text and "OpenGL" in text


def test_another_world_up_is_named():
    # An OpenCV world: x right, y down, z forward, as the first camera of a reconstruction has it.
    opencv_from_blender = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    path = with_matrices(path_of(MOVES["dolly"]), lambda _i, m: opencv_from_blender @ m)
    assert "has -Y up, not +Z" in said(path)["world_axes"]


@pytest.mark.parametrize("move", ["orbit", "full orbit", "spiral", "pan"])
def test_inverted_matrices_are_named_without_knowing_the_scene(move):
    path = with_matrices(path_of(MOVES[move]), lambda _i, m: np.linalg.inv(m))
    assert "cam_from_world matrices were read as world_from_cam" in said(path)["inverted"]


@pytest.mark.parametrize("move", ["dolly", "truck"])
def test_inverted_matrices_are_named_where_the_camera_hardly_turns(move):
    findings = said(with_matrices(path_of(MOVES[move]), lambda _i, m: np.linalg.inv(m)))
    assert any("cam_from_world matrices" in text for text in findings.values())


def test_real_trajectories_are_left_in_peace_and_their_mistakes_named(shared_samples):
    for name in ("kitchen", "walk"):
        path = read_path(shared_samples / name / "camera.npz", gaps=Gaps(16, 720, 1280))
        assert [*said(path)] == ["world_axes"], "their world is the first camera's"
        upright = anchored(path, look_at(np.array([0, 0, 1.6]), np.array([0, 1, 1.6])))
        assert said(upright) == {}
        inverted = said(with_matrices(upright, lambda _i, m: np.linalg.inv(m)))
        assert any("cam_from_world matrices" in text for text in inverted.values())
        assert "upside down" in said(with_matrices(upright, lambda _i, m: swap_camera_axes(m)))["flipped_axes"]


def test_inverted_matrices_are_named_by_where_the_scene_is():
    far = np.array([40.0, 30, 0])
    moved = with_matrices(path_of(MOVES["dolly"]), lambda _i, m: m + np.pad(far[:, None], ((0, 1), (3, 0))))
    assert said(moved, BOUNDS + far) == {}
    text = said(with_matrices(moved, lambda _i, m: np.linalg.inv(m)), BOUNDS + far)["inverted"]
    assert "0% of the cameras" in text and "100%" in text


def test_centimetres_are_named():
    path = with_matrices(path_of(MOVES["orbit"]), scaled(100))
    assert "in centimetres" in said(path)["centimetres"]
    assert "72 of 72 cameras" in said(path, BOUNDS)["centimetres"]
    assert "another scene" in said(with_matrices(path, scaled(7)), BOUNDS)["outside"]


def test_wrong_intrinsics_are_named():
    move = MOVES["orbit"]
    normalised = np.array([[0.86, 0, 0.5], [0, 1.5, 0.5], [0, 0, 1]])
    assert (
        "normalised intrinsics were read as pixels"
        in said(path_of(move, intrinsics_px=normalised))["normalised_intrinsics"]
    )
    twice = np.diag([640, 360, 1]) @ [[554, 0, 320], [0, 554, 180], [0, 0, 1]]
    assert (
        "554" not in str(twice) and "read as normalised" in said(path_of(move, intrinsics_px=twice))["pixel_intrinsics"]
    )
    radians = Camera.from_fov(np.eye(4), fov_deg=np.radians(60), image_height=360, image_width=640)
    assert "as radians it would be 60 degrees" in said(path_of(move, intrinsics_px=radians.intrinsics_px))["radians"]
    larger = np.array([[1660, 0, 960], [0, 1660, 540], [0, 0, 1]])
    assert "another image size" in said(path_of(move, intrinsics_px=larger))["principal_point"]
    wide = np.array([[20, 0, 320], [0, 20, 180], [0, 0, 1]])
    assert "no usual lens" in said(path_of(move, intrinsics_px=wide))["lens"]


def test_jumps_are_named_with_their_frames():
    def jump(index, matrix):
        matrix[0, 3] += 1.5 if index >= 30 else 0
        return matrix

    path = path_of(MOVES["dolly"])
    text = said(with_matrices(path, jump))["jump"]
    assert "moves 1.5 m from frame 30 to 31" in text
    turned = np.diag([-1.0, -1, 1, 1])
    text = said(with_matrices(path, lambda i, m: turned @ m if i >= 30 else m))["jump"]
    assert "from frame 30 to 31" in text
    # The same distance over frames that are left out is no jump.
    with_gap = replace(path, frame_numbers=tuple(n if n <= 36 else n + 40 for n in path.frame_numbers))
    assert "jump" not in said(with_gap)


def test_speed_that_latents_cannot_follow_is_named():
    whip = path_of(pan(START, CENTRE, times=even_times(20), angle_deg=300))
    assert "degrees in 4 frames" in said(whip)["speed"] and "the model cannot follow" in said(whip)["speed"]
    assert "60 degrees wide" in said(whip)["speed"]
    rush = path_of(dolly(START, CENTRE, times=even_times(9), distance_m=12))
    assert "the camera moves 6 m in 4 frames" in said(rush, BOUNDS)["speed"]


def test_findings_say_in_which_frames_they_are():
    still, away = look_at(START, CENTRE), look_at(START, 2 * START - CENTRE)
    cameras = [replace(path_of(MOVES["pan"])[0], world_from_cam=away if i in (20, 40) else still) for i in range(60)]
    path = CameraPath(tuple(cameras), tuple(range(101, 161)), 24.0)
    stretches = {f.kind: f.stretches for f in check_path(path)}
    assert stretches["speed"] == ((117, 125), (137, 145))
    assert stretches["jump"] == ((120, 122), (140, 142))


def test_short_absurd_and_wrong_input():
    assert said(path_of(dolly(START, CENTRE, times=even_times(1), distance_m=1)), BOUNDS) == {}
    check_path(with_matrices(path_of(MOVES["orbit"]), scaled(1e200)), BOUNDS)
    for bounds in (np.zeros(3), np.full((2, 3), np.nan), BOUNDS[::-1]):
        with pytest.raises(CameraError, match="bounds"):
            check_path(path_of(MOVES["orbit"]), bounds)


def test_the_speed_of_each_frame_is_told_as_a_share_of_what_a_latent_follows():
    slow = speed_shares(path_of(MOVES["pan"]), BOUNDS)
    assert slow.shape == (72,) and 0 < slow.max() < 1
    hasty = path_of(pan(START, CENTRE, times=even_times(24), angle_deg=300))
    assert [f.kind for f in check_path(hasty, BOUNDS)] == ["speed"]
    assert (speed_shares(hasty, BOUNDS) > 1).all()
    assert (speed_shares(path_of(pan(START, CENTRE, times=even_times(3), angle_deg=10))) == 0).all()
