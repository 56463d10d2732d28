"""Columns held small: what is read is what was given, takes little room, and keeps its bits through every file."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_core.memory import Memory, Patches, Placements
from mosaic_core.memory.budget import patch_bytes
from mosaic_core.memory.compact import coded_quads, decoded_quads
from mosaic_core.memory.edits import set_dynamic, set_time_range, translate
from mosaic_core.memory.mosaic_append import append_memory
from mosaic_core.memory.mosaic_file import load_memory, open_archive, open_memory, save_memory
from mosaic_core.memory.patches import column_kind, column_names
from mosaic_core.memory.sightings import Sightings
from mosaic_core.memory.stored import StoredPatches

from .known_scenes import NAMES, RED, camera_at, placements_of, room_memory, view_of

COUNT = 3 * 4096
LARGEST_BYTES = 64


def strewn(count: int = COUNT, **columns) -> Patches:
    """Patches of a long walk: a thousand views of whole cells of a 1080p picture."""
    rng = np.random.default_rng(5)
    centres = rng.uniform(-50, 50, (count, 3))
    ordinary = {
        "view": np.arange(count) * 1000 // count,
        "cell_yx": rng.integers(0, (68, 120), (count, 2)),
        "object_id": rng.integers(0, 200, count),
        "pixel_count": np.full(count, 256),
        "sky": np.zeros(count),
        "dynamic": rng.integers(0, 2, count),
        "quad_world": centres[:, None] + rng.normal(0, 0.05, (count, 4, 3)),
        "centre_world": centres,
        "rgb": rng.integers(0, 256, (count, 4, 3)),
    }
    return Patches(**{**ordinary, **columns})


def bits(table: Patches) -> dict[str, bytes]:
    return {name: getattr(table, name).tobytes() for name in column_names()}


@pytest.mark.slow
def test_a_patch_takes_at_most_64_bytes_beside_its_feature():
    patches = strewn()
    flags = np.where(patches.dynamic, 4, 0).astype(np.uint8)
    seen = Sightings().with_rows(np.arange(1, COUNT + 1), np.arange(COUNT))
    written = Placements.of_rows(np.arange(1, COUNT + 1), flags=flags)
    memory = Memory((), {}, patches, (), written, sightings=seen)
    held = [v for t in (memory.patches, memory.placements) for v in vars(t).values()]
    held = [v for part in held for v in (part.values() if isinstance(part, dict) else [part])]
    shown = sum(v.nbytes for v in held if isinstance(v, np.ndarray) and len(v) == COUNT and v.strides[0])
    shown += sum(block.nbytes for block in seen.blocks)
    assert 50 < shown / COUNT <= LARGEST_BYTES
    assert shown <= patch_bytes(memory) * COUNT <= shown + 300, "what is said is what is held"
    frame = replace(view_of(camera_at((0, -3, 3), height=22, width=40)), patch_size_px=1)
    frames = [replace(frame, name=str(i)) for i in range(300)]
    for captured in (Memory.from_views(frames, NAMES), Memory.from_views(frames[:20]).with_views(frames, NAMES)):
        assert patch_bytes(captured) <= 58
    assert patch_bytes(room_memory()) <= 59


def test_an_edit_costs_what_it_says_of_each_placement():
    room = room_memory()
    plain, count = patch_bytes(room), len(room.patches)
    moved = room.edited(translate(placements_of(room, RED), (1, 0, 0)))
    assert plain < patch_bytes(moved) <= plain + 6 + 300 / count
    assert patch_bytes(moved.undo()) == plain


def test_columns_read_as_they_were_given():
    patches = strewn(300, sky=np.arange(300) % 3 == 0, pixel_count=np.arange(300), view=np.arange(300) * 300)
    assert (patches.view == np.arange(300) * 300).all() and (patches.pixel_count == np.arange(300)).all()
    assert (patches.sky == (np.arange(300) % 3 == 0)).all() and patches.dynamic.any()
    for name in column_names():
        column, (dtype, shape) = getattr(patches, name), column_kind(name)
        assert column.dtype == dtype and column.shape == (300, *shape) and not column.flags.writeable
        index = np.array([7, 0, 299, 7])
        assert patches.column(name, index).tobytes() == column[index].tobytes()
        assert getattr(patches.taken(column_mask(300)), name).tobytes() == column[column_mask(300)].tobytes()
    with pytest.raises(AttributeError, match="colour"):
        _ = patches.colour


def column_mask(count: int) -> np.ndarray:
    return np.arange(count) % 7 == 3


def test_numbers_too_large_for_a_column_widen_it_and_nothing_else():
    small = strewn(50, view=np.zeros(50), object_id=np.arange(50))
    older = small.followed_by(strewn(50, view=np.ones(50)))
    before = bits(older)
    wide = strewn(
        4, view=[255, 256, 65535, 65536], object_id=[-1, 70_000, 2**31 - 1, -(2**31)], cell_yx=np.full((4, 2), 65_536),
        pixel_count=[0, 1, 256, 300],
    )  # fmt: skip
    newest = older.followed_by(wide).followed_by(small)
    for name in column_names():
        parts = [getattr(table, name) for table in (older, wide, small)]
        assert getattr(newest, name).tobytes() == np.concatenate(parts).tobytes(), name
    assert newest.object_id[100:104].tolist() == [-1, 70_000, 2**31 - 1, -(2**31)]
    assert bits(older) == before
    assert older.followed_by(small).nbytes == 150 * small.nbytes // 50, "a fork stays narrow"


def test_corners_are_near_what_was_given_and_quads_without_a_place_stay_so():
    patches = strewn(1000)
    rng = np.random.default_rng(5)
    centres = rng.uniform(-50, 50, (1000, 3))
    quads = centres[:, None] + rng.normal(0, 0.05, (1000, 4, 3))
    patches = strewn(1000, quad_world=quads, centre_world=centres)
    reach = np.abs(quads - centres[:, None]).max(axis=(1, 2))
    off = np.abs(patches.quad_world - quads).max(axis=(1, 2))
    assert (off <= reach / 32_000 + np.spacing(np.float32(51))).all()
    quads[3], quads[5, 2, 1], quads[8, 0, 0] = np.nan, np.inf, 1e38
    odd = strewn(1000, quad_world=quads, centre_world=centres)
    assert np.flatnonzero(~odd.has_quad).tolist() == [3, 5, 8]
    assert np.isnan(odd.quad_world[[3, 5, 8]]).all()
    assert odd.quad_world[4].tobytes() == patches.quad_world[4].tobytes()


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-30, 1e-6, 1e-3, 1.0, 3e4, 1e20]),
    st.sampled_from([0.0, 1e-12, 0.5, 1.0, 2.0**20, 2.0**24, 1e15]),
    st.sampled_from([0.0, 0.5, 1.0, 1.001]),
)
def test_what_was_read_is_coded_to_the_same_bits(seed, size_m, away_m, centred):
    rng = np.random.default_rng(seed)
    # Powers of two and whole steps are where rounding could tip over.
    corners = np.where(rng.integers(0, 2, (64, 4, 3)), rng.normal(size=(64, 4, 3)), rng.integers(-2, 3, (64, 4, 3)))
    corners = np.where(rng.integers(0, 4, (64, 1, 1)), corners, corners * (1 - 2.0**-16) + 2.0**-17)
    quads = (corners * size_m + away_m * rng.integers(-1, 2, (64, 1, 3))).astype(np.float32)
    centres = (quads.mean(axis=1) * centred).astype(np.float32)
    read = decoded_quads(*coded_quads(quads, centres), centres)
    again = decoded_quads(*coded_quads(read, centres), centres)
    assert again.tobytes() == read.tobytes()
    alone = decoded_quads(*coded_quads(quads[5:6], centres[5:6]), centres[5:6])
    assert alone.tobytes() == read[5:6].tobytes()


def test_a_memory_keeps_its_bits_through_files(tmp_path):
    files = [tmp_path / f"{i}.mosaic" for i in range(3)]
    room = room_memory()
    save_memory(room, files[0])
    for file, following in pairwise(files):
        loaded = load_memory(file)
        assert bits(loaded.patches) == bits(room.patches) == bits(open_memory(file).patches)
        assert loaded.placements.same_as(room.placements) and patch_bytes(loaded) == patch_bytes(room)
        save_memory(loaded, following)
    listed = []
    for file in files:
        with open_archive(file) as archive:
            listed.append({name: archive.sha256_of(name) for name in archive.members})
    assert listed[0] == listed[1] == listed[2]


def test_a_file_with_finer_corners_reads_the_same_and_grows(tmp_path):
    file, room = tmp_path / "finer.mosaic", room_memory()
    columns = {name: getattr(room.patches, name) for name in column_names()}
    columns["quad_world"] = columns["quad_world"] * np.float32(1 + 1e-6)
    stored = StoredPatches.of({name: lambda a=a: a for name, a in columns.items()}, {}, len(room.patches))
    save_memory(replace(room, patches=stored), file)
    with open_archive(file) as archive:
        assert archive.array("patches/0000/quad_world").tobytes() == columns["quad_world"].tobytes()
    loaded, opened = load_memory(file), open_memory(file)
    assert bits(loaded.patches) == bits(Patches(**columns)) == bits(opened.patches)
    grown = loaded.with_views([view_of(camera_at((0, -3, 3)))], NAMES)
    append_memory(grown, file)
    assert bits(load_memory(file).patches) == bits(grown.patches)


def test_a_table_as_captured_takes_no_room_and_reads_like_any_other():
    table = Placements.of_rows(np.arange(1, 5001))
    assert table.nbytes < 200
    assert table.ids.dtype == np.int64 and table.rows.dtype == np.int32 and table.time_range_s.shape == (5000, 2)
    assert np.array_equal(table.ids, np.arange(1, 5001)) and np.array_equal(table.rows_at([4, 0]), [5, 1])
    assert not any(getattr(table, name).flags.writeable for name in ("ids", "rows", "flags", "time_range_s"))
    ids = np.array([-3, 0, 1, 5000, 5001, 2**31])
    at, found = table.found(ids)
    assert found.tolist() == [False, False, True, True, False, False] and at[[2, 3]].tolist() == [0, 4999]
    gaps = Placements.of_rows(np.array([2, 3, 7]))
    assert gaps.rows.tolist() == [2, 3, 7] and gaps.found(np.array([3, 4, 7]))[1].tolist() == [True, False, True]
    assert gaps.ids_at(np.array([2, 0])).tolist() == [7, 2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=6))
def test_tables_grow_alike_however_they_are_held(steps):
    held = Placements.of_rows(np.arange(1, 4))
    ids, flags, times = [*range(1, 4)], [0] * 3, [(-np.inf, np.inf)] * 3
    memory = Memory((), {}, strewn(500), (), held)
    for kind, count in steps:
        first = ids[-1] + 1
        if kind == 1:
            first += count
        added = np.where(np.arange(count) % 2, 4, 0).astype(np.uint8) if kind == 2 else np.zeros(count, np.uint8)
        held = held.followed_by_rows(first, added)
        ids, flags = ids + list(range(first, first + count)), flags + added.tolist()
        times += [(-np.inf, np.inf)] * count
        if kind == 3:
            memory = replace(memory, written=held, placements=held)
            held = memory.edited(set_time_range([ids[-1]], since_s=2.0), set_dynamic(ids[:1])).placements
            times[-1], flags[0] = (2.0, np.inf), flags[0] | 4
    assert held.ids.tolist() == held.rows.tolist() == ids
    assert held.flags.tolist() == flags and held.time_range_s.tolist() == [list(pair) for pair in times]
    assert held.row_span == (1, ids[-1]) and not held.transform_index.any()
