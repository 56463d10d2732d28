"""The camera path file Mosaic writes: one JSON, row-major matrices, everything stated in the file itself.

{"format": "mosaic-path", "schema_version": 1, "convention": "...", "fps": 24.0,
 "image_height": 360, "image_width": 640,
 "frames": [{"frame": 1, "world_from_cam": [16 numbers], "intrinsics_px": [9 numbers]}, ...]}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CameraError
from ..files import write_atomically
from .camera import Camera
from .path import CameraPath

SCHEMA_VERSION = 1
CONVENTION = (
    "world_from_cam: OpenCV camera axes (x right, y down, z forward), world right-handed +Z up, metres, "
    "row-major, column vectors; intrinsics in pixels, centre of the first pixel at (0.5, 0.5)"
)


def path_to_json(path: CameraPath) -> dict[str, Any]:
    """The path as plain JSON values."""
    frames = [
        {
            "frame": number,
            "world_from_cam": camera.world_from_cam.ravel().tolist(),
            "intrinsics_px": camera.intrinsics_px.ravel().tolist(),
        }
        for number, camera in zip(path.frame_numbers, path.cameras, strict=True)
    ]
    return {
        "format": "mosaic-path",
        "schema_version": SCHEMA_VERSION,
        "convention": CONVENTION,
        "fps": path.fps,
        "image_height": path.image_height,
        "image_width": path.image_width,
        "frames": frames,
    }


def path_from_json(document: Any) -> CameraPath:
    """The path a JSON document describes. Raises `CameraError` naming the first thing that is wrong."""
    if not isinstance(document, dict) or document.get("format") != "mosaic-path":
        raise CameraError('not a Mosaic camera path: expected {"format": "mosaic-path", ...}')
    version = document.get("schema_version")
    if not isinstance(version, int) or version < 1:
        raise CameraError(f"a camera path's schema_version is a whole number from 1, got {version!r}")
    if version > SCHEMA_VERSION:
        raise CameraError(f"this camera path has schema version {version}, newer than {SCHEMA_VERSION}: update Mosaic")
    try:
        height, width = document["image_height"], document["image_width"]
        cameras, numbers = [], []
        for frame in document["frames"]:
            cameras.append(
                Camera(
                    np.array(frame["intrinsics_px"], dtype=np.float64).reshape(3, 3),
                    np.array(frame["world_from_cam"], dtype=np.float64).reshape(4, 4),
                    height,
                    width,
                )
            )
            numbers.append(int(frame["frame"]))
        return CameraPath(tuple(cameras), tuple(numbers), float(document["fps"]))
    except CameraError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CameraError(f"malformed camera path: {type(error).__name__}: {error}") from error


def save_path(path: CameraPath, file: Path | str) -> None:
    """Write the path file, atomically. Raises `OSError`."""
    text = json.dumps(path_to_json(path), indent=1, allow_nan=False)
    write_atomically(Path(file), text.encode())


def load_path(file: Path | str) -> CameraPath:
    """Read a path file. Raises `CameraError` for a file that is missing or wrong."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CameraError(f"cannot read the camera path {file}: {error}") from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CameraError(f"{file} is not valid JSON: {error}") from error
    return path_from_json(document)
