"""The near end of the pipe: starts the GPU process, reads it in a thread, ends it for certain. Standard library only.

It runs inside Blender, so no call here waits for the process (but `close`, which says how long): reading and writing
happen in two threads that touch nothing but their pipe, the log and a queue. What the messages mean is decided
elsewhere (`jobs`, `runner`).
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WorkerError
from .exits import exit_in_words
from .groups import OWN_GROUP, kill_group
from .protocol import MAX_LINE_BYTES, Message, ProtocolError, Request, decode, encode, excerpt

# Checks the version before any import that an older Python could not parse, so that a sentence comes out of it. Then
# loads `mosaic_core` from its folder (the argument) alone: inside an installed extension that folder also holds the
# extension's own modules, and one called like somebody's package must not be taken for it.
_BOOTSTRAP = """
import sys
if sys.version_info < (3, 11):
    sys.exit('Mosaic needs Python 3.11 or newer and ' + sys.executable + ' is ' + sys.version.split()[0])
import importlib.util, os, runpy
folder = os.path.join(sys.argv.pop(1), 'mosaic_core')
spec = importlib.util.spec_from_file_location(
    'mosaic_core', os.path.join(folder, '__init__.py'), submodule_search_locations=[folder])
sys.modules['mosaic_core'] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
runpy.run_module('mosaic_core.' + sys.argv.pop(1), run_name='__main__')
"""
_MESSAGES_A_POLL = 256  # some 5 ms of work at most
_GARBAGE_LATER = 1000  # lines of garbage borne after the first message: bounds the log
# After the process has ended its last messages may still be in the pipe for so long.
_DRAIN_S = 0.5


def command_line(python: str | os.PathLike[str], module: str, *, package_root: Path | None = None) -> list[str]:
    """How to run `mosaic_core.<module>` in another Python, whatever else is beside it; arguments go at the end.

    Run it with `clean_environment()`. Raises `WorkerError` where the program is not there.
    """
    root = package_root or Path(__file__).resolve().parents[2]
    return [*_checked_python(python), "-u", "-c", _BOOTSTRAP, str(root), module]


@dataclass(frozen=True)
class Garbage:
    """The process printed something else than messages, more than is borne; nothing more is read from it."""

    sample: str


class WorkerClient:
    """A running GPU process. Make it with `start`, and `close` it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Any, *, log_file: Path, garbage_lines: int) -> None:
        self.log_file = log_file
        self._process, self._log, self._garbage_lines = process, log, garbage_lines
        self._received: queue.SimpleQueue[Message | Garbage] = queue.SimpleQueue()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._last_id = 0
        self._gone_at_s: float | None = None
        self._taskkill: subprocess.Popen[bytes] | None = None
        self._reader = threading.Thread(target=self._read, name="mosaic-reader", daemon=True)
        self._writer = threading.Thread(target=self._write, name="mosaic-writer", daemon=True)
        self._reader.start()
        self._writer.start()

    @classmethod
    def start(
        cls,
        python: str | os.PathLike[str],
        *,
        log_file: Path,
        package_root: Path | None = None,
        command: list[str] | None = None,
        garbage_lines: int = 5,
    ) -> WorkerClient:
        """Start `python` as the GPU process; its standard error goes to `log_file`, which is begun anew.

        `package_root` is the folder that holds `mosaic_core` (default: the one this module came from). In tests,
        `command` replaces the whole command line and finds the package on its path. Raises `WorkerError` where the
        program or the log cannot be opened.
        """
        root = package_root or Path(__file__).resolve().parents[2]
        arguments = command or command_line(python, "worker", package_root=root)
        log = open_log(log_file)
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=log_file.parent,
                env=clean_environment() | ({"PYTHONPATH": str(root)} if command else {}),
                **OWN_GROUP,  # which Ctrl-C does not reach
            )
        except (OSError, ValueError) as error:
            log.close()
            raise WorkerError(f"Cannot start the GPU process {arguments[0]}: {error}") from error
        return cls(process, log, log_file=log_file, garbage_lines=garbage_lines)

    @property
    def pid(self) -> int:
        """The id of the started process (on Windows that of a venv's launcher, see `WorkerFacts.pid`)."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        if self._process.poll() is None:
            return True
        if self._gone_at_s is None:
            self._gone_at_s = time.monotonic()
            # What it started itself must not outlive it. Only now: later its id may be somebody else's.
            self._kill_group()
        return False

    @property
    def ended(self) -> bool:
        """Whether the process is gone and everything it said has been polled."""
        if self.alive or self._gone_at_s is None:
            return False
        drained = not self._reader.is_alive() or time.monotonic() - self._gone_at_s > _DRAIN_S
        return drained and self._received.empty()

    @property
    def ending_in_words(self) -> str:
        """How the process ended: the predicate of "The GPU process ..."."""
        code = self._process.returncode
        return "could not be ended" if code is None else exit_in_words(code)

    def poll(self) -> list[Message | Garbage]:
        """What has come since the last call; at most a few milliseconds' worth, never waits."""
        messages = []
        with contextlib.suppress(queue.Empty):
            while len(messages) < _MESSAGES_A_POLL:
                messages.append(self._received.get_nowait())
        return messages

    def request(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Ask the process; the answer comes out of `poll` with the returned id.

        Raises `ProtocolError` for parameters JSON cannot carry. A process that is gone is no error here.
        """
        line = encode(Request(self._last_id + 1, method, params or {}))
        self._last_id += 1
        self._outgoing.put(line)
        return self._last_id

    def cancel(self, job_id: str) -> int:
        """Ask the process to stop the job."""
        return self.request("cancel", {"job_id": job_id})

    def close_input(self) -> None:
        """Close the pipe to the process, at which it ends by itself."""
        self._outgoing.put(None)

    def terminate(self) -> None:
        """Ask the operating system to end the process."""
        with contextlib.suppress(OSError):
            self._process.terminate()

    def kill(self) -> None:
        """End the process and everything it started, at once."""
        if self.alive:
            self._kill_group()
            with contextlib.suppress(OSError):
                self._process.kill()

    def close(self, deadline_s: float = 2.0) -> None:
        """End the process and wait for it: `deadline_s` for a quiet end, then terminate, then kill (3 s each)."""
        self.close_input()
        for harder, wait_s in ((None, deadline_s), (self.terminate, 3.0), (self.kill, 3.0)):
            if harder is not None:
                harder()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=wait_s)
                break
        if not self.alive:
            for thread in (self._reader, self._writer):
                thread.join(timeout=1.0)
        self.release()

    def release(self) -> None:
        """Close the pipes and the log of a process that is gone. Never waits; what is still in use stays open."""
        self.close_input()
        # A pipe that a thread still reads cannot be closed without waiting for that thread.
        if not self._reader.is_alive() and self._process.stdout is not None:
            self._process.stdout.close()
            self._log.close()

    def _kill_group(self) -> None:
        # Kept, not waited for: Blender's main thread has no time.
        self._taskkill = kill_group(self._process)

    def _read(self) -> None:
        stream, garbage, borne = self._process.stdout, 0, self._garbage_lines
        assert stream is not None
        while line := stream.readline(MAX_LINE_BYTES + 1):
            try:
                self._received.put(decode(line))
                borne = max(borne, _GARBAGE_LATER)
            except ProtocolError:
                garbage += 1
                self._write_to_log(line)
                if garbage > borne or len(line) > MAX_LINE_BYTES:
                    self._received.put(Garbage(excerpt(line)))
                    return

    def _write_to_log(self, line: bytes) -> None:
        # The log is a help, not a duty: a full disk or a closed file must not end the reading.
        with contextlib.suppress(OSError, ValueError):
            self._log.write(b"[printed] " + line[:1000].rstrip() + b"\n")

    def _write(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        # A broken pipe means the process is gone, which `ended` reports with its cause.
        with contextlib.suppress(OSError), stream:
            while (line := self._outgoing.get()) is not None:
                stream.write(line)
                stream.flush()


def _checked_python(python: str | os.PathLike[str]) -> list[str]:
    name = os.path.expanduser(os.fspath(python).strip())
    if not name:
        raise WorkerError("No Python is chosen for the GPU process: set one in the add-on's preferences")
    found = shutil.which(name)
    if found is not None:
        return [os.path.abspath(found)]
    if os.path.isdir(name):
        raise WorkerError(f"The Python for the GPU process is a folder, not a program: {name}")
    if os.path.exists(name):
        raise WorkerError(f"The Python for the GPU process may not be executed: {name}")
    raise WorkerError(f"The Python for the GPU process does not exist: {name}")


def open_log(log_file: Path) -> Any:
    """The log, empty, unbuffered, and in append mode because the process and the reader thread both write to it."""
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        log_file.write_bytes(b"")
        return open(log_file, "ab", buffering=0)
    except OSError as error:
        raise WorkerError(f"Cannot write the GPU process's log {log_file}: {error}") from error


def clean_environment() -> dict[str, str]:
    """Ours without its Python settings: inside Blender they point at Blender's Python and its packages."""
    dropped = ("__PYVENV_LAUNCHER__", "VIRTUAL_ENV")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("PYTHON") and name.upper() not in dropped
    }
    return kept | {
        "PYTHONSAFEPATH": "1",  # a file named numpy.py beside the log is not NumPy
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }
