"""Placements alone in a file: how Blender hands an edited memory to the GPU process without rewriting its views."""

from __future__ import annotations

from pathlib import Path

from ..errors import EditError, MemoryFileError
from .archive import ArchiveReader, write_archive
from .mosaic_parts import placement_columns, placements_of
from .placements import Placements

FORMAT = "mosaic-placements"
SCHEMA_VERSION = 1


def save_placements(placements: Placements, file: Path | str) -> None:
    """Write a placement table, atomically. Raises `MemoryFileError`."""
    manifest = {"format": FORMAT, "schema_version": SCHEMA_VERSION}
    transforms = ("placements/transforms", placements.transforms)
    write_archive(Path(file), manifest, [*placement_columns(placements, "placements"), transforms])


def load_placements(file: Path | str) -> Placements:
    """Read a placement table. Raises `MemoryFileError`."""
    with ArchiveReader(Path(file), format_name=FORMAT, schema_version=SCHEMA_VERSION) as archive:
        try:
            return placements_of(archive, "placements", archive.array("placements/transforms"))
        except EditError as error:
            raise MemoryFileError(f"{file} is corrupted: {error}") from error
