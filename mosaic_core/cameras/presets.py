"""Camera moves as plain geometry: orbit, dolly, pan, spiral, and there-and-back.

A move is a function of `times`, numbers from 0 (start) to 1 (end), one a frame. Speed is therefore a property of the
times and not of the move: easing, there-and-back and any retiming are other times for the same move, and Blender's
curves sample the same functions at their knots.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..errors import CameraError
from .camera import Camera, look_at
from .path import MAX_FRAMES, CameraPath


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where a camera stands and what it looks at, one row a frame.

    Raises `CameraError` for no frames, unequal lengths, or numbers that are not finite.
    """

    positions_world: np.ndarray  # (T, 3) float64, metres
    targets_world: np.ndarray  # (T, 3) float64, metres

    def __post_init__(self) -> None:
        for name in ("positions_world", "targets_world"):
            points = np.array(getattr(self, name), dtype=np.float64)
            if points.ndim != 2 or points.shape[1] != 3 or not len(points):
                raise CameraError(f"{name} must have shape (frames, 3), got {points.shape}")
            if not np.isfinite(points).all():
                raise CameraError(f"{name} must be finite, got NaN or infinity")
            object.__setattr__(self, name, points)
        if len(self.positions_world) != len(self.targets_world):
            raise CameraError(
                f"a trajectory needs one target a position, got {len(self.targets_world)} targets "
                f"for {len(self.positions_world)} positions"
            )

    def to_path(self, camera: Camera, *, fps: float, first_frame: int = 1) -> CameraPath:
        """The path of a camera with `camera`'s lens and image size. Raises `CameraError`."""
        pairs = zip(self.positions_world, self.targets_world, strict=True)
        cameras = tuple(replace(camera, world_from_cam=look_at(p, t)) for p, t in pairs)
        return CameraPath(cameras, tuple(range(first_frame, first_frame + len(cameras))), fps)


def even_times(
    frame_count: int,
    *,
    ease: bool = False,  # start and stop gently instead of at full speed
) -> np.ndarray:  # (T,) rising from 0 to 1
    """Times of a move from start to end. One frame stays at the start. Raises `CameraError`."""
    if not 1 <= frame_count <= MAX_FRAMES:
        raise CameraError(f"a camera move needs 1 .. {MAX_FRAMES} frames, got {frame_count}")
    times = np.linspace(0.0, 1.0, frame_count) if frame_count > 1 else np.zeros(1)
    return times * times * (3 - 2 * times) if ease else times


def there_and_back_times(
    frame_count: int,
    *,
    ease: bool = False,
) -> np.ndarray:  # (T,) rising from 0 to 1 and falling back to 0
    """Times of a move to its end and back. The way back repeats the way there bit for bit.

    With an even number of frames the turning point lies between two frames, so that none shows twice. Raises
    `CameraError`.
    """
    half = (frame_count + 1) // 2
    times = even_times(frame_count)[:half] * 2
    if ease:
        times = times * times * (3 - 2 * times)
    return np.concatenate([times, times[: frame_count - half][::-1]])


def orbit(
    start_world: np.ndarray,  # (3,) where the camera starts
    centre_world: np.ndarray,  # (3,) what it circles and looks at
    *,
    times: np.ndarray,  # (T,) 0 .. 1
    angle_deg: float = 360.0,  # counter-clockwise seen from above; negative turns the other way
) -> Trajectory:
    """Circle a centre at the height and distance of the start. Raises `CameraError` on the centre's axis."""
    return spiral(start_world, centre_world, times=times, angle_deg=angle_deg)


def spiral(
    start_world: np.ndarray,  # (3,)
    centre_world: np.ndarray,  # (3,)
    *,
    times: np.ndarray,  # (T,) 0 .. 1
    angle_deg: float = 720.0,  # counter-clockwise seen from above
    radius_factor: float = 1.0,  # radius at the end over radius at the start
    rise_m: float = 0.0,  # height won from start to end
) -> Trajectory:
    """Circle a centre while the radius and the height change evenly. Raises `CameraError` on the centre's axis."""
    start, centre = _point(start_world, "start_world"), _point(centre_world, "centre_world")
    times = _times(times)
    _require_finite(angle_deg=angle_deg, radius_factor=radius_factor, rise_m=rise_m)
    east, north, height = start - centre
    radius = math.hypot(east, north)
    if radius < 1e-6:
        raise CameraError("the camera stands straight above or below the centre: give the orbit a radius")
    if radius_factor < 0:
        raise CameraError(f"radius_factor must not be negative, got {radius_factor}")
    angle = math.atan2(north, east) + math.radians(angle_deg) * times
    radius_at = radius * (1 + (radius_factor - 1) * times)
    offset = np.stack([radius_at * np.cos(angle), radius_at * np.sin(angle), height + rise_m * times], -1)
    return Trajectory(centre + offset, np.broadcast_to(centre, offset.shape))


def dolly(
    start_world: np.ndarray,  # (3,)
    target_world: np.ndarray,  # (3,) what the camera looks at when it starts
    *,
    times: np.ndarray,  # (T,) 0 .. 1
    distance_m: float,  # forward; negative moves back
) -> Trajectory:
    """Move along the view direction, which stays as it is even past the target. Raises `CameraError`."""
    start, target = _point(start_world, "start_world"), _point(target_world, "target_world")
    _require_finite(distance_m=distance_m)
    view = target - start
    length = np.linalg.norm(view)
    if length < 1e-9:
        raise CameraError("a dolly needs a target away from the camera's position")
    positions = start + _times(times)[:, None] * distance_m * view / length
    return Trajectory(positions, positions + view)


def pan(
    position_world: np.ndarray,  # (3,)
    target_world: np.ndarray,  # (3,) what the camera looks at when it starts
    *,
    times: np.ndarray,  # (T,) 0 .. 1
    angle_deg: float,  # to the left; negative turns to the right
) -> Trajectory:
    """Stand still and turn about the vertical. Raises `CameraError`."""
    position, target = _point(position_world, "position_world"), _point(target_world, "target_world")
    _require_finite(angle_deg=angle_deg)
    if np.linalg.norm(target - position) < 1e-9:
        raise CameraError("a pan needs a target away from the camera's position")
    east, north, height = target - position
    angle = math.radians(angle_deg) * _times(times)
    cos, sin = np.cos(angle), np.sin(angle)
    view = np.stack([east * cos - north * sin, east * sin + north * cos, np.full_like(cos, height)], -1)
    return Trajectory(np.broadcast_to(position, view.shape), position + view)


def truck(
    start_world: np.ndarray,  # (3,)
    target_world: np.ndarray,  # (3,) what the camera keeps looking at
    *,
    times: np.ndarray,  # (T,) 0 .. 1
    offset_world: np.ndarray,  # (3,) from start to end, metres
) -> Trajectory:
    """Move in a straight line and keep looking at one point. Raises `CameraError`."""
    start, target = _point(start_world, "start_world"), _point(target_world, "target_world")
    positions = start + _times(times)[:, None] * _point(offset_world, "offset_world")
    return Trajectory(positions, np.broadcast_to(target, positions.shape))


def _point(point: np.ndarray, name: str) -> np.ndarray:
    point = np.asarray(point, dtype=np.float64)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise CameraError(f"{name} must be three finite numbers, got {point.tolist()}")
    return point


def _times(times: np.ndarray) -> np.ndarray:
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or not len(times) or not np.isfinite(times).all():
        raise CameraError(f"times must be a list of finite numbers, got shape {times.shape}")
    return times


def _require_finite(**numbers: float) -> None:
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise CameraError(f"{name} must be finite, got {number}")
