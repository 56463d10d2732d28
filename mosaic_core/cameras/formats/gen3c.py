"""GEN3C's `camera.npz`: `w2c` (T, 4, 4), cam_from_world in OpenCV axes, and `intrinsics` (T, 3, 3) in pixels.

It has no image size, frame rate or frame numbers. Without a size the reader takes twice the principal point, which is
the size of every camera without a lens shift.
"""

from __future__ import annotations

import numpy as np

from ...errors import CameraError
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count
from .npz import array_of, member_names, npz_bytes


def _matches(documents: Documents) -> bool:
    return {"w2c", "intrinsics"} <= member_names(documents[""])


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    matrices, lenses = (array_of(documents[""], name) for name in ("w2c", "intrinsics"))
    if matrices.shape[1:] != (4, 4) or lenses.shape != (len(matrices), 3, 3):
        raise CameraError(f"w2c is (frames, 4, 4) and intrinsics (frames, 3, 3), got {matrices.shape}, {lenses.shape}")
    check_count(len(matrices))
    size = gaps.take_size(near=(2 * lenses[0, 1, 2], 2 * lenses[0, 0, 2]))
    cameras = tuple(camera_of(m, k, size, inverted=True) for m, k in zip(matrices, lenses, strict=True))
    return CameraPath(cameras, gaps.take_numbers(len(cameras)), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    matrices = np.stack([camera.cam_from_world for camera in path])
    return {"": npz_bytes({"w2c": matrices, "intrinsics": np.stack([camera.intrinsics_px for camera in path])})}


FORMAT = Format("gen3c", "GEN3C camera.npz", _matches, _read, _write)
