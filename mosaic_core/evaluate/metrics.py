"""Metrics of a video against the truth: fidelity, motion, and the distance between two sets of features.

Images are float in [0, 1], (H, W, 3), display-referred; masks (H, W) bool say where to look, and where a mask is empty
the answer is nan, never a perfect score. All arithmetic is float64. No metric needs weights, so anybody can repeat it.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import EvaluateError
from ..sampling import halved, luma

# Wang et al. 2004: window of 11 x 11, sigma 1.5; stabilisers for a range of 1.
_WINDOW = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
_WINDOW /= _WINDOW.sum()
_MEAN_STABILISER, _VARIANCE_STABILISER = 0.01**2, 0.03**2
# Xue et al. 2014, section III: T = 170 for a range of 255.
_GRADIENT_STABILISER = 170 / 255**2
MAX_DYNAMIC_SCORE = 2.0


def psnr(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over masked pixels, all three channels; inf where they are equal.

    Raises `EvaluateError` where shapes do not fit or an image is not finite.
    """
    image, truth = _checked(image, truth, mask)
    if not mask.any():
        return math.nan
    error = float(np.mean((image[mask] - truth[mask]) ** 2))
    return -10 * math.log10(error) if error > 0 else math.inf


def ssim(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Structural similarity of luma (Wang et al. 2004, equation 13): the mean of its map over masked pixels.

    Windows around masked pixels see the whole picture, so up to 5 pixels beyond the mask; at the picture's edges they
    see its mirror. 1 = equal. Raises `EvaluateError` as `psnr`.
    """
    image, truth = _checked(image, truth, mask)
    if not mask.any():
        return math.nan
    x, y = luma(image), luma(truth)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _windowed(np.stack([x, y, x * x, y * y, x * y]))
    variances = mean_xx - mean_x**2 + mean_yy - mean_y**2
    covariance = mean_xy - mean_x * mean_y
    similarity = (2 * mean_x * mean_y + _MEAN_STABILISER) * (2 * covariance + _VARIANCE_STABILISER)
    similarity /= (mean_x**2 + mean_y**2 + _MEAN_STABILISER) * (variances + _VARIANCE_STABILISER)
    return float(similarity[mask].mean())


def gradient_distance(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """A perceptual distance without a network: 1 - mean gradient magnitude similarity of luma, 0 = equal, below 1.

    The map is GMSD's (Xue et al. 2014, equations 1 to 4: Prewitt gradients), taken at full and at half size and
    averaged. At half size a pixel weighs as much as the mask covers of it. Blur and lost texture raise it; a change
    of brightness does not. Raises `EvaluateError` as `psnr`.
    """
    image, truth = _checked(image, truth, mask)
    x, y, weight = luma(image), luma(truth), mask.astype(np.float64)
    distances = []
    for _ in range(2):
        if weight.any():
            first, second = _gradient_magnitude(x), _gradient_magnitude(y)
            similarity = 2 * first * second + _GRADIENT_STABILISER
            similarity /= first**2 + second**2 + _GRADIENT_STABILISER
            distances.append(1 - float((similarity * weight).sum() / weight.sum()))
        x, y, weight = halved(x), halved(y), halved(weight)
    return float(np.mean(distances)) if distances else math.nan


def dynamic_score(
    residual: np.ndarray,  # (..., H, W) `residual_motion` of the video
    truth_residual: np.ndarray,  # (..., H, W) of the true video
    moving: np.ndarray,  # (..., H, W) bool, what moves in truth
) -> float:
    """How much moves: residuals summed over moving pixels, over the truth's sum; 0 = still, 1 = as in truth, at most 2.

    It measures how much changes, not whether it is right: flicker counts as motion. nan where nothing moves. Raises
    `EvaluateError` where shapes do not fit.
    """
    if not residual.shape == truth_residual.shape == moving.shape:
        raise EvaluateError(
            f"residuals and mask must have one shape, got {residual.shape}, {truth_residual.shape}, {moving.shape}"
        )
    counted = moving & np.isfinite(residual) & np.isfinite(truth_residual)
    true_sum = float(truth_residual[counted].sum(dtype=np.float64))
    if true_sum <= 0:
        return math.nan
    return min(float(residual[counted].sum(dtype=np.float64)) / true_sum, MAX_DYNAMIC_SCORE)


def frechet_distance(
    features_a: np.ndarray,  # (n, d)
    features_b: np.ndarray,  # (m, d)
) -> float:
    """The Fréchet distance (squared, as in FID) of Gaussians fitted to two sets (Dowson & Landau 1982, equation 4).

    The root of the product of covariances is taken as that of root(A) B root(A), which is symmetric; eigenvalues that
    rounding made negative count as 0, so fewer rows than columns will do. Few rows raise the distance, however: only
    compare numbers with equal n and m. Raises `EvaluateError` for fewer than 2 rows, other shapes, and NaN.
    """
    a, b = np.asarray(features_a, np.float64), np.asarray(features_b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise EvaluateError(f"features must be (n, d) and (m, d) with two rows or more, got {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise EvaluateError("features must be finite, got NaN or infinity")
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    covariance_a = (a - mean_a).T @ (a - mean_a) / (len(a) - 1)
    covariance_b = (b - mean_b).T @ (b - mean_b) / (len(b) - 1)
    values, vectors = np.linalg.eigh(covariance_a)
    root_a = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    product = root_a @ covariance_b @ root_a
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh((product + product.T) / 2), 0))
    spread = np.trace(covariance_a) + np.trace(covariance_b) - 2 * roots.sum()
    return max(float(((mean_a - mean_b) ** 2).sum() + spread), 0.0)


def _checked(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both images as float64."""
    image, truth = np.asarray(image, np.float64), np.asarray(truth, np.float64)
    if image.shape != truth.shape or image.shape != (*mask.shape, 3) or mask.ndim != 2 or mask.dtype != bool:
        raise EvaluateError(
            f"expected two images (H, W, 3) and a bool mask (H, W), got {image.shape}, {truth.shape} "
            f"and {mask.dtype} {mask.shape}"
        )
    if not (np.isfinite(image).all() and np.isfinite(truth).all()):
        raise EvaluateError("images must be finite, got NaN or infinity")
    return image, truth


def _windowed(maps: np.ndarray) -> np.ndarray:  # (n, H, W)
    """Means under the Gaussian window."""
    height, width = maps.shape[1:]
    reach = len(_WINDOW) // 2
    padded = np.pad(maps, ((0, 0), (reach, reach), (reach, reach)), mode="symmetric")
    rows = np.sum([share * padded[:, i : i + height] for i, share in enumerate(_WINDOW)], axis=0)
    return np.sum([share * rows[:, :, i : i + width] for i, share in enumerate(_WINDOW)], axis=0)


def _gradient_magnitude(image: np.ndarray) -> np.ndarray:  # (H, W)
    """Prewitt's operator, a third of the sums; the picture's edges repeat."""
    p = np.pad(image, 1, mode="edge")
    across = (p[:, 2:] - p[:, :-2]) / 3
    down = (p[2:] - p[:-2]) / 3
    across = across[:-2] + across[1:-1] + across[2:]
    down = down[:, :-2] + down[:, 1:-1] + down[:, 2:]
    return np.hypot(across, down)
