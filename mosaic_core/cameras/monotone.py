"""Monotone cubic interpolation (Fritsch and Carlson 1980): a smooth curve that never overshoots its data.

For what must not swing: time along a path, and focal lengths, where an overshoot is a film that runs backwards for a
moment or a zoom that breathes.
"""

from __future__ import annotations

import numpy as np


def monotone_cubic(
    x: np.ndarray,  # (K,) strictly rising
    y: np.ndarray,  # (K, ...)
    at: np.ndarray,  # (N,)
) -> np.ndarray:  # (N, ...)
    """The curve through (x, y), once continuously differentiable; beyond the ends it keeps their values.

    Between two keys it never leaves the interval of their values, so it rises wherever the data rise.
    """
    x, y, at = (np.asarray(a, dtype=np.float64) for a in (x, y, at))
    if len(x) == 1:
        return np.repeat(y, len(at), axis=0)
    at = np.clip(at, x[0], x[-1])
    wide = (-1,) + (1,) * (y.ndim - 1)
    step = np.diff(x).reshape(wide)
    slope = np.diff(y, axis=0) / step
    tangent = _tangents(step, slope)
    left = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    s = ((at - x[left]) / (x[left + 1] - x[left])).reshape(wide)
    width = step[left]
    s2, s3 = s * s, s * s * s
    return (
        (2 * s3 - 3 * s2 + 1) * y[left]
        + (s3 - 2 * s2 + s) * width * tangent[left]
        + (3 * s2 - 2 * s3) * y[left + 1]
        + (s3 - s2) * width * tangent[left + 1]
    )


def _tangents(step: np.ndarray, slope: np.ndarray) -> np.ndarray:  # (K, ...)
    """Harmonic means of the slopes around each key (Fritsch and Butland 1984), zero where they change sign."""
    first, second = slope[:-1], slope[1:]
    before, after = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    rises = np.sign(first) * np.sign(second) > 0
    small, large = np.minimum(np.abs(first), np.abs(second)), np.maximum(np.abs(first), np.abs(second))
    # The mean of 1 / slope with both slopes over the larger one, so that none overflows.
    share = np.where(rises, small / np.where(rises, large, 1.0), 1.0)
    flatter_first = np.abs(first) <= np.abs(second)
    weights = np.where(flatter_first, before, after) + share * np.where(flatter_first, after, before)
    inner = np.where(rises, np.sign(first) * small * ((before + after) / weights), 0.0)
    return np.concatenate([slope[:1], inner, slope[-1:]])
