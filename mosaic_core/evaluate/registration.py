"""The camera a picture was really taken from, by registering the whole picture against a known frame.

The truth's colour and depth are a template. The rigid motion is sought that brings the picture's luma onto it, coarse
to fine: Levenberg-Marquardt steps with Huber weights, gain and bias of brightness solved along. The steps are inverse
compositional (Baker & Matthews 2004, section 3.2): gradients are the template's, which are exact, and taken once a
level, while the picture may be blurred or wrong in places. Points are rays and nearness (1 / depth), so the sky takes
part, at infinity, where it tells about rotation alone. Lengths are shares of the template's median depth throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..cameras.rotations import rotation_vectors, rotations_of_vectors
from ..errors import EvaluateError
from ..sampling import bilinear, halved, luma

LEVELS = 4
CLEAR_LEVELS = 2  # the finest, which leave out points where nearness bends by more than a share of itself
MAX_BEND = 0.04
MIN_SIDE_PX = 16
MIN_POINTS = 64
COARSE_ITERATIONS, FINE_ITERATIONS = 25, 12
# A level is done when no pixel at the median depth would move by more.
TOLERANCE_PX = 0.01
# Where the nearest start fits worse than this at the coarsest level, others are tried: shift x, y, z and turn x, y, z.
WELL_FITTED = 0.9
STARTS = (
    (0.0, 0.0, 0.0, 0.0, 0.14, 0.0),
    (0.0, 0.0, 0.0, 0.0, -0.14, 0.0),
    (0.0, 0.0, 0.0, 0.1, 0.0, 0.0),
    (0.0, 0.0, 0.0, -0.1, 0.0, 0.0),
    (0.15, 0.0, 0.0, 0.0, 0.0, 0.0),
    (-0.15, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 0.0, 0.2, 0.0, 0.0, 0.0),
    (0.0, 0.0, -0.2, 0.0, 0.0, 0.0),
)
# What a registration must reach to be believed: points still inside the picture, correlation of luma.
MIN_SEEN, MIN_CORRELATION = 0.25, 0.75
_MIN_GAIN = 0.1
_MIN_HUBER_WIDTH = 1e-3  # a quarter of an 8-bit step


@dataclass(frozen=True)
class CameraOffset:
    """How far a camera is from where it should be."""

    rotation_deg: float
    translation: float  # distance, a share of the template's median depth; nan where all is sky
    correlation: float  # of luma, between the picture and the frame brought to it
    converged: bool  # False: the others say little


@dataclass(frozen=True, eq=False)
class _Level:
    """One size of the pyramid; N template points."""

    image: np.ndarray  # (H, W) luma of the picture
    intrinsics_px: np.ndarray  # (3, 3)
    template: np.ndarray  # (N,) luma
    rays: np.ndarray  # (3, N) z = 1
    nearness: np.ndarray  # (N,) median depth / z_depth, 0 = sky
    slopes: np.ndarray  # (8, N) of the template by shift, turn, gain and bias


@dataclass(frozen=True, eq=False)
class _Estimate:
    """`point_in_picture = rotation @ point + shift`, `picture = gain * template + bias`."""

    rotation: np.ndarray  # (3, 3)
    shift: np.ndarray  # (3,) median depths
    gain: float = 1.0
    bias: float = 0.0

    def after(self, step: np.ndarray) -> _Estimate:  # (8,)
        """The template's motion undone on the template's side."""
        motion = step[:6] / max(self.gain, _MIN_GAIN)
        turn = rotations_of_vectors(-motion[3:])
        shift = self.shift - self.rotation @ turn @ motion[:3]
        return _Estimate(self.rotation @ turn, shift, self.gain + float(step[6]), self.bias + float(step[7]))


def camera_error(
    image: np.ndarray,  # (H, W, 3) float, display-referred: the picture in question
    truth_rgb: np.ndarray,  # (H, W, 3) float, what it should show
    truth_z_depth: np.ndarray,  # (H, W) metres, inf = sky
    camera: Camera,  # that it should have been taken from
    *,
    valid: np.ndarray | None = None,  # (H, W) bool: what does not move; everything where not given
) -> CameraOffset:
    """The rotation and the distance between the camera a picture was taken from and the one it should have been.

    Turns up to about 15 degrees and shifts up to a fifth of the depth are found. Not converged (nan where fewer than
    64 points are valid) is a result too: a mean over frames should say over how many.

    Raises `EvaluateError` where shapes do not fit, sides are below 16 pixels, or an image is not finite.
    """
    size = (camera.image_height, camera.image_width)
    known = np.ones(size, bool) if valid is None else valid
    shapes = (image.shape, truth_rgb.shape, truth_z_depth.shape, known.shape)
    if shapes != ((*size, 3), (*size, 3), size, size) or min(size) < MIN_SIDE_PX:
        raise EvaluateError(f"expected images, depth and mask of the camera's {size}, 16 x 16 or more, got {shapes}")
    if not (np.isfinite(image).all() and np.isfinite(truth_rgb).all()):
        raise EvaluateError("images must be finite, got NaN or infinity")
    known = known & (truth_z_depth > 0)
    if known.sum() < MIN_POINTS:
        return CameraOffset(math.nan, math.nan, math.nan, False)
    finite_depth = truth_z_depth[known & np.isfinite(truth_z_depth)]
    median_depth = float(np.median(finite_depth)) if finite_depth.size else 1.0
    nearness = median_depth / np.where(known, truth_z_depth, np.inf).astype(np.float64)
    levels = _pyramid(luma(image), luma(truth_rgb), nearness, known, camera.intrinsics_px)
    estimate, settled = _started(levels[-1])
    for level in reversed(levels):
        iterations = FINE_ITERATIONS if level is levels[0] else COARSE_ITERATIONS
        estimate, settled = _registered(level, estimate, iterations)
    correlation = _correlation(levels[0], estimate)
    return CameraOffset(
        rotation_deg=math.degrees(float(np.linalg.norm(rotation_vectors(estimate.rotation)))),
        translation=float(np.linalg.norm(estimate.shift)) if finite_depth.size else math.nan,
        correlation=correlation,
        converged=settled and correlation >= MIN_CORRELATION,
    )


def _pyramid(
    image: np.ndarray, template: np.ndarray, nearness: np.ndarray, valid: np.ndarray, intrinsics_px: np.ndarray
) -> list[_Level]:
    """From full size down, each half of the one before, as long as there are pixels and points enough.

    The finer ones leave out the points beside outlines: there a blurred or inexact picture mixes two depths, and the
    mixture looks like motion. The coarser ones need the outlines to find the way.
    """
    levels = [_level(image, template, nearness, _clear(nearness, valid), intrinsics_px)]
    while len(levels) < LEVELS and min(image.shape) >= 2 * MIN_SIDE_PX:
        image, template, nearness = halved(image), halved(template), halved(nearness)
        valid = halved(valid.astype(np.float64)) == 1
        intrinsics_px = intrinsics_px * np.array([[0.5], [0.5], [1.0]])
        if valid.sum() < MIN_POINTS:
            break
        chosen = _clear(nearness, valid) if len(levels) < CLEAR_LEVELS else valid
        levels.append(_level(image, template, nearness, chosen, intrinsics_px))
    return levels


def _level(
    image: np.ndarray, template: np.ndarray, nearness: np.ndarray, valid: np.ndarray, intrinsics_px: np.ndarray
) -> _Level:
    camera = Camera(intrinsics_px, np.eye(4), *image.shape)
    rays = camera.rays_world(camera.pixel_centres())[valid].T
    by_v, by_u = (slope[valid] for slope in np.gradient(template.astype(np.float64)))
    near, points = nearness[valid], template[valid].astype(np.float64)
    x, y, _ = rays
    by_x = by_u * intrinsics_px[0, 0]
    by_y = by_u * intrinsics_px[0, 1] + by_v * intrinsics_px[1, 1]
    along = by_x * x + by_y * y
    shift = [by_x * near, by_y * near, -along * near]
    turn = [-along * y - by_y, along * x + by_x, by_y * x - by_x * y]
    slopes = np.stack([*shift, *turn, points, np.ones_like(points)])
    return _Level(image.astype(np.float64), intrinsics_px, points, np.ascontiguousarray(rays), near, slopes)


def _sampled(level: _Level, estimate: _Estimate) -> tuple[np.ndarray, np.ndarray]:  # (N,) luma, (N,) bool seen
    """The picture where an estimate puts the template's points."""
    r, t, k = estimate.rotation, estimate.shift, level.intrinsics_px
    x, y, _ = level.rays
    moved_x, moved_y, moved_z = (r[i, 0] * x + r[i, 1] * y + r[i, 2] + t[i] * level.nearness for i in range(3))
    inverse = 1 / np.where(moved_z > 1e-3, moved_z, np.inf)
    u = (k[0, 0] * moved_x + k[0, 1] * moved_y) * inverse + k[0, 2]
    v = k[1, 1] * moved_y * inverse + k[1, 2]
    values, inside = bilinear(level.image, u, v)
    return values, inside & (inverse > 0)


