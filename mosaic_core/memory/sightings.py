"""`Sightings`: how often each patch was seen again, and when last. What merging keeps of the patches it does not add.

Two numbers a patch, however often it is seen. They are held in blocks that versions share: a write copies the blocks it
touches and no others, so old versions keep their numbers and a large memory costs no more than a small one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BLOCK = 4096
_MOST = np.iinfo(np.uint16).max
_ENTRY = np.dtype([("count", np.uint16), ("last_s", np.float32)])


@dataclass(frozen=True, eq=False)
class Sightings:
    """Row r's numbers stand in block (r - 1) // 4096. A block that nobody wrote to is not there."""

    blocks: tuple[np.ndarray | None, ...] = ()

    def with_rows(
        self,
        rows: np.ndarray,  # (n,) from 1, repeats count
        times_s: np.ndarray,  # (n,)
    ) -> Sightings:
        """These sightings and more: each row was seen once more, at that time."""
        blocks = list(self.blocks)
        # The latest last: of several assignments to one row, the last one stays.
        order = np.argsort(times_s, kind="stable")
        rows, times_s = np.asarray(rows, np.intp)[order], np.asarray(times_s, np.float32)[order]
        block, within = np.divmod(rows - 1, _BLOCK)
        for number in np.flatnonzero(np.bincount(block)) if len(block) else ():
            blocks += [None] * (number + 1 - len(blocks))
            mine = np.flatnonzero(block == number)
            old = blocks[number]
            new = np.zeros(_BLOCK, _ENTRY) if old is None else old.copy()
            if old is None:
                new["last_s"] = -np.inf
            again = np.bincount(within[mine], minlength=_BLOCK)
            new["count"] = np.minimum(new["count"] + again, _MOST)
            new["last_s"][within[mine]] = np.maximum(new["last_s"][within[mine]], times_s[mine])
            new.flags.writeable = False
            blocks[number] = new
        return Sightings(tuple(blocks))

    def of_rows(
        self,
        rows: np.ndarray,  # (n,) from 1
    ) -> tuple[np.ndarray, np.ndarray]:  # (n,) int64 how often, (n,) float32 when last; 0 and -inf = never again
        """How often patches were seen again after they were written, and when last."""
        rows = np.asarray(rows, np.intp)
        counts, last = np.zeros(len(rows), np.int64), np.full(len(rows), -np.inf, np.float32)
        block, within = np.divmod(rows - 1, _BLOCK)
        for number, entries in enumerate(self.blocks):
            if entries is not None:
                mine = np.flatnonzero(block == number)
                counts[mine], last[mine] = entries["count"][within[mine]], entries["last_s"][within[mine]]
        return counts, last

    @property
    def nbytes(self) -> int:
        """What they take in memory."""
        return sum(entries.nbytes for entries in self.blocks if entries is not None)

    @classmethod
    def of_columns(cls, counts: np.ndarray, last_s: np.ndarray) -> Sightings:
        """From a number and a time a row."""
        full = -(-len(counts) // _BLOCK) * _BLOCK
        entries = np.zeros(full, _ENTRY)
        entries["last_s"] = -np.inf
        entries["count"][: len(counts)], entries["last_s"][: len(counts)] = np.clip(counts, 0, _MOST), last_s
        entries.flags.writeable = False
        return cls(tuple(entries[i : i + _BLOCK] for i in range(0, full, _BLOCK)))
