"""RealEstate10K's text, which CameraCtrl and VideoX-Fun read: a line of 19 numbers a frame.

The first line is a title (a video's address, or nothing). Each next line is `timestamp fx fy cx cy k1 k2` and a
cam_from_world matrix, 3 x 4 by rows, OpenCV axes. The timestamp counts microseconds, the lens is in image widths
(fx, cx) and heights (fy, cy), so the file holds no image size. VideoX-Fun takes 81 frames at 16 a second and its own
files have 0 for every timestamp.
"""

from __future__ import annotations

import numpy as np

from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, intrinsics, lines_of, numbers_of, text_of
from .times import frames_of_times


def _matches(documents: Documents) -> bool:
    return len(numbers_of(lines_of(documents[""])[1], 19)) == 19


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    rows = [numbers_of(line, 19) for line in lines_of(documents[""])[1:] if line.strip()]
    check_count(len(rows))
    height, width = gaps.take_size()
    if any(row[5] or row[6] for row in rows):
        gaps.note("the lens distortion is left out")
    cameras = []
    for row in rows:
        fx, fy, cx, cy = row[1:5]
        lens = intrinsics(fx * width, fy * height, cx * width, cy * height)
        cameras.append(camera_of(np.reshape(row[7:], (3, 4)), lens, (height, width), inverted=True))
    numbers, fps = frames_of_times([row[0] / 1e6 for row in rows], gaps, resolution_s=1e-6)
    return CameraPath(tuple(cameras), numbers, fps)


def _write(path: CameraPath) -> Documents:
    lines = [""]
    for number, camera in zip(path.frame_numbers, path, strict=True):
        k = camera.intrinsics_px
        width, height = camera.image_width, camera.image_height
        lens = [k[0, 0] / width, k[1, 1] / height, k[0, 2] / width, k[1, 2] / height, 0, 0]
        time_us = round(number / path.fps * 1e6)
        lines.append(f"{time_us} {text_of([*lens, *camera.cam_from_world[:3].ravel()])}")
    return {"": ("\n".join(lines) + "\n").encode()}


FORMAT = Format("realestate10k", "RealEstate10K, CameraCtrl and VideoX-Fun text", _matches, _read, _write)
