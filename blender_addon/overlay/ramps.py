"""Colours that stand for numbers and kinds: arrays in, arrays out, NumPy alone."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

RGBA = tuple[float, float, float, float]

# How much of a colour replaces the captured pixels: enough to read it, little enough to see what is there.
SAYS = 0.8
GREY: RGBA = (0.25, 0.25, 0.27, 0.65)
RED: RGBA = (0.95, 0.16, 0.12, SAYS)
MAGENTA: RGBA = (1.0, 0.0, 0.8, 1.0)

# Dark and cold is little, bright and warm is much. Brightness rises all the way, so it reads without hue as well.
_MUCH = ((0.34, 0.20, 0.62), (0.20, 0.42, 0.68), (0.15, 0.58, 0.50), (0.55, 0.78, 0.30), (0.99, 0.91, 0.35))
# The golden ratio keeps hues apart however many there are.
_HUE_STEP = 0.61803398875


def much(share: np.ndarray, *, alpha: float = SAYS) -> np.ndarray:  # (n,) in 0 .. 1 -> (n, 4) float32
    """Little to much."""
    share = np.clip(np.nan_to_num(np.asarray(share, np.float64)), 0, 1)
    stops = np.linspace(0, 1, len(_MUCH))
    columns = [np.interp(share, stops, [stop[i] for stop in _MUCH]) for i in range(3)]
    return np.stack([*columns, np.full(share.shape, alpha)], axis=-1).astype(np.float32)


def kinds(count: int, *, alpha: float = SAYS) -> np.ndarray:  # (count, 4) float32
    """As many colours that are easily told apart; each keeps its own when more follow."""
    colours = [colorsys.hsv_to_rgb((0.58 + i * _HUE_STEP) % 1, 0.55 + 0.25 * (i % 2), 0.95) for i in range(count)]
    return np.array([(*rgb, alpha) for rgb in colours], np.float32).reshape(count, 4)


def speed(share: np.ndarray) -> np.ndarray:  # (n,) of the fastest that can be followed -> (n, 4) float32
    """Green where slow, yellow towards the limit, red beyond it."""
    share = np.nan_to_num(np.asarray(share, np.float64), posinf=2.0)
    within = np.clip(share, 0, 1)
    colours = np.stack(
        [np.interp(within, [0, 0.5, 1], [0.2, 0.75, 1.0]), np.interp(within, [0, 0.5, 1], [0.85, 0.85, 0.7])], axis=-1
    )
    rgba = np.concatenate([colours, np.full((len(share), 1), 0.2), np.ones((len(share), 1))], axis=-1)
    rgba[share > 1] = (*RED[:3], 1.0)
    return rgba.astype(np.float32)


def rgba(values: Sequence[float] | np.ndarray) -> RGBA:
    """Plain floats, as legends and shaders take them."""
    r, g, b, a = (float(value) for value in values)
    return r, g, b, a
