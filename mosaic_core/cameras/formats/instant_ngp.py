"""instant-ngp's camera path and that of GEN3C's viewer, built on it: `{"path": [{"R", "T", "fov", ...}], ...}`.

`R` is a quaternion with w last and `T` a position, world_from_cam in OpenCV axes, in a world whose axes are those of
the data turned round (y, z, x) and whose lengths are 0.33 of them with the origin at 0.5. `fov` is vertical, degrees.
GEN3C adds a rising `timestamp` in seconds. Both viewers draw a spline through these; a spline order of 1 makes them
follow the frames as they are. The lens has square pixels and a centred principal point.
"""

from __future__ import annotations

import math

import numpy as np

from ...errors import CameraError
from ..camera import Camera
from ..path import CameraPath
from .base import (
    Documents,
    Format,
    Gaps,
    camera_of,
    check_count,
    intrinsics,
    json_bytes,
    json_of,
    quaternion_of_rotation,
    rotation_of_quaternion,
)
from .times import frames_of_times

# ngp_from_world: axis i of instant-ngp's world is axis (i + 1) % 3 of the data's.
NGP_FROM_WORLD = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
NGP_SCALE, NGP_OFFSET = 0.33, 0.5
_RESOLUTION_S = 1e-6  # single precision


def _matches(documents: Documents) -> bool:
    return {"R", "T", "fov"} <= set(json_of(documents[""])["path"][0])


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    frames = json_of(documents[""])["path"]
    check_count(len(frames))
    size = gaps.take_size()
    cameras = tuple(_camera(frame, size) for frame in frames)
    times_s = [float(frame.get("timestamp", 0)) for frame in frames]
    numbers, fps = frames_of_times(times_s, gaps, resolution_s=_RESOLUTION_S)
    return CameraPath(cameras, numbers, fps)


def _camera(frame: dict, size: tuple[int, int]) -> Camera:
    x, y, z, w = (float(value) for value in frame["R"])
    fov_deg = float(frame["fov"])
    if not 0 < fov_deg < 180:
        raise CameraError(f"a field of view lies between 0 and 180 degrees, got {fov_deg:g}")
    focal_px = size[0] / 2 / math.tan(math.radians(fov_deg) / 2)
    matrix = np.zeros((3, 4))
    matrix[:, :3] = NGP_FROM_WORLD.T @ rotation_of_quaternion(w, x, y, z)
    matrix[:, 3] = NGP_FROM_WORLD.T @ ((np.array(frame["T"], dtype=np.float64).reshape(3) - NGP_OFFSET) / NGP_SCALE)
    return camera_of(matrix, intrinsics(focal_px, focal_px, size[1] / 2, size[0] / 2), size)


def _write(path: CameraPath) -> Documents:
    frames = []
    # The viewer takes only times after zero.
    shift = max(0, 1 - path.frame_numbers[0])
    for number, camera in zip(path.frame_numbers, path, strict=True):
        w, x, y, z = quaternion_of_rotation(NGP_FROM_WORLD @ camera.world_from_cam[:3, :3])
        fov_deg = math.degrees(2 * math.atan(camera.image_height / 2 / camera.intrinsics_px[1, 1]))
        frame = {"R": [x, y, z, w], "T": (NGP_FROM_WORLD @ camera.position_world * NGP_SCALE + NGP_OFFSET).tolist()}
        frame |= {"fov": fov_deg, "timestamp": (number + shift) / path.fps}
        frames.append({**frame, "slice": 0.0, "scale": 1.0, "aperture_size": 0.0})
    document = {"loop": False, "time": 0.0, "path": frames}
    return {"": json_bytes({**document, "duration_seconds": frames[-1]["timestamp"], "spline_order": 1})}


FORMAT = Format("instant_ngp", "instant-ngp and GEN3C viewer path", _matches, _read, _write)
