"""The extension zip: reproducible, accepted by Blender's own checker, and importable under any name."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from build_addon import ROOT, BuildError, build, main, relative_core_imports

pytestmark = pytest.mark.slow

SOURCES = ("blender_addon", "mosaic_core", "pyproject.toml")


@pytest.fixture(scope="module")
def zip_file(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("zip"))


def copy_of_sources(folder: Path) -> Path:
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, copy_function=shutil.copy)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def sha256_by_file(folder: Path) -> dict[str, str]:
    files = [f for name in SOURCES for f in [folder / name, *(folder / name).rglob("*")]]
    return {
        str(f): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in files
        if f.is_file() and "__pycache__" not in f.parts
    }


def test_two_builds_are_byte_identical(zip_file, tmp_path):
    assert build(tmp_path).read_bytes() == zip_file.read_bytes()


def test_dates_permissions_and_line_ends_of_the_tree_leave_no_trace(zip_file, tmp_path):
    root = copy_of_sources(tmp_path)
    for file in root.rglob("*"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
        if file.is_file():
            file.chmod(0o700)
    windows_file = root / "blender_addon" / "registry.py"
    windows_file.write_bytes(windows_file.read_bytes().replace(b"\n", b"\r\n"))
    (root / "mosaic_core" / "__pycache__").mkdir(exist_ok=True)
    (root / "mosaic_core" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"cache")
    (root / "blender_addon" / ".settings.py.swp").write_bytes(b"editor")
    assert build(tmp_path / "out", root=root).read_bytes() == zip_file.read_bytes()


def test_building_changes_no_source_file(tmp_path):
    before = sha256_by_file(ROOT)
    build(tmp_path)
    assert sha256_by_file(ROOT) == before


def test_the_manifest_carries_the_version_of_pyproject(zip_file, tmp_path):
    root = copy_of_sources(tmp_path)
    pyproject = root / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    version = tomllib.loads(text)["project"]["version"]
    pyproject.write_text(text.replace(f'"{version}"', '"7.8.9"', 1), encoding="utf-8")
    newer = build(tmp_path / "out", root=root)
    assert (zip_file.name, newer.name) == (f"mosaic-{version}.zip", "mosaic-7.8.9.zip")
    with zipfile.ZipFile(newer) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode("utf-8"))
    assert manifest["version"] == "7.8.9"


def test_weights_ship_and_tests_do_not(tmp_path):
    root = copy_of_sources(tmp_path)
    (root / "mosaic_core" / "weights").mkdir()
    (root / "mosaic_core" / "weights" / "tiny.safetensors").write_bytes(b"\r\n\x00\xff")
    (root / "blender_addon" / "tests").mkdir()
    (root / "blender_addon" / "tests" / "test_x.py").write_text("", encoding="utf-8")
    with zipfile.ZipFile(build(tmp_path / "out", root=root)) as archive:
        assert archive.read("mosaic_core/weights/tiny.safetensors") == b"\r\n\x00\xff"
        assert not [name for name in archive.namelist() if "test" in name]
        assert archive.namelist() == sorted(archive.namelist())


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("jobs.py", "from mosaic_core.x import y\n", "from .mosaic_core.x import y\n"),
        ("paths/a.py", "from mosaic_core import y\n", "from ..mosaic_core import y\n"),
        (
            "a/b/c.py",
            "def f():\n    from mosaic_core.x.y import (\n        z,\n    )\n",
            "def f():\n    from ...mosaic_core.x.y import (\n        z,\n    )\n",
        ),
        (
            "a.py",
            '"""\nfrom mosaic_core.x import y\n"""\nfrom mosaic_corex import y\n',
            '"""\nfrom mosaic_core.x import y\n"""\nfrom mosaic_corex import y\n',
        ),
    ],
)
def test_core_imports_become_relative_and_nothing_else_changes(name, source, expected):
    assert relative_core_imports(source, name) == expected


@pytest.mark.parametrize(
    "source",
    [
        "import mosaic_core\n",
        "import numpy, mosaic_core.memory as memory\n",
        "x = 1; from mosaic_core.x import y\n",
        "import importlib\nimportlib.import_module('mosaic_core.memory')\n",
        "from blender_addon.settings import y\n",
    ],
)
def test_an_import_that_would_fail_once_installed_is_refused(source):
    with pytest.raises(BuildError, match=r"blender_addon/jobs\.py:\d+: "):
        relative_core_imports(source, "jobs.py")


def test_bad_sources_end_in_one_sentence_and_no_zip(tmp_path, capsys, monkeypatch):
    root = copy_of_sources(tmp_path)
    (root / "blender_addon" / "notes.docx").write_bytes(b"?")
    with pytest.raises(BuildError, match=r"notes\.docx is of no kind that ships"):
        build(tmp_path / "out", root=root)
    (root / "blender_addon" / "notes.docx").unlink()
    (root / "blender_addon" / "blender_manifest.toml").write_text('version = "1.0.0"\n')
    with pytest.raises(BuildError, match=r"once, found it 0 times"):
        build(tmp_path / "out", root=root)
    assert not (tmp_path / "out").exists()
    (tmp_path / "taken").write_text("a file where the folder should be")
    assert main(["--out", str(tmp_path / "taken")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_prints_the_sha256(zip_file, tmp_path):
    run = subprocess.run(
        [sys.executable, str(ROOT / "build_addon.py"), "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split()[0] == hashlib.sha256(zip_file.read_bytes()).hexdigest()


def bpy_scripts() -> Path:
    """The folder `scripts` of the installed bpy package; found without importing it."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the bpy package is not installed")
    return next(Path(next(iter(spec.submodule_search_locations))).glob("[0-9]*/scripts"))


@pytest.mark.blender
def test_blenders_own_checker_accepts_the_zip_and_its_tags(zip_file):
    scripts = bpy_scripts()
    checker = scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    tags = scripts / "modules" / "_bpy_internal" / "extensions" / "tags.py"
    run = subprocess.run(
        [sys.executable, str(checker), "validate", "--valid-tags", str(tags), str(zip_file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


# As in Blender: another package name, and neither our sources nor torch, Pillow and PyAV at hand.
REGISTER_INSTALLED = """
import importlib, pkgutil, sys
absent = {"mosaic_core", "blender_addon", "torch", "PIL", "av"}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"Blender has no module {name}", name=name)
sys.meta_path.insert(0, Absent())
sys.path.insert(0, sys.argv[1])
import bpy
addon = importlib.import_module("bl_ext_like.user_default.mosaic")
for module in pkgutil.walk_packages(addon.__path__, addon.__name__ + "."):
    if ".mosaic_core" not in module.name:
        importlib.import_module(module.name)
for _ in range(2):
    addon.register()
    assert hasattr(bpy.types.Scene, "mosaic")
    addon.unregister()
    assert not hasattr(bpy.types.Scene, "mosaic")
core = importlib.import_module("bl_ext_like.user_default.mosaic.mosaic_core")
print("version", core.VERSION)
"""


@pytest.mark.blender
def test_the_installed_extension_registers_twice_under_another_name(zip_file, tmp_path):
    bpy_scripts()
    package = tmp_path / "bl_ext_like" / "user_default" / "mosaic"
    package.mkdir(parents=True)
    for folder in (package.parent, package.parent.parent):
        (folder / "__init__.py").write_text("", encoding="utf-8")
    with zipfile.ZipFile(zip_file) as archive:
        archive.extractall(package)
    run = subprocess.run(
        [sys.executable, "-c", REGISTER_INSTALLED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"version {zip_file.stem.removeprefix('mosaic-')}" in run.stdout
