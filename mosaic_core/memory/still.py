"""What of a memory stands still: models are fed that alone, because what moves by itself is somewhere else by now."""

from __future__ import annotations

import numpy as np

from .memory import Memory
from .placements import DYNAMIC


def still_memory(memory: Memory) -> Memory:
    """Without what moves by itself; the same memory where nothing does."""
    still = (memory.placements.flags & DYNAMIC) == 0
    return memory if still.all() else memory.with_placements(memory.placements.taken(np.flatnonzero(still)))
