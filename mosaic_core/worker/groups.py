"""Processes and what they start themselves: begun as a group of their own, ended together.

Standard library only: it runs inside Blender.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import Any, TypedDict


class _Options(TypedDict):
    start_new_session: bool
    creationflags: int


# For `subprocess.Popen`: on POSIX the process leads a group, so its id is the group's; on Windows no console opens.
OWN_GROUP: _Options = {"start_new_session": True, "creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}


def kill_group(process: subprocess.Popen[Any]) -> subprocess.Popen[bytes] | None:
    """End a process that was begun with `OWN_GROUP` and all that it started; harmless where they are gone.

    Never waits. On Windows the program that ends them takes a tenth of a second: it is returned, to be kept or waited
    for.
    """
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            tree = ["taskkill", "/PID", str(process.pid), "/T", "/F"]
            return subprocess.Popen(tree, creationflags=subprocess.CREATE_NO_WINDOW)
        os.killpg(process.pid, signal.SIGKILL)
    return None