def _residual(level: _Level, estimate: _Estimate) -> tuple[np.ndarray, np.ndarray]:  # (N,), (N,) bool seen
    values, seen = _sampled(level, estimate)
    return np.where(seen, values - estimate.gain * level.template - estimate.bias, 0.0), seen


def _registered(level: _Level, estimate: _Estimate, iterations: int) -> tuple[_Estimate, bool]:
    """The best estimate at one level, and whether the steps had become small."""
    focal_px, damping = math.sqrt(level.intrinsics_px[0, 0] * level.intrinsics_px[1, 1]), 1e-3
    residual, seen = _residual(level, estimate)
    for _ in range(iterations):
        if seen.sum() < MIN_SEEN * len(seen):
            return estimate, False
        # Huber's width, 1.345 standard deviations, from the median as in any robust fit.
        width = max(1.345 * 1.4826 * float(np.median(np.abs(residual[seen]))), _MIN_HUBER_WIDTH)
        weighted = level.slopes * (seen * (width / np.maximum(np.abs(residual), width)))
        normal = weighted @ level.slopes.T
        diagonal = np.diag(normal)
        normal = normal + np.diag(damping * diagonal + 1e-9 * diagonal.max() + 1e-12)
        step = np.linalg.solve(normal, weighted @ residual)
        candidate = estimate.after(step)
        new_residual, new_seen = _residual(level, candidate)
        if _cost(new_residual, new_seen, width) <= _cost(residual, seen, width):
            estimate, residual, seen = candidate, new_residual, new_seen
            damping = max(damping / 10, 1e-9)
        else:
            damping = min(damping * 10, 1e6)
        if focal_px * np.abs(step[:6]).max() < TOLERANCE_PX * max(estimate.gain, _MIN_GAIN):
            return estimate, True
    return estimate, False


