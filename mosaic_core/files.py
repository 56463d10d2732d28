"""Writing files so that a reader never meets half of one: write beside the target, flush, then rename over it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def atomic_writer(target: Path) -> Iterator[IO[bytes]]:
    """A binary file that becomes `target` when the block ends without an error, and leaves nothing otherwise.

    Raises `OSError` (no such folder, read-only, full disk); the old `target` is then still whole.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; a saved document has the permissions any other new file would have.
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


@contextlib.contextmanager
def exclusive(stream: IO[bytes]) -> Iterator[None]:
    """No other program holds this open file this way during the block. Raises `OSError` at once where one does."""
    try:
        import fcntl
    except ImportError:  # Windows: it locks bytes, and reading them; so one far beyond the end of the file
        import msvcrt

        stream.seek(1 << 62)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        yield  # closing the file unlocks it
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(error.errno, "another program is writing to it") from None
    yield  # closing the file unlocks it


class WholeWrites:
    """An unbuffered file whose `write` and `read` do all that is asked, as those of a buffered file do."""

    def __init__(self, raw: FileIO) -> None:
        self._raw = raw
        self.seek, self.tell, self.truncate = raw.seek, raw.tell, raw.truncate
        self.fileno, self.flush = raw.fileno, raw.flush

    def write(self, data: bytes | memoryview) -> int:
        """All of it. Raises `OSError`."""
        left = memoryview(data)
        while left:
            left = left[self._raw.write(left) :]
        return len(data)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end. Raises `OSError`."""
        pieces = []
        while size and (piece := self._raw.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def write_atomically(target: Path, data: bytes) -> None:
    """Put `data` at `target`, whole or not at all. Raises `OSError`."""
    with atomic_writer(target) as file:
        file.write(data)


def bytes_of_file(file: Path, *, at_most: int) -> bytes | None:
    """A file's bytes, `None` where there are more than `at_most`. Raises `OSError`.

    Asking for "at most half a gigabyte" at once would make room for it, however short the file is.
    """
    with open(file, "rb") as stream:
        pieces, left = [], at_most
        while block := stream.read(min(1 << 20, left + 1)):
            left -= len(block)
            if left < 0:
                return None
            pieces.append(block)
    return b"".join(pieces)


def sha256_of_file(file: Path) -> str:
    """The hex SHA-256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
