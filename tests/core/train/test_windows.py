"""Windows: memories of small known clips, edited as the clips are, damaged within bounds, and kept on disk."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

pytest.importorskip("torch")

from mosaic_core.errors import MosaicError
from mosaic_core.model.memory_cells import CellReader, MemoryCells
from mosaic_core.model.weights import AUTOENCODER, SHIPPED, load_autoencoder
from mosaic_core.train.clips import EDIT_FRAME, Clip, make_clip, read_clip, write_clips
from mosaic_core.train.clips import FRAMES as CLIP_FRAMES
from mosaic_core.train.latents import encode_clip, read_latents
from mosaic_core.train.renderings import read_rendering, write_renderings
from mosaic_core.train.scenes import FIRST_THING
from mosaic_core.train.windows import (
    FRAMES,
    SHIFT_PX,
    STRIDE_PX,
    camera_of,
    drawn,
    edited_like,
    memory_of,
    read_window,
    window_of,
    write_windows,
)

HEIGHT, WIDTH = 48, 80
MOVED, COPIED, DELETED, PLAIN = 12, 28, 25, 4  # seeds


@pytest.fixture(scope="module")
def clips() -> dict[int, Clip]:
    return {seed: make_clip(seed, image_height=HEIGHT, image_width=WIDTH) for seed in (MOVED, COPIED, DELETED, PLAIN)}


def shown(clip: Clip, memory, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """For each cell the object whose pixels memory shows there, -1 = it is not sure of any; and the truth."""
    grid = {"height": HEIGHT // STRIDE_PX, "width": WIDTH // STRIDE_PX}
    cells = CellReader(memory).read([camera_of(clip, frame)], **grid)
    view, (x, y) = cells.view[0], (cells.source_share[0] * (WIDTH, HEIGHT)).astype(int).transpose(2, 0, 1)
    ids = np.stack([v.object_ids for v in memory.views])[view, y.clip(0, HEIGHT - 1), x.clip(0, WIDTH - 1)]
    half = STRIDE_PX // 2
    return np.where((view >= 0) & (cells.confidence[0] > 0.05), ids, -1), clip.object_ids[frame][half::8, half::8]


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "kind"), [(MOVED, "moved"), (COPIED, "copied"), (DELETED, "deleted")])
def test_memory_of_what_was_before_is_edited_as_the_clip_was(clips, seed, kind):
    clip = clips[seed]
    assert str(clip.edit) == kind, "another seed is needed"
    thing = int(clip.edited_id)
    things = (thing, clip.object_ids[EDIT_FRAME:].max()) if kind == "copied" else (thing,)
    before = memory_of(clip, np.arange(0, EDIT_FRAME, 2))
    right, wrong = 0, {"edited": 0, "as it was": 0}
    for frame in (EDIT_FRAME, EDIT_FRAME + 4):
        for name, memory in (("edited", edited_like(clip, before)), ("as it was", before)):
            ids, truth = shown(clip, memory, frame)
            is_thing = np.isin(truth, things)
            known = ids >= 0
            wrong[name] += int((known & ((ids == thing) != is_thing)).sum())
            right += int((known & (ids == thing) & is_thing).sum()) if name == "edited" else 0
    assert wrong["edited"] < 0.5 * wrong["as it was"], (wrong, right)
    assert right == 0 if kind == "deleted" else right > 5


def test_windows_of_edited_clips_lie_anywhere_after_the_edit_and_remember_what_was_before(clips):
    """Regression: all began with the edit, where a camera has hardly left what was captured."""
    starts = set()
    for seed in (MOVED, COPIED, DELETED):
        for index in range(8):
            frames, remembered, _ = drawn(clips[seed], (seed, index))
            assert frames.tolist() == list(range(frames[0], frames[0] + FRAMES)) and frames[-1] < CLIP_FRAMES
            assert remembered.max() < EDIT_FRAME <= frames[0]
            starts.add(int(frames[0]))
    assert min(starts) < EDIT_FRAME + 5 and max(starts) + FRAMES > CLIP_FRAMES - 5


def test_windows_of_other_clips_remember_other_frames_and_follow_from_their_seed(clips):
    starts = set()
    for index in range(4):
        window, again = (window_of(clips[PLAIN], (PLAIN, index)) for _ in range(2))
        starts.add(int(window.frames[0]))
        assert (np.diff(window.frames) == 1).all() and len(window.frames) == FRAMES
        assert window.frames.max() < CLIP_FRAMES
        if len(window.remembered) > 1:
            assert not np.isin(window.remembered, window.frames).any() and (np.diff(window.remembered) > 0).all()
        assert window.cells.view.shape == (FRAMES, HEIGHT // STRIDE_PX, WIDTH // STRIDE_PX)
        assert window.cells.view.max() < len(window.remembered) and (window.cells.view >= 0).any()
        for field in fields(MemoryCells):
            assert np.array_equal(getattr(window.cells, field.name), getattr(again.cells, field.name)), field.name
    assert len(starts) > 1


def test_half_of_the_memories_lie_on_one_side_of_the_window_some_of_them_a_way_off(clips):
    """So that holes at the edge of what was captured, a path's usual ones, are met in training."""
    sides, gaps = [], []
    for index in range(80):
        frames, remembered, _ = drawn(clips[PLAIN], (PLAIN, index))
        if len(remembered) == 1:
            continue
        before, after = remembered[remembered < frames[0]], remembered[remembered > frames[-1]]
        assert len(before) + len(after) == len(remembered)
        sides.append(not (len(before) and len(after)))
        if sides[-1]:
            gaps.append(frames[0] - before[-1] - 1 if len(before) else after[0] - frames[-1] - 1)
    assert 0.4 < np.mean(sides) < 0.85 and max(gaps) > 6 and min(gaps) < 2


