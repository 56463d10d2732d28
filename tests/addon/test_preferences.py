"""Which Python runs the GPU process, what the Test button says, and the environment that the add-on creates."""

from __future__ import annotations

import os
import re
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from mosaic_core.errors import WorkerError

ROOT = Path(__file__).resolve().parents[2]


bpy_is_a_module = pytest.mark.skipif(bool(bpy.app.binary_path), reason="Blender itself has no Python to fall back on")


@pytest.fixture
def user(tmp_path, monkeypatch):
    """The user's folder of the add-on, empty; no variable set."""
    from blender_addon import compat

    def user_dir(folder: str = "") -> Path:
        (tmp_path / "user" / folder).mkdir(parents=True, exist_ok=True)
        return tmp_path / "user" / folder

    monkeypatch.setattr(compat, "user_dir", user_dir)
    monkeypatch.delenv("MOSAIC_PYTHON", raising=False)
    return user_dir()


def created(folder: Path) -> Path:
    """Something that looks like a finished environment."""
    from blender_addon.environment import READY_MARKER, python_in

    python = python_in(folder)
    python.parent.mkdir(parents=True)
    python.write_text("")
    (folder / READY_MARKER).touch()
    return python


@bpy_is_a_module
def test_the_python_is_found_in_the_order_of_who_said_it_last(user, monkeypatch):
    from blender_addon import preferences
    from blender_addon.preferences import worker_python

    assert worker_python() == sys.executable  # bpy is a module here
    python = created(user / "env")
    assert worker_python() == str(python)
    monkeypatch.setattr(preferences._fallback, "worker_python", "/opt/chosen/python", raising=False)
    assert worker_python() == "/opt/chosen/python"
    monkeypatch.setenv("MOSAIC_PYTHON", "/opt/variable/python")
    assert worker_python() == "/opt/variable/python"


@bpy_is_a_module
def test_a_half_made_environment_is_not_used(user):
    from blender_addon.environment import READY_MARKER
    from blender_addon.preferences import worker_python

    created(user / "env")
    (user / "env" / READY_MARKER).unlink()
    assert worker_python() == sys.executable


def test_without_any_python_it_is_said_what_to_do(user, monkeypatch):
    from blender_addon import preferences

    app = SimpleNamespace(binary_path="/opt/blender/blender")
    monkeypatch.setattr(preferences, "bpy", SimpleNamespace(app=app, context=bpy.context, path=bpy.path))
    with pytest.raises(WorkerError, match="press Set Up"):
        preferences.worker_python()


@pytest.mark.slow
def test_the_test_button_says_what_it_found(user, monkeypatch):
    monkeypatch.setenv("MOSAIC_PYTHON", sys.executable)
    status = bpy.context.window_manager.mosaic_worker
    try:
        result = bpy.ops.mosaic.test_worker()
    except RuntimeError as error:  # this Python has no torch
        assert "lacks" in str(error) and "torch" in status.line and status.failed
    else:
        assert result == {"FINISHED"} and status.line.startswith(f"Python {sys.version.split()[0]}, torch ")
        assert status.line.endswith(": ready") and not status.failed and not status.busy


@pytest.mark.parametrize("python", ["/nowhere/python", str(ROOT)])
def test_the_test_button_says_what_is_wrong(user, monkeypatch, python):
    monkeypatch.setenv("MOSAIC_PYTHON", python)
    with pytest.raises(RuntimeError, match=re.escape(python)):
        bpy.ops.mosaic.test_worker()
    status = bpy.context.window_manager.mosaic_worker
    assert status.failed and python in status.line and "\n" not in status.line.strip()


def test_in_a_window_the_test_runs_beside_blender(user, monkeypatch):
    from blender_addon import compat, worker_setup
    from mosaic_core.worker.runner import start_probe
    from tests.worker.fake_jobs import FAKE_COMMAND

    worker_setup._runtime.probe = start_probe("", log_file=compat.user_dir() / "x.log", command=[*FAKE_COMMAND, "ok"])
    status = bpy.context.window_manager.mosaic_worker
    assert not bpy.ops.mosaic.test_worker.poll()
    end_s = time.monotonic() + 10
    while worker_setup._pump() is not None and time.monotonic() < end_s:
        time.sleep(0.02)
    assert status.line.startswith("Python 3.11.0, torch 2.9.0, Fake CPU") and not status.busy
    assert bpy.ops.mosaic.test_worker.poll()


