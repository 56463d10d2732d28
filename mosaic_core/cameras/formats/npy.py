"""A single `.npy` array of a camera format, read by the same distrustful code as the members of an `.npz`."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from .npz import array_of


def array_of_npy(data: bytes) -> np.ndarray:  # float64
    """The array of finite numbers in these bytes. Raises `CameraError`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("array.npy", data)
    return array_of(archive.getvalue(), "array")


def npy_bytes(array: np.ndarray) -> bytes:
    """An array as the bytes of a `.npy`."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return stream.getvalue()
