"""The folder a job works in before its clip is whole: `.mosaic-partial-<pid>` inside the output folder.

It carries the process id so that whoever cleans up after a dead process never touches another one's work.
Standard library only: the client removes it too, when the process could not.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

PREFIX = ".mosaic-partial-"


def partial_folder(out_dir: Path, pid: int) -> Path:
    """Where the process `pid` keeps the half-written clip meant for `out_dir`."""
    return out_dir / f"{PREFIX}{pid}"


def remove_partial(out_dir: Path, pid: int) -> None:
    """Remove that folder if it is there. Never raises: the job has ended, and what ended it matters more."""
    folder = partial_folder(out_dir, pid)
    doomed = folder.with_name(f"{folder.name}-removed")
    # Renamed first: a thread that still writes then fails at once instead of adding files behind our back.
    with contextlib.suppress(OSError):
        folder.rename(doomed)
    for each in (doomed, folder):
        shutil.rmtree(each, ignore_errors=True)
