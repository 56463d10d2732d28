"""Keeps a terminal readable while Blender works: it writes every rendered frame and the quirks of graphics drivers
straight to the process's output, past Python.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from mosaic_core.errors import MosaicError


@contextlib.contextmanager
def output_in(log_file: Path) -> Iterator[None]:
    """Everything the process writes goes to the log until the end of the block. Raises `MosaicError`."""
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError as error:
        raise MosaicError(f"cannot write to {log_file.parent}: {error.strerror or error}") from error
    saved = os.dup(1), os.dup(2)
    sys.stdout.flush()
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for number in (log, *saved):
            os.close(number)
