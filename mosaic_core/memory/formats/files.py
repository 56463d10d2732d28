"""Memories in the formats of other tools: choosing one, reading, writing, and saying what was assumed or left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ...cameras.formats import read_path_stating
from ...errors import FormatError, MosaicError
from ..memory import Memory
from ..view import View
from . import colmap, mirage, rgbd, vipe
from .base import Known, MemoryFormat
from .cloud import pixel_points, views_of_cloud
from .clouds import read_cloud, write_cloud

# Python's and NumPy's answers to values of a wrong kind. Anything else is a defect of ours and keeps its traceback.
_MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ArithmeticError)


@dataclass(frozen=True)
class Imported:
    """A memory from another program's files, their format, and what they left open, a sentence each."""

    memory: Memory
    format_name: str
    assumed: tuple[str, ...]


def _is_cloud(kind: str, place: Path) -> bool:
    return place.is_file() and place.suffix.lower() == f".{kind}"


def _views_of_file(place: Path, known: Known) -> Iterator[View]:
    if known.cameras is None:
        raise FormatError("points have no views: name a camera path to look at them from")
    read = read_path_stating(known.cameras, gaps=known.gaps())
    known.note("points are seen as squares, as large as they are apart")
    return views_of_cloud(read_cloud(place), read.path)


def _write_points(memory: Memory, place: Path, known: Known) -> None:
    del known
    write_cloud(pixel_points(memory), place)


def _cloud_format(kind: str, lost: tuple[str, ...] = ()) -> MemoryFormat:
    always = ("views, features and history are left out: points remain", "the sky is left out")
    about = f"{kind.upper()} point cloud"
    return MemoryFormat(kind, about, partial(_is_cloud, kind), _views_of_file, _write_points, (*always, *lost))


# The order in which a place is looked at: COLMAP's workspace and ViPE's folder may also hold plain images.
FORMATS: dict[str, MemoryFormat] = {
    format_.name: format_
    for format_ in (
        _cloud_format("ply"),
        _cloud_format("glb"),
        mirage.FORMAT,
        vipe.FORMAT,
        colmap.BINARY,
        colmap.TEXT,
        rgbd.FORMAT,
    )
}
FORMAT_NAMES: tuple[str, ...] = tuple(FORMATS)
ABOUT_FORMATS: dict[str, str] = {name: format_.about for name, format_ in FORMATS.items()}


def import_memory(place: Path | str, format: str | None = None, *, known: Known | None = None) -> Imported:
    """A new memory from another program's file or folder; `format=None` guesses by what is there.

    `known` are facts the files lack. Raises `FormatError` for files that are missing, in no known format, or wrong.
    """
    place, known = Path(place), known or Known()
    chosen = format_named(format) if format is not None else _guess(place)
    assert chosen.read is not None
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            memory = Memory.from_views(list(chosen.read(place, known)))
            if not memory.views:
                raise FormatError("it holds no view with depth")
    except (MosaicError, OSError) as error:
        raise FormatError(f"not a usable {chosen.about}: {_line(error)}") from error
    except _MALFORMED as error:
        detail = f"it has no {_line(error)}" if isinstance(error, KeyError) else _line(error)
        raise FormatError(f"not a usable {chosen.about}: {detail}") from error
    return Imported(memory, chosen.name, tuple(known.notes))


def export_memory(
    memory: Memory, place: Path | str, *, format: str, known: Known | None = None, shown: bool = False
) -> tuple[str, ...]:
    """Write a memory for another program; sentences about what is left out.

    Formats of views hold what was captured; with `shown`, what the edited memory shows to the same cameras. Points are
    always where the edits put them. Folders are made, files written atomically. Raises `FormatError`.
    """
    chosen, known, lost = format_named(format), known or Known(), []
    if not memory.views:
        raise FormatError("the memory has no views to export")
    if chosen.name not in ("ply", "glb"):
        if shown:
            memory = as_shown(memory)
        elif not memory.placements.same_as(memory.written):
            lost.append("edits are left out: the views are as they were captured")
    try:
        chosen.write(memory, Path(place), known)
    except FormatError:
        raise
    except MosaicError as error:
        raise FormatError(f"cannot export as {chosen.about}: {error}") from error
    return (*lost, *chosen.lost)


def as_shown(memory: Memory) -> Memory:
    """A memory of what this one shows to its own cameras, edits included; holes are unknown."""
    from ...generate.video import as_bytes
    from ..readout import MemoryReader

    reader, views = MemoryReader(memory), []
    for view in memory.views:
        readout = reader.rgb(view.camera)
        at = np.flatnonzero(readout.placement_id)
        ids = np.zeros(readout.placement_id.shape, np.int32)
        rows = memory.placements.rows_at(memory.placements.indices_of(readout.placement_id.reshape(-1)[at]))
        ids.reshape(-1)[at] = memory.patches.column("object_id", rows - 1)
        known = np.where(readout.covered, readout.z_depth, np.float32(np.inf)).astype(np.float32)
        sky = readout.covered & ~np.isfinite(known)
        shown = replace(view, rgb=as_bytes(readout.values), z_depth=known, object_ids=ids, sky=sky,
                        dynamic=np.zeros(sky.shape, bool), world=0)  # fmt: skip
        views.append(shown)
    return Memory.from_views(views, memory.object_names)


def format_named(name: str) -> MemoryFormat:
    """The format of that name. Raises `FormatError`."""
    if name not in FORMATS:
        raise FormatError(f"there is no memory format {name!r}, there are {', '.join(FORMAT_NAMES)}")
    return FORMATS[name]


def _guess(place: Path) -> MemoryFormat:
    if not place.exists():
        raise FormatError(f"cannot read {place}: there is no such file or folder")
    for format_ in FORMATS.values():
        try:
            if format_.matches(place):
                return format_
        except (MosaicError, OSError, *_MALFORMED):
            continue
    raise FormatError(f"{place} is in no memory format known here: {', '.join(FORMAT_NAMES)}")


def _line(error: BaseException) -> str:
    """An error's text on one line of bounded length."""
    return " ".join(str(error).split())[:300]
