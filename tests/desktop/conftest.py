"""The desktop tests drive the Blender named by the variable BLENDER, with the built extension in it.

    BLENDER=/path/to/blender python -m pytest tests/desktop

The pictures they take stay in the folder MOSAIC_SCREENSHOTS, where that is set.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from harness import FOLDER, DesktopBlender

from build_addon import build


@pytest.fixture(scope="session")
def executable() -> str:
    """The desktop Blender; the tests are skipped where none is named, and fail where it is missing."""
    named = os.environ.get("BLENDER")
    if not named:
        pytest.skip("the variable BLENDER names no desktop Blender")
    found = shutil.which(named)
    if found is None:
        pytest.fail(f"BLENDER names {named}, which cannot be run")
    return str(Path(found).absolute())


@pytest.fixture(scope="session")
def bare(executable, tmp_path_factory) -> DesktopBlender:
    """Blender as it comes, without the extension."""
    return DesktopBlender(executable, tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="session")
def blender(executable, tmp_path_factory) -> DesktopBlender:
    """Blender with the extension built from this tree, installed and enabled as a user does it."""
    desktop = DesktopBlender(executable, tmp_path_factory.mktemp("home"))
    desktop.install(build(tmp_path_factory.mktemp("zip")))
    return desktop


@pytest.fixture(scope="session")
def shots(tmp_path_factory) -> Path:
    """Where the screenshots go."""
    named = os.environ.get("MOSAIC_SCREENSHOTS")
    return Path(named).absolute() if named else tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="session")
def scene_file(blender, tmp_path_factory) -> Path:
    """An artist's scene before Mosaic was used on it; copy it before changing anything."""
    file = tmp_path_factory.mktemp("scene") / "courtyard.blend"
    run = blender.run("--python-exit-code", "1", "--python", FOLDER / "make_scene.py", "--", file)
    assert run.returncode == 0, run.stdout + run.stderr
    return file
