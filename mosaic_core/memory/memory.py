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
from .lifting import lift_views
from .motion import Motion
from .patches import Patches
from .place_index import PlaceIndex
from .placements import DYNAMIC, Placements
from .sightings import Sightings
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
    motions: Mapping[int, Motion] = field(default_factory=dict)  # by object id, of what somebody knows the way of
    sightings: Sightings = field(default_factory=Sightings)  # which patches were seen again, by writing that merges
    places: PlaceIndex | None = field(default=None, repr=False)  # kept for the next write, made anew where missing

    def __post_init__(self) -> None:
        if len(self.pixel_rows) != len(self.views):
            raise MosaicError(f"{len(self.views)} views need as many row maps, got {len(self.pixel_rows)}")
        if self.placements is None:
            object.__setattr__(self, "placements", replay(self.written, self.edits))
        for table in (self.written, self.placements):
            if table.row_span[0] < 1 or table.row_span[1] > len(self.patches):
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
        """This memory with more views lifted into it, all that they show; edits made so far stay as they are.

        `mosaic_core.memory.writing` leaves out what the memory holds already. Raises `MosaicError` where an object id
        already stands for another name.
        """
        lifted, pixel_rows = lift_views(views, first_view=len(self.views), first_row=len(self.patches) + 1)
        return self.with_lifted(views, object_names, lifted, pixel_rows)

    def with_lifted(
        self,
        views: Sequence[View],
        object_names: Mapping[int, str],
        lifted: Patches,  # their rows follow on this memory's
        pixel_rows: Sequence[np.ndarray],  # one (H, W) int32 a view
    ) -> Memory:
        """This memory with patches that are lifted already, each placed where it was captured. Raises as `with_views`.

        Takes as long as what is new, on average: tables grow in place (`mosaic_core.memory.growing`).
        """
        for object_id, name in object_names.items():
            if self.object_names.get(object_id, name) != name:
                raise MosaicError(
                    f"object id {object_id} is {self.object_names[object_id]!r} here and {name!r} in the new views"
                )
        for rows in pixel_rows:
            rows.flags.writeable = False
        first_row = len(self.patches) + 1
        flags = np.where(lifted.dynamic, DYNAMIC, np.uint8(0))
        written = self.written.followed_by_rows(first_row, flags)
        unedited = self.placements is self.written
        return replace(
            self,
            views=(*self.views, *views),
            object_names={**self.object_names, **object_names},
            patches=self.patches.followed_by(lifted),
            pixel_rows=row_maps(self.pixel_rows).followed_by(pixel_rows),
            written=written,
            placements=written if unedited else self.placements.followed_by_rows(first_row, flags),
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

    def with_motions(self, motions: Mapping[int, Motion]) -> Memory:
        """The memory with the ways of these objects, in place of older ones."""
        return replace(self, motions={**self.motions, **motions})

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
