"""How a process ended, in words an artist can act on, and the end of its log."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

TAIL_LINES = 20
_TAIL_BYTES = 16 * 1024

_SIGNAL_WORDS = {
    "SIGKILL": "was killed (signal {}), often because memory ran out",
    "SIGSEGV": "crashed (signal {}, segmentation fault)",
    "SIGABRT": "aborted (signal {}), often inside a GPU driver or a library",
    "SIGBUS": "crashed (signal {}, bus error), often because a disk or shared memory is full",
    "SIGILL": "crashed (signal {}): a library was built for another kind of processor",
    "SIGFPE": "crashed (signal {}, arithmetic error)",
    "SIGTERM": "was asked to end by another program (signal {})",
    "SIGINT": "was interrupted (signal {})",
}

# The Windows codes that mean a crash rather than an exit, as the unsigned numbers Popen returns.
_WINDOWS_WORDS = {
    0xC0000005: "crashed (access violation)",
    0xC000001D: "crashed: a library was built for another kind of processor",
    0xC0000017: "was ended because memory ran out",
    0xC0000135: "could not start because a DLL is missing",
    0xC000013A: "was interrupted",
    0xC0000409: "aborted, often inside a GPU driver or a library",
}


def exit_in_words(return_code: int, *, platform: str = sys.platform) -> str:
    """The predicate of the sentence "The GPU process ...". `return_code` is `Popen.returncode`."""
    if platform == "win32":
        return _WINDOWS_WORDS.get(return_code & 0xFFFFFFFF, f"ended with exit code {return_code}")
    # A shell wrapper reports a signal as 128 + its number.
    number = -return_code if return_code < 0 else return_code - 128 if 128 < return_code < 160 else 0
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"ended with exit code {return_code}"
    return _SIGNAL_WORDS.get(name, f"was ended by signal {{}} ({name})").format(number)


def log_tail(log_file: Path) -> tuple[str, ...]:
    """The last lines of the log, without blank ones; empty where it cannot be read."""
    try:
        with open(log_file, "rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ()
    lines = (line.rstrip() for line in text.splitlines())
    return tuple(line for line in lines if line)[-TAIL_LINES:]


def telling_line(tail: tuple[str, ...]) -> str:
    """The line of a log's end that names the cause best: Python's own verdict where there is one, else the last."""
    verdicts = [line for line in tail if line.startswith("Fatal Python error")]
    line = (verdicts or list(tail) or [""])[-1].strip().rstrip(".")
    return line if len(line) <= 200 else line[:200] + " ..."
