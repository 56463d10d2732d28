"""Placements alone in a file: how Blender hands an edited memory to the GPU process without rewriting its views."""

from __future__ import annotations

from pathlib import Path

from ..errors import EditError, MemoryFileError
from .archive import ArchiveReader, write_archive
from .mosaic_file import placement_arrays, placements_from_archive
from .placements import Placements

FORMAT = "mosaic-placements"
SCHEMA_VERSION = 1


def save_placements(placements: Placements, file: Path | str) -> None:
    """Write a placement table, atomically. Raises `MemoryFileError`."""
    manifest = {"format": FORMAT, "schema_version": SCHEMA_VERSION}
    write_archive(Path(file), manifest, placement_arrays(placements, "placements"))


def load_placements(file: Path | str) -> Placements:
    """Read a placement table. Raises `MemoryFileError`."""
    with ArchiveReader(Path(file), format_name=FORMAT, schema_version=SCHEMA_VERSION) as archive:
        try:
            return placements_from_archive(archive, "placements")
        except EditError as error:
            raise MemoryFileError(f"{file} is corrupted: {error}") from error
