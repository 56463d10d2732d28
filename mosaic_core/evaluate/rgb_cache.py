"""The explicit RGB cache of other systems: memory as a cloud of coloured points, drawn for each camera and encoded.

Each captured pixel is a point, placed as the edits say, and drawn as a square as large as a pixel is at the median
depth, the nearest first; sky is points very far away. What no point reaches is filled smoothly. It stands in for
memory's own readout in the row `rgb_cache` (`mosaic_core.evaluate.rows`), without its refinements: no outlines,
no blending of views, nothing about who saw what from how near.
"""

from __future__ import annotations

import numpy as np

from ..cameras import Camera, CameraPath
from ..memory import Memory
from ..memory.formats.cloud import PointCloud, pixel_points, views_of_cloud
from ..memory.hole_filling import fill_holes
from ..memory.picture import Readout

# Nothing else of a scene is as far away.
SKY_M = 1e4


class PointCache:
    """Reads a memory as `mosaic_core.memory.timed_reader.TimedReader` does, as other systems would show it."""

    def __init__(self, memory: Memory) -> None:
        sizes = [view.z_depth[np.isfinite(view.z_depth)] / view.camera.focal_px for view in memory.views]
        self._size_m = float(np.median(np.concatenate([*sizes, [1e-3]])))
        self._cloud = _joined(pixel_points(memory), _sky_points(memory))

    def rgb(self, camera: Camera, time_s: float) -> Readout:
        """The picture a camera sees; confidence says only whether there is a point."""
        path = CameraPath((camera,), (0,), 1.0)
        (view,) = views_of_cloud(self._cloud, path, point_size_m=self._size_m)
        covered = np.isfinite(view.z_depth)
        z_depth = np.where(view.z_depth > SKY_M / 2, np.float32(np.inf), view.z_depth)
        rgb = view.rgb.astype(np.float32) / 255
        nothing = np.full((*covered.shape, 2), np.nan, np.float32)
        return Readout(
            values=fill_holes(rgb * covered[..., None], covered, z_depth),
            covered=covered,
            z_depth=z_depth,
            placement_id=np.zeros(covered.shape, np.int64),
            confidence=covered.astype(np.float32),
            age_s=np.where(covered, np.float32(0), np.float32(np.inf)),
            source_view=np.full(covered.shape, -1, np.int32),
            source_uv=nothing,
        )


def _sky_points(memory: Memory) -> PointCloud:
    points, colours = [np.zeros((0, 3))], [np.zeros((0, 3), np.uint8)]
    for view in memory.views:
        directions = view.camera.rays_world(view.camera.pixel_centres()[view.sky])
        points.append(
            view.camera.position_world + SKY_M * directions / np.linalg.norm(directions, axis=-1, keepdims=True)
        )
        colours.append(view.rgb[view.sky])
    count = sum(map(len, points))
    return PointCloud(np.concatenate(points), np.concatenate(colours), np.zeros((count, 3)), np.zeros(count))


def _joined(first: PointCloud, second: PointCloud) -> PointCloud:
    names = ("points_m", "rgb", "normals", "patch_rows")
    return PointCloud(*(np.concatenate([getattr(cloud, name) for cloud in (first, second)]) for name in names))
