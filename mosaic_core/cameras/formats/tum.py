"""TUM's trajectory text, which evo and most SLAM systems write: `timestamp tx ty tz qx qy qz qw` a line, # comments.

The pose is world_from_cam with the quaternion's w last, the timestamp counts seconds. The format does not state camera
axes; x right, y down, z forward are taken, as ORB-SLAM and evo's camera data have them. No lens, no image size.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ...errors import CameraError
from ..path import CameraPath
from .base import (
    Documents,
    Format,
    Gaps,
    camera_of,
    check_count,
    lines_of,
    numbers_of,
    quaternion_of_rotation,
    rotation_of_quaternion,
    text_of,
)
from .times import frames_of_times

_RESOLUTION_S = 1e-6  # what evo and the benchmark's own tools print


def _rows(data: bytes) -> list[list[float]]:
    lines = (line.partition("#")[0] for line in lines_of(data))
    return [numbers_of(line.replace(",", " "), 8) for line in lines if line.strip()]


def _matches(documents: Documents) -> bool:
    row = _rows(documents[""])[0]
    return abs(float(np.linalg.norm(row[4:])) - 1) < 1e-2


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    rows = _rows(documents[""])
    check_count(len(rows))
    if any(later[0] <= earlier[0] for earlier, later in pairwise(rows)):
        raise CameraError("the timestamps of a trajectory rise")
    height, width = gaps.take_size()
    lens = gaps.take_lens(image_height=height, image_width=width)
    cameras = []
    for _, tx, ty, tz, x, y, z, w in rows:
        matrix = np.column_stack([rotation_of_quaternion(w, x, y, z), (tx, ty, tz)])
        cameras.append(camera_of(matrix, lens, (height, width)))
    numbers, fps = frames_of_times([row[0] for row in rows], gaps, resolution_s=_RESOLUTION_S)
    return CameraPath(tuple(cameras), numbers, fps)


def _write(path: CameraPath) -> Documents:
    lines = ["# timestamp tx ty tz qx qy qz qw"]
    for number, camera in zip(path.frame_numbers, path, strict=True):
        w, x, y, z = quaternion_of_rotation(camera.world_from_cam[:3, :3])
        lines.append(f"{number / path.fps:.6f} {text_of([*camera.position_world, x, y, z, w])}")
    return {"": ("\n".join(lines) + "\n").encode()}


FORMAT = Format("tum", "TUM trajectory", _matches, _read, _write)
