"""Spatia's two texts: `w2c.txt`, one JSON matrix a line, and `intrinsics.txt`, `[fx fy cx cy]`.

The matrices are cam_from_world, 3 x 4 or 4 x 4, OpenCV axes; the lens is one for all frames, in image widths (fx, cx)
and heights (fy, cy). Size, frame rate and frame numbers are not in them.
"""

from __future__ import annotations

import numpy as np

from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, intrinsics, json_of, lines_of, numbers_of, text_of

_MATRICES, _LENS = "w2c.txt", "intrinsics.txt"


def _matches(documents: Documents) -> bool:
    return np.shape(json_of(lines_of(documents[_MATRICES])[0].encode())) in ((3, 4), (4, 4))


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    matrices = [json_of(line.encode()) for line in lines_of(documents[_MATRICES]) if line.strip()]
    check_count(len(matrices))
    text = " ".join(lines_of(documents[_LENS]))
    fx, fy, cx, cy = numbers_of(text.replace("[", " ").replace("]", " ").replace(",", " "), 4)
    height, width = gaps.take_size()
    lens = intrinsics(fx * width, fy * height, cx * width, cy * height)
    cameras = tuple(camera_of(matrix, lens, (height, width), inverted=True) for matrix in matrices)
    return CameraPath(cameras, gaps.take_numbers(len(cameras)), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    k = path[0].intrinsics_px
    width, height = path.image_width, path.image_height
    lens = text_of([k[0, 0] / width, k[1, 1] / height, k[0, 2] / width, k[1, 2] / height])
    lines = "".join(f"{camera.cam_from_world.tolist()}\n" for camera in path)
    return {_MATRICES: lines.encode(), _LENS: f"[{lens}]\n".encode()}


FORMAT = Format("spatia", "Spatia w2c.txt and intrinsics.txt", _matches, _read, _write, (_MATRICES, _LENS))
