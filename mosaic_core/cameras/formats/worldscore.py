"""WorldScore's `camera_data.json`: `{"focal_length": 500, "scale": 1, "cameras": [...], "cameras_interp": [...]}`.

Both lists hold 4 x 4 matrices, world_from_cam in OpenGL axes: the keyframes of the benchmark's moves, and a camera a
frame between them, which is the path. The focal length is in pixels of an image whose size the file does not tell.
"""

from __future__ import annotations

from ...conventions import swap_camera_axes
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, intrinsics, json_bytes, json_of


def _matches(documents: Documents) -> bool:
    return len(json_of(documents[""])["cameras_interp"]) > 0


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    document = json_of(documents[""])
    matrices = document["cameras_interp"]
    check_count(len(matrices))
    size = gaps.take_size()
    if "focal_length" in document:
        focal_px = float(document["focal_length"])
        lens = intrinsics(focal_px, focal_px, size[1] / 2, size[0] / 2)
    else:
        lens = gaps.take_lens(image_height=size[0], image_width=size[1])
    cameras = tuple(camera_of(matrix, lens, size, opengl=True) for matrix in matrices)
    return CameraPath(cameras, gaps.take_numbers(len(cameras)), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    matrices = [swap_camera_axes(camera.world_from_cam).tolist() for camera in path]
    document = {
        "focal_length": float(path[0].intrinsics_px[1, 1]),
        "scale": 1,
        "cameras": matrices[:1] if len(matrices) == 1 else [matrices[0], matrices[-1]],
        "cameras_interp": matrices,
    }
    return {"": json_bytes(document)}


FORMAT = Format("worldscore", "WorldScore camera_data.json", _matches, _read, _write)
