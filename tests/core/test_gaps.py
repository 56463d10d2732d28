"""Gaps in an object: where a view saw through it stays open, where none did it is a hole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.memory import Memory, View, edits
from mosaic_core.memory.gaps import FARTHER, MAX_GAP_PX, find_gaps
from mosaic_core.memory.readout import MemoryReader, Readout
from mosaic_core.scenes import Box

from .known_scenes import BLUE, NAMES, RED, ROOM, WALL, camera_at, placements_of, view_of

# Two halves of one crate, and the glossy strip between them, of which no depth is known.
HALVES = (
    Box((-1.0, 0.0, 0), (-0.03, 1.0, 1.2), RED, (0.8, 0.2, 0.15)),
    Box((0.03, 0.0, 0), (1.0, 1.0, 1.2), RED, (0.8, 0.2, 0.15)),
)
STRIP = Box((-0.03, 0.0, 0), (0.03, 1.0, 1.2), BLUE, (0.9, 0.9, 0.9))
BEFORE = ((-2.0, -4.0, 1.5), (2.0, -4.0, 1.5), (0.0, -4.5, 1.0))
BEHIND = ((-2.0, 2.5, 1.0), (2.0, 2.5, 1.0))
FRONT = camera_at((0.0, -3.5, 0.8), (0.0, 1.5, 0.6))


def _memory(*, strip: bool) -> Memory:
    """Views from the front, and of the wall behind."""
    boxes = (*ROOM[:2], *HALVES, STRIP) if strip else (*ROOM[:2], *HALVES)
    cameras = [camera_at(place) for place in BEFORE] + [camera_at(place, (0.0, 5.0, 1.0)) for place in BEHIND]
    views = [view_of(camera, boxes) for camera in cameras]
    return Memory.from_views([_strip_unknown(view) for view in views], NAMES)


def _strip_unknown(view: View) -> View:
    strip = view.object_ids == BLUE
    return replace(view, z_depth=np.where(strip, np.inf, view.z_depth), object_ids=np.where(strip, 0, view.object_ids))


def _between(boxes=HALVES, *, moved_m=(0.0, 0.0, 0.0)) -> np.ndarray:  # (H, W) bool
    """Pixels that truly look between the halves, well away from the crate's outer edges."""
    return view_of(FRONT, (*ROOM[:2], *(box.moved(moved_m) for box in boxes), STRIP.moved(moved_m))).object_ids == BLUE


def _shown(memory: Memory, readout: Readout) -> np.ndarray:  # (H, W) object of each pixel, 0 = none
    objects = np.append(memory.patches.object_id[memory.placements.rows - 1], 0)
    at = np.full(readout.covered.shape, -1)
    surface = readout.placement_id > 0
    at[surface] = memory.placements.indices_of(readout.placement_id[surface])
    return objects[at]


def test_a_gap_that_a_view_saw_through_stays_open():
    readout = MemoryReader(_memory(strip=False)).rgb(FRONT)
    truth = view_of(FRONT, (*ROOM[:2], *HALVES))
    through = _between() & (truth.object_ids == WALL)
    assert through.sum() > 10
    assert readout.covered[through].mean() > 0.9
    at = through & readout.covered
    assert np.allclose(readout.z_depth[at], truth.z_depth[at], rtol=0.02)


def test_a_gap_that_nobody_saw_through_is_a_hole_in_the_colour_of_its_sides():
    memory = _memory(strip=True)
    readout = MemoryReader(memory).rgb(FRONT)
    strip = _between()
    hole = strip & ~readout.covered
    assert hole.sum() > 50
    # Pixels that the strip fills in part may show the crate, none what stands behind.
    assert set(_shown(memory, readout)[strip & readout.covered]) <= {RED}
    assert np.isinf(readout.z_depth[hole]).all()
    assert (readout.placement_id[hole] == 0).all() and (readout.source_view[hole] == -1).all()
    red, green, blue = readout.values[hole].T
    assert (red > 2 * green).mean() > 0.95 and (red > 2 * blue).mean() > 0.95


