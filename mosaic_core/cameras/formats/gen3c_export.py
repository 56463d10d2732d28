"""What "Export cameras" of GEN3C's viewer writes: `{"cameras": [{"start", "end"}], "resolution", "fps", ...}`.

A frame has a matrix where its exposure starts and one where it ends, three rows of four numbers (some versions write
them as four columns of three), OpenCV axes, in the same turned and scaled world as `instant_ngp`. A checkbox there
chooses between world_from_cam and cam_from_world and leaves no trace in the file; the reader takes world_from_cam, and
`mosaic path --check` names the other. The start is read, and written twice. The lens is not in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import CameraError
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, json_bytes, json_of
from .instant_ngp import NGP_FROM_WORLD, NGP_OFFSET, NGP_SCALE


def _matches(documents: Documents) -> bool:
    return "start" in json_of(documents[""])["cameras"][0]


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    document = json_of(documents[""])
    frames = document["cameras"]
    check_count(len(frames))
    if "resolution" in document:
        width, height = document["resolution"]
    else:
        height, width = gaps.take_size()
    lens = gaps.take_lens(image_height=height, image_width=width)
    cameras = tuple(camera_of(_matrix(frame["start"]), lens, (height, width)) for frame in frames)
    fps = float(document["fps"]) if "fps" in document else gaps.take_fps()
    return CameraPath(cameras, gaps.take_numbers(len(cameras)), fps)


def _matrix(rows: Any) -> np.ndarray:  # (3, 4) world_from_cam
    matrix = np.array(rows, dtype=np.float64)
    if matrix.shape == (4, 3):
        matrix = matrix.T
    if matrix.shape != (3, 4):
        raise CameraError(f"a camera's matrix is 3 rows of 4 numbers, got {matrix.shape}")
    turned = NGP_FROM_WORLD.T @ matrix
    turned[:, 3] = NGP_FROM_WORLD.T @ ((matrix[:, 3] - NGP_OFFSET) / NGP_SCALE)
    return turned


def _write(path: CameraPath) -> Documents:
    cameras = []
    for camera in path:
        matrix = NGP_FROM_WORLD @ camera.world_from_cam[:3]
        matrix[:, 3] = matrix[:, 3] * NGP_SCALE + NGP_OFFSET
        cameras.append({"start": matrix.tolist(), "end": matrix.tolist()})
    document = {
        "cameras": cameras,
        "resolution": [path.image_width, path.image_height],
        "duration_seconds": len(path) / path.fps,
        "fps": path.fps,
        "spp": 1,
        "quality": 10,
        "shutter_fraction": 0.0,
    }
    return {"": json_bytes(document)}


FORMAT = Format("gen3c_export", "cameras exported by GEN3C's viewer", _matches, _read, _write)
