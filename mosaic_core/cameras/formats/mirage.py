"""The cameras of Mirage's `geometry.npz`: `poses_c2w` (N, 4, 4) and `intrinsics` (N, 3, 3), pixels.

The matrices are world_from_cam in OpenCV axes. `processed_size` (height, width) is the size the lens is for,
`frame_indices` the frame numbers, `fps` the rate; all three may be missing, empty or -1. Mirage also needs a depth map
for every camera, which a path does not have: `mosaic_core.memory` writes whole files of that kind.
"""

from __future__ import annotations

import numpy as np

from ...errors import CameraError
from ..path import CameraPath
from .base import Documents, Format, Gaps, camera_of, check_count
from .npz import array_of, member_names, npz_bytes


def _matches(documents: Documents) -> bool:
    return {"poses_c2w", "intrinsics"} <= member_names(documents[""])


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    matrices, lenses = (array_of(documents[""], name) for name in ("poses_c2w", "intrinsics"))
    if matrices.shape[1:] != (4, 4) or lenses.shape != (len(matrices), 3, 3):
        shapes = f"{matrices.shape} and {lenses.shape}"
        raise CameraError(f"poses_c2w is (frames, 4, 4) and intrinsics (frames, 3, 3), got {shapes}")
    check_count(len(matrices))
    size = _size(documents, lenses, gaps)
    fps = _optional(documents, "fps")
    numbers = _optional(documents, "frame_indices")
    cameras = tuple(camera_of(m, k, size) for m, k in zip(matrices, lenses, strict=True))
    if len(numbers) == 0:
        frame_numbers = gaps.take_numbers(len(cameras))
    elif numbers.shape != (len(cameras),) or (np.abs(numbers) > 2**53).any() or (numbers != np.round(numbers)).any():
        raise CameraError("frame_indices are whole numbers, one a camera")
    else:
        frame_numbers = tuple(int(n) for n in numbers)
    return CameraPath(cameras, frame_numbers, float(fps[0]) if len(fps) and fps[0] > 0 else gaps.take_fps())


def _optional(documents: Documents, name: str) -> np.ndarray:  # (n,), empty where it is not there
    return array_of(documents[""], name).ravel() if name in member_names(documents[""]) else np.zeros(0)


def _size(documents: Documents, lenses: np.ndarray, gaps: Gaps) -> tuple[int, int]:
    size = _optional(documents, "processed_size")
    if size.shape == (2,) and (size > 0).all() and (size == np.round(size)).all():
        return int(size[0]), int(size[1])
    return gaps.take_size(near=(2 * lenses[0, 1, 2], 2 * lenses[0, 0, 2]))


def _write(path: CameraPath) -> Documents:
    size = np.array([path.image_height, path.image_width], dtype=np.int64)
    arrays = {
        "poses_c2w": np.stack([camera.world_from_cam for camera in path]),
        "intrinsics": np.stack([camera.intrinsics_px for camera in path]),
        "frame_indices": np.array(path.frame_numbers, dtype=np.int64),
        "original_size": size,
        "processed_size": size,
        "fps": np.array([path.fps]),
    }
    return {"": npz_bytes(arrays)}


FORMAT = Format("mirage", "Mirage geometry.npz", _matches, _read, _write)
