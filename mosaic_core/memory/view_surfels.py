"""The surfels of one view at several levels of detail: what no edit changes of them.

The finest level has a surfel a pixel. On the next, four pixels that lie on one plane of one patch are one surfel, on
the one after that sixteen; what is bent, and what lies at an outline, keeps its pixels. So a coarser level shows the
same surfaces with the same outlines from fewer surfels, and colours lose nothing, because they are sampled from the
views. Patches are cells of pixels, so blocks never reach from one into another, and a level can be chosen patch by
patch (`mosaic_core.memory.detail`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..conventions import PATCH_SIZE_PX
from .surfels import normals_cam, pixel_slopes, sizes_on_surface
from .view import View

# Blocks of 1, 2 and 4 pixels a side.
DETAIL_LEVELS = 3
# A block's plane and those of its pixels agree within this share of the depth: a quarter of what the views tolerate.
FLAT = 0.0005


@dataclass(frozen=True, eq=False)
class ViewSurfels:
    """m surfels, level after level and in each patch by patch, of n patches. World as captured."""

    points_world: np.ndarray  # (3, m) float32
    plane_world: np.ndarray  # (4, m) float32, see `Surfels`
    size_m: np.ndarray  # (m,) float32, of one pixel
    side_px: np.ndarray  # (m,) float32, of the block of pixels that it stands for
    child: np.ndarray  # (m,) int64, the first of the surfels that it stands for on the finer level; or itself
    rows: np.ndarray  # (n,) ascending
    starts: np.ndarray  # (DETAIL_LEVELS, n) int64, where the surfels of each patch begin
    counts: np.ndarray  # (DETAIL_LEVELS, n) int64
    centre_world: np.ndarray  # (3, n) float64, of a sphere around each patch
    radius_m: np.ndarray  # (n,) float64
    # On the surface from a pixel to the next: along u and v, for pixels and for those that are part of a block. They
    # are as long as the longest, so that a bent patch stays closed, and what is flat of it may still be shown coarsely.
    steps_world: np.ndarray  # (2, 2, 3, n) float64, [axis, part of a block]


def view_surfels(
    view: View,
    rows: np.ndarray,  # (H, W) patch of each pixel, 0 = none
) -> ViewSurfels:
    """Of all pixels with a patch and a finite depth."""
    levels = [_blocks_of_pixels(view, rows)]
    for level in range(1, DETAIL_LEVELS):
        levels.append(_merged(levels[-1], level))
    patch_rows, first = np.unique(levels[0].key >> _CELL_BITS, return_index=True)
    starts = np.stack([np.searchsorted(blocks.key, patch_rows << _CELL_BITS) for blocks in levels])
    lengths = np.array([len(blocks.key) for blocks in levels])
    ends = np.concatenate([starts[:, 1:], lengths[:, None]], axis=1)
    before = np.cumsum(lengths) - lengths
    blocks = [np.concatenate([getattr(b, name) for b in levels]) for name in ("u", "v", "inverse", "a", "b", "side")]
    points, planes, sizes = _discs(view, *blocks[:5])
    below = np.concatenate([[0], before[:-1]])
    return ViewSurfels(
        points_world=points.astype(np.float32),
        plane_world=planes.astype(np.float32),
        size_m=sizes.astype(np.float32),
        side_px=blocks[5].astype(np.float32),
        child=np.concatenate([b.child + offset for b, offset in zip(levels, below, strict=True)]),
        rows=patch_rows,
        starts=starts + before[:, None],
        counts=ends - starts,
        **_extents(view, levels, points[:, : lengths[0]], first),
    )


# A pixel's place in its patch, its bits interleaved: blocks of 2x2 and of 4x4 are then neighbours in order.
_CELL_BITS = 2 * (PATCH_SIZE_PX - 1).bit_length()


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Square blocks of pixels on one plane each, ordered by patch and place."""

    u: np.ndarray  # (m,) float64, the middle
    v: np.ndarray  # (m,) float64
    inverse: np.ndarray  # (m,) float64, 1 / z_depth in the middle
    a: np.ndarray  # (m,) float64, its slope along u
    b: np.ndarray  # (m,) float64, and along v
    side: np.ndarray  # (m,) int64 pixels
    key: np.ndarray  # (m,) int64, patch row and place in it, ascending
    child: np.ndarray  # (m,) int64, the first of those that it was made of


