"""Depth and rank in one integer, whose minimum is what a cell sees."""

from __future__ import annotations

import numpy as np

from .splatting import NEAR_M

# Inverse depths that count, 1/m: from a thousand kilometres to the lens.
FAINTEST, NEAREST = float(np.float32(1e-6)), float(np.float32(1 / NEAR_M))
# Depths that differ by less than some 1 / 4096 are one surface: there the lower rank wins, not the last bit.
STEP_BITS = 11
LARGEST_BITS = 0x7FFFFFFF