def _cost(residual: np.ndarray, seen: np.ndarray, width: float) -> float:
    """Huber's, a seen point; infinite where too few are left."""
    if seen.sum() < MIN_SEEN * len(seen):
        return math.inf
    size = np.abs(residual)
    inner = np.minimum(size, width)
    return float((inner * (size - inner / 2)).sum() / seen.sum())


def _started(level: _Level) -> tuple[_Estimate, bool]:
    """The best estimate at the coarsest level, from no motion at all or, where that fails, from some larger ones."""
    best = _registered(level, _Estimate(np.eye(3), np.zeros(3)), COARSE_ITERATIONS)
    reached = _correlation(level, best[0])
    if reached >= WELL_FITTED:
        return best
    for start in np.array(STARTS):
        found = _registered(level, _Estimate(rotations_of_vectors(start[3:]), start[:3]), COARSE_ITERATIONS)
        correlation = _correlation(level, found[0])
        if correlation > reached:
            best, reached = found, correlation
    return best


def _correlation(level: _Level, estimate: _Estimate) -> float:
    """Of luma, between the picture and the template; 0 where too little is seen or nothing varies."""
    values, seen = _sampled(level, estimate)
    if seen.sum() < MIN_SEEN * len(seen):
        return 0.0
    first, second = values[seen] - values[seen].mean(), level.template[seen] - level.template[seen].mean()
    scale = math.sqrt(float((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 1e-6 * len(first) else 0.0


def _clear(nearness: np.ndarray, valid: np.ndarray) -> np.ndarray:  # (H, W) bool
    """Valid points away from jumps in depth; all of them where that leaves too few.

    Nearness is linear across a plane, so its second difference tells outlines from slopes.
    """
    jumps = np.zeros(nearness.shape, bool)
    for near, found in ((nearness, jumps), (nearness.T, jumps.T)):
        before, here, after = near[:-2], near[1:-1], near[2:]
        found[1:-1] |= np.abs(before - 2 * here + after) > MAX_BEND * np.maximum(np.maximum(before, here), after)
    clear = valid & ~jumps
    return clear if clear.sum() >= MIN_POINTS else valid
