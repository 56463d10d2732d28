"""The one splat that every readout starts from: which surfel does each cell of a camera see first?

Exact, and the same bits on every run: one scatter-minimum over depth, ties to the lower index.

A surfel covers as many cells as its projected size asks for, so a surface stays closed when the camera comes close and
nothing behind it shows through. Where its picture is small and known (`Chosen`), it covers the cells whose middle lies
in the box around it, and no others. Covering makes outlines fatter by up to a cell. A reader that knows better (the RGB
readout asks the source views) rejects the surfel there and asks for the ones behind: `Splat.behind`. What a cell shows
is thus "the nearest surfel that is confirmed", a rule in which a surfel that was rejected leaves no trace; so an edit
changes no pixel but those it really covers or uncovers.

Written once for NumPy and torch (`mosaic_core.memory.arrays`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..cameras.camera import project_rows
from .arrays import NUMPY, Array, Arrays, as_float32
from .lens import Lens
from .surfels import MAX_STRETCH, Surfels

# Surfels nearer than this are behind the lens or inside it.
NEAR_M = 1e-3
# Level n covers 2x2 blocks of 2^n cells: a surfel larger than the last level's block fills the picture anyway.
LEVELS = 5
# 2x2 cells keep a surface closed whose surfels lie up to two cells apart. A smaller limit sends more of them to coarse
# levels, where they hide each other's outlines: at 1.5 three times as many pixels had to ask again, for 0.25 dB less.
FINEST_PX = 2.0
# A cell asks at most this many surfels before it counts as a hole. Generous: where an object's many patches use up the
# questions, removing that object would change what lies behind it.
MAX_RANK = 48
FARTHEST = np.iinfo(np.int64).max
# Points are worked through in blocks of this many, which bounds the temporaries. Smaller blocks fit the cache better,
# but let threads fight for the interpreter more often than they gain.
BLOCK = 1 << 18


@dataclass(frozen=True, eq=False)
class Chosen:
    """n surfels to splat, and half the box around the picture of each: how far it reaches from its middle, pixels."""

    index: Array  # (n,) int64, which surfel
    half_u: Array  # (n,) float32
    half_v: Array  # (n,) float32

    @classmethod
    def every(cls, count: int, arrays: Arrays = NUMPY) -> Chosen:
        """All surfels, nothing being known of their pictures: each covers 2x2 blocks of cells around its middle."""
        wide = arrays.full((count,), np.inf, np.float32)
        return cls(arrays.positions(count), wide, wide)


class Splat:
    """All surfels in front of one camera, known here by their position among those seen (`surfel[seen]`)."""

    def __init__(self, surfels: Surfels, camera: Camera, arrays: Arrays = NUMPY, chosen: Chosen | None = None) -> None:
        """The surfels' columns are arrays of the library that `arrays` stands for, as is all that comes back."""
        self._arrays = arrays
        self._size = (camera.image_height, camera.image_width)
        chosen = Chosen.every(len(surfels), arrays) if chosen is None else chosen
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            self.surfel, self._discs = _discs_in_image(surfels, camera, arrays, chosen)  # (n,) which surfel each is
        self.placement = arrays.take(surfels.placement, self.surfel)  # (n,) position in the placement table
        u, v = self._discs[U], self._discs[V]
        extent_px = arrays.take(surfels.size_m, self.surfel) * as_float32(camera.focal_px) / self._discs[Z]
        # A box within the 2x2 cells around the middle keeps the surface closed, however the surfel is stretched.
        boxed = (self._discs[HALF_U] <= 1) & (self._discs[HALF_V] <= 1)
        extent_px = arrays.where(boxed, 0.0, extent_px)
        self._levels = []
        for step in range(LEVELS):
            fits = extent_px <= (FINEST_PX * 2**step if step < LEVELS - 1 else np.inf)
            mine = arrays.nonzero(fits & (extent_px > FINEST_PX * 2 ** (step - 1)) if step else fits)
            if step == 0 or len(mine):
                at = arrays.take(u, mine), arrays.take(v, mine)
                self._levels.append(_Level(arrays, *at, mine, cell=1 << step, size=self._size))

    def nearest(self) -> Array:  # (H * W,) int64, -1 = none
        """The surfel that each cell sees first."""
        best = self._levels[0].nearest(self._discs)
        for level in self._levels[1:]:
            best = self._arrays.minimum(best, level.nearest(self._discs))
        index = best & 0xFFFFFFFF
        index[best == FARTHEST] = -1
        return index

    def behind(
        self,
        cells: Array,  # (n,) flat
    ) -> tuple[Array, Array, Array]:  # (m,) position in `cells`, (m,) seen surfel, (m,) rank
        """The surfels that cover these cells, nearest first: rank 0, 1, ...

        Two a placement: its nearest, and the one whose centre is closest to the cell. The first keeps rank 0 what
        `nearest` says; the second is the better witness where a pixel on an edge got a wrong plane.
        """
        arrays, take = self._arrays, self._arrays.take
        parts = [level.covering(cells, self._discs) for level in self._levels]
        at, index, keys, distance = (arrays.joined(list(columns)) for columns in zip(*parts, strict=True))
        group, member = arrays.distinct(at << 32 | take(self.placement, index))
        nearest, closest = (arrays.full((len(group),), FARTHEST, np.int64) for _ in range(2))
        arrays.lower(nearest, member, keys)
        arrays.lower(closest, member, _keys(arrays, distance, arrays.positions(len(at))))
        second = closest & 0xFFFFFFFF
        second = take(second, arrays.nonzero(take(keys, second) != take(nearest, take(member, second))))
        at = arrays.joined([group >> 32, take(at, second)])
        keys = arrays.joined([nearest, take(keys, second)])
        order = arrays.order(keys, at)
        at, index = take(at, order), take(keys, order) & 0xFFFFFFFF
        rank = arrays.turns(at)
        keep = arrays.nonzero(rank < MAX_RANK)
        return take(at, keep), take(index, keep), take(rank, keep)

    def depth_at(
        self,
        cells: Array,  # (n,) flat
        index: Array,  # (n,) the seen surfel each is to show
    ) -> Array:  # (n,) float32
        """Depth where each cell's own ray meets the plane of its surfel, not the depth of the surfel's centre."""
        arrays, width = self._arrays, self._size[1]
        u, v = arrays.to_float(cells % width) + 0.5, arrays.to_float(cells // width) + 0.5
        return _depth(arrays, arrays.take(self._discs, index, 1), u, v)


# Rows of the discs as the camera sees them: inverse depth is TILT_U u + TILT_V v + TILT_0, the centre's depth is Z,
# the plane is trusted within REACH of it, the centre appears at U, V, and the box around it reaches by HALF_U, HALF_V.
TILT_U, TILT_V, TILT_0, Z, REACH, U, V, HALF_U, HALF_V = range(9)


def _discs_in_image(surfels: Surfels, camera: Camera, arrays: Arrays, chosen: Chosen) -> tuple[Array, Array]:
    """The surfels in front of the camera and within a pixel of its image (n,), their planes there (9, n)."""
    parts, lens, hundredth = [], Lens(camera), as_float32(0.01)
    for start in range(0, max(len(chosen.index), 1), BLOCK):
        block = slice(start, start + BLOCK)
        index = chosen.index[block]
        u, v, z = project_rows(arrays.take(surfels.points_world, index, 1), camera)
        inside = (z > NEAR_M) & (u > -1) & (v > -1) & (u < camera.image_width + 1) & (v < camera.image_height + 1)
        half_u, half_v = chosen.half_u[block], chosen.half_v[block]
        # Small pictures often fall between the middles of the cells: those surfels show nowhere.
        inside &= (_from_middle(arrays, u) <= half_u) & (_from_middle(arrays, v) <= half_v)
        inside = arrays.nonzero(inside)
        seen = arrays.take(index, inside)
        u, v, z, half_u, half_v = (arrays.take(column, inside) for column in (u, v, z, half_u, half_v))
        reach = MAX_STRETCH * arrays.take(surfels.size_m, seen) + hundredth * z
        tilt = lens.tilt(*arrays.take(surfels.plane_world, seen, 1))
        parts.append((seen, arrays.stacked([*tilt, z, reach, u, v, half_u, half_v])))
    seen, discs = zip(*parts, strict=True)
    return arrays.joined(list(seen)), arrays.joined(list(discs), axis=1)


def _from_middle(arrays: Arrays, at: Array) -> Array:  # (n,) float32
    """How far positions lie from the nearest middle of a cell, along one axis."""
    return abs(at - arrays.floor(at) - 0.5)


def _depth(arrays: Arrays, discs: Array, u: Array, v: Array) -> Array:  # (n,) float32
    """Depth of discs at image positions. Edge-on planes run away along the ray: beyond reach the centre counts."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _trusted(arrays, discs, discs[TILT_U] * u + discs[TILT_V] * v)


def _trusted(arrays: Arrays, discs: Array, tilted: Array) -> Array:  # (n,) float32
    """Depth where inverse depth is `tilted` more than at u = v = 0, as far as that can be trusted."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = 1 / (tilted + discs[TILT_0])
        near = abs(z - discs[Z]) < discs[REACH]
    return arrays.at_least(arrays.where(near, z, discs[Z]), NEAR_M)


class _Level:
    """Surfels of about one size: each covers 2x2 blocks of `cell` x `cell` cells around its centre.

    Who is nearest is judged at the middle of a block, for all its cells alike. Of single cells those count whose middle
    lies in the box around the surfel's picture: a surface that is seen finer than it is shown keeps its outline.
    """

    def __init__(self, arrays: Arrays, u: Array, v: Array, index: Array, *, cell: int, size: tuple[int, int]) -> None:
        self.cell = cell
        self._arrays, self._index, self._size = arrays, index, size
        self._blocks = (-(-size[0] // cell), -(-size[1] // cell))
        # A border of two blocks takes what falls outside, so that nothing needs clipping or a mask.
        self._stride = self._blocks[1] + 4
        scale = 1 / cell
        self._column = arrays.clip(arrays.to_int64(u * scale + 1.5), 0, self._blocks[1] + 2)
        self._row = arrays.clip(arrays.to_int64(v * scale + 1.5), 0, self._blocks[0] + 2)
        self._base = self._row * self._stride + self._column  # the top left of the four

    def nearest(self, discs: Array) -> Array:  # (H * W,) int64 keys, see `_keys`
        """For each cell the surfel nearest at the middle of its block."""
        arrays = self._arrays
        buffer = arrays.full(((self._blocks[0] + 4) * self._stride,), FARTHEST, np.int64)
        for start in range(0, len(self._index), BLOCK):
            block = slice(start, start + BLOCK)
            index = self._index[block]
            # A small picture has all surfels on its first level.
            mine = discs[:, block] if len(self._index) == discs.shape[1] else arrays.take(discs, index, 1)
            u, v = self._middle(self._column[block]), self._middle(self._row[block])
            with np.errstate(invalid="ignore", over="ignore"):
                along_u = [mine[TILT_U] * (u + right * self.cell) for right in (0, 1)]
                along_v = [mine[TILT_V] * (v + down * self.cell) for down in (0, 1)]
            boxes = self._boxes(mine, u, v)
            for down in (0, 1):
                for right in (0, 1):
                    z = _trusted(arrays, mine, along_u[right] + along_v[down])
                    at = self._base[block] + (down * self._stride + right)
                    keys = _keys(arrays, z, index)
                    if boxes:
                        keys = arrays.where(boxes[0][right] & boxes[1][down], keys, FARTHEST)
                    arrays.lower(buffer, at, keys)
        inner = buffer.reshape(-1, self._stride)[2:-2, 2:-2]
        if self.cell > 1:
            inner = arrays.spread(arrays.spread(inner, self.cell, 0), self.cell, 1)[: self._size[0], : self._size[1]]
        return inner.reshape(-1)

    def _boxes(self, discs: Array, u: Array, v: Array) -> list[list[Array]]:  # two by two of (n,) bool
        """Whether the middles of the first and the second cell lie within the box: along u, and along v.

        `u` and `v` are the middles of the first. Nothing for larger blocks.
        """
        if self.cell > 1:
            return []
        axes = ((u - discs[U], discs[HALF_U]), (v - discs[V], discs[HALF_V]))
        return [[abs(off + step) <= half for step in (0, 1)] for off, half in axes]

    def _middle(self, block: Array) -> Array:
        """Pixels from the image's border to the middle of a block; blocks count from a border of two."""
        return (self._arrays.to_float(block) - 1.5) * self.cell

    def covering(self, cells: Array, discs: Array) -> tuple[Array, Array, Array, Array]:  # (m,) each
        """Every surfel here that covers one of the cells: position in `cells`, seen surfel, key, squared distance."""
        arrays, take = self._arrays, self._arrays.take
        row, column = cells // self._size[1], cells % self._size[1]
        block = (row // self.cell + 2) * self._stride + column // self.cell + 2
        wanted = arrays.full(((self._blocks[0] + 4) * self._stride,), False, np.bool_)
        wanted[block] = True
        offsets = (0, 1, self._stride, self._stride + 1)
        # Most surfels are nowhere near: one look finds them out instead of four.
        reached = arrays.copied(wanted)
        for offset in offsets[1:]:
            reached[:-offset] |= wanted[offset:]
        near = arrays.nonzero(take(reached, self._base))
        base = take(self._base, near)
        reaches = [take(wanted, base + offset) for offset in offsets]
        if self.cell == 1:
            mine = take(discs, take(self._index, near), 1)
            u, v = self._middle(take(self._column, near)), self._middle(take(self._row, near))
            along_u, along_v = self._boxes(mine, u, v)
            sides = [along_u[right] & along_v[down] for down in (0, 1) for right in (0, 1)]
            reaches = [reach & side for reach, side in zip(reaches, sides, strict=True)]
        hits = [arrays.nonzero(reach) for reach in reaches]
        blocks = arrays.joined([take(base, hit) + offset for hit, offset in zip(hits, offsets, strict=True)])
        order = arrays.order(blocks)
        blocks, surfels = take(blocks, order), take(near, take(arrays.joined(hits), order))
        first = arrays.search(blocks, block)
        lengths = arrays.search(blocks, block, after=True) - first
        at = arrays.counted(lengths)
        within = arrays.positions(len(at)) - take(arrays.running_sum(lengths) - lengths, at)
        index = take(self._index, take(surfels, take(first, at) + within))
        mine, block = take(discs, index, 1), take(block, at)
        depth = _depth(arrays, mine, self._middle(block % self._stride), self._middle(block // self._stride))
        right = (arrays.to_float(take(column, at)) + 0.5) - mine[U]
        down = (arrays.to_float(take(row, at)) + 0.5) - mine[V]
        return at, index, _keys(arrays, depth, index), right * right + down * down


def _keys(arrays: Arrays, z_depth: Array, index: Array) -> Array:  # (n,) int64
    """Depth and surfel in one number that sorts by depth first: positive floats sort like their bits."""
    return arrays.to_int64(arrays.bits(z_depth)) << 32 | index