def test_nothing_is_downloaded_while_blender_is_offline(user, monkeypatch):
    from blender_addon import preferences

    assert bpy.app.online_access is False  # as the bpy package has it
    assert not bpy.ops.mosaic.create_environment.poll()
    monkeypatch.setattr(preferences._fallback, "local_packages", True, raising=False)
    assert bpy.ops.mosaic.create_environment.poll()


def test_the_packages_have_the_bounds_of_the_project():
    from blender_addon.environment import REQUIREMENTS

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert sorted(REQUIREMENTS) == sorted(project["dependencies"])


def wheel(folder: Path) -> Path:
    """A package of one line, to install without any index."""
    folder.mkdir()
    file = folder / "tinypackage-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tinypackage.py", "ANSWER = 42\n")
        info = "tinypackage-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinypackage\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return folder


def build(tmp_path, **options):
    from blender_addon.environment import EnvironmentBuilder

    settings = {"log_file": tmp_path / "env.log", "base_python": sys.executable} | options
    return EnvironmentBuilder(tmp_path / "env", **settings)


@pytest.mark.slow
def test_an_environment_is_created_with_its_packages(tmp_path):
    import subprocess

    from blender_addon.environment import ready_python

    pytest.importorskip("ensurepip", reason="this Python cannot make environments")
    builder = build(tmp_path, wheels_folder=wheel(tmp_path / "wheels"), requirements=("tinypackage>=1",))
    state = builder.wait()
    assert state.error is None and state.python == ready_python(tmp_path / "env")
    run = subprocess.run(
        [state.python, "-c", "import sys, tinypackage; print(tinypackage.ANSWER, sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["42", str(tmp_path / "env")]
    assert "tinypackage" in (tmp_path / "env.log").read_text()


FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *venv*) mkdir -p "$5/bin" && cp "$0" "$5/bin/python" && touch "$5/pyvenv.cfg" ;;
    *pip*) echo "ERROR: No matching distribution found for absent"; echo "a last word"; exit 1 ;;
esac
"""


def fake_python(folder: Path, source: str) -> str:
    """A program that takes a Python's place."""
    if os.name == "nt":
        pytest.skip("a script is no program on Windows")
    program = folder / "python3"
    program.write_text(source)
    program.chmod(0o755)
    return str(program)


def test_a_package_that_cannot_be_had_is_said_and_nothing_stays(tmp_path):
    state = build(tmp_path, base_python=fake_python(tmp_path, FAKE_PYTHON), requirements=("absent",)).wait()
    assert re.match(r"installing packages failed: there is no absent for Python 3: choose a Python 3.11", state.error)
    assert not (tmp_path / "env").exists()


def test_a_cancelled_build_ends_its_process_and_leaves_nothing(tmp_path):
    slow = fake_python(tmp_path, '#!/bin/sh\ncase "$*" in *"-m venv"*) sleep 60 ;; esac\n')
    builder = build(tmp_path, base_python=slow)
    while builder.state.line.startswith("Looking"):
        time.sleep(0.01)
    builder.close()
    assert builder.state.error.startswith("cancelled: the environment was not created")
    assert not builder._thread.is_alive() and not (tmp_path / "env").exists()


@pytest.mark.parametrize(("program", "words"), [("/nowhere/python", "could not be started"), ("fake", "exit code 7")])
def test_a_base_python_that_is_none_is_said(tmp_path, program, words):
    if program == "fake":
        program = fake_python(tmp_path, "#!/bin/sh\nexit 7\n")
    state = build(tmp_path, base_python=program).wait()
    assert program in state.error and words in state.error and "Base Python" in state.error


def test_the_preferences_are_drawn_in_every_state(user, monkeypatch):
    from blender_addon import preferences

    from .test_panel import FakeLayout

    chosen = SimpleNamespace(bl_rna=preferences.MosaicPreferences.bl_rna, local_packages=True)
    status = bpy.context.window_manager.mosaic_worker
    for line, failed in (("", False), ("Python 3.11, torch 2.9: ready", False), ("it lacks torch", True)):
        status.line, status.failed = line, failed
        layout = FakeLayout()
        preferences.draw_preferences(layout, bpy.context, chosen)
        assert "mosaic.test_worker Test" in layout.drawn and line in " ".join(layout.drawn)
        assert "mosaic.create_environment Create Environment" in layout.drawn
