"""Pythons that are on this computer already, and which of them can run the GPU process as they are.

Whoever has worked with video models has a Python with torch: taking that one costs no download and no waiting. The
look-up reads the list of installed packages and imports nothing, so a candidate answers in some 0.1 s; whoever chooses
one still has it tested (`mosaic_core.worker.start_probe`), which does import. No bpy here.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path

_PATH_NAMES = ("python3.13", "python3.12", "python3.11", "python3", "python")
_ENVIRONMENT_VARIABLES = ("VIRTUAL_ENV", "CONDA_PREFIX")
# Below the user's folder: where conda and pyenv keep environments.
_HOME_FOLDERS = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".conda", ".pyenv")
_MAX_CANDIDATES = 40

# Says on one line why a Python is no base for an environment, nothing where all is well.
BASE_CHECK = (
    "import sys; sys.version_info >= (3, 11) or sys.exit('it is version ' + sys.version.split()[0] + "
    "' and Mosaic needs 3.11 or newer')\n"
    "try:\n    import ensurepip, venv\n"
    "except ImportError: sys.exit('it cannot make environments (on Debian: install python3-venv)')"
)
# The same for a Python that is to be taken as it is; the arguments are requirements such as numpy>=1.26,<3.
PACKAGES_CHECK = r"""
import re, sys
from importlib.metadata import PackageNotFoundError, version
sys.version_info >= (3, 11) or sys.exit("it is version " + sys.version.split()[0] + " and Mosaic needs 3.11 or newer")
def numbers(text):
    return [int(part) for part in re.match(r"[0-9.]*", text)[0].split(".") if part]
for requirement in sys.argv[1:]:
    name, bounds = re.match(r"([A-Za-z0-9._-]+)(.*)", requirement).groups()
    try:
        there = version(name)
    except PackageNotFoundError:
        sys.exit("it lacks " + name)
    for sign, bound in re.findall(r"(>=|<)([0-9.]+)", bounds):
        if (numbers(there) >= numbers(bound)) != (sign == ">="):
            sys.exit("it has " + name + " " + there + " and Mosaic needs " + sign + bound)
"""


def python_in(folder: Path) -> Path:
    """Where a venv keeps its Python."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def base_python_candidates(preferred: str = "") -> list[str]:
    """Programs to try as the base of an environment: the preferred one alone, else this process's, else the PATH's."""
    if preferred:
        return [preferred]
    own = sys.executable or ""
    candidates = [own] if Path(own).stem.lower().startswith("python") else []
    return list(dict.fromkeys([*candidates, *_on_path()]))


def ready_python_candidates(preferred: str = "", *, home: Path | None = None) -> list[str]:
    """Programs that may have all packages already: the preferred one, active environments, the PATH's, conda's.

    Blender's own Python is none of them: packages in there belong to Blender.
    """
    named = (os.environ.get(name, "") for name in _ENVIRONMENT_VARIABLES)
    active = [str(python) for folder in named if folder for python in _pythons_of(Path(folder))]
    found = chain([preferred] if preferred else [], active, _on_path(), _below(home or Path.home()))
    own = os.path.realpath(sys.executable) if sys.executable else ""
    others = (python for python in dict.fromkeys(found) if os.path.realpath(python) != own or python in active)
    return list(islice(others, _MAX_CANDIDATES))


def _on_path() -> Iterable[str]:
    return [path for path in (shutil.which(name) for name in _PATH_NAMES) if path]


def _below(home: Path) -> Iterable[str]:
    for name in _HOME_FOLDERS:
        folders = [home / name]
        for inner in ("envs", "versions"):
            folder = home / name / inner
            try:
                folders += sorted(folder.iterdir()) if folder.is_dir() else []
            except OSError:  # not ours to read
                continue
        for folder in folders:
            yield from map(str, _pythons_of(folder))


def _pythons_of(folder: Path) -> list[Path]:
    """The Python of a venv or of a conda environment, whose Python on Windows lies in the folder itself."""
    candidates = (python_in(folder), folder / "python.exe") if sys.platform == "win32" else (python_in(folder),)
    return [python for python in candidates if python.is_file()]
