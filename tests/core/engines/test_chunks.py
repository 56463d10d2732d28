"""Chunks: every frame once, never more than fit, and what is given on both sides of a retake."""

from __future__ import annotations

import pytest

from mosaic_core.engines.chunks import chunks_of


def parts(indices, *, count: int) -> list[tuple[list[int], list[int], list[int]]]:
    return [
        (list(chunk.before), list(chunk.new), list(chunk.after))
        for chunk in chunks_of(indices, count=count, size=6, given=2)
    ]


def test_a_whole_path_starts_with_a_whole_chunk_and_goes_on_from_two_frames():
    assert parts(range(11), count=11) == [
        ([], [0, 1, 2, 3, 4, 5], []),
        ([4, 5], [6, 7, 8, 9], []),
        ([8, 9], [10], []),
    ]


def test_a_retake_begins_and_ends_at_frames_that_stay():
    assert parts(range(5, 8), count=20) == [([3, 4], [5, 6, 7], [8])]
    assert parts(range(5, 9), count=20) == [([3, 4], [5, 6, 7], []), ([6, 7], [8], [9, 10])]
    assert parts([0], count=20) == [([], [0], [1, 2])]
    assert parts([19], count=20) == [([17, 18], [19], [])]
    assert parts([2, 4], count=5) == [([0, 1], [2], [3, 4]), ([2, 3], [4], [])]


@pytest.mark.parametrize("count", range(1, 16))
def test_every_frame_is_made_once_in_a_chunk_that_fits(count):
    for start in range(count):
        for stop in range(start + 1, count + 1):
            indices = [*range(start, stop), *range(stop + 2, count)]
            chunks = list(chunks_of(indices, count=count, size=6, given=2))
            assert [index for chunk in chunks for index in chunk.new] == indices
            assert all(0 < len(chunk.frames) <= 6 and chunk.frames.stop <= count for chunk in chunks)
            last = next(chunk for chunk in chunks if chunk.new.stop == stop)
            assert bool(last.after) == (stop < count), "it arrives where the clip goes on"
