"""The `.mosaic` file: features, reading what is asked, appending without rewriting, and being killed while writing."""

from __future__ import annotations

import os
import signal
import time
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mosaic_core.errors import MemoryFileError, MosaicError
from mosaic_core.memory import (
    Features,
    Memory,
    append_memory,
    edits,
    load_memory,
    open_memory,
    save_memory,
)
from mosaic_core.memory.mosaic_file import open_archive
from mosaic_core.memory.splice import extract, splice

from .known_scenes import BLUE, NAMES, RED, camera_at, placements_of, room_memory, view_of

VERSION_1 = Path(__file__).parent / "data" / "version_1.mosaic"  # saved by the code that wrote schema version 1


def features_of(memory: Memory, dtype: str, channels: int = 5, *, count: int | None = None) -> Features:
    rng = np.random.default_rng(channels)
    return Features.of(rng.normal(size=(len(memory.patches), channels)).astype(np.float32)[:count], dtype)


@pytest.fixture(scope="module")
def room() -> Memory:
    memory = room_memory(height=48, width=64)
    for dtype in ("float32", "float16", "bfloat16"):
        memory = memory.with_features(dtype, features_of(memory, dtype))
    return memory.edited(edits.translate(placements_of(memory, RED), (0.1, 0, 0)))


def grown(memory: Memory) -> Memory:
    """One more view, features of its patches, an edit, and one undone."""
    more = memory.with_views([view_of(camera_at((0, -3, 3), height=48, width=64), name="Late")], NAMES)
    more = more.with_features("bfloat16", features_of(more, "bfloat16"))
    more = more.with_features("later", features_of(more, "float16", 3))
    blue = placements_of(more, BLUE)
    return more.edited(edits.hide(blue), edits.delete(blue)).undo()


def assert_same(ours: Memory, theirs: Memory) -> None:
    """Everything a file holds, bit for bit."""
    assert ours.placements.same_as(theirs.placements) and ours.written.same_as(theirs.written)
    assert (ours.edits, ours.undone, ours.object_names) == (theirs.edits, theirs.undone, theirs.object_names)
    assert [v.name for v in ours.views] == [v.name for v in theirs.views]
    for a, b in zip(ours.views, theirs.views, strict=True):
        assert np.array_equal(a.camera.world_from_cam, b.camera.world_from_cam)
        for name in ("rgb", "z_depth", "object_ids", "dynamic", "sky"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for a, b in zip(ours.pixel_rows, theirs.pixel_rows, strict=True):
        assert np.array_equal(a, b)
    for name in ("view", "cell_yx", "quad_world", "centre_world", "rgb"):
        assert np.array_equal(getattr(ours.patches, name), getattr(theirs.patches, name), equal_nan=name[0] in "qc")
    assert ours.features.keys() == theirs.features.keys()
    for name, table in ours.features.items():
        assert table.dtype == theirs.features[name].dtype
        assert table.values.tobytes() == theirs.features[name].values.tobytes()


def test_features_come_back_bit_for_bit(room, tmp_path):
    save_memory(room, tmp_path / "room.mosaic")
    for memory in (load_memory(tmp_path / "room.mosaic"), open_memory(tmp_path / "room.mosaic")):
        assert_same(room, memory)


def test_features_round_to_the_nearest_and_say_what_was_not_encoded():
    values = np.array([[1.0, -3.1415927, 1e-40, 65504.0, np.nan]], np.float32)
    exact = Features.of(values, "float32").float32(np.array([1]))
    assert np.array_equal(exact, values, equal_nan=True)
    half = Features.of(values, "float16").float32(np.array([1, 2]))
    assert half[0, 1] == np.float32(np.float16(-3.1415927)) and np.isnan(half[1]).all()
    brain = Features.of(values, "bfloat16").float32(np.array([1]))
    assert brain[0, 0] == 1 and brain[0, 1] == np.float32(-3.140625) and np.isnan(brain[0, 4])
    torch = pytest.importorskip("torch")
    some = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    expected = torch.from_numpy(some).bfloat16().float().numpy()
    assert np.array_equal(Features.of(some, "bfloat16").float32(np.arange(1, 1001)), expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Features(np.zeros((3, 2), np.float64), "float32"),
        lambda: Features(np.zeros((3, 0), np.float32), "float32"),
        lambda: Features(np.zeros((3, 2), np.float32), "int8"),
        lambda: Features.of(np.zeros((3, 2))).float32(np.array([0])),
        lambda: room_memory(height=16, width=16).with_features("../up", Features.of(np.zeros((1, 1)))),
        lambda: room_memory(height=16, width=16).with_features("x", Features.of(np.zeros((9999, 1)))),
    ],
    ids=["type", "no channels", "unknown type", "row 0", "name", "too many"],
)
def test_impossible_features_are_refused(make):
    with pytest.raises(MosaicError):
        make()


