"""LingBot-World's two arrays: `poses.npy` (N, 4, 4) and `intrinsics.npy` (N, 4).

They are ViPE's data without the frame numbers: world_from_cam in OpenCV axes, and `fx fy cx cy` in pixels. Without a
size the reader takes twice the principal point.
"""

from __future__ import annotations

import numpy as np

from ...errors import CameraError
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, intrinsics
from .npy import array_of_npy, npy_bytes

_POSES, _LENSES = "poses.npy", "intrinsics.npy"


def _matches(documents: Documents) -> bool:
    return array_of_npy(documents[_POSES]).shape[1:] == (4, 4)


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    matrices, lenses = (array_of_npy(documents[name]) for name in (_POSES, _LENSES))
    if matrices.shape[1:] != (4, 4) or lenses.shape != (len(matrices), 4):
        raise CameraError(f"poses is (frames, 4, 4) and intrinsics (frames, 4), got {matrices.shape}, {lenses.shape}")
    check_count(len(matrices))
    size = gaps.take_size(near=(2 * lenses[0, 3], 2 * lenses[0, 2]))
    cameras = tuple(camera_of(m, intrinsics(*k), size) for m, k in zip(matrices, lenses, strict=True))
    return CameraPath(cameras, gaps.take_numbers(len(cameras)), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    lenses = np.stack([camera.intrinsics_px[[0, 1, 0, 1], [0, 1, 2, 2]] for camera in path])
    return {_POSES: npy_bytes(np.stack([camera.world_from_cam for camera in path])), _LENSES: npy_bytes(lenses)}


FORMAT = Format("lingbot", "LingBot-World poses.npy and intrinsics.npy", _matches, _read, _write, (_POSES, _LENSES))
