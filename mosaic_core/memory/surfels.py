"""Surfels: the memory's surfaces as small oriented discs, what every readout splats (`mosaic_core.memory.splatting`).

Each pixel of a view is a surfel: a point, the plane it lies on, its size and the placement it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .memory import Memory
from .placements import Placements
from .view import View
from .view_parts import ViewParts, part_of

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
        columns = (self.points_world[:, index], self.plane_world[:, index], self.size_m[index], self.placement[index])
        return Surfels(*columns)


def pixel_surfels(memory: Memory, shown: np.ndarray, parts: ViewParts | None = None) -> Surfels:
    """One surfel a view pixel and placement, for the placements that are `shown` ((N,) bool).

    Pixels whose patch stands where it was captured come first, in the order of views and pixels; moved and copied ones
    follow in the order of patches. So an edit never changes the order among those it did not touch, and it makes no
    difference which ids the placements have.
    """
    captured = [part_of(parts, "captured", memory, index, _captured_pixels) for index in range(len(memory.views))]
    points, planes, sizes, rows = (np.concatenate(parts, axis=-1) for parts in zip(*captured, strict=True))
    placements = memory.placements
    at_home = shown & (placements.transform_index == 0)
    home_of_row = np.full(len(memory.patches) + 1, -1, np.int32)
    home_of_row[placements.rows[at_home][::-1]] = np.flatnonzero(at_home)[::-1]
    home = home_of_row[rows]
    still = home >= 0
    away = by_patch(placements, np.flatnonzero(shown & ~_is_first_at_home(placements, at_home, home_of_row)))
    pixel, owner = _pixels_of_placements(rows, placements.rows[away], len(memory.patches))
    owner = away[owner].astype(np.int32)
    moved_points, moved_planes, scale = transformed(placements, owner, points[:, pixel], planes[:, pixel])
    return Surfels(
        points_world=np.concatenate([points[:, still], moved_points], axis=1),
        plane_world=np.concatenate([planes[:, still], moved_planes], axis=1),
        size_m=np.concatenate([sizes[still], sizes[pixel] * scale]),
        placement=np.concatenate([home[still], owner]),
    )


def _captured_pixels(view: View, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points (3, m), planes (4, m), sizes (m,) and rows (m,) of one view's pixels with finite depth, as captured."""
    flat = np.flatnonzero((rows > 0) & np.isfinite(view.z_depth))
    z = view.z_depth.ravel()[flat].astype(np.float64)
    slopes = pixel_slopes(view.z_depth, rows)
    points = view.camera.unproject(view.camera.pixel_centres().reshape(-1, 2)[flat], z).T
    normal = view.camera.world_from_cam[:3, :3] @ _normals_cam(view, slopes).reshape(-1, 3)[flat].T
    planes = np.concatenate([normal, (normal * points).sum(axis=0, keepdims=True)])
    sizes = pixel_sizes(view, slopes).ravel()[flat]
    return points.astype(np.float32), planes.astype(np.float32), sizes.astype(np.float32), rows.ravel()[flat]


def pixel_sizes(view: View, slopes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:  # (H, W) float64 metres
    """How far apart neighbouring pixels lie on the surface: larger with distance and at grazing angles."""
    rays = view.camera.rays_world(view.camera.pixel_centres()) @ view.camera.world_from_cam[:3, :3]
    cosine = np.abs((_normals_cam(view, slopes) * rays).sum(axis=-1)) / np.linalg.norm(rays, axis=-1)
    return view.z_depth / view.camera.focal_px * np.minimum(1 / np.maximum(cosine, 1e-6), MAX_STRETCH)


def _normals_cam(view: View, slopes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:  # (H, W, 3)
    """Unit normals in camera axes: inverse depth a u + b v + c is the plane n . x = 1 with n = K^T (a, b, c)."""
    a, b = slopes
    u, v = np.moveaxis(view.camera.pixel_centres(), -1, 0)
    c = 1 / view.z_depth.astype(np.float64) - a * u - b * v
    normal = np.stack([a, b, c], axis=-1) @ view.camera.intrinsics_px
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


def _is_first_at_home(placements: Placements, at_home: np.ndarray, home_of_row: np.ndarray) -> np.ndarray:  # (N,) bool
    """Placements that are the one shown at its captured place; a second copy left there unmoved is not."""
    first = np.zeros(len(placements), bool)
    first[home_of_row[home_of_row >= 0]] = True
    return first & at_home


def by_patch(placements: Placements, index: np.ndarray) -> np.ndarray:  # (n,)
    """Positions in the table, ordered by patch and transform: ties in depth go by what a placement is, not its id."""
    return index[np.lexsort((placements.transform_index[index], placements.rows[index]))]


def _pixels_of_placements(
    rows: np.ndarray,  # (M,) row of each pixel
    wanted: np.ndarray,  # (n,) rows, repeats allowed
    count: int,
) -> tuple[np.ndarray, np.ndarray]:  # pixel positions, and which of `wanted` each serves
    """All pixels of each wanted row, in the order of `wanted`."""
    order = np.argsort(rows, kind="stable")
    lengths = np.bincount(rows, minlength=count + 1)
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    repeat = lengths[wanted]
    owner = np.repeat(np.arange(len(wanted)), repeat)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    return order[starts[wanted][owner] + within], owner


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
