"""Putting a whole path somewhere else: another place, another frame of reference, another unit of length.

These never touch the lens or the timing, and never bend the path: what they change is where its world is.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..errors import CameraError
from .path import CameraPath

_MAX_FACTOR = 1e6  # metres in a kilometre and back leave room; beyond it the two lengths were not of one thing


def moved(
    path: CameraPath,
    new_from_world: np.ndarray,  # (4, 4) rotation and translation
) -> CameraPath:
    """The path carried along as one rigid thing. Raises `CameraError` for anything but a rotation and a translation."""
    new_from_world = np.asarray(new_from_world, dtype=np.float64)
    if new_from_world.shape != (4, 4):
        raise CameraError(f"a path is moved by a 4x4 matrix, got shape {new_from_world.shape}")
    return replace(
        path, cameras=tuple(replace(c, world_from_cam=new_from_world @ c.world_from_cam) for c in path.cameras)
    )


def anchored(
    path: CameraPath,
    world_from_anchor: np.ndarray | None = None,  # (4, 4) where that camera shall stand; None = the world's origin
    *,
    index: int = 0,
) -> CameraPath:
    """The path moved as a whole until camera `index` stands at `world_from_anchor`.

    Without one, the world becomes that camera's own frame (x right, y down, z forward), which is what most video models
    want of the first camera. Raises `CameraError` for an index that the path does not have.
    """
    if not -len(path) <= index < len(path):
        raise CameraError(f"the path has {len(path)} cameras, got the index {index}")
    target = np.eye(4) if world_from_anchor is None else np.asarray(world_from_anchor, dtype=np.float64)
    return moved(path, target @ path[index].cam_from_world)


def scaled(
    path: CameraPath,
    factor: float,
    *,
    about_world: np.ndarray | None = None,  # (3,) the point that stays, None = the origin
) -> CameraPath:
    """All distances times `factor`, directions kept. Raises `CameraError` for a factor that is not positive."""
    if not (math.isfinite(factor) and 1 / _MAX_FACTOR <= factor <= _MAX_FACTOR):
        raise CameraError(f"a path's scale lies between {1 / _MAX_FACTOR:g} and {_MAX_FACTOR:g}, got {factor}")
    about = np.zeros(3) if about_world is None else np.asarray(about_world, dtype=np.float64)
    cameras = []
    for camera in path:
        matrix = np.array(camera.world_from_cam)
        matrix[:3, 3] = about + factor * (matrix[:3, 3] - about)
        cameras.append(replace(camera, world_from_cam=matrix))
    return replace(path, cameras=tuple(cameras))


def scale_of_length(measured: float, true_m: float) -> float:
    """The factor for `scaled` that makes a length measured in the path's world `true_m` metres long.

    Raises `CameraError` for lengths that are not positive.
    """
    if not (math.isfinite(measured) and math.isfinite(true_m) and measured > 0 and true_m > 0):
        raise CameraError(f"a known length is two positive numbers, got {measured} and {true_m}")
    return true_m / measured
