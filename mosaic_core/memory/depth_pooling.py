"""Depth at another resolution: what a cell sees, from the estimator's pixels, without depths that nothing has.

Averaging a cell's pixels puts patches into mid-air wherever two surfaces meet in it, and so does one bilinear tap;
invalid pixels taken as zero do worse: published code puts points at a quarter of the true depth, and they hide what
lies behind them. Here a cell's valid samples are sorted by inverse depth and split at the widest gap, where one is
that no slope explains; the side with more samples is what the cell shows, and its mean in inverse depth, which is
linear on a plane, is the cell's depth.
"""

from __future__ import annotations

import numpy as np

from ..errors import MosaicError
from .lifting import LAYER_GAP, LAYER_SLOPES

# At most this many samples a side are taken of a cell, evenly: more say little, and cost grows with the square.
SAMPLES = 4


def pool_depth(
    z_depth: np.ndarray,  # (..., H, W) float, metres; unknown = inf, nan, 0 or negative
    *,
    height: int,
    width: int,
    valid: np.ndarray | None = None,  # (..., H, W) bool, positive: False is left out as unknown
) -> np.ndarray:  # (..., height, width) float32, inf where no sample is valid
    """The depth of each cell of a grid over the same picture, coarser or finer. Raises `MosaicError`."""
    z_depth = np.asarray(z_depth)
    if z_depth.ndim < 2 or 0 in z_depth.shape[-2:] or min(height, width) < 1:
        raise MosaicError(f"pooling needs a depth map and a grid with cells, got {z_depth.shape} and {height}x{width}")
    if valid is not None and np.shape(valid) != z_depth.shape:
        raise MosaicError(f"the mask of valid depth must have shape {z_depth.shape}, got {np.shape(valid)}")
    z = cells_of(z_depth, height, width).astype(np.float32)
    known = (z > 0) & (z < np.inf)
    if valid is not None:
        known &= cells_of(valid, height, width)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(known, np.float32(1) / z, np.float32(np.nan))
        return np.float32(1) / _main_layer(inverse, across=len(_samples(z_depth.shape[-1], width)) // width)


def cells_of(
    plane: np.ndarray,  # (..., H, W)
    height: int,
    width: int,
) -> np.ndarray:  # (..., height, width, k)
    """The samples that pooling takes of each cell of a grid over a picture, row by row."""
    rows, columns = (_samples(n, cells) for n, cells in zip(plane.shape[-2:], (height, width), strict=True))
    down, across = len(rows) // height, len(columns) // width
    samples = plane[..., rows[:, None], columns].reshape(*plane.shape[:-2], height, down, width, across)
    return np.moveaxis(samples, -3, -2).reshape(*plane.shape[:-2], height, width, down * across)


def _samples(pixels: int, cells: int) -> np.ndarray:
    """Which pixels are looked at along one axis: the same number a cell, evenly spread, the nearest ones."""
    a_cell = int(np.clip(-(-pixels // cells), 1, SAMPLES))
    number = np.arange(cells * a_cell)
    at = (number + 0.5) * pixels / (cells * a_cell)
    # Between two pixels: the outer one, on both sides alike, so that the mean of the samples is the cell's middle.
    outer = (at == np.floor(at)) & (number % a_cell < a_cell / 2)
    return np.clip(at.astype(np.intp) - outer, 0, pixels - 1)


def _main_layer(
    inverse: np.ndarray,  # (..., k), nan = unknown
    across: int,  # samples a row
) -> np.ndarray:  # (...), 0 = nothing known
    """The mean of the layer that has most of the samples; of two equal ones the nearer."""
    cells = inverse.reshape(-1, inverse.shape[-1])
    known = np.isfinite(cells)
    count = known.sum(axis=-1)
    mean = np.where(known, cells, np.float32(0)).sum(axis=-1) / np.maximum(count, 1).astype(np.float32)
    low = np.where(known, cells, np.float32(np.inf)).min(axis=-1)
    high = np.where(known, cells, np.float32(0)).max(axis=-1)
    # Only where samples are far enough apart can there be a gap.
    wide = np.flatnonzero((count > 1) & (high - low > LAYER_GAP * low))
    if len(wide):
        mean[wide] = _split_mean(cells[wide], across)
    return mean.reshape(inverse.shape[:-1])


def _split_mean(cells: np.ndarray, across: int) -> np.ndarray:  # (n, k) -> (n,)
    ordered = np.sort(cells, axis=-1)  # ascending: far to near, nan last
    known = np.isfinite(ordered)
    gaps = np.nan_to_num(np.diff(ordered, axis=-1))
    widest = gaps.argmax(axis=-1)
    index = np.arange(len(cells))
    usual = np.maximum(_median_step(cells, across), _median_step(cells, 1))
    split = gaps[index, widest] > np.maximum(LAYER_GAP * ordered[index, widest], LAYER_SLOPES * usual)
    beyond = (widest + 1)[:, None]  # how many samples lie on the far side of the gap
    nearer = known.sum(axis=-1, keepdims=True) - beyond >= beyond
    position = np.arange(cells.shape[1])
    mine = known & (~split[:, None] | ((position >= beyond) == nearer))
    return np.where(mine, ordered, np.float32(0)).sum(axis=-1) / mine.sum(axis=-1).astype(np.float32)


def _median_step(cells: np.ndarray, apart: int) -> np.ndarray:  # (n, k) -> (n,)
    """How much inverse depth usually changes to the sample that comes `apart` later; 0 where none is known."""
    steps = np.abs(cells[:, apart:] - cells[:, :-apart])
    if steps.shape[1] == 0:
        return np.zeros(len(cells), cells.dtype)
    steps = np.sort(steps, axis=-1)
    number = np.isfinite(steps).sum(axis=-1)
    return np.where(number > 0, steps[np.arange(len(steps)), number // 2], 0)
