"""Splines, other frame rates, even speed, smoothing and moving of camera paths: what an artist would notice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_core.cameras import Camera, CameraPath
from mosaic_core.cameras.camera import look_at
from mosaic_core.cameras.monotone import monotone_cubic
from mosaic_core.cameras.placing import anchored, moved, scale_of_length, scaled
from mosaic_core.cameras.presets import even_times, orbit
from mosaic_core.cameras.resample import at_rate, smoothed, with_count, with_even_speed
from mosaic_core.cameras.rotations import rotation_vectors, rotations_of_vectors
from mosaic_core.cameras.spline import Shape, spline_cameras, spline_path
from mosaic_core.errors import CameraError

LENS = Camera.from_fov(np.eye(4), fov_deg=60, image_height=90, image_width=160)


def turned(vector) -> np.ndarray:
    return rotations_of_vectors(np.array(vector, dtype=float))


def camera(position, vector=(0, 0, 0), fov_deg=60.0) -> Camera:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turned(vector), position
    return Camera.from_fov(matrix, fov_deg=fov_deg, image_height=90, image_width=160)


def random_keys(seed: int, count: int) -> CameraPath:
    rng = np.random.default_rng(seed)
    numbers = np.cumsum(rng.integers(1, 20, count))
    cameras = [camera(rng.uniform(-5, 5, 3), rng.normal(size=3) * 2, rng.uniform(20, 90)) for _ in range(count)]
    return CameraPath(tuple(cameras), tuple(numbers.tolist()), 24.0)


def matrices(path) -> np.ndarray:  # (N, 4, 4)
    return np.stack([c.world_from_cam for c in path])


def steps_of(path) -> tuple[np.ndarray, np.ndarray]:  # metres, degrees from frame to frame
    m = matrices(path)
    turns = rotation_vectors(np.swapaxes(m[:-1, :3, :3], 1, 2) @ m[1:, :3, :3])
    moves = np.linalg.norm(np.diff(m[:, :3, 3], axis=0), axis=1)
    return moves, np.degrees(np.linalg.norm(turns, axis=1))


SHAPES = st.builds(Shape, *[st.floats(-1, 1)] * 3)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(2, 7), shape=SHAPES)
def test_a_spline_passes_through_its_keys_and_stays_a_camera(seed, count, shape):
    keys = random_keys(seed, count)
    path = spline_path(keys, shape=shape)
    assert path.frame_numbers == tuple(range(keys.frame_numbers[0], keys.frame_numbers[-1] + 1))
    for number, key in zip(keys.frame_numbers, keys, strict=True):
        frame = path[number - keys.frame_numbers[0]]
        assert np.array_equal(frame.world_from_cam, key.world_from_cam)
        assert np.array_equal(frame.intrinsics_px, key.intrinsics_px)
    focal = [c.intrinsics_px[0, 0] for c in keys]
    assert all(min(focal) * 0.999 <= c.intrinsics_px[0, 0] <= max(focal) * 1.001 for c in path)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(2, 6))
def test_rotations_never_flip(seed, count):
    """In a thousand steps none is a jump: a flip would be half a circle, a wild but smooth turn is some ten degrees."""
    keys = random_keys(seed, count)
    times_s = np.linspace(0, keys.time_s(count - 1), 1000)
    moves, turns = steps_of(spline_cameras(keys, times_s))
    assert turns.max() < 30 and moves.max() < 1


def test_a_turn_of_nearly_half_a_circle_goes_one_way():
    keys = CameraPath((camera((0, 0, 0)), camera((0, 0, 0), (0, 0, np.radians(179.9)))), (1, 101), 24.0)
    m = matrices(spline_path(keys))
    angles = np.degrees(np.arctan2(m[:, 1, 0], m[:, 0, 0]))
    assert (np.diff(angles) > 0).all() and np.allclose(m[:, 2, 2], 1)
    opposite = CameraPath((camera((0, 0, 0)), camera((0, 0, 0), (0, 0, np.pi))), (1, 101), 24.0)
    assert steps_of(spline_path(opposite))[1].max() < 3


def test_a_spline_is_smooth_where_keys_are_uneven():
    """Speed does not change suddenly at a key, though one gap is a fifth of the next."""
    keys = CameraPath(
        tuple(camera((x, x * x / 4, 0), (0, 0, x / 4)) for x in (0.0, 1.0, 1.2, 2.2, 3.2)), (0, 50, 60, 110, 160), 25.0
    )
    times_s = np.linspace(0, 6.4, 6401)
    moves, turns = steps_of(spline_cameras(keys, times_s))
    assert np.abs(np.diff(moves)).max() < 0.01 * moves.max()
    assert np.abs(np.diff(turns)).max() < 0.01 * turns.max()
    # A straight way in even time stays one, at one speed.
    straight = CameraPath(tuple(camera((x, 0, 0)) for x in (0.0, 2.0, 2.5, 4.5)), (0, 20, 25, 45), 25.0)
    moves, _ = steps_of(spline_path(straight))
    assert np.allclose(moves, 0.1)


def test_tension_continuity_and_bias_do_what_they_are_called():
    keys = CameraPath(tuple(camera(p) for p in ((0, 0, 0), (1, 1, 0), (2, 0, 0))), (0, 24, 48), 24.0)
    at = np.array([0.98, 1.0, 1.02])

    def near_the_key(**shape):
        points = np.stack([c.position_world for c in spline_cameras(keys, at, shape=Shape(**shape))])
        return np.diff(points, axis=0) / 0.02

    soft, corner, tight = near_the_key(), near_the_key(continuity=-1), near_the_key(tension=1)
    assert np.allclose(soft[0], soft[1], atol=0.12), "one velocity through the key"
    assert np.allclose(corner[0], (1, 1, 0), atol=0.1) and np.allclose(corner[1], (1, -1, 0), atol=0.1)
    assert np.linalg.norm(tight) < 0.2, "it stops at the key"
    assert near_the_key(bias=1)[1][1] > 0.5 and near_the_key(bias=-1)[0][1] < -0.5, "over it, or before it"
    for wrong in ({"tension": 2}, {"continuity": -1.1}, {"bias": float("nan")}):
        with pytest.raises(CameraError, match="between -1 and 1"):
            Shape(**wrong)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 10), min_size=2, max_size=9), st.integers(0, 10**6))
def test_monotone_curves_never_turn_back(steps, seed):
    x = np.cumsum(np.random.default_rng(seed).uniform(0.1, 3, len(steps)))
    y = np.cumsum(steps)
    curve = monotone_cubic(x, y, np.linspace(x[0], x[-1], 500))
    assert (np.diff(curve) >= -1e-9).all()
    assert np.allclose(monotone_cubic(x, y, x), y)


def test_another_rate_keeps_the_time_and_the_frames_both_have():
    path = random_keys(3, 5)
    doubled = at_rate(path, 48)
    assert (doubled.fps, len(doubled)) == (48, 2 * (path.frame_numbers[-1] - path.frame_numbers[0]) + 1)
    for index, key in enumerate(path):
        there = doubled[round(path.time_s(index) * 48)]
        assert np.abs(there.world_from_cam - key.world_from_cam).max() < 1e-9
    half = at_rate(doubled, 24)
    assert np.abs(matrices(half) - matrices(at_rate(path, 24))).max() < 1e-9
    slow = with_count(path, 200)
    assert (len(slow), slow.fps) == (200, 24)
    ends = np.abs(matrices(slow)[[0, -1]] - matrices(path)[[0, -1]])
    assert ends.max() == 0


def test_even_speed_is_even_even_after_a_pause():
    circle = orbit(np.array([0, -4.0, 1]), np.zeros(3), times=even_times(73, ease=True), angle_deg=90)
    eased = circle.to_path(LENS, fps=24)
    paused = CameraPath((*eased.cameras[:30], *[eased[30]] * 20, *eased.cameras[30:]), tuple(range(93)), 24)
    for path in (eased, paused):
        even = with_even_speed(path)
        assert len(even) == len(path)
        moves, _ = steps_of(even)
        assert moves.std() < 0.02 * moves.mean()
        assert np.abs(matrices(even)[[0, -1]] - matrices(path)[[0, -1]]).max() < 1e-9
    spin = CameraPath(tuple(camera((1, 2, 3), (0, 0, t * t)) for t in np.linspace(0, 1.5, 40)), tuple(range(40)), 24)
    _, turns = steps_of(with_even_speed(spin, 20))
    assert turns.std() < 0.02 * turns.mean()
    still = CameraPath((camera((0, 0, 0)),) * 5, tuple(range(5)), 24)
    assert len(with_even_speed(still, 3)) == 3


def test_smoothing_takes_the_shake_and_leaves_the_way():
    rng = np.random.default_rng(1)
    way = orbit(np.array([0, -4.0, 1]), np.zeros(3), times=even_times(96), angle_deg=60).to_path(LENS, fps=24)
    shaken = []
    for c in way:
        matrix = np.array(c.world_from_cam)
        matrix[:3, 3] += rng.normal(0, 0.02, 3)
        matrix[:3, :3] = matrix[:3, :3] @ turned(rng.normal(0, np.radians(1), 3))
        shaken.append(replace(c, world_from_cam=matrix))
    path = replace(way, cameras=tuple(shaken))
    calm = smoothed(path, 0.25)
    inner = slice(12, -12)

    def error_deg(other):
        turns = np.swapaxes(matrices(way)[inner, :3, :3], 1, 2) @ matrices(other)[inner, :3, :3]
        return np.degrees(np.linalg.norm(rotation_vectors(turns), axis=1)).mean()

    def error_m(other):
        return np.linalg.norm((matrices(way) - matrices(other))[inner, :3, 3], axis=1).mean()

    assert error_deg(calm) < 0.5 * error_deg(path) and error_m(calm) < 0.5 * error_m(path)
    assert np.array_equal(matrices(calm)[[0, -1]], matrices(path)[[0, -1]]), "the ends stay"
    assert steps_of(calm)[1].mean() < 0.5 * steps_of(path)[1].mean()
    steady = smoothed(way, 0.25)
    assert np.linalg.norm((matrices(way) - matrices(steady))[:, :3, 3], axis=1).max() < 1e-4, "a circle keeps its size"
    for wrong in (0, -1, float("nan"), 99):
        with pytest.raises(CameraError, match="width"):
            smoothed(path, wrong)


def test_smoothing_does_not_depend_on_where_up_is():
    path = random_keys(8, 30)
    turn = np.eye(4)
    turn[:3, :3], turn[:3, 3] = turned((1, 2, 0.5)), (3, 4, 5)
    one, other = matrices(moved(smoothed(path, 0.5), turn)), matrices(smoothed(moved(path, turn), 0.5))
    assert np.abs(one - other).max() < 1e-9


def test_a_path_is_moved_anchored_and_scaled_as_a_whole():
    path = random_keys(2, 6)
    target = look_at(np.array([1.0, 2, 3]), np.zeros(3))
    there = anchored(path, target, index=2)
    assert np.allclose(there[2].world_from_cam, target)
    for first, second in zip(path, there, strict=True):
        relative = [p[2].cam_from_world @ c.world_from_cam for p, c in ((path, first), (there, second))]
        assert np.abs(relative[0] - relative[1]).max() < 1e-9
        assert np.array_equal(first.intrinsics_px, second.intrinsics_px)
    assert np.abs(anchored(path)[0].world_from_cam - np.eye(4)).max() < 1e-12
    metric = scaled(path, scale_of_length(250, 2.5))
    assert np.allclose(matrices(metric)[:, :3, 3], matrices(path)[:, :3, 3] / 100)
    assert np.array_equal(matrices(metric)[:, :3, :3], matrices(path)[:, :3, :3])
    kept = path[3].position_world
    assert np.allclose(scaled(path, 3, about_world=kept)[3].position_world, kept)


def test_impossible_requests_are_one_sentence():
    path = random_keys(2, 6)
    for call, words in (
        (lambda: anchored(path, index=6), "has 6 cameras"),
        (lambda: moved(path, np.diag([2.0, 2, 2, 1])), "scale or a shear"),
        (lambda: moved(path, np.eye(3)), "4x4"),
        (lambda: scaled(path, 0), "scale lies between"),
        (lambda: scaled(path, float("nan")), "scale lies between"),
        (lambda: scale_of_length(0, 1), "two positive numbers"),
        (lambda: at_rate(path, -1), "fps"),
        (lambda: at_rate(replace(path, frame_numbers=(0, 1, 2, 3, 4, 10**9)), 24), "at most"),
        (lambda: with_count(path, 0), "frames, got 0"),
        (lambda: with_even_speed(path, 10**7), "frames, got 10000000"),
        (lambda: spline_cameras(path, np.array([np.nan])), "finite times"),
    ):
        with pytest.raises(CameraError, match=words):
            call()
    one = CameraPath(path.cameras[:1], (7,), 24)
    assert len(spline_path(one)) == len(smoothed(one, 0.04)) == len(with_even_speed(one)) == 1
