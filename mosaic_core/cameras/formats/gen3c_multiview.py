"""The cameras of GEN3C's multi-view `.npz`: `w2cs_all` (F, 4, 4) and `Ks_all` (F, 3, 3), the path to generate.

Both are as in `gen3c`: cam_from_world, OpenCV axes, pixels. `Ks_all` may be missing; then the lens of the first
keyframe, `K_key_frames`, serves for all. The keyframes' pictures and depths are the memory's part and not the path's;
as keyframe cameras the first and the last camera of the path are written.
"""

from __future__ import annotations

import numpy as np

from ...errors import CameraError
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count
from .npz import array_of, member_names, npz_bytes


def _matches(documents: Documents) -> bool:
    return "w2cs_all" in member_names(documents[""])


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    data = documents[""]
    matrices = array_of(data, "w2cs_all")
    if matrices.ndim != 3 or matrices.shape[1:] != (4, 4):
        raise CameraError(f"w2cs_all is (frames, 4, 4), got {matrices.shape}")
    check_count(len(matrices))
    if "Ks_all" in member_names(data):
        lenses = array_of(data, "Ks_all")
    else:
        gaps.note("the lens of the first keyframe is taken for all frames")
        lenses = np.broadcast_to(array_of(data, "K_key_frames")[0], (len(matrices), 3, 3))
    if lenses.shape != (len(matrices), 3, 3):
        raise CameraError(f"Ks_all is (frames, 3, 3), got {lenses.shape} for {len(matrices)} frames")
    size = gaps.take_size(near=(2 * lenses[0, 1, 2], 2 * lenses[0, 0, 2]))
    cameras = tuple(camera_of(m, k, size, inverted=True) for m, k in zip(matrices, lenses, strict=True))
    return CameraPath(cameras, gaps.take_numbers(len(cameras)), gaps.take_fps())


def _write(path: CameraPath) -> Documents:
    matrices = np.stack([camera.cam_from_world for camera in path])
    lenses = np.stack([camera.intrinsics_px for camera in path])
    ends = [0, len(path) - 1] if len(path) > 1 else [0]
    arrays = {
        "w2cs_all": matrices,
        "Ks_all": lenses,
        "w2cs_key_frames": matrices[ends],
        "K_key_frames": lenses[ends],
    }
    return {"": npz_bytes(arrays)}


FORMAT = Format("gen3c_multiview", "GEN3C multi-view npz", _matches, _read, _write)
