"""A zip of `.npy` members and JSON, read with distrust: what `.mosaic` and placement files are made of.

Every member's type, shape and checksum stand in a JSON part: `manifest.json`, and one `appended/0001.json`, ... for
each append, which describes what it added. A reader knows from them how many bytes to expect and compares that with
what the zip declares before it unpacks anything, so a hostile file cannot make it allocate more than it says. Members
are read when they are asked for. Nothing is pickled, nothing is extracted to disk, names are never used as paths.

Large arrays of noise (features) are stored as they are; deflating them takes long and saves nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import DTypeLike

from ..errors import MemoryFileError
from ..files import WholeWrites, atomic_writer, exclusive
from ..npy import MAX_HEADER_BYTES, header_of
from ..zip_writer import ZipWriter, committed_state
from ..zips import DamagedZip, Window, ZipReader

MANIFEST = "manifest.json"
# A manifest is text about arrays: far above any real one, far below what would hurt.
MAX_JSON_BYTES = 128 * 2**20
MAX_ARRAY_BYTES = 64 * 2**30
DTYPES = {"bool", "uint8", "uint16", "int32", "int64", "float16", "float32", "float64"}
_STORED = "features/"
_BLOCK_BYTES = 1 << 20

Arrays = Iterable[tuple[str, np.ndarray]]


def write_archive(file: Path, manifest: Mapping[str, Any], arrays: Arrays) -> None:
    """Write arrays and their manifest to `file`, atomically. Raises `MemoryFileError` (folder missing, disk full)."""
    try:
        with atomic_writer(file) as stream:
            _write_part(ZipWriter(cast(BinaryIO, stream)), MANIFEST, manifest, arrays)
    except OSError as error:
        raise MemoryFileError(f"cannot write {file}: {error.strerror or error}") from error


def append_to_archive(archive: ArchiveReader, part: Mapping[str, Any], arrays: Arrays) -> None:
    """Add arrays and the part that describes them behind what `archive` was opened on, leaving all of it as it is.

    A kill at any moment leaves the old state readable. Raises `MemoryFileError`: read-only, disk full (the file is then
    as before), another program appending to it at this moment, or the file no longer being the one that was opened.
    """
    file = archive.file
    try:
        # Unbuffered: what a full disk refused must not be written after all when the file is closed.
        with open(file, "r+b", buffering=0) as raw, exclusive(raw):
            stream = cast(BinaryIO, WholeWrites(raw))
            state = committed_state(stream)
            if state is None or state != archive.state or os.fstat(stream.fileno()).st_ino != archive.inode:
                raise MemoryFileError(f"{file} was changed by another program: open it again")
            end, directory = state
            stream.truncate(end)  # what a killed append left
            stream.seek(end)
            try:
                _write_part(ZipWriter(stream, directory), f"appended/{len(archive.parts):04d}.json", part, arrays)
                os.fsync(stream.fileno())
            except BaseException:
                stream.truncate(end)
                raise
            if os.stat(file).st_ino != archive.inode:
                raise MemoryFileError(f"{file} was replaced by another program while it was appended to")
    except OSError as error:
        raise MemoryFileError(f"cannot append to {file}: {error.strerror or error}") from error


def _write_part(writer: ZipWriter, name: str, part: Mapping[str, Any], arrays: Arrays) -> None:
    members = {}
    for array_name, array in arrays:
        digest = hashlib.sha256()
        with writer.member(f"{array_name}.npy", compressed=not array_name.startswith(_STORED)) as member:
            for block in _blocks(array):
                digest.update(block)
                member.write(block)
        members[array_name] = {"dtype": str(array.dtype), "shape": list(array.shape), "sha256": digest.hexdigest()}
    text = json.dumps({**part, "members": members}, indent=1, allow_nan=False).encode()
    with writer.member(name, compressed=True) as member:
        member.write(text)
    writer.finish()


def _blocks(array: np.ndarray) -> Iterable[bytes | memoryview]:
    """An array's `.npy` bytes, without a copy of them."""
    array = np.ascontiguousarray(array)
    yield header_of(array)
    flat = array.reshape(-1).view(np.uint8)
    yield from (flat[at : at + _BLOCK_BYTES].data for at in range(0, len(flat), _BLOCK_BYTES))


def sha256_of(array: np.ndarray) -> str:
    """The hex SHA-256 of an array's `.npy` bytes, as listed in a part."""
    digest = hashlib.sha256()
    for block in _blocks(array):
        digest.update(block)
    return digest.hexdigest()


