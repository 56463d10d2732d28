"""Smooth filling of what memory has never seen: a push-pull pyramid.

Each level halves the picture, averaging what is known; on the way back every unknown pixel takes the value of the level
below. Known pixels are never changed. Far surfaces count for more than near ones: what appears beside the outline of a
near object, when the camera moves, is nearly always what lies behind it.
"""

from __future__ import annotations

import numpy as np

# A known pixel's say grows with the fourth power of its depth, up to that of the picture's far quarter.
DEPTH_POWER = 4
FAR_QUANTILE = 0.75
# Where there is sky, it lies behind everything: any surface says less than it.
BESIDE_SKY = 0.25


def fill_holes(
    rgb: np.ndarray,  # (H, W, 3) float32
    covered: np.ndarray,  # (H, W) bool
    z_depth: np.ndarray,  # (H, W) float32, inf for sky
) -> np.ndarray:  # (H, W, 3) float32
    """The picture with its uncovered pixels filled in. A picture without any covered pixel comes back mid-grey."""
    if covered.all():
        return rgb
    if not covered.any():
        return np.full_like(rgb, 0.5)
    weight = _depth_weights(covered, z_depth)
    filled = _pull_push(rgb * weight[..., None], weight)
    return np.where(covered[..., None], rgb, filled)


def guessed_depth(
    z_depth: np.ndarray,  # (H, W) float32
    covered: np.ndarray,  # (H, W) bool, surfaces of finite depth
) -> np.ndarray:  # (H, W) float32
    """Depth of the known surfaces, continued smoothly over the rest; inf where nothing is known."""
    known = (covered & np.isfinite(z_depth)).astype(np.float32)
    with np.errstate(divide="ignore"):
        inverse = _pull_push((known / z_depth)[..., None], known)[..., 0]
        return np.float32(1) / np.maximum(inverse, np.float32(0))


def _depth_weights(covered: np.ndarray, z_depth: np.ndarray) -> np.ndarray:  # (H, W) float32 in [0, 1]
    finite = covered & np.isfinite(z_depth)
    far = np.quantile(z_depth[finite], FAR_QUANTILE) if finite.any() else 1.0
    weight = np.minimum(z_depth / np.float32(far), np.float32(1)) ** DEPTH_POWER
    sky = covered & ~finite
    if sky.any():
        weight = np.where(sky, weight, np.float32(BESIDE_SKY) * weight)
    return np.where(covered, np.maximum(weight, np.float32(1e-3)), np.float32(0))


def _pull_push(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours for a whole level, given sums of weight x colour and of weight.

    Where the weight is below one, the level below adds what is missing.
    """
    colour = weighted / np.maximum(weight, np.float32(1e-20))[..., None]
    if max(weight.shape) == 1:
        return colour
    below = _pull_push(_halved(weighted), _halved(weight))
    say = np.minimum(weight, np.float32(1))[..., None]
    return say * colour + (1 - say) * _doubled(below, weight.shape)


def _halved(values: np.ndarray) -> np.ndarray:
    """Sums over 2x2 blocks; odd borders are padded with nothing."""
    pad = [(0, values.shape[0] % 2), (0, values.shape[1] % 2)] + [(0, 0)] * (values.ndim - 2)
    values = np.pad(values, pad)
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def _doubled(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Twice the size by linear interpolation between block centres, cut to `size`."""
    for axis in (0, 1):
        before = np.concatenate(
            [np.take(values, [0], axis), np.take(values, range(values.shape[axis] - 1), axis)], axis
        )
        after = np.concatenate([np.take(values, range(1, values.shape[axis]), axis), np.take(values, [-1], axis)], axis)
        first = np.float32(0.75) * values + np.float32(0.25) * before
        second = np.float32(0.75) * values + np.float32(0.25) * after
        stacked = np.stack([first, second], axis=axis + 1)
        values = stacked.reshape(*values.shape[:axis], -1, *values.shape[axis + 1 :])
    return values[: size[0], : size[1]]
