"""ViPE's two `.npz`: `pose.npz` {data (N, 4, 4), inds} and `intrinsics.npz` {data (N, 4), inds}.

The matrices are world_from_cam in OpenCV axes, the lens `fx fy cx cy` in pixels, `inds` the frame numbers. Mirage's
training folders keep the same two files. Without a size the reader takes twice the principal point.
"""

from __future__ import annotations

import numpy as np

from ...errors import CameraError
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, intrinsics
from .npz import array_of, member_names, npz_bytes

_POSES, _LENSES = "pose.npz", "intrinsics.npz"


def _matches(documents: Documents) -> bool:
    return all({"data", "inds"} <= member_names(documents[name]) for name in (_POSES, _LENSES))


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    matrices, lenses = (array_of(documents[name], "data") for name in (_POSES, _LENSES))
    numbers, lens_numbers = (array_of(documents[name], "inds") for name in (_POSES, _LENSES))
    if matrices.shape[1:] != (4, 4) or lenses.shape != (len(matrices), 4):
        raise CameraError(f"data is (frames, 4, 4) and (frames, 4), got {matrices.shape} and {lenses.shape}")
    check_count(len(matrices))
    if numbers.shape != (len(matrices),) or not np.array_equal(numbers, lens_numbers):
        raise CameraError("pose.npz and intrinsics.npz speak of different frames")
    if np.abs(numbers).max() > 2**53 or (numbers != np.round(numbers)).any():
        raise CameraError("the frame numbers in inds are whole numbers")
    size = gaps.take_size(near=(2 * lenses[0, 3], 2 * lenses[0, 2]))
    cameras = tuple(camera_of(m, intrinsics(*k), size) for m, k in zip(matrices, lenses, strict=True))
    return CameraPath(cameras, tuple(int(n) for n in numbers), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    inds = np.array(path.frame_numbers, dtype=np.int64)
    matrices = np.stack([camera.world_from_cam for camera in path])
    lenses = np.stack([camera.intrinsics_px[[0, 1, 0, 1], [0, 1, 2, 2]] for camera in path])
    return {
        _POSES: npz_bytes({"data": matrices, "inds": inds}),
        _LENSES: npz_bytes({"data": lenses, "inds": inds}),
    }


FORMAT = Format("vipe", "ViPE pose.npz and intrinsics.npz", _matches, _read, _write, (_POSES, _LENSES))
