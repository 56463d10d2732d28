"""A camera as float32 constants: what it makes of points, planes and boxes, in sums written term by term.

Works on the arrays of any library (`mosaic_core.memory.arrays`) where no type is named.
"""

from __future__ import annotations

import numpy as np

from ..cameras import Camera
from .arrays import Array
from .splatting import cell_centres

# What rounding may add to the reach of a sphere, in cells.
SLACK_PX = 0.02


class Lens:
    """A camera as constants of float32, for sums written term by term."""

    def __init__(self, camera: Camera) -> None:
        self.height, self.width = camera.image_height, camera.image_width
        k, world_from_cam = camera.intrinsics_px, camera.world_from_cam
        self._k, self._focal_px = k, (float(np.hypot(k[0, 0], k[0, 1])), float(k[1, 1]))
        cam_from_world = camera.cam_from_world[:3]
        self._rows_cam = [_constants(row) for row in cam_from_world]
        rows_px = np.stack([k[i, 0] * cam_from_world[0] + k[i, 1] * cam_from_world[1] + k[i, 2] * cam_from_world[2]
                            for i in range(3)])  # fmt: skip
        self._rows_px = [_constants(row) for row in rows_px]
        self.eye = _constants(camera.position_world)
        # A plane n . x = d has the inverse depth (K^-T R^T n) . (u, v, 1) / (d - n . eye).
        x, y, z = world_from_cam[:3, :3].T
        along_u = x / k[0, 0]
        along_v = (y - along_u * k[0, 1]) / k[1, 1]
        at_origin = z - along_u * k[0, 2] - along_v * k[1, 2]
        self._tilt_rows = [_constants(row) for row in (along_u, along_v, at_origin)]
        edges = np.array([(k[0, 0], k[0, 1], k[0, 2]), (-k[0, 0], -k[0, 1], self.width - k[0, 2]),
                          (0, k[1, 1], k[1, 2]), (0, -k[1, 1], self.height - k[1, 2])])  # fmt: skip
        self._sides_cam = [_constants(edge / np.linalg.norm(edge)) for edge in edges]

    def reach_of(self, window: int) -> float:
        """The largest radius / (depth - radius) of spheres that a window of so many cells is wide enough for.

        A point of the sphere appears within hypot(f, distance from the principal point) times that from its centre.
        """
        half = window / 2
        away = [max(self._k[i, 2], side - self._k[i, 2]) + half for i, side in enumerate((self.width, self.height))]
        widest = max(np.hypot(focal, far) for focal, far in zip(self._focal_px, away, strict=True))
        return float(min((half - SLACK_PX) / widest, 0.5))

    def window(
        self, points: np.ndarray, nearest: np.ndarray, half_axes: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:  # (n,) int64 each
        """First column and the one after the last, then rows, of the cells that boxes put at points may reach."""
        reach = self.reach_px(points, nearest, half_axes)
        spans = []
        for at, far, side in zip(self.project(*points[:3])[:2], reach, (self.width, self.height), strict=True):
            far = far + SLACK_PX
            first = np.ceil(np.clip(np.where(far < np.inf, at - far, 0) - 0.5, 0, side))
            last = np.floor(np.clip(np.where(far < np.inf, at + far, side) + 0.5, 0, side))
            spans.append((first.astype(np.int64), np.maximum(first, last).astype(np.int64)))
        return spans

    def reach_px(self, sphere: np.ndarray, nearest: np.ndarray, half_axes: np.ndarray) -> np.ndarray:  # (2, n)
        """How far any cell that a box put within a sphere can reach is from where the box's centre appears.

        A step s from a point that appears at u moves it by (row_u - u row_z) . s / z, where z is the depth after it.
        """
        u, v, _ = self.project(*sphere[:3])
        widest = np.maximum(sphere[3], 0) / nearest
        steps = [[row[0] * s[0] + row[1] * s[1] + row[2] * s[2] for row in self._rows_px] for s in half_axes]
        reach = []
        for row, at, focal in ((0, u, self._focal_px[0]), (1, v, self._focal_px[1])):
            # Centres of placements appear so far from the cluster's centre at most.
            spread = widest * (focal + np.abs(at - self._k[row, 2]))
            sideways = sum(np.abs(s[row] - at * s[2]) + spread * np.abs(s[2]) for s in steps)
            reach.append(np.where((nearest > 0) & (widest < 1), sideways / nearest, np.inf))
        return np.stack(reach)

    def sees(self, x: Array, y: Array, z: Array, radius: Array) -> tuple[Array, Array]:  # (n,) bool, (n,)
        """Whether spheres may be in the picture, and how near they come, both with room for rounding."""
        x, y, z = (row[0] * x + row[1] * y + row[2] * z + row[3] for row in self._rows_cam)
        reach = radius + (abs(x) + abs(y) + abs(z) + radius) * 1e-4
        inside = z > -reach
        for side in self._sides_cam:
            inside = inside & (side[0] * x + side[1] * y + side[2] * z > -reach)
        return inside, z - reach

    def tilt(self, nx: Array, ny: Array, nz: Array, d: Array) -> tuple[Array, Array, Array]:
        """Planes as a, b, c: a cell's inverse depth is a u + (b v + c)."""
        inverse = 1 / (d - (nx * self.eye[0] + ny * self.eye[1] + nz * self.eye[2]))
        a, b, c = ((nx * row[0] + ny * row[1] + nz * row[2]) * inverse for row in self._tilt_rows)
        return a, b, c

    def project(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """u, v and depth of points."""
        u, v, depth = (row[0] * x + row[1] * y + row[2] * z + row[3] for row in self._rows_px)
        inverse = 1 / depth
        return u * inverse, v * inverse, depth


def rays_of(camera: Camera, cells: np.ndarray) -> np.ndarray:  # (3, n) float32
    """Directions through the centres of cells, with a camera-z of 1."""
    return np.ascontiguousarray(camera.rays_world(cell_centres(cells, camera)).T)


def _constants(row: np.ndarray) -> list[float]:
    """Numbers that are float32 already: no library rounds them again, each in its way."""
    return [float(value) for value in row.astype(np.float32)]
