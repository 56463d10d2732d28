"""What the JSON parts and members of a `.mosaic` file mean: from an open archive to a memory, read as it is needed.

Everything that says how large things are is checked here, before any array is read: the arrays of a view have its
camera's size, the columns of a table one length. So an array that is touched later can only turn out damaged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..cameras import Camera
from ..conventions import PATCH_SIZE_PX
from ..errors import MemoryFileError, MosaicError
from .archive import ArchiveReader
from .edits import Edit
from .features import DTYPES, Features, check_name
from .memory import Memory
from .motion import Motion
from .patches import Patches, column_kind, column_names
from .placements import Placements, joined_placements
from .sightings import Sightings
from .stored import RowMaps, StoredFeatures, StoredPatches, StoredView
from .tone import Tone
from .view import PATCH_SIZES_PX, SOURCES, View

VIEW_ARRAYS = {"rgb": np.uint8, "z_depth": np.float32, "object_ids": np.int32, "dynamic": np.bool_, "sky": np.bool_}
PLACEMENT_COLUMNS = ("ids", "rows", "transform_index", "flags", "time_range_s")
# What values of a wrong kind in a part lead to. Anything else is a defect of ours and keeps its traceback.
MALFORMED = (MosaicError, KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError)


def memory_of(archive: ArchiveReader) -> Memory:
    """The memory in an open file; its large arrays are read when first asked for. Raises `MemoryFileError`."""
    try:
        _ = archive.manifest["views"], archive.manifest["object_names"]  # only appends may lack them
        entries = [entry for part in archive.parts for entry in part.get("views", [])]
        views = tuple(_view(archive, index, entry) for index, entry in enumerate(entries))
        log = [_edit_of(entry) for part in archive.parts for entry in part.get("edit_log", [])]
        names = {key: name for part in archive.parts for key, name in part.get("object_names", {}).items()}
        motions = {key: entry for part in archive.parts for key, entry in part.get("motions", {}).items()}
        applied, undone = _history(archive, log)
        return Memory(
            views=views,
            object_names={int(key): str(name) for key, name in names.items()},
            patches=_patches(archive, len(views)),
            pixel_rows=_row_maps(archive, len(views)),
            written=written_placements(archive),
            edits=applied,
            undone=undone,
            motions={int(key): Motion.from_json(entry) for key, entry in motions.items()},
            sightings=_sightings(archive),
            features={check_name(name): _features(archive, name) for name in feature_dtypes(archive)},
        )
    except MemoryFileError:
        raise
    except MALFORMED as error:
        raise corrupted(archive, error) from error


def corrupted(archive: ArchiveReader, error: BaseException) -> MemoryFileError:
    """The error for a file whose parts make no sense, on one line."""
    return MemoryFileError(f"{archive.file} is corrupted: {' '.join(str(error).split())[:300] or type(error).__name__}")


def pieces_of(archive: ArchiveReader, folder: str) -> list[str]:
    """The folders that hold a table: one for the first save, one for each append that added to it."""
    if archive.manifest["schema_version"] == 1:
        return [folder]
    names = (f"{folder}/{index:04d}" for index in range(len(archive.parts)))
    column = "view" if folder == "patches" else "ids"
    return [name for name in names if f"{name}/{column}" in archive.members]


def placement_columns(placements: Placements, folder: str) -> Iterable[tuple[str, np.ndarray]]:
    """A placement table as archive members, without its transforms."""
    return ((f"{folder}/{name}", getattr(placements, name)) for name in PLACEMENT_COLUMNS)


def placements_of(archive: ArchiveReader, folder: str, transforms: np.ndarray) -> Placements:
    """The table that `placement_columns` wrote. Raises `MemoryFileError` or `EditError`."""
    return Placements(transforms=transforms, **{name: archive.array(f"{folder}/{name}") for name in PLACEMENT_COLUMNS})


def written_placements(archive: ArchiveReader) -> Placements:
    """The placements as lifted, of all parts. Raises `MemoryFileError` or `EditError`."""
    first, *more = pieces_of(archive, "written")
    transforms = archive.array(f"{first}/transforms")
    table = placements_of(archive, first, transforms)
    for folder in more:
        table = joined_placements(table, placements_of(archive, folder, transforms))
    return table


def view_to_json(view: View) -> dict[str, Any]:
    """Everything of a view that is no array."""
    return {
        "name": view.name,
        "source": view.source,
        "time_s": view.time_s,
        "intrinsics_px": view.camera.intrinsics_px.ravel().tolist(),
        "world_from_cam": view.camera.world_from_cam.ravel().tolist(),
        "image_height": view.camera.image_height,
        "image_width": view.camera.image_width,
        # Only latent frames have another.
        **({"patch_size_px": view.patch_size_px} if view.patch_size_px != PATCH_SIZE_PX else {}),
        # Only splices have more than one world.
        **({"world": view.world} if view.world else {}),
        **({"tone": view.tone.to_json()} if view.tone is not None else {}),
    }


def edit_to_json(edit: Edit) -> dict[str, Any]:
    """One entry of the log; its parameters are JSON already."""
    return {name: getattr(edit, name) for name in ("kind", "parameters", "author", "time", "id")}


def _edit_of(entry: dict[str, Any]) -> Edit:
    edit = Edit(**entry)
    texts = (edit.kind, edit.author, edit.time, edit.id)
    if not isinstance(edit.parameters, dict) or not all(isinstance(text, str) for text in texts):
        raise ValueError("an entry of the edit log is malformed")
    return edit


def _history(archive: ArchiveReader, log: list[Edit]) -> tuple[tuple[Edit, ...], tuple[Edit, ...]]:
    """The edits in force, and those to redo."""
    if archive.manifest["schema_version"] == 1:
        applied, undone = (tuple(map(_edit_of, archive.manifest[name])) for name in ("edits", "undone"))
        return applied, undone
    numbers = [archive.parts[-1][name] for name in ("applied", "undone")]
    flat = [number for part in numbers for number in part]
    if not all(type(n) is int and 0 <= n < len(log) for n in flat) or len(set(flat)) < len(flat):
        raise ValueError("the history names edits that are not in the log")
    applied, undone = (tuple(log[n] for n in part) for part in numbers)
    return applied, undone


def _view(archive: ArchiveReader, index: int, entry: dict[str, Any]) -> View:
    camera = Camera(
        np.array(entry["intrinsics_px"], dtype=np.float64).reshape(3, 3),
        np.array(entry["world_from_cam"], dtype=np.float64).reshape(4, 4),
        entry["image_height"],
        entry["image_width"],
    )
    folder, size = f"views/{index:04d}", (camera.image_height, camera.image_width)
    for name, dtype in VIEW_ARRAYS.items():
        archive.expect(f"{folder}/{name}", dtype, (*size, 3) if name == "rgb" else size)
    archive.expect(f"{folder}/rows", np.int32, size)
    world, time_s = entry.get("world", 0), float(entry["time_s"])
    if type(world) is not int or world < 0 or entry["source"] not in SOURCES or not np.isfinite(time_s):
        raise ValueError(f"view {index} has an impossible world, source or time")
    patch_size_px = entry.get("patch_size_px", PATCH_SIZE_PX)
    if type(patch_size_px) is not int or patch_size_px not in PATCH_SIZES_PX:
        raise ValueError(f"view {index} has patches of an impossible size")
    return StoredView.of(
        {name: partial(archive.array, f"{folder}/{name}") for name in VIEW_ARRAYS},
        {name: (archive.sha256_of(f"{folder}/{name}"),) for name in VIEW_ARRAYS},
        camera=camera,
        time_s=time_s,
        name=str(entry["name"]),
        source=entry["source"],
        patch_size_px=patch_size_px,
        world=world,
        tone=Tone.from_json(entry["tone"]) if "tone" in entry else None,
    )


def _row_maps(archive: ArchiveReader, count: int) -> RowMaps:
    names = [f"views/{index:04d}/rows" for index in range(count)]
    patch_count = sum(archive.shape_of(f"{folder}/view")[0] for folder in pieces_of(archive, "patches"))
    maps = [partial(_numbers, archive, [name], 0, patch_count) for name in names]
    return RowMaps(maps, [archive.sha256_of(name) for name in names])


def _numbers(archive: ArchiveReader, members: list[str], least: int, most: int) -> np.ndarray:
    """An array that counts views or rows. Raises `MemoryFileError` where it names one that is not there."""
    array = _joined_arrays(archive, members)
    if array.size and not (array.min() >= least and array.max() <= most):
        raise MemoryFileError(f"{archive.file} is corrupted: {members[0]} names what is not there")
    return array


def _patches(archive: ArchiveReader, view_count: int) -> Patches:
    folders = pieces_of(archive, "patches")
    counts = [archive.shape_of(f"{folder}/view")[0] for folder in folders]
    for name in column_names():
        dtype, row_shape = column_kind(name)
        for folder, count in zip(folders, counts, strict=True):
            archive.expect(f"{folder}/{name}", dtype, (count, *row_shape))

    members = {name: [f"{folder}/{name}" for folder in folders] for name in column_names()}
    loaders = {name: partial(_joined_arrays, archive, pieces) for name, pieces in members.items()}
    loaders["view"] = partial(_numbers, archive, members["view"], 0, view_count - 1)
    digests = {name: tuple(map(archive.sha256_of, pieces)) for name, pieces in members.items()}
    return StoredPatches.of(loaders, digests, sum(counts))


def sightings_arrays(memory: Memory, folder: str) -> Iterable[tuple[str, np.ndarray]]:
    """What is known of patches seen again, as archive members; nothing where nothing ever was."""
    if not memory.sightings.blocks:
        return ()
    counts, last_s = memory.sightings.of_rows(np.arange(1, len(memory.patches) + 1))
    return ((f"{folder}/count", counts.astype(np.int32)), (f"{folder}/last_s", last_s))


def _sightings(archive: ArchiveReader) -> Sightings:
    """Of the last part that says anything: sightings are the one thing that an append states anew."""
    folders = [f"sightings/{index:04d}" for index in range(len(archive.parts))]
    folders = [folder for folder in folders if f"{folder}/count" in archive.members]
    if not folders:
        return Sightings()
    (count,) = archive.shape_of(f"{folders[-1]}/count")
    archive.expect(f"{folders[-1]}/count", np.int32, (count,))
    archive.expect(f"{folders[-1]}/last_s", np.float32, (count,))
    return Sightings.of_columns(*(archive.array(f"{folders[-1]}/{name}") for name in ("count", "last_s")))


def feature_dtypes(archive: ArchiveReader) -> dict[str, str]:
    """The feature tables' types, by name. Raises `KeyError`, `TypeError`."""
    return {name: entry["dtype"] for part in archive.parts for name, entry in part.get("features", {}).items()}


