"""Voxels as single numbers, so that millions of places can be compared, sorted and looked up quickly."""

from __future__ import annotations

import numpy as np

# Odd numbers that mix a voxel's coordinates into one key: a collision costs a point out of 2^64.
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)


def voxel_keys(
    points: np.ndarray,  # (n, 3)
    level: np.ndarray,  # (n,) whole numbers: voxels are 2 ** level metres wide
    label: np.ndarray,  # (n,) int, what else must be equal
) -> np.ndarray:  # (n,) uint64
    """One number for points in the same voxel of the same level and label."""
    voxel = np.floor(points * np.exp2(-level)[:, None]).astype(np.int64).view(np.uint64)
    tag = (level.astype(np.int64) * 65536 + label).view(np.uint64)
    mixed = voxel[:, 0] * _MIX[0] + voxel[:, 1] * _MIX[1] + voxel[:, 2] * _MIX[2] + tag * _MIX[3]
    return mixed ^ (mixed >> np.uint64(29))
