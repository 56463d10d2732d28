"""Which of a cloud's points do a chunk's cameras see first, on a coarse grid? The eyes of retrieval.

A few thousand grid cells in all, so what costs is looking at the points: those outside a cone around all cameras are
left out first. The nearest point of a cell wins, ties go to the lower index; a point covers as many cells as its size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..cameras import Camera
from .coarse_views import GRID_HEIGHT, GRID_WIDTH, grid_matrix

# Points nearer than this are behind the lens or inside it.
_NEAR_M = 1e-3
# A point covers at most the cells this far from its own.
_MOST_CELLS = 3
_STRIDE = GRID_WIDTH + 2 * _MOST_CELLS
_FARTHEST = np.iinfo(np.int64).max


def visible_points(
    points_world: np.ndarray,  # (3, n) float32
    sizes_m: np.ndarray,  # (n,) float32
    cameras: Sequence[Camera],
) -> tuple[np.ndarray, np.ndarray]:  # (t,) points, ascending, and in how many cells each is seen
    """The points that any camera sees, each once."""
    inside = _in_cone(points_world, cameras)
    x, y, z = points_world[:, inside]
    sizes = sizes_m[inside]
    # A border takes what a large point covers beyond the picture, so that nothing needs clipping.
    best = np.full((len(cameras), GRID_HEIGHT + 2 * _MOST_CELLS, _STRIDE), _FARTHEST, np.int64)
    for cells, camera in zip(best, cameras, strict=True):
        m = grid_matrix(camera).astype(np.float32)
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
        u = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
        v = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
        seen = (depth > _NEAR_M) & (u >= 0) & (v >= 0) & (u < GRID_WIDTH * depth) & (v < GRID_HEIGHT * depth)
        seen = np.flatnonzero(seen)
        depth = depth[seen]
        column, row = (u[seen] / depth).astype(np.intp), (v[seen] / depth).astype(np.intp)
        extent = sizes[seen] * np.float32(camera.focal_px * GRID_WIDTH / camera.image_width) / depth
        keys = depth.view(np.int32).astype(np.int64) << 32 | inside[seen]
        _splat(cells.reshape(-1), (row + _MOST_CELLS) * _STRIDE + column + _MOST_CELLS, extent, keys)
    best = best[:, _MOST_CELLS:-_MOST_CELLS, _MOST_CELLS:-_MOST_CELLS]
    won = best[best < _FARTHEST] & 0xFFFFFFFF
    return np.unique(won, return_counts=True)


def _splat(cells: np.ndarray, at: np.ndarray, extent: np.ndarray, keys: np.ndarray) -> None:
    """Put points down with their keys, the lowest stays; those larger than a cell on the cells around as well."""
    # Points of neighbouring voxels may lie two voxels apart: half of that to every side closes the surface.
    reach = np.clip(np.ceil(extent - 0.5), 0, _MOST_CELLS).astype(np.int8)
    for around in range(int(reach.max(initial=0)) + 1):
        mine = np.flatnonzero(reach == around)
        mine_at, mine_keys = at[mine], keys[mine]
        for down in range(-around, around + 1):
            for right in range(-around, around + 1):
                np.minimum.at(cells, mine_at + (down * _STRIDE + right), mine_keys)


def _in_cone(points: np.ndarray, cameras: Sequence[Camera]) -> np.ndarray:  # (m,) ascending
    """Points in a cone that holds the pictures of all cameras; all of them where no cone does."""
    corners = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], np.float64)
    rays = np.concatenate([c.rays_world(corners * (c.image_width, c.image_height)) for c in cameras])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    axis = rays.mean(axis=0)
    axis /= max(float(np.linalg.norm(axis)), 1e-12)
    cosine = float((rays @ axis).min())
    if cosine < 0.1:
        return np.arange(points.shape[1])
    positions = np.array([camera.position_world for camera in cameras])
    middle = positions.mean(axis=0)
    spread = float(np.linalg.norm(positions - middle, axis=1).max())
    # Pulled back until it holds a ball around all cameras; a little wider for rounding.
    apex = middle - axis * (spread / max(np.sqrt(1 - cosine**2), 1e-3))
    ax, ay, az = (points[i] - np.float32(apex[i]) for i in range(3))
    along = ax * np.float32(axis[0]) + ay * np.float32(axis[1]) + az * np.float32(axis[2])
    limit = np.float32((cosine - 1e-3) ** 2)
    return np.flatnonzero((along > 0) & (along * along >= limit * (ax * ax + ay * ay + az * az)))
