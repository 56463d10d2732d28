"""Two memories in one world, and a part of a memory as a memory of its own: seen in the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.errors import EditError, MosaicError
from mosaic_core.memory import Memory, edits, load_memory, save_memory
from mosaic_core.memory.edits import mirror_matrix
from mosaic_core.memory.readout import MemoryReader, Readout
from mosaic_core.memory.splice import (
    extent_m,
    extract,
    joined_names,
    splice,
    splice_left_right,
    splice_top_bottom,
)
from mosaic_core.scenes import Box
from tests.masks import dilated

from .known_scenes import BLUE, NAMES, RED, camera_at, placements_of, room_memory, view_of

NEW_CAMERA = camera_at((0.7, -4.2, 1.9))
# The second world: a green slab under a gold block, nothing else. Its views look through where the first one's stand.
SLAB, BLOCK = 1, 4
SECOND = (
    Box((-2, -2, -0.3), (2, 2, 0), SLAB, (0.2, 0.6, 0.3)),
    Box((-0.5, -0.5, 0), (0.5, 0.5, 1.2), BLOCK, (0.8, 0.65, 0.1)),
)
SECOND_NAMES = {SLAB: "Floor", BLOCK: "Block"}
TARGET = (0.0, 0.0, 0.4)
TURNED = np.array([[0.8, -0.6, 0, 3.2], [0.6, 0.8, 0, 0.2], [0, 0, 1, 0], [0, 0, 0, 1.0]])
COLUMNS = ("values", "covered", "z_depth", "placement_id", "confidence", "source_view", "source_uv")


@pytest.fixture(scope="module")
def first() -> Memory:
    return room_memory(((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6)))


@pytest.fixture(scope="module")
def second() -> Memory:
    views = [view_of(camera_at(p, TARGET), SECOND) for p in ((-2, -5, 2), (2, -5, 2.2), (5, 1, 2), (-5, 1, 2.5))]
    return Memory.from_views(views, SECOND_NAMES)


def names_shown(memory: Memory, readout: Readout) -> np.ndarray:  # (H, W) names, "" = none or sky
    names = np.full(readout.covered.shape, "", object)
    solid = readout.placement_id > 0
    rows = memory.placements.rows[memory.placements.indices_of(readout.placement_id[solid])]
    names[solid] = [memory.object_names[i] for i in memory.patches.object_id[rows - 1].tolist()]
    return names


def assert_block_where_it_belongs(memory: Memory, camera, world_from_second: np.ndarray) -> None:
    """The block of the second world, alone against its truth as a camera of that world would see it."""
    readout = MemoryReader(memory).rgb(camera)
    shown = names_shown(memory, readout) == "Block"
    scale = np.cbrt(abs(np.linalg.det(world_from_second[:3, :3])))
    there = np.linalg.inv(world_from_second) @ camera.world_from_cam
    there[:3, :3] *= scale
    mirrored = np.linalg.det(there[:3, :3]) < 0
    if mirrored:
        there[:3, 0] *= -1
    truth = view_of(replace(camera, world_from_cam=there), SECOND)
    ids, rgb = (a[:, ::-1] if mirrored else a for a in (truth.object_ids, truth.rgb))
    block = ids == BLOCK
    assert block.sum() > 150
    assert not (shown & ~dilated(block, 2)).any(), "too far out"
    assert (shown & block).sum() > 0.9 * block.sum()
    inner = ~dilated(~block, 2) & shown
    assert np.abs(readout.values - rgb / 255)[inner].mean() < 0.01


@pytest.mark.parametrize(
    "matrix",
    [
        np.array([[1, 0, 0, 3.0], [0, 1, 0, 0.5], [0, 0, 1, 0], [0, 0, 0, 1]]),
        TURNED,
        TURNED @ np.diag([1.4, 1.4, 1.4, 1]),
        TURNED @ mirror_matrix((0, 0, 0), (1, 0, 0)),
    ],
    ids=["shifted", "turned", "scaled", "mirrored"],
)
def test_the_second_world_stands_where_the_transform_puts_it(first, second, matrix):
    both = splice(first, second, matrix)
    assert_block_where_it_belongs(both, camera_at((3.0, -4.5, 1.8), (2.8, 1, 0.5)), matrix)


@pytest.mark.parametrize("matrix", [TURNED, TURNED @ np.diag([0.5, 0.5, -0.5, 1])], ids=["rigid", "scaled, mirrored"])
def test_where_only_the_first_is_nothing_changes(first, second, matrix):
    """Every pixel that shows the first world before and after keeps all its bits, whatever the second's views saw."""
    both = splice(first, second, matrix)
    before, after = MemoryReader(first).rgb(NEW_CAMERA), MemoryReader(both).rgb(NEW_CAMERA)
    of_second = after.source_view >= len(first.views)
    solid = np.isfinite(before.z_depth) & ~of_second
    assert of_second.sum() > 100 and solid.mean() > 0.5
    for name in COLUMNS:
        assert np.array_equal(
            getattr(before, name)[solid & before.covered], getattr(after, name)[solid & before.covered]
        )


