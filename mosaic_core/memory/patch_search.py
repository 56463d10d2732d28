"""Which patch does each cell of a camera see? Exact, and the same bits with NumPy and torch, any number of threads.

The answer has a short definition: of all placements whose piece of plane the ray through the cell's centre hits
(`hits` below says it in arithmetic), the nearest; where depths differ by less than about 1 / 4096, the one of lowest
rank. A loop over cells and placements would do (`tests/core/reference_patches.py` is that loop). The rest of this
module only avoids work, and each shortcut leaves out nothing but placements that cannot win:

* clusters of placements outside the picture are dropped whole, by their sphere;
* a placement is asked only at the few cells that it can reach, the same number for all of a cluster;
* clusters are flat, most of them: one whose front is behind what is known at all of its cells is dropped whole. For
  this one placement of each cluster is asked first, then the clusters that promise most;
* a placement is asked for its depth first, and for more only if no nearer one is already known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from .arrays import Array, Arrays
from .cluster_fronts import SMALL_WINDOWS, ClusterFronts
from .depth_keys import FAINTEST, LARGEST_BITS, NEAREST, STEP_BITS, STEP_MASK
from .lens import Lens, rays_of
from .placed_patches import BOX, CLUSTER, PLANE, RANK, SOURCE, SPHERE, THICK, PlacedPatches
from .splatting import FARTHEST

_PAD = max(SMALL_WINDOWS)
# Pairs of placement and cell that are worked through at once.
_PAIRS_AT_ONCE = 1 << 15
# What is asked before the rest is judged again: one in so many of those left.
_SHARES = (6, 1)
# Which of a cluster's placements are asked before anything.
_SAMPLE = (0,)


class PatchSearch:
    """Finds what cameras see of one table of placed patches, with the given array library."""

    def __init__(self, placed: PlacedPatches, arrays: Arrays) -> None:
        self._placed, self._arrays = placed, arrays
        self._rows = arrays.of(placed.rows)
        self._columns = [arrays.of(column) for column in placed.columns]
        self._clusters = [column.reshape(-1, CLUSTER) for column in self._columns]
        self._px_from_edited = arrays.of(placed.px_from_edited)
        self._rank = arrays.of(placed.rows.view(np.int32)[:, RANK].copy())

    def nearest(self, camera: Camera) -> Array:  # (h * w,) int64
        """A key a cell: `FARTHEST` where nothing is seen, else a rank, see `rank_of`."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            frame = _Frame(camera, self._arrays)
            front = ClusterFronts(self._placed.clusters, frame.lens)
            self._ask_sample(frame, front)
            # The most promising first: with what they settle, fewer of the others are worth asking.
            left = np.arange(len(front.visible))
            for share in _SHARES:
                left = front.most_ahead(frame.known(), left)
                count = -(-len(left) // share)
                self._ask_lots(frame, front, left[:count])
                left = left[count:]
        return frame.best

    def _ask_sample(self, frame: _Frame, front: ClusterFronts) -> None:
        for k in SMALL_WINDOWS:
            clusters = front.visible[front.window == k]
            place = self._arrays.of(np.concatenate([clusters * CLUSTER + step for step in _SAMPLE]))
            columns = [self._arrays.take(column, place) for column in self._columns]
            self._confirm(frame, self._asked(frame, columns, place, k))

    def _ask_lots(self, frame: _Frame, front: ClusterFronts, chosen: np.ndarray) -> None:
        at_once = self._arrays.at_once // CLUSTER
        clusters, window = front.visible[chosen], front.window[chosen]
        for k in (*SMALL_WINDOWS, 0):
            mine = clusters[window == k]
            for start in range(0, len(mine), at_once):
                lot = mine[start : start + at_once]
                if k:
                    self._ask_clusters(frame, lot, k)
                else:
                    self._ask_singly(frame, lot)

    def _ask_clusters(self, frame: _Frame, clusters: np.ndarray, window: int) -> None:
        which = self._arrays.of(clusters)
        columns = [self._arrays.take(column, which).reshape(-1) for column in self._clusters]
        place = (which[:, None] * CLUSTER + self._arrays.of(np.arange(CLUSTER))).reshape(-1)
        self._confirm(frame, self._asked(frame, columns, place, window))

    def _asked(self, frame: _Frame, columns: list[Array], place: Array, window: int) -> Pairs:
        """The pairs of these placements and cells at which no nearer placement is known."""
        arrays, lens = self._arrays, frame.lens
        a, b, c = lens.tilt(*columns[:4])
        u, v, _ = lens.project(*columns[4:])
        column, row = (frame.corner(at, window, side) for at, side in ((u, lens.width), (v, lens.height)))
        index = (row + _PAD) * frame.stride + (column + _PAD)
        right, down = arrays.to_float(column) + 0.5, arrays.to_float(row) + 0.5
        across = [a * (right + step) for step in range(window)]
        ahead: Array = None
        for y in range(window):
            rest = b * (down + y) + c
            for x in range(window):
                gap = across[x] + rest
                gap -= arrays.take(frame.bound[y * frame.stride + x :], index)
                ahead = gap if ahead is None else arrays.maximum(ahead, gap)
        kept = arrays.nonzero(ahead >= 0)
        place, a, b, c, column, row = (arrays.take(values, kept) for values in (place, a, b, c, column, row))
        return frame.pairs(place, (a, b, c), column, row, (window, window))

    def _ask_singly(self, frame: _Frame, clusters: np.ndarray) -> None:
        """Ask each placement of these clusters in a window of its own."""
        arrays, lens = self._arrays, frame.lens
        place = (clusters[:, None] * CLUSTER + np.arange(CLUSTER)).ravel()
        spheres = self._placed.rows[place, SPHERE].T
        inside, nearest = lens.sees(*spheres)
        place, nearest = place[inside], nearest[inside]
        point = np.concatenate([spheres[:3, inside], np.zeros((1, len(place)), np.float32)])
        half_axes = self._placed.clusters.patch_half_axes[:, :, place // CLUSTER]
        (left, right), (top, bottom) = lens.window(point, nearest, half_axes)
        wide, count = right - left, (right - left) * (bottom - top)
        ends = np.cumsum(count)
        first = 0
        while first < len(place):
            last = max(int(np.searchsorted(ends, ends[first] - count[first] + _PAIRS_AT_ONCE)), first + 1)
            patch = np.repeat(np.arange(first, last), count[first:last])
            down, across = np.divmod(np.arange(len(patch)) - (ends - count - (ends - count)[first])[patch], wide[patch])
            which, column, row = (arrays.of(a) for a in (patch - first, left[patch] + across, top[patch] + down))
            mine = arrays.of(place[first:last])
            tilt = lens.tilt(*(arrays.take(values, mine) for values in self._columns[:4]))
            a, b, c = (arrays.take(values, which) for values in tilt)
            inverse = a * (arrays.to_float(column) + 0.5) + (b * (arrays.to_float(row) + 0.5) + c)
            padded = (row + _PAD) * frame.stride + (column + _PAD)
            kept = arrays.nonzero(inverse >= arrays.take(frame.bound, padded))
            cell = row * lens.width + column
            pairs = (arrays.take(mine, which), cell, inverse)
            self._confirm(frame, Pairs(*(arrays.take(values, kept) for values in pairs)))
            first = last

    def _confirm(self, frame: _Frame, pairs: Pairs) -> None:
        """Enter the pairs that `hits`, nearest first, lower rank at equal depth."""
        arrays = self._arrays
        for start in range(0, len(pairs.place), _PAIRS_AT_ONCE):
            block = pairs.taken(slice(start, start + _PAIRS_AT_ONCE))
            keys = frame.keys(block.inverse, arrays.take(self._rank, block.place))
            left = arrays.nonzero(keys < arrays.take(frame.best, block.cell))
            block = Pairs(*(arrays.take(column, left) for column in (block.place, block.cell, block.inverse)))
            won = arrays.nonzero(self.hits(frame, block, arrays.take(self._rows, block.place)))
            arrays.lower(frame.best, arrays.take(block.cell, won), arrays.take(keys, arrays.take(left, won)))
            frame.tighten()

    def hits(self, frame: _Frame, pairs: Pairs, rows: Array) -> Array:  # (n,) bool
        """Whether the ray through each cell's centre meets the placement's piece of plane.

        The point has to lie before the lens; on the plane and within the sphere, also after rounding (a plane seen
        edge-on runs away along the ray); and in the patch's own view within its box.
        """
        x, y, z = frame.points(pairs)
        nx, ny, nz, d = (rows[:, i] for i in range(PLANE.start, PLANE.stop))
        dx, dy, dz, radius = (rows[:, i] for i in range(SPHERE.start, SPHERE.stop))
        dx, dy, dz = x - dx, y - dy, z - dz
        near = (dx * dx + dy * dy + dz * dz <= radius * radius) & (pairs.inverse <= NEAREST)
        near = near & (abs(nx * x + ny * y + nz * z - d) <= rows[:, THICK])
        m = self._arrays.take(self._px_from_edited, self._arrays.bits(rows[:, SOURCE])).T
        u, v, depth = homogeneous(m, x, y, z)
        inverse = 1 / depth
        u, v = u * inverse, v * inverse
        left, top, right, bottom = (rows[:, i] for i in range(BOX.start, BOX.stop))
        return near & (depth > 0) & (u >= left) & (u <= right) & (v >= top) & (v <= bottom)


@dataclass(frozen=True)
class Pairs:
    """n pairs of a placement and a cell whose ray meets its plane."""

    place: Array  # (n,) in the table
    cell: Array  # (n,) flat
    inverse: Array  # (n,) float32, 1 / z_depth of the meeting point

    def taken(self, index: slice) -> Pairs:
        """The pairs at these positions."""
        return Pairs(self.place[index], self.cell[index], self.inverse[index])


class _Frame:
    """One camera's cells while they are being settled."""

    def __init__(self, camera: Camera, arrays: Arrays) -> None:
        self.lens = lens = Lens(camera)
        self._arrays = arrays
        cells = np.arange(lens.height * lens.width)
        self._rays = [arrays.of(ray) for ray in rays_of(camera, cells)]
        self.best = arrays.of(np.full(len(cells), FARTHEST, np.int64))
        # What a placement has to reach to be looked at: infinity around the picture, so that nothing needs clipping.
        self.stride = lens.width + 2 * _PAD
        padded = np.full((lens.height + 2 * _PAD, self.stride), np.inf, np.float32)
        padded[_PAD:-_PAD, _PAD:-_PAD] = FAINTEST
        self._padded = arrays.of(padded)
        self.bound = self._padded.reshape(-1)

    def keys(self, inverse: Array, rank: Array) -> Array:  # (n,) int64
        """Depth, as coarse as it counts, and rank in one number that sorts by depth first."""
        steps = (LARGEST_BITS - self._arrays.bits(inverse)) >> STEP_BITS
        return self._arrays.to_int64(steps) << 32 | self._arrays.to_int64(rank)

    def known(self) -> np.ndarray:  # (h * w,) int64
        """What is settled so far, on the host."""
        return self._arrays.to_numpy(self.best)

    def tighten(self) -> None:
        """Raise the bound to what is known so far: a placement of the same step of depth may still be of lower rank."""
        inverse = self._arrays.floats(LARGEST_BITS - ((self.best >> 32 << STEP_BITS) | STEP_MASK))
        inner = self._arrays.clip(inverse, FAINTEST, np.inf).reshape(self.lens.height, self.lens.width)
        self._padded[_PAD:-_PAD, _PAD:-_PAD] = inner

    def corner(self, at: Array, window: int, side: int) -> Array:  # (n,) int32
        """The first column (row) of windows around a position; just outside where all of it is."""
        return self._arrays.floor_int(self._arrays.clip(at - (window - 1) / 2, -window, side))

    def pairs(
        self, place: Array, tilt: tuple[Array, Array, Array], column: Array, row: Array, window: tuple[int, int]
    ) -> Pairs:
        """Each placement with the cells of its window ((rows, columns)) at which it is not behind the bound."""
        arrays, lens = self._arrays, self.lens
        down, right = (arrays.of(step.astype(np.int32)) for step in np.indices(window).reshape(2, -1))
        column, row = column[:, None] + right, row[:, None] + down
        a, b, c = (part[:, None] for part in tilt)
        inverse = a * (arrays.to_float(column) + 0.5) + (b * (arrays.to_float(row) + 0.5) + c)
        inside = (column >= 0) & (row >= 0) & (column < lens.width) & (row < lens.height)
        column, row = arrays.clip(column, 0, lens.width - 1), arrays.clip(row, 0, lens.height - 1)
        padded = ((row + _PAD) * self.stride + (column + _PAD)).reshape(-1)
        open_ = inside.reshape(-1) & (inverse.reshape(-1) >= arrays.take(self.bound, padded))
        kept = arrays.nonzero(open_)
        cell = arrays.take((row * lens.width + column).reshape(-1), kept)
        which = kept // (window[0] * window[1])
        return Pairs(arrays.take(place, which), arrays.to_int64(cell), arrays.take(inverse.reshape(-1), kept))

    def points(self, pairs: Pairs) -> tuple[Array, Array, Array]:
        """Where the rays meet the planes, world."""
        z_depth = 1 / pairs.inverse
        x, y, z = (
            eye + z_depth * self._arrays.take(ray, pairs.cell)
            for eye, ray in zip(self.lens.eye, self._rays, strict=True)
        )
        return x, y, z


def homogeneous(m: Array, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
    """Points times matrices ((12, n), rows of a (3, 4)), term by term."""
    u, v, depth = (m[i] * x + m[i + 1] * y + m[i + 2] * z + m[i + 3] for i in (0, 4, 8))
    return u, v, depth


def plane_depth(camera: Camera, planes: np.ndarray, cells: np.ndarray) -> np.ndarray:  # (n,) float32 metres
    """Depth at which the rays through the centres of cells meet planes ((4, n)), with the bits of the search."""
    row, column = np.divmod(cells, camera.image_width)
    a, b, c = Lens(camera).tilt(*planes)
    half = np.float32(0.5)
    return 1 / (a * (column.astype(np.float32) + half) + (b * (row.astype(np.float32) + half) + c))


def rank_of(keys: np.ndarray) -> np.ndarray:  # (n,) int64
    """The placement's rank in its table."""
    return keys & 0xFFFFFFFF
