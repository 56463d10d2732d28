"""Lifting: cut a view into patches that each belong to one surface, and place them in the world.

MosaicMem eq. 2 and Mirage eq. 2-3 unproject one depth a cell. Both average over whatever the cell shows, so a cell
on an outline becomes a patch in mid-air. Here a cell is first split by object and by depth layer; each piece keeps the
exact set of its own pixels. A moved crate then takes all of itself along, and nothing of the wall.

Two pixels of one object and cell belong to different layers where their inverse depths leave a gap. Inverse depth is
linear on a plane, so the gap is judged against the plane's own slope: a floor seen at a grazing angle stays whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ..conventions import PATCH_SIZE_PX
from .latent_lifting import lift_latents
from .patches import Patches
from .view import View

# A gap in inverse depth this large (relative) separates two layers, unless the surface itself is that steep.
LAYER_GAP = 0.04
# Gaps up to this many times the group's median step from pixel to pixel are slope, not an edge.
LAYER_SLOPES = 4.0


@dataclass(frozen=True)
class _Pixels:
    """The valid pixels of one view, sorted so that those of a patch are neighbours."""

    index: np.ndarray  # (M,) flat pixel index
    starts: np.ndarray  # (P,) where each patch begins
    patch: np.ndarray  # (M,) patch of each pixel, from 0

    def total(self, values: np.ndarray) -> np.ndarray:  # (P,) float64
        return np.bincount(self.patch, weights=values, minlength=len(self.starts))


def lift_views(
    views: Sequence[View],
    *,
    first_view: int,
    first_row: int,
) -> tuple[Patches, list[np.ndarray]]:  # patches, (H, W) int32 a view: the row of each pixel, 0 = none
    """Cut views into patches whose rows count up from `first_row`; the first view has the index `first_view`.

    Latent frames of one size that follow each other are lifted together.
    """
    lifted, pixel_rows = Patches.none(), []
    for _, group in groupby(views, key=_lifted_alike):
        run = list(group)
        numbers = {"first_view": first_view + len(pixel_rows), "first_row": first_row + len(lifted)}
        patches, rows = lift_latents(run, **numbers) if run[0].patch_size_px == 1 else _lift_pictures(run, **numbers)
        lifted = lifted.followed_by(patches) if len(lifted) else patches
        pixel_rows += rows
    return lifted, pixel_rows


def _lifted_alike(view: View) -> tuple[int, ...]:
    return (view.patch_size_px, view.camera.image_height, view.camera.image_width)


def _lift_pictures(views: list[View], *, first_view: int, first_row: int) -> tuple[Patches, list[np.ndarray]]:
    patches, pixel_rows = Patches.none(), []
    for index, view in enumerate(views):
        lifted, rows = lift_view(view, view_index=first_view + index, first_row=first_row + len(patches))
        patches = patches.followed_by(lifted)
        pixel_rows.append(rows)
    return patches, pixel_rows


def lift_view(
    view: View,
    *,
    view_index: int,
    first_row: int,
) -> tuple[Patches, np.ndarray]:  # patches, (H, W) int32 row of each pixel, 0 = none
    """Cut one view into patches; their rows count up from `first_row`.

    Pixels of unknown depth belong to no patch. Sky pixels form patches of their own, kept as directions.
    """
    size = (view.camera.image_height, view.camera.image_width)
    pixels = _sorted_pixels(view)
    pixel_rows = np.zeros(size, np.int32)
    pixel_rows.reshape(-1)[pixels.index] = first_row + pixels.patch
    if len(pixels.starts) == 0:
        return Patches.none(), pixel_rows
    first = pixels.index[pixels.starts]
    cells_yx = np.stack(np.divmod(first, size[1]), axis=-1) // PATCH_SIZE_PX
    corners_uv, quad, centre = _place(view, pixels)
    patches = Patches(
        view=np.full(len(first), view_index),
        cell_yx=cells_yx,
        object_id=view.object_ids.reshape(-1)[first],
        pixel_count=np.bincount(pixels.patch),
        sky=view.sky.reshape(-1)[first],
        dynamic=view.dynamic.reshape(-1)[first],
        quad_world=quad,
        centre_world=centre,
        rgb=_corner_colours(view, pixels, corners_uv),
    )
    return patches, pixel_rows


def _sorted_pixels(view: View) -> _Pixels:
    """Group the valid pixels by cell, object, sky and motion, then split each group at its gaps in depth."""
    width = view.camera.image_width
    index = np.flatnonzero(view.valid)
    row, column = np.divmod(index, width)
    cells_across = -(-width // PATCH_SIZE_PX)
    cell = (row // PATCH_SIZE_PX) * cells_across + column // PATCH_SIZE_PX
    labels = (
        cell,
        view.object_ids.reshape(-1)[index],
        view.sky.reshape(-1)[index],
        view.dynamic.reshape(-1)[index],
    )
    inverse = _inverse_depth(view)
    order = np.lexsort((inverse.reshape(-1)[index], *labels[::-1]))
    index = index[order]
    if len(index) == 0:
        return _Pixels(index, index, index)
    new_group = np.ones(len(index), bool)
    new_group[1:] = np.any([label[order][1:] != label[order][:-1] for label in labels], axis=0)
    group = np.cumsum(new_group) - 1
    steps = _median_by_group(_pixel_step(view, inverse).reshape(-1)[index], group)
    inverse = inverse.reshape(-1)[index]
    allowed = np.maximum(LAYER_GAP * inverse, LAYER_SLOPES * steps[group])
    new_patch = new_group
    new_patch[1:] |= np.diff(inverse) > allowed[1:]
    return _Pixels(index, np.flatnonzero(new_patch), np.cumsum(new_patch) - 1)


def _inverse_depth(view: View) -> np.ndarray:  # (H, W) float64, 0 for sky and unknown
    return 1.0 / view.z_depth.astype(np.float64)


def _pixel_step(view: View, inverse: np.ndarray) -> np.ndarray:  # (H, W)
    """How much inverse depth changes to the next pixel of the same object, the steeper of right and down."""
    step = np.zeros(inverse.shape)
    ids = view.object_ids
    same = ids[:, 1:] == ids[:, :-1]
    step[:, :-1] = np.where(same, np.abs(np.diff(inverse, axis=1)), 0)
    same = ids[1:] == ids[:-1]
    step[:-1] = np.maximum(step[:-1], np.where(same, np.abs(np.diff(inverse, axis=0)), 0))
    return step


def _median_by_group(values: np.ndarray, group: np.ndarray) -> np.ndarray:  # (G,)
    """The median of each group; `group` is ascending."""
    order = np.lexsort((values, group))
    counts = np.bincount(group)
    ends = np.cumsum(counts)
    return values[order][ends - counts + counts // 2]


def _place(view: View, pixels: _Pixels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # (P,4,2) uv, (P,4,3), (P,3)
    """Fit inverse depth as a plane over each patch's pixels and unproject the corners of its bounding box."""
    row, column = np.divmod(pixels.index, view.camera.image_width)
    left = np.minimum.reduceat(column, pixels.starts).astype(np.float64)
    right = np.maximum.reduceat(column, pixels.starts) + 1.0
    top = np.minimum.reduceat(row, pixels.starts).astype(np.float64)
    bottom = np.maximum.reduceat(row, pixels.starts) + 1.0
    corners_uv = np.stack(
        [np.stack(c, -1) for c in ((left, top), (right, top), (right, bottom), (left, bottom))],
        axis=1,
    )
    count = pixels.total(np.ones(len(row)))
    mean_uv = np.stack([pixels.total(column + 0.5), pixels.total(row + 0.5)], -1) / count[:, None]
    inverse = _inverse_depth(view).reshape(-1)[pixels.index]
    slope, mean = _fit_planes(pixels, column + 0.5, row + 0.5, inverse, mean_uv, count)
    corner_inverse = mean[:, None] + np.einsum("pd,pcd->pc", slope, corners_uv - mean_uv[:, None])
    # The box may reach beyond the own pixels, where a plane fitted to foliage runs away: a pixel further at most.
    low = np.minimum.reduceat(inverse, pixels.starts)
    high = np.maximum.reduceat(inverse, pixels.starts)
    margin = np.minimum(np.abs(slope).sum(axis=1), LAYER_GAP * mean)
    # Nor past infinity: ground that reaches the horizon would have corners behind its own camera.
    low = np.maximum(low - margin, low / 2)
    corner_inverse = np.clip(corner_inverse, low[:, None], (high + margin)[:, None])
    sky = mean == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        quad = view.camera.unproject(corners_uv, 1 / corner_inverse)
        centre = view.camera.unproject(mean_uv, 1 / mean)
    quad[sky] = np.nan
    directions = view.camera.rays_world(mean_uv)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return corners_uv, quad, np.where(sky[:, None], directions, centre)


