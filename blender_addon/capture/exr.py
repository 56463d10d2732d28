"""Reads the OpenEXR files that Blender writes without compression.

Blender's Python has no EXR library, its image datablocks show no passes of a multi-layer file, and the compositor, the
usual way around, has another API in each version. Uncompressed scan lines are a fixed header and plain floats, the same
in 4.2 .. 5.2. Format: https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from mosaic_core.errors import CaptureError

_MAGIC = b"v/1\x01"
_LONG_NAMES = 0x400  # the only version flag we accept: not tiled, not deep, one part
_FLOAT32 = 2


def read_exr(file: Path) -> dict[str, np.ndarray]:  # channel name -> (H, W) float32, top row first
    """Every channel of an uncompressed single-part 32-bit file. Raises `CaptureError` for anything else."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CaptureError(f"Blender's render {file.name} cannot be read back: {error}") from error
    try:
        attributes, table_start = _header(data)
        channels = _channel_names(attributes[b"channels"])
        left, top, right, bottom = struct.unpack("<4i", attributes[b"dataWindow"])
        if attributes[b"compression"] != b"\0" or attributes[b"lineOrder"] != b"\0":
            raise ValueError("compressed or unordered lines")
        height, width = bottom - top + 1, right - left + 1
        # Each line: its number, its size, then one run of floats a channel, in the channels' order.
        line = np.dtype([("y", "<i4"), ("size", "<i4"), ("values", "<f4", (len(channels), width))])
        lines = np.frombuffer(data, line, count=height, offset=table_start + 8 * height)
    except (KeyError, ValueError, IndexError, struct.error) as error:
        raise CaptureError(f"Blender's render {file.name} is damaged or of an unexpected kind: {error}") from error
    return {name: lines["values"][:, index].astype(np.float32) for index, name in enumerate(channels)}


def _header(data: bytes) -> tuple[dict[bytes, bytes], int]:
    """The attributes' values by name, and where the header ends."""
    (flags,) = struct.unpack_from("<I", data, 4)
    if data[:4] != _MAGIC or (flags & ~0xFF) & ~_LONG_NAMES:
        raise ValueError("not a single-part scan line OpenEXR file")
    attributes, position = {}, 8
    while data[position]:
        name_end = data.index(b"\0", position)
        kind_end = data.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<i", data, kind_end + 1)
        start = kind_end + 5
        attributes[data[position:name_end]] = data[start : start + size]
        position = start + size
    return attributes, position + 1


def _channel_names(value: bytes) -> list[str]:
    names, position = [], 0
    while value[position]:
        end = value.index(b"\0", position)
        kind, _linear, x_step, y_step = struct.unpack_from("<iIii", value, end + 1)
        if (kind, x_step, y_step) != (_FLOAT32, 1, 1):
            raise ValueError("expected 32-bit floats at every pixel")
        names.append(value[position:end].decode())
        position = end + 17
    return names
