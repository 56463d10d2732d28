"""Large memories for measuring: every patch ray-cast on its own, without the pixels that lifting would take it from.

A million patches are 1,137 views of 22x40 cells. Their pictures would take 4 GB and minutes; what reading features
needs of a view is its camera. So all views share one blank picture, and each patch is the exact quadrilateral of the
box face that its cell's centre sees, moved along its rays by noise if wanted, as estimated depth is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..cameras import Camera
from ..conventions import PATCH_SIZE_PX
from ..memory import Memory, Patches, Placements, View
from .boxes import Box


def patch_memory(
    cameras: Sequence[Camera],  # all of one size, whole cells
    boxes: Sequence[Box],
    *,
    depth_noise: float = 0.0,  # standard deviation, relative
    seen_by: Camera | None = None,  # keep only patches whose centre this camera has in its picture
    count: int | None = None,  # keep only so many
) -> Memory:
    """A memory of what these cameras see of the boxes; cells that see none give no patch."""
    generator = np.random.default_rng(0)
    height, width = cameras[0].image_height, cameras[0].image_width
    cells_yx = np.indices((height // PATCH_SIZE_PX, width // PATCH_SIZE_PX)).reshape(2, -1).T
    parts = [_quads(camera, cells_yx, boxes) for camera in cameras]
    view = np.repeat(np.arange(len(cameras)), [len(part[0]) for part in parts])
    quads, cells, ids = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    eyes = np.array([camera.position_world for camera in cameras])[view][:, None]
    noise = 1 + depth_noise * generator.standard_normal(len(quads))
    quads = eyes + (quads - eyes) * noise[:, None, None]
    centres = quads.mean(axis=1)
    keep = np.flatnonzero(_in_picture(seen_by, centres))[:count]
    patches = Patches(
        view=view[keep],
        cell_yx=cells[keep],
        object_id=ids[keep],
        pixel_count=np.full(len(keep), PATCH_SIZE_PX**2),
        sky=np.zeros(len(keep), bool),
        dynamic=np.zeros(len(keep), bool),
        quad_world=quads[keep],
        centre_world=centres[keep],
        rgb=np.zeros((len(keep), 4, 3), np.uint8),
    )
    rows = np.zeros((height, width), np.int32)
    written = Placements.of_rows(np.arange(1, len(keep) + 1))
    return Memory(_blank_views(cameras), {}, patches, (rows,) * len(cameras), written)


def _blank_views(cameras: Sequence[Camera]) -> tuple[View, ...]:
    size = (cameras[0].image_height, cameras[0].image_width)
    arrays = {
        "rgb": np.zeros((*size, 3), np.uint8),
        "z_depth": np.ones(size, np.float32),
        "object_ids": np.zeros(size, np.int32),
        "dynamic": np.zeros(size, bool),
        "sky": np.zeros(size, bool),
    }
    for array in arrays.values():
        array.flags.writeable = False  # else every view would keep a copy
    return tuple(View(camera=camera, **arrays) for camera in cameras)


def _quads(
    camera: Camera, cells_yx: np.ndarray, boxes: Sequence[Box]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # (n, 4, 3) quads, (n, 2) cells, (n,) object ids
    origin = camera.position_world
    corner_yx = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])
    centres = camera.rays_world((cells_yx[:, ::-1] + 0.5) * PATCH_SIZE_PX)
    corners = camera.rays_world((cells_yx[:, None] + corner_yx)[..., ::-1] * float(PATCH_SIZE_PX))
    z_depth, axis, wall, ids = np.full(len(centres), np.inf), *np.zeros((3, len(centres)))
    for box in boxes:
        low, high = np.array(box.low), np.array(box.high)
        with np.errstate(divide="ignore", invalid="ignore"):
            near = np.minimum((low - origin) / centres, (high - origin) / centres)
            leave = np.maximum((low - origin) / centres, (high - origin) / centres).min(axis=1)
        face = near.argmax(axis=1)
        enter = near.max(axis=1)
        hit = (enter > 1e-6) & (enter < leave) & (enter < z_depth)
        z_depth, axis, ids = np.where(hit, enter, z_depth), np.where(hit, face, axis), np.where(hit, box.object_id, ids)
        ahead = np.take_along_axis(centres, face[:, None], 1)[:, 0] > 0
        wall = np.where(hit, np.where(ahead, low[face], high[face]), wall)
    seen = np.flatnonzero(np.isfinite(z_depth))
    axis = axis[seen].astype(int)
    along = np.take_along_axis(corners[seen], axis[:, None, None], 2)[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (wall[seen] - origin[axis])[:, None] / along
    # A corner may look past the face's horizon: no farther than twice as deep as the middle, no nearer than half.
    middle = z_depth[seen][:, None]
    z = np.where((z > middle / 2) & (z < middle * 2), z, middle)
    return origin + corners[seen] * z[..., None], cells_yx[seen], ids[seen].astype(np.int32)


def _in_picture(camera: Camera | None, points: np.ndarray) -> np.ndarray:  # (n,) bool
    if camera is None:
        return np.ones(len(points), bool)
    uv, _ = camera.project(points)
    return (uv >= 0).all(axis=-1) & (uv < [camera.image_width, camera.image_height]).all(axis=-1)