def test_features_go_along_with_their_patches(room):
    half = room.with_features("half", features_of(room, "float32", 2, count=40))
    red = placements_of(room, RED)
    apart = extract(half, red)
    rows = half.placements.rows[half.placements.indices_of(red)]
    expected = half.features["bfloat16"].float32(np.unique(rows))
    assert np.array_equal(apart.features["bfloat16"].float32(np.arange(1, len(apart.patches) + 1)), expected)
    other = room_memory(height=16, width=16)
    other = other.with_features("half", features_of(other, "float32", 2))
    both = splice(half, other)
    count = len(half.patches)
    assert np.array_equal(both.features["half"].values[:40], half.features["half"].values)
    assert np.isnan(both.features["half"].values[40:count]).all()
    assert np.array_equal(both.features["half"].values[count:], other.features["half"].values)
    assert np.array_equal(both.features["bfloat16"].values, half.features["bfloat16"].values)
    with pytest.raises(MosaicError, match="cannot go on with"):
        splice(half, other.with_features("half", features_of(other, "float16", 2)))


def test_files_of_version_1_still_open_and_go_on(tmp_path):
    memory = load_memory(VERSION_1)
    assert len(memory.views) == 1 and memory.object_names == NAMES
    assert [edit.kind for edit in memory.edits] == ["transform"] and [e.kind for e in memory.undone] == ["delete"]
    again = room_memory(((-2.5, -5.0, 1.8),), height=16, width=24)
    assert again.written.same_as(memory.written) and np.array_equal(again.views[0].rgb, memory.views[0].rgb)
    assert memory.redo().undo().placements.same_as(memory.placements)
    file = tmp_path / "old.mosaic"
    file.write_bytes(VERSION_1.read_bytes())
    append_memory(memory.redo(), file)
    assert_same(load_memory(file), memory.redo())


def test_an_opened_memory_reads_only_what_is_asked(room, tmp_path):
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:  # damage everything but one picture and the tables of placements
        for info in archive.infolist():
            if info.filename.startswith(("views", "patches", "features")) and info.filename != "views/0001/rgb.npy":
                at = info.header_offset + 30 + len(info.filename) + len(info.extra)
                data[at + 30 : at + info.compress_size] = bytes(info.compress_size - 30)
    file.write_bytes(data)
    memory = open_memory(file)
    assert len(memory.patches) == len(room.patches) and memory.placements.same_as(room.placements)
    assert np.array_equal(memory.views[1].rgb, room.views[1].rgb)
    assert memory.features["bfloat16"].channels == 5
    for damaged in (lambda: memory.views[0].rgb, lambda: memory.patches.quad_world, lambda: memory.pixel_rows[2]):
        with pytest.raises(MemoryFileError, match="corrupted"):
            damaged()


def test_an_opened_memory_outlives_a_save_over_its_file(room, tmp_path):
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    memory = open_memory(file)
    save_memory(room_memory(height=16, width=16), file)
    assert_same(memory, room)
    save_memory(memory, file)  # and goes back over it, array by array
    assert_same(load_memory(file), room)


