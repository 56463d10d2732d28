"""The one splat that every readout starts from: which surfel does each cell of a camera see first?

Exact, and the same bits on every run: one scatter-minimum over depth, ties to the lower index.

A surfel covers as many cells as its projected size asks for, so a surface stays closed when the camera comes close and
nothing behind it shows through. Covering makes outlines fatter by up to a cell. A reader that knows better (the RGB
readout asks the source views) rejects the surfel there and asks for the ones behind: `Splat.behind`. What a cell shows
is thus "the nearest surfel that is confirmed", a rule in which a surfel that was rejected leaves no trace; so an edit
changes no pixel but those it really covers or uncovers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..cameras.camera import project_rows
from .surfels import MAX_STRETCH, Surfels

# Surfels nearer than this are behind the lens or inside it.
NEAR_M = 1e-3
# Level n covers 2x2 blocks of 2^n cells: a surfel larger than the last level's block fills the picture anyway.
LEVELS = 5
# A cell asks at most this many patches before it counts as a hole.
MAX_RANK = 10
_NONE = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class SplatLayer:
    """The nearest surfel of each cell."""

    surfel: np.ndarray  # (H, W) int32, -1 = none
    z_depth: np.ndarray  # (H, W) float32, where the cell's own ray meets the surfel's plane; inf = none


class Splat:
    """All surfels in front of one camera, sorted into levels by size."""

    def __init__(self, surfels: Surfels, camera: Camera) -> None:
        self._surfels = surfels
        self._camera = camera
        u, v, z = project_rows(surfels.points_world, camera)
        width, height = camera.image_width, camera.image_height
        seen = np.flatnonzero((z > NEAR_M) & (u > -1) & (v > -1) & (u < width + 1) & (v < height + 1))
        u, v, z = u[seen], v[seen], z[seen]
        extent_px = surfels.size_m[seen] * np.float32(camera.focal_px) / z
        level = np.clip(np.ceil(np.log2(np.maximum(extent_px, 1e-6) / 1.5)), 0, LEVELS - 1).astype(np.int8)
        self._levels = [
            _Level(u[mine], v[mine], z[mine], seen[mine].astype(np.int32), cell=1 << step, size=(height, width))
            for step in range(int(level.max(initial=0)) + 1)
            for mine in [np.flatnonzero(level == step)]
        ]

    def nearest(self) -> SplatLayer:
        """The nearest surfel of every cell."""
        size = (self._camera.image_height, self._camera.image_width)
        z_nearest = np.full(size, np.inf, np.float32)
        winner = np.full(size, -1, np.int32)
        for level in self._levels:
            z_level, winner_level = level.nearest()
            nearer = z_level < z_nearest
            z_nearest = np.where(nearer, z_level, z_nearest)
            winner = np.where(nearer, winner_level, winner)
        z_depth = np.full(size, np.inf, np.float32)
        found = np.flatnonzero(winner.ravel() >= 0)
        z_depth.ravel()[found] = self.depth_at(found, winner.ravel()[found])
        return SplatLayer(winner, z_depth)

    def behind(
        self,
        pixels: np.ndarray,  # (n,) flat cells, ascending
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # (m,) position in `pixels`, (m,) surfel, (m,) rank
        """Every surfel that covers these cells, nearest first: rank 0, 1, ... One a placement: its nearest."""
        parts = [level.covering(pixels) for level in self._levels]
        at, surfel, z = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        at, surfel, z = _nearest_of_each(at, surfel, z, self._surfels.placement[surfel])
        order = np.lexsort((surfel, z, at))
        at, surfel = at[order], surfel[order]
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        rank = np.arange(len(at)) - np.repeat(starts, np.diff(np.append(starts, len(at))))
        keep = rank < MAX_RANK
        return at[keep], surfel[keep], rank[keep]

    def depth_at(
        self,
        pixels: np.ndarray,  # (n,) flat cells
        surfel: np.ndarray,  # (n,) the surfel each is to show
    ) -> np.ndarray:  # (n,) float32
        """Depth where each cell's own ray meets the plane of its surfel, not the depth of the surfel's centre."""
        camera = self._camera
        m = camera.cam_from_world.astype(np.float32)
        disc = self._surfels.discs[surfel].T
        z_centre = m[2, 0] * disc[0] + m[2, 1] * disc[1] + m[2, 2] * disc[2] + m[2, 3]
        ray = camera.rays_world(cell_centres(pixels, camera))
        n = disc[3:7]
        o = camera.position_world.astype(np.float32)
        across = n[0] * ray[:, 0] + n[1] * ray[:, 1] + n[2] * ray[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (n[3] - (n[0] * o[0] + n[1] * o[1] + n[2] * o[2])) / across
        # Edge-on planes run away along the ray: trust them only within the surfel's own size.
        reach = np.float32(MAX_STRETCH) * disc[7] + np.float32(0.01) * z_centre
        z = np.where(np.abs(z - z_centre) < reach, z, z_centre)
        return np.maximum(z, np.float32(NEAR_M))


def _nearest_of_each(
    at: np.ndarray, surfel: np.ndarray, z: np.ndarray, placement: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep, for each cell and placement, the nearest surfel (ties to the lower index)."""
    group, index = np.unique(at.astype(np.int64) << 32 | placement, return_inverse=True)
    z_nearest = np.full(len(group), np.inf, np.float32)
    np.minimum.at(z_nearest, index, z)
    nearest = np.flatnonzero(z == z_nearest[index])
    winner = np.full(len(group), _NONE, np.int32)
    np.minimum.at(winner, index[nearest], surfel[nearest])
    return group >> 32, winner, z_nearest


