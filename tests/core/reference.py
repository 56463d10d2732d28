"""Slow, obvious twins of the fast readout, a loop a pixel: what the fast code must agree with."""

from __future__ import annotations

import math

import numpy as np

from mosaic_core.memory.splatting import FINEST_PX, LEVELS, NEAR_M
from mosaic_core.memory.surfels import MAX_STRETCH


def nearest_surfels(surfels, camera, half=None) -> np.ndarray:  # (H, W) int32, -1 = none
    """For each cell, look at every surfel: does it cover the cell, and is its plane the nearest there?

    Large surfels cover whole blocks and are judged at the block's middle. `half` ((M, 2) pixels) is half the box around
    each surfel's picture: a small one covers the cells whose middle lies in its box.
    """
    half = np.full((len(surfels), 2), np.inf) if half is None else half
    height, width = camera.image_height, camera.image_width
    best_z = np.full((height, width), np.inf)
    best = np.full((height, width), -1, np.int32)
    for level in range(LEVELS):
        cell = 1 << level
        blocks: dict[tuple[int, int], tuple[float, int]] = {}
        for index in range(len(surfels)):
            for block in _blocks(surfels, camera, index, level, half[index]):
                middle = ((block[1] + 0.5) * cell, (block[0] + 0.5) * cell)
                blocks[block] = min(blocks.get(block, (np.inf, 0)), (_depth(surfels, camera, index, middle), index))
        for (row, column), (z, index) in blocks.items():
            for y in range(max(row * cell, 0), min((row + 1) * cell, height)):
                for x in range(max(column * cell, 0), min((column + 1) * cell, width)):
                    if z < best_z[y, x]:
                        best_z[y, x], best[y, x] = z, index
    return best


def _blocks(surfels, camera, index: int, level: int, half: np.ndarray) -> list[tuple[int, int]]:
    """The 2x2 blocks around a surfel's centre, if its size belongs to this level."""
    uv, z = camera.project(surfels.points_world[:, index])
    if not z > NEAR_M or not (-1 < uv[0] < camera.image_width + 1 and -1 < uv[1] < camera.image_height + 1):
        return []
    extent_px = surfels.size_m[index] * camera.focal_px / z if max(half) > 1 else 0
    if any(abs(at - math.floor(at) - 0.5) > reach for at, reach in zip(uv, half, strict=True)):
        return []
    if min(max(math.ceil(math.log2(max(extent_px, 1e-6) / FINEST_PX)), 0), LEVELS - 1) != level:
        return []
    left, top = math.floor(uv[0] / (1 << level) - 0.5), math.floor(uv[1] / (1 << level) - 0.5)
    blocks = [(row, column) for row in (top, top + 1) for column in (left, left + 1)]
    if level > 0:
        return blocks
    return [(y, x) for y, x in blocks if abs(x + 0.5 - uv[0]) <= half[0] and abs(y + 0.5 - uv[1]) <= half[1]]


def _depth(surfels, camera, index: int, uv: tuple[float, float]) -> float:
    """Depth where the ray through uv meets the surfel's plane; its centre's depth where that is too far off."""
    normal, offset = surfels.plane_world[:3, index].astype(float), float(surfels.plane_world[3, index])
    ray = camera.rays_world(np.array(uv))
    z_centre = float(camera.project(surfels.points_world[:, index].astype(float))[1])
    across = normal @ ray
    z = (offset - normal @ camera.position_world) / across if across else math.inf
    reach = MAX_STRETCH * surfels.size_m[index] + 0.01 * z_centre
    return max(z if abs(z - z_centre) < reach else z_centre, NEAR_M)