def feature_members(archive: ArchiveReader, name: str) -> list[str]:
    """The members that hold a feature table, in the order of its rows."""
    names = (f"features/{name}/{index:04d}" for index in range(len(archive.parts)))
    return [member for member in names if member in archive.members]


def _features(archive: ArchiveReader, name: str) -> StoredFeatures:
    members = feature_members(archive, name)
    (dtype,) = {part["features"][name]["dtype"] for part in archive.parts if name in part.get("features", {})}
    channels = archive.shape_of(members[0])[1]
    if channels < 1:
        raise ValueError(f"features {name!r} have no channels")
    for member in members:
        archive.expect(member, DTYPES[dtype], (archive.shape_of(member)[0], channels))
    count = sum(archive.shape_of(member)[0] for member in members)
    loaders = {"values": partial(_joined_arrays, archive, members)}
    digests = {"values": tuple(map(archive.sha256_of, members))}
    return StoredFeatures.of(loaders, digests, dtype=dtype, shape=(count, channels))


def _joined_arrays(archive: ArchiveReader, members: list[str]) -> np.ndarray:
    """The pieces of a column, put together without holding them twice."""
    if len(members) == 1:
        return archive.array(members[0])
    count = sum(archive.shape_of(member)[0] for member in members)
    first = archive.array(members[0])
    whole, at = np.zeros((count, *first.shape[1:]), first.dtype), 0
    for index, member in enumerate(members):
        piece = first if index == 0 else archive.array(member)
        whole[at : at + len(piece)] = piece
        at += len(piece)
    whole.flags.writeable = False
    return whole


def read_now(memory: Memory) -> Memory:
    """The same memory with every array read. Raises `MemoryFileError` or `MosaicError` for a damaged one."""
    names = ("camera", *VIEW_ARRAYS, "time_s", "name", "source", "patch_size_px", "world", "tone")
    return replace(
        memory,
        views=tuple(View(**{name: getattr(view, name) for name in names}) for view in memory.views),
        patches=Patches(**{name: getattr(memory.patches, name) for name in column_names()}),
        pixel_rows=tuple(memory.pixel_rows),
        features={name: Features(table.values, table.dtype) for name, table in memory.features.items()},
    )
