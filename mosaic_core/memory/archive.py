"""A zip of `.npy` members and JSON, read with distrust: what `.mosaic` and placement files are made of.

Every member's type, shape and checksum stand in the manifest. A reader knows from it how many bytes to expect and
compares that with what the zip declares before it unpacks anything, so a hostile file cannot make it allocate more
than it says. Nothing is pickled, nothing is extracted to disk, member names are never used as paths.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MemoryFileError
from ..files import atomic_writer

MANIFEST = "manifest.json"
# A manifest is text about arrays: far above any real one, far below what would hurt.
MAX_JSON_BYTES = 512 * 2**20
MAX_ARRAY_BYTES = 64 * 2**30
_NPY_HEADER_BYTES = 4096
_DTYPES = {"bool", "uint8", "int32", "int64", "float16", "float32", "float64"}
# The zip format starts its calendar here; a fixed time makes equal memories equal files.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)


def write_archive(file: Path, manifest: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays and their manifest to `file`, atomically. Raises `MemoryFileError` (folder missing, disk full)."""
    members = {}
    try:
        with (
            atomic_writer(file) as stream,
            zipfile.ZipFile(stream, "w", compresslevel=1) as archive,
        ):
            for name, array in arrays.items():
                data = _npy_bytes(array)
                members[name] = {
                    "dtype": str(array.dtype),
                    "shape": list(array.shape),
                    "sha256": hashlib.sha256(data).hexdigest(),
                }
                archive.writestr(_member(f"{name}.npy"), data)
            document = {**manifest, "members": members}
            archive.writestr(_member(MANIFEST), json.dumps(document, indent=1, allow_nan=False))
    except OSError as error:
        raise MemoryFileError(f"cannot write {file}: {error.strerror or error}") from error


class ArchiveReader:
    """An open archive. Use as a context manager; `array(name)` reads one member, nothing is read ahead.

    Raises `MemoryFileError` for a file that is missing, truncated, corrupted, too new or of another format.
    """

    def __init__(self, file: Path, *, format_name: str, schema_version: int) -> None:
        self.file = file
        try:
            self._zip = zipfile.ZipFile(file)
        except FileNotFoundError:
            raise MemoryFileError(f"there is no file {file}") from None
        except OSError as error:
            raise MemoryFileError(f"cannot read {file}: {error.strerror or error}") from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise MemoryFileError(f"{file} is not a {format_name} file, or it is truncated: {error}") from error
        try:
            self.manifest = self._checked_manifest(format_name, schema_version)
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._zip.close()

    def _checked_manifest(self, format_name: str, schema_version: int) -> dict[str, Any]:
        try:
            manifest = json.loads(self._bytes(MANIFEST, at_most=MAX_JSON_BYTES))
        except (ValueError, RecursionError) as error:
            raise MemoryFileError(f"{self.file}: the manifest is not valid JSON: {error}") from error
        if not isinstance(manifest, dict) or manifest.get("format") != format_name:
            found = manifest.get("format") if isinstance(manifest, dict) else None
            raise MemoryFileError(f"{self.file} is not a {format_name} file (its format is {found!r})")
        version = manifest.get("schema_version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise MemoryFileError(f"{self.file}: schema_version must be a whole number, got {version!r}")
        if version > schema_version:
            raise MemoryFileError(
                f"{self.file} has schema version {version}, newer than {schema_version}: update Mosaic"
            )
        if not isinstance(manifest.get("members"), dict):
            raise MemoryFileError(f"{self.file}: the manifest lists no members")
        return manifest

    def array(self, name: str) -> np.ndarray:
        """The member `name`, checked against the manifest's type, shape and checksum."""
        entry = self.manifest["members"].get(name)
        if not isinstance(entry, dict):
            raise MemoryFileError(f"{self.file} has no member {name}")
        dtype, shape = entry.get("dtype"), entry.get("shape")
        sides_ok = isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape)
        if dtype not in _DTYPES or not isinstance(shape, list) or not sides_ok:
            raise MemoryFileError(f"{self.file}: member {name} has an impossible type or shape")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > MAX_ARRAY_BYTES:
            raise MemoryFileError(f"{self.file}: member {name} claims {size / 2**30:.0f} GiB")
        data = self._bytes(f"{name}.npy", at_most=size + _NPY_HEADER_BYTES)
        if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
            raise MemoryFileError(f"{self.file} is corrupted: the checksum of {name} does not match")
        try:
            array = np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise MemoryFileError(f"{self.file}: member {name} is not an array: {error}") from error
        if array.shape != tuple(shape) or array.dtype != np.dtype(dtype):
            raise MemoryFileError(f"{self.file}: member {name} is {array.dtype}{array.shape}, not as listed")
        return array

    def _bytes(self, name: str, *, at_most: int) -> bytes:
        try:
            info = self._zip.getinfo(name)
            if info.file_size > at_most:
                raise MemoryFileError(f"{self.file}: {name} is larger than the manifest says")
            with self._zip.open(info) as stream:
                data = stream.read(at_most + 1)
        except KeyError:
            raise MemoryFileError(f"{self.file} is not complete: {name} is missing") from None
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise MemoryFileError(f"{self.file} is corrupted: {name}: {error}") from error
        if len(data) != info.file_size:
            raise MemoryFileError(f"{self.file} is corrupted: {name} has the wrong length")
        return data


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIMESTAMP)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()