def _fit_planes(
    pixels: _Pixels,
    u: np.ndarray,  # (M,)
    v: np.ndarray,  # (M,)
    inverse: np.ndarray,  # (M,)
    mean_uv: np.ndarray,  # (P, 2)
    count: np.ndarray,  # (P,)
) -> tuple[np.ndarray, np.ndarray]:  # (P, 2) slope a pixel, (P,) mean inverse depth
    mean = pixels.total(inverse) / count
    du, dv = u - mean_uv[pixels.patch, 0], v - mean_uv[pixels.patch, 1]
    dw = inverse - mean[pixels.patch]
    # A patch one pixel wide says nothing about its slope across: the ridge turns that into "no slope".
    ridge = 1e-3 * count
    uu, vv, uv = pixels.total(du * du) + ridge, pixels.total(dv * dv) + ridge, pixels.total(du * dv)
    uw, vw = pixels.total(du * dw), pixels.total(dv * dw)
    determinant = uu * vv - uv * uv
    return np.stack([vv * uw - uv * vw, uu * vw - uv * uw], -1) / determinant[:, None], mean


def _corner_colours(
    view: View,
    pixels: _Pixels,
    corners_uv: np.ndarray,  # (P, 4, 2)
) -> np.ndarray:  # (P, 4, 3) uint8
    """The mean of the patch's own pixels near each corner, weighted bilinearly over its bounding box."""
    row, column = np.divmod(pixels.index, view.camera.image_width)
    box = corners_uv[pixels.patch]
    across = (column + 0.5 - box[:, 0, 0]) / (box[:, 2, 0] - box[:, 0, 0])
    down = (row + 0.5 - box[:, 0, 1]) / (box[:, 2, 1] - box[:, 0, 1])
    rgb = view.rgb.reshape(-1, 3)[pixels.index].astype(np.float64)
    colours = np.zeros((len(pixels.starts), 4, 3))
    weights = ((1 - across) * (1 - down), across * (1 - down), across * down, (1 - across) * down)
    for corner, weight in enumerate(weights):
        total = np.maximum(pixels.total(weight), 1e-12)
        for channel in range(3):
            colours[:, corner, channel] = pixels.total(weight * rgb[:, channel]) / total
    return np.round(colours).astype(np.uint8)
