"""Finds or builds the environment of the GPU process in the background, never in Blender's own Python.

Packages installed into Blender's Python break other extensions and need write access to Blender's folder, so the
GPU process gets a Python of its own: one that is there and has everything, else a venv that pip fills. One thread runs
the steps and reads what they print; the caller polls `state` from a timer. A marker file written last tells a finished
environment from one whose making was interrupted. No bpy here: the module is tested in plain Python.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mosaic_core.errors import Cancelled, MosaicError, WorkerError
from mosaic_core.worker.client import clean_environment
from mosaic_core.worker.groups import OWN_GROUP, kill_group

from .pip_output import PipProgress, failure_in_words
from .pythons import BASE_CHECK, PACKAGES_CHECK, base_python_candidates, python_in, ready_python_candidates

# The same bounds as in pyproject.toml; a test compares them.
REQUIREMENTS = (
    "numpy>=1.26",
    "pillow>=10.1",
    "av>=12",
    "safetensors>=0.4",
    "trimesh>=5.2",
    "numba>=0.61",
    "torch>=2.6,<2.14",
)
# What generating takes; trimesh only reads and writes other programs' point clouds, and numba only saves time.
NEEDED_TO_GENERATE = tuple(name for name in REQUIREMENTS if not name.startswith(("trimesh", "numba")))
_IMPORT_CHECK = "import numpy, PIL, av, safetensors, torch"
READY_MARKER = "mosaic-environment-is-ready"
_KEPT_LINES = 80


@dataclass(frozen=True)
class BuildState:
    """Where the build stands: `line` says it in words; `python` is set on success, `error` on failure."""

    running: bool = True
    line: str = "Looking for a Python"
    fraction: float | None = None  # of the file being downloaded
    python: Path | None = None
    found: bool = False  # `python` was there before and nothing was built
    error: str | None = None
    cancelled: bool = False  # which is `error`, too, and nobody's failure


def ready_python(folder: Path) -> Path | None:
    """The Python of the environment in `folder`, None where there is no finished one."""
    python = python_in(folder)
    return python if (folder / READY_MARKER).is_file() and python.is_file() else None


class EnvironmentBuilder:
    """One build in its own thread. Read `state`, `cancel` when asked, `close` at the end of the process."""

    def __init__(
        self,
        folder: Path,
        *,
        log_file: Path,
        base_python: str = "",
        wheels_folder: Path | None = None,  # install from these files, without any index
        requirements: tuple[str, ...] = REQUIREMENTS,
        look_first: bool = False,  # take a Python that has everything, where there is one
        why_not_install: str = "",  # build nothing where none is found, and give this as the error
    ) -> None:
        self.log_file = log_file
        self._folder, self._base_python = folder, base_python
        self._wheels_folder, self._requirements = wheels_folder, requirements
        self._look_first, self._why_not_install = look_first, why_not_install
        self._state, self._lock = BuildState(), threading.Lock()
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False
        self._thread = threading.Thread(target=self._run, name="mosaic-environment", daemon=True)
        self._thread.start()

    @property
    def state(self) -> BuildState:
        """The newest state; never waits."""
        return self._state

    def cancel(self) -> None:
        """End the running step; the half-made environment is removed."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                _end_with_children(self._process)

    def wait(self) -> BuildState:
        """Wait until the build has ended, for where there is no window to keep alive; Ctrl-C cancels it."""
        try:
            self._thread.join()
        except KeyboardInterrupt:
            self.close()
        return self._state

    def close(self, deadline_s: float = 5.0) -> None:
        """Cancel and wait until nothing runs any more."""
        self.cancel()
        self._thread.join(deadline_s)

    def _run(self) -> None:
        try:
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            with open(self.log_file, "w", encoding="utf-8") as log:
                found = self._found(log) if self._look_first else None
                if found is None and self._why_not_install:
                    raise WorkerError(self._why_not_install)
                python = found or self._build(log)
            line = f"Found {python}" if found else "The environment is ready"
            self._state = BuildState(running=False, line=line, python=python, found=found is not None)
        except Cancelled:
            self._fail("cancelled: the environment was not created; Set Up begins again", cancelled=True)
        except MosaicError as error:
            self._fail(str(error))
        except OSError as error:
            sentence = f"the environment could not be created in {self._folder}: {error.strerror or error}"
            self._fail(f"{sentence}; see that the folder is yours and its disk not full ({self._free()} free)")

    def _found(self, log) -> Path | None:
        """The first Python that has every package and can load it."""
        for candidate in ready_python_candidates(self._base_python):
            self._say(f"Looking at {candidate}", log)
            try:
                self._step([candidate, "-c", PACKAGES_CHECK, *NEEDED_TO_GENERATE], log, doing="looking")
                self._say(f"Trying {candidate}", log)
                self._step([candidate, "-c", _IMPORT_CHECK], log, doing="loading its packages")
                return Path(candidate)
            except WorkerError:
                continue  # why is in the log
        return None

    def _build(self, log) -> Path:
        base = self._checked_base(log)
        self._say(f"Creating an environment with {base}", log)
        (self._folder / READY_MARKER).unlink(missing_ok=True)
        self._explained([base, "-I", "-m", "venv", "--clear", str(self._folder)], log, doing="creating the environment")
        python = python_in(self._folder)
        source = []
        if self._wheels_folder is not None:
            source = ["--no-index", "--find-links", str(self._wheels_folder)]
        self._say("Installing torch and what it needs: this downloads up to 3 GB", log)
        pip = [str(python), "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        self._install([*pip, "--progress-bar", self._bar(python, log), *source, *self._requirements], log)
        (self._folder / READY_MARKER).touch()
        return python

    def _bar(self, python: Path, log) -> str:
        """How pip shall tell how far a download is: in numbers, where it is new enough for that."""
        try:
            self._step([str(python), "-I", "-m", "pip", "--version"], log, doing="asking pip for its version")
            version = tuple(int(part) for part in self._lines[-1].split()[1].split(".")[:2])
        except (WorkerError, IndexError, ValueError):
            return "off"
        return "raw" if version >= (24, 1) else "off"

    def _install(self, arguments: list[str], log) -> None:
        progress = PipProgress()

        def on_line(line: str) -> None:
            nonlocal progress
            progress = progress.after(line)
            self._state = replace(self._state, line=progress.text, fraction=progress.fraction)

        self._explained(arguments, log, doing="installing packages", on_line=on_line)

    def _explained(self, arguments: list[str], log, *, doing: str, on_line=None) -> None:
        """A step whose failure comes with its cause and remedy."""
        self._lines.clear()
        try:
            self._step(arguments, log, doing=doing, on_line=on_line)
        except WorkerError as error:
            sentence = failure_in_words(
                self._lines,
                folder=str(self._folder),
                free=self._free(),
                python=".".join(self._version_of(python_in(self._folder))),
                wheels=str(self._wheels_folder) if self._wheels_folder is not None else None,
            )
            raise WorkerError(f"{doing} failed: {sentence}") from error

    def _version_of(self, python: Path) -> tuple[str, ...]:
        """The version of the environment's Python, as its `pyvenv.cfg` has it."""
        with contextlib.suppress(OSError):
            for line in (python.parent.parent / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
                if line.startswith("version"):
                    return tuple(line.partition("=")[2].strip().split(".")[:2])
        return ("3",)

    def _free(self) -> str:
        """The room on the environment's disk, in words."""
        for folder in (self._folder, *self._folder.parents):
            with contextlib.suppress(OSError):
                return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB"
        return "an unknown amount"

    def _checked_base(self, log) -> str:
        complaints = []
        for candidate in base_python_candidates(self._base_python):
            try:
                self._step([candidate, "-I", "-c", BASE_CHECK], log, doing="checking it")
                return candidate
            except WorkerError as error:
                complaints.append(f"{candidate}: {error}")
        found = "; ".join(complaints) or "none found"
        raise WorkerError(
            f"no Python to build the environment with ({found}): install Python 3.11 or newer, or choose one as "
            "Base Python in Mosaic's preferences"
        )

    def _step(self, arguments: list[str], log, *, doing: str, on_line: Callable[[str], None] | None = None) -> None:
        with self._lock:
            if self._cancelled:
                raise Cancelled("cancelled")
            try:
                self._process = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    env=clean_environment(),
                    **OWN_GROUP,
                )
            except (OSError, ValueError) as error:
                raise WorkerError(f"it could not be started: {error}") from error
        last = self._read(self._process, log, on_line)
        if self._cancelled:
            raise Cancelled("cancelled")
        if self._process.returncode != 0:
            raise WorkerError(f"{doing} failed: {last or f'exit code {self._process.returncode}'}")

    def _read(self, process: subprocess.Popen[str], log, on_line: Callable[[str], None] | None) -> str:
        """Write what the process prints to the log until it ends; its last error line, else its last line."""
        last = error = ""
        with process:
            for line in process.stdout or ():
                if not (line := line.strip()):
                    continue
                if not line.startswith("Progress "):
                    log.write(f"{line}\n")
                    log.flush()
                    self._lines.append(line)
                    last = line
                    error = line if line.lower().startswith("error") else error
                if on_line is not None:
                    on_line(line)
        return error or last

    def _say(self, line: str, log) -> None:
        log.write(f"{line}\n")
        log.flush()
        self._state = replace(self._state, line=line[:200], fraction=None)

    def _fail(self, sentence: str, *, cancelled: bool = False) -> None:
        # Only a folder that a venv began in is removed: never one that was somebody's before.
        if (self._folder / "pyvenv.cfg").is_file() and ready_python(self._folder) is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._state = BuildState(running=False, line=sentence, error=sentence, cancelled=cancelled)


def _end_with_children(process: subprocess.Popen[str]) -> None:
    """End a process that this module started, with what it started itself, by its id."""
    if process.poll() is not None:
        return
    ending = kill_group(process)
    if ending is not None:
        ending.wait()
