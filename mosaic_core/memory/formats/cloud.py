"""`PointCloud`: what a memory shows, as points with colours, normals and patch ids; and views of any cloud.

A memory is exported as it stands: every visible placement where its edits put it. A point a pixel of a view is what
other programs show as a surface; a point a patch is enough to select by. Normals are those of the patches: they point
back at the camera that saw them. The sky has no place and is left out.

A cloud has no views, and a memory is made of views. One of another program becomes a memory by looking at it: it is
rendered from given cameras, each point as a square of its own size, nearest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...cameras import Camera, CameraPath
from ...errors import FormatError
from ..memory import Memory
from ..view import View
from .base import imported_view

_LARGEST_SPLAT_PX = 15


@dataclass(frozen=True, eq=False)
class PointCloud:
    """N points in the world. Raises `FormatError` for arrays that do not fit together or are not finite."""

    points_m: np.ndarray  # (N, 3) float32
    rgb: np.ndarray  # (N, 3) uint8
    normals: np.ndarray  # (N, 3) float32, unit or zero where unknown
    patch_rows: np.ndarray  # (N,) int32, 0 where it is of no patch

    def __post_init__(self) -> None:
        count = len(self.points_m)
        for name, dtype, shape in (
            ("points_m", np.float32, (count, 3)),
            ("rgb", np.uint8, (count, 3)),
            ("normals", np.float32, (count, 3)),
            ("patch_rows", np.int32, (count,)),
        ):
            array = np.ascontiguousarray(getattr(self, name), dtype)
            if array.shape != shape or not np.isfinite(array).all():
                raise FormatError(f"a point cloud's {name} is finite and of shape {shape}, got {array.shape}")
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.points_m)


def patch_points(memory: Memory) -> tuple[PointCloud, np.ndarray]:  # the cloud, (N,) bool: stands where captured
    """A point in the middle of each visible placement, in its mean colour."""
    placements, patches = memory.placements, memory.patches
    at = np.flatnonzero(placements.visible & ~patches.sky[placements.rows - 1])
    rows = placements.rows[at]
    matrices = placements.edited_from_captured(at)
    cloud = PointCloud(
        points_m=_moved(matrices, patches.centre_world[rows - 1]),
        rgb=np.round(patches.rgb[rows - 1].mean(axis=1)),
        normals=_turned(matrices, patches.normal_world[rows - 1]),
        patch_rows=rows,
    )
    return cloud, placements.transform_index[at] == 0


def pixel_points(memory: Memory) -> PointCloud:
    """A point for each pixel that a visible placement shows, in its own colour."""
    pieces = list(_pixel_points(memory))
    if not pieces:
        return PointCloud(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
    return PointCloud(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))


def _pixel_points(memory: Memory) -> Iterator[tuple[np.ndarray, ...]]:
    placements, patches = memory.placements, memory.patches
    at = np.flatnonzero(placements.visible & ~patches.sky[placements.rows - 1])
    at = at[np.argsort(placements.rows[at], kind="stable")]
    rows = placements.rows[at]
    normals = patches.normal_world
    for view, row_map in zip(memory.views, memory.pixel_rows, strict=True):
        pixel = np.flatnonzero(row_map)
        row = row_map.reshape(-1)[pixel]
        first, end = np.searchsorted(rows, row), np.searchsorted(rows, row, side="right")
        times = end - first  # a copy shows the pixel once more
        pixel, row = np.repeat(pixel, times), np.repeat(row, times)
        within = np.arange(len(pixel)) - np.repeat(np.cumsum(times) - times, times)
        matrices = placements.edited_from_captured(at[np.repeat(first, times) + within])
        uv = np.stack([pixel % view.camera.image_width, pixel // view.camera.image_width], axis=-1) + 0.5
        points = view.camera.unproject(uv, view.z_depth.reshape(-1)[pixel].astype(np.float64))
        yield _moved(matrices, points), view.rgb.reshape(-1, 3)[pixel], _turned(matrices, normals[row - 1]), row


def _moved(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:  # (n, 3) float32
    x, y, z = (points[:, i].astype(np.float64) for i in range(3))
    rows = [m[:, 0] * x + m[:, 1] * y + m[:, 2] * z + m[:, 3] for m in (matrices[:, i] for i in range(3))]
    return np.stack(rows, axis=-1).astype(np.float32)


def _turned(matrices: np.ndarray, normals: np.ndarray) -> np.ndarray:  # (n, 3) float32
    linear = matrices.copy()
    linear[:, :3, 3] = 0
    turned = _moved(linear, np.nan_to_num(normals))
    return turned / np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-12)


def views_of_cloud(cloud: PointCloud, path: CameraPath, *, point_size_m: float | None = None) -> Iterator[View]:
    """What each camera sees of a cloud. Without a size, points are as large as they are apart. Raises `FormatError`."""
    if len(cloud) == 0:
        raise FormatError("a cloud without points shows nothing")
    size_m = spacing_m(cloud) if point_size_m is None else point_size_m
    for index, camera in enumerate(path):
        yield _view_of_cloud(cloud, camera, size_m, name=f"Frame {index + 1}", time_s=path.time_s(index))


def spacing_m(cloud: PointCloud) -> float:
    """How far apart the points of a surface are, roughly: from the number of cells they fill at two sizes."""
    extent = float(np.ptp(cloud.points_m.astype(np.float64), axis=0).max())
    low, size = cloud.points_m.min(axis=0), extent
    for _ in range(24):
        if size <= 0:
            break
        cells = np.floor((cloud.points_m - low) / size).astype(np.int64)
        filled = len(np.unique(cells[:, 0] + (cells[:, 1] << 20) + (cells[:, 2] << 40)))
        if filled > len(cloud) / 2:
            return 2 * size
        size /= 2
    return max(extent, 1e-6) / 1000


def _view_of_cloud(cloud: PointCloud, camera: Camera, size_m: float, *, name: str, time_s: float) -> View:
    uv, z = camera.project(cloud.points_m.astype(np.float64))
    seen = np.flatnonzero((z > 1e-6) & np.isfinite(uv).all(axis=-1))
    height, width = camera.image_height, camera.image_width
    column, row = (np.floor(np.clip(uv[seen, i], -1e6, 1e6)).astype(np.int64) for i in range(2))
    half = np.clip(np.ceil(camera.focal_px * size_m / z[seen] / 2 - 0.5), 0, _LARGEST_SPLAT_PX // 2).astype(np.int64)
    # Depth above, point below: the least of the packed numbers is the nearest point, and of equals the first.
    packed = (z[seen].astype(np.float32).view(np.uint32).astype(np.int64) << 32) | seen
    nearest = np.full(height * width, np.iinfo(np.int64).max)
    for dy in range(-int(half.max(initial=0)), int(half.max(initial=0)) + 1):
        for dx in range(-int(half.max(initial=0)), int(half.max(initial=0)) + 1):
            x, y = column + dx, row + dy
            there = (half >= max(abs(dx), abs(dy))) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
            np.minimum.at(nearest, y[there] * width + x[there], packed[there])
    hit = nearest < np.iinfo(np.int64).max
    rgb = np.zeros((height * width, 3), np.uint8)
    rgb[hit] = cloud.rgb[nearest[hit] & 0xFFFFFFFF]
    z_depth = np.full(height * width, np.inf, np.float32)
    z_depth[hit] = (nearest[hit] >> 32).astype(np.uint32).view(np.float32)
    return imported_view(
        camera, rgb.reshape(height, width, 3), z_depth.reshape(height, width), name=name, time_s=time_s
    )
