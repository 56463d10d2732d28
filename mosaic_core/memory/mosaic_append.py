"""Adding to a `.mosaic` file what is new in its memory, without rewriting what is there.

Views, patches, placements, features and edits only ever grow at their ends, so what a file lacks is the rest of each.
First everything the file holds is compared with the memory, by checksum: appending to the file of another memory, or
after a change that is no addition, is refused rather than written. `mosaic_core.zip_writer` says how the file survives
a kill.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MemoryFileError
from .archive import ArchiveReader, append_to_archive, sha256_of
from .features import Features
from .memory import Memory
from .mosaic_file import SCHEMA_VERSION, open_archive, save_memory, view_arrays
from .mosaic_parts import (
    VIEW_ARRAYS,
    edit_to_json,
    feature_members,
    memory_of,
    pieces_of,
    placement_columns,
    sightings_arrays,
    view_to_json,
)
from .motion import Motion
from .patches import Patches, column_names
from .placements import Placements
from .stored import row_maps

# Every append leaves the directory before it behind. Beyond this share of the file, or so many appends, the file is
# written anew: over many appends each byte is written twice at most.
_MOST_DEAD, _DEAD_AT_LEAST_BYTES, _MOST_PARTS = 0.5, 1 << 20, 1000


def append_memory(memory: Memory, file: Path | str) -> None:
    """Bring the file of an earlier state of this memory up to date: more views, more features, other edits.

    The bytes that are there stay as they are, and readers see the old state until the last byte of the new one is
    written. A file of an older version, or one that many appends have worn out, is saved anew instead. Raises
    `MemoryFileError` as `save_memory` does, and where the memory is no continuation of the file's: save it whole.
    """
    file = Path(file)
    with open_archive(file) as archive:
        news = _News(memory, archive)
        if archive.manifest["schema_version"] == SCHEMA_VERSION and not _worn_out(archive):
            if part := news.part():
                append_to_archive(archive, {"schema_version": SCHEMA_VERSION, **part}, news.arrays())
            return
    save_memory(memory, file)


def _worn_out(archive: ArchiveReader) -> bool:
    dead = archive.dead_bytes
    return len(archive.parts) > _MOST_PARTS or dead > max(_MOST_DEAD * archive.size_bytes, _DEAD_AT_LEAST_BYTES)


class _News:
    """What a memory has and a file has not. Raises `MemoryFileError` where the rest is not the same."""

    def __init__(self, memory: Memory, archive: ArchiveReader) -> None:
        self.memory, self.archive, self.stored = memory, archive, memory_of(archive)
        self.folder = f"{len(archive.parts):04d}"
        self._check_views()
        self._check_patches()
        self.placements = self._new_placements()
        rows = np.arange(1, len(memory.patches) + 1)
        ours, theirs = (state.sightings.of_rows(rows) for state in (memory, self.stored))
        self.seen_again = not all(map(np.array_equal, ours, theirs))
        self.features = {name: self._new_features(name, table) for name, table in memory.features.items()}
        if missing := self.stored.features.keys() - memory.features.keys():
            raise self._other(f"it has features {min(missing)!r}, which the memory has not")
        for key, name in self.stored.object_names.items():
            if memory.object_names.get(key) != name:
                raise self._other(f"object {key} is {name!r} there")

    def part(self) -> dict[str, Any]:
        """What describes the news; empty where there are none."""
        memory, stored = self.memory, self.stored
        log = [edit for part in self.archive.parts for edit in part.get("edit_log", [])]
        number = {entry["id"]: index for index, entry in enumerate(log)}
        fresh = [edit for edit in (*memory.edits, *memory.undone) if edit.id not in number]
        number |= {edit.id: len(log) + index for index, edit in enumerate(fresh)}
        history = {
            "applied": [number[edit.id] for edit in memory.edits],
            "undone": [number[edit.id] for edit in memory.undone],
        }
        old = {name: self.archive.parts[-1].get(name) for name in history}
        part = {
            "views": [view_to_json(view) for view in memory.views[len(stored.views) :]],
            "object_names": {str(k): n for k, n in memory.object_names.items() if k not in stored.object_names},
            "edit_log": [edit_to_json(edit) for edit in fresh],
            "features": {name: {"dtype": table.dtype} for name, table in self.features.items() if table is not None},
            "motions": {str(k): motion.to_json() for k, motion in memory.motions.items() if not self._knows(k, motion)},
        }
        news = any(part.values()) or len(self.placements) or history != old or self.seen_again
        return {**part, **history} if news else {}

    def _knows(self, object_id: int, motion: Motion) -> bool:
        """Whether the file has that way."""
        stored = self.stored.motions.get(object_id)
        return stored is not None and stored.same_as(motion)

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """The members to add."""
        memory, first = self.memory, len(self.stored.patches)
        yield from view_arrays(memory, len(self.stored.views))
        if len(memory.patches) > first:
            for name in column_names():
                yield f"patches/{self.folder}/{name}", getattr(memory.patches, name)[first:]
        if len(self.placements):
            yield from placement_columns(self.placements, f"written/{self.folder}")
        if self.seen_again:
            yield from sightings_arrays(memory, f"sightings/{self.folder}")
        for name, table in self.features.items():
            if table is not None:
                yield f"features/{name}/{self.folder}", table.values

    def _check_views(self) -> None:
        if len(self.memory.views) < len(self.stored.views):
            raise self._other(f"it has {len(self.stored.views)} views, the memory {len(self.memory.views)}")
        for index, (ours, theirs) in enumerate(zip(self.memory.views, self.stored.views, strict=False)):
            folder = f"views/{index:04d}"
            same = view_to_json(ours) == view_to_json(theirs) and all(
                self._holds(ours, name, [f"{folder}/{name}"]) for name in VIEW_ARRAYS
            )
            if not same:
                raise self._other(f"its view {theirs.name!r} is not the memory's view {ours.name!r}")

    def _check_patches(self) -> None:
        ours, maps = self.memory.patches, row_maps(self.memory.pixel_rows)
        if len(ours) < len(self.stored.patches):
            raise self._other(f"it has {len(self.stored.patches)} patches, the memory {len(ours)}")
        folders = pieces_of(self.archive, "patches")
        for name in column_names():
            same = self._holds(ours, name, [f"{folder}/{name}" for folder in folders])
            # Files may hold corners finer than a table does; what counts is what is read.
            if not same and not self._reads_as(ours, name):
                raise self._other(f"the {name} of its patches differs")
        for index in range(len(self.stored.views)):
            listed = self.archive.sha256_of(f"views/{index:04d}/rows")
            if listed not in maps.digests[index : index + 1] and sha256_of(maps[index]) != listed:
                raise self._other(f"view {index} is cut into other patches")

    def _holds(self, owner: object, name: str, members: list[str]) -> bool:
        """Whether the file's pieces of an array are how ours begins; without reading what came out of such a file."""
        listed = tuple(map(self.archive.sha256_of, members))
        if owner.__dict__.get("digests", {}).get(name) == listed:
            return True
        array, at = getattr(owner, name), 0
        for member, digest in zip(members, listed, strict=True):
            count = self.archive.shape_of(member)[0]
            if sha256_of(array[at : at + count]) != digest:
                return False
            at += count
        return True

    def _reads_as(self, ours: Patches, name: str) -> bool:
        stored = self.stored.patches
        mine, theirs = (table.column(name, slice(len(stored))) for table in (ours, stored))
        return mine.tobytes() == theirs.tobytes()

    def _new_placements(self) -> Placements:
        ours, theirs = self.memory.written, self.stored.written
        old = np.isin(ours.ids, theirs.ids)
        if not (np.array_equal(ours.transforms, theirs.transforms) and ours.taken(old).same_as(theirs)):
            raise self._other("its placements as lifted differ")
        return ours.taken(~old)

    def _new_features(self, name: str, table: Features) -> Features | None:
        """The rows that are new; `None` where there are none."""
        stored = self.stored.features.get(name)
        if stored is None:
            return table
        same = (table.dtype, table.channels) == (stored.dtype, stored.channels) and len(table) >= len(stored)
        if not same or not self._holds(table, "values", feature_members(self.archive, name)):
            raise self._other(f"its features {name!r} differ")
        return Features(table.values[len(stored) :], table.dtype) if len(table) > len(stored) else None

    def _other(self, difference: str) -> MemoryFileError:
        return MemoryFileError(f"{self.archive.file} cannot be appended to: {difference}; save the memory whole")
