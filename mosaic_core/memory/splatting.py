"""The one splat that every readout starts from: which surfel does each cell of a camera see first?

Exact, and the same bits on every run: one scatter-minimum over depth, ties to the lower index.

A surfel covers as many cells as its projected size asks for, so a surface stays closed when the camera comes close and
nothing behind it shows through. Covering makes outlines fatter by up to a cell. A reader that knows better (the RGB
readout asks the source views) rejects the surfel there and asks for the ones behind: `Splat.behind`. What a cell shows
is thus "the nearest surfel that is confirmed", a rule in which a surfel that was rejected leaves no trace; so an edit
changes no pixel but those it really covers or uncovers.
"""

from __future__ import annotations

import numpy as np

from ..cameras import Camera
from ..cameras.camera import project_rows
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


class Splat:
    """All surfels in front of one camera, known here by their position among those seen (`surfel[seen]`)."""

    def __init__(self, surfels: Surfels, camera: Camera) -> None:
        self.camera = camera
        self._size = (camera.image_height, camera.image_width)
        seen, self._discs = _discs_in_image(surfels, camera)
        self.surfel = seen.astype(np.int32)  # (n,) which surfel each is
        self.placement = surfels.placement[seen]  # (n,) position in the placement table
        extent_px = surfels.size_m[seen] * np.float32(camera.focal_px) / self._discs[:, Z]
        level = np.clip(np.ceil(np.log2(np.maximum(extent_px, 1e-6) / FINEST_PX)), 0, LEVELS - 1).astype(np.int8)
        self._levels = [
            _Level(self._discs[mine, U], self._discs[mine, V], mine, cell=1 << step, size=self._size)
            for step in range(int(level.max(initial=0)) + 1)
            for mine in [np.flatnonzero(level == step)]
        ]

    def nearest(self) -> np.ndarray:  # (H * W,) int64, -1 = none
        """The surfel that each cell sees first."""
        best = np.full(self._size[0] * self._size[1], FARTHEST, np.int64)
        for level in self._levels:
            best = np.minimum(best, level.nearest(self._discs))
        return np.where(best < FARTHEST, best & 0xFFFFFFFF, -1)

    def behind(
        self,
        cells: np.ndarray,  # (n,) flat
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # (m,) position in `cells`, (m,) seen surfel, (m,) rank
        """The surfels that cover these cells, nearest first: rank 0, 1, ...

        Two a placement: its nearest, and the one whose centre is closest to the cell. The first keeps rank 0 what
        `nearest` says; the second is the better witness where a pixel on an edge got a wrong plane.
        """
        parts = [level.covering(cells, self._discs) for level in self._levels]
        at, index, keys, distance = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        group, member = np.unique(at.astype(np.int64) << 32 | self.placement.take(index), return_inverse=True)
        nearest, closest = (np.full(len(group), FARTHEST, np.int64) for _ in range(2))
        np.minimum.at(nearest, member, keys)
        position = np.arange(len(at))
        np.minimum.at(closest, member, _keys(distance, position))
        second = np.unique(closest & 0xFFFFFFFF)
        second = second[keys[second] != nearest[member[second]]]
        at = np.concatenate([group >> 32, at[second]])
        keys = np.concatenate([nearest, keys[second]])
        order = np.lexsort((keys, at))
        at, index = at[order], keys[order] & 0xFFFFFFFF
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        rank = np.arange(len(at)) - np.repeat(starts, np.diff(np.append(starts, len(at))))
        keep = rank < MAX_RANK
        return at[keep], index[keep], rank[keep]

    def depth_at(
        self,
        cells: np.ndarray,  # (n,) flat
        index: np.ndarray,  # (n,) the seen surfel each is to show
    ) -> np.ndarray:  # (n,) float32
        """Depth where each cell's own ray meets the plane of its surfel, not the depth of the surfel's centre."""
        row, column = np.divmod(cells, self._size[1])
        half = np.float32(0.5)
        return _depth(self._discs.take(index, axis=0), column.astype(np.float32) + half, row.astype(np.float32) + half)


# Columns of the discs as the camera sees them: inverse depth is TILT_U u + TILT_V v + TILT_0, the centre's depth is Z,
# the plane is trusted within REACH of it, and the centre appears at U, V.
TILT_U, TILT_V, TILT_0, Z, REACH, U, V = range(7)


def _discs_in_image(surfels: Surfels, camera: Camera) -> tuple[np.ndarray, np.ndarray]:  # (n,) which, (n, 7) discs
    """The surfels in front of the camera and within a pixel of its image, with their planes in image coordinates."""
    parts = []
    for start in range(0, max(len(surfels), 1), BLOCK):
        u, v, z = project_rows(surfels.points_world[:, start : start + BLOCK], camera)
        inside = (z > NEAR_M) & (u > -1) & (v > -1) & (u < camera.image_width + 1) & (v < camera.image_height + 1)
        inside = np.flatnonzero(inside)
        seen = inside + start
        z = z[inside]
        reach = np.float32(MAX_STRETCH) * surfels.size_m[seen] + np.float32(0.01) * z
        tilt = _tilt(surfels.plane_world[:, seen], camera)
        parts.append((seen, np.stack([*tilt, z, reach, u[inside], v[inside]], axis=-1)))
    seen, discs = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return seen, discs


def _tilt(
    plane_world: np.ndarray,  # (4, n) float32
    camera: Camera,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # (n,) each
    """How inverse depth changes along u and v on a plane, and its value at u = v = 0."""
    m = camera.world_from_cam.astype(np.float32)
    k = camera.intrinsics_px.astype(np.float32)
    nx, ny, nz, d = plane_world
    d = d - (nx * m[0, 3] + ny * m[1, 3] + nz * m[2, 3])
    with np.errstate(divide="ignore"):
        inverse = np.float32(1) / d
    x, y, z = ((nx * m[0, i] + ny * m[1, i] + nz * m[2, i]) * inverse for i in range(3))
    with np.errstate(invalid="ignore"):
        along_u = x / k[0, 0]
        along_v = (y - along_u * k[0, 1]) / k[1, 1]
        return along_u, along_v, z - along_u * k[0, 2] - along_v * k[1, 2]


def _depth(discs: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:  # (n,) float32
    """Depth of discs at image positions. Edge-on planes run away along the ray: beyond reach the centre counts."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = np.float32(1) / (discs[:, TILT_U] * u + discs[:, TILT_V] * v + discs[:, TILT_0])
        near = np.abs(z - discs[:, Z]) < discs[:, REACH]
    return np.maximum(np.where(near, z, discs[:, Z]), np.float32(NEAR_M))


class _Level:
    """Surfels of about one size: each covers 2x2 blocks of `cell` x `cell` cells around its centre.

    Who is nearest is judged at the middle of a block, for all its cells alike.
    """

    def __init__(self, u: np.ndarray, v: np.ndarray, index: np.ndarray, *, cell: int, size: tuple[int, int]) -> None:
        self.cell = cell
        self._index, self._size = index, size
        self._blocks = (-(-size[0] // cell), -(-size[1] // cell))
        # A border of two blocks takes what falls outside, so that nothing needs clipping or a mask.
        self._stride = self._blocks[1] + 4
        scale, shift = np.float32(1 / cell), np.float32(1.5)
        self._column = np.clip((u * scale + shift).astype(np.intp), 0, self._blocks[1] + 2)
        self._row = np.clip((v * scale + shift).astype(np.intp), 0, self._blocks[0] + 2)
        self._base = self._row * self._stride + self._column  # the top left of the four

    def nearest(self, discs: np.ndarray) -> np.ndarray:  # (H * W,) int64 keys, see `_keys`
        """For each cell the surfel nearest at the middle of its block."""
        buffer = np.full((self._blocks[0] + 4) * self._stride, FARTHEST, np.int64)
        cell = np.float32(self.cell)
        for start in range(0, len(self._index), BLOCK):
            block = slice(start, start + BLOCK)
            index = self._index[block]
            mine = discs.take(index, axis=0)
            u, v = self._middle(self._column[block]), self._middle(self._row[block])
            for down in (0, 1):
                for right in (0, 1):
                    z = _depth(mine, u + right * cell, v + down * cell)
                    at = self._base[block] + (down * self._stride + right)
                    np.minimum.at(buffer, at, _keys(z, index))
        inner = buffer.reshape(-1, self._stride)[2:-2, 2:-2]
        if self.cell > 1:
            inner = inner.repeat(self.cell, 0).repeat(self.cell, 1)[: self._size[0], : self._size[1]]
        return inner.reshape(-1)

    def _middle(self, block: np.ndarray) -> np.ndarray:
        """Pixels from the image's border to the middle of a block; blocks count from a border of two."""
        return (block.astype(np.float32) - np.float32(1.5)) * np.float32(self.cell)

    def covering(
        self, cells: np.ndarray, discs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # (m,) each
        """Every surfel here that covers one of the cells: position in `cells`, seen surfel, key, squared distance."""
        row, column = np.divmod(cells, self._size[1])
        block = (row // self.cell + 2) * self._stride + column // self.cell + 2
        wanted = np.zeros((self._blocks[0] + 4) * self._stride, bool)
        wanted[block] = True
        offsets = (0, 1, self._stride, self._stride + 1)
        hits = [np.flatnonzero(wanted[self._base + offset]) for offset in offsets]
        blocks = np.concatenate([self._base[hit] + offset for hit, offset in zip(hits, offsets, strict=True)])
        surfels = np.concatenate(hits)
        order = np.argsort(blocks, kind="stable")
        blocks, surfels = blocks[order], surfels[order]
        first, last = np.searchsorted(blocks, block, "left"), np.searchsorted(blocks, block, "right")
        lengths = last - first
        at = np.repeat(np.arange(len(cells)), lengths)
        within = np.arange(len(at)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        index = self._index[surfels[first[at] + within]]
        middle = self._middle(block[at] % self._stride), self._middle(block[at] // self._stride)
        mine = discs.take(index, axis=0)
        right, down = (column[at] + np.float32(0.5)) - mine[:, U], (row[at] + np.float32(0.5)) - mine[:, V]
        return at, index, _keys(_depth(mine, *middle), index), (right * right + down * down).astype(np.float32)


def _keys(z_depth: np.ndarray, index: np.ndarray) -> np.ndarray:  # (n,) int64
    """Depth and surfel in one number that sorts by depth first: positive floats sort like their bits."""
    return z_depth.view(np.int32).astype(np.int64) << 32 | index


def cell_centres(
    pixels: np.ndarray,  # (n,) flat cells
    camera: Camera,
) -> np.ndarray:  # (n, 2) float32 uv
    """uv of the centres of these cells of a camera's image."""
    row, column = np.divmod(pixels, camera.image_width)
    return np.stack([column, row], axis=-1).astype(np.float32) + np.float32(0.5)
