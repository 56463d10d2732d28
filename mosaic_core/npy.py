"""`.npy` members read with distrust and without a second copy.

`numpy.load` makes room for whatever a header claims before it reads a byte, evaluates the header as Python, and holds
an array twice when it comes out of a zip. Here the header has to have the one form that writers of plain numbers give
it, its shape has to fit the bytes that are there, and the bytes go straight into the array.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

# The four version bytes after the magic, how long the header's length is, and the dictionary as NumPy writes it.
_MAGIC = b"\x93NUMPY"
_LENGTHS = {b"\x01\x00": struct.Struct("<H"), b"\x02\x00": struct.Struct("<I"), b"\x03\x00": struct.Struct("<I")}
_HEADER = re.compile(
    rb"\{'descr': '([<>|=][fiub]\d{1,2})', 'fortran_order': (True|False), 'shape': \(([\d, ]{0,400})\),? ?\}\s*"
)
MAX_HEADER_BYTES = 4096
_BLOCK_BYTES = 1 << 20


def read_npy(stream: BinaryIO, length: int) -> np.ndarray:
    """The array in the next `length` bytes: booleans, integers or floats, C order on return.

    Raises `ValueError` for a header of another form or a shape that does not need exactly these bytes.
    """
    dtype, shape, by_columns, used = _read_header(stream)
    if math.prod(shape) * dtype.itemsize != length - used:
        raise ValueError(f"{math.prod(shape)} numbers of {dtype} do not fit into {length} bytes")
    # Zeroed memory is not taken from the system before it is written to.
    array = np.zeros(shape[::-1] if by_columns else shape, dtype)
    if array.size:
        fill(stream, array)
    return np.ascontiguousarray(array.T) if by_columns else array


def fill(stream: BinaryIO, array: np.ndarray) -> None:
    """Read exactly the array's bytes into it. Raises `ValueError` where the stream ends before."""
    target = array.reshape(-1).view(np.uint8).data
    at = 0
    while at < len(target):
        block = stream.read(min(_BLOCK_BYTES, len(target) - at))
        if not block:
            raise ValueError("it ends too early")
        target[at : at + len(block)] = block
        at += len(block)


def header_of(array: np.ndarray) -> bytes:
    """The bytes before a C-ordered array's own in a `.npy` file; the same for equal arrays."""
    shape = "".join(f"{side}, " for side in array.shape) if array.ndim > 1 else "".join(f"{n}," for n in array.shape)
    text = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': ({shape.removesuffix(', ')}), }}"
    padding = -(len(_MAGIC) + 4 + len(text) + 1) % 64
    return _MAGIC + b"\x01\x00" + struct.pack("<H", len(text) + padding + 1) + text.encode() + b" " * padding + b"\n"


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of a small `.npz`, the same on every run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            data = header_of(array) + np.ascontiguousarray(array).tobytes()
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def _read_header(stream: BinaryIO) -> tuple[np.dtype, tuple[int, ...], bool, int]:
    """Type, shape, whether stored by columns, and how many bytes were read."""
    start = stream.read(len(_MAGIC) + 2)
    length = _LENGTHS.get(start[len(_MAGIC) :])
    if not start.startswith(_MAGIC) or length is None:
        raise ValueError("it is no .npy array")
    packed = stream.read(length.size)
    (size,) = length.unpack(packed) if len(packed) == length.size else (MAX_HEADER_BYTES + 1,)
    match = _HEADER.fullmatch(stream.read(size)) if size <= MAX_HEADER_BYTES else None
    if match is None:
        raise ValueError("its header is not that of an array of numbers")
    try:
        dtype = np.dtype(match[1].decode())
        shape = tuple(int(side) for side in match[3].replace(b" ", b"").split(b",") if side)
    except (TypeError, ValueError) as error:
        raise ValueError("its header is damaged") from error
    if len(shape) > 8 or any(side >= 2**48 for side in shape):
        raise ValueError("its shape is impossible")
    return dtype, shape, match[2] == b"True", len(start) + length.size + size
