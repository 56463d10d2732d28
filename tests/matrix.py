"""The add-on's tests in every Blender that is supported, each in an environment of its own; one table at the end.

    python -m tests.matrix                        # 4.2 and 4.5 on Python 3.11, 5.2 on Python 3.13; the quick tests
    python -m tests.matrix --all                  # with the slow ones, and torch for those that make real frames
    python -m tests.matrix --blender 5.2 -- -k undo
    python -m tests.matrix --given 4.2=/opt/v42/bin/python      # an environment that is there already

Environments are kept in the folder `.matrix` and made again only when what they hold changes. Pip's own settings apply;
`--wheels FOLDER` installs from files without any index. Blenders are the `bpy` packages, so no window is opened.
An environment that cannot be made is a row of the table too, and a failure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLENDERS = {"4.2": "3.11", "4.5": "3.11", "5.2": "3.13"}  # the bpy package and the Python it is built for
PACKAGES = (
    "pytest>=8",
    "hypothesis>=6.100",
    "numpy>=1.26",
    "pillow>=10.1",
    "av>=12",
    "safetensors>=0.4",
    "trimesh>=5.2",
)
FOR_SLOW_TESTS = ("torch>=2.6,<2.14", "numba>=0.61")
_SAY_VERSIONS = "import bpy, platform; print('versions', bpy.app.version_string, platform.python_version())"


class NoEnvironment(Exception):
    """An environment cannot be made; the text says why and what would help."""


@dataclass
class Row:
    """What became of one Blender."""

    blender: str
    python: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    outcome: str = ""
    names: tuple[str, ...] = ()  # of the tests that failed

    @property
    def good(self) -> bool:
        """Whether every test that ran passed, and some ran."""
        return self.outcome == "passed"


def base_python(version: str) -> str:
    """A Python of this version to make an environment with. Raises `NoEnvironment`."""
    if version == "{}.{}".format(*sys.version_info[:2]):
        return sys.executable
    on_path = (shutil.which(name) for name in (f"python{version}", "python3", "python"))
    # Where pyenv and uv put theirs, which need not be on the path.
    kept = (Path.home() / ".pyenv" / "versions", Path.home() / ".local" / "share" / "uv" / "python")
    elsewhere = (str(python) for folder in kept for python in sorted(folder.glob(f"*{version}.*/bin/python{version}")))
    for found in (*on_path, *elsewhere):
        said = run_quietly([found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]) if found else None
        if said is not None and said.stdout.strip() == version:
            return str(found)
    raise NoEnvironment(
        f"there is no Python {version} on the path, in pyenv or in uv: install it, or give one with --given"
    )


def run_quietly(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """A program to its end, its output kept, cut off from our own Python's settings."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    return subprocess.run(arguments, env=kept, capture_output=True, text=True, errors="replace", check=False)


def environment_for(blender: str, *, folder: Path, wheels: str | None, slow: bool) -> Path:
    """The Python of the environment for this Blender, made where it is not there. Raises `NoEnvironment`."""
    packages = (f"bpy=={blender}.*", *PACKAGES, *(FOR_SLOW_TESTS if slow else ()))
    home, contents = folder / blender, "\n".join(packages)
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    marker = home / "matrix-packages.txt"
    if marker.is_file() and set(packages) <= set(marker.read_text(encoding="utf-8").splitlines()):
        return python
    base = base_python(BLENDERS[blender])
    print(f"{blender}: making {home} with {base}", flush=True)
    source = ["--no-index", "--find-links", wheels] if wheels else []
    for step in (
        [base, "-m", "venv", "--clear", str(home)],
        [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *source, *packages],
    ):
        made = run_quietly(step)
        if made.returncode != 0:
            lines = (made.stderr + made.stdout).strip().splitlines()
            errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no output"]
            raise NoEnvironment(
                f"{step[1:3]} failed: {errors[-1]} (offline, --wheels FOLDER takes packages from files)"
            )
    marker.write_text(contents, encoding="utf-8")
    return python


