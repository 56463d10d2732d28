"""COLMAP's binary model: `cameras.bin`, `images.bin` and an empty `points3D.bin`, little-endian.

The same content as the text model (`colmap`), which says the axes. A camera is `i32 id, i32 model, u64 width,
u64 height` and its parameters in f64; an image `i32 id, f64 q[4], f64 t[3], i32 camera`, a name that ends in a zero,
and `u64` 2D points of 24 bytes, which are skipped. Counts are never trusted: every read checks the bytes left.
"""

from __future__ import annotations

import struct

import numpy as np

from ...errors import CameraError
from ..camera import Camera
from ..path import CameraPath
from .base import (
    Documents,
    Format,
    Gaps,
    camera_of,
    check_count,
    intrinsics,
    quaternion_of_rotation,
    rotation_of_quaternion,
)
from .colmap import path_of_named
from .times import name_of_frame, nameable

_CAMERAS, _IMAGES, _POINTS = "cameras.bin", "images.bin", "points3D.bin"
_COUNT, _CAMERA, _IMAGE = struct.Struct("<Q"), struct.Struct("<iiQQ"), struct.Struct("<i7di")
_SIMPLE_PINHOLE, _PINHOLE = 0, 1
_POINT_BYTES = 24

_Lens = tuple[np.ndarray, tuple[int, int]]


class _Cursor:
    """A place in some bytes that never runs past their end."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.at = data, name, 0

    def take(self, layout: struct.Struct) -> tuple:
        self.skip(layout.size)
        return layout.unpack_from(self.data, self.at - layout.size)

    def skip(self, size: int) -> None:
        if size > len(self.data) - self.at:
            raise CameraError(f"{self.name} ends too early")
        self.at += size

    def name_to_zero(self) -> str:
        end = self.data.find(b"\0", self.at, self.at + 4096)
        if end < 0:
            raise CameraError(f"{self.name} holds a name without an end")
        name, self.at = self.data[self.at : end].decode("utf-8", "replace"), end + 1
        return name

    def finish(self) -> None:
        if self.at != len(self.data):
            raise CameraError(f"{self.name} goes on after its last entry")


def _matches(documents: Documents) -> bool:
    return bool(_lenses(documents[_CAMERAS]))


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    return path_of_named(named_cameras(documents), gaps)


def named_cameras(documents: Documents) -> list[tuple[str, Camera]]:
    """The images' names and cameras, in the order of the file. Raises `CameraError`."""
    lenses = _lenses(documents[_CAMERAS])
    cursor = _Cursor(documents[_IMAGES], _IMAGES)
    (count,) = cursor.take(_COUNT)
    check_count(count)
    found = []
    for _ in range(count):
        _, w, x, y, z, tx, ty, tz, camera_id = cursor.take(_IMAGE)
        name = cursor.name_to_zero()
        cursor.skip(cursor.take(_COUNT)[0] * _POINT_BYTES)
        if camera_id not in lenses:
            raise CameraError(f"images.bin names the camera {camera_id}, which cameras.bin does not have")
        lens, size = lenses[camera_id]
        matrix = np.column_stack([rotation_of_quaternion(w, x, y, z), (tx, ty, tz)])
        found.append((name, camera_of(matrix, lens, size, inverted=True)))
    cursor.finish()
    return found


def _lenses(data: bytes) -> dict[int, _Lens]:
    cursor, lenses = _Cursor(data, _CAMERAS), {}
    (count,) = cursor.take(_COUNT)
    check_count(count)
    for _ in range(count):
        camera_id, model, width, height = cursor.take(_CAMERA)
        if model == _PINHOLE:
            fx, fy, cx, cy = cursor.take(struct.Struct("<4d"))
        elif model == _SIMPLE_PINHOLE:
            fx, cx, cy = cursor.take(struct.Struct("<3d"))
            fy = fx
        else:
            raise CameraError(f"the lens model {model} is no pinhole: undistort the images in COLMAP first")
        lenses[camera_id] = (intrinsics(fx, fy, cx, cy), (height, width))
    cursor.finish()
    return lenses


def _write(path: CameraPath) -> Documents:
    ids: dict[tuple[float, ...], int] = {}
    images = [_COUNT.pack(len(path))]
    for index, (number, camera) in enumerate(zip(nameable(path.frame_numbers), path, strict=True)):
        lens = tuple(camera.intrinsics_px[[0, 1, 0, 1], [0, 1, 2, 2]].tolist())
        camera_id = ids.setdefault(lens, len(ids) + 1)
        matrix = camera.cam_from_world
        images.append(_IMAGE.pack(index + 1, *quaternion_of_rotation(matrix[:3, :3]), *matrix[:3, 3], camera_id))
        images.append(name_of_frame(number).encode() + b"\0" + _COUNT.pack(0))
    cameras = [_COUNT.pack(len(ids))]
    for lens, camera_id in ids.items():
        cameras.append(_CAMERA.pack(camera_id, _PINHOLE, path.image_width, path.image_height))
        cameras.append(struct.pack("<4d", *lens))
    return {_CAMERAS: b"".join(cameras), _IMAGES: b"".join(images), _POINTS: _COUNT.pack(0)}


FORMAT = Format("colmap_binary", "COLMAP binary model", _matches, _read, _write, (_CAMERAS, _IMAGES))
