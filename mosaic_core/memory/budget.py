"""Keeping a memory within a budget: what is most redundant goes, not what is oldest.

Two steps, because rows and ids are names that edits, files and Blender's meshes know. `evicted` takes placements away,
as an edit: the patches stay in the table, so undo brings them back and every name stays true. `compacted` then drops
what no placement shows, for good: it renumbers rows and ids, rewrites the log in the new numbers, and says which row
became which, so that features and meshes can follow. Nobody has to compact, and whoever does knows that it cannot be
undone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import EditError
from . import edits
from .edits import FIRST_COPY_ID, Edit
from .memory import Memory, replay
from .placements import DYNAMIC, LOCKED, Placements
from .sightings import Sightings
from .splice import extract
from .voxels import voxel_keys

_MIB = 1 << 20


def patch_bytes(memory: Memory, *, feature_bytes: int = 0) -> float:
    """What one patch takes: its columns, its placement, how often it was seen again, and its feature where the caller
    holds one; pictures aside.
    """
    tables = (memory.written,) if memory.placements is memory.written else (memory.written, memory.placements)
    held = memory.patches.nbytes + memory.sightings.nbytes + sum(table.nbytes for table in tables)
    return held / max(len(memory.patches), 1) + feature_bytes


def evict(
    memory: Memory,
    *,
    patches: int | None = None,
    mib: float | None = None,
    feature_bytes: int = 0,
    author: str = "budget",
) -> Edit | None:
    """The edit that brings the memory to a budget of shown placements, or of MiB; None where it is within already.

    Goes first: what most others show as well, in as much detail; of those the coarser, the less often seen again, the
    later. Locked placements stay. Raises `EditError` for no budget, or one that locked placements alone exceed.
    """
    if (patches is None) == (mib is None):
        raise EditError("a budget is either a number of patches or of MiB")
    limit = patches
    if limit is None:
        limit = int((mib or 0.0) * _MIB / patch_bytes(memory, feature_bytes=feature_bytes))
    placements = memory.placements
    shown = np.flatnonzero(placements.visible)
    surplus = len(shown) - limit
    if surplus <= 0:
        return None
    free = shown[(placements.flags[shown] & LOCKED) == 0]
    if len(free) < surplus:
        raise EditError(f"{len(shown) - len(free)} locked placements alone exceed the budget of {limit}")
    order = free[_most_redundant_first(memory, free)]
    return edits.delete(placements.ids[order[:surplus]], author=author)


def _most_redundant_first(memory: Memory, at: np.ndarray) -> np.ndarray:  # (n,) positions in `at`
    patches, placements = memory.patches, memory.placements
    row = placements.rows[at]
    sky = patches.sky[row - 1]
    scale = np.cbrt(np.abs(np.linalg.det(placements.transforms[:, :3, :3])))[placements.transform_index[at]]
    m = placements.edited_from_captured(at)
    centres = patches.column("centre_world", row - 1).astype(np.float64)
    centres = np.where(sky[:, None], centres, np.einsum("nij,nj->ni", m[:, :3, :3], centres) + m[:, :3, 3])
    size = np.where(sky, 0.1, np.nan_to_num(patches.size_m[row - 1], nan=1.0) * scale)
    world = np.array([view.world for view in memory.views])[patches.view[row - 1]]
    label = world * 4 + sky * 2 + ((placements.flags[at] & DYNAMIC) != 0)
    seen = memory.sightings.of_rows(row)[0]
    redundancy = _views_before(centres, size, label, patches.view[row - 1], placements.ids[at])
    return np.lexsort((-placements.ids[at], seen, -size, -redundancy))


def _views_before(
    centres: np.ndarray,  # (n, 3)
    size: np.ndarray,  # (n,)
    label: np.ndarray,  # (n,) int, what else must be equal
    view: np.ndarray,  # (n,)
    ids: np.ndarray,  # (n,)
) -> np.ndarray:  # (n,)
    """How many views show a patch's place better than its own does, counting what is no coarser than the patch.

    Patches of one view lie beside each other, so none of them makes another redundant: views stand or fall together in
    a voxel, the one with most patches in it first, of equals the one written first.
    """
    level = np.clip(np.ceil(np.log2(np.maximum(size, 1e-9))), -40, 40)
    before = np.zeros(len(size), np.int64)
    for own in np.unique(level):
        among = np.flatnonzero(level <= own)
        keys = voxel_keys(centres[among], np.full(len(among), own), label[among])
        order = np.lexsort((ids[among], view[among], keys))
        sorted_keys, sorted_views = keys[order], view[among[order]]
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(sorted_keys) != 0) | (np.diff(sorted_views) != 0)
        starts = np.flatnonzero(new)
        counts = np.diff(np.append(starts, len(order)))
        ranked = np.lexsort((ids[among[order[starts]]], -counts, sorted_keys[starts]))
        voxels = sorted_keys[starts[ranked]]
        rank = np.zeros(len(starts), np.int64)
        rank[ranked] = np.arange(len(starts)) - np.searchsorted(voxels, voxels)
        of_patch = np.zeros(len(among), np.int64)
        of_patch[order] = np.repeat(rank, counts)
        mine = level[among] == own
        before[among[mine]] = of_patch[mine]
    return before


@dataclass(frozen=True, eq=False)
class Compacted:
    """A memory without what nothing shows any more."""

    memory: Memory
    row_of: np.ndarray  # (P + 1,) int32: what each old row is now, 0 = gone
    kept: np.ndarray  # (n,) int64 old row of each new one, in order: `features[kept - 1]`


def compacted(memory: Memory) -> Compacted:
    """Drop patches without a placement and views without a patch, for good.

    The log stays, in the new numbers and less what it says about patches that are gone, so undo works for the rest.
    Where that does not lead to the same placements (a copy of what is gone took numbers that later entries use), the
    log becomes one entry. Raises `EditError` for a memory without placements.
    """
    small = extract(memory, memory.placements.ids)
    keep = np.unique(memory.placements.rows)
    row_of = np.zeros(len(memory.patches) + 1, np.int32)
    row_of[keep] = np.arange(1, len(keep) + 1)
    written = _renumbered(memory.written.taken(row_of[memory.written.rows] > 0), row_of)
    wanted = _renumbered(memory.placements, row_of)
    log, undone = ([_renamed(e, row_of) for e in entries] for entries in (memory.edits, memory.undone))
    log = [edit for edit in log if edit.parameters.get("ids") or edit.parameters.get("removed")]
    if not _leads_to(written, log, wanted):
        log, undone = [edits.replace_placements(written, wanted, author="compacted")], []
    sightings = Sightings.of_columns(*memory.sightings.of_rows(keep)) if memory.sightings.blocks else Sightings()
    new = replace(small, written=written, edits=tuple(log), undone=tuple(undone), placements=None, sightings=sightings)
    return Compacted(new, row_of, keep.astype(np.int64))


def _leads_to(written: Placements, log: list[Edit], wanted: Placements) -> bool:
    try:
        return replay(written, log).same_as(wanted)
    except EditError:
        return False


def _new_ids(ids: np.ndarray, row_of: np.ndarray) -> np.ndarray:  # 0 = gone
    """Captured placements are named by their rows; copies keep their names."""
    captured = ids < min(FIRST_COPY_ID, len(row_of))
    return np.where(captured, row_of[np.where(captured, ids, 0)], ids).astype(np.int64)


def _renumbered(placements: Placements, row_of: np.ndarray) -> Placements:
    return replace(placements, ids=_new_ids(placements.ids, row_of), rows=row_of[placements.rows])


def _renamed(edit: Edit, row_of: np.ndarray) -> Edit:
    """The same entry in the new numbers, less what is gone."""
    parameters = dict(edit.parameters)
    ids = _new_ids(np.array(parameters["ids"], np.int64), row_of)
    there = np.flatnonzero(ids > 0)
    parameters["ids"] = ids[there].tolist()
    for name in ("transform_index", "flags", "time_range_s"):
        if name in parameters:
            parameters[name] = [parameters[name][i] for i in there]
    if "rows" in parameters:
        parameters["rows"] = row_of[np.array(parameters["rows"], np.int64)[there]].tolist()
    if "removed" in parameters:
        removed = _new_ids(np.array(parameters["removed"], np.int64), row_of)
        parameters["removed"] = removed[removed > 0].tolist()
    return replace(edit, parameters=parameters)
