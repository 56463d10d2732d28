"""The version of this source tree. It stands once, in `pyproject.toml`; a built extension carries it in its manifest.

Looked up in that order: the source tree's `pyproject.toml`, the extension's manifest, the installed package's metadata.
"""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path


def _read_version() -> str:
    package = Path(__file__).resolve().parent
    pyproject = package.parent / "pyproject.toml"
    if pyproject.is_file():
        return tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["version"]
    manifest = package.parent / "blender_manifest.toml"
    if manifest.is_file():
        return tomllib.loads(manifest.read_text(encoding="utf-8"))["version"]
    return metadata.version("mosaic")


VERSION = _read_version()
