"""Mirage's `geometry.npz`: frames, depth, lenses and cameras in one file, read without pickles.

`depths` (N, H, W) along the camera axis, 0 unknown; `intrinsics` (N, 3, 3) in pixels; `poses_c2w` (N, 4, 4)
world_from_cam in OpenCV axes; `frames` (N or 1, H, W, 3) uint8; optional `masks` (N, H, W), true where the scene is
valid and static, and `fps` (1,). Mirage needs a depth map for every camera, even where only the first frame has a
picture: then only that one is a view. Pictures in a video beside the file are not read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...cameras.formats.base import camera_of
from ...errors import FormatError, MosaicError
from ...files import atomic_writer
from ...images import known_depth
from ...npy import MAX_HEADER_BYTES, header_of
from ...zips import DamagedZip, ZipReader
from ..memory import Memory
from ..view import View
from .base import Known, MemoryFormat, finite_or_zero, imported_view, one_size

_MAX_BYTES = 16 << 30


def _matches(place: Path) -> bool:
    if not place.is_file():
        return False
    with _opened(place) as archive:
        return {"depths.npy", "poses_c2w.npy"} <= set(archive.names)


def _opened(file: Path) -> ZipReader:
    try:
        return ZipReader(file)
    except OSError as error:
        raise FormatError(f"cannot read {file}: {error.strerror or error}") from error


def _read(place: Path, known: Known) -> Iterator[View]:
    with _opened(place) as archive:
        poses, lenses = _array(archive, "poses_c2w", "f", 3), _array(archive, "intrinsics", "f", 3)
        depths = _array(archive, "depths", "f", 3)
        if "frames.npy" not in archive:
            raise FormatError("it holds no frames: put the pictures of clip.mp4 into it as 'frames'")
        frames = _array(archive, "frames", "u", 4)
        masks = _array(archive, "masks", "biuf", 3) if "masks.npy" in archive else None
        fps = known.fps or (float(_array(archive, "fps", "fiu", 1)[0]) if "fps.npy" in archive else None)
    count, size = len(poses), depths.shape[1:]
    shapes = (poses.shape, lenses.shape, depths.shape, frames.shape[1:])
    if not count or shapes != ((count, 4, 4), (count, 3, 3), (count, *size), (*size, 3)) or frames.dtype != np.uint8:
        raise FormatError(f"its arrays do not fit together: {', '.join(map(str, shapes))}")
    if len(frames) not in (1, count) or (masks is not None and masks.shape != depths.shape):
        raise FormatError(f"it has {len(frames)} frames and {count} cameras")
    if len(frames) < count:
        known.note(f"only the first of {count} cameras has a picture, the others are left out")
    if fps is None or not 0 < fps <= 1000:
        fps = 24.0
        known.note("the frame rate is taken to be 24")
    for index, rgb in enumerate(frames):
        camera = camera_of(poses[index], lenses[index].astype(np.float64), (size[0], size[1]))
        z_depth = known_depth(depths[index])
        dynamic = None if masks is None else (masks[index] == 0) & np.isfinite(z_depth)
        yield imported_view(camera, rgb, z_depth, name=f"Frame {index + 1}", time_s=index / fps, dynamic=dynamic)


def _array(archive: ZipReader, name: str, kinds: str, dimensions: int) -> np.ndarray:
    try:
        array = archive.array(f"{name}.npy", at_most=_MAX_BYTES + MAX_HEADER_BYTES)
    except KeyError:
        raise FormatError(f"it has no array {name!r}") from None
    except DamagedZip as error:
        raise FormatError(f"its array {name!r} is damaged: {error}") from error
    if array.dtype.kind not in kinds or array.ndim != dimensions or array.size == 0:
        raise FormatError(f"its array {name!r} is {array.dtype}{array.shape}")
    return array


def _write(memory: Memory, place: Path, known: Known) -> None:
    views = memory.views
    height, width = one_size(views, "geometry.npz")
    columns: dict[str, Any] = {
        "depths": (np.float32, (height, width), (finite_or_zero(v.z_depth) for v in views)),
        "intrinsics": (np.float64, (3, 3), (v.camera.intrinsics_px for v in views)),
        "poses_c2w": (np.float64, (4, 4), (v.camera.world_from_cam for v in views)),
        "frames": (np.uint8, (height, width, 3), (v.rgb for v in views)),
        "masks": (np.bool_, (height, width), (np.isfinite(v.z_depth) & ~v.dynamic for v in views)),
    }
    fps = np.array([known.fps or 24.0])
    try:
        with atomic_writer(place) as stream, zipfile.ZipFile(stream, "w", compresslevel=1) as archive:
            for name, (dtype, shape, items) in columns.items():
                whole = np.broadcast_to(np.zeros((), dtype), (len(views), *shape))  # its header, without its bytes
                with archive.open(_member(name), "w", force_zip64=True) as member:
                    member.write(header_of(whole))
                    for item in items:
                        member.write(np.ascontiguousarray(item, dtype).tobytes())
            archive.writestr(_member("fps"), header_of(fps) + fps.tobytes())
    except OSError as error:
        raise FormatError(f"cannot write {place}: {error.strerror or error}") from error
    except MosaicError as error:
        raise FormatError(str(error)) from error


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


FORMAT = MemoryFormat(
    "mirage",
    "Mirage geometry.npz",
    _matches,
    _read,
    _write,
    (
        "object names and ids are left out",
        "sky becomes unknown depth",
        "times of views, patches, features and history are left out",
    ),
)
