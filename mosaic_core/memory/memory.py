"""`Memory`: views, the patches lifted from them, where those patches are placed, and how they came to be there.

Frozen: every edit gives a new `Memory` that shares all arrays with the old one. Forking is keeping both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import EditError, MosaicError
from .edits import FIRST_COPY_ID, Edit, apply_edit, replace_placements
from .features import Features, check_name
from .lifting import lift_view
from .patches import Patches
from .placements import DYNAMIC, Placements
from .stored import row_maps
from .view import View


@dataclass(frozen=True, eq=False)
class Memory:
    """Make one with `Memory.from_views`; change it with `edited`, `undo`, `redo`, `reset`, `with_views`.

    Raises `MosaicError` where views, patches and placements do not fit together.
    """

    views: tuple[View, ...]
    object_names: Mapping[int, str]  # id -> name; 0 is never named
    patches: Patches
    pixel_rows: Sequence[np.ndarray]  # one (H, W) int32 a view: the row each pixel belongs to, 0 = none
    written: Placements  # as lifted, before any edit
    edits: tuple[Edit, ...] = ()  # applied, in order
    undone: tuple[Edit, ...] = ()  # next to redo last
    placements: Placements = field(default=None)  # type: ignore[assignment]  # replayed where not given
    features: Mapping[str, Features] = field(default_factory=dict)  # by engine

    def __post_init__(self) -> None:
        if len(self.pixel_rows) != len(self.views):
            raise MosaicError(f"{len(self.views)} views need as many row maps, got {len(self.pixel_rows)}")
        if self.placements is None:
            object.__setattr__(self, "placements", replay(self.written, self.edits))
        for table in (self.written, self.placements):
            if len(table) and not (table.rows.min() >= 1 and table.rows.max() <= len(self.patches)):
                raise MosaicError("a placement names a patch that the memory does not hold")
        if len(self.patches) >= FIRST_COPY_ID:
            raise MosaicError(f"a memory holds fewer than {FIRST_COPY_ID} patches, got {len(self.patches)}")
        for name, table in self.features.items():
            if len(table) > len(self.patches):
                raise MosaicError(f"features {name!r} are of {len(table)} patches, the memory has {len(self.patches)}")

    @classmethod
    def from_views(cls, views: Sequence[View], object_names: Mapping[int, str] | None = None) -> Memory:
        """Lift views into a new memory."""
        empty = cls((), {}, Patches.none(), (), Placements.of_rows(np.zeros(0, np.int32)))
        return empty.with_views(views, object_names or {})

    def with_views(self, views: Sequence[View], object_names: Mapping[int, str]) -> Memory:
        """This memory with more views lifted into it; edits made so far stay as they are.

        Raises `MosaicError` where an object id already stands for another name.
        """
        for object_id, name in object_names.items():
            if self.object_names.get(object_id, name) != name:
                raise MosaicError(
                    f"object id {object_id} is {self.object_names[object_id]!r} here and {name!r} in the new views"
                )
        patches, added_rows = self.patches, []
        for index, view in enumerate(views, len(self.views)):
            lifted, rows = lift_view(view, view_index=index, first_row=len(patches) + 1)
            rows.flags.writeable = False
            patches = patches.followed_by(lifted)
            added_rows.append(rows)
        first = len(self.patches)
        flags = np.where(patches.dynamic[first:], DYNAMIC, np.uint8(0))
        added = Placements.of_rows(np.arange(first + 1, len(patches) + 1), flags=flags)
        return replace(
            self,
            views=(*self.views, *views),
            object_names={**self.object_names, **object_names},
            patches=patches,
            pixel_rows=row_maps(self.pixel_rows).followed_by(added_rows),
            written=joined_placements(self.written, added),
            placements=joined_placements(self.placements, added),
        )

    def edited(self, *edits: Edit) -> Memory:
        """The memory after these edits; what was undone before can no longer be redone. Raises `EditError`."""
        placements = replay(self.placements, edits)
        return replace(self, edits=(*self.edits, *edits), undone=(), placements=placements)

    def undo(self) -> Memory:
        """Take the last edit back. Raises `EditError` where there is none."""
        if not self.edits:
            raise EditError("nothing to undo: the memory is as it was captured")
        return replace(self, edits=self.edits[:-1], undone=(*self.undone, self.edits[-1]), placements=None)

    def redo(self) -> Memory:
        """Do the last undone edit again. Raises `EditError` where there is none."""
        if not self.undone:
            raise EditError("nothing to redo")
        edit = self.undone[-1]
        return replace(
            self,
            edits=(*self.edits, edit),
            undone=self.undone[:-1],
            placements=apply_edit(self.placements, edit),
        )

    def reset(self) -> Memory:
        """The memory as it was captured, without history."""
        return replace(self, edits=(), undone=(), placements=self.written)

    def with_features(self, name: str, table: Features) -> Memory:
        """The memory with this table of an engine's features, in place of an older one. Raises `MosaicError`."""
        return replace(self, features={**self.features, check_name(name): table})

    def with_placements(self, placements: Placements, *, author: str = "") -> Memory:
        """The memory with these placements, logged as one edit (what an artist did with native tools)."""
        if placements.same_as(self.placements):
            return self
        return self.edited(replace_placements(self.placements, placements, author=author))


def replay(placements: Placements, edits: Sequence[Edit]) -> Placements:
    """The placements after a whole log. Raises `EditError`."""
    for edit in edits:
        placements = apply_edit(placements, edit)
    return placements


def joined_placements(table: Placements, added: Placements) -> Placements:
    """Both tables, in the order of ids; the transforms are those of `table`."""
    order = np.argsort(np.concatenate([table.ids, added.ids]), kind="stable")

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(table, name), getattr(added, name)])[order]

    names = ("ids", "rows", "transform_index", "flags", "time_range_s")
    return Placements(transforms=table.transforms, **{name: column(name) for name in names})