def test_an_append_leaves_every_byte_that_is_there(room, tmp_path):
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    before = file.read_bytes()
    more = grown(room)
    append_memory(more, file)
    after = file.read_bytes()
    assert after.startswith(before) and len(after) > len(before)
    assert_same(load_memory(file), more)
    append_memory(more, file)
    assert file.read_bytes() == after, "nothing new, nothing written"
    append_memory(more.redo(), file)
    assert len(file.read_bytes()) - len(after) < 9000, "an undone edit that is redone is a few numbers"
    assert_same(load_memory(file), more.redo())
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None, "any zip program reads it"


def test_an_opened_memory_appends_without_reading_what_it_holds(room, tmp_path, monkeypatch):
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    memory = open_memory(file)
    edited = memory.edited(edits.hide(placements_of(room, BLUE)))
    read = []
    monkeypatch.setattr("mosaic_core.zips.read_npy", lambda *_: read.append(1))
    monkeypatch.setattr("mosaic_core.memory.mosaic_parts.written_placements", lambda _archive: room.written)
    append_memory(edited, file)
    assert not read
    monkeypatch.undo()
    assert_same(load_memory(file), room.edited(*edited.edits[1:]))


def test_many_appends_do_not_wear_the_file_out(tmp_path, monkeypatch):
    monkeypatch.setattr("mosaic_core.memory.mosaic_append._DEAD_AT_LEAST_BYTES", 3000)
    memory = room_memory(((0.0, -5.5, 2.2),), height=16, width=16)
    file = tmp_path / "room.mosaic"
    save_memory(memory, file)
    fresh = file.stat().st_size
    red = placements_of(memory, RED)
    for _ in range(40):
        memory = memory.edited(edits.hide(red)).edited(edits.show(red))
        append_memory(memory, file)
    assert file.stat().st_size < 3 * fresh + 80 * 400
    assert_same(load_memory(file), memory)


def test_what_is_no_continuation_is_refused_and_nothing_is_written(room, tmp_path):
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    before = file.read_bytes()
    first = replace(room.views[0], rgb=255 - room.views[0].rgb)
    others = {
        "3 views, the memory 2": room_memory(((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2)), height=48, width=64),
        "is not the memory's view": replace(room, views=(first, *room.views[1:])),
        "features 'bfloat16' differ": room.with_features("bfloat16", features_of(room, "bfloat16", 6)),
        "which the memory has not": replace(room, features={}),
        "object 3 is 'Red Crate' there": replace(room, object_names={**NAMES, RED: "Other"}),
    }
    for expected, other in others.items():
        with pytest.raises(MemoryFileError, match=expected):
            append_memory(other, file)
    assert file.read_bytes() == before
    with pytest.raises(MemoryFileError, match="there is no file"):
        append_memory(room, tmp_path / "none.mosaic")