def test_a_memory_of_the_frame_itself_shows_it_in_place(clips):
    clip = clips[PLAIN]
    ids, truth = shown(clip, memory_of(clip, np.array([3])), 3)
    assert (ids >= 0).mean() > 0.85 and (ids == truth)[ids >= 0].mean() > 0.9


def test_damaged_depth_is_a_little_off_and_nothing_else_is(clips):
    clip, frames = clips[PLAIN], np.arange(0, 24, 3)
    whole, damaged = memory_of(clip, frames), memory_of(clip, frames, rng=np.random.default_rng(0))
    assert any(not np.array_equal(a.z_depth, b.z_depth) for a, b in zip(whole.views, damaged.views, strict=True))
    for before, after in zip(whole.views, damaged.views, strict=True):
        assert np.array_equal(before.rgb, after.rgb) and np.array_equal(before.sky, after.sky)
        assert np.array_equal(before.object_ids, after.object_ids) and np.isinf(after.z_depth[after.sky]).all()
        padded = np.pad(before.z_depth, SHIFT_PX, mode="edge")
        around = np.lib.stride_tricks.sliding_window_view(padded, (2 * SHIFT_PX + 1,) * 2).reshape(HEIGHT, WIDTH, -1)
        known = np.isfinite(after.z_depth)
        assert (after.z_depth[known] > 0.88 * around.min(-1)[known]).all()
        assert (after.z_depth[known] < 1.12 * around.max(-1)[known]).all()
        assert (known | before.sky)[np.isfinite(around).all(-1)].all(), "what was known far from the sky still is"


def test_a_thing_that_memory_never_saw_cannot_be_edited(clips):
    clip = replace(clips[MOVED], edited_id=np.array(FIRST_THING + 90))
    memory = memory_of(clip, np.array([0]))
    assert edited_like(clip, memory) is memory


def test_windows_come_back_from_disk_and_are_made_once(tmp_path):
    files = write_clips(tmp_path / "clips", range(3, 5), image_height=32, image_width=64)
    targets = write_windows(files, tmp_path / "windows", variants=2)
    assert [target.name for target in targets] == ["windows_0000003.npz", "windows_0000004.npz"]
    expected, window = window_of(read_clip(files[0]), (3, 1, 7)), read_window(targets[0], 1)
    assert np.array_equal(window.frames, expected.frames) and np.array_equal(window.remembered, expected.remembered)
    for field in fields(MemoryCells):
        assert np.array_equal(getattr(window.cells, field.name), getattr(expected.cells, field.name)), field.name
    first = targets[0].read_bytes()
    targets[1].unlink()
    files[0].unlink()  # its windows are there, so nobody asks for it
    assert write_windows(files, tmp_path / "windows", variants=2) == targets and targets[1].exists()
    assert targets[0].read_bytes() == first
    with pytest.raises(MosaicError, match="holds no window 2 of training data"):
        read_window(targets[0], 2)


def test_renderings_are_latents_of_what_the_windows_memory_shows_and_are_made_once(tmp_path):
    files = write_clips(tmp_path / "clips", range(3, 4), image_height=32, image_width=64)
    weights = SHIPPED / AUTOENCODER
    (target,) = write_renderings(weights, files, tmp_path / "renderings", variants=2, say=lambda text: None)
    window, clip = window_of(read_clip(files[0]), (3, 1, 7)), encode_clip(load_autoencoder(weights), files[0])
    rendering, truth = read_rendering(target, 1), clip.latents(window.frames)
    assert rendering.latents.shape == truth.shape and rendering.share.shape == (FRAMES, 1, 4, 8)
    whole = (rendering.share == 1).expand(truth.shape)
    assert whole.any()
    error, nothing = (rendering.latents - truth)[whole].square().mean(), truth[whole].square().mean()
    assert error < 0.25 * nothing, (error, nothing)
    files[0].unlink()
    assert write_renderings(weights, files, tmp_path / "renderings") == [target]


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (read_clip, "is no clip of training data"),
        (read_latents, "holds no latents of training data"),
        (lambda file: read_window(file, 0), "holds no window 0 of training data"),
        (lambda file: read_rendering(file, 0), "holds no rendering 0 of training data"),
    ],
)
def test_a_damaged_file_is_named_in_one_sentence(tmp_path, read, words):
    file = tmp_path / "data.npz"
    np.savez(file, a=np.zeros(100))
    whole = file.read_bytes()
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0xFF
    for content in (b"", b"nonsense", whole, whole[: len(whole) // 2], whole[:-10], bytes(broken)):
        file.write_bytes(content)
        with pytest.raises(MosaicError, match=words) as caught:
            read(file)
        assert "\n" not in str(caught.value)
    np.save(tmp_path / "one.npy", np.zeros(3))
    for other in (tmp_path / "missing.npz", tmp_path, tmp_path / "one.npy"):
        with pytest.raises(MosaicError, match=words):
            read(other)
