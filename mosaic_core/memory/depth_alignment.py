"""Bringing an estimated depth to the memory's scale before it is written.

An estimator's depth is right up to a scale, and often a shift of inverse depth, that change from call to call. Written
as it is, each chunk would put the same wall at another distance. Where the memory is covered and confident it knows
better: two numbers are fitted there, robustly, because estimates are wrong in patches (RANSAC over pairs of pixels
(Fischler and Bolles 1981) finds the start, iterated Huber weights (Huber 1964) the fit), and how well they fit is
reported. GEN3C aligns with a mesh deformation instead; two numbers cannot bend a straight wall.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import MosaicError
from .view import View

# Fewer pixels than this say nothing about a scale.
LEAST_PIXELS = 32
# A pixel agrees with a fit to this share of its inverse depth.
INLIER = 0.03
# More pixels than this are thinned out evenly.
_MOST_PIXELS = 20_000
_TRIES, _ROUNDS = 64, 10


@dataclass(frozen=True)
class Alignment:
    """1 / aligned = scale / estimated + shift_per_m, and how well that explains what the memory knows."""

    scale: float  # of inverse depth
    shift_per_m: float
    residual: float  # median of the relative error of inverse depth over all pixels, after the fit
    inliers: float  # share of the pixels that agree to `INLIER`
    pixels: int  # compared

    def applied(
        self,
        z_depth: np.ndarray,  # metres, unknown = inf
    ) -> np.ndarray:  # float32
        """The aligned depth; what the shift would put behind infinity becomes unknown."""
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = self.scale / np.asarray(z_depth, np.float64) + self.shift_per_m
            aligned = np.where(np.isfinite(z_depth) & (inverse > 0), 1 / inverse, np.inf)
        return aligned.astype(np.float32)


def align_depth(
    estimated: np.ndarray,  # (h, w) metres; unknown = inf
    remembered: np.ndarray,  # (h, w) what the memory shows to the same camera; holes = inf
    *,
    trusted: np.ndarray | None = None,  # (h, w) bool: where the readout is covered and confident
    with_shift: bool = True,  # False: a scale only, for metric estimators
) -> Alignment:
    """The scale and shift that bring an estimate to the memory. Deterministic.

    Raises `MosaicError` where the shapes differ or fewer than 32 pixels can be compared: there is no scale to find.
    """
    if np.shape(estimated) != np.shape(remembered):
        raise MosaicError(f"depth maps to align must have one shape, got {np.shape(estimated)}, {np.shape(remembered)}")
    use = np.isfinite(estimated) & np.isfinite(remembered) & (np.asarray(estimated) > 0) & (np.asarray(remembered) > 0)
    if trusted is not None:
        use &= trusted
    at = np.flatnonzero(use)
    if len(at) < LEAST_PIXELS:
        raise MosaicError(f"aligning needs {LEAST_PIXELS} pixels that the memory knows as well, got {len(at)}")
    at = at[:: -(-len(at) // _MOST_PIXELS)]
    x, y = (1 / np.asarray(plane, np.float64).ravel()[at] for plane in (estimated, remembered))
    scale, shift = _refined(x, y, *_first_guess(x, y, with_shift=with_shift), with_shift=with_shift)
    error = np.abs(scale * x + shift - y) / y
    return Alignment(scale, shift, float(np.median(error)), float((error <= INLIER).mean()), len(at))


def aligned_view(view: View, alignment: Alignment) -> View:
    """The view with its depth aligned."""
    return replace(view, z_depth=alignment.applied(view.z_depth))


def _first_guess(x: np.ndarray, y: np.ndarray, *, with_shift: bool) -> tuple[float, float]:
    """The best of many fits to two pixels (one without a shift), judged by how many pixels agree."""
    rng = np.random.default_rng(0)
    best, most = (float(np.median(y / x)), 0.0), -1.0
    for a, b in rng.integers(0, len(x), (_TRIES, 2)):
        if not with_shift:
            scale, shift = y[a] / x[a], 0.0
        elif abs(x[a] - x[b]) < 1e-3 * x[a]:
            continue
        else:
            scale = (y[a] - y[b]) / (x[a] - x[b])
            shift = y[a] - scale * x[a]
        agreeing = float((np.abs(scale * x + shift - y) <= INLIER * y).sum())
        if scale > 0 and agreeing > most:
            best, most = (float(scale), float(shift)), agreeing
    return best


def _refined(x: np.ndarray, y: np.ndarray, scale: float, shift: float, *, with_shift: bool) -> tuple[float, float]:
    """Weighted least squares of the relative error, pixels beyond `INLIER` weighing less the farther off they are."""
    for _ in range(_ROUNDS):
        error = np.abs(scale * x + shift - y) / y
        weight = np.minimum(1.0, INLIER / np.maximum(error, 1e-12)) / y**2
        # Beyond ten times that a pixel shows something else altogether.
        weight[error > 10 * INLIER] = 0
        sw, sx, sy = weight.sum(), (weight * x).sum(), (weight * y).sum()
        sxx, sxy = (weight * x * x).sum(), (weight * x * y).sum()
        determinant = sw * sxx - sx * sx
        if not with_shift or determinant <= 1e-9 * sw * sxx:
            # All at one depth: a shift cannot be told from a scale, and the simpler of the two is meant.
            scale, shift = (sxy / sxx, 0.0) if sxx > 0 else (scale, shift)
        else:
            scale, shift = (sw * sxy - sx * sy) / determinant, (sxx * sy - sx * sxy) / determinant
    return float(scale), float(shift)
