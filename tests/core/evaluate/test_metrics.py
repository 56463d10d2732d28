"""The laws of the metrics: what equal, shifted, blurred and still pictures must give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mosaic_core.engines.motion import residual_motion
from mosaic_core.errors import EvaluateError, MosaicError
from mosaic_core.evaluate.metrics import (
    dynamic_score,
    frechet_distance,
    gradient_distance,
    psnr,
    ssim,
)

from ..known_scenes import RED, ROOM, camera_at, view_of
from .textured import blurred, displaced, textured_view

RNG = np.random.default_rng(4)
TRUTH = blurred(RNG.random((40, 52, 3)), 2).astype(np.float32)
EVERYWHERE = np.ones(TRUTH.shape[:2], bool)
CAMERA = camera_at((0.0, -5.0, 1.8))


def test_psnr_of_a_known_error_counts_masked_pixels_only():
    image = TRUTH.astype(np.float64)
    mask = np.zeros_like(EVERYWHERE)
    mask[5:9, 3:20] = True
    image = np.where(mask[..., None], image + 0.1, 0.5)
    assert psnr(image, TRUTH, mask) == pytest.approx(20.0, abs=1e-9)
    assert psnr(TRUTH, TRUTH, mask) == math.inf


def ssim_of_one_window(x: np.ndarray, y: np.ndarray) -> float:
    """Wang et al. 2004, equations 13 to 16, for one window of 11 x 11."""
    offsets = [(i, j) for i in range(-5, 6) for j in range(-5, 6)]
    raw = [math.exp(-(i * i + j * j) / (2 * 1.5**2)) for i, j in offsets]
    rows = [(w / sum(raw), x[i + 5, j + 5], y[i + 5, j + 5]) for w, (i, j) in zip(raw, offsets, strict=True)]
    mean_x, mean_y = sum(w * a for w, a, _ in rows), sum(w * b for w, _, b in rows)
    variance_x = sum(w * (a - mean_x) ** 2 for w, a, _ in rows)
    variance_y = sum(w * (b - mean_y) ** 2 for w, _, b in rows)
    covariance = sum(w * (a - mean_x) * (b - mean_y) for w, a, b in rows)
    return ((2 * mean_x * mean_y + 1e-4) * (2 * covariance + 9e-4)) / (
        (mean_x**2 + mean_y**2 + 1e-4) * (variance_x + variance_y + 9e-4)
    )


def test_ssim_is_the_published_equation():
    image = np.clip(TRUTH + 0.2 * RNG.random(TRUTH.shape), 0, 1).astype(np.float32)
    mask = np.zeros_like(EVERYWHERE)
    mask[20, 30] = True
    grey = (0.299, 0.587, 0.114)
    x, y = (np.asarray(a, np.float64)[15:26, 25:36] @ grey for a in (image, TRUTH))
    assert ssim(image, TRUTH, mask) == pytest.approx(ssim_of_one_window(x, y), abs=1e-9)


def test_gradient_similarity_is_the_published_equation():
    ramp = np.broadcast_to(np.arange(12)[None, :, None] / 20, (12, 12, 3))
    mask = np.zeros((12, 12), bool)
    mask[4:8, 4:8] = True
    # A ramp's Prewitt gradient is two steps; at half the size the steps are twice as high.
    similarity = (similarity_of(0.05, 0.1) + similarity_of(0.1, 0.2)) / 2
    assert gradient_distance(0.5 * ramp, ramp, mask) == pytest.approx(1 - similarity)


def similarity_of(first: float, second: float) -> float:
    """Xue et al. 2014, equation 4, of two gradient magnitudes."""
    return (2 * first * second + 170 / 255**2) / (first**2 + second**2 + 170 / 255**2)


@pytest.mark.parametrize(("metric", "perfect"), [(ssim, 1.0), (gradient_distance, 0.0)])
def test_equal_images_are_perfect_and_blur_makes_them_ever_worse(metric, perfect):
    assert metric(TRUTH, TRUTH, EVERYWHERE) == pytest.approx(perfect, abs=1e-12)
    losses = [abs(metric(blurred(TRUTH, times), TRUTH, EVERYWHERE) - perfect) for times in (1, 2, 4, 8)]
    assert losses == sorted(losses)
    assert losses[0] > 0.001


def test_gradient_distance_does_not_mind_brightness():
    assert gradient_distance(TRUTH + 0.1, TRUTH, EVERYWHERE) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("metric", [psnr, ssim, gradient_distance])
def test_images_are_compared_only_where_they_fit(metric):
    assert math.isnan(metric(TRUTH, TRUTH, ~EVERYWHERE))
    with pytest.raises(EvaluateError, match="bool mask"):
        metric(TRUTH[:-1], TRUTH, EVERYWHERE)
    with pytest.raises(EvaluateError, match="bool mask"):
        metric(TRUTH, TRUTH, EVERYWHERE.astype(np.float32))
    with pytest.raises(EvaluateError, match="finite"):
        metric(np.full_like(TRUTH, np.nan), TRUTH, EVERYWHERE)


def test_a_static_scene_leaves_no_residual_however_the_camera_moves():
    other = displaced(CAMERA, turn_deg=(0.5, -1.0, 0.3), shift_m=(0.15, 0.0, 0.2))
    (first, first_depth), (second, second_depth) = textured_view(CAMERA), textured_view(other)
    residual = residual_motion(np.stack([first, second]), np.stack([first_depth, second_depth]), (CAMERA, other))
    said = np.isfinite(residual)
    assert said[np.isfinite(first_depth)].mean() > 0.9
    assert np.median(residual[said]) < 0.002
    # Outlines alone differ: without anti-aliasing they mix with what is behind.
    assert np.quantile(residual[said], 0.98) < 0.02
    unwarped = np.abs(first - second).mean(axis=-1)
    assert np.median(residual[said]) < np.median(unwarped[said]) / 10


def test_a_still_camera_and_scene_leave_exactly_nothing():
    rgb, z_depth = textured_view(CAMERA)
    residual = residual_motion(np.stack([rgb, rgb]), np.stack([z_depth, z_depth]), (CAMERA, CAMERA))
    assert np.array_equal(np.isnan(residual), np.isinf(z_depth))
    assert np.nanmax(residual) < 1e-6


def moving_crate() -> tuple[np.ndarray, ...]:
    """Two frames, depths, both cameras, and where the red crate is that slides to the right."""
    other = displaced(CAMERA, shift_m=(0.05, 0.0, 0.0))
    moved = tuple(box.moved((0.3, 0.0, 0.0)) if box.object_id == RED else box for box in ROOM)
    (first, first_depth), (second, second_depth) = textured_view(CAMERA), textured_view(other, moved)
    return first, second, np.stack([first_depth, second_depth]), other, view_of(CAMERA).object_ids == RED


def test_the_dynamic_score_tells_still_true_and_exaggerated_motion_apart():
    first, second, z_depth, other, moving = moving_crate()
    still, _ = textured_view(other)
    cameras = (CAMERA, other)
    truth = residual_motion(np.stack([first, second]), z_depth, cameras)
    frozen = residual_motion(np.stack([first, still]), z_depth, cameras)
    assert np.nansum(truth[moving]) > 10 * np.nansum(truth[~moving]) / (~moving).sum() * moving.sum()
    assert dynamic_score(truth, truth, moving) == 1.0
    assert dynamic_score(frozen, truth, moving) < 0.25
    assert dynamic_score(truth * np.float32(0.5), truth, moving) == pytest.approx(0.5, rel=1e-5)
    assert dynamic_score(truth * np.float32(9), truth, moving) == 2.0
    assert math.isnan(dynamic_score(truth, truth, np.zeros_like(moving)))
    assert math.isnan(dynamic_score(truth, np.zeros_like(truth), moving))


def test_what_a_moving_thing_hides_is_dropped_and_does_not_count_as_motion():
    first, second, z_depth, other, moving = moving_crate()
    residual = residual_motion(np.stack([first, second]), z_depth, (CAMERA, other))
    beside = np.roll(moving, 4, axis=1) & ~moving  # what the crate slides over
    assert np.isnan(residual[beside]).mean() > 0.5


def test_residuals_that_do_not_fit_are_refused():
    rgb, z_depth = textured_view(CAMERA)
    with pytest.raises(MosaicError, match="two frames"):
        residual_motion(rgb[None], z_depth[None], (CAMERA, CAMERA))
    with pytest.raises(MosaicError, match="finite"):
        residual_motion(np.full((2, *rgb.shape), np.nan), np.stack([z_depth] * 2), (CAMERA, CAMERA))
    with pytest.raises(EvaluateError, match="one shape"):
        dynamic_score(z_depth, z_depth, np.ones(3, bool))


@pytest.mark.parametrize("rows", [400, 12])  # 12: fewer rows than columns
def test_the_frechet_distance_of_shifted_and_scaled_features_is_known(rows):
    features = RNG.normal(size=(rows, 30)) * np.linspace(0.1, 3, 30) + 1
    shift = RNG.normal(size=30)
    variance = features.var(axis=0, ddof=1).sum()
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-5 * variance)
    assert frechet_distance(features, features[::-1] + shift) == pytest.approx((shift**2).sum(), rel=1e-4)
    scaled = 0.25 * variance + 0.25 * (features.mean(axis=0) ** 2).sum()
    assert frechet_distance(1.5 * features, features) == pytest.approx(scaled, rel=1e-4)
    assert frechet_distance(features, 1.5 * features) == pytest.approx(scaled, rel=1e-4)


def test_features_that_do_not_fit_are_refused():
    with pytest.raises(EvaluateError, match="two rows or more"):
        frechet_distance(np.zeros((5, 3)), np.zeros((5, 4)))
    with pytest.raises(EvaluateError, match="two rows or more"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(EvaluateError, match="finite"):
        frechet_distance(np.full((5, 3), np.nan), np.zeros((5, 3)))
