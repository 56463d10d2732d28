"""The slow, obvious twin of `PatchSearch`: every cell asks every placement, one after the other, nothing left out.

Numbers are single float32, so that the twin rounds as the search does and winners can be compared to the last bit.
"""

from __future__ import annotations

import numpy as np

from mosaic_core.cameras import Camera
from mosaic_core.memory.depth_keys import FAINTEST, NEAREST, STEP_BITS
from mosaic_core.memory.lens import Lens, rays_of
from mosaic_core.memory.placed_patches import BOX, PLANE, SOURCE, SPHERE, THICK, PlacedPatches


def nearest_patches(placed: PlacedPatches, camera: Camera) -> np.ndarray:  # (h * w,) rank, -1 = none
    """The rank of the placement that each cell sees: the nearest step of depth, then the lowest rank."""
    count = camera.image_height * camera.image_width
    rays = rays_of(camera, np.arange(count))
    lens = Lens(camera)
    found = np.full(count, -1, np.int64)
    with np.errstate(all="ignore"):
        for cell in range(count):
            best = None
            for rank in range(len(placed)):
                depth_step = _hit(placed, placed.rows[placed.at_rank[rank]], camera, lens, cell, rays[:, cell])
                if depth_step is not None and (best is None or depth_step < best):
                    best, found[cell] = depth_step, rank
    return found


def _hit(placed, row, camera, lens, cell, ray) -> int | None:
    """How far a placement is along the ray through a cell, in steps; None where the ray misses it."""
    one, half = np.float32(1), np.float32(0.5)
    v, u = (np.float32(i) + half for i in divmod(cell, camera.image_width))
    a, b, c = (part[0] for part in lens.tilt(*row[PLANE][:, None]))
    inverse = a * u + (b * v + c)
    if not FAINTEST <= inverse <= NEAREST:
        return None
    z = one / inverse
    x, y, z = (np.float32(e) + z * r for e, r in zip(lens.eye, ray, strict=True))
    nx, ny, nz, d = row[PLANE]
    cx, cy, cz, radius = row[SPHERE]
    dx, dy, dz = x - cx, y - cy, z - cz
    if not dx * dx + dy * dy + dz * dz <= radius * radius or not abs(nx * x + ny * y + nz * z - d) <= row[THICK]:
        return None
    m = placed.px_from_edited[row.view(np.int32)[SOURCE]]
    at_u, at_v, depth = (m[i] * x + m[i + 1] * y + m[i + 2] * z + m[i + 3] for i in (0, 4, 8))
    if not depth > 0:
        return None
    at_u, at_v = at_u * (one / depth), at_v * (one / depth)
    left, top, right, bottom = row[BOX]
    if not (left <= at_u <= right and top <= at_v <= bottom):
        return None
    return (0x7FFFFFFF - int(inverse.view(np.int32))) >> STEP_BITS
