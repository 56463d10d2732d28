"""Where views of a memory contradict each other: the same place, but another depth or another look.

Published systems add what is new and let the nearest point win, so a wrong depth stays for ever and nobody is told.
Here nothing is overwritten; the contradictions are found, listed and shown, and somebody decides. Each decision is a
list of ordinary edits, so it is logged, undone and saved like any other.

Three kinds. `look`: both views see the same surface there in different colours. `gone`: a later view saw past an
earlier patch, there is free space now. `come`: an earlier view saw past a later patch, so it was not there then. What
moves by itself contradicts nobody, and what an edit took away or moved is settled already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from ..errors import MosaicError
from . import edits
from .agreement import Asked, NewPatches, Sighted, Tolerance, sighted
from .edits import Edit
from .memory import Memory
from .placements import DYNAMIC, HIDDEN

KINDS = ("look", "gone", "come")
_TOLERANCE = Tolerance()


@dataclass(frozen=True, eq=False)
class Conflicts:
    """C contradictions between an earlier and a later view, a row each."""

    kind: np.ndarray  # (C,) int8, index into KINDS
    earlier: np.ndarray  # (C,) int64 placement that the earlier view shows; 0 where `come`: it saw nothing there
    later: np.ndarray  # (C,) int64 placement that the later view shows; 0 where `gone`
    view: np.ndarray  # (C,) int32 the later view
    cell_yx: np.ndarray  # (C, 2) int32 cell of the later view in which they meet
    amount: np.ndarray  # (C,) float32: difference of colour, or relative difference of depth

    def __len__(self) -> int:
        return len(self.kind)

    def taken(self, index: np.ndarray) -> Conflicts:
        """Some of them (positions or a mask)."""
        return Conflicts(**{f.name: getattr(self, f.name)[index] for f in fields(Conflicts)})


def find_conflicts(
    memory: Memory,
    later: Sequence[int] | None = None,
    *,
    tolerance: Tolerance = _TOLERANCE,
    on_view: Callable[[float], None] = lambda share: None,  # called before each view with what is done; may raise
) -> Conflicts:
    """All open contradictions between these views (indices; None = all) and the views before them.

    Compares each view with every earlier one of its world: a report, not something to do a frame.
    Raises `MosaicError` for a view that the memory does not hold.
    """
    views = range(len(memory.views)) if later is None else sorted(set(later))
    if any(not 0 <= view < len(memory.views) for view in views):
        raise MosaicError(f"the memory holds views 0 .. {len(memory.views) - 1}, asked about {list(views)}")
    id_of_row = _ids_at_home(memory)
    view_of = memory.patches.view
    by_view = [np.flatnonzero((view_of == v) & (id_of_row[1:] > 0)) for v in range(len(memory.views))]
    nothing = np.zeros(0)
    found = [_listed("look", nothing, nothing, 0, nothing, nothing)]
    for number, view in enumerate(views):
        on_view(number / len(views))
        for earlier in range(view):
            if memory.views[view].world == memory.views[earlier].world:
                found += _between(memory, earlier, view, by_view, id_of_row, tolerance)
    every = Conflicts(**{f.name: np.concatenate([getattr(c, f.name) for c in found]) for f in fields(Conflicts)})
    return every.taken(_open(memory, every))


def conflict_map(memory: Memory, conflicts: Conflicts, view: int) -> np.ndarray:  # (rows of cells, columns) float32
    """How strongly each cell of a view contradicts the views before it, 0 = not at all: the picture of the list."""
    size = memory.views[view].patch_size_px
    shape = (-(-memory.views[view].camera.image_height // size), -(-memory.views[view].camera.image_width // size))
    cells = np.zeros(shape, np.float32)
    mine = conflicts.view == view
    np.maximum.at(cells, tuple(conflicts.cell_yx[mine].T), conflicts.amount[mine])
    return cells


def resolve(memory: Memory, conflicts: Conflicts, decision: str, *, author: str = "") -> list[Edit]:
    """The edits that settle these conflicts; apply them with `memory.edited(*edits)`, take them back with undo.

    `keep`: the earlier view is right, what the later one shows instead is deleted. `supersede`: the later one is right,
    what the earlier one showed is deleted. `retire`: both are, each in its time: the earlier ends when the later was
    seen, the later begins then. Raises `MosaicError` for another decision, `EditError` for locked placements.
    """
    if decision not in ("keep", "supersede", "retire"):
        raise MosaicError(f"a conflict is settled by keep, supersede or retire, got {decision!r}")
    if len(conflicts) == 0:
        return []
    if decision == "retire":
        done = _retired(memory, conflicts, author)
    else:
        ids = _named(conflicts.later if decision == "keep" else conflicts.earlier)
        done = [edits.delete(ids, author=author)] if len(ids) else []
    # Deleted or not, the views go on saying what they saw: the log says that it was decided.
    times = np.array([view.time_s for view in memory.views])[conflicts.view]
    ids = _named(np.concatenate([conflicts.earlier, conflicts.later]))
    return [*done, edits.settle(ids, until_s=float(times.max()), decision=decision, author=author)]


def _open(memory: Memory, conflicts: Conflicts) -> np.ndarray:  # (C,) bool
    """Conflicts that no entry of the log has settled."""
    still = np.ones(len(conflicts), bool)
    times = np.array([view.time_s for view in memory.views] or [0.0])[conflicts.view]
    for edit in memory.edits:
        if edit.kind == "settle":
            ids = edit.parameters["ids"]
            named = np.isin(conflicts.earlier, ids) | np.isin(conflicts.later, ids)
            still &= ~(named & (times <= edit.parameters["until_s"]))
    return still


def _retired(memory: Memory, conflicts: Conflicts, author: str) -> list[Edit]:
    settled = []
    for view in np.unique(conflicts.view):
        mine = conflicts.taken(conflicts.view == view)
        now = memory.views[view].time_s
        earlier, later = _named(mine.earlier), _named(mine.later)
        if len(earlier):
            settled.append(edits.set_time_range(earlier, until_s=now, author=author))
        if len(later):
            settled.append(edits.set_time_range(later, since_s=now, author=author))
    return settled


def _named(ids: Iterable[int]) -> np.ndarray:
    ids = np.unique(np.asarray(ids))
    return ids[ids > 0]


def _ids_at_home(memory: Memory) -> np.ndarray:  # (P + 1,) int64
    """The placement that shows each row where it was captured and that does not move by itself; 0 = none."""
    placements = memory.placements
    fixed = (placements.transform_index == 0) & ((placements.flags & (HIDDEN | DYNAMIC)) == 0)
    ids = np.zeros(len(memory.patches) + 1, np.int64)
    ids[placements.rows[fixed][::-1]] = placements.ids[fixed][::-1]
    return ids


def _between(
    memory: Memory, earlier: int, later: int, by_view: list[np.ndarray], id_of_row: np.ndarray, tolerance: Tolerance
) -> list[Conflicts]:
    """What the later view's patches meet in the earlier view, and the other way round."""
    own, row, meet, farther = _met(memory, by_view[later], later, earlier, tolerance)
    cells, ids, theirs = memory.patches.column("cell_yx", own - 1), id_of_row[own], id_of_row[row]
    with np.errstate(invalid="ignore"):
        look = np.flatnonzero(meet.same_place & (meet.look > tolerance.look) & (theirs > 0))
    come = np.flatnonzero(farther > 2 * tolerance.depth)
    lost, _, back, beyond = _met(memory, by_view[earlier], earlier, later, tolerance)
    gone = np.flatnonzero(beyond > 2 * tolerance.depth)
    width, size = memory.views[later].camera.image_width, memory.views[later].patch_size_px
    where = np.stack(np.divmod(back.pixel[gone], width), axis=-1) // size
    return [
        _listed("look", theirs[look], ids[look], later, cells[look], meet.look[look]),
        _listed("come", np.zeros(len(come), np.int64), ids[come], later, cells[come], farther[come]),
        _listed("gone", id_of_row[lost[gone]], np.zeros(len(gone), np.int64), later, where, beyond[gone]),
    ]