def test_a_moved_crate_takes_its_gap_along():
    memory = _memory(strip=True)
    step_m = (0.4, 0.3, 0.0)
    moved = memory.edited(edits.translate(placements_of(memory, RED), step_m))
    readout = MemoryReader(moved).rgb(FRONT)
    strip = _between(moved_m=step_m)
    assert (strip & ~readout.covered).sum() > 30
    # The crate's upper edge has no two sides.
    assert (_shown(moved, readout)[strip] == WALL).mean() < 0.05


def test_pixels_of_unknown_depth_object_to_nothing():
    """They used to count as free space: a view with unknown depth took away what the others had seen."""
    views = [view_of(camera_at(place)) for place in BEFORE]
    blind = replace(
        view_of(FRONT),
        z_depth=np.full((90, 160), np.inf),
        sky=np.zeros((90, 160), bool),
        object_ids=np.zeros((90, 160)),
    )
    alone, beside = (MemoryReader(Memory.from_views(v, NAMES)).rgb(FRONT) for v in (views, [*views, blind]))
    assert np.array_equal(alone.covered, beside.covered)
    assert np.array_equal(alone.values[alone.covered], beside.values[alone.covered])


@pytest.mark.parametrize("seed", range(8))
def test_gaps_are_those_that_a_loop_over_pixels_finds(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, (9, 24)).repeat(rng.integers(1, 4), axis=1).astype(np.uint16)
    z_depth = rng.choice(np.float32([1, 1.005, 1.5, 2, np.inf]), labels.shape)
    gaps = find_gaps(labels, z_depth)
    found = {
        int(pixel): (int(near), int(far), round(float(share), 5))
        for pixel, near, far, share in zip(gaps.pixel, gaps.near_side, gaps.far_side, gaps.far_share, strict=True)
    }
    assert found == _gaps_by_loop(labels, z_depth)


def test_a_memory_with_everything_deleted_shows_holes():
    """The gaps of an empty placement table used to end in an IndexError."""
    memory = _memory(strip=False)
    readout = MemoryReader(memory.edited(edits.delete(memory.placements.ids))).rgb(FRONT)
    assert not readout.covered.any()


def test_a_picture_without_objects_has_no_gaps():
    assert len(find_gaps(np.zeros((4, 5), np.uint16), np.ones((4, 5), np.float32)).pixel) == 0


def _gaps_by_loop(labels, z_depth) -> dict[int, tuple[int, int, float]]:
    """Look left and right, then up and down, from every pixel."""
    height, width = labels.shape
    found = {}
    for y in range(height):
        for x in range(width):
            best = None
            for dy, dx in ((0, 1), (1, 0)):
                for label in range(1, int(labels.max()) + 1):
                    ends = [_first(labels, y, x, sign * dy, sign * dx, label) for sign in (-1, 1)]
                    if labels[y, x] == label or None in ends or sum(ends) - 1 > MAX_GAP_PX:
                        continue
                    sides = [(y + sign * dy * n, x + sign * dx * n) for sign, n in zip((-1, 1), ends, strict=True)]
                    z = [z_depth[side] for side in sides]
                    if not z_depth[y, x] > np.float32(1 + FARTHER) * max(z):
                        continue
                    if best is None or sum(ends) < best[0]:
                        share = ends[0] / sum(ends)
                        flat = [a * width + b for a, b in sides]
                        if z[0] > z[1]:
                            flat, share = flat[::-1], 1 - share
                        best = (sum(ends), (*flat, round(share, 5)))
            if best:
                found[y * width + x] = best[1]
    return found


def _first(labels, y, x, dy, dx, label) -> int | None:
    """Steps to the next pixel of that label, None where there is none."""
    n = 1
    while 0 <= y + n * dy < labels.shape[0] and 0 <= x + n * dx < labels.shape[1]:
        if labels[y + n * dy, x + n * dx] == label:
            return n
        n += 1
    return None