def test_a_camera_that_sees_none_of_the_second_sees_the_same_bits(first, second):
    """The second's cameras look right through the first world's walls. They have no say there."""
    far = np.eye(4)
    far[:3, 3] = (0, -30, 0)
    before, after = (MemoryReader(m).rgb(NEW_CAMERA) for m in (first, splice(first, second, far)))
    sky = np.isinf(before.z_depth) | np.isinf(after.z_depth)
    for name in COLUMNS[2:]:
        ours, theirs = getattr(before, name)[~sky], getattr(after, name)[~sky]
        assert np.array_equal(ours, theirs, equal_nan=True), name
    assert np.array_equal(before.values[before.covered], after.values[before.covered])


def test_ids_rows_and_names_never_collide(first, second):
    shift = np.eye(4)
    shift[:3, 3] = (0, 0, 3)
    first = first.edited(edits.copy(placements_of(first, RED), shift))
    second = second.edited(edits.copy(placements_of(second, BLOCK), shift), edits.delete(placements_of(second, SLAB)))
    both = splice(first, second, TURNED)
    assert len(both.placements) == len(first.placements) + len(second.placements)
    assert np.isin(first.placements.ids, both.placements.ids).all()
    assert both.object_names == {**NAMES, 5: "Floor.001", 8: "Block"}
    at = both.placements.indices_of(first.placements.ids)
    assert np.array_equal(both.placements.rows[at], first.placements.rows)
    new = np.setdiff1d(both.placements.ids, first.placements.ids)
    assert both.placements.rows[both.placements.indices_of(new)].min() > len(first.patches)
    twice = splice(both, both)
    assert len(twice.placements) == 2 * len(both.placements) and len({*twice.object_names.values()}) == 12
    assert twice.views[-1].world == 3


def test_names_get_the_next_free_suffix():
    names = joined_names({1: "A", 2: "A.001"}, {1: "A", 3: "B", 4: "A.001"}, 2)
    assert names == {1: "A", 2: "A.001", 3: "A.002", 5: "B", 6: "A.001.001"}


def test_moved_things_of_the_second_stay_moved(first, second):
    move = np.eye(4)
    move[:3, 3] = (0.4, 0.9, 0)
    moved = second.edited(edits.transform(placements_of(second, BLOCK), move))
    both = splice(first, moved, TURNED)
    camera = camera_at((3.0, -4.5, 1.8), (2.8, 1, 0.5))
    assert_block_where_it_belongs(both, camera, TURNED @ move)
    back = both.edited(edits.reset(placements_of(both, 8)))
    assert_block_where_it_belongs(back, camera, TURNED)


def test_a_splice_is_edited_saved_and_loaded(first, second, tmp_path):
    both = splice(first, second, TURNED).edited(edits.delete(placements_of(first, BLUE)))
    save_memory(both, tmp_path / "both.mosaic")
    loaded = load_memory(tmp_path / "both.mosaic")
    assert [view.world for view in loaded.views] == [0, 0, 0, 1, 1, 1, 1]
    ours, theirs = MemoryReader(both).rgb(NEW_CAMERA), MemoryReader(loaded).rgb(NEW_CAMERA)
    for name in COLUMNS:
        assert np.array_equal(getattr(ours, name), getattr(theirs, name), equal_nan=True), name
    assert loaded.undo().placements.same_as(splice(first, second, TURNED).placements)


