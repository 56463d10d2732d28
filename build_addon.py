"""Zips `blender_addon` with `mosaic_core` inside into an installable Blender extension.

    python build_addon.py [--out DIR]       # writes DIR/mosaic-<version>.zip, prints its sha256

A pure function of the two source folders and the version in `pyproject.toml`: no tracked file is
edited, and the same sources give the same bytes on every machine. So members are sorted, dated
1980, 0644, with Unix line ends, and stored instead of deflated: zlib's bytes differ between its
versions, and weights would not shrink anyway.

Blender's rules want relative imports only, while the source tree has two packages side by side. So
a line `from mosaic_core.x import y` of the add-on becomes `from ..mosaic_core.x import y`, with the
dots its depth needs. Any other way to import the core is refused: it would work from the source
tree and fail once installed. The courtyard of `mosaic demo` stays in, as the example scene.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent

MANIFEST = "blender_manifest.toml"
# Training clips are filmed from a source tree: that takes torch, which Blender has not.
SKIPPED_FOLDERS = {"__pycache__", "tests", "filming"}
TEXT_SUFFIXES = {".py", ".toml", ".md", ".txt", ".json", ".glsl"}
BINARY_SUFFIXES = {".safetensors", ".npz", ".npy", ".png"}
TEXT_NAMES = {"LICENSE", "NOTICE"}

_CORE_IMPORT = re.compile(r"^(\s*from )mosaic_core(?=[.\s])")
_VERSION_LINE = re.compile(r'^version = "0\.0\.0"$', re.MULTILINE)


class BuildError(Exception):
    """The sources cannot become an extension; the text says which file and why."""


def build(out_dir: Path, *, root: Path = ROOT) -> Path:
    """Write `mosaic-<version>.zip` into `out_dir`; returns its path.

    `root` holds both packages and `pyproject.toml`. The zip appears whole or not at all. Raises
    `BuildError` for sources that would not work as an extension.
    """
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    members = collect_members(root, version=version)
    out_dir.mkdir(parents=True, exist_ok=True)
    zip_file = out_dir / f"mosaic-{version}.zip"
    with tempfile.TemporaryDirectory(dir=out_dir) as folder:
        part = Path(folder, zip_file.name)
        _write_zip(part, members)
        os.replace(part, zip_file)
    return zip_file


def collect_members(root: Path, *, version: str) -> dict[str, bytes]:
    """What goes into the zip: member name -> content, imports and version already rewritten."""
    members: dict[str, bytes] = {}
    for file in _source_files(root / "blender_addon"):
        name = file.relative_to(root / "blender_addon").as_posix()
        content = _content(file)
        if file.suffix == ".py":
            content = relative_core_imports(content.decode("utf-8"), name).encode("utf-8")
        elif name == MANIFEST:
            content = _manifest_with_version(content.decode("utf-8"), version).encode("utf-8")
        members[name] = content
    if MANIFEST not in members:
        raise BuildError(f"blender_addon/{MANIFEST} is missing")
    for file in _source_files(root / "mosaic_core"):
        name = file.relative_to(root).as_posix()
        members[name] = _content(file)
        if file.suffix == ".py":
            _refuse_absolute(_imports(members[name].decode("utf-8"), name), {"mosaic_core"}, name)
    return members


def relative_core_imports(source: str, name: str) -> str:
    """The source of add-on module `name`, a path below `blender_addon`, its core imports relative.

    The syntax tree is the judge: exactly the lines it calls imports of the core may change, and all
    of them must. Raises `BuildError` otherwise, and for any other import of either package.
    """
    dots = "." * len(PurePosixPath(name).parts)
    lines = source.split("\n")
    for number, module, is_from in _imports(source, name):
        if is_from and module.partition(".")[0] == "mosaic_core":
            line, count = _CORE_IMPORT.subn(rf"\g<1>{dots}mosaic_core", lines[number - 1])
            if count != 1:
                raise BuildError(
                    f"blender_addon/{name}:{number}: import the core as "
                    "`from mosaic_core.x import y` on a line of its own"
                )
            lines[number - 1] = line
    rewritten = "\n".join(lines)
    both = {"mosaic_core", "blender_addon"}
    _refuse_absolute(_imports(rewritten, name), both, f"blender_addon/{name}")
    return rewritten


def _imports(source: str, name: str) -> list[tuple[int, str, bool]]:
    """The absolute imports of a source: line, module, and whether it is a `from` statement.

    Calls of `import_module` and `__import__` with a literal name count as well.
    """
    found = []
    for node in ast.walk(ast.parse(source, filename=name)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append((node.lineno, node.module or "", True))
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if function in {"import_module", "__import__"}:
                found.append((node.lineno, str(node.args[0].value), False))
    return found


def _refuse_absolute(imports: list[tuple[int, str, bool]], packages: set[str], file_name: str) -> None:
    for number, module, _ in imports:
        if module.partition(".")[0] in packages:
            raise BuildError(f"{file_name}:{number}: `{module}` is imported absolutely, which fails once installed")


def _manifest_with_version(manifest: str, version: str) -> str:
    text, count = _VERSION_LINE.subn(f'version = "{version}"', manifest)
    if count != 1:
        raise BuildError(f'{MANIFEST} must hold the line `version = "0.0.0"` once, found it {count} times')
    return text


def _source_files(folder: Path) -> list[Path]:
    """The files of a package that ship; a kind of file nobody decided about is an error."""
    files = []
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if SKIPPED_FOLDERS.intersection(parts) or any(part.startswith(".") for part in parts):
            continue
        if file.is_symlink():
            raise BuildError(f"{file} is a link, expected plain files")
        if file.is_dir():
            continue
        if file.name not in TEXT_NAMES and file.suffix not in TEXT_SUFFIXES | BINARY_SUFFIXES:
            raise BuildError(f"{file} is of no kind that ships; add its suffix to build_addon.py or remove it")
        files.append(file)
    if not files:
        raise BuildError(f"{folder} holds no sources")
    return files


def _content(file: Path) -> bytes:
    content = file.read_bytes()
    is_text = file.name in TEXT_NAMES or file.suffix in TEXT_SUFFIXES
    return content.replace(b"\r\n", b"\n") if is_text else content  # a Windows checkout builds the same zip


def _write_zip(zip_file: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(zip_file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, so that the permissions count
            info.external_attr = 0o100644 << 16
            archive.writestr(info, members[name])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the Blender extension.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the zip (default: dist)")
    try:
        zip_file = build(parser.parse_args(arguments).out)
    except (BuildError, OSError, SyntaxError) as error:
        print(f"build_addon: {error}", file=sys.stderr)
        return 1
    print(f"{hashlib.sha256(zip_file.read_bytes()).hexdigest()}  {zip_file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
