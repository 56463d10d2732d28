"""Matrix-Game 3.5's camera `.npz`: `extrinsics_c2w` (N, 4, 4) and `intrinsics`.

The matrices are world_from_cam in OpenCV axes and metres. The lens is `fx fy cx cy` (N, 4), or a matrix (3, 3) or
(N, 3, 3), in pixels of the anchor image, whose size is not in the file: without one the reader takes twice the
principal point. Frame rate and frame numbers are not in it either.
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
    count = len(matrices)
    if matrices.shape[1:] != (4, 4) or lenses.shape not in ((count, 4), (count, 3, 3), (3, 3)):
        raise CameraError(
            f"extrinsics_c2w is (frames, 4, 4) and intrinsics (frames, 4), got {matrices.shape}, {lenses.shape}"
        )
    check_count(count)
    if lenses.shape == (count, 4):
        lenses = np.stack([intrinsics(*values) for values in lenses])
    lenses = np.broadcast_to(lenses, (count, 3, 3))
    size = gaps.take_size(near=(2 * lenses[0, 1, 2], 2 * lenses[0, 0, 2]))
    cameras = tuple(camera_of(m, k, size) for m, k in zip(matrices, lenses, strict=True))
    return CameraPath(cameras, gaps.take_numbers(count), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    matrices = np.stack([camera.world_from_cam for camera in path])
    lenses = np.stack([camera.intrinsics_px[[0, 1, 0, 1], [0, 1, 2, 2]] for camera in path])
    return {"": npz_bytes({"extrinsics_c2w": matrices, "intrinsics": lenses})}


FORMAT = Format("matrix_game", "Matrix-Game camera.npz", _matches, _read, _write)
