"""Zip files of others, opened and read with distrust: what `.mosaic`, `.npz` and packed depth maps share.

`zipfile` reads any length a file claims and knows compressions that ask for gigabytes to unpack a few bytes. Here the
directory is bounded, members are stored or deflated, and no member may claim more than its compressed bytes can give.
Nothing is extracted to disk, and member names are never used as paths.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from .npy import read_npy

# A directory entry is some 80 bytes and becomes an object of some 600: 200 000 members are far above any real file.
MAX_DIRECTORY_BYTES = 16 << 20
# Deflate gives at most 1032 bytes for one; text of any use does not come near a hundredth of its size.
_DEFLATE_RATIO, _TEXT_RATIO, _FREE_BYTES = 1032, 100, 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END_BYTES = 22 + 65535
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    UnicodeError,
)


class DamagedZip(ValueError):
    """A zip, or a member of one, that is not what it claims to be; says what is wrong."""


class Window(io.RawIOBase):
    """The first `length` bytes of a stream, as if it ended there."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        super().__init__()
        self._stream, self._length, self._at = stream, length, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, at or after the start. Raises `ValueError` for one before it."""
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        if place < 0:
            raise ValueError(f"there is nothing at {place}")
        self._at = place
        return place

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all that is left with -1."""
        left = max(self._length - self._at, 0)
        self._stream.seek(self._at)
        data = self._stream.read(left if size is None or size < 0 else min(size, left))
        self._at += len(data)
        return data

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
        super().close()


class ZipReader:
    """An open zip; use as a context manager, or let it close with its last user. Several threads may read from it.

    Raises `OSError` where the file cannot be opened and `DamagedZip` where it is no zip, here and in every method.
    """

    _stream: BinaryIO | None = None

    def __init__(self, source: Path | BinaryIO) -> None:
        stream = self._stream = source.open("rb") if isinstance(source, Path) else source
        try:
            with _damage():
                _check_directory(stream)
                self._zip = zipfile.ZipFile(stream)
        except BaseException:
            stream.close()
            raise

    def __enter__(self) -> ZipReader:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Whoever reads lazily cannot say when the last array has been asked for.
        if self._stream is not None:
            self._stream.close()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        if self._stream is not None:
            self._stream.close()

    @property
    def names(self) -> list[str]:
        """The members, in the order they were written."""
        return self._zip.namelist()

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def size_of(self, name: str) -> int:
        """How many bytes a member claims to hold. Raises `KeyError`."""
        return self._zip.getinfo(name).file_size

    @property
    def live_bytes(self) -> int:
        """What the members take in the file, headers left aside."""
        return sum(info.compress_size for info in self._zip.infolist())

    def text(self, name: str, *, at_most: int) -> bytes:
        """A member of text of `at_most` bytes; refused where it shrinks like no real text. Raises `KeyError`."""
        return self._read(self._checked(name, at_most, _TEXT_RATIO))

    def blob(self, name: str, *, at_most: int) -> bytes:
        """A member of any kind, of `at_most` bytes. Raises `KeyError`."""
        return self._read(self._checked(name, at_most, _DEFLATE_RATIO))

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        with _damage(), self._zip.open(info) as stream:
            pieces = []
            while block := stream.read(_FREE_BYTES):
                pieces.append(block)
        data = b"".join(pieces)
        if len(data) != info.file_size:
            raise DamagedZip(f"{info.filename} has the wrong length")
        return data

    def array(self, name: str, *, at_most: int, digest: Any = None) -> np.ndarray:
        """A `.npy` member; its bytes go through `digest.update` where one is given. Raises `KeyError`."""
        info = self._checked(name, at_most, _DEFLATE_RATIO)
        try:
            with _damage(), self._zip.open(info) as stream:
                tapped = _Tapped(stream, digest) if digest is not None else stream
                array = read_npy(tapped, info.file_size)  # type: ignore[arg-type]
                if stream.read(1):
                    raise DamagedZip(f"{name} is longer than it says")
        except MemoryError as error:
            raise DamagedZip(f"{name} does not fit into memory: it holds {info.file_size} bytes") from error
        return array

    def _checked(self, name: str, at_most: int, ratio: int) -> zipfile.ZipInfo:
        info = self._zip.getinfo(name)
        if info.compress_type not in _METHODS:
            raise DamagedZip(f"{name} is compressed in a way that is not read here")
        if info.file_size > at_most:
            raise DamagedZip(f"{name} is too large: {info.file_size} bytes")
        if info.file_size > ratio * info.compress_size + _FREE_BYTES:
            raise DamagedZip(f"{name} claims {info.file_size} bytes out of {info.compress_size}")
        return info


class _Tapped:
    """A stream whose bytes a digest sees as they are read."""

    def __init__(self, stream: IO[bytes], digest: Any) -> None:
        self._stream, self._digest = stream, digest

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        return data


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    """Turn whatever `zipfile` and the readers of arrays raise for bad bytes into `DamagedZip`."""
    try:
        yield
    except DamagedZip:
        raise
    except _DAMAGE as error:
        raise DamagedZip(" ".join(str(error).split())[:200] or type(error).__name__) from error


def _check_directory(stream: BinaryIO) -> None:
    """Refuse a directory too large to be real, before it becomes objects."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - _END_BYTES, 0))
    tail = stream.read(_END_BYTES)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise DamagedZip("it is no zip, or its end is missing")
    (claimed,) = struct.unpack_from("<I", tail, at + 12)
    if claimed == 0xFFFFFFFF:  # a large zip: the true size stands in another record before this one
        wide = tail.rfind(b"PK\6\6", 0, at)
        claimed = struct.unpack_from("<Q", tail, wide + 40)[0] if 0 <= wide <= at - 48 else MAX_DIRECTORY_BYTES + 1
    if claimed > min(MAX_DIRECTORY_BYTES, size):
        raise DamagedZip(f"its directory claims {claimed} bytes")
    stream.seek(0)