def test_left_and_right_stand_side_by_side_on_one_ground(first, second):
    both = splice_left_right(first, second, gap_m=0.5)
    (low, high), (left_low, left_high), (right_low, right_high) = map(extent_m, (both, first, second))
    assert np.isclose(high[0] - left_high[0], 0.5 + right_high[0] - right_low[0], atol=1e-4)
    assert np.allclose([low[0], low[2]], [left_low[0], left_low[2]], atol=1e-4)
    offset = np.eye(4)
    offset[0, 3] = left_high[0] + 0.5 - right_low[0]
    offset[1, 3] = (left_low + left_high - right_low - right_high)[1] / 2
    offset[2, 3] = left_low[2] - right_low[2]
    middle = offset[:3, 3]
    assert_block_where_it_belongs(both, camera_at(np.add(middle, (0.3, -5, 2)), middle + TARGET), offset)


@pytest.mark.parametrize("flipped", [False, True])
def test_top_hangs_above_bottom(first, second, flipped):
    both = splice_top_bottom(first, second, gap_m=2.0, flipped=flipped)
    first_high, (low, high) = extent_m(first)[1], extent_m(second)
    assert np.isclose(extent_m(both)[1][2], first_high[2] + 2.0 + high[2] - low[2], atol=1e-4)
    matrix = mirror_matrix((low + high) / 2, (0, 0, 1)) if flipped else np.eye(4)
    matrix[:2, 3] += (sum(extent_m(first)) - low - high)[:2] / 2
    matrix[2, 3] += first_high[2] + 2.0 - low[2]
    middle = (matrix @ [0, 0, 0.5, 1])[:3]
    assert_block_where_it_belongs(both, camera_at(np.add(middle, (0.3, -5, -0.9 if flipped else 0.9)), middle), matrix)


@pytest.mark.parametrize("matrix", [np.eye(3), np.diag([1.0, 2, 1, 1]), np.full((4, 4), np.nan), np.zeros((4, 4))])
def test_a_splice_needs_a_similarity(first, second, matrix):
    with pytest.raises(EditError):
        splice(first, second, matrix)


def test_an_extract_shows_its_objects_as_they_stood(first):
    """Moved, copied and taken out: the picture is the one with everything else deleted."""
    shift = np.eye(4)
    shift[:3, 3] = (-1.5, -0.5, 0)
    edited = first.edited(
        edits.translate(placements_of(first, RED), (0.3, -1, 0)), edits.copy(placements_of(first, BLUE), shift)
    )
    ids = np.concatenate([placements_of(edited, RED), placements_of(edited, BLUE)])
    alone = edited.edited(edits.delete(np.setdiff1d(edited.placements.ids, ids)))
    part = extract(edited, ids)
    ours, theirs = MemoryReader(part).rgb(NEW_CAMERA), MemoryReader(alone).rgb(NEW_CAMERA)
    assert ours.covered.sum() > 300
    for name in ("values", "covered", "z_depth", "confidence", "source_view", "source_uv"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name), equal_nan=True), name
    assert part.object_names == {RED: NAMES[RED], BLUE: NAMES[BLUE]}
    assert len(part.patches) == len(np.unique(part.placements.rows)) < len(edited.patches)


def test_an_extract_takes_only_the_views_it_needs_and_grows_like_any_memory(first, tmp_path):
    mine = first.placements.ids[first.patches.view[first.placements.rows - 1] == 1]
    part = extract(first, np.intersect1d(mine, placements_of(first, RED)))
    assert len(part.views) == 1 and part.views[0] is first.views[1]
    assert np.array_equal(part.placements.ids, np.arange(1, len(part.patches) + 1))
    grown = part.with_views([view_of(camera_at((0, -3, 3)))], NAMES)
    assert len(grown.placements) == len(grown.patches)
    save_memory(part, tmp_path / "part.mosaic")
    assert load_memory(tmp_path / "part.mosaic").placements.same_as(part.placements)
    for ids, error in (([], "at least one"), ([10**9], "no placement")):
        with pytest.raises(EditError, match=error):
            extract(first, ids)


def test_extracting_and_splicing_back_restores_the_picture(first):
    """The crate taken out, the rest kept, both put together again: the same room, but for what views say of each."""
    red = placements_of(first, RED)
    rest = extract(first, np.setdiff1d(first.placements.ids, red))
    both = splice(rest, extract(first, red))
    before, after = MemoryReader(first).rgb(NEW_CAMERA), MemoryReader(both).rgb(NEW_CAMERA)
    assert (names_shown(first, before) == names_shown(both, after)).mean() > 0.98


def test_a_view_refuses_a_world_that_is_no_number(first):
    for world in (-1, "1", True):
        with pytest.raises(MosaicError, match="world"):
            replace(first.views[0], world=world)
