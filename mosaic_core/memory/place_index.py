"""Which patch was seen last at a place? A hash of voxels, so that a write asks about its own places and no others.

Open addressing in two flat arrays, all keys of a call probed together. It belongs to one version of the patch table and
moves on with it; a fork of the memory makes its own.
"""

from __future__ import annotations

import numpy as np

from .patches import Patches
from .voxels import voxel_keys

# At most this share of the slots is taken: probes stay short.
_LOAD = 0.5
# Directions of sky are sorted into voxels this large on the unit sphere, 2 ** level.
_SKY_LEVEL = -3.0


class PlaceIndex:
    """Row by place for the non-empty patch table `patches`."""

    def __init__(self, patches: Patches, worlds: np.ndarray) -> None:
        """`worlds` (V,): the world of each view."""
        self.patches = patches
        self._keys = np.zeros(1 << 12, np.uint64)
        self._rows = np.zeros(1 << 12, np.int32)
        self._used = 0
        keys = place_keys(patches, worlds[patches.view])
        self._put(keys, np.arange(1, len(patches) + 1, dtype=np.int32))

    def rows_at(self, keys: np.ndarray) -> np.ndarray:  # (n,) int32, 0 = nothing was seen there
        """The row that was put down last at each key."""
        slots, found = self._probe(keys)
        return np.where(found, self._rows[slots], 0)

    def follow(self, patches: Patches, keys: np.ndarray) -> None:
        """Go on as the index of a longer table; `keys` (n,) of its new rows, in order."""
        self._put(keys, np.arange(len(self.patches) + 1, len(patches) + 1, dtype=np.int32))
        self.patches = patches

    def _put(self, keys: np.ndarray, rows: np.ndarray) -> None:
        keys, last = np.unique(keys[::-1], return_index=True)
        rows = rows[::-1][last]
        while self._used + len(keys) > _LOAD * len(self._keys):
            self._enlarge()
        self._insert(keys, rows)

    def _insert(self, keys: np.ndarray, rows: np.ndarray) -> None:  # keys distinct
        slots, found = self._probe(keys)
        self._rows[slots[found]] = rows[found]
        keys, rows, slots = keys[~found], rows[~found], slots[~found]
        self._used += len(keys)
        while len(keys):
            # Several keys may want one empty slot: one gets it, the others look on.
            self._keys[slots] = keys
            won = self._keys[slots] == keys
            self._rows[slots[won]] = rows[won]
            keys, rows = keys[~won], rows[~won]
            slots = self._probe(keys)[0]

    def _probe(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (n,) slot, (n,) bool holds the key
        """The slot of each key, or the empty one where it would go. The key 0 stands for an empty slot."""
        mask = np.uint64(len(self._keys) - 1)
        slots = (keys & mask).astype(np.intp)
        there = self._keys[slots]
        left = np.flatnonzero((there != keys) & (there != 0))
        while len(left):
            slots[left] = (slots[left] + 1) & int(mask)
            there = self._keys[slots[left]]
            left = left[(there != keys[left]) & (there != 0)]
        return slots, self._keys[slots] == keys

    def _enlarge(self) -> None:
        taken = np.flatnonzero(self._keys)
        keys, rows = self._keys[taken], self._rows[taken]
        self._keys = np.zeros(2 * len(self._keys), np.uint64)
        self._rows = np.zeros(2 * len(self._rows), np.int32)
        self._used = 0
        self._insert(keys, rows)


def place_keys(
    patches: Patches,
    worlds: np.ndarray,  # (n,) of each patch's view
) -> np.ndarray:  # (n,) uint64, never 0
    """The voxel of each patch's centre, as large as the patch or up to twice that; for sky, of its direction."""
    with np.errstate(divide="ignore"):
        level = np.where(patches.sky, _SKY_LEVEL, np.ceil(np.log2(np.nan_to_num(patches.size_m, nan=1.0))))
    level = np.clip(level, -40, 40)
    keys = voxel_keys(patches.centre_world.astype(np.float64), level, 2 * worlds.astype(np.int64) + patches.sky)
    return np.maximum(keys, np.uint64(1))
