"""Builds the environment of the GPU process in the background: a venv and pip, never in Blender's own Python.

Packages installed into Blender's Python break other extensions and need write access to Blender's folder, so the
GPU process gets a Python of its own. One thread runs the steps and reads what they print; the caller polls `state`
from a timer. A marker file written last tells a finished environment from one whose making was interrupted.
No bpy here: the module is tested in plain Python.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mosaic_core.errors import Cancelled, MosaicError, WorkerError

# The same bounds as in pyproject.toml; a test compares them.
REQUIREMENTS = ("numpy>=1.26", "pillow>=10.1", "av>=12", "safetensors>=0.4", "trimesh>=5.2", "torch>=2.6,<2.14")
READY_MARKER = "mosaic-environment-is-ready"
_PATH_NAMES = ("python3.13", "python3.12", "python3.11", "python3", "python")
# Says in one line what is wrong with a Python as the base of the environment, nothing where all is well.
_CHECK = (
    "import sys; sys.version_info >= (3, 11) or sys.exit('it is version ' + sys.version.split()[0] + "
    "' and Mosaic needs 3.11 or newer')\n"
    "try:\n    import ensurepip, venv\n"
    "except ImportError: sys.exit('it cannot make environments (on Debian: install python3-venv)')"
)


@dataclass(frozen=True)
class BuildState:
    """Where the build stands: `line` is the newest output; `python` is set on success, `error` on failure."""

    running: bool = True
    line: str = "Looking for a Python"
    python: Path | None = None
    error: str | None = None


def python_in(folder: Path) -> Path:
    """Where a venv keeps its Python."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def ready_python(folder: Path) -> Path | None:
    """The Python of the environment in `folder`, None where there is no finished one."""
    python = python_in(folder)
    return python if (folder / READY_MARKER).is_file() and python.is_file() else None


def base_python_candidates(preferred: str = "") -> list[str]:
    """Programs to try as the base of the environment: the preferred one alone, else this process's, else the PATH's."""
    if preferred:
        return [preferred]
    own = sys.executable or ""
    candidates = [own] if Path(own).stem.lower().startswith("python") else []
    found = (shutil.which(name) for name in _PATH_NAMES)
    return list(dict.fromkeys([*candidates, *(path for path in found if path)]))


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
    ) -> None:
        self.log_file = log_file
        self._folder, self._base_python = folder, base_python
        self._wheels_folder, self._requirements = wheels_folder, requirements
        self._state, self._lock = BuildState(), threading.Lock()
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
                python = self._build(lambda line: self._say(line, log))
            self._state = BuildState(running=False, line="The environment is ready", python=python)
        except Cancelled:
            self._fail("cancelled: the environment was not created")
        except MosaicError as error:
            self._fail(str(error))
        except OSError as error:
            self._fail(f"the environment could not be created in {self._folder}: {error}")

    def _build(self, say: Callable[[str], None]) -> Path:
        base = self._checked_base(say)
        say(f"Creating an environment with {base}")
        (self._folder / READY_MARKER).unlink(missing_ok=True)
        self._step([base, "-I", "-m", "venv", "--clear", str(self._folder)], say, doing="creating the environment")
        python = python_in(self._folder)
        source = []
        if self._wheels_folder is not None:
            source = ["--no-index", "--find-links", str(self._wheels_folder)]
        say("Installing torch and what it needs: this downloads up to 3 GB")
        pip = [str(python), "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        self._step([*pip, "--progress-bar", "off", *source, *self._requirements], say, doing="installing packages")
        (self._folder / READY_MARKER).touch()
        return python

    def _checked_base(self, say: Callable[[str], None]) -> str:
        complaints = []
        for candidate in base_python_candidates(self._base_python):
            try:
                self._step([candidate, "-I", "-c", _CHECK], say, doing="checking it")
                return candidate
            except WorkerError as error:
                complaints.append(f"{candidate}: {error}")
        found = "; ".join(complaints) or "none found"
        raise WorkerError(
            f"no Python to build the environment with ({found}): choose a Python 3.11 or newer as Base Python"
        )

    def _step(self, arguments: list[str], say: Callable[[str], None], *, doing: str) -> None:
        options = {} if sys.platform == "win32" else {"start_new_session": True}
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
                    env=_clean_environment(),
                    **options,
                )
            except (OSError, ValueError) as error:
                raise WorkerError(f"it could not be started: {error}") from error
        last = self._read(self._process, say)
        if self._cancelled:
            raise Cancelled("cancelled")
        if self._process.returncode != 0:
            raise WorkerError(f"{doing} failed: {last or f'exit code {self._process.returncode}'}")

    def _read(self, process: subprocess.Popen[str], say: Callable[[str], None]) -> str:
        """Pass on what the process prints until it ends; its last error line, else its last line."""
        last = error = ""
        with process:
            for line in process.stdout or ():
                if line := line.strip():
                    say(line)
                    last = line
                    error = line if line.lower().startswith("error") else error
        return error or last

    def _say(self, line: str, log) -> None:
        log.write(f"{line}\n")
        log.flush()
        self._state = replace(self._state, line=line[:200])

    def _fail(self, sentence: str) -> None:
        # Only a folder that a venv began in is removed: never one that was somebody's before.
        if (self._folder / "pyvenv.cfg").is_file() and ready_python(self._folder) is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._state = BuildState(running=False, line=sentence, error=sentence)


def _clean_environment() -> dict[str, str]:
    """Without what would lead another Python to Blender's packages."""
    dropped = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    return environment | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def _end_with_children(process: subprocess.Popen[str]) -> None:
    """End a process that this module started, with what it started itself, by its id."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        command = ["taskkill", "/pid", str(process.pid), "/t", "/f"]
        subprocess.run(command, capture_output=True, check=False)
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
