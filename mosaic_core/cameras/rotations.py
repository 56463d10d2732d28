"""Rotations as a curved space: the logarithm and the exponential of SO(3), and means on it.

Interpolating matrices or quaternions number by number leaves the rotations; interpolating angles flips at their ends.
Turning by a fraction of the rotation vector between two rotations does neither. All functions take stacks, so a whole
path is one call. Between opposite rotations both ways round are as short; the one taken depends on nothing but them.
"""

from __future__ import annotations

import numpy as np

_SMALL = 1e-6  # radians; below it the series are exact to double precision


def rotation_vectors(
    rotations: np.ndarray,  # (..., 3, 3)
) -> np.ndarray:  # (..., 3) axis times angle, radians, angle in 0 .. pi
    """The logarithm of rotations, stable up to half a turn (through the quaternion's largest part)."""
    w, xyz = _quaternions(np.asarray(rotations, dtype=np.float64))
    length = np.linalg.norm(xyz, axis=-1)
    angle = 2 * np.arctan2(length, w)
    factor = np.where(length > _SMALL, angle / np.where(length > _SMALL, length, 1.0), 2.0)
    return xyz * factor[..., None]


def rotations_of_vectors(
    vectors: np.ndarray,  # (..., 3) axis times angle, radians
) -> np.ndarray:  # (..., 3, 3)
    """The exponential: Rodrigues' formula."""
    vectors = np.asarray(vectors, dtype=np.float64)
    angle = np.linalg.norm(vectors, axis=-1)
    safe = np.where(angle > _SMALL, angle, 1.0)
    first = np.where(angle > _SMALL, np.sin(angle) / safe, 1 - angle**2 / 6)
    second = np.where(angle > _SMALL, (1 - np.cos(angle)) / safe**2, 0.5 - angle**2 / 24)
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vectors.shape[:-1], 3, 3)
    return np.eye(3) + first[..., None, None] * cross + second[..., None, None] * (cross @ cross)


def turns_between(
    first: np.ndarray,  # (..., 3, 3)
    second: np.ndarray,  # (..., 3, 3)
) -> np.ndarray:  # (..., 3) radians, in the first one's own axes
    """The shortest turn from one rotation to another: `second = first @ rotations_of_vectors(turn)`."""
    return rotation_vectors(np.swapaxes(first, -1, -2) @ second)


def cleaned(
    rotations: np.ndarray,  # (..., 3, 3)
) -> np.ndarray:  # (..., 3, 3)
    """The nearest rotations, against the rounding that products gather."""
    u, _, v = np.linalg.svd(rotations)
    return u @ v


def _quaternions(rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(...) w, not negative, and (..., 3) xyz of unit quaternions, taken from the largest of the four parts."""
    r = rotations
    d0, d1, d2 = r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]
    squares = np.stack([1 + d0 + d1 + d2, 1 + d0 - d1 - d2, 1 - d0 + d1 - d2, 1 - d0 - d1 + d2], axis=-1)
    wx, wy, wz = (r[..., i, j] - r[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0)))
    xy, xz, yz = (r[..., i, j] + r[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    w2, x2, y2, z2 = np.moveaxis(squares, -1, 0)
    rows = np.stack([w2, wx, wy, wz, wx, x2, xy, xz, wy, xy, y2, yz, wz, xz, yz, z2], axis=-1)
    rows = rows.reshape(*w2.shape, 4, 4)
    best = np.argmax(squares, axis=-1)
    q = np.take_along_axis(rows, best[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    q = np.where(q[..., :1] < 0, -q, q)
    return q[..., 0], q[..., 1:]
