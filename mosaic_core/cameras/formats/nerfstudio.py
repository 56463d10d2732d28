"""nerfstudio's `camera_path.json`: what its viewer exports and `ns-render camera-path` takes.

`camera_path` holds a row-major world_from_cam in OpenGL axes, a vertical field of view in degrees and the aspect for
each frame; pixels are square and the principal point is the image's middle. The reader there uses only `camera_path`
and the render size, so keyframes are written for the first and the last frame. A keyframe's matrix is a string of 16
numbers by columns.
"""

from __future__ import annotations

import json
import math

import numpy as np

from ...conventions import swap_camera_axes
from ...errors import CameraError
from ..camera import Camera
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, intrinsics, json_bytes, json_of


def _matches(documents: Documents) -> bool:
    return isinstance(json_of(documents[""])["camera_path"], list)


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    document = json_of(documents[""])
    kind = document.get("camera_type", "perspective")
    if kind != "perspective":
        raise CameraError(f"a camera path needs a perspective camera, got {str(kind)[:40]!r}")
    frames = document["camera_path"]
    check_count(len(frames))
    size = _size(document, gaps)
    cameras = []
    for frame in frames:
        matrix = np.array(frame["camera_to_world"], dtype=np.float64).reshape(4, 4)
        fov_deg = float(frame["fov"])
        if not 0 < fov_deg < 180:
            raise CameraError(f"a field of view lies between 0 and 180 degrees, got {fov_deg:g}")
        focal_px = size[0] / 2 / math.tan(math.radians(fov_deg) / 2)
        lens = intrinsics(focal_px, focal_px, size[1] / 2, size[0] / 2)
        cameras.append(camera_of(matrix, lens, size, opengl=True))
    fps = float(document["fps"]) if "fps" in document else gaps.take_fps()
    return CameraPath(tuple(cameras), gaps.take_numbers(len(cameras)), fps)


def _size(document: dict, gaps: Gaps) -> tuple[int, int]:
    if "render_height" in document and "render_width" in document:
        return document["render_height"], document["render_width"]
    return gaps.take_size()


def _write(path: CameraPath) -> Documents:
    aspect = path.image_width / path.image_height
    ends = [path[0], path[-1]] if len(path) > 1 else [path[0]]
    times = np.linspace(0, 1, len(ends))
    document = {
        "keyframes": [_keyframe(c, i, float(t), aspect) for i, (c, t) in enumerate(zip(ends, times, strict=True))],
        "camera_type": "perspective",
        "render_height": path.image_height,
        "render_width": path.image_width,
        "camera_path": [
            {
                "camera_to_world": swap_camera_axes(camera.world_from_cam).ravel().tolist(),
                "fov": _fov_deg(camera),
                "aspect": aspect,
            }
            for camera in path
        ],
        "fps": path.fps,
        "seconds": len(path) / path.fps,
        "smoothness_value": 0,
        "is_cycle": False,
    }
    return {"": json_bytes(document)}


def _keyframe(camera: Camera, index: int, time: float, aspect: float) -> dict:
    fov_deg = _fov_deg(camera)
    by_columns = swap_camera_axes(camera.world_from_cam).T.ravel().tolist()
    properties = [["FOV", fov_deg], ["NAME", f"Camera {index}"], ["TIME", time]]
    return {"matrix": json.dumps(by_columns), "fov": fov_deg, "aspect": aspect, "properties": json.dumps(properties)}


def _fov_deg(camera: Camera) -> float:
    """Vertical."""
    return math.degrees(2 * math.atan(camera.image_height / 2 / camera.intrinsics_px[1, 1]))


FORMAT = Format("nerfstudio", "nerfstudio camera_path.json", _matches, _read, _write)
