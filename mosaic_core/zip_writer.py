"""Zip files that grow at their end, and whose last complete state survives a kill at any moment.

An append leaves every byte that is there: new members go after the file's end, then a whole new directory. Readers look
for the directory from the end of the file backwards, so until the new one's last byte is written they find the old one;
what follows it is an unfinished append and is cut off by the next. The end record carries the directory's checksum in
its comment, so that neither a half-written directory nor bytes that look like one can be taken for it.

The members are on the disk (fsync) before the directory is begun. The old directories stay behind as dead bytes.
`zipfile` cannot do this: it overwrites the old directory first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from .zips import MAX_DIRECTORY_BYTES

_LOCAL = struct.Struct("<4s5HIIIHH")
_CENTRAL = struct.Struct("<4sHH4HIIIHHHHHII")
_END = struct.Struct("<4s4HIIH")
_WIDE_END, _WIDE_LOCATOR = struct.Struct("<4sQHHIIQQQQ"), struct.Struct("<4sIQI")
_VERSION, _UTF8, _DEFLATED, _STORED = 45, 0x800, 8, 0
_DATE = 0x21  # 1980-01-01, where the format's calendar starts: equal contents make equal files
_MODE = 0o644 << 16
_FULL = 0xFFFFFFFF
_TAG = b"directory sha256 "
_BLOCK_BYTES = 1 << 20
# Each candidate costs reading its directory: a file that holds many more of them was made to waste time.
_MAX_CANDIDATES = 64


class ZipWriter:
    """Adds members to a stream, from its position on. `directory` holds the entries that are there already."""

    def __init__(self, stream: BinaryIO, directory: bytes = b"") -> None:
        self._stream = stream
        self._directory = bytearray(directory)
        self._count = _entry_count(directory) or 0

    @contextlib.contextmanager
    def member(self, name: str, *, compressed: bool) -> Iterator[_Member]:
        """A new member; what is written to it in the block is its content."""
        encoded, offset = name.encode(), self._stream.tell()
        method = _DEFLATED if compressed else _STORED
        self._stream.write(_local_header(encoded, method, 0, 0, 0))
        member = _Member(self._stream, compressed)
        yield member
        member.finish()
        end = self._stream.tell()
        self._stream.seek(offset)
        self._stream.write(_local_header(encoded, method, member.crc, member.written, member.size))
        self._stream.seek(end)
        wide, sizes = b"", []
        for value in (member.size, member.written, offset):
            wide += struct.pack("<Q", value) if value >= _FULL else b""
            sizes.append(min(value, _FULL))
        extra = struct.pack("<HH", 1, len(wide)) + wide if wide else b""
        fixed = (0, _DATE, member.crc, sizes[1], sizes[0], len(encoded), len(extra), 0, 0, 0, _MODE, sizes[2])
        versions = (_VERSION | 3 << 8, _VERSION, _UTF8, method)  # 3: made on Unix, so that the mode counts
        self._directory += _CENTRAL.pack(b"PK\1\2", *versions, *fixed) + encoded + extra
        self._count += 1

    def finish(self) -> None:
        """Put the members on the disk, then write the directory. Raises `OSError`, also for far too many members."""
        if len(self._directory) > MAX_DIRECTORY_BYTES:
            raise OSError(f"{self._count} members are too many for one file")
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.write(directory_and_end(bytes(self._directory), self._stream.tell(), self._count))


class _Member:
    """Where a member's bytes go; counts and checks them on the way."""

    def __init__(self, stream: BinaryIO, compressed: bool) -> None:
        self._stream = stream
        self._deflate = zlib.compressobj(1, zlib.DEFLATED, -15) if compressed else None
        self.crc, self.size, self.written = 0, 0, 0

    def write(self, data: bytes | memoryview) -> None:
        self.crc = zlib.crc32(data, self.crc)
        self.size += len(data)
        self._put(self._deflate.compress(data) if self._deflate else data)

    def finish(self) -> None:
        if self._deflate:
            self._put(self._deflate.flush())

    def _put(self, data: bytes | memoryview) -> None:
        self._stream.write(data)
        self.written += len(data)


def directory_and_end(directory: bytes, offset: int, count: int) -> bytes:
    """The directory and the records that end a zip, for a directory that begins at `offset`."""
    comment = _TAG + hashlib.sha256(directory).hexdigest().encode()
    wide = b""
    if count >= 0xFFFF or offset >= _FULL:
        size = len(directory)
        wide = _WIDE_END.pack(b"PK\6\6", 44, _VERSION, _VERSION, 0, 0, count, count, size, offset)
        wide += _WIDE_LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
        count, offset = 0xFFFF, _FULL
    end = _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), offset, len(comment))
    return directory + wide + end + comment


def committed_state(stream: BinaryIO) -> tuple[int, bytes] | None:
    """Where the last complete state of a zip ends, and its directory; `None` where there is none.

    Looks from the end backwards, past an append that was killed. Reads little where the file ends in its directory.
    """
    end = stream.seek(0, os.SEEK_END)
    stop, candidates = end, 0
    while stop > 0:
        start = max(stop - _BLOCK_BYTES, 0)
        stream.seek(start)
        block = stream.read(min(stop + _END.size - 1, end) - start)
        at = block.rfind(b"PK\5\6")
        while at >= 0:
            state = _state_at(stream, start + at, end)
            if state is not None:
                return state
            candidates += 1
            if candidates >= _MAX_CANDIDATES:
                return None
            at = block.rfind(b"PK\5\6", 0, at)
        stop = start
    return None


def _state_at(stream: BinaryIO, at: int, end: int) -> tuple[int, bytes] | None:
    """The state that the end record at `at` closes, where it really does."""
    stream.seek(at)
    record = stream.read(_END.size)
    if len(record) < _END.size:
        return None
    size, offset, comment_length = _END.unpack(record)[5:]
    comment, place = stream.read(comment_length), at
    if offset == _FULL:
        place -= _WIDE_END.size + _WIDE_LOCATOR.size
        stream.seek(max(place, 0))
        wide = stream.read(_WIDE_END.size)
        if place < 0 or not wide.startswith(b"PK\6\6"):
            return None
        size, offset = _WIDE_END.unpack(wide)[8:]
    place -= size
    if len(comment) < comment_length or size > MAX_DIRECTORY_BYTES or place != offset:
        return None
    stream.seek(place)
    directory = stream.read(size)
    tagged = comment.startswith(_TAG)
    if tagged and comment != _TAG + hashlib.sha256(directory).hexdigest().encode():
        return None
    # A zip that somebody else wrote, or an older Mosaic, has no checksum there.
    if not tagged and _entry_count(directory) is None:
        return None
    return at + _END.size + comment_length, directory


def _entry_count(directory: bytes) -> int | None:
    """How many entries a directory has, `None` where it is not a row of whole entries."""
    at, count = 0, 0
    while at < len(directory):
        if directory[at : at + 4] != b"PK\1\2" or at + _CENTRAL.size > len(directory):
            return None
        lengths = struct.unpack_from("<3H", directory, at + 28)
        at, count = at + _CENTRAL.size + sum(lengths), count + 1
    return count if at == len(directory) else None


def _local_header(name: bytes, method: int, crc: int, written: int, size: int) -> bytes:
    """The header before a member, with room for sizes beyond 4 GiB."""
    extra = struct.pack("<HHQQ", 1, 16, size, written)
    fixed = (_VERSION, _UTF8, method, 0, _DATE, crc, _FULL, _FULL, len(name), len(extra))
    return _LOCAL.pack(b"PK\3\4", *fixed) + name + extra
