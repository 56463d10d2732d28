"""Smooth filling of what memory has never seen: a push-pull pyramid.

Each level halves the picture, averaging what is known; on the way back every unknown pixel takes the value of the level
below. Known pixels are never changed. Far surfaces count for more than near ones: what appears beside the outline of a
near object, when the camera moves, is nearly always what lies behind it.

Written once for NumPy and torch (`mosaic_core.memory.arrays`).
"""

from __future__ import annotations

import numpy as np

from .arrays import NUMPY, Array, Arrays, as_float32

# A known pixel's say grows with the fourth power of its depth, up to that of the picture's far quarter.
FAR_QUANTILE = 0.75
# Where there is sky, it lies behind everything: any surface says less than it.
BESIDE_SKY = 0.25


def fill_holes(
    rgb: Array,  # (H, W, 3) float32
    covered: Array,  # (H, W) bool
    z_depth: Array,  # (H, W) float32, inf for sky
    arrays: Arrays = NUMPY,
) -> Array:  # (H, W, 3) float32
    """The picture with its uncovered pixels filled in. A picture without any covered pixel comes back mid-grey."""
    if covered.all():
        return rgb
    if not covered.any():
        return arrays.full(tuple(rgb.shape), 0.5, np.float32)
    weight = _depth_weights(covered, z_depth, arrays)
    filled = _pull_push(rgb * weight[..., None], weight, arrays)
    return arrays.where(covered[..., None], rgb, filled)


def guessed_depth(
    z_depth: Array,  # (H, W) float32
    covered: Array,  # (H, W) bool, surfaces of finite depth
    arrays: Arrays = NUMPY,
) -> Array:  # (H, W) float32
    """Depth of the known surfaces, continued smoothly over the rest; inf where nothing is known."""
    known = arrays.to_float(covered & arrays.is_finite(z_depth))
    with np.errstate(divide="ignore"):
        inverse = _pull_push((known / z_depth)[..., None], known, arrays)[..., 0]
        return 1 / arrays.at_least(inverse, 0.0)


def _depth_weights(covered: Array, z_depth: Array, arrays: Arrays) -> Array:  # (H, W) float32 in [0, 1]
    finite = covered & arrays.is_finite(z_depth)
    known = z_depth[finite]
    far = arrays.smallest(known, int(FAR_QUANTILE * (len(known) - 1))) if len(known) else 1.0
    weight = arrays.clip(z_depth * as_float32(1 / far), 0.0, 1.0)
    weight = weight * weight
    weight = weight * weight
    sky = covered & ~finite
    if sky.any():
        weight = arrays.where(sky, weight, BESIDE_SKY * weight)
    return arrays.where(covered, arrays.at_least(weight, as_float32(1e-3)), 0.0)


def _pull_push(weighted: Array, weight: Array, arrays: Arrays) -> Array:
    """Colours for a whole level, given sums of weight x colour and of weight.

    Where the weight is below one, the level below adds what is missing.
    """
    colour = weighted / arrays.at_least(weight, as_float32(1e-20))[..., None]
    if max(weight.shape) == 1:
        return colour
    below = _pull_push(_halved(weighted, arrays), _halved(weight, arrays), arrays)
    say = arrays.clip(weight, 0.0, 1.0)[..., None]
    return say * colour + (1 - say) * _doubled(below, weight.shape, arrays)


def _halved(values: Array, arrays: Arrays) -> Array:
    """Sums over 2x2 blocks; odd borders are padded with nothing."""
    for axis in (0, 1):
        if values.shape[axis] % 2:
            border = values[-1:] if axis == 0 else values[:, -1:]
            values = arrays.joined([values, border * 0], axis)
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def _doubled(values: Array, size: tuple[int, ...], arrays: Arrays) -> Array:
    """Twice the size by linear interpolation between block centres, cut to `size`."""
    for axis in (0, 1):
        first, last = (values[:1], values[-1:]) if axis == 0 else (values[:, :1], values[:, -1:])
        inner, outer = (values[:-1], values[1:]) if axis == 0 else (values[:, :-1], values[:, 1:])
        before, after = arrays.joined([first, inner], axis), arrays.joined([outer, last], axis)
        pair = [0.75 * values + 0.25 * before, 0.75 * values + 0.25 * after]
        values = arrays.stacked(pair, axis + 1).reshape(*values.shape[:axis], -1, *values.shape[axis + 1 :])
    return values[: size[0], : size[1]]
