"""`transforms.json`: the frames of nerfstudio, instant-ngp, SEVA, VMem and BlenderNeRF.

Each frame has a `transform_matrix`, world_from_cam in OpenGL axes, and a lens in pixels: the file's, or its own where
lenses differ. The original NeRF files have only `camera_angle_x`, the horizontal field of view in radians. Frames are
ordered by the number in their file name where each has one. `applied_transform` is left alone: the world is the one
the frames are in.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...conventions import swap_camera_axes
from ...errors import CameraError
from ..camera import Camera
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, intrinsics, json_bytes, json_of
from .times import name_of_frame, nameable, order_of_names

_MODELS = {"OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE"}
_DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")


def _matches(documents: Documents) -> bool:
    return "transform_matrix" in json_of(documents[""])["frames"][0]


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    document = json_of(documents[""])
    model = document.get("camera_model", "OPENCV")
    if model not in _MODELS:
        raise CameraError(f"a camera path needs a pinhole camera, got {str(model)[:40]!r}")
    frames = document["frames"]
    check_count(len(frames))
    order, numbers = order_of_names([str(frame.get("file_path", "")) for frame in frames], gaps)
    cameras = []
    for index in order:
        values = {**document, **frames[index]}
        matrix = np.array(frames[index]["transform_matrix"], dtype=np.float64)
        if matrix.shape != (4, 4):
            raise CameraError(f"a transform_matrix is 4 x 4 numbers, got {matrix.shape}")
        lens, size = _lens(values, gaps)
        cameras.append(camera_of(matrix, lens, size, opengl=True))
    return CameraPath(tuple(cameras), numbers, gaps.take_fps())


def _lens(values: dict[str, Any], gaps: Gaps) -> tuple[np.ndarray, tuple[int, int]]:
    if any(values.get(name) for name in _DISTORTION):
        gaps.note("the lens distortion is left out")
    if "fl_x" not in values and "camera_angle_x" not in values:
        size = _size(values, gaps)
        return gaps.take_lens(image_height=size[0], image_width=size[1]), size
    height, width = _size(values, gaps)
    if "fl_x" in values:
        fx = float(values["fl_x"])
    else:
        angle = float(values["camera_angle_x"])
        if not 0 < angle < math.pi:
            degrees = ": it may be in degrees" if math.pi <= angle < 180 else ""
            raise CameraError(f"camera_angle_x lies between 0 and pi radians, got {angle:g}{degrees}")
        fx = width / 2 / math.tan(angle / 2)
    fy, cx, cy = (float(values.get(n, d)) for n, d in (("fl_y", fx), ("cx", width / 2), ("cy", height / 2)))
    return intrinsics(fx, fy, cx, cy), (height, width)


def _size(values: dict[str, Any], gaps: Gaps) -> tuple[int, int]:
    if "w" in values and "h" in values:
        return values["h"], values["w"]
    if "cx" in values and "cy" in values:
        return gaps.take_size(near=(2 * float(values["cy"]), 2 * float(values["cx"])))
    return gaps.take_size()


def _write(path: CameraPath) -> Documents:
    frames, shared = [], _lens_values(path[0])
    one_lens = all(_lens_values(camera) == shared for camera in path)
    for number, camera in zip(nameable(path.frame_numbers), path, strict=True):
        frame: dict[str, Any] = {"file_path": f"images/{name_of_frame(number)}"}
        if not one_lens:
            frame |= _lens_values(camera)
        frame["transform_matrix"] = swap_camera_axes(camera.world_from_cam).tolist()
        frames.append(frame)
    size = {"w": path.image_width, "h": path.image_height}
    return {"": json_bytes({"camera_model": "OPENCV", **shared, **size, "frames": frames})}


def _lens_values(camera: Camera) -> dict[str, float]:
    k = camera.intrinsics_px
    return {"fl_x": float(k[0, 0]), "fl_y": float(k[1, 1]), "cx": float(k[0, 2]), "cy": float(k[1, 2])}


FORMAT = Format("transforms", "transforms.json of nerfstudio, instant-ngp and SEVA", _matches, _read, _write)
