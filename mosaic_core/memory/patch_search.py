"""Which patch does each cell of a camera see? Exact, and the same bits with NumPy and torch, any number of threads.

The answer has a short definition: of all placements whose piece of plane the ray through the cell's centre hits
(`hits` below says it in arithmetic), the nearest; where depths differ by less than about 1 / 4096, the one of lowest
rank. A loop over cells and placements would do (`tests/core/reference_patches.py` is that loop). The rest of this
module only avoids work, and each shortcut leaves out nothing but placements that cannot win:

* rays go down a tree of boxes (`mosaic_core.memory.patch_tree`), all rays at once, a level after the other. There are
  a thousand times fewer rays than placements, so asking by ray beats asking by placement;
* a box is left out where the best that it could hold - its near side, its lowest rank - is behind what the ray has
  found already. So each ray first asks a few leaves that it passes through in the middle;
* a placement is asked for its depth first, and for more only if no nearer one is already known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from .arrays import Array, Arrays
from .depth_keys import FAINTEST, LARGEST_BITS, NEAREST, STEP_BITS
from .lens import Lens, cell_centres, rays_of
from .patch_tree import FAN
from .placed_patches import BOX, PLANE, RANK, SOURCE, SPHERE, THICK, PlacedPatches
from .splatting import FARTHEST, NEAR_M

# So many of the likeliest nodes of each ray, and of the leaves in each, are asked before anything else.
_LIKELIEST = 2
# What rounding may make of the depth at which a ray enters a box, relative.
SLACK = 1e-5
# A ray along a box's side has no finite inverse; this one makes it miss or cross as it should.
_STEEPEST = 1e12


class PatchSearch:
    """Finds what cameras see of one table of placed patches, with the given array library."""

    def __init__(self, placed: PlacedPatches, arrays: Arrays) -> None:
        self._arrays = arrays
        self._rows = arrays.of(placed.rows)
        self._planes = [arrays.of(column.reshape(-1, FAN)) for column in placed.planes]
        self._ranks = arrays.of(placed.rows.view(np.int32)[:, RANK].astype(np.int64).reshape(-1, FAN))
        self._px_from_edited = arrays.of(placed.px_from_edited)
        self._levels = [
            (
                [arrays.of(side) for side in level.low],
                [arrays.of(side) for side in level.high],
                arrays.of(level.first_rank),
            )
            for level in placed.tree
        ]

    def nearest(
        self,
        camera: Camera,
        pixels: np.ndarray | None = None,  # (n,) flat; None asks for all, h * w
    ) -> Array:  # (n,) int64
        """A key a cell: `FARTHEST` where nothing is seen, else a rank, see `rank_of`. No cell depends on the others."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            frame = _Frame(camera, self._arrays, pixels)
            if not self._levels:
                return frame.best
            *upper, last = range(len(self._levels))
            boxes = _Boxes(frame.cells, frame.cells * 0, frame.cells * 0, frame.cells * 0)
            for level in upper:
                boxes = self._met(frame, level, boxes, judged=level == upper[-1])
            if upper:
                likely = self._met(frame, last, self._likeliest(frame, boxes), judged=True)
                self._ask(frame, self._likeliest(frame, likely))
                boxes = self._open(frame, boxes)
            self._ask_in_turn(frame, self._met(frame, last, boxes))
            return frame.best

    def _met(self, frame: _Frame, level: int, nodes: _Boxes, *, judged: bool = False) -> _Boxes:
        """The boxes in these nodes that their rays meet, before what is known; `off` is told where it is asked for."""
        step = self._arrays.at_once // FAN
        parts = [nodes.part(start, start + step) for start in range(0, max(len(nodes.cell), 1), step)]
        return _Boxes.joined(self._arrays, [self._met_some(frame, level, part, judged=judged) for part in parts])

    def _met_some(self, frame: _Frame, level: int, nodes: _Boxes, *, judged: bool) -> _Boxes:
        arrays, eye = self._arrays, frame.lens.eye
        low, high, first_rank = self._levels[level]
        spans = []
        for axis in range(3):
            inverse = arrays.take(frame.inverse_rays[axis], nodes.cell)[:, None]
            one = (arrays.take(low[axis], nodes.node) - eye[axis]) * inverse
            other = (arrays.take(high[axis], nodes.node) - eye[axis]) * inverse
            spans.append((arrays.minimum(one, other), arrays.maximum(one, other)))
        (x, to_x), (y, to_y), (z, to_z) = spans
        enter = arrays.maximum(arrays.maximum(x, y), z)
        leave = arrays.minimum(arrays.minimum(to_x, to_y), to_z)
        kept = arrays.nonzero(((enter <= leave) & (leave > 0)).reshape(-1))
        which = kept // FAN
        cell, node = arrays.take(nodes.cell, which), arrays.take(nodes.node, which) * FAN + kept % FAN
        nearest = arrays.clip(arrays.take(enter.reshape(-1), kept), NEAR_M, np.inf)
        inverse = (1 + SLACK) / nearest
        key = frame.keys(inverse, arrays.take(first_rank.reshape(-1), node))
        # Boxes that only fill up a node stand beyond all that counts, but a ray may lead to where they do.
        open_ = arrays.nonzero((key < arrays.take(frame.best, cell)) & (inverse >= FAINTEST))
        cell, node, key = (arrays.take(column, open_) for column in (cell, node, key))
        off = self._off_middle(spans, enter, leave, arrays.take(kept, open_)) if judged else key
        return _Boxes(cell, node, key, off)

    def _off_middle(self, spans: list[tuple[Array, Array]], enter: Array, leave: Array, kept: Array) -> Array:
        """How far off the middle of each box kept its ray passes, 0 .. 1, as integers that sort alike."""
        arrays, off = self._arrays, None
        enter, leave = arrays.take(enter.reshape(-1), kept), arrays.take(leave.reshape(-1), kept)
        for near, far in spans:
            near, far = arrays.take(near.reshape(-1), kept), arrays.take(far.reshape(-1), kept)
            away = abs((enter + leave) - (near + far)) / (far - near)
            off = away if off is None else arrays.maximum(off, away)
        return arrays.to_int64(arrays.bits(arrays.clip(off, 0.0, 1.0)))

    def _likeliest(self, frame: _Frame, boxes: _Boxes) -> _Boxes:
        """For each ray the boxes that it passes through most nearly in the middle: there it probably hits something."""
        arrays, found = self._arrays, []
        for _ in range(_LIKELIEST):
            least = frame.cells * 0 + FARTHEST
            arrays.lower(least, boxes.cell, boxes.off)
            is_least = boxes.off == arrays.take(least, boxes.cell)
            found.append(boxes.taken(arrays, arrays.nonzero(is_least)))
            boxes = boxes.taken(arrays, arrays.nonzero(~is_least))
        return _Boxes.joined(arrays, found)

    def _open(self, frame: _Frame, boxes: _Boxes) -> _Boxes:
        """Those that may hold something before what is known by now."""
        return boxes.taken(self._arrays, self._arrays.nonzero(boxes.key < self._arrays.take(frame.best, boxes.cell)))

    def _ask_in_turn(self, frame: _Frame, leaves: _Boxes) -> None:
        """Ask leaves of all rays, one of each, then two, four, ...: what some settle spares the others."""
        arrays = self._arrays
        turn = arrays.turns(leaves.cell)
        first, last = 0, 1
        while len(leaves.cell):
            mine = arrays.nonzero((turn >= first) & (turn < last))
            self._ask(frame, leaves.taken(arrays, mine))
            open_ = arrays.nonzero((turn >= last) & (leaves.key < arrays.take(frame.best, leaves.cell)))
            leaves, turn = leaves.taken(arrays, open_), arrays.take(turn, open_)
            first, last = last, 2 * last

    def _ask(self, frame: _Frame, leaves: _Boxes) -> None:
        """Enter the placements of these leaves that their rays hit."""
        step = self._arrays.at_once // FAN
        for start in range(0, len(leaves.cell), step):
            self._ask_some(frame, leaves.part(start, start + step))

    def _ask_some(self, frame: _Frame, leaves: _Boxes) -> None:
        arrays, lens = self._arrays, frame.lens
        a, b, c = lens.tilt(*(arrays.take(column, leaves.node) for column in self._planes))
        u, v = (arrays.take(at, leaves.cell)[:, None] for at in frame.uv)
        inverse = a * u + (b * v + c)
        keys = frame.keys(inverse, arrays.take(self._ranks, leaves.node))
        best = arrays.take(frame.best, leaves.cell)[:, None]
        kept = arrays.nonzero(((keys < best) & (inverse >= FAINTEST)).reshape(-1))
        which = kept // FAN
        place, cell = arrays.take(leaves.node, which) * FAN + kept % FAN, arrays.take(leaves.cell, which)
        pairs = Pairs(place, cell, arrays.take(inverse.reshape(-1), kept))
        won = arrays.nonzero(self.hits(frame, pairs, arrays.take(self._rows, place)))
        arrays.lower(frame.best, arrays.take(cell, won), arrays.take(keys.reshape(-1), arrays.take(kept, won)))

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
    """n placements and cells whose ray may meet them."""

    place: Array  # (n,) in the table
    cell: Array  # (n,) flat
    inverse: Array  # (n,) float32, 1 / z_depth of the meeting point


