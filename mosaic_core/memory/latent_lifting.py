"""Lifting latent frames: views whose every pixel is a patch already, as a model's latents with their depth are.

One pixel has no slope of its own, so its plane comes from its neighbours. Inverse depth is linear on a plane: where the
steps to both sides agree, their mean is the slope, however steep; where they do not, an edge is near, and the smaller
step counts if a surface may have it. No depth is ever averaged across an edge. A chunk's frames are lifted together:
seven thousand cells cost little more than the calls do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .patches import Patches
from .view import View

# Steps to both sides lie on one plane where they differ by no more than this share of the larger.
BENT = 0.5
# A step to one side only is slope up to this share of the inverse depth, and an edge above.
STEEPEST = 0.15


def lift_latents(
    views: Sequence[View],  # of one size, patch_size_px = 1
    *,
    first_view: int,
    first_row: int,
) -> tuple[Patches, list[np.ndarray]]:  # patches, (h, w) int32 a view: the row of each cell, 0 = none
    """One patch for each cell whose depth is known, and one for each that shows sky; rows count up from `first_row`."""
    z = np.stack([view.z_depth for view in views]).astype(np.float64)
    sky = np.stack([view.sky for view in views])
    ids = np.stack([view.object_ids for view in views])
    valid = np.isfinite(z) | sky
    inverse = np.where(sky, 0.0, 1 / z)
    quads, centres = _placed(views, inverse, slopes_of(inverse, ids))
    at = np.flatnonzero(valid)
    rows = np.zeros(z.shape, np.int32)
    rows.reshape(-1)[at] = np.arange(first_row, first_row + len(at), dtype=np.int32)
    cells = z[0].size
    is_sky = sky.reshape(-1)[at]
    quads, centres = (column.reshape(-1, z.size).take(at, axis=1) for column in (quads, centres))
    quads[:, is_sky] = np.nan
    rgb = np.stack([view.rgb for view in views]).reshape(-1, 1, 3)[at]
    patches = Patches(
        view=first_view + at // cells,
        cell_yx=np.stack(np.divmod(at % cells, z.shape[2]), axis=-1),
        object_id=ids.reshape(-1)[at],
        pixel_count=np.ones(len(at), np.int32),
        sky=is_sky,
        dynamic=np.stack([view.dynamic for view in views]).reshape(-1)[at],
        quad_world=quads.T.reshape(-1, 4, 3),
        centre_world=centres.T,
        rgb=np.broadcast_to(rgb, (len(at), 4, 3)),
    )
    return patches, list(rows)


def slopes_of(inverse: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (B, h, w) each
    """How inverse depth changes from a cell to the next, along u and along v."""
    return _slope(inverse, ids, axis=2), _slope(inverse, ids, axis=1)


def _slope(inverse: np.ndarray, ids: np.ndarray, *, axis: int) -> np.ndarray:
    front, back = ([slice(None)] * 3 for _ in range(2))
    front[axis], back[axis] = slice(None, -1), slice(1, None)
    first, second = tuple(front), tuple(back)
    # Sky and unknown depth are 0: a step to them is no slope.
    known = (inverse[first] > 0) & (inverse[second] > 0) & (ids[first] == ids[second])
    step = np.where(known, inverse[second] - inverse[first], np.inf)
    ahead, behind = np.full(inverse.shape, np.inf), np.full(inverse.shape, np.inf)
    ahead[first], behind[second] = step, step
    size_ahead, size_behind = np.abs(ahead), np.abs(behind)
    with np.errstate(invalid="ignore"):
        larger = np.maximum(size_ahead, size_behind)
        straight = (np.abs(ahead - behind) <= BENT * larger) & (larger < np.inf)
        smaller = np.where(size_ahead < size_behind, ahead, behind)
        smaller = np.where(np.abs(smaller) <= STEEPEST * inverse, smaller, 0.0)
        return np.where(straight, 0.5 * (ahead + behind), smaller)


def _placed(
    views: Sequence[View],
    inverse: np.ndarray,  # (B, h, w), 0 = sky or unknown
    slopes: tuple[np.ndarray, np.ndarray],  # (B, h, w) each
) -> tuple[np.ndarray, np.ndarray]:  # (4, 3, B, h, w) float32 corners TL, TR, BR, BL, (3, B, h, w) centres
    """Corners and centres in the world; meaningless where the depth is unknown, directions where it is sky."""
    height, width = inverse.shape[1:]
    k = np.stack([view.camera.intrinsics_px for view in views])[:, :, :, None, None]
    m = np.stack([view.camera.world_from_cam for view in views])[:, :, :, None, None]
    # Rays through the corners and centres of cells: half pixels, the odd ones are centres.
    y = (np.arange(2 * height + 1)[:, None] / 2 - k[:, 1, 2]) / k[:, 1, 1]
    x = (np.arange(2 * width + 1) / 2 - k[:, 0, 2] - k[:, 0, 1] * y) / k[:, 0, 0]
    rays = [m[:, i, 0] * x + m[:, i, 1] * y + m[:, i, 2] for i in range(3)]
    # A corner may not run away from its cell, where a plane fitted beside an edge is wrong.
    most = 0.9 * inverse
    across, down = (np.clip(slope, -most, most) / 2 for slope in slopes)
    positions = np.moveaxis(m[:, :3, 3], 1, 0)
    least, centre_rays = 0.1 * inverse, [ray[:, 1::2, 1::2] for ray in rays]
    # A plane a coordinate: NumPy is slow along axes as short as a point's.
    quads, centres = np.zeros((4, 3, *inverse.shape), np.float32), np.zeros((3, *inverse.shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        for quad, (right, below) in zip(quads, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
            at = np.maximum(inverse + (across if right else -across) + (down if below else -down), least)
            for plane, ray, position in zip(quad, rays, positions, strict=True):
                plane[:] = position + ray[:, 2 * below :: 2, 2 * right :: 2][:, :height, :width] / at
        length = np.sqrt(sum(ray * ray for ray in centre_rays))
        for plane, ray, position in zip(centres, centre_rays, positions, strict=True):
            plane[:] = np.where(inverse > 0, position + ray / inverse, ray / length)
    return quads, centres
