"""Camera moves obey their geometry, and refuse what has none."""

from __future__ import annotations

import numpy as np
import pytest

from mosaic_core.cameras import Camera
from mosaic_core.cameras.presets import (
    Trajectory,
    dolly,
    even_times,
    orbit,
    pan,
    spiral,
    there_and_back_times,
    truck,
)
from mosaic_core.errors import CameraError

START = np.array([4.0, -3.0, 2.5])
CENTRE = np.array([1.0, 1.0, 0.5])


def test_orbit_keeps_its_radius_and_height_and_closes():
    positions = orbit(START, CENTRE, times=even_times(73)).positions_world
    radii = np.linalg.norm(positions[:, :2] - CENTRE[:2], axis=1)
    np.testing.assert_allclose(radii, 5.0, atol=1e-12)
    np.testing.assert_allclose(positions[:, 2], START[2])
    np.testing.assert_allclose(positions[-1], positions[0], atol=1e-12)


def test_positive_orbit_turns_counter_clockwise_seen_from_above():
    moved = orbit([5.0, 0, 1], [0.0, 0, 0], times=even_times(2), angle_deg=90).positions_world[-1]
    np.testing.assert_allclose(moved, [0, 5, 1], atol=1e-12)


def test_orbit_has_equal_steps():
    positions = orbit(START, CENTRE, times=even_times(41), angle_deg=200).positions_world
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-9)


def test_spiral_ends_at_its_radius_and_height():
    end = spiral(START, CENTRE, times=even_times(50), angle_deg=720, radius_factor=0.4, rise_m=1.5)
    offset = end.positions_world[-1] - CENTRE
    assert np.hypot(*offset[:2]) == pytest.approx(5.0 * 0.4)
    assert offset[2] == pytest.approx(2.0 + 1.5)


def test_dolly_keeps_its_direction_past_the_target():
    path = dolly(START, CENTRE, times=even_times(30), distance_m=20.0)
    view = path.targets_world - path.positions_world
    np.testing.assert_allclose(view, np.tile(CENTRE - START, (30, 1)), atol=1e-12)
    assert np.linalg.norm(path.positions_world[-1] - START) == pytest.approx(20.0)


def test_pan_stands_still_turns_left_and_keeps_its_tilt():
    path = pan([0.0, 0, 2], [0.0, 5, 1], times=even_times(2), angle_deg=90)
    np.testing.assert_array_equal(path.positions_world[0], path.positions_world[1])
    np.testing.assert_allclose(path.targets_world[1], [-5, 0, 1], atol=1e-12)


@pytest.mark.parametrize("frame_count", [1, 2, 7, 24])
@pytest.mark.parametrize("ease", [False, True])
def test_the_way_back_repeats_the_way_there_exactly(frame_count, ease):
    times = there_and_back_times(frame_count, ease=ease)
    path = truck(START, CENTRE, times=times, offset_world=np.array([1.0, 2, 0]))
    assert len(times) == frame_count
    np.testing.assert_array_equal(path.positions_world, path.positions_world[::-1])
    np.testing.assert_array_equal(path.positions_world[0], START)


def test_there_and_back_reaches_the_end_on_the_middle_frame():
    assert there_and_back_times(25)[12] == 1.0


def test_ease_starts_and_stops_gently():
    steps = np.diff(even_times(25, ease=True))
    assert (steps > 0).all()
    assert steps[0] < steps[12] / 4
    assert steps[-1] < steps[12] / 4


def test_a_path_looks_at_its_targets_with_the_lens_it_was_given():
    lens = Camera.from_fov(np.eye(4), fov_deg=60, image_height=90, image_width=160)
    path = orbit(START, CENTRE, times=even_times(24)).to_path(lens, fps=24, first_frame=10)
    assert path.frame_numbers == tuple(range(10, 34))
    for camera in path:
        uv, z_depth = camera.project(CENTRE)
        np.testing.assert_allclose(uv, [80, 45], atol=1e-9)
        assert z_depth == pytest.approx(np.linalg.norm(START - CENTRE))
        np.testing.assert_array_equal(camera.intrinsics_px, lens.intrinsics_px)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: even_times(0), "1 .. 1000000 frames"),
        (lambda: even_times(10**12), "1 .. 1000000 frames"),
        (lambda: there_and_back_times(0), "frames"),
        (lambda: orbit([1.0, 1, 9], CENTRE, times=even_times(3)), "radius"),
        (lambda: orbit([np.nan, 1, 9], CENTRE, times=even_times(3)), "start_world"),
        (lambda: orbit(START, CENTRE, times=even_times(3), angle_deg=np.inf), "angle_deg"),
        (lambda: orbit(START, CENTRE, times=np.zeros(0)), "times"),
        (lambda: spiral(START, CENTRE, times=even_times(3), radius_factor=-1), "radius_factor"),
        (lambda: dolly(START, START, times=even_times(3), distance_m=1), "target"),
        (lambda: dolly(START, CENTRE, times=even_times(3), distance_m=np.nan), "distance_m"),
        (lambda: pan(START, START, times=even_times(3), angle_deg=10), "target"),
        (lambda: truck(START, CENTRE, times=even_times(3), offset_world=np.zeros(2)), "offset_world"),
        (lambda: Trajectory(np.zeros((0, 3)), np.zeros((0, 3))), "shape"),
        (lambda: Trajectory(np.zeros((2, 3)), np.zeros((3, 3))), "one target a position"),
        (lambda: Trajectory(np.full((2, 3), np.nan), np.zeros((2, 3))), "finite"),
    ],
)
def test_impossible_moves_are_refused(make, words):
    with pytest.raises(CameraError, match=words):
        make()