class ArchiveReader:
    """An open archive; `array(name)` reads one member, nothing is read ahead. Several threads may read.

    Holds the file open until it is closed or forgotten, so it goes on showing the state it was opened on, whatever is
    appended or renamed over the file. Raises `MemoryFileError` for a file that is missing, truncated, corrupted, too
    new or of another format.
    """

    def __init__(self, file: Path, *, format_name: str, schema_version: int) -> None:
        self.file = file
        try:
            stream = file.open("rb")
        except FileNotFoundError:
            raise MemoryFileError(f"there is no file {file}") from None
        except OSError as error:
            raise MemoryFileError(f"cannot read {file}: {error.strerror or error}") from error
        try:
            self._open(stream, format_name)
            self.parts = [self._part(MANIFEST)]
            self.members: dict[str, dict[str, Any]] = {}
            self._check_format(format_name)
            self._add_part(self.manifest, schema_version)
            while (name := f"appended/{len(self.parts):04d}.json") in self._zip:
                self.parts.append(self._part(name))
                self._add_part(self.parts[-1], schema_version)
        except BaseException:
            stream.close()
            raise

    def _open(self, stream: BinaryIO, format_name: str) -> None:
        try:
            self.inode = os.fstat(stream.fileno()).st_ino
            self.size_bytes = stream.seek(0, os.SEEK_END)
            self.state = committed_state(stream)
            if self.state is None:
                raise DamagedZip("its end is missing")
            self._zip = ZipReader(cast(BinaryIO, Window(stream, self.state[0])))
        except DamagedZip as error:
            raise MemoryFileError(f"{self.file} is not a {format_name} file, or it is truncated: {error}") from error
        except OSError as error:
            raise MemoryFileError(f"cannot read {self.file}: {error.strerror or error}") from error

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing more can be read."""
        self._zip.close()

    @property
    def manifest(self) -> dict[str, Any]:
        """The part the file was first written with."""
        return self.parts[0]

    @property
    def unfinished_bytes(self) -> int:
        """What follows the last complete state: an append that was killed, or that another program is writing."""
        return self.size_bytes - self.state[0] if self.state else 0

    @property
    def dead_bytes(self) -> int:
        """What no reader looks at: directories that later ones have replaced, and unfinished appends."""
        return self.size_bytes - self._zip.live_bytes - len(self.state[1] if self.state else b"")

    def _check_format(self, format_name: str) -> None:
        if self.manifest.get("format") != format_name:
            found = str(self.manifest.get("format"))[:40]
            raise MemoryFileError(f"{self.file} is not a {format_name} file (its format is {found!r})")

    def _part(self, name: str) -> dict[str, Any]:
        try:
            part = json.loads(self._zip.text(name, at_most=MAX_JSON_BYTES))
        except KeyError:
            raise MemoryFileError(f"{self.file} is not complete: {name} is missing") from None
        except (DamagedZip, OSError) as error:
            raise MemoryFileError(f"{self.file} is corrupted: {name}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise MemoryFileError(f"{self.file}: {name} is not valid JSON: {error}") from error
        if not isinstance(part, dict):
            raise MemoryFileError(f"{self.file} is corrupted: {name} is no JSON object")
        return part

    def _add_part(self, part: dict[str, Any], schema_version: int) -> None:
        version = part.get("schema_version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise MemoryFileError(f"{self.file}: schema_version must be a whole number, got {str(version)[:40]}")
        if version > schema_version:
            raise MemoryFileError(
                f"{self.file} has schema version {version}, newer than {schema_version}: update Mosaic"
            )
        members = part.get("members")
        if not isinstance(members, dict) or not all(isinstance(entry, dict) for entry in members.values()):
            raise MemoryFileError(f"{self.file}: the manifest lists no members")
        if members.keys() & self.members.keys():
            raise MemoryFileError(f"{self.file} is corrupted: an append changes what was there")
        self.members |= members

    def shape_of(self, name: str) -> tuple[int, ...]:
        """The listed shape of a member. Raises `MemoryFileError`."""
        return self._listed(name)[1]

    def sha256_of(self, name: str) -> str:
        """The listed checksum of a member. Raises `MemoryFileError`."""
        return str(self._entry(name).get("sha256"))

    def expect(self, name: str, dtype: DTypeLike, shape: tuple[int, ...]) -> None:
        """Raise `MemoryFileError` unless the member is listed with this type and shape."""
        if self._listed(name) != (np.dtype(dtype), shape):
            listed = self._listed(name)
            raise MemoryFileError(f"{self.file} is corrupted: {name} is {listed[0]}{listed[1]}, expected {shape}")

    def array(self, name: str) -> np.ndarray:
        """A member, read-only, checked against its listed type, shape and checksum. Raises `MemoryFileError`."""
        dtype, shape = self._listed(name)
        size = math.prod(shape) * dtype.itemsize
        digest = hashlib.sha256()
        try:
            array = self._zip.array(f"{name}.npy", at_most=size + MAX_HEADER_BYTES, digest=digest)
        except KeyError:
            raise MemoryFileError(f"{self.file} is not complete: {name} is missing") from None
        except (DamagedZip, OSError) as error:
            raise MemoryFileError(f"{self.file} is corrupted: {name}: {error}") from error
        if digest.hexdigest() != self.sha256_of(name):
            raise MemoryFileError(f"{self.file} is corrupted: the checksum of {name} does not match")
        if array.shape != shape or array.dtype != dtype:
            raise MemoryFileError(f"{self.file}: member {name} is {array.dtype}{array.shape}, not as listed")
        array.flags.writeable = False
        return array

    def _entry(self, name: str) -> dict[str, Any]:
        if name not in self.members:
            raise MemoryFileError(f"{self.file} has no member {name}")
        return self.members[name]

    def _listed(self, name: str) -> tuple[np.dtype, tuple[int, ...]]:
        entry = self._entry(name)
        dtype, shape = entry.get("dtype"), entry.get("shape")
        sides_ok = isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape)
        if not isinstance(dtype, str) or dtype not in DTYPES or not isinstance(shape, list) or not sides_ok:
            raise MemoryFileError(f"{self.file}: member {name} has an impossible type or shape")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > MAX_ARRAY_BYTES:
            raise MemoryFileError(f"{self.file}: member {name} claims {size / 2**30:.3g} GiB")
        return np.dtype(dtype), tuple(shape)
