"""A readout in the convention of Mirage, for feeding weights that were trained that way. Not ours: see below.

Mirage (equations 2 and 3; the code of microsoft/LatentSpatialMemory at b2cd738) keeps a point for each cell of a
latent and splats it to one cell. Its network has seen all of what follows from that, so it is reproduced as it is:

* intrinsics are scaled to the cell grid at the pixels' edges, but rays go through integer cell coordinates, without the
  half: a surface comes out half a cell off wherever it is not seen at the distance it was captured from;
* a cell's depth is bilinear between the four pixels around its centre, across edges too; masks take the nearest pixel;
* a point covers the one cell it rounds to: coming closer opens holes, and what lies behind shows through them.

`mosaic_core.memory.feature_readout` has none of these. Of points at equal depth the one written first wins here; the
original leaves that, and more with several threads, to chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..cameras.camera import transform_points
from ..errors import MosaicError


@dataclass(frozen=True, eq=False)
class CellCloud:
    """N points with features. Start with `CellCloud.none`, add latents with `followed_by`, look with `read`."""

    points_world: np.ndarray  # (N, 3) float32
    features: np.ndarray  # (N, C) float32

    @classmethod
    def none(cls, channels: int) -> CellCloud:
        """A cloud without points."""
        return cls(np.zeros((0, 3), np.float32), np.zeros((0, channels), np.float32))

    def followed_by(
        self,
        latent: np.ndarray,  # (C, h, w) float32
        camera: Camera,  # of the picture, H x W pixels
        z_depth: np.ndarray,  # (H, W) float32 metres; 0, inf or nan where unknown
        *,
        excluded: np.ndarray | None = None,  # (H, W) bool, what is not to be remembered
    ) -> CellCloud:
        """The cloud with one more latent's cells. Raises `MosaicError` for shapes that do not fit."""
        size = (camera.image_height, camera.image_width)
        for name, array in (("z_depth", z_depth), ("excluded", excluded)):
            if array is not None and array.shape != size:
                raise MosaicError(f"{name} must have the picture's shape {size}, got {array.shape}")
        if latent.ndim != 3 or latent.shape[0] != self.features.shape[1]:
            raise MosaicError(f"expected a latent of {self.features.shape[1]} channels, (C, h, w), got {latent.shape}")
        points, is_valid = lift_cells(camera, z_depth, (latent.shape[1], latent.shape[2]), excluded=excluded)
        features = latent.reshape(len(latent), -1).T[is_valid].astype(np.float32)
        return CellCloud(
            np.concatenate([self.points_world, points[is_valid]]), np.concatenate([self.features, features])
        )

    def read(
        self,
        camera: Camera,  # of a picture of any size
        *,
        cells: tuple[int, int],  # h, w
    ) -> tuple[np.ndarray, np.ndarray]:  # (C, h, w) float32, (h, w) bool covered
        """What a camera sees, zero where no point lands."""
        k = cell_intrinsics(camera, cells)
        x, y, z = transform_points(camera.cam_from_world.astype(np.float32), self.points_world).T
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            column, row = np.rint(k[0, 0] * x / z + k[0, 2]), np.rint(k[1, 1] * y / z + k[1, 2])
        seen = np.flatnonzero((z > 0) & (column >= 0) & (row >= 0) & (column < cells[1]) & (row < cells[0]))
        cell = row[seen].astype(np.int64) * cells[1] + column[seen].astype(np.int64)
        order = np.lexsort((seen, z[seen], cell))
        found, first = np.unique(cell[order], return_index=True)
        values = np.zeros((self.features.shape[1], cells[0] * cells[1]), np.float32)
        values[:, found] = self.features[seen[order[first]]].T
        covered = np.zeros(cells[0] * cells[1], bool)
        covered[found] = True
        return values.reshape(-1, *cells), covered.reshape(cells)


def cell_intrinsics(camera: Camera, cells: tuple[int, int]) -> np.ndarray:  # (3, 3) float32
    """A camera's intrinsics in units of cells, as Mirage scales them."""
    k = camera.intrinsics_px.astype(np.float32)
    k[0] *= np.float32(cells[1] / camera.image_width)
    k[1] *= np.float32(cells[0] / camera.image_height)
    return k


def lift_cells(
    camera: Camera,
    z_depth: np.ndarray,  # (H, W) float32
    cells: tuple[int, int],  # h, w
    *,
    excluded: np.ndarray | None = None,  # (H, W) bool
) -> tuple[np.ndarray, np.ndarray]:  # (h * w, 3) float32 world, (h * w,) bool valid
    """A point a cell; where a cell's depth is not positive and finite, or its mask excludes it, it is not valid."""
    k = cell_intrinsics(camera, cells)
    with np.errstate(invalid="ignore"):  # unknown depths meet known ones
        z = _bilinear(z_depth.astype(np.float32), cells)
        row, column = np.indices(cells).astype(np.float32)
        points_cam = np.stack([(column - k[0, 2]) * z / k[0, 0], (row - k[1, 2]) * z / k[1, 1], z], axis=-1)
        points = transform_points(camera.world_from_cam.astype(np.float32), points_cam.reshape(-1, 3))
    is_valid = np.isfinite(z) & (z > 0)
    if excluded is not None:
        nearest = [np.arange(n) * side // n for n, side in zip(cells, excluded.shape, strict=True)]
        is_valid &= ~excluded[np.ix_(*nearest)]
    return points, is_valid.ravel()


def _bilinear(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:  # (h, w) float32
    """Resized without smoothing: at each centre, between the four pixels around it; the border is continued."""
    (top, bottom, down), (left, right, across) = (_taps(*sides) for sides in zip(image.shape, size, strict=True))
    above = (1 - across) * image[top][:, left] + across * image[top][:, right]
    below = (1 - across) * image[bottom][:, left] + across * image[bottom][:, right]
    return (1 - down)[:, None] * above + down[:, None] * below


def _taps(count: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    half = np.float32(0.5)
    at = np.maximum((np.arange(wanted, dtype=np.float32) + half) * np.float32(count / wanted) - half, np.float32(0))
    first = at.astype(np.int64)
    return first, np.minimum(first + 1, count - 1), at - first.astype(np.float32)
