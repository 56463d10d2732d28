"""Matrix-Game 3.5's camera file, which SANA-WM-Bench shares: `extrinsics_c2w` (N, 4, 4) and `intrinsics`.

The matrices are world_from_cam in OpenCV axes and metres. The lens is in pixels of the first image: `fx fy cx cy` a
frame (N, 4), or a matrix a frame (N, 3, 3) or for all (3, 3). Without a size the reader takes twice the principal
point. Frame rate and frame numbers are not in it.
"""

from __future__ import annotations

import numpy as np

from ...errors import CameraError
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count, intrinsics
from .npz import array_of, member_names, npz_bytes


def _matches(documents: Documents) -> bool:
    return {"extrinsics_c2w", "intrinsics"} <= member_names(documents[""])


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    matrices, lenses = (array_of(documents[""], name) for name in ("extrinsics_c2w", "intrinsics"))
    if matrices.ndim != 3 or matrices.shape[1:] != (4, 4):
        raise CameraError(f"extrinsics_c2w is (frames, 4, 4), got {matrices.shape}")
    check_count(len(matrices))
    if lenses.shape == (len(matrices), 4):
        lenses = np.stack([intrinsics(*k) for k in lenses])
    elif lenses.shape == (3, 3):
        lenses = np.broadcast_to(lenses, (len(matrices), 3, 3))
    if lenses.shape != (len(matrices), 3, 3):
        raise CameraError(f"intrinsics is (frames, 4), (frames, 3, 3) or (3, 3), got {lenses.shape}")
    size = gaps.take_size(near=(2 * lenses[0, 1, 2], 2 * lenses[0, 0, 2]))
    cameras = tuple(camera_of(m, k, size) for m, k in zip(matrices, lenses, strict=True))
    return CameraPath(cameras, gaps.take_numbers(len(cameras)), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    matrices = np.stack([camera.world_from_cam for camera in path])
    lenses = np.stack([camera.intrinsics_px[[0, 1, 0, 1], [0, 1, 2, 2]] for camera in path])
    return {"": npz_bytes({"extrinsics_c2w": matrices, "intrinsics": lenses})}


FORMAT = Format("matrix_game", "Matrix-Game camera npz", _matches, _read, _write)
