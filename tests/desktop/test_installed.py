"""The zip in the desktop Blender: installs, registers, and the add-on's own tests hold there."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from harness import FOLDER

ROOT = FOLDER.parent.parent

SAY_WHAT_IS_THERE = """
import bpy, importlib, sys
import bl_ext.user_default.mosaic as addon
assert bpy.context.scene.mosaic.bl_rna.identifier == "MosaicSceneSettings"
assert not [name for name in sys.modules if name.partition(".")[0] in ("mosaic_core", "torch")]
print("operators", sorted(name for name in dir(bpy.ops.mosaic)))
addon.unregister()
assert not hasattr(bpy.types.Scene, "mosaic")
addon.register()
print("all well")
"""


def test_the_extension_is_registered_at_the_start(blender):
    run = blender.run("--python-exit-code", "1", "--python-expr", SAY_WHAT_IS_THERE)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "all well" in run.stdout
    for operator in ("capture", "draw_path", "duplicate", "generate", "select_object"):
        assert f"'{operator}'" in run.stdout


def pure_python_pytest(folder: Path) -> Path:
    """A copy of this environment's pytest: Blender's Python is another version and has none."""
    folder.mkdir()
    for name in ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments"):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            pytest.fail(f"expected the package {name}, which pytest needs")
        source = Path(spec.origin)
        if spec.submodule_search_locations:
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source.parent, folder / name, ignore=skipped)
        else:
            shutil.copy(source, folder)
    return folder


RUN_THE_TESTS = """
import sys
sys.dont_write_bytecode = True
sys.path[:0] = {paths!r}
import pytest
sys.exit(pytest.main(["--rootdir", {root!r}, "-c", {root!r} + "/pyproject.toml", "-m", "not slow", {tests!r}]))
"""


def test_the_addons_tests_hold_in_the_desktop_blender(bare, tmp_path):
    paths = [str(ROOT), str(pure_python_pytest(tmp_path / "site"))]
    script = tmp_path / "run_tests.py"
    script.write_text(
        RUN_THE_TESTS.format(paths=paths, root=str(ROOT), tests=str(ROOT / "tests" / "addon")),
        encoding="utf-8",
    )
    run = bare.run(*("--factory-startup", "--python-exit-code", "1", "--python", script), limit_s=900)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
