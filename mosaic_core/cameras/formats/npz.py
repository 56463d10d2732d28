"""`.npz` files of camera formats: a few arrays of finite numbers. `mosaic_core.zips` reads them with distrust."""

from __future__ import annotations

import io

import numpy as np

from ...errors import CameraError
from ...npy import npz_bytes
from ...zips import DamagedZip, ZipReader
from ..path import MAX_FRAMES

__all__ = ["array_of", "member_names", "npz_bytes"]

_MAX_NUMBERS = 16 * MAX_FRAMES


def member_names(data: bytes) -> set[str]:
    """The arrays in the file, by name. Raises `CameraError`."""
    with _opened(data) as archive:
        return {name.removesuffix(".npy") for name in archive.names}


def array_of(data: bytes, name: str) -> np.ndarray:  # float64
    """One array of finite numbers. Raises `CameraError`."""
    with _opened(data) as archive:
        try:
            array = archive.array(f"{name}.npy", at_most=8 * _MAX_NUMBERS + 4096)
        except KeyError as error:
            raise CameraError(f"it has no array {name!r}") from error
        except DamagedZip as error:
            raise CameraError(f"its array {name!r} is damaged: {error}") from error
    if array.dtype.kind == "b" or array.size > _MAX_NUMBERS or not np.isfinite(array).all():
        raise CameraError(f"its array {name!r} is not of finite numbers")
    return array.astype(np.float64)


def _opened(data: bytes) -> ZipReader:
    try:
        return ZipReader(io.BytesIO(data))
    except DamagedZip as error:
        raise CameraError(f"it is not an .npz file: {error}") from error
