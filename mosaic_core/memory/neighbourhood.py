"""Which patches touch, wherever they came from: what "connected", "grow" and "shrink" mean for a selection.

Patches of different views overlap, leave slits and differ in size, so there are no shared edges to follow. Two patches
touch where their middles are no farther apart than they are wide, each lies about in the plane of the other, and they
face about the same way (along the line where a crate's front meets the floor, each lies in the plane of the other).
Found through a grid of cubes per octave of size, so that a wall far away is no burden to the pebbles in front of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Middles of patches that touch side by side are one width apart; views sample the same wall with gaps of their own.
REACH = 0.85  # of the sum of both widths
# How far a middle may lie off the other's plane, as a share of that distance: normals may differ by some 40 degrees.
OFF_PLANE = 0.36
ALIKE = np.cos(np.radians(40))  # of two normals
# Patches whose widths differ by more than this many octaves do not touch: the large one hides the small ones' detail.
OCTAVES = 2
_BITS = 21  # of a cube's number along each axis


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """n patches and the pairs among them that touch."""

    count: int
    pairs: np.ndarray  # (m, 2) int64, each pair once

    @staticmethod
    def of(quads: np.ndarray) -> Neighbourhood:  # (n, 4, 3) metres; nan for what has no place
        """Look for the pairs."""
        quads = np.asarray(quads, np.float64)
        placed = np.flatnonzero(np.isfinite(quads).all(axis=(1, 2)))
        middles, normals, widths = _shapes(quads[placed])
        octave = np.floor(np.log2(np.maximum(widths, 1e-6))).astype(np.int64)
        found = [np.zeros((0, 2), np.int64)]
        for size in np.unique(octave):
            mine = np.flatnonzero(octave == size)
            others = np.flatnonzero((octave <= size) & (octave > size - OCTAVES))
            # Twice the largest width of this octave, times the reach, is as far apart as two of them may be.
            a, b = _near(middles, mine, others, 2.0 ** (size + 2) * REACH)
            kept = (octave[b] < size) | (a < b)
            a, b = a[kept], b[kept]
            a, b = (part[_touch(middles, normals, widths, a, b)] for part in (a, b))
            found.append(np.stack([placed[a], placed[b]], axis=1))
        return Neighbourhood(len(quads), np.concatenate(found))

    def grown(self, selected: np.ndarray) -> np.ndarray:  # (n,) bool
        """With everything that touches it."""
        after = selected.copy()
        a, b = self.pairs.T
        after[a[selected[b]]] = True
        after[b[selected[a]]] = True
        return after

    def shrunk(self, selected: np.ndarray) -> np.ndarray:  # (n,) bool
        """Without what touches something else."""
        return ~self.grown(~selected)

    def connected(self, selected: np.ndarray) -> np.ndarray:  # (n,) bool
        """With everything that can be reached from it, patch by patch."""
        return np.isin(self.labels, self.labels[selected])

    @property
    def labels(self) -> np.ndarray:  # (n,) int64
        """The same number for patches that are connected: the smallest of their positions."""
        label = np.arange(self.count)
        a, b = self.pairs.T
        while True:
            low = np.minimum(label[a], label[b])
            after = label.copy()
            # The root of either learns of the lower one, so that long chains fold up fast.
            for end in (a, b):
                np.minimum.at(after, label[end], low)
            after = after[after]
            if np.array_equal(after, label):
                return label
            label = after


def _shapes(quads: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # (n, 3), (n, 3), (n,)
    """Middles, unit normals, and widths: the root of the area."""
    across, along = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    normals = np.cross(across, along)
    twice_area = np.linalg.norm(normals, axis=1)
    return quads.mean(axis=1), normals / np.maximum(twice_area, 1e-12)[:, None], np.sqrt(twice_area / 2)


def _near(
    middles: np.ndarray, mine: np.ndarray, others: np.ndarray, side: float
) -> tuple[np.ndarray, np.ndarray]:  # (m,) positions of mine, (m,) of others
    """All pairs whose cubes of that side are the same or neighbours."""
    cubes = np.floor(middles / side).astype(np.int64)
    key = _key(cubes[others])
    order = np.argsort(key, kind="stable")
    key = key[order]
    a, b = [], []
    for step in np.ndindex(3, 3, 3):
        wanted = _key(cubes[mine] + np.array(step) - 1)
        first, last = np.searchsorted(key, wanted, "left"), np.searchsorted(key, wanted, "right")
        count = last - first
        a.append(np.repeat(mine, count))
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        b.append(others[order[np.repeat(first, count) + within]])
    return np.concatenate(a), np.concatenate(b)


def _key(cubes: np.ndarray) -> np.ndarray:  # (n, 3) -> (n,) int64
    x, y, z = (cubes & ((1 << _BITS) - 1)).T
    return (x << 2 * _BITS) | (y << _BITS) | z


def _touch(
    middles: np.ndarray, normals: np.ndarray, widths: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:  # (m,) bool
    apart = middles[b] - middles[a]
    distance = np.linalg.norm(apart, axis=1)
    close = distance <= REACH * (widths[a] + widths[b])
    off = np.maximum(*(np.abs((apart * normals[end]).sum(axis=1)) for end in (a, b)))
    alike = (normals[a] * normals[b]).sum(axis=1)
    # Two that show the very same spot are nearly at one place, and slightly off either plane by noise.
    same = distance <= 0.25 * np.minimum(widths[a], widths[b])
    return close & (same | (off <= OFF_PLANE * distance)) & (alike >= ALIKE)
