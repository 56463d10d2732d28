"""The project's rules that a machine can check. The formatter and the linters run here too, so one command tests all.

The rules themselves are short on purpose: a reader should find out from the failure's text which one it is.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "mosaic_core").rglob("*.py"))
ADDON = sorted((ROOT / "blender_addon").rglob("*.py"))
SHIPPED = [*CORE, *ADDON, ROOT / "build_addon.py"]
EVERYTHING = [*SHIPPED, *sorted((ROOT / "tests").rglob("*.py"))]

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 40  # without its docstring
# Where somebody else's file format is read or written, its words may occur (design: conventions).
FOREIGN_WORDS = {"c2w", "w2c", "extrinsic", "extrinsics", "pose", "poses"}
MACHINE_PATHS = re.compile(r"/(?:root|work|home|Users)/\w|/tmp/\w|[A-Z]:\\\\?Users")
REGISTERED_BASES = {"AddonPreferences", "Gizmo", "GizmoGroup", "Menu", "Operator", "Panel", "PropertyGroup", "UIList"}


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache  # every rule reads them all
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def imported_modules(tree: ast.AST) -> set[str]:
    """The top-level packages of a tree's absolute imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def run_tool(*arguments: str) -> None:
    if importlib.util.find_spec(arguments[0]) is None:
        pytest.skip(f"{arguments[0]} is not installed")
    run = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_ruff_finds_nothing():
    run_tool("ruff", "check", "--no-cache", "--output-format", "concise")


def test_the_code_is_formatted():
    run_tool("ruff", "format", "--check", "--no-cache")


@pytest.mark.slow
def test_pyright_finds_nothing():
    run_tool("pyright", "--pythonpath", sys.executable)


def test_modules_are_short_and_say_what_they_are_for():
    missing = [name_of(f) for f in EVERYTHING if f.stat().st_size and not ast.get_docstring(tree_of(f))]
    assert not missing, f"a module docstring says the design and its reason: {missing}"
    counts = {name_of(f): len(f.read_text(encoding="utf-8").splitlines()) for f in EVERYTHING}
    too_long = {name: count for name, count in counts.items() if count >= MAX_MODULE_LINES}
    assert not too_long, f"a module stays under {MAX_MODULE_LINES} lines: {too_long}"


def length_without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def test_functions_are_short():
    too_long = [
        f"{name_of(file)}:{node.lineno} {node.name} {length_without_docstring(node)}"
        for file in EVERYTHING
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and length_without_docstring(node) >= MAX_FUNCTION_LINES
    ]
    assert not too_long, f"a function stays under {MAX_FUNCTION_LINES} lines: {too_long}"


def test_public_names_of_the_core_are_documented():
    bare = [
        f"{name_of(file)}:{node.lineno} {node.name}"
        for file in CORE
        for node in tree_of(file).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare, f"what other modules use has a docstring: {bare}"


def test_dependencies_point_one_way():
    wrong = []
    for file in CORE:
        modules = imported_modules(tree_of(file))
        if modules & {"bpy", "mathutils", "gpu", "bmesh"}:
            wrong.append(f"{name_of(file)} knows Blender")
        if "blender_addon" in modules and file.name != "cli.py":
            wrong.append(f"{name_of(file)} imports the add-on")
        if "mosaic_core" in modules:
            wrong.append(f"{name_of(file)} imports its own package absolutely")
    wrong += [
        f"{name_of(file)} imports torch or numba inside Blender"
        for file in ADDON
        if {"torch", "numba"} & imported_modules(tree_of(file))
    ]
    assert not wrong, wrong


IMPORT_ALL = """
import importlib, pkgutil, sys
absent = set(sys.argv[1].split(","))
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"no module {name} here", name=name)
sys.meta_path.insert(0, Absent())
names = sys.argv[2:]
if not names:
    import mosaic_core
    found = pkgutil.walk_packages(mosaic_core.__path__, "mosaic_core.")
    skipped = ("model", "train", "evaluate", "engines.tiny")
    skipped += ("memory.arrays_torch", "memory.readout_torch", "memory.patch_search_numba")
    skipped = tuple("mosaic_core." + name for name in skipped)
    names = [m.name for m in found if not m.name.startswith(skipped) and "__main__" not in m.name]
for name in names:
    importlib.import_module(name)
print(len(names), "imported")
"""


@pytest.mark.parametrize(
    ("absent", "modules"),
    [
        ("bpy,torch,numba,PIL,av,trimesh", []),  # NumPy only
        (  # what runs inside Blender's main loop: the standard library only
            "bpy,torch,numba,PIL,av,numpy",
            ["mosaic_core.worker.client", "mosaic_core.worker.jobs", "mosaic_core.worker.protocol"],
        ),
    ],
)
def test_importing_the_core_needs_little(absent, modules):
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, absent, *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "imported" in run.stdout


def test_blender_versions_are_told_apart_in_one_place():
    wrong = [
        f"{name_of(file)}:{node.lineno}"
        for file in ADDON
        if file.name != "compat.py"
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("bpy.app.version")
    ]
    assert not wrong, f"bpy.app.version belongs into compat.py: {wrong}"


def test_every_blender_class_is_registered():
    defined, used = {}, set()
    for file in ADDON:
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.ClassDef):
                bases = {base.attr for base in node.bases if isinstance(base, ast.Attribute)}
                if bases & REGISTERED_BASES:
                    defined[node.name] = f"{name_of(file)}:{node.lineno}"
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used.add(node.id)
    wrong = {name: place for name, place in defined.items() if name not in used}
    assert not wrong, f"a Blender class is handed to `registration`: {wrong}"


