"""What a path sees of a memory: which patches, how surely, and where it looks at nothing that is known."""

from __future__ import annotations

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath
from mosaic_core.memory import Memory
from mosaic_core.memory.seen_along import SeenAlong, seen_along

from .known_scenes import BLUE, RED, ROOM, camera_at, placements_of, view_of

FRONT, RIGHT = (0.0, -5.0, 1.8), (3.5, 1.0, 1.0)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory.from_views([view_of(camera_at(FRONT), ROOM)])


def look(memory: Memory, *targets) -> SeenAlong:
    cameras = tuple(camera_at(FRONT, target) for target in targets)
    path = CameraPath(cameras, tuple(range(1, len(cameras) + 1)), 24.0)
    steps = seen_along(memory, path, list(range(len(cameras))))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def of(seen: SeenAlong, memory: Memory, object_id: int) -> np.ndarray:
    return np.searchsorted(seen.placement_ids, placements_of(memory, object_id))


def test_what_the_path_looks_at_is_seen_in_each_of_its_frames(memory):
    seen = look(memory, (0.0, 1.5, 0.5), (0.1, 1.5, 0.5), (0.2, 1.5, 0.5))
    for object_id in (RED, BLUE):
        index = of(seen, memory, object_id)
        assert np.mean(seen.frames_seen[index] == 3) > 0.8, "in all three pictures, but for its rim"
        assert np.median(seen.confidence[index]) > 0.9, "from where it was captured"
    assert min(seen.known) > 0.95 and seen.frame_numbers == (1, 2, 3)


def test_turning_away_sees_less_and_finds_holes_where_nobody_looked(memory):
    seen = look(memory, (0.0, 1.5, 0.5), (6.0, 1.5, 0.5))
    assert (seen.frames_seen[of(seen, memory, RED)] == 1).all(), "only the first frame shows the red crate"
    assert seen.known[1] < 0.8
    assert len(seen.holes_world) > 50
    right = seen.holes_world[:, 0] > 0
    assert right.mean() > 0.9, "the holes lie where the camera turned to"


def test_what_stands_behind_something_is_not_seen(memory):
    behind = Memory.from_views([view_of(camera_at(FRONT)), view_of(camera_at((-1.1, 4.6, 0.6), (-1.1, 0.0, 0.5)))])
    seen = look(behind, (0.0, 1.5, 0.5))
    of_second = np.flatnonzero(behind.patches.view == 1) + 1
    back = np.intersect1d(of_second, placements_of(behind, RED))
    assert len(back) > 5
    assert (seen.frames_seen[np.searchsorted(seen.placement_ids, back)] == 0).mean() > 0.9


def test_a_deleted_patch_is_not_seen(memory):
    from mosaic_core.memory import edits

    gone = placements_of(memory, RED)
    seen = look(memory.edited(edits.delete(gone)), (0.0, 1.5, 0.5))
    assert not np.isin(gone, seen.placement_ids).any()
