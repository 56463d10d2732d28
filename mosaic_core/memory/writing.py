"""Writing new views into a memory that holds much of what they show already.

Plain writing (`Memory.with_views`) adds all of it, so a camera that stands still makes a memory grow without end. Here
a patch that only repeats what the memory holds is not added: same place, same look, in no more detail. The patch it
repeats is noted as seen again (`mosaic_core.memory.sightings`), and a view of which nothing is added is not kept.
Whatever disagrees is added beside what was there; `mosaic_core.memory.conflicts` finds and settles it. Nothing is
overwritten.

Which views may hold the same places is looked up in a hash of voxels, so a write costs what is new and not what is
there. New views are compared with each other too, in order. A chain of small changes does not slip through: a patch is
left out only for one that really is in the memory.

What stands where an edit put it is not compared, only what stands where it was captured: patches that are written
lie in the world as it is shown, so a moved object that a later clip shows again is added once, where it was moved to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .agreement import Asked, NewPatches, Tolerance, sighted
from .lifting import lift_views
from .memory import Memory
from .patches import Patches
from .place_index import PlaceIndex, place_keys
from .placements import HIDDEN
from .view import View

# Each new view is compared with at most this many views of the memory, those that share most places with it.
VIEWS_ASKED = 4
_TOLERANCE = Tolerance()


@dataclass(frozen=True, eq=False)
class Written:
    """What a write did."""

    memory: Memory
    kept_views: tuple[int, ...]  # positions among the views given; the others only repeated what was there
    added: np.ndarray  # (V,) int, patches added, for each of the views given
    merged: np.ndarray  # (V,) int, patches that were there already
    cells: np.ndarray  # (n, 3) int: position among the views given, row and column of the cell, for each added patch

    def features(
        self,
        latents: np.ndarray,  # (V, C, h, w), one a view given
    ) -> np.ndarray:  # (n, C)
        """The latent of each added patch, in the order of the memory's new rows."""
        return latents[self.cells[:, 0], :, self.cells[:, 1], self.cells[:, 2]]


def write(
    memory: Memory,
    views: Sequence[View],
    object_names: Mapping[int, str] | None = None,
    *,
    tolerance: Tolerance = _TOLERANCE,
) -> Written:
    """Add what these views show and the memory does not hold. Raises `MosaicError` as `Memory.with_views` does."""
    if not views:
        nothing = np.zeros(0, np.int64)
        return Written(memory.with_views([], object_names or {}), (), nothing, nothing, np.zeros((0, 3), np.int64))
    old_count, first_view = len(memory.patches), len(memory.views)
    lifted, pixel_rows = lift_views(views, first_view=first_view, first_row=old_count + 1)
    worlds = np.array([view.world for view in views], np.int64)
    keys = place_keys(lifted, worlds[lifted.view - first_view])
    places = _places_of(memory)
    keep, witness = _compared(memory, places, views, pixel_rows, NewPatches(lifted, views, first_view), keys, tolerance)
    number = np.cumsum(keep)
    merged = np.flatnonzero(~keep)
    late = np.flatnonzero(witness > old_count)
    witness[late] = old_count + number[witness[late] - old_count - 1]
    witness = witness[merged]
    view = lifted.view - first_view
    added = np.bincount(view[keep], minlength=len(views))
    kept_views = np.flatnonzero(added)
    table = _taken(lifted, keep, first_view + np.searchsorted(kept_views, view[keep]))
    new_row = np.concatenate([[0], np.where(keep, old_count + number, 0)]).astype(np.int32)
    rows = [new_row[np.maximum(pixel_rows[i] - old_count, 0)] for i in kept_views]
    grown = memory.with_lifted([views[i] for i in kept_views], object_names or {}, table, rows)
    places.follow(grown.patches, keys[keep])
    times = np.array([v.time_s for v in views], np.float32)[view[merged]]
    return Written(
        memory=replace(grown, sightings=memory.sightings.with_rows(witness, times), places=places),
        kept_views=tuple(kept_views.tolist()),
        added=added,
        merged=np.bincount(view[merged], minlength=len(views)),
        cells=np.column_stack([view, lifted.cell_yx])[keep],
    )


def _places_of(memory: Memory) -> PlaceIndex:
    """The index that came with the memory, or a new one where it has gone on with another version."""
    if memory.places is not None and memory.places.patches is memory.patches:
        return memory.places
    return PlaceIndex(memory.patches, np.array([view.world for view in memory.views], np.int64))


