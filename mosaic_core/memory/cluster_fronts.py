"""Dropping clusters of placements whole: what cannot come before what is known needs no asking.

Patches that views took of one surface lie in one plane, or nearly: a cluster of them is a flat box. All its placements
are behind the face of the box that looks at the camera. Where that face, at every cell that the box covers, is behind
the placement already found there, none of the cluster can be seen.
"""

from __future__ import annotations

import numpy as np

from .depth_keys import FAINTEST, LARGEST_BITS, STEP_BITS, faintest_of
from .lens import SLACK_PX, Lens
from .placed_patches import Clusters

# Cells along the side of the window in which a placement is asked. A cluster takes one of the small ones for all its
# placements; where none is wide enough, each placement gets a window of its own.
SMALL_WINDOWS = (2, 3, 4)
# The largest windows, in cells, in which a cluster as a whole is compared with what is known.
_FRONT_WINDOWS = (3, 4, 6, 8)
_FRONT_SLACK = np.float32(1 + 1e-5)


class ClusterFronts:
    """The clusters that a camera may see, each as the plane that all its placements lie behind."""

    def __init__(self, clusters: Clusters, lens: Lens) -> None:
        self._lens = lens
        inside, nearest = lens.sees(*clusters.sphere)
        self.visible = np.flatnonzero(inside)
        seen, nearest = clusters.taken(self.visible), nearest[self.visible]
        reach = lens.reach_px(seen.sphere, nearest, seen.patch_half_axes).max(axis=0)
        self.window = np.zeros(len(nearest), np.int32)
        for k in SMALL_WINDOWS[::-1]:
            self.window[reach <= k / 2 - SLACK_PX] = k
        point = np.concatenate([seen.centre, np.zeros((1, len(nearest)), np.float32)])
        (self._left, self._right), (self._top, self._bottom) = lens.window(point, nearest, seen.half_axes)
        eye = sum(n * e for n, e in zip(seen.normal, lens.eye, strict=True))
        nx, ny, nz = seen.normal
        self._a, self._b, self._c = lens.tilt(nx, ny, nz, np.where(eye > seen.slab[1], seen.slab[1], seen.slab[0]))
        self._is_between = (eye >= seen.slab[0]) & (eye <= seen.slab[1])
        self._first_rank = seen.first_rank

    def most_ahead(self, known: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Those of the chosen clusters that may hold an answer: farthest ahead first, then lowest rank."""
        ahead = self._ahead_of(known, chosen)
        order = np.lexsort((self._first_rank[chosen], -np.round(np.minimum(ahead, 1e6) * 1024)))
        return chosen[order[: np.count_nonzero(ahead > 0)]]

    def _ahead_of(self, known: np.ndarray, chosen: np.ndarray) -> np.ndarray:  # (n,) float32
        """How far in front of what is known a cluster may come, relative, at the best of its cells; 0 = nowhere."""
        side = np.maximum(self._right - self._left, self._bottom - self._top)[chosen]
        is_empty = ((self._right <= self._left) | (self._bottom <= self._top))[chosen]
        ahead = np.where(is_empty, 0, np.inf).astype(np.float32)
        least = 0
        for window in _FRONT_WINDOWS:
            mine = np.flatnonzero((side > least) & (side <= window) & ~is_empty & ~self._is_between[chosen])
            ahead[mine] = self._ahead_in(window, chosen[mine], known)
            least = window
        return ahead

    def _ahead_in(self, window: int, chosen: np.ndarray, known: np.ndarray) -> np.ndarray:
        columns = (self._left, self._right, self._top, self._bottom, self._a, self._b, self._c, self._first_rank)
        left, right, top, bottom, a, b, c, rank = (column[chosen] for column in columns)
        best, half = np.zeros(len(chosen), np.float32), np.float32(0.5)
        faintest = np.maximum(faintest_of(known), np.float32(FAINTEST))
        for step in np.ndindex(window, window):
            row, column = np.minimum(top + step[0], bottom - 1), np.minimum(left + step[1], right - 1)
            inverse = a * (column + half).astype(np.float32) + (b * (row + half).astype(np.float32) + c)
            inverse = inverse * _FRONT_SLACK
            cell = row * self._lens.width + column
            settled = known[cell]
            # By whole steps of depth, then by rank, as placements themselves are compared.
            steps = (LARGEST_BITS - inverse.view(np.int32).astype(np.int64)) >> STEP_BITS
            open_ = (inverse > 0) & ((steps << 32 | rank) <= settled)
            best = np.where(open_, np.maximum(best, inverse / faintest[cell]), best)
        return best
