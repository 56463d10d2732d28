"""A camera as float32 constants: what it makes of planes and points, in sums written term by term.

Works on the arrays of any library (`mosaic_core.memory.arrays`) where no type is named.
"""

from __future__ import annotations

import numpy as np

from ..cameras import Camera
from .arrays import Array, as_float32


class Lens:
    """A camera as constants of float32, for sums written term by term."""

    def __init__(self, camera: Camera) -> None:
        self.height, self.width = camera.image_height, camera.image_width
        self.eye = _constants(camera.position_world)
        k = camera.intrinsics_px
        # A plane n . x = d has the inverse depth (K^-T R^T n) . (u, v, 1) / (d - n . eye).
        x, y, z = camera.world_from_cam[:3, :3].T
        along_u = x / k[0, 0]
        along_v = (y - along_u * k[0, 1]) / k[1, 1]
        at_origin = z - along_u * k[0, 2] - along_v * k[1, 2]
        self.tilt_rows = [_constants(row) for row in (along_u, along_v, at_origin)]

    def tilt(self, nx: Array, ny: Array, nz: Array, d: Array) -> tuple[Array, Array, Array]:
        """Planes as a, b, c: a cell's inverse depth is a u + (b v + c)."""
        inverse = 1 / (d - (nx * self.eye[0] + ny * self.eye[1] + nz * self.eye[2]))
        a, b, c = ((nx * row[0] + ny * row[1] + nz * row[2]) * inverse for row in self.tilt_rows)
        return a, b, c


def rays_of(camera: Camera, cells: np.ndarray) -> np.ndarray:  # (3, n) float32
    """Directions through the centres of cells, with a camera-z of 1."""
    return np.ascontiguousarray(camera.rays_world(cell_centres(cells, camera)).T)


def cell_centres(
    pixels: np.ndarray,  # (n,) flat cells
    camera: Camera,
) -> np.ndarray:  # (n, 2) float32 uv
    """uv of the centres of these cells of a camera's image."""
    row, column = np.divmod(pixels, camera.image_width)
    return np.stack([column, row], axis=-1).astype(np.float32) + np.float32(0.5)


def _constants(row: np.ndarray) -> list[float]:
    return [as_float32(value) for value in row]
