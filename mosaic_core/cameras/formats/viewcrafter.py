"""ViewCrafter's trajectory text: three lines of equally many numbers, phi, theta and r, one of each a frame.

The camera circles an object and looks at it, upright in the first frame: it stands `distance * (1 + r)` away, turned
by theta degrees about the first camera's x axis and then by phi degrees about its y axis. The file's world is the
first camera's, with its origin in the object. The distance is the scene's and not the file's (`Gaps.distance_m`, 1 m
without). Only orbits fit: any other path comes back as the nearest one, and what that moves is reported.
"""

from __future__ import annotations

import math

import numpy as np

from ...errors import CameraError
from ..camera import Camera
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, lines_of, numbers_of, text_of


def _rows(data: bytes) -> list[list[float]]:
    lines = [line for line in lines_of(data) if line.strip()]
    if len(lines) != 3:
        raise CameraError(f"a trajectory has three lines, got {len(lines)}")
    return [numbers_of(line, len(lines[0].split())) for line in lines]


def _matches(documents: Documents) -> bool:
    return len(_rows(documents[""])) == 3


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    rows = _rows(documents[""])
    check_count(len(rows[0]))
    distance_m = gaps.take_distance()
    size = gaps.take_size()
    lens = gaps.take_lens(image_height=size[0], image_width=size[1])
    cameras = []
    for phi_deg, theta_deg, r in zip(*rows, strict=True):
        if r <= -1:
            raise CameraError(f"a camera stays before the object: r is above -1, got {r:g}")
        rotation = _about_y(math.radians(phi_deg)) @ _about_x(math.radians(theta_deg))
        position = rotation @ (0, 0, -distance_m * (1 + r))
        cameras.append(camera_of(np.column_stack([rotation, position]), lens, size))
    return CameraPath(tuple(cameras), gaps.take_numbers(len(cameras)), gaps.take_fps())


def _about_x(angle: float) -> np.ndarray:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])


def _about_y(angle: float) -> np.ndarray:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def centre_of(path: CameraPath) -> np.ndarray:  # (3,) world
    """The point the cameras look at most nearly: least squares of its distances to their axes, ahead of the first.

    Cameras that all look one way have none; then a point one metre ahead of the first camera.
    """
    axes = np.stack([camera.forward_world for camera in path])
    positions = np.stack([camera.position_world for camera in path])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]  # projections onto the planes across the axes
    total = across.sum(0)
    first: Camera = path[0]
    centre = first.position_world + first.forward_world
    if np.linalg.eigvalsh(total)[0] > 1e-9 * len(path):
        found = np.linalg.solve(total, (across @ positions[:, :, None]).sum(0)[:, 0])
        if (found - first.position_world) @ first.forward_world > 1e-6:
            centre = found
    return centre


def distance_of(path: CameraPath) -> float:
    """How far the first camera stands from `centre_of` the path."""
    return float(np.linalg.norm(centre_of(path) - path[0].position_world))


def _write(path: CameraPath) -> Documents:
    centre, distance_m = centre_of(path), distance_of(path)
    cam_from_world = path[0].world_from_cam[:3, :3].T
    rows: list[list[float]] = [[], [], []]
    for camera in path:
        x, y, z = cam_from_world @ (centre - camera.position_world)
        reach = math.sqrt(x * x + y * y + z * z)
        angles = (math.atan2(x, z), math.atan2(-y, math.hypot(x, z)), reach / distance_m - 1)
        for row, value in zip(rows, (math.degrees(angles[0]), math.degrees(angles[1]), angles[2]), strict=True):
            row.append(value)
    return {"": "".join(f"{text_of(row)}\n" for row in rows).encode()}


FORMAT = Format("viewcrafter", "ViewCrafter trajectory text", _matches, _read, _write)
