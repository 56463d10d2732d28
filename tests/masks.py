"""Growing masks, for tests that allow a pixel or two."""

from __future__ import annotations

import numpy as np


def dilated(mask: np.ndarray, pixels: int = 1) -> np.ndarray:  # (H, W) bool
    """The mask grown by so many pixels in all eight directions."""
    for _ in range(pixels):
        padded = np.pad(mask, 1)
        rows = padded[:-2] | padded[1:-1] | padded[2:]
        mask = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return mask
