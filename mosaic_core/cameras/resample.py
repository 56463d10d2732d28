"""Other frames of the same path: a part of it, another frame rate or number of frames, an even speed, less shake.

All but the part go through the spline of the path's own frames (`spline`), so a new frame between two old ones lies on
a smooth curve, and a new frame at an old one's time is that frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import CameraError
from .camera import Camera
from .monotone import monotone_cubic
from .path import MAX_FRAMES, CameraPath
from .rotations import cleaned, rotations_of_vectors, turns_between
from .spline import Shape, spline_cameras, spline_path, spline_through

# A Gaussian is cut off at this many standard deviations.
_REACH = 3.0
# Turning once to the weighted mean of the turns around leaves a second-order error; twice leaves none to speak of.
_MEAN_STEPS = 2
# How many points a frame the length of the way is measured with.
_FINER = 32


def part_of(path: CameraPath, first: int, last: int) -> CameraPath:
    """The frames whose numbers lie from `first` to `last`. Raises `CameraError` where there is none."""
    kept = [index for index, number in enumerate(path.frame_numbers) if first <= number <= last]
    if not kept:
        numbers = path.frame_numbers
        raise CameraError(f"the path has no frames from {first} to {last}, it goes from {numbers[0]} to {numbers[-1]}")
    frame_numbers = tuple(path.frame_numbers[index] for index in kept)
    return replace(path, cameras=tuple(path[index] for index in kept), frame_numbers=frame_numbers)


def at_rate(path: CameraPath, fps: float, *, shape: Shape | None = None) -> CameraPath:
    """The path at another rate, over the same time; frames left out are filled in. Raises `CameraError`."""
    return spline_path(path, fps=fps, shape=shape)


def with_count(path: CameraPath, frame_count: int, *, shape: Shape | None = None) -> CameraPath:
    """The path in that many frames at its own rate, from its first camera to its last: faster or slower.

    Raises `CameraError` for a count below 1 or beyond what a path holds.
    """
    times_s = _even_shares(frame_count) * path.time_s(len(path) - 1)
    return _numbered(path, spline_cameras(path, times_s, shape=shape))


def with_even_speed(path: CameraPath, frame_count: int | None = None, *, shape: Shape | None = None) -> CameraPath:
    """The same way, at one speed: frames lie equally far apart along it. A camera that only turns, turns evenly.

    Pauses fall away; a camera that neither moves nor turns gives its first frame that often. Raises `CameraError`.
    """
    count = len(path) if frame_count is None else frame_count
    shares = _even_shares(count)
    steps = _steps(path.cameras)
    moving = np.concatenate([[True], steps > 1e-9 * max(steps.sum(initial=0), 1e-3)])
    keys = [camera for camera, moves in zip(path, moving, strict=True) if moves]
    if len(keys) > 1:
        keys[-1] = path[-1]
        way = np.concatenate([[0.0], np.cumsum(_steps(keys))])
        finely = np.linspace(0, way[-1], min(len(keys) * _FINER, MAX_FRAMES))
        length = np.concatenate([[0.0], np.cumsum(_steps(spline_through(keys, way, finely, shape=shape)))])
        at = monotone_cubic(length, finely, shares * length[-1])
        at[shares == 1] = way[-1]
        cameras = spline_through(keys, way, at, shape=shape)
    else:
        cameras = (path[0],) * count
    return _numbered(path, cameras)


def _steps(cameras: Sequence[Camera]) -> np.ndarray:  # (N - 1,) metres, or radians where nothing moves
    positions = np.stack([camera.position_world for camera in cameras])
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    if steps.sum() < 1e-9:
        rotations = np.stack([camera.world_from_cam[:3, :3] for camera in cameras])
        steps = np.linalg.norm(turns_between(rotations[:-1], rotations[1:]), axis=1)
    return steps


def smoothed(path: CameraPath, sigma_s: float) -> CameraPath:
    """Less shake: each camera becomes what a parabola says that is fitted to those around it, weighted by a Gaussian.

    Savitzky and Golay 1964: unlike a mean, it cuts no curves short. Positions and rotations alike, rotations in the
    tangent space of their own mean; the lens stays. Near an end the window shrinks on both sides, so the first and the
    last camera stay as they are. Raises `CameraError` for a width that is not positive, or longer than the path.
    """
    span_s = path.time_s(len(path) - 1)
    if not (math.isfinite(sigma_s) and 0 < sigma_s <= max(span_s, 1 / path.fps)):
        raise CameraError(f"smoothing takes a width between 0 and the path's {span_s:g} s, got {sigma_s:g} s")
    times_s = np.array([path.time_s(i) for i in range(len(path))])
    reach_s = np.minimum(_REACH * sigma_s, np.minimum(times_s - times_s[0], times_s[-1] - times_s))
    positions = np.stack([camera.position_world for camera in path])
    rotations = np.stack([camera.world_from_cam[:3, :3] for camera in path])
    mean_position, mean_rotation = np.zeros_like(positions), np.zeros_like(rotations)
    for index, time_s in enumerate(times_s):
        low, high = np.searchsorted(times_s, (time_s - reach_s[index] - 1e-9, time_s + reach_s[index] + 1e-9))
        weights = _weights((times_s[low:high] - time_s) / sigma_s)[:, None]
        mean_position[index] = (weights * positions[low:high]).sum(0)
        mean = rotations[index]
        for _ in range(_MEAN_STEPS if high - low > 1 else 0):
            mean = mean @ rotations_of_vectors((weights * turns_between(mean, rotations[low:high])).sum(0))
        mean_rotation[index] = mean
    mean_rotation = cleaned(mean_rotation)
    cameras = []
    for index, camera in enumerate(path):
        if reach_s[index] == 0:
            cameras.append(camera)
            continue
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = mean_rotation[index], mean_position[index]
        cameras.append(replace(camera, world_from_cam=matrix))
    return replace(path, cameras=tuple(cameras))


def _weights(
    away: np.ndarray,  # (n,) times from the middle, in standard deviations
) -> np.ndarray:  # (n,), their sum is 1
    """How much each neighbour counts for the value in the middle of a parabola through all of them."""
    if len(away) < 3:
        return (away == 0).astype(np.float64)
    gauss = np.exp(-0.5 * away**2)
    unit = away / np.abs(away).max()
    powers = np.stack([np.ones_like(unit), unit, unit**2])
    return gauss * (np.linalg.solve((powers * gauss) @ powers.T, (1.0, 0.0, 0.0)) @ powers)


def _even_shares(frame_count: int) -> np.ndarray:  # (N,) from 0 to 1
    if not 1 <= frame_count <= MAX_FRAMES:
        raise CameraError(f"a camera path holds 1 .. {MAX_FRAMES} frames, got {frame_count}")
    return np.linspace(0.0, 1.0, frame_count)


def _numbered(path: CameraPath, cameras: tuple[Camera, ...]) -> CameraPath:
    first = path.frame_numbers[0]
    return CameraPath(cameras, tuple(range(first, first + len(cameras))), path.fps)