def class_values(tree: ast.Module) -> list[dict[str, ast.expr]]:
    """The assignments in each class of a module, with `__doc__` for its docstring."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            values: dict[str, ast.expr] = {"__doc__": ast.Constant(ast.get_docstring(node))}
            for statement in node.body:
                if isinstance(statement, ast.Assign):
                    values |= {ast.unparse(target): statement.value for target in statement.targets}
            found.append(values)
    return found


def test_operators_carry_our_prefix_and_a_tooltip():
    wrong = []
    for file in ADDON:
        for values in class_values(tree_of(file)):
            idname = values.get("bl_idname")
            if not isinstance(idname, ast.Constant) or "." not in str(idname.value):
                continue
            tooltip = values.get("bl_description", values["__doc__"])
            if not str(idname.value).startswith("mosaic."):
                wrong.append(f"{name_of(file)}: {idname.value} does not start with `mosaic.`")
            if isinstance(tooltip, ast.Constant) and not tooltip.value:
                wrong.append(f"{name_of(file)}: {idname.value} has no tooltip")
    assert not wrong, wrong


def test_no_error_is_swallowed():
    wrong = []
    for file in SHIPPED:
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.ExceptHandler) and isinstance(node.body[0], ast.Pass):
                caught = ast.unparse(node.type) if node.type else "everything"
                if caught in {"everything", "Exception", "BaseException"}:
                    wrong.append(f"{name_of(file)}:{node.lineno}")
            if isinstance(node, ast.Call) and ast.unparse(node).startswith(
                ("suppress(Exception", "contextlib.suppress(Exception", "suppress(BaseException")
            ):
                wrong.append(f"{name_of(file)}:{node.lineno}")
    assert not wrong, f"an unexpected error is shown, never dropped: {wrong}"


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        (r"\b(TODO|FIXME|XXX)\b", "nothing is left to do"),
        (r"allow_pickle\s*=\s*True", "nothing is unpickled"),
        (r"\bsys\.path\b(?!\s*=\s*None)", "packages are found without touching sys.path"),
    ],
)
def test_shipped_sources_hold_none_of(pattern, rule):
    wrong = [name_of(f) for f in SHIPPED if re.search(pattern, f.read_text(encoding="utf-8"))]
    assert not wrong, f"{rule}: {wrong}"


def names_in(file: Path) -> set[str]:
    """Every identifier of a source."""
    with file.open("rb") as lines:
        return {token.string for token in tokenize.tokenize(lines.readline) if token.type == tokenize.NAME}


def test_nothing_asks_the_context_for_what_only_windows_have():
    pattern = re.compile(r"context\.(selected_\w+|active_object|object|edit_object|visible_objects)\b")
    wrong = [
        f"{name_of(file)}: {match.group()}"
        for file in ADDON
        for match in pattern.finditer(file.read_text(encoding="utf-8"))
    ]
    assert not wrong, f"missing in `blender -b`, ask the view layer: {wrong}"


def test_foreign_camera_words_stay_in_the_file_formats():
    wrong = [
        f"{name_of(file)}: {name}"
        for file in SHIPPED
        if "formats" not in file.parts
        for name in names_in(file)
        if FOREIGN_WORDS & set(name.lower().split("_"))
    ]
    assert not wrong, f"transforms are named by their frames, `world_from_cam`: {wrong}"


def test_no_file_names_a_folder_of_this_machine():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    suffixes = {".py", ".toml", ".md", ".json", ""}
    files = [ROOT / name for name in tracked.stdout.split("\0") if name]
    wrong = []
    for file in files:
        if file.suffix in suffixes and file.is_file() and file != Path(__file__).resolve():
            match = MACHINE_PATHS.search(file.read_text(encoding="utf-8", errors="replace"))
            wrong += [f"{name_of(file)}: {match.group()}"] if match else []
    assert not wrong, f"a path that exists on one machine only: {wrong}"
