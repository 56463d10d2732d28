"""KITTI's odometry text: twelve numbers a line, world_from_cam, 3 x 4 by rows, OpenCV axes.

It has no time, lens or image size.
"""

from __future__ import annotations

import numpy as np

from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, lines_of, nearest_rotation, numbers_of, text_of


def _rows(data: bytes) -> list[np.ndarray]:
    return [np.reshape(numbers_of(line, 12), (3, 4)) for line in lines_of(data) if line.strip()]


def _matches(documents: Documents) -> bool:
    return len(nearest_rotation(_rows(documents[""])[0][:, :3])) == 3


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    rows = _rows(documents[""])
    check_count(len(rows))
    height, width = gaps.take_size()
    lens = gaps.take_lens(image_height=height, image_width=width)
    cameras = tuple(camera_of(matrix, lens, (height, width)) for matrix in rows)
    return CameraPath(cameras, gaps.take_numbers(len(cameras)), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    return {"": "".join(f"{text_of(camera.world_from_cam[:3].ravel().tolist())}\n" for camera in path).encode()}


FORMAT = Format("kitti", "KITTI odometry poses", _matches, _read, _write)
