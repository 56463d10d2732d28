"""Detail composition: memory's own pixels where it is sure and nothing has moved, the model's everywhere else.

The model works at a small size, through an autoencoder; memory holds the captured pixels. So a frame is memory at full
resolution wherever that is right, and the rest is the model's, brought to the same brightness: what the two differ by
around a hole is continued smoothly into it (a membrane, as in Poisson cloning), so that no outline of the hole shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..memory.hole_filling import fill_holes
from ..memory.picture import Readout
from .motion import BLOCK_PX

# Means of blocks differ by more than this only where something has moved or the light has changed: the autoencoder is
# off by less.
CHANGED = 0.1


@dataclass(frozen=True, eq=False)
class Composed:
    """A frame at full size."""

    rgb: np.ndarray  # (H, W, 3) float32
    z_depth: np.ndarray  # (H, W) float32, inf for sky and where unknown
    from_memory: np.ndarray  # (H, W) bool, memory's own pixels


def compose(
    readout: Readout,  # (H, W)
    model_rgb: np.ndarray,  # (h, w, 3) float32 in [0, 1]
    model_z_depth: np.ndarray,  # (h, w) float32
) -> Composed:
    """Put one frame together."""
    size = readout.covered.shape
    model = resized(model_rgb, size)
    keep = readout.covered & ~_changed(readout, model_rgb)
    if not keep.any():
        return Composed(model, resized_nearest(model_z_depth, size), keep)
    # What memory has that the model has not: known where memory is kept, continued where it is not.
    offset = fill_holes(readout.values - model, keep, readout.z_depth)
    rgb = np.where(keep[..., None], readout.values, np.clip(model + offset, 0, 1))
    z_depth = np.where(keep, readout.z_depth, resized_nearest(model_z_depth, size))
    return Composed(rgb.astype(np.float32), z_depth.astype(np.float32), keep)


def resized(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:  # (H, W, C) float32
    """Another size, smoothly."""
    import torch
    from torch.nn import functional

    planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))[None]
    mode = "bicubic" if image.shape[0] < size[0] else "bilinear"
    planes = functional.interpolate(planes, size, mode=mode, antialias=mode == "bilinear")[0]
    return np.ascontiguousarray(planes.clamp(0, 1).numpy().transpose(1, 2, 0))


def resized_nearest(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:  # (H, W)
    """Another size, without values that were not there: depth is never averaged across an edge."""
    rows, columns = (
        np.minimum(((np.arange(to) + 0.5) * have / to).astype(np.intp), have - 1)
        for have, to in zip(image.shape, size, strict=True)
    )
    return image[rows[:, None], columns]


def _changed(readout: Readout, model_rgb: np.ndarray) -> np.ndarray:  # (H, W) bool
    """Where the model shows something else than memory: blocks of its pixels whose mean colours differ."""
    height, width = (side // BLOCK_PX for side in model_rgb.shape[:2])
    small = resized(readout.values, model_rgb.shape[:2])
    known = resized_nearest(readout.covered, model_rgb.shape[:2])

    def means(values: np.ndarray) -> np.ndarray:
        cut = values[: height * BLOCK_PX, : width * BLOCK_PX]
        return cut.reshape(height, BLOCK_PX, width, BLOCK_PX, -1).mean(axis=(1, 3))

    share = means(known[..., None].astype(np.float32))
    off = np.abs(means((small - model_rgb) * known[..., None]) / np.maximum(share, 1e-3)).max(axis=-1)
    return resized_nearest((off > CHANGED) & (share[..., 0] > 0.25), readout.covered.shape)
