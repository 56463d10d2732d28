"""COLMAP's text model: `cameras.txt`, `images.txt` and an empty `points3D.txt` in one folder.

`cameras.txt` has `ID MODEL W H params`, `images.txt` two lines an image: `ID QW QX QY QZ TX TY TZ CAMERA NAME`,
cam_from_world in OpenCV axes with the first pixel's centre at 0.5, and the image's 2D points. That second line may be
empty; one point without a 3D partner is written, since some tools stumble over an empty one. Frames are ordered by
the number in the image's name where each has one.
"""

from __future__ import annotations

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
    lines_of,
    numbers_of,
    quaternion_of_rotation,
    rotation_of_quaternion,
    text_of,
)
from .times import name_of_frame, nameable, order_of_names

_CAMERAS, _IMAGES, _POINTS = "cameras.txt", "images.txt", "points3D.txt"


def _matches(documents: Documents) -> bool:
    return bool(_lenses(documents[_CAMERAS]))


def _read(documents: Documents, gaps: Gaps) -> CameraPath:
    return path_of_named(named_cameras(documents), gaps)


def named_cameras(documents: Documents) -> list[tuple[str, Camera]]:
    """The images' names and cameras, in the order of the file. Raises `CameraError`."""
    lenses = _lenses(documents[_CAMERAS])
    images = _images(documents[_IMAGES])
    check_count(len(images))
    found = []
    for parts in images:
        w, x, y, z, *position = numbers_of(" ".join(parts[1:8]), 7)
        if parts[8] not in lenses:
            raise CameraError(f"images.txt names the camera {parts[8][:20]!r}, which cameras.txt does not have")
        lens, size = lenses[parts[8]]
        matrix = np.column_stack([rotation_of_quaternion(w, x, y, z), position])
        found.append((parts[9], camera_of(matrix, lens, size, inverted=True)))
    return found


def path_of_named(named: list[tuple[str, Camera]], gaps: Gaps) -> CameraPath:
    """A path through these cameras, in the order of the numbers in their names. Raises `CameraError`."""
    order, numbers = order_of_names([name for name, _ in named], gaps)
    return CameraPath(tuple(named[index][1] for index in order), numbers, gaps.take_fps())


def _lenses(data: bytes) -> dict[str, tuple[np.ndarray, tuple[int, int]]]:
    lenses = {}
    for line in lines_of(data):
        parts = line.split()
        if not parts or parts[0].startswith("#"):
            continue
        if len(parts) < 5:
            raise CameraError("a line of cameras.txt is ID MODEL WIDTH HEIGHT and the lens")
        params = " ".join(parts[4:])
        if parts[1] == "PINHOLE":
            fx, fy, cx, cy = numbers_of(params, 4)
        elif parts[1] == "SIMPLE_PINHOLE":
            fx, cx, cy = numbers_of(params, 3)
            fy = fx
        else:
            raise CameraError(f"the lens {parts[1][:40]!r} is no pinhole: undistort the images in COLMAP first")
        lenses[parts[0]] = (intrinsics(fx, fy, cx, cy), (int(parts[3]), int(parts[2])))
    return lenses


def _images(data: bytes) -> list[list[str]]:
    """The ten words of each image's first line."""
    images, lines = [], iter(lines_of(data))
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = line.split(maxsplit=9)
        if len(parts) != 10:
            raise CameraError("the first line of an image in images.txt has ten parts")
        images.append(parts)
        next(lines, None)  # its points
    return images


def _write(path: CameraPath) -> Documents:
    ids: dict[str, int] = {}
    images = ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then X Y POINT3D_ID ..."]
    for index, (number, camera) in enumerate(zip(nameable(path.frame_numbers), path, strict=True)):
        lens = text_of(camera.intrinsics_px[[0, 1, 0, 1], [0, 1, 2, 2]].tolist())
        camera_id = ids.setdefault(lens, len(ids) + 1)
        matrix = camera.cam_from_world
        values = text_of([*quaternion_of_rotation(matrix[:3, :3]), *matrix[:3, 3]])
        images += [f"{index + 1} {values} {camera_id} {name_of_frame(number)}", "0.0 0.0 -1"]
    cameras = ["# CAMERA_ID MODEL WIDTH HEIGHT PARAMS"]
    cameras += [f"{id_} PINHOLE {path.image_width} {path.image_height} {lens}" for lens, id_ in ids.items()]
    points = ["# POINT3D_ID X Y Z R G B ERROR IMAGE_ID POINT2D_IDX ..."]
    texts = {_CAMERAS: cameras, _IMAGES: images, _POINTS: points}
    return {name: ("\n".join(lines) + "\n").encode() for name, lines in texts.items()}


FORMAT = Format("colmap", "COLMAP text model", _matches, _read, _write, (_CAMERAS, _IMAGES))
