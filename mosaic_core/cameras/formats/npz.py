"""`.npz` files read with distrust: no pickles, and no array larger than the bytes it comes with.

`numpy.load` makes room for whatever a header claims before it reads a byte. Here the header's shape has to fit the
member's real length first, and a member's length is bounded before it is unpacked.
"""

from __future__ import annotations

import io
import math
import tokenize
import warnings
import zipfile
import zlib

import numpy as np

from ...errors import CameraError

_MAX_MEMBER_BYTES = 512 << 20
_NUMBERS = "fiu"


def member_names(data: bytes) -> set[str]:
    """The arrays in the file, by name. Raises `CameraError`."""
    with _opened(data) as archive:
        return {name.removesuffix(".npy") for name in archive.namelist()}


def array_of(data: bytes, name: str) -> np.ndarray:  # float64
    """One array of finite numbers. Raises `CameraError`."""
    with _opened(data) as archive:
        try:
            info = archive.getinfo(f"{name}.npy")
            if info.file_size > _MAX_MEMBER_BYTES:
                raise CameraError(f"its array {name!r} is too large: {info.file_size} bytes")
            with archive.open(info) as stream:
                raw = stream.read(_MAX_MEMBER_BYTES + 1)
        except KeyError as error:
            raise CameraError(f"it has no array {name!r}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise CameraError(f"its array {name!r} is damaged: {error}") from error
    array = _array_of_npy(raw, name)
    if not np.isfinite(array).all():
        raise CameraError(f"its array {name!r} holds NaN or infinity")
    return array


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of an `.npz`, the same on every run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue())
    return buffer.getvalue()


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, OverflowError) as error:
        raise CameraError(f"it is not an .npz file: {error}") from error


def _array_of_npy(raw: bytes, name: str) -> np.ndarray:
    stream = io.BytesIO(raw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a damaged header makes Python's parser remark
            version = np.lib.format.read_magic(stream)
            read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
            if version == (2, 0):
                read_header = np.lib.format.read_array_header_2_0
            if read_header is None:
                raise CameraError(f"its array {name!r} has an unknown version {version}")
            shape, by_columns, dtype = read_header(stream)
    except (
        ValueError,
        SyntaxError,
        tokenize.TokenError,
        TypeError,
        RecursionError,
        MemoryError,
        EOFError,
        OverflowError,
    ) as error:
        raise CameraError(f"its array {name!r} has a damaged header") from error
    body = raw[stream.tell() :]
    if dtype.kind not in _NUMBERS or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(body):
        raise CameraError(f"its array {name!r} is not {shape} numbers")
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if by_columns else "C")
    return array.astype(np.float64)