def _blocks_of_pixels(view: View, rows: np.ndarray) -> _Blocks:
    flat = np.flatnonzero((rows > 0) & np.isfinite(view.z_depth))
    y, x = np.divmod(flat, rows.shape[1])
    key = rows.ravel()[flat].astype(np.int64) << _CELL_BITS
    for bit in range(_CELL_BITS // 2):
        key |= (x >> bit & 1) << 2 * bit | (y >> bit & 1) << 2 * bit + 1
    order = np.argsort(key, kind="stable")
    flat, y, x = flat[order], y[order], x[order]
    a, b = (slope.ravel()[flat] for slope in pixel_slopes(view.z_depth, rows))
    inverse = 1 / view.z_depth.ravel()[flat].astype(np.float64)
    return _Blocks(x + 0.5, y + 0.5, inverse, a, b, np.ones(len(flat), np.int64), key[order], np.arange(len(flat)))


def _merged(blocks: _Blocks, level: int) -> _Blocks:
    """Four blocks that make a square and lie on one plane become one; the others stay."""
    side = 1 << level - 1
    group = blocks.key >> 2 * level
    first = np.flatnonzero(np.diff(group, prepend=-1))
    first = first[np.diff(np.append(first, len(group))) == 4]
    four = first[:, None] + np.arange(4)  # (n, 4): top left, top right, bottom left, bottom right
    four = four[(blocks.side[four] == side).all(axis=1)]
    inverse, u, v = blocks.inverse[four], blocks.u[four], blocks.v[four]
    middle, mid_u, mid_v = inverse.mean(axis=1), u.mean(axis=1), v.mean(axis=1)
    a = (inverse[:, 1] - inverse[:, 0] + inverse[:, 3] - inverse[:, 2]) / (2 * side)
    b = (inverse[:, 2] - inverse[:, 0] + inverse[:, 3] - inverse[:, 1]) / (2 * side)
    right, down = mid_u[:, None] - u, mid_v[:, None] - v
    ahead = inverse + blocks.a[four] * right + blocks.b[four] * down
    back = middle[:, None] - a[:, None] * right - b[:, None] * down
    off = np.maximum(np.abs(ahead - middle[:, None]), np.abs(back - inverse)).max(axis=1, initial=0)
    flat = off <= FLAT * middle
    kept = np.ones(len(group), bool)
    kept[four[flat, 1:]] = False
    at = (np.cumsum(kept) - 1)[four[flat, 0]]
    child = np.flatnonzero(kept)
    columns = {name: getattr(blocks, name)[child] for name in ("u", "v", "inverse", "a", "b", "side", "key")}
    made = {"u": mid_u, "v": mid_v, "inverse": middle, "a": a, "b": b, "side": np.full(len(four), 2 * side)}
    for name, values in made.items():
        columns[name][at] = values[flat]
    return replace(blocks, **columns, child=child)


def _discs(
    view: View, u: np.ndarray, v: np.ndarray, inverse: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (3, m), planes (4, m) and pixel sizes (m,) where the view has these inverse depths and slopes."""
    uv, z = np.stack([u, v], axis=-1), 1 / inverse
    points = view.camera.unproject(uv, z).T
    normal_cam = normals_cam(view.camera, uv, inverse, (a, b))
    normal = view.camera.world_from_cam[:3, :3] @ normal_cam.T
    planes = np.concatenate([normal, (normal * points).sum(axis=0, keepdims=True)])
    return points, planes, sizes_on_surface(view.camera, uv, z, normal_cam)


def _extents(
    view: View,
    levels: list[_Blocks],
    points: np.ndarray,  # (3, m) of the pixels
    first: np.ndarray,  # (n,) where each patch begins
) -> dict[str, np.ndarray]:
    """How far each patch reaches and how far apart its pixels lie, see `ViewSurfels`."""
    if len(first) == 0:
        return {"centre_world": np.zeros((3, 0)), "radius_m": np.zeros(0), "steps_world": np.zeros((2, 2, 3, 0))}
    low, high = (ufunc.reduceat(points, first, axis=1) for ufunc in (np.minimum, np.maximum))
    pixels, in_block = levels[0], np.zeros(len(levels[0].key), bool)
    in_block[levels[1].child[levels[1].side > 1][:, None] + np.arange(4)] = True
    rays = (points - view.camera.position_world[:, None]) * pixels.inverse
    turn, k = view.camera.world_from_cam[:3, :3], view.camera.intrinsics_px
    along_u = turn[:, 0] / k[0, 0]
    along_v = (turn[:, 1] - along_u * k[0, 1]) / k[1, 1]
    steps = []
    for along, slope in ((along_u, pixels.a), (along_v, pixels.b)):
        step = (along[:, None] - rays * (slope / pixels.inverse)) / pixels.inverse
        length, mean = np.sqrt((step * step).sum(axis=0)), np.add.reduceat(step, first, axis=1)
        longest = np.stack([np.maximum.reduceat(size, first) for size in (length, length * in_block)])
        steps.append(mean * (longest / np.maximum(np.sqrt((mean * mean).sum(axis=0)), 1e-300))[:, None])
    radius = np.sqrt(((high - low) ** 2).sum(axis=0)) / 2
    return {"centre_world": (low + high) / 2, "radius_m": radius, "steps_world": np.stack(steps)}
