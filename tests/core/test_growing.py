"""Tables that grow in place: every version keeps what it had, whoever writes next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.errors import EditError, MosaicError
from mosaic_core.memory import Memory, Placements
from mosaic_core.memory.edits import copy, delete, translate
from mosaic_core.memory.growing import GrowingColumns
from mosaic_core.memory.patches import column_names
from mosaic_core.memory.readout import MemoryReader

from .known_scenes import NAMES, RED, camera_at, placements_of, room_memory, view_of

PLACES = [(0, -3, 3), (2, -2, 1.2), (-2, -3, 2)]


def latent(position, **options):
    return replace(view_of(camera_at(position, height=22, width=40, **options)), patch_size_px=1)


def test_versions_share_rows_and_never_see_each_others():
    first = GrowingColumns({"a": np.arange(3), "b": np.zeros((3, 2))})
    old = first.first(3)
    one = first.followed_by({"a": np.array([7, 8]), "b": np.ones((2, 2))}, after=3)
    other = first.followed_by({"a": np.array([9]), "b": np.ones((1, 2))}, after=3)
    assert one is first and other is not first, "the newest grows in place, a fork gets its own"
    assert np.array_equal(one.first(5)["a"], [0, 1, 2, 7, 8])
    assert np.array_equal(other.first(4)["a"], [0, 1, 2, 9])
    assert np.array_equal(old["a"], [0, 1, 2]) and not old["a"].flags.writeable
    many = one.followed_by({"a": np.arange(5000), "b": np.ones((5000, 2))}, after=5)
    assert many is not one and np.array_equal(many.first(5005)["a"][:6], [0, 1, 2, 7, 8, 0])


def test_forks_of_a_memory_grow_apart():
    room = room_memory()
    before = {name: getattr(room.patches, name).copy() for name in column_names()}
    one = room.with_views([view_of(camera_at(PLACES[0]))], NAMES)
    other = room.with_views([view_of(camera_at(PLACES[1]))], NAMES)
    longer = one.with_views([view_of(camera_at(PLACES[2]))], NAMES)
    alone = [view_of(camera_at(p)) for p in (PLACES[0], PLACES[2])]
    again = room_memory().with_views(alone, NAMES)
    for name in column_names():
        assert np.array_equal(getattr(room.patches, name), before[name], equal_nan=name == "quad_world")
        assert np.array_equal(
            getattr(longer.patches, name), getattr(again.patches, name), equal_nan=name == "quad_world"
        )
    assert (other.patches.view[len(room.patches) :] == 3).all()
    assert longer.placements.same_as(again.placements)


def test_edits_and_writes_in_any_order_give_the_same_placements():
    room = room_memory()
    red = placements_of(room, RED)
    late = [view_of(camera_at(PLACES[0]))]
    edits = [translate(red, (1, 0, 0)), delete(red[:2])]
    assert (
        room.edited(*edits)
        .with_views(late, NAMES)
        .placements.same_as(room.with_views(late, NAMES).edited(*edits).placements)
    )
    matrix = np.eye(4)
    matrix[0, 3] = 2.0
    copied = room.edited(copy(red, matrix)).with_views(late, NAMES)
    assert len(copied.placements) == len(copied.patches) + len(red)
    assert copied.undo().placements.same_as(room.with_views(late, NAMES).placements)
    assert copied.undo().redo().placements.same_as(copied.placements)


def test_rows_that_are_placed_already_are_refused():
    table = Placements.of_rows(np.arange(1, 6))
    with pytest.raises(EditError):
        table.followed_by_rows(3, np.zeros(2, np.uint8))


def test_a_latent_frame_gives_a_patch_a_cell_on_the_true_surface():
    frame = latent((0.7, -4.2, 1.9))
    memory = Memory.from_views([frame], NAMES)
    seen = np.isfinite(frame.z_depth) | frame.sky
    assert len(memory.patches) == seen.sum()
    assert np.array_equal(memory.patches.cell_yx, np.argwhere(seen))
    floor = np.flatnonzero((memory.patches.object_id == 1) & ~memory.patches.sky)
    assert np.abs(memory.patches.centre_world[floor, 2]).max() < 1e-5
    corners = memory.patches.quad_world[floor]
    assert np.quantile(np.abs(corners[..., 2]), 0.95) < 1e-4, "the floor's cells lie in the floor, grazing or not"
    shown = MemoryReader(memory).features(np.eye(len(memory.patches), dtype=np.float32)[:, :4], frame.camera)
    known = np.isfinite(frame.z_depth)
    assert shown.covered[known].mean() > 0.97
    both = known & shown.covered
    assert np.abs(shown.z_depth[both] - frame.z_depth[both]).max() < 0.05


def test_latent_frames_lift_together_as_they_do_alone():
    frames = [latent(p) for p in PLACES]
    together = Memory.from_views(frames, NAMES)
    alone = Memory.from_views([], NAMES)
    for frame in frames:
        alone = alone.with_views([frame], {})
    for name in column_names():
        assert np.array_equal(
            getattr(together.patches, name), getattr(alone.patches, name), equal_nan=name == "quad_world"
        )
    mixed = Memory.from_views([frames[0], view_of(camera_at(PLACES[1])), frames[2]], NAMES)
    assert [int((mixed.patches.view == i).sum()) for i in (0, 2)] == [
        int((together.patches.view == i).sum()) for i in (0, 2)
    ]


def test_a_strange_patch_size_is_refused():
    with pytest.raises(MosaicError, match="patch_size_px"):
        replace(view_of(camera_at(PLACES[0])), patch_size_px=7)