@dataclass(frozen=True)
class _Boxes:
    """n boxes of one level and the rays that meet them, ray after ray."""

    cell: Array  # (n,) int64 flat, whose ray
    node: Array  # (n,) int64, in the level
    key: Array  # (n,) int64, no placement in the box has a lower one
    off: Array  # (n,) int64, how far off its middle the ray passes, where that was asked for; only compared

    def taken(self, arrays: Arrays, index: Array) -> _Boxes:
        return _Boxes(*(arrays.take(column, index) for column in (self.cell, self.node, self.key, self.off)))

    def part(self, start: int, stop: int) -> _Boxes:
        return _Boxes(*(column[start:stop] for column in (self.cell, self.node, self.key, self.off)))

    @classmethod
    def joined(cls, arrays: Arrays, parts: list[_Boxes]) -> _Boxes:
        names = ("cell", "node", "key", "off")
        return cls(*(arrays.joined([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Rays:
    """The rays through the centres of n cells of a camera."""

    along: np.ndarray  # (3, n) float32 world, with a camera-z of 1
    inverse: np.ndarray  # (3, n) float32, 1 / along, and finite
    uv: np.ndarray  # (2, n) float32, the centres


def rays_through(camera: Camera, pixels: np.ndarray | None = None) -> Rays:
    """The rays through these flat cells; through all of a camera's, where none are named."""
    pixels = np.arange(camera.image_height * camera.image_width) if pixels is None else pixels
    along = rays_of(camera, pixels)
    with np.errstate(divide="ignore"):
        inverse = np.where(np.abs(along) < 1 / _STEEPEST, np.copysign(_STEEPEST, along), 1 / along)
    return Rays(along, inverse.astype(np.float32), cell_centres(pixels, camera).T)


class _Frame:
    """Cells of one camera while they are being settled, known by their position among those asked for."""

    def __init__(self, camera: Camera, arrays: Arrays, pixels: np.ndarray | None) -> None:
        self.lens, rays = Lens(camera), rays_through(camera, pixels)
        self._arrays = arrays
        self._rays, self.inverse_rays, self.uv = (
            [arrays.of(row) for row in rows] for rows in (rays.along, rays.inverse, rays.uv)
        )
        count = rays.uv.shape[1]
        self.cells = arrays.positions(count)
        self.best = arrays.full((count,), FARTHEST, np.int64)

    def keys(self, inverse: Array, rank: Array) -> Array:  # (n,) int64
        """Depth, as coarse as it counts, and rank in one number that sorts by depth first."""
        steps = (LARGEST_BITS - self._arrays.bits(inverse)) >> STEP_BITS
        return self._arrays.to_int64(steps) << 32 | rank

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
