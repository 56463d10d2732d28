"""Detail composition: memory's own pixels where it is sure and nothing has moved, the model's everywhere else.

The model works at a small size, through an autoencoder; memory holds the captured pixels. So a frame is memory at full
resolution wherever that is right, and the rest is the model's, brought to the same brightness: what the two differ by
around a hole is continued smoothly into it (a membrane, as in Poisson cloning), so that no outline of the hole shows;
from where they nearly agree, that is: a rim of what was deleted would otherwise stain the whole hole. On twelve scenes
that is 0.5 dB in the first unseen band. The last pixel before a hole is the model's where the model sees no such rim.
Where the model shows the whole scene in another light (dusk, fog), memory's pixels are kept and put into that light.

Whether anything has changed is told by comparing the model's picture with what it would show if nothing had: memory's
own picture through the same autoencoder. So what the autoencoder cannot draw, the textures of a photograph say, is no
change. On eight scenes without events the two differ by 0.001 to 0.002 in the median; the model and memory's own
pixels by 0.009 to 0.024.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..memory.hole_filling import fill_holes
from ..memory.picture import Readout
from ..sampling import grown
from .motion import BLOCK_PX

# Means of blocks differ by more than this, and by so many times the usual difference, only where something has moved;
# and what moves is larger than a block. The model is off by as much here and there, in detail it never learned.
CHANGED, OUTSTANDING = 0.3, 5.0
# A median change of colour up to the first is the model's error (0.004 at most), from the second on another light.
SAME_LIGHT, OTHER_LIGHT = 0.015, 0.04
MOST = 0.8  # of the blocks show how the light has changed
EVEN = 0.02  # standard deviation of colours that tell little about contrast
# Memory and the model are alike up to this difference of colour, and up to so many times the median.
ALIKE, USUAL = 0.1, 3.0
LEAST_SHARE = 0.25  # of a block that memory must know to be compared


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
    unchanged_rgb: np.ndarray,  # (h, w, 3) float32, what the model would show if all were as memory has it
) -> Composed:
    """Put one frame together."""
    size = readout.covered.shape
    model = resized(model_rgb, size)
    light, changed = _compared(readout.covered, unchanged_rgb, model_rgb)
    keep = readout.covered & ~changed
    if not keep.any():
        return Composed(model, resized_nearest(model_z_depth, size), keep)
    held, unchanged = light.on(readout.values), light.on(resized(unchanged_rgb, size))
    # A pixel on an outline is mixed of both sides, and one of them is gone.
    keep &= _alike(unchanged, model, keep) | ~grown(~readout.covered, 1)
    # What memory has that the model has not: known where memory is kept, continued where it is not. Where they differ
    # more than they usually do, memory shows something that is not so (a rim of what was deleted, its shadow) or the
    # model has missed a thing: either way it ends there, and would stain the hole.
    alike = keep & _alike(held, model, keep)
    offset = fill_holes(np.where(alike[..., None], held - model, 0), alike, readout.z_depth)
    rgb = np.where(keep[..., None], held, np.clip(model + offset, 0, 1))
    z_depth = np.where(keep, readout.z_depth, resized_nearest(model_z_depth, size))
    return Composed(rgb.astype(np.float32), z_depth.astype(np.float32), keep)


def _alike(
    held: np.ndarray,  # (H, W, 3)
    model: np.ndarray,  # (H, W, 3)
    known: np.ndarray,  # (H, W) bool, some of them
) -> np.ndarray:  # (H, W) bool
    """Where the two differ no more than they usually do where it is known: in half of those pixels or more."""
    difference = np.abs(held - model).max(axis=-1)
    return difference <= max(ALIKE, USUAL * float(np.median(difference[known])))


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


@dataclass(frozen=True, eq=False)
class _Light:
    """How memory's colours look in the model's light: gain * colour + offset."""

    gain: np.ndarray  # (3,)
    offset: np.ndarray  # (3,)
    changed: bool

    def on(self, rgb: np.ndarray) -> np.ndarray:
        """The colours in that light; the same bits where it has not changed."""
        return np.clip(rgb * self.gain + self.offset, 0, 1).astype(np.float32) if self.changed else rgb


def _compared(
    covered: np.ndarray,  # (H, W) bool
    unchanged_rgb: np.ndarray,  # (h, w, 3)
    model_rgb: np.ndarray,  # (h, w, 3)
) -> tuple[_Light, np.ndarray]:  # ..., (H, W) bool
    """The change of light since memory was captured, and where the model shows something else than memory.

    Compared are the mean colours of blocks: finer than that, the model is wrong and memory right. A model that is off
    everywhere is believed less: something else is what stands out from its usual error.
    """
    height, width = (side // BLOCK_PX for side in model_rgb.shape[:2])
    known = resized_nearest(covered, model_rgb.shape[:2])[..., None].astype(np.float32)

    def means(values: np.ndarray) -> np.ndarray:
        cut = values[: height * BLOCK_PX, : width * BLOCK_PX]
        return cut.reshape(height, BLOCK_PX, width, BLOCK_PX, -1).mean(axis=(1, 3))

    share = means(known)
    held, shown = (means(values * known) / np.maximum(share, 1e-3) for values in (unchanged_rgb, model_rgb))
    compared = share[..., 0] > LEAST_SHARE
    if not compared.any():
        return _Light(np.ones(3), np.zeros(3), changed=False), np.zeros(covered.shape, bool)
    light = _light(held[compared], shown[compared])
    off = np.abs(light.on(held) - shown).max(axis=-1)
    threshold = max(CHANGED, OUTSTANDING * float(np.median(off[compared])))
    return light, resized_nearest(_things((off > threshold) & compared), covered.shape)


def _things(changed: np.ndarray) -> np.ndarray:  # (h, w) bool, of blocks
    """Those that are part of a square of two by two."""
    squares = changed[:-1, :-1] & changed[:-1, 1:] & changed[1:, :-1] & changed[1:, 1:]
    things = np.zeros_like(changed)
    for down in (0, 1):
        for right in (0, 1):
            things[down : down + squares.shape[0], right : right + squares.shape[1]] |= squares
    return things


def _light(held: np.ndarray, shown: np.ndarray) -> _Light:  # (n, 3) mean colours of blocks, memory's and the model's
    """Fitted to most blocks: those it fits worst are left out, twice, since what moves is no change of light."""
    gain, offset, kept = np.ones(3), np.zeros(3), np.ones(len(held), bool)
    for _ in range(3):
        middle, shown_middle = held[kept].mean(axis=0), shown[kept].mean(axis=0)
        spread = held[kept] - middle
        # Drawn towards 1 where memory is too even to tell a gain from an offset.
        together = (spread * (shown[kept] - shown_middle)).mean(axis=0) + EVEN**2
        gain = np.clip(together / ((spread**2).mean(axis=0) + EVEN**2), 0.1, 3.0)
        offset = shown_middle - gain * middle
        off = np.abs(held * gain + offset - shown).max(axis=-1)
        kept = off <= np.quantile(off, MOST)
    change = float(np.median(np.abs(held * gain + offset - held).max(axis=-1)))
    # Fades in, or a slow dusk would begin with a jump.
    strength = float(np.clip((change - SAME_LIGHT) / (OTHER_LIGHT - SAME_LIGHT), 0, 1))
    return _Light(1 + strength * (gain - 1), strength * offset, changed=strength > 0)
