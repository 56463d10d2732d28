"""The `.mosaic` file: a whole memory in one zip of `.npy` members and JSON.

    manifest.json                     format, version, conventions, cameras of the views, names, edits, checksums
    views/0000/rgb.npy, z_depth, ...  one folder a view
    patches/0000/*.npy                the columns of the patch table
    written/0000/*.npy                placements as lifted; the edit log brings them up to date
    sightings/0000/*.npy              how often patches were seen again, and when last, where any was
    features/ENGINE/0000.npy          latents, a row a patch; bfloat16 as its bits in uint16
    appended/0001.json                what an append added: views, patches/0001, written/0001, features, edits

Every edit ever made stands once in the log; `applied` and `undone` number those that are in force, so that undoing
appends a few numbers. Saving writes the file anew, `mosaic_append` adds what is new. Readable with the
standard library and NumPy alone; `mosaic_core.memory.archive` says how it is kept safe.

Version 1 had no features, no appends, and its tables in `patches/*.npy` and `written/*.npy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import MemoryFileError
from ..files import sha256_of_file
from .archive import ArchiveReader, write_archive
from .memory import Memory
from .mosaic_parts import (
    MALFORMED,
    VIEW_ARRAYS,
    corrupted,
    edit_to_json,
    memory_of,
    placement_columns,
    read_now,
    sightings_arrays,
    view_to_json,
)
from .patches import column_names
from .stored import RowMaps, unread

FORMAT = "mosaic-memory"
SCHEMA_VERSION = 2
CONVENTIONS = (
    "camera axes OpenCV (x right, y down, z forward); world right-handed, +Z up, metres; column vectors; "
    "pixel centres at +0.5; z_depth along the camera axis, inf where unknown or sky; rgb 8-bit sRGB"
)


def save_memory(memory: Memory, file: Path | str) -> None:
    """Write the whole memory to `file`, atomically: the old file stays whole until the new one is complete.

    Raises `MemoryFileError` where the folder is missing, read-only or the disk is full.
    """
    manifest = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "conventions": CONVENTIONS,
        "views": [view_to_json(view) for view in memory.views],
        "object_names": {str(key): name for key, name in memory.object_names.items()},
        "edit_log": [edit_to_json(edit) for edit in (*memory.edits, *memory.undone)],
        "applied": list(range(len(memory.edits))),
        "undone": list(range(len(memory.edits), len(memory.edits) + len(memory.undone))),
        "features": {name: {"dtype": table.dtype} for name, table in memory.features.items()},
        # Only of things that a renderer knows the way of.
        **({"motions": {str(k): motion.to_json() for k, motion in memory.motions.items()}} if memory.motions else {}),
    }
    write_archive(Path(file), manifest, _arrays_of(memory))


def load_memory(file: Path | str) -> Memory:
    """Read a whole memory.

    Raises `MemoryFileError` for a file that is missing, truncated, corrupted, of a newer version, or not ours.
    """
    with open_archive(file) as archive:
        try:
            return read_now(memory_of(archive))
        except MemoryFileError:
            raise
        except MALFORMED as error:
            raise corrupted(archive, error) from error


def open_memory(file: Path | str) -> Memory:
    """A memory whose views, patches and features stay in the file until they are asked for, array by array.

    The file is held open and shows the state it had now, whatever is saved or appended to it later; on Windows it
    cannot be replaced meanwhile. Raises `MemoryFileError` as `load_memory` does; a damaged array does where it is used.
    """
    archive = open_archive(file)
    try:
        return memory_of(archive)
    except BaseException:
        archive.close()
        raise


def open_archive(file: Path | str) -> ArchiveReader:
    """The open archive behind a memory file. Raises `MemoryFileError`."""
    return ArchiveReader(Path(file), format_name=FORMAT, schema_version=SCHEMA_VERSION)


def memory_sha256(file: Path | str) -> str:
    """The hex SHA-256 of a memory file. Raises `MemoryFileError` where it cannot be read."""
    try:
        return sha256_of_file(Path(file))
    except OSError as error:
        raise MemoryFileError(f"cannot read {file}: {error.strerror or error}") from error


def _arrays_of(memory: Memory) -> Iterator[tuple[str, np.ndarray]]:
    """All arrays, one after the other: what is still in a file is read, written and forgotten."""
    yield from view_arrays(memory, 0)
    for name in column_names():
        yield f"patches/0000/{name}", unread(memory.patches, name)
    yield from placement_columns(memory.written, "written/0000")
    yield "written/0000/transforms", memory.written.transforms
    yield from sightings_arrays(memory, "sightings/0000")
    for name, table in memory.features.items():
        yield f"features/{name}/0000", unread(table, "values")


def view_arrays(memory: Memory, first: int) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of the views from index `first` on, as archive members."""
    for index in range(first, len(memory.views)):
        for name in VIEW_ARRAYS:
            yield f"views/{index:04d}/{name}", unread(memory.views[index], name)
        rows = memory.pixel_rows
        yield f"views/{index:04d}/rows", rows.unread(index) if isinstance(rows, RowMaps) else rows[index]
