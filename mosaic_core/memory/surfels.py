"""Surfels: the memory's surfaces as small oriented discs, what every readout splats (`mosaic_core.memory.splatting`).

A surfel is a point, the plane it lies on, its size and the placement it belongs to. Which ones a memory has is
`mosaic_core.memory.view_surfels`, which of them a camera needs `mosaic_core.memory.detail`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from .arrays import Arrays
from .placements import Placements
from .view import View

# A surfel seen at a grazing angle is stretched along its plane, up to this many times.
MAX_STRETCH = 2.0


@dataclass(frozen=True, eq=False)
class Surfels:
    """M surfels in the edited world. `plane_world` holds n and d of the plane n . x = d."""

    points_world: np.ndarray  # (3, M) float32, a row a coordinate: NumPy works on whole rows fastest
    plane_world: np.ndarray  # (4, M) float32, unit normal and offset
    size_m: np.ndarray  # (M,) float32, distance to the next surfel on the same surface
    placement: np.ndarray  # (M,) int32, position in the placement table

    def __len__(self) -> int:
        return self.points_world.shape[1]

    def taken(self, index: np.ndarray) -> Surfels:
        """The surfels at these positions."""
        columns = (self.points_world, self.plane_world, self.size_m, self.placement)
        # `take` keeps rows contiguous, unlike indexing: whoever takes from them again would copy them whole.
        return Surfels(*(column.take(index, axis=-1) for column in columns))

    def on(self, arrays: Arrays) -> Surfels:
        """The same surfels with columns of another array library."""
        columns = (self.points_world, self.plane_world, self.size_m, self.placement)
        return Surfels(*(arrays.of(column) for column in columns))


def pixel_sizes(view: View, slopes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:  # (H, W) float64 metres
    """How far apart neighbouring pixels lie on the surface: larger with distance and at grazing angles."""
    uv, inverse = view.camera.pixel_centres(), 1 / view.z_depth.astype(np.float64)
    return sizes_on_surface(view.camera, uv, view.z_depth, normals_cam(view.camera, uv, inverse, slopes))


def sizes_on_surface(
    camera: Camera,
    uv: np.ndarray,  # (..., 2)
    z_depth: np.ndarray,  # (...)
    normal_cam: np.ndarray,  # (..., 3)
) -> np.ndarray:  # (...) float64 metres
    """The size of a pixel on surfaces seen at these positions."""
    rays = camera.rays_world(uv) @ camera.world_from_cam[:3, :3]
    cosine = np.abs((normal_cam * rays).sum(axis=-1)) / np.linalg.norm(rays, axis=-1)
    return z_depth / camera.focal_px * np.minimum(1 / np.maximum(cosine, 1e-6), MAX_STRETCH)


def normals_cam(
    camera: Camera,
    uv: np.ndarray,  # (..., 2)
    inverse: np.ndarray,  # (...) 1 / z_depth
    slopes: tuple[np.ndarray, np.ndarray],  # (...) each: its slope along u and v
) -> np.ndarray:  # (..., 3)
    """Unit normals in camera axes: inverse depth a u + b v + c is the plane n . x = 1 with n = K^T (a, b, c)."""
    a, b = slopes
    c = inverse - a * uv[..., 0] - b * uv[..., 1]
    normal = np.stack([a, b, c], axis=-1) @ camera.intrinsics_px
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-300)


def pixel_slopes(
    z_depth: np.ndarray,  # (H, W)
    rows: np.ndarray,  # (H, W) patch of each pixel
) -> tuple[np.ndarray, np.ndarray]:  # (H, W) float64 each: d(1/z)/du, d(1/z)/dv
    """The slope of inverse depth at each pixel, from the neighbours it shares a surface with.

    Of the two one-sided differences the smaller is taken, so that an edge within reach does not tilt the plane.
    """
    inverse = 1 / z_depth.astype(np.float64)
    return _smaller_step(inverse, rows, axis=1), _smaller_step(inverse, rows, axis=0)


def _smaller_step(inverse: np.ndarray, rows: np.ndarray, *, axis: int) -> np.ndarray:
    before, after = (slice(None),) * axis + (slice(None, -1),), (slice(None),) * axis + (slice(1, None),)
    step = inverse[after] - inverse[before]
    # Neighbours belong together where they are of one patch, or across a cell border without a gap.
    together = np.abs(step) < 0.02 * np.minimum(inverse[before], inverse[after])
    together |= rows[before] == rows[after]
    ahead, behind = np.full(inverse.shape, np.inf), np.full(inverse.shape, np.inf)
    np.copyto(ahead[before], step, where=together)
    np.copyto(behind[after], step, where=together)
    smaller = np.where(np.abs(ahead) < np.abs(behind), ahead, behind)
    smaller[~np.isfinite(smaller)] = 0.0
    return smaller


def by_patch(placements: Placements, index: np.ndarray) -> np.ndarray:  # (n,)
    """Positions in the table, ordered by patch and transform: ties in depth go by what a placement is, not its id."""
    return index[np.lexsort((placements.transform_index[index], placements.rows[index]))]


def transformed(
    placements: Placements,
    owner: np.ndarray,  # (m,) position in the table
    points: np.ndarray,  # (3, m) float32
    planes: np.ndarray,  # (4, m) float32
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, planes and the scale of sizes after each placement's similarity, term by term for stable bits."""
    if len(owner) == 0:
        return points, planes, np.ones(0, np.float32)
    table = placements.transforms
    scale = np.cbrt(np.abs(np.linalg.det(table[:, :3, :3])))
    k = placements.transform_index[owner]
    m = table.astype(np.float32).transpose(1, 2, 0)[:, :, k]
    spin = (table[:, :3, :3] / scale[:, None, None]).astype(np.float32).transpose(1, 2, 0)[:, :, k]
    moved = np.stack([m[i, 0] * points[0] + m[i, 1] * points[1] + m[i, 2] * points[2] + m[i, 3] for i in range(3)])
    normal = np.stack([spin[i, 0] * planes[0] + spin[i, 1] * planes[1] + spin[i, 2] * planes[2] for i in range(3)])
    offset = normal[0] * moved[0] + normal[1] * moved[1] + normal[2] * moved[2]
    return moved, np.concatenate([normal, offset[None]]), scale.astype(np.float32)[k]
