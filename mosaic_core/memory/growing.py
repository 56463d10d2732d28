"""Columns that grow at their end and are shared by all versions of a table.

A memory is frozen: writing views into it gives a new one. Copying a million rows for seven thousand new ones would make
every write as slow as the memory is large. So a table's columns are the first n rows of a buffer with room to spare.
The newest version appends into that room; older versions never look beyond their own n rows, and nothing they can see
is ever written again. A version that is not the newest (a fork) and a full buffer get a buffer of their own: one copy,
twice as large, so that the cost of a row stays constant on average. So does a column that gets numbers too large for
its type, which happens twice at most.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np

# A new buffer holds this many times the rows it starts with. Untouched room costs address space, not memory.
SPARE = 2.0
_LEAST_ROWS = 1024


class GrowingColumns:
    """The buffers behind a table's columns. Threads may append to the same one; each gets what it asked for."""

    def __init__(self, columns: Mapping[str, np.ndarray], *, room: int = 0) -> None:
        """Start from these columns (copied), with room for at least `room` more rows."""
        used = len(next(iter(columns.values())))
        capacity = max(int(SPARE * (used + room)), _LEAST_ROWS)
        self._lock = threading.Lock()
        self._used = used
        self._buffers = {n: np.zeros((capacity, *column.shape[1:]), column.dtype) for n, column in columns.items()}
        for name, column in columns.items():
            self._buffers[name][:used] = column

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(self._buffers)

    def first(self, count: int) -> dict[str, np.ndarray]:
        """The first `count` rows of every column, read-only."""
        columns = {name: buffer[:count] for name, buffer in self._buffers.items()}
        for column in columns.values():
            column.flags.writeable = False
        return columns

    def followed_by(self, more: Mapping[str, np.ndarray], *, after: int) -> GrowingColumns:
        """Where rows `after` and on are `more`: these buffers if they end there and have the room, new ones if not."""
        count = len(next(iter(more.values())))
        with self._lock:
            capacity = len(next(iter(self._buffers.values())))
            grown = self
            wider = {n: np.promote_types(buffer.dtype, more[n].dtype) for n, buffer in self._buffers.items()}
            outgrown = any(buffer.dtype != wider[n] for n, buffer in self._buffers.items())
            if self._used != after or after + count > capacity or outgrown:
                columns = {n: column.astype(wider[n], copy=False) for n, column in self.first(after).items()}
                grown = GrowingColumns(columns, room=count)
            for name, buffer in grown._buffers.items():
                buffer[after : after + count] = more[name]
            grown._used = after + count
        return grown
