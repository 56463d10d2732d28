"""Long work in a process of its own, on a terminal that stays readable: Blender writes every rendered frame and the
quirks of graphics drivers straight to the process's output, past Python.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mosaic_core.errors import MosaicError


@contextlib.contextmanager
def output_in(log_file: Path) -> Iterator[None]:
    """Everything the process writes goes to the log until the end of the block. Raises `MosaicError`."""
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError as error:
        raise MosaicError(
            f"cannot write to {log_file.parent}: {error.strerror or error}; choose another folder"
        ) from error
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


def run_logged(
    program: str,
    log_file: Path,
    work: Callable[[Callable[[str], None]], None],
    *,
    check: Callable[[], object] = lambda: None,
) -> int:
    """`work(say)` with Blender's own output in the log; returns the exit code.

    What it says carries the time, and an error is one line. `check` comes first, before anything is written.
    """
    started_s = time.monotonic()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace") as terminal:

        def say(text: str) -> None:
            print(f"[{time.monotonic() - started_s:5.1f} s] {text}", file=terminal, flush=True)

        try:
            check()
            with output_in(log_file):
                work(say)
        except MosaicError as error:
            sys.stderr.write(f"{program}: {error}\n")
            return 1
        except KeyboardInterrupt:
            sys.stderr.write(f"{program}: stopped\n")
            return 130
    return 0
