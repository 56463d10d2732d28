"""The `.mosaic` file: a whole memory in one zip of `.npy` members and a JSON manifest.

    manifest.json                     format, version, conventions, cameras of the views, object names, checksums
    views/0000/rgb.npy, z_depth, ...  one folder a view
    patches/*.npy                     the columns of the patch table
    written/*.npy                     placements as lifted; the edit log in the manifest brings them up to date

Readable with the standard library and NumPy alone; `mosaic_core.memory.archive` says how it is kept safe.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import Camera
from ..errors import MemoryFileError, MosaicError
from ..files import sha256_of_file
from .archive import ArchiveReader, write_archive
from .edits import Edit
from .memory import Memory
from .patches import Patches, column_names
from .placements import Placements
from .tone import Tone
from .view import View

FORMAT = "mosaic-memory"
SCHEMA_VERSION = 1
CONVENTIONS = (
    "camera axes OpenCV (x right, y down, z forward); world right-handed, +Z up, metres; column vectors; "
    "pixel centres at +0.5; z_depth along the camera axis, inf where unknown or sky; rgb 8-bit sRGB"
)
_VIEW_ARRAYS = ("rgb", "z_depth", "object_ids", "dynamic", "sky")
_PLACEMENT_ARRAYS = ("ids", "rows", "transform_index", "transforms", "flags", "time_range_s")


def save_memory(memory: Memory, file: Path | str) -> None:
    """Write the whole memory to `file`, atomically: the old file stays whole until the new one is complete.

    Raises `MemoryFileError` where the folder is missing, read-only or the disk is full.
    """
    arrays: dict[str, np.ndarray] = {}
    for index, (view, rows) in enumerate(zip(memory.views, memory.pixel_rows, strict=True)):
        folder = f"views/{index:04d}"
        arrays |= {f"{folder}/{name}": getattr(view, name) for name in _VIEW_ARRAYS}
        arrays[f"{folder}/rows"] = rows
    arrays |= {f"patches/{name}": getattr(memory.patches, name) for name in column_names()}
    arrays |= placement_arrays(memory.written, "written")
    manifest = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "conventions": CONVENTIONS,
        "views": [_view_to_json(view) for view in memory.views],
        "object_names": {str(key): name for key, name in memory.object_names.items()},
        "edits": [asdict(edit) for edit in memory.edits],
        "undone": [asdict(edit) for edit in memory.undone],
    }
    write_archive(Path(file), manifest, arrays)


def load_memory(file: Path | str) -> Memory:
    """Read a whole memory.

    Raises `MemoryFileError` for a file that is missing, truncated, corrupted, of a newer version, or not ours.
    """
    file = Path(file)
    with ArchiveReader(file, format_name=FORMAT, schema_version=SCHEMA_VERSION) as archive:
        manifest = archive.manifest
        try:
            views, pixel_rows = [], []
            for index, entry in enumerate(manifest["views"]):
                folder = f"views/{index:04d}"
                arrays = {name: archive.array(f"{folder}/{name}") for name in _VIEW_ARRAYS}
                views.append(_view_from_json(entry, arrays))
                pixel_rows.append(_checked_rows(archive.array(f"{folder}/rows"), views[-1]))
            columns = {name: archive.array(f"patches/{name}") for name in column_names()}
            return Memory(
                views=tuple(views),
                object_names={int(key): str(name) for key, name in manifest["object_names"].items()},
                patches=Patches(**columns),
                pixel_rows=tuple(pixel_rows),
                written=placements_from_archive(archive, "written"),
                edits=tuple(Edit(**entry) for entry in manifest["edits"]),
                undone=tuple(Edit(**entry) for entry in manifest["undone"]),
            )
        except MemoryFileError:
            raise
        except (
            MosaicError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
        ) as error:
            raise MemoryFileError(f"{file} is corrupted: {error}") from error


def memory_sha256(file: Path | str) -> str:
    """The hex SHA-256 of a memory file. Raises `MemoryFileError` where it cannot be read."""
    try:
        return sha256_of_file(Path(file))
    except OSError as error:
        raise MemoryFileError(f"cannot read {file}: {error.strerror or error}") from error


def placement_arrays(placements: Placements, folder: str) -> dict[str, np.ndarray]:
    """The columns of a placement table as archive members."""
    return {f"{folder}/{name}": getattr(placements, name) for name in _PLACEMENT_ARRAYS}


def placements_from_archive(archive: ArchiveReader, folder: str) -> Placements:
    """The placement table that `placement_arrays` wrote. Raises `MemoryFileError` or `EditError`."""
    return Placements(**{name: archive.array(f"{folder}/{name}") for name in _PLACEMENT_ARRAYS})


def _view_to_json(view: View) -> dict[str, Any]:
    return {
        "name": view.name,
        "source": view.source,
        "time_s": view.time_s,
        "intrinsics_px": view.camera.intrinsics_px.ravel().tolist(),
        "world_from_cam": view.camera.world_from_cam.ravel().tolist(),
        "image_height": view.camera.image_height,
        "image_width": view.camera.image_width,
        # Only splices have more than one world.
        **({"world": view.world} if view.world else {}),
        **({"tone": view.tone.to_json()} if view.tone is not None else {}),
    }


def _view_from_json(entry: dict[str, Any], arrays: dict[str, np.ndarray]) -> View:
    camera = Camera(
        np.array(entry["intrinsics_px"], dtype=np.float64).reshape(3, 3),
        np.array(entry["world_from_cam"], dtype=np.float64).reshape(4, 4),
        entry["image_height"],
        entry["image_width"],
    )
    return View(
        camera=camera,
        time_s=float(entry["time_s"]),
        name=str(entry["name"]),
        source=entry["source"],
        world=entry.get("world", 0),
        tone=Tone.from_json(entry["tone"]) if "tone" in entry else None,
        **arrays,
    )


def _checked_rows(rows: np.ndarray, view: View) -> np.ndarray:
    if rows.shape != view.z_depth.shape or rows.dtype != np.int32:
        raise MemoryFileError(f"view {view.name!r}: its row map is {rows.dtype}{rows.shape}")
    rows.flags.writeable = False
    return rows
