"""What is said about a path before it is made: how much is known, where it is not, and what to capture."""

from __future__ import annotations

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath
from mosaic_core.errors import MosaicError
from mosaic_core.memory import Memory
from mosaic_core.report.coverage_plan import ENOUGH, CoveragePlan, plan_coverage

from .known_scenes import ROOM, camera_at, view_of

SIZE = {"height": 90, "width": 160}


def turning(targets) -> CameraPath:
    """Standing still and looking around."""
    cameras = tuple(camera_at((0.0, -5.0, 1.8), (x, 0.0, 1.0), **SIZE) for x in targets)
    return CameraPath(cameras, tuple(range(1, len(cameras) + 1)), 24.0)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory.from_views([view_of(camera_at((0.0, -5.0, 1.8), (0.0, 0.0, 1.0), **SIZE), ROOM)])


def test_what_a_view_saw_is_known_and_needs_no_capture(memory):
    plan = plan_coverage(memory, turning([0.0, 0.0, 0.0]))
    assert plan.frame_numbers == (1, 2, 3)
    assert min(plan.known) > ENOUGH and plan.proposals == () and plan.invented == ()


def test_looking_away_is_invented_and_a_capture_there_is_proposed(memory):
    path = turning([0, 0, 1.5, 3.0, 4.5, 3.0, 1.5, 0, 0])
    plan = plan_coverage(memory, path)
    assert plan.known[4] == min(plan.known) < 0.7
    ((first, last),) = plan.invented
    assert 2 < first <= 4 and 6 <= last < 8
    assert plan.proposals[0] == 5, "the farthest look sees nearly all that is missing"
    assert np.mean(plan.known_after) > np.mean(plan.known) and min(plan.known_after) > 0.9


def test_capturing_at_the_proposals_closes_the_holes(memory):
    path = turning([-4, -2, 0, 2, 4])
    plan = plan_coverage(memory, path)
    cameras = [path[path.frame_numbers.index(number)] for number in plan.proposals]
    with_them = memory.with_views([view_of(camera, ROOM) for camera in cameras], {})
    after = plan_coverage(with_them, path)
    assert np.mean(after.known) > np.mean(plan.known) + 0.1
    np.testing.assert_allclose(after.known, plan.known_after, atol=0.08)
    assert len(after.proposals) < len(plan.proposals)


def test_stretches_are_first_and_last_frames():
    def stretches(*known: float) -> tuple[tuple[int, int], ...]:
        return CoveragePlan(tuple(range(0, 10 * len(known), 10)), known, known, ()).invented

    assert stretches(1, 1, 1) == ()
    assert stretches(0.5, 0.5, 1, 0.9, 1, 1, 0.2) == ((0, 10), (30, 30), (60, 60))


def test_long_paths_are_sampled_and_a_stop_is_heard(memory):
    path = turning(np.linspace(0, 3, 50))
    assert len(plan_coverage(memory, path, max_frames=6).known) == 6
    assert len(plan_coverage(memory, path, should_stop=lambda: True).known) == 1
    with pytest.raises(MosaicError, match="no views"):
        plan_coverage(Memory.from_views([]), path)