def tested(blender: str, python: Path, *, folder: Path, options: list[str]) -> Row:
    """The add-on's tests in one environment."""
    row, result, log = Row(blender), folder / f"{blender}.xml", folder / f"{blender}.log"
    said = run_quietly([str(python), "-c", _SAY_VERSIONS])
    line = next((line for line in said.stdout.splitlines() if line.startswith("versions ")), "")
    if not line:
        row.outcome = f"bpy cannot be imported: {(said.stderr.strip().splitlines() or ['no output'])[-1][:120]}"
        return row
    row.blender, row.python = line.removeprefix("versions ").rsplit(" ", 1)
    result.unlink(missing_ok=True)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "VIRTUAL_ENV")}
    command = [str(python), "-m", "pytest", "tests/addon", f"--junitxml={result}", *options]
    started_s = time.monotonic()
    with log.open("wb") as output:
        run = subprocess.run(
            command, cwd=ROOT, env=environment | {"PYTHONPATH": str(ROOT)}, stdout=output, stderr=output, check=False
        )
    row.seconds = time.monotonic() - started_s
    count(row, result)
    if not result.is_file():
        row.outcome = f"pytest ended with {run.returncode} and no result, see {log}"
    elif row.failed:
        row.outcome = f"FAILED, see {log}"
    else:
        # The bpy package may crash after the last test, when Python takes it apart: that is not ours.
        row.outcome = "passed" if row.passed else "no test ran"
    return row


def count(row: Row, result: Path) -> None:
    """Read pytest's own report into the row."""
    if not result.is_file():
        return
    for case in ElementTree.parse(result).iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        if bad:
            row.failed += 1
            row.names += (f"{case.get('classname')}::{case.get('name')}",)
        elif case.find("skipped") is not None:
            row.skipped += 1
        else:
            row.passed += 1


def printed(rows: list[Row]) -> str:
    """The table, and below it the tests that failed."""
    lines = [f"{'Blender':<12} {'Python':<8} {'passed':>6} {'failed':>6} {'skipped':>7} {'seconds':>7}  outcome"]
    lines += [
        f"{row.blender:<12} {row.python:<8} {row.passed:>6} {row.failed:>6} {row.skipped:>7} {row.seconds:>7.0f}"
        f"  {row.outcome}"
        for row in rows
    ]
    lines += [f"{row.blender}: {name}" for row in rows for name in row.names]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the matrix; 0 only if every Blender passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="the slow tests too, with torch")
    parser.add_argument("--blender", action="append", choices=[*BLENDERS], help="only this one; may be repeated")
    parser.add_argument(
        "--given", action="append", default=[], metavar="BLENDER=PYTHON", help="use this Python as it is"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / ".matrix", help="where environments and logs are kept")
    parser.add_argument("--wheels", metavar="FOLDER", help="install from these files, without any index")
    parser.add_argument("options", nargs="*", help="passed on to pytest, after --")
    chosen = parser.parse_args(arguments)
    given = dict(each.partition("=")[::2] for each in chosen.given)
    if wrong := set(given) - set(BLENDERS):
        parser.error(f"--given knows {', '.join(BLENDERS)}, got {', '.join(sorted(wrong))}")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    options = [*([] if chosen.all else ["-m", "not slow"]), *chosen.options]
    rows = []
    for blender in chosen.blender or BLENDERS:
        try:
            python = given.get(blender) or environment_for(
                blender, folder=chosen.folder, wheels=chosen.wheels, slow=chosen.all
            )
            rows.append(tested(blender, Path(python), folder=chosen.folder, options=options))
        except (NoEnvironment, OSError) as error:
            rows.append(Row(blender, outcome=f"NO ENVIRONMENT: {error}"))
        print(printed(rows[-1:]).partition("\n")[2], flush=True)
    print(f"\n{printed(rows)}")
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
