"""What of a memory models are fed: what stands still, and what is followed.

What moves by itself is somewhere else by now. Where `movers` knows where, a picture of the memory shows it there; the
rest is left out, and the model makes it up. Latents that are asked for by cell and patch stay with what stands.
"""

from __future__ import annotations

import numpy as np

from .memory import Memory
from .movers import ids_of, movers_of
from .placements import DYNAMIC


def still_memory(memory: Memory) -> Memory:
    """Without what moves by itself; the same memory where nothing does."""
    still = (memory.placements.flags & DYNAMIC) == 0
    return memory if still.all() else memory.with_placements(memory.placements.taken(np.flatnonzero(still)))


def known_memory(memory: Memory) -> Memory:
    """Without what moves by itself and nobody can follow; the same memory where there is no such thing."""
    lost = (memory.placements.flags & DYNAMIC) != 0
    if lost.any():
        lost &= ~np.isin(memory.placements.ids, ids_of(movers_of(memory)))
    return memory.with_placements(memory.placements.taken(np.flatnonzero(~lost))) if lost.any() else memory