def test_two_programs_do_not_append_at_once(room, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    with file.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(MemoryFileError, match="another program is writing to it"):
            append_memory(grown(room), file)
    append_memory(grown(room), file)


def test_a_disk_that_fills_up_while_appending_leaves_the_file_as_it_was(room, tmp_path, monkeypatch):
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    before = file.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(MemoryFileError, match="No space left"):
        append_memory(grown(room), file)
    assert file.read_bytes() == before


def test_an_append_cut_off_anywhere_leaves_the_old_state(room, tmp_path):
    """Whatever part of an append reached the disk, the file opens as before or as after it, and can be gone on with."""
    file = tmp_path / "room.mosaic"
    save_memory(room, file)
    before = file.stat().st_size
    more = grown(room)
    append_memory(more, file)
    data = file.read_bytes()
    rng = np.random.default_rng(0)
    for end in (*rng.integers(before, len(data), 40).tolist(), *range(len(data) - 30, len(data))):
        file.write_bytes(data[:end])
        memory = open_memory(file)
        assert len(memory.views) == len(room.views) and memory.placements.same_as(room.placements)
    with open_archive(file) as archive:
        assert archive.unfinished_bytes > 0
    append_memory(more, file)
    assert file.read_bytes() == data


def killed_at_random(work: Callable[[], None], longest_s: float, rng: np.random.Generator) -> None:
    """Run `work` in a child process and kill it (SIGKILL) after a random time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 remarks on forking beside threads; this child only computes
        child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(float(rng.uniform(0, longest_s)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.slow
def test_fifty_kills_while_saving_leave_a_whole_file(room, tmp_path):
    file, states = tmp_path / "room.mosaic", (room, grown(room))
    save_memory(states[0], file)
    started = time.monotonic()
    save_memory(states[0], file)
    seconds = time.monotonic() - started
    rng = np.random.default_rng(1)

    def save_for_ever() -> None:
        for turn in range(1000):
            save_memory(states[turn % 2], file)

    for _ in range(50):
        killed_at_random(save_for_ever, 3 * seconds, rng)
        memory = load_memory(file)
        assert_same(memory, states[len(memory.views) - len(room.views)])
    assert list(tmp_path.glob(".room.mosaic.*.part")), "some of them in the middle of a save"


@pytest.mark.slow
def test_fifty_kills_while_appending_leave_a_whole_file(room, tmp_path):
    """The child appends one state after the other: views, edits and features; the file always holds one of them."""
    states = [room]
    for index in range(12):
        memory = states[-1].edited(edits.translate(placements_of(room, RED), (0.01 * index, 0, 0)))
        if index % 4 == 3:
            camera = camera_at((0, -3 - 0.1 * index, 3), height=48, width=64)
            memory = memory.with_views([view_of(camera, name=f"Late {index}")], NAMES)
            table = Features.of(np.random.default_rng(index).normal(size=(len(memory.patches), 64)), "bfloat16")
            memory = memory.with_features(f"engine{index}", table)
        states.append(memory)
    file, rng, torn, kinds = tmp_path / "room.mosaic", np.random.default_rng(2), 0, set()

    def append_all(first: int) -> None:
        for state in states[first:]:
            append_memory(state, file)

    at = len(states)
    for _ in range(50):
        if at >= len(states) - 1:
            save_memory(states[0], file)
            at = 0
        killed_at_random(lambda first=at: append_all(first), 0.15, rng)
        with open_archive(file) as archive:
            torn += archive.unfinished_bytes > 0
        memory = load_memory(file)
        found = next(i for i in range(at, len(states)) if len(states[i].edits) == len(memory.edits))
        found += found + 1 < len(states) and len(states[found].views) < len(memory.views)
        assert_same(memory, states[found])
        at = found
        kinds.add(found)
    # How many fall into an append depends on the machine; cuts at many places are tested by themselves.
    assert torn >= 1 and len(kinds) >= 3, (torn, kinds)


def test_what_was_seen_again_is_appended_and_comes_back(tmp_path):
    from mosaic_core.memory.sightings import Sightings

    file, memory = tmp_path / "room.mosaic", room_memory()
    save_memory(memory, file)
    assert not load_memory(file).sightings.blocks
    rows = np.arange(1, len(memory.patches) + 1)
    for again in (1, 2):
        seen = replace(memory, sightings=Sightings().with_rows(np.repeat(rows[:5], again), np.full(5 * again, 2.5)))
        append_memory(seen, file)
        counts, last_s = load_memory(file).sightings.of_rows(rows)
        assert counts.tolist() == [again] * 5 + [0] * (len(rows) - 5)
        assert (last_s[:5] == 2.5).all() and np.isneginf(last_s[5:]).all()
    size = file.stat().st_size
    append_memory(seen, file)
    assert file.stat().st_size == size, "nothing was new"
