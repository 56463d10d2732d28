"""Splines through camera keys (Kochanek and Bartels 1984), on positions, rotations and lenses.

The keys are a `CameraPath`, their times its frame numbers. The curve is at a key at the key's time, exactly: time is
the parameter, so it cannot run backwards, and tangents take the keys' own spacing into account, so a long gap beside a
short one makes no bump. `tension` tightens (1 is straight lines), `continuity` makes corners, `bias` overshoots.

Rotations are a cumulative Bezier curve on SO(3) (Kim, Kim and Shin 1995) with the same tangents as rotation vectors:
the path never leaves the rotations, and goes from key to key the short way round. Lenses never swing beyond the keys'
(`monotone`): the focal length in its logarithm, since a zoom is a ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import CameraError
from .camera import Camera
from .monotone import monotone_cubic
from .path import MAX_FRAMES, CameraPath
from .rotations import cleaned, rotations_of_vectors, turns_between


@dataclass(frozen=True)
class Shape:
    """How a spline goes through its keys; zeros are a Catmull-Rom spline. Raises `CameraError` outside -1 .. 1."""

    tension: float = 0.0
    continuity: float = 0.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        for name in ("tension", "continuity", "bias"):
            value = getattr(self, name)
            if not -1 <= value <= 1:
                raise CameraError(f"a spline's {name} lies between -1 and 1, got {value}")


def spline_cameras(
    keys: CameraPath,
    times_s: np.ndarray,  # (N,) seconds from the first key; outside the keys the nearest end stands still
    *,
    shape: Shape | None = None,
) -> tuple[Camera, ...]:  # N
    """The camera at each time. Raises `CameraError` for times that are not finite, or too many."""
    key_times_s = np.array([keys.time_s(i) for i in range(len(keys))])
    return spline_through(keys.cameras, key_times_s, times_s, shape=shape)


def spline_through(
    keys: Sequence[Camera],  # K, of one image size
    key_times: np.ndarray,  # (K,) rising, seconds or any other parameter
    times: np.ndarray,  # (N,) in the same
    *,
    shape: Shape | None = None,
) -> tuple[Camera, ...]:  # N
    """`spline_cameras` for keys at any times. Raises `CameraError`."""
    key_times, times = np.asarray(key_times, dtype=np.float64), np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or not np.isfinite(times).all() or not 1 <= len(times) <= MAX_FRAMES:
        raise CameraError(f"a spline needs 1 .. {MAX_FRAMES} finite times, got shape {times.shape}")
    if key_times.shape != (len(keys),) or not (np.diff(key_times) > 0).all():
        raise CameraError(f"a spline needs a rising time for each of {len(keys)} keys, got shape {key_times.shape}")
    if len(keys) == 1:
        return (keys[0],) * len(times)
    shape = shape or Shape()
    at = np.clip(times, key_times[0], key_times[-1])
    left = np.clip(np.searchsorted(key_times, at, side="right") - 1, 0, len(keys) - 2)
    s = (at - key_times[left]) / (key_times[left + 1] - key_times[left])
    worlds = np.stack([camera.world_from_cam for camera in keys])
    steps = np.diff(key_times)
    positions = _positions(worlds[:, :3, 3], steps, left, s, shape)
    rotations = _rotations(worlds[:, :3, :3], steps, left, s, shape)
    lenses = _lenses(np.stack([camera.intrinsics_px for camera in keys]), key_times, at)
    # A key's own camera where the time is the key's: not even its last bit changes.
    own = np.where(s == 0, left, np.where(s == 1, left + 1, -1))
    cameras = []
    for index, key in enumerate(own.tolist()):
        if key >= 0:
            cameras.append(keys[key])
            continue
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = rotations[index], positions[index]
        cameras.append(Camera(lenses[index], matrix, keys[0].image_height, keys[0].image_width))
    return tuple(cameras)


def spline_path(
    keys: CameraPath,
    *,
    fps: float | None = None,  # of the result, None = the keys'
    shape: Shape | None = None,
) -> CameraPath:
    """A camera for every frame from the first key to the last. Raises `CameraError` for more frames than a path holds.

    Where the rate stays, frames keep their numbers; else they count from the first key's.
    """
    fps = keys.fps if fps is None else fps
    if not (math.isfinite(fps) and 0 < fps <= 1000):
        raise CameraError(f"fps must lie between 0 and 1000, got {fps}")
    span_s = keys.time_s(len(keys) - 1)
    # A last frame that a rounding error pushed behind the end still belongs to the path.
    count = math.floor(span_s * fps + 1e-6) + 1
    if count > MAX_FRAMES:
        raise CameraError(f"a camera path holds at most {MAX_FRAMES} frames, got {count}")
    numbers = np.arange(count)
    times_s = numbers / fps
    if fps == keys.fps:
        times_s = np.array([n / keys.fps for n in numbers.tolist()])  # as `CameraPath.time_s` counts them
    first = keys.frame_numbers[0]
    return CameraPath(spline_cameras(keys, times_s, shape=shape), tuple((first + numbers).tolist()), fps)


def _weights(shape: Shape) -> tuple[tuple[float, float], tuple[float, float]]:
    """Of the step before and after a key: in the tangent that leaves it, and in the one that arrives."""
    t, c, b = shape.tension, shape.continuity, shape.bias
    leaving = ((1 - t) * (1 + c) * (1 + b) / 2, (1 - t) * (1 - c) * (1 - b) / 2)
    arriving = ((1 - t) * (1 - c) * (1 + b) / 2, (1 - t) * (1 + c) * (1 - b) / 2)
    return leaving, arriving


def _tangents(
    steps: np.ndarray,  # (K - 1, 3) from key to key
    steps_s: np.ndarray,  # (K - 1,)
    shape: Shape,
) -> tuple[np.ndarray, np.ndarray]:  # (K - 1, 3) leaving each step's first key, arriving at its second, a second
    """Kochanek and Bartels' tangents as velocities.

    The mean of the velocities on both sides weights each by the other side's time, which is what a parabola through
    the three keys has; the ends have the velocity of their only step.
    """
    velocity = steps / steps_s[:, None]
    before = np.concatenate([velocity[:1], velocity])  # of the step before each key
    after = np.concatenate([velocity, velocity[-1:]])
    time_before = np.concatenate([steps_s[:1], steps_s])[:, None]
    time_after = np.concatenate([steps_s, steps_s[-1:]])[:, None]
    share_before = 2 * time_after / (time_before + time_after)
    share_after = 2 * time_before / (time_before + time_after)
    leaving, arriving = (w[0] * share_before * before + w[1] * share_after * after for w in _weights(shape))
    return leaving[:-1], arriving[1:]


def _positions(
    points: np.ndarray,  # (K, 3)
    steps_s: np.ndarray,
    left: np.ndarray,
    s: np.ndarray,
    shape: Shape,
) -> np.ndarray:  # (N, 3)
    leaving, arriving = _tangents(np.diff(points, axis=0), steps_s, shape)
    width = steps_s[left][:, None]
    s = s[:, None]
    s2, s3 = s * s, s * s * s
    return (
        (2 * s3 - 3 * s2 + 1) * points[left]
        + (s3 - 2 * s2 + s) * width * leaving[left]
        + (3 * s2 - 2 * s3) * points[left + 1]
        + (s3 - s2) * width * arriving[left]
    )


def _rotations(
    rotations: np.ndarray,  # (K, 3, 3)
    steps_s: np.ndarray,
    left: np.ndarray,
    s: np.ndarray,
    shape: Shape,
) -> np.ndarray:  # (N, 3, 3)
    turns = turns_between(rotations[:-1], rotations[1:])
    # A step's turn is the same vector in the axes of both its keys, so neighbouring turns may be averaged at a key.
    leaving, arriving = _tangents(turns, steps_s, shape)
    third = steps_s[:, None] / 3
    first, last = third * leaving, third * arriving
    middle = turns_between(rotations[:-1] @ rotations_of_vectors(first), rotations[1:] @ rotations_of_vectors(-last))
    s = s[:, None]
    rest = 1 - s
    shares = (1 - rest**3, 3 * s * s - 2 * s**3, s**3)
    result = rotations[left]
    for share, turn in zip(shares, (first, middle, last), strict=True):
        result = result @ rotations_of_vectors(share * turn[left])
    return cleaned(result)


def _lenses(lenses: np.ndarray, key_times: np.ndarray, at: np.ndarray) -> np.ndarray:  # (N, 3, 3)
    result = monotone_cubic(key_times, lenses, at)
    for axis in (0, 1):
        result[:, axis, axis] = np.exp(monotone_cubic(key_times, np.log(lenses[:, axis, axis]), at))
    return result
