"""Runs one `mosaic` command in the GPU process's Python: what it prints last, how far it is, its error.

For work that Blender's own Python cannot do (it has no torch, no Pillow, no video) and that is not a job of frames.
Standard library only. `tick` never waits; the process and all that it started end with `close`.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from pathlib import Path

from ..errors import WorkerError
from .client import clean_environment, command_line, open_log
from .exits import exit_in_words, log_tail, telling_line
from .groups import OWN_GROUP, kill_group

_PROGRESS = re.compile(r"(\d+) of (\d+)")
_PREFIX = "mosaic: "


class CommandRun:
    """A running command. Raises `WorkerError` where it cannot even be started; see `error` for what comes later."""

    def __init__(
        self,
        python: str | os.PathLike[str],
        arguments: list[str],
        *,
        log_file: Path,
        package_root: Path | None = None,
    ) -> None:
        command = [*command_line(python, "cli", package_root=package_root), *arguments]
        self.log_file, self.line, self.fraction = Path(log_file).absolute(), "", 0.0
        self._log = open_log(self.log_file)
        self._cancelled = False
        self._killing: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._log,
                cwd=self.log_file.parent,
                env=clean_environment(),
                **OWN_GROUP,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except (OSError, ValueError) as error:
            self._log.close()
            raise WorkerError(f"Cannot start the GPU process {command[0]}: {error}") from error
        self._reader = threading.Thread(target=self._read, name="mosaic-command", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The id of the started process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the command still works, or still says something."""
        return self._process.poll() is None or self._reader.is_alive()

    @property
    def error(self) -> str:
        """What went wrong, one sentence; empty while it runs and where nothing did."""
        code = self._process.poll()
        if code in (None, 0):
            return ""
        if self._cancelled:
            return "cancelled"
        tail = log_tail(self.log_file)
        said = [line for line in tail if line.startswith(_PREFIX)]
        if said:
            return said[-1].removeprefix(_PREFIX)
        return f"the GPU process {exit_in_words(code)}: {telling_line(tail) or 'it said nothing'}. Log: {self.log_file}"

    def wait(self) -> None:
        """Wait until the command has ended; Ctrl-C cancels it."""
        try:
            self._process.wait()
        except KeyboardInterrupt:
            self.cancel()
        self._reader.join(timeout=1.0)

    def cancel(self) -> None:
        """End the process and all that it started."""
        self._cancelled = True
        if self._process.poll() is not None:
            return
        self._killing = kill_group(self._process)

    def close(self) -> None:
        """Cancel what still runs, wait until it is gone, and let go of the log."""
        self.cancel()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5.0)
        self._reader.join(timeout=1.0)
        self._log.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                if not (line := line.strip()):
                    continue
                self.line = line[:200]
                found = _PROGRESS.search(line)
                if found and int(found[2]):
                    self.fraction = min(1.0, int(found[1]) / int(found[2]))
                with contextlib.suppress(OSError, ValueError):
                    self._log.write(f"[printed] {line[:1000]}\n".encode())
