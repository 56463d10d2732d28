"""Which frames an edit changes: compared with reading out every frame twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath
from mosaic_core.memory import Memory, edits, load_memory, save_memory
from mosaic_core.memory.dirty import REACH_PX, TOLERANCES, candidate_frames, diff, dirty_frames, influence_boxes
from mosaic_core.memory.readout import MemoryReader
from mosaic_core.memory.source_views import DEPTH_AGREEMENT, SLOPE_AGREEMENT
from mosaic_core.memory.surfels import pixel_slopes

from .known_scenes import BLUE, FLOOR, NAMES, RED, camera_at, placements_of, room_memory, view_of

pytestmark = pytest.mark.slow

COLUMNS = ("values", "covered", "z_depth", "confidence", "age_s", "source_view", "source_uv")
SMALL = {"height": 54, "width": 96}


@pytest.fixture(scope="module")
def room() -> Memory:
    memory = room_memory(((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6)), **SMALL)
    return memory.with_views([view_of(camera_at((0, -5, 2), (0, 1.5, 4), **SMALL), name="Sky")], NAMES)


@pytest.fixture(scope="module")
def pan() -> CameraPath:
    """The camera turns from far left of the crates to far right of them, close enough to lose each from sight."""
    targets = np.linspace(-6, 6, 9)
    cameras = [camera_at((0, -2.5, 1.4), (x, 1.0, 0.4), fov_deg=28, height=18, width=32) for x in targets]
    return CameraPath(tuple(cameras), tuple(range(10, 19)), 24.0)


def by_brute_force(before: Memory, after: Memory, path: CameraPath) -> list[int]:
    dirty = []
    timed = any(np.isfinite(m.placements.time_range_s).any() for m in (before, after))
    readers = [MemoryReader(m) for m in (before, after)]
    for index, camera in enumerate(path.cameras):
        time_s = path.time_s(index)
        if timed:
            readers = [MemoryReader(m, time_s=time_s) for m in (before, after)]
        ours, theirs = (reader.rgb(camera, time_s=time_s) for reader in readers)
        same = [np.array_equal(getattr(ours, n), getattr(theirs, n), equal_nan=True) for n in COLUMNS]
        dirty += [] if all(same) else [index]
    return dirty


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: edits.delete(placements_of(m, RED)),
        lambda m: edits.translate(placements_of(m, BLUE), (0.4, 0, 0)),
        lambda m: edits.mirror(placements_of(m, BLUE), (1.4, 0, 0), (1, 0, 0)),
        lambda m: edits.hide(placements_of(m, FLOOR)[::7]),
        lambda m: edits.set_dynamic(placements_of(m, RED)),
    ],
    ids=["delete", "move", "mirror", "hide some", "set dynamic"],
)
def test_the_dirty_frames_are_those_that_differ(room, pan, edit):
    after = room.edited(edit(room))
    assert dirty_frames(room, after, pan) == by_brute_force(room, after, pan)
    assert dirty_frames(after, room, pan) == dirty_frames(room, after, pan)


def test_frames_that_do_not_see_the_edit_are_not_even_read(room, pan):
    after = room.edited(edits.delete(placements_of(room, BLUE)))
    dirty, candidates = dirty_frames(room, after, pan), candidate_frames(room, after, pan)
    assert set(dirty) <= set(candidates)
    assert dirty and 0 not in dirty and 8 not in dirty
    assert len(candidates) <= len(dirty) + 2, "the left of the pan sees nothing of the blue crate"


@pytest.mark.parametrize("seed", range(8))
def test_the_filter_never_misses(room, seed):
    """A few patches anywhere, cameras anywhere: what differs is always among the candidates."""
    generator = np.random.default_rng(seed)
    solid = room.placements.ids[~room.patches.sky[room.placements.rows - 1]]
    ids = generator.choice(solid, 3, replace=False)
    edit = (edits.delete, lambda i: edits.translate(i, generator.normal(0, 0.5, 3)))[seed % 2](ids)
    after = room.edited(edit)
    at = room.patches.centre_world[ids[0] - 1]
    cameras = []
    for _ in range(6):
        eye = generator.uniform((-3, -5, 0.8), (3, -1, 2.5))
        target = at + generator.normal(0, 1.2, 3)
        cameras.append(camera_at(eye, target, fov_deg=25, height=18, width=32))
    path = CameraPath(tuple(cameras), tuple(range(6)), 24.0)
    assert set(by_brute_force(room, after, path)) <= set(candidate_frames(room, after, path))


def asked_pixel_by_pixel(memory: Memory, row: int) -> np.ndarray:  # (n, 3)
    """Corners of the pieces of frustum that each pixel of a patch can have a say in, found in a loop."""
    index = int(memory.patches.view[row - 1])
    view, pixel_rows = memory.views[index], memory.pixel_rows[index]
    inverse = 1 / view.z_depth.astype(np.float64)
    slopes = np.abs(pixel_slopes(view.z_depth, pixel_rows)).sum(axis=0)
    spread = slopes + TOLERANCES * (DEPTH_AGREEMENT * inverse + SLOPE_AGREEMENT * slopes)
    corners = []
    for y, x in np.argwhere(pixel_rows == row):
        most, least = inverse[y, x] + spread[y, x], inverse[y, x] - spread[y, x]
        part = tuple(slice(max(at - REACH_PX, 0), at + REACH_PX + 1) for at in (y, x))
        for there, apart in zip(inverse[part].ravel(), spread[part].ravel(), strict=True):
            if there > 0 and abs(there - inverse[y, x]) <= apart + spread[y, x]:
                most, least = max(most, there + apart), min(least, there - apart)
        uv = [(x + 0.5 + i, y + 0.5 + j) for i in (-2 * REACH_PX, 2 * REACH_PX) for j in (-2 * REACH_PX, 2 * REACH_PX)]
        depths = (1 / most, 1 / least if least > 0 else np.inf)
        corners += [view.camera.unproject(np.array(uv), np.full(4, z)) for z in depths]
    return np.concatenate(corners)


@pytest.mark.parametrize("patch_size_px", [16, 1])
def test_boxes_hold_what_each_pixel_can_have_a_say_in(patch_size_px):
    """Blocks of pixels are bounded together, and never by less than a loop over the pixels finds."""
    generator = np.random.default_rng(patch_size_px)
    views = [view_of(camera_at((x, -5, 2), **SMALL)) for x in (-2.0, 1.0)]
    rough = [v.z_depth * generator.uniform(0.99, 1.01, v.z_depth.shape).astype(np.float32) for v in views]
    views = [replace(v, z_depth=z, patch_size_px=patch_size_px) for v, z in zip(views, rough, strict=True)]
    memory = Memory.from_views(views, NAMES)
    rows = np.sort(generator.choice(np.flatnonzero(~memory.patches.sky) + 1, 40, replace=False))
    for row, (low, high) in zip(rows, influence_boxes(memory, rows), strict=True):
        corners = asked_pixel_by_pixel(memory, row)
        if not np.isfinite(corners).all():
            assert not (np.isfinite(low).all() and np.isfinite(high).all())
            continue
        slack = 1e-9 * np.abs(corners).max()
        assert (low <= corners.min(axis=0) + slack).all() and (corners.max(axis=0) - slack <= high).all()


def test_what_nobody_can_see_leaves_all_frames_clean(room, pan, tmp_path):
    red = placements_of(room, RED)
    assert dirty_frames(room, room, pan) == []
    assert dirty_frames(room, room.edited(edits.lock(red)), pan) == []
    assert candidate_frames(room, room.edited(edits.lock(red)), pan) == []
    renamed = room.edited(edits.copy(red, np.eye(4)), edits.delete(red))
    assert dirty_frames(room, renamed, pan) == [], "a copy in its original's place is the same picture"
    save_memory(room, tmp_path / "room.mosaic")
    assert dirty_frames(room, load_memory(tmp_path / "room.mosaic"), pan) == []


def test_time_ranges_make_frames_dirty_only_then(room, pan):
    after = room.edited(edits.set_time_range(placements_of(room, RED), until_s=pan.time_s(4)))
    dirty = dirty_frames(room, after, pan)
    assert dirty == by_brute_force(room, after, pan)
    assert dirty and min(dirty) >= 4


def test_a_change_of_the_sky_is_found_wherever_it_shows(room):
    sky = room.placements.ids[room.patches.sky[room.placements.rows - 1]]
    cameras = [camera_at((0, -5, 2), (0, 1.5, z), height=27, width=48) for z in (-6.0, 0.5, 4.0)]
    path = CameraPath(tuple(cameras), (1, 2, 3), 24.0)
    after = room.edited(edits.hide(sky))
    assert dirty_frames(room, after, path) == by_brute_force(room, after, path)
    assert 2 in dirty_frames(room, after, path) and 0 not in dirty_frames(room, after, path)


def test_new_views_are_noticed(room, pan):
    grown = room.with_views([view_of(camera_at((0.0, -2.5, 1.4), (0, 1, 0.4), **SMALL))], NAMES)
    dirty = dirty_frames(room, grown, pan)
    assert dirty == by_brute_force(room, grown, pan) and dirty


def test_a_diff_names_what_differs(room):
    red, blue = placements_of(room, RED), placements_of(room, BLUE)
    after = room.edited(edits.translate(red, (1, 0, 0)), edits.delete(blue), edits.copy(red[:2], np.eye(4)))
    difference = diff(room.placements, after.placements)
    assert np.array_equal(difference.changed, red) and np.array_equal(difference.removed, blue)
    assert len(difference.added) == 2 and len(difference) == len(red) + len(blue) + 2
    assert len(diff(after.placements, after.placements)) == 0
    locked = room.edited(edits.lock(red))
    assert np.array_equal(diff(room.placements, locked.placements).changed, red)
    assert len(diff(room.placements, locked.placements, ignore_locks=True)) == 0