class _Level:
    """Surfels of about one size: each covers 2x2 blocks of `cell` x `cell` cells around its centre."""

    def __init__(
        self, u: np.ndarray, v: np.ndarray, z: np.ndarray, index: np.ndarray, *, cell: int, size: tuple[int, int]
    ) -> None:
        self._z, self._index, self._cell, self._size = z, index, cell, size
        self._blocks = (-(-size[0] // cell), -(-size[1] // cell))
        # A border of two blocks takes what falls outside, so that nothing needs clipping or a mask.
        self._stride = self._blocks[1] + 4
        scale, shift = np.float32(1 / cell), np.float32(1.5)
        column = np.clip((u * scale + shift).astype(np.int32), 0, self._blocks[1] + 2)
        row = np.clip((v * scale + shift).astype(np.int32), 0, self._blocks[0] + 2)
        self._base = row * self._stride + column  # the top left of the four
        self._offsets = (0, 1, self._stride, self._stride + 1)

    def nearest(self) -> tuple[np.ndarray, np.ndarray]:  # (H, W) float32 depth, (H, W) int32 surfel or -1
        count = (self._blocks[0] + 4) * self._stride
        z_nearest = np.full(count, np.inf, np.float32)
        for offset in self._offsets:
            np.minimum.at(z_nearest, self._base + offset, self._z)
        winner = np.full(count, _NONE, np.int32)
        for offset in self._offsets:
            hit = np.flatnonzero(z_nearest[self._base + offset] == self._z)
            np.minimum.at(winner, self._base[hit] + offset, self._index[hit])
        winner[winner == _NONE] = -1
        return self._spread(z_nearest), self._spread(winner)

    def covering(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(m,) position in `pixels`, surfel and depth of every surfel here that covers one of them."""
        row, column = np.divmod(pixels, self._size[1])
        block = (row // self._cell + 2) * self._stride + column // self._cell + 2
        wanted = np.zeros((self._blocks[0] + 4) * self._stride, bool)
        wanted[block] = True
        hits = [np.flatnonzero(wanted[self._base + offset]) for offset in self._offsets]
        blocks = np.concatenate([self._base[hit] + offset for hit, offset in zip(hits, self._offsets, strict=True)])
        surfels = np.concatenate(hits)
        order = np.argsort(blocks, kind="stable")
        blocks, surfels = blocks[order], surfels[order]
        first, last = np.searchsorted(blocks, block, "left"), np.searchsorted(blocks, block, "right")
        lengths = last - first
        at = np.repeat(np.arange(len(pixels)), lengths)
        within = np.arange(len(at)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        chosen = surfels[first[at] + within]
        return at, self._index[chosen], self._z[chosen]

    def _spread(self, buffer: np.ndarray) -> np.ndarray:
        """From blocks, without the border, to cells."""
        inner = buffer.reshape(-1, self._stride)[2:-2, 2:-2]
        if self._cell > 1:
            inner = inner.repeat(self._cell, 0).repeat(self._cell, 1)[: self._size[0], : self._size[1]]
        return np.ascontiguousarray(inner)


def cell_centres(
    pixels: np.ndarray,  # (n,) flat cells
    camera: Camera,
) -> np.ndarray:  # (n, 2) float32 uv
    """uv of the centres of these cells of a camera's image."""
    row, column = np.divmod(pixels, camera.image_width)
    return np.stack([column, row], axis=-1).astype(np.float32) + np.float32(0.5)