def _taken(lifted: Patches, keep: np.ndarray, view: np.ndarray) -> Patches:
    if keep.all():
        return lifted
    return lifted.taken(keep).of_views(view)


def _compared(
    memory: Memory,
    places: PlaceIndex,
    views: Sequence[View],
    pixel_rows: Sequence[np.ndarray],
    new: NewPatches,
    keys: np.ndarray,
    tolerance: Tolerance,
) -> tuple[
    np.ndarray, np.ndarray
]:  # (n,) bool which new patches are added, (n,) the row that each of the others repeats
    """Compare the new patches with what the memory's views have at their places, then with the earlier new views."""
    old_count = len(memory.patches)
    keep, witness = np.ones(len(keys), bool), np.zeros(len(keys), np.int64)
    worlds = np.array([view.world for view in views], np.int64)

    def leave_out(asked: Asked, their_worlds: np.ndarray, patch: np.ndarray, view: np.ndarray) -> None:
        same_world = worlds[new.view[patch]] == their_worlds[view]
        found = sighted(new, asked, (patch[same_world], view[same_world]), memory.patches, tolerance)
        with np.errstate(invalid="ignore"):
            repeats = found.same_place & found.coarser & (found.look <= tolerance.look)
        patch, row = found.patch[repeats], found.row[repeats]
        # What an earlier new view leaves out cannot stand for a later one's.
        stands = _at_home(memory, row)
        stands[row > old_count] = keep[row[row > old_count] - old_count - 1]
        patch, row = patch[stands][::-1], row[stands][::-1]
        keep[patch], witness[patch] = False, row

    patch, view = _views_at(memory, places, keys, new.view, len(views))
    theirs = np.unique(view)
    if len(theirs):
        asked = Asked([memory.views[i] for i in theirs], [memory.pixel_rows[i] for i in theirs])
        leave_out(asked, np.array([memory.views[i].world for i in theirs]), patch, np.searchsorted(theirs, view))
    starts = np.searchsorted(new.view, np.arange(len(views)), side="right")
    asked = Asked(views, pixel_rows)
    for index, start in enumerate(starts):
        left = start + np.flatnonzero(keep[start:])
        if len(left):
            leave_out(asked, worlds, left, np.full(len(left), index))
    return keep, witness


def _views_at(
    memory: Memory, places: PlaceIndex, keys: np.ndarray, view: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:  # (n,) new patch, (n,) view of the memory to ask about it
    """The views that were at the new patches' places last.

    All patches of a new view ask those that most of them name, the first of equals; the others are asked by the patches
    that name them.
    """
    rows = places.rows_at(keys)
    found = np.flatnonzero(rows)
    theirs = memory.patches.column("view", rows[found] - 1)
    codes = view[found].astype(np.int64) * len(memory.views) + theirs
    codes, pair, times = np.unique(codes, return_inverse=True, return_counts=True)
    new, old = np.divmod(codes, max(len(memory.views), 1))
    order = np.lexsort((old, -times, new))
    rank = np.zeros(len(new), np.intp)
    rank[order] = np.arange(len(new)) - np.searchsorted(new, new[order])
    near = np.column_stack([new, old])[rank < VIEWS_ASKED]
    patch, asked = _patches_of(near, view, count)
    rare = rank[pair] >= VIEWS_ASKED
    return np.concatenate([patch, found[rare]]), np.concatenate([asked, theirs[rare]])


def _patches_of(pairs: np.ndarray, view: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) new patch and (n,) view asked, for pairs (p, 2) of a new view and a view asked; patches stand by view."""
    lengths = np.bincount(view, minlength=count)
    starts = np.cumsum(lengths) - lengths
    times = lengths[pairs[:, 0]]
    within = np.arange(int(times.sum())) - np.repeat(np.cumsum(times) - times, times)
    return np.repeat(starts[pairs[:, 0]], times) + within, np.repeat(pairs[:, 1], times)


def _at_home(memory: Memory, rows: np.ndarray) -> np.ndarray:  # (n,) bool
    """Rows that are shown where they were captured."""
    placements = memory.placements
    if len(placements) == 0:
        return np.zeros(len(rows), bool)
    at, found = placements.found(rows)
    placed = found & (placements.rows_at(at) == rows)
    return placed & (placements.transform_index[at] == 0) & ((placements.flags[at] & HIDDEN) == 0)
