"""`TimedReader`: a memory read along a path, where placements may come and go with time."""

from __future__ import annotations

from threading import Lock

import numpy as np

from ..cameras import Camera
from .memory import Memory
from .picture import Readout
from .readout import MemoryReader
from .view_parts import ViewParts


class TimedReader:
    """Reads a memory at any time, and builds its reader anew only when other placements are shown. Safe for threads."""

    def __init__(self, memory: Memory, parts: ViewParts | None = None) -> None:
        """`parts` keeps what no edit changes for the reader of the next state."""
        self._memory, self._parts = memory, parts
        self._reader: MemoryReader | None = None
        self._lock = Lock()

    def rgb(self, camera: Camera, time_s: float) -> Readout:
        """`MemoryReader.rgb` of what is shown at that time. Raises `MosaicError` for a memory without views."""
        placements = self._memory.placements
        since, until = placements.time_range_s.T
        shown = placements.visible & (since <= time_s) & (time_s < until)
        with self._lock:
            reader = self._reader
            if reader is None or not np.array_equal(shown, reader.shown):
                reader = self._reader = MemoryReader(self._memory, time_s=time_s, parts=self._parts)
        return reader.rgb(camera, time_s=time_s)
