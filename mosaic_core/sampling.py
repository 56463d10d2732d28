"""What engines, memory, metrics and registration ask of images: luma, half the size, values between, grown masks."""

from __future__ import annotations

import numpy as np


def luma(
    rgb: np.ndarray,  # (..., 3) display-referred
) -> np.ndarray:  # (...)
    """ITU-R BT.601, which the published code of SSIM and GMSD takes."""
    return 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2]


def halved(
    image: np.ndarray,  # (H, W) or (H, W, C) float
) -> np.ndarray:  # (H // 2, W // 2) or (H // 2, W // 2, C)
    """Means of 2 x 2 pixels. A last odd row or column is cut off, so uv is halved exactly."""
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    even, odd = image[0:height:2, :width], image[1:height:2, :width]
    return (even[:, 0::2] + even[:, 1::2] + odd[:, 0::2] + odd[:, 1::2]) / 4


def bilinear(
    image: np.ndarray,  # (H, W) or (H, W, C) float
    u: np.ndarray,  # (...) pixels, nan = nowhere
    v: np.ndarray,  # (...)
) -> tuple[np.ndarray, np.ndarray]:  # (...) or (..., C) values, (...) bool inside the picture
    """Values between pixel centres. The outermost half pixel repeats the edge; outside, values mean nothing."""
    height, width = image.shape[:2]
    inside = (u >= 0) & (u <= width) & (v >= 0) & (v <= height)
    x = np.clip(np.where(inside, u, 0.5) - 0.5, 0, width - 1)
    y = np.clip(np.where(inside, v, 0.5) - 0.5, 0, height - 1)
    column, row = x.astype(np.int64), y.astype(np.int64)
    right, below = np.minimum(column + 1, width - 1) - column, (np.minimum(row + 1, height - 1) - row) * width
    share_x, share_y = x - column, y - row
    if image.ndim == 3:
        share_x, share_y = share_x[..., None], share_y[..., None]
    flat, index = image.reshape(height * width, *image.shape[2:]), row * width + column
    upper = flat[index] * (1 - share_x) + flat[index + right] * share_x
    index = index + below
    lower = flat[index] * (1 - share_x) + flat[index + right] * share_x
    return upper * (1 - share_y) + lower * share_y, inside


def grown(mask: np.ndarray, by_px: int) -> np.ndarray:  # (h, w) bool
    """Everything within a square of that many pixels around the mask."""
    for axis in (0, 1):
        lines = np.moveaxis(mask, axis, -1)
        counts = np.cumsum(np.pad(lines, ((0, 0), (by_px + 1, by_px))), axis=-1)
        mask = np.moveaxis(counts[:, 2 * by_px + 1 :] - counts[:, : lines.shape[-1]] > 0, -1, axis)
    return mask
