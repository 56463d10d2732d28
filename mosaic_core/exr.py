"""Reads and writes OpenEXR scan lines: single part, every pixel, no or ZIP compression.

That is what Blender writes when asked to, what ViPE packs its depth in, and the plainest way to hand exact depth to any
other program. Neither Blender's Python nor the core's dependencies bring an EXR library, and the format's plain half is
a fixed header and rows of numbers. Format: https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .errors import FormatError

_MAGIC = b"v/1\x01"
_LONG_NAMES = 0x400  # the only version flag accepted: not tiled, not deep, one part
_TYPES = {0: np.dtype("<u4"), 1: np.dtype("<f2"), 2: np.dtype("<f4")}
_LINES_A_BLOCK = {0: 1, 2: 1, 3: 16}  # none, ZIPS, ZIP
_MAX_SIDE_PX, _MAX_ATTRIBUTES, _MAX_CHANNELS = 16384, 1000, 64
_DEFLATE_RATIO = 1032
_BLOCK = struct.Struct("<2i")
_LEVEL = 1  # three times faster than the default


@dataclass(frozen=True)
class _Header:
    channels: list[tuple[str, np.dtype]]  # in the order of the file
    compression: int
    top: int
    height: int
    width: int
    end: int  # where the table of blocks begins


def read_exr(data: bytes) -> dict[str, np.ndarray]:  # channel name -> (H, W) float32, top row first
    """Every channel. Half and whole floats and 32-bit integers become float32. Raises `FormatError`."""
    try:
        header = _header(data)
        line_bytes = header.width * sum(kind.itemsize for _, kind in header.channels)
        if line_bytes * header.height > _DEFLATE_RATIO * len(data):
            raise ValueError(f"{header.width} x {header.height} pixels do not fit into {len(data)} bytes")
        size = (header.height, header.width)
        images = {name: np.zeros(size, np.float32) for name, _ in header.channels}
        lines = _LINES_A_BLOCK[header.compression]
        at, done = header.end + 8 * -(-header.height // lines), np.zeros(header.height, bool)
        while not done.all():
            y, length = _BLOCK.unpack_from(data, at)
            first, at = y - header.top, at + _BLOCK.size
            count = min(lines, header.height - first)
            if not (0 <= first < header.height and first % lines == 0 and 0 <= length <= len(data) - at) or done[first]:
                raise ValueError("a block of lines lies outside the image or the file, or comes twice")
            _put_block(images, header, first, count, _unpacked(data[at : at + length], count * line_bytes, header))
            at += length
            done[first : first + count] = True
        return images
    except (KeyError, ValueError, IndexError, OverflowError, struct.error, zlib.error, UnicodeDecodeError) as error:
        raise FormatError(f"a damaged EXR image, or one of a kind not read here: {_line(error)}") from error


def exr_bytes(
    channels: Mapping[str, np.ndarray],  # (H, W) float16 or float32, all of one size
    *,
    compress: bool = False,
) -> bytes:
    """An image of these channels, as it is or in ZIP blocks. Raises `FormatError` for arrays that do not fit."""
    names = sorted(channels)  # as the format wants them
    height, width = next(iter(channels.values())).shape
    kinds = {np.dtype(np.float16): 1, np.dtype(np.float32): 2}
    if any(a.shape != (height, width) or a.dtype not in kinds for a in channels.values()) or not height * width:
        raise FormatError("the channels of an EXR image are float16 or float32 and of one size")
    listed = b"".join(
        name.encode() + b"\0" + struct.pack("<iIii", kinds[channels[name].dtype], 0, 1, 1) for name in names
    )
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    compression = 3 if compress else 0
    header = _MAGIC + struct.pack("<I", 2)
    for name, kind, value in (
        (b"channels", b"chlist", listed + b"\0"),
        (b"compression", b"compression", bytes([compression])),
        (b"dataWindow", b"box2i", window),
        (b"displayWindow", b"box2i", window),
        (b"lineOrder", b"lineOrder", b"\0"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        (b"screenWindowCenter", b"v2f", struct.pack("<2f", 0, 0)),
        (b"screenWindowWidth", b"float", struct.pack("<f", 1)),
    ):
        header += name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
    header += b"\0"
    lines = np.zeros(height, [(name, channels[name].dtype.newbyteorder("<"), (width,)) for name in names])
    for name in names:
        lines[name] = channels[name]
    step = _LINES_A_BLOCK[compression]
    blocks = [lines[y : y + step].tobytes() for y in range(0, height, step)]
    blocks = [_packed(block) for block in blocks] if compress else blocks
    sizes = [_BLOCK.size + len(block) for block in blocks]
    start = len(header) + 8 * len(blocks)
    offsets = np.cumsum([start, *sizes[:-1]]).astype("<u8").tobytes()
    return header + offsets + b"".join(_BLOCK.pack(i * step, len(b)) + b for i, b in enumerate(blocks))


def _header(data: bytes) -> _Header:
    (flags,) = struct.unpack_from("<I", data, 4)
    if data[:4] != _MAGIC or (flags & ~0xFF) & ~_LONG_NAMES:
        raise ValueError("not a single-part scan line OpenEXR file")
    attributes, position = {}, 8
    while data[position]:
        name_end = data.index(b"\0", position, position + 256)
        kind_end = data.index(b"\0", name_end + 1, name_end + 257)
        (size,) = struct.unpack_from("<i", data, kind_end + 1)
        start = kind_end + 5
        if not 0 <= size <= len(data) - start or len(attributes) > _MAX_ATTRIBUTES:
            raise ValueError("its header is damaged")
        attributes[data[position:name_end]] = data[start : start + size]
        position = start + size
    left, top, right, bottom = struct.unpack("<4i", attributes[b"dataWindow"])
    height, width, compression = bottom - top + 1, right - left + 1, attributes[b"compression"][0]
    if not (1 <= height <= _MAX_SIDE_PX and 1 <= width <= _MAX_SIDE_PX):
        raise ValueError(f"an image has 1 .. {_MAX_SIDE_PX} pixels a side, got {width} x {height}")
    if compression not in _LINES_A_BLOCK:
        raise ValueError("it is compressed in a way that is not read here: save it with ZIP or without compression")
    return _Header(_channels(attributes[b"channels"]), compression, top, height, width, position + 1)


def _channels(value: bytes) -> list[tuple[str, np.dtype]]:
    found, position = [], 0
    while value[position]:
        end = value.index(b"\0", position)
        kind, _linear, x_step, y_step = struct.unpack_from("<iIii", value, end + 1)
        if kind not in _TYPES or (x_step, y_step) != (1, 1) or len(found) >= _MAX_CHANNELS:
            raise ValueError("expected numbers at every pixel, in a few channels")
        found.append((value[position:end].decode(), _TYPES[kind]))
        position = end + 17
    if not found or len({name for name, _ in found}) < len(found):
        raise ValueError("expected channels of different names")
    return found


def _unpacked(block: bytes, size: int, header: _Header) -> bytes:
    """The lines of a block. ZIP stores differences, even and odd bytes apart, and leaves what does not shrink alone."""
    if header.compression == 0 or len(block) >= size:
        if len(block) != size:
            raise ValueError("a block of lines has the wrong length")
        return block
    packed = zlib.decompressobj().decompress(block, size)
    if len(packed) != size:
        raise ValueError("a block of lines has the wrong length")
    bytes_ = np.frombuffer(packed, np.uint8).copy()
    bytes_[1:] -= np.uint8(128)
    bytes_ = np.cumsum(bytes_, dtype=np.uint8)
    lines, half = np.zeros(size, np.uint8), (size + 1) // 2
    lines[::2], lines[1::2] = bytes_[:half], bytes_[half:]
    return lines.tobytes()


def _packed(lines: bytes) -> bytes:
    """The way back; lines that do not shrink stay as they are."""
    plain = np.frombuffer(lines, np.uint8)
    bytes_ = np.concatenate([plain[::2], plain[1::2]])
    bytes_[1:] = np.diff(bytes_) + np.uint8(128)
    packed = zlib.compress(bytes_.tobytes(), _LEVEL)
    return packed if len(packed) < len(lines) else lines


def _put_block(images: dict[str, np.ndarray], header: _Header, first: int, count: int, block: bytes) -> None:
    line = np.dtype([(name, kind, (header.width,)) for name, kind in header.channels])
    lines = np.frombuffer(block, line, count=count)
    with np.errstate(invalid="ignore"):  # a signalling NaN stays a NaN
        for name, _ in header.channels:
            images[name][first : first + count] = lines[name]


def _line(error: Exception) -> str:
    text = f"it has no {error}" if isinstance(error, KeyError) else str(error)
    return " ".join(text.split())[:200]
