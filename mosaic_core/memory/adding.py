"""One memory's views added to another that lies in the same world: photographs of a captured set, a second scan.

The other memory keeps its log of edits. Objects of one name are one object. What must be moved into place first, or was
edited itself, is another world and is joined by `mosaic_core.memory.splice`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .memory import Memory
from .splice import splice


def added(known: Memory, other: Memory) -> Memory:
    """`known` with what `other` holds. Edits of `known` stay; where `other` has edits too, both start a new history.

    Raises `MosaicError` as `splice` does.
    """
    if not other.placements.same_as(other.written):
        return splice(known, other)
    ids = {name: number for number, name in known.object_names.items()}
    following = max(known.object_names, default=0) + 1
    new_of_old: dict[int, int] = {}
    for number, name in sorted(other.object_names.items()):
        new_of_old[number] = ids.get(name, following)
        following += name not in ids
    views = []
    for view in other.views:
        object_ids = np.zeros_like(view.object_ids)
        for old, new in new_of_old.items():
            object_ids[view.object_ids == old] = new
        views.append(replace(view, object_ids=object_ids))
    names = {new_of_old[number]: name for number, name in other.object_names.items()}
    motions = {new_of_old[number]: motion for number, motion in other.motions.items() if number in new_of_old}
    return known.with_views(views, names).with_motions(motions)
