"""mosaicmem's `trajectory.json`: a timestamp in seconds and a cam_from_world quaternion and translation a frame.

It holds no lens and no image size. Its own `look_at` builds cameras whose image is upside down in OpenCV's terms; the
file's numbers are read as what they say, x right, y down, z forward.
"""

from __future__ import annotations

import numpy as np

from ..path import CameraPath
from .base import (
    Documents,
    Format,
    Gaps,
    camera_of,
    check_count,
    json_bytes,
    json_of,
    quaternion_of_rotation,
    rotation_of_quaternion,
)
from .times import frames_of_times


def _matches(documents: Documents) -> bool:
    return "world_to_camera" in json_of(documents[""])["poses"][0]


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    poses = json_of(documents[""])["poses"]
    check_count(len(poses))
    height, width = gaps.take_size()
    lens = gaps.take_lens(image_height=height, image_width=width)
    cameras, times_s = [], []
    for pose in poses:
        values = pose["world_to_camera"]
        matrix = np.zeros((3, 4))
        matrix[:, :3] = rotation_of_quaternion(*(float(values[name]) for name in ("qw", "qx", "qy", "qz")))
        matrix[:, 3] = [float(values[name]) for name in ("tx", "ty", "tz")]
        cameras.append(camera_of(matrix, lens, (height, width), inverted=True))
        times_s.append(float(pose["timestamp"]))
    numbers, fps = frames_of_times(times_s, gaps, resolution_s=1e-9)
    return CameraPath(tuple(cameras), numbers, fps)


def _write(path: CameraPath) -> Documents:
    poses = []
    for number, camera in zip(path.frame_numbers, path, strict=True):
        matrix = camera.cam_from_world
        w, x, y, z = quaternion_of_rotation(matrix[:3, :3])
        tx, ty, tz = matrix[:3, 3].tolist()
        values = {"tx": tx, "ty": ty, "tz": tz, "qx": x, "qy": y, "qz": z, "qw": w}
        poses.append({"timestamp": number / path.fps, "world_to_camera": values})
    return {"": json_bytes({"poses": poses})}


FORMAT = Format("mosaicmem", "mosaicmem trajectory.json", _matches, _read, _write)
