"""SEVA's list of cameras, what its viewer hands to the model: `[{"w2c": 16, "K": 9, "img_wh": [W, H]}, ...]`.

`w2c` is cam_from_world by rows, OpenCV axes, `K` the lens in pixels. SEVA itself keeps the list in memory; this is it
as JSON. Frame rate and frame numbers are not in it.
"""

from __future__ import annotations

import numpy as np

from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, json_bytes, json_of


def _matches(documents: Documents) -> bool:
    return {"w2c", "K", "img_wh"} <= set(json_of(documents[""])[0])


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    entries = json_of(documents[""])
    check_count(len(entries))
    cameras = []
    for entry in entries:
        width, height = entry["img_wh"]
        matrix = np.array(entry["w2c"], dtype=np.float64).reshape(4, 4)
        lens = np.array(entry["K"], dtype=np.float64).reshape(3, 3)
        cameras.append(camera_of(matrix, lens, (height, width), inverted=True))
    return CameraPath(tuple(cameras), gaps.take_numbers(len(cameras)), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    entries = [
        {
            "w2c": camera.cam_from_world.ravel().tolist(),
            "K": camera.intrinsics_px.ravel().tolist(),
            "img_wh": [camera.image_width, camera.image_height],
        }
        for camera in path
    ]
    return {"": json_bytes(entries)}


FORMAT = Format("seva", "SEVA list of cameras", _matches, _read, _write)
