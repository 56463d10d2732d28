"""How a path is cut into chunks, for a model that makes a few frames at a time and continues from those beside them.

A chunk begins with frames that are there already: made by the chunk before, or kept from an earlier clip. Where a kept
frame follows the last new one, the last chunk is given that as well, so that a retake in the middle of a clip arrives
where the clip goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Chunk:
    """Indices of frames that follow one another: given ones, those to make, given ones."""

    before: range
    new: range
    after: range

    @property
    def frames(self) -> range:
        """All of them."""
        return range(self.before.start, self.after.stop)


def chunks_of(indices: Sequence[int], *, count: int, size: int, given: int) -> Iterator[Chunk]:
    """Chunks of at most `size` frames that make these of a path's `count` frames, rising; up to `given` at each end."""
    for start, stop in _runs(indices):
        while start < stop:
            before = range(max(0, start - given), start)
            room, follows = size - len(before), stop < count
            left = stop - start
            if left + follows <= room:
                after = range(stop, min(count, stop + min(given, room - left)))
                yield Chunk(before, range(start, stop), after)
                break
            # One frame waits for the next chunk, where the last would leave no room for what follows.
            new = range(start, start + min(room, left - 1 if follows and left == room else left))
            yield Chunk(before, new, range(new.stop, new.stop))
            start = new.stop


def _runs(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first of indices that follow one another, and the one after their last."""
    start = previous = None
    for index in indices:
        if previous is not None and index != previous + 1:
            assert start is not None and index > previous, "indices rise"
            yield start, previous + 1
            start = None
        start, previous = index if start is None else start, index
    if start is not None and previous is not None:
        yield start, previous + 1