def _met(
    memory: Memory, patches: np.ndarray, of_view: int, in_view: int, tolerance: Tolerance
) -> tuple[np.ndarray, np.ndarray, Sighted, np.ndarray]:
    """One view's patches taken to another: rows (n,) of both, how they meet, and how much farther the view saw."""
    new = NewPatches(memory.patches.taken(patches), [memory.views[of_view]], of_view)
    asked = Asked([memory.views[in_view]], [memory.pixel_rows[in_view]])
    pairs = (np.arange(len(patches)), np.zeros(len(patches), np.intp))
    found = sighted(new, asked, pairs, memory.patches, tolerance)
    # A neighbouring pixel may still show the patch: only where all around see farther is the air free.
    nearest = _nearest_around(asked.inverse.reshape(memory.pixel_rows[in_view].shape)).ravel()[found.pixel]
    farther = np.where(new.sky[found.patch], 0, 1 - nearest / found.inverse)
    return patches[found.patch] + 1, found.row, found, farther.astype(np.float32)


def _nearest_around(inverse: np.ndarray) -> np.ndarray:  # (H, W)
    """The largest inverse depth of each pixel and its neighbours; unknown counts as near."""
    padded = np.pad(np.nan_to_num(inverse, nan=np.inf), 1, mode="edge")
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def _listed(
    kind: str, earlier: np.ndarray, later: np.ndarray, view: int, cells: np.ndarray, amount: np.ndarray
) -> Conflicts:
    count = len(amount)
    return Conflicts(
        kind=np.full(count, KINDS.index(kind), np.int8),
        earlier=np.asarray(earlier, np.int64),
        later=np.asarray(later, np.int64),
        view=np.full(count, view, np.int32),
        cell_yx=np.asarray(cells, np.int32).reshape(-1, 2),
        amount=np.asarray(amount, np.float32),
    )
