"""What a memory holds, as plain numbers: for `mosaic inspect` and for the panel."""

from __future__ import annotations

from typing import Any

import numpy as np

from .memory import Memory
from .movers import Mover, movers_of
from .placements import HIDDEN


def summary(memory: Memory) -> dict[str, Any]:
    """Counts of views, patches, placements and edits, and a line an object. JSON-able."""
    placements, patches = memory.placements, memory.patches
    rows = placements.rows - 1
    object_of = patches.column("object_id", rows)
    objects = {name: int((object_of == object_id).sum()) for object_id, name in memory.object_names.items()}
    return {
        "views": [
            {
                "name": view.name,
                "source": view.source,
                "time_s": view.time_s,
                "image_height": view.camera.image_height,
                "image_width": view.camera.image_width,
                "known_fraction": round(float(view.valid.mean()), 4),
            }
            for view in memory.views
        ],
        "patches": len(patches),
        "sky_patches": int(patches.sky.sum()),
        "dynamic_patches": int(patches.dynamic.sum()),
        "placements": len(placements),
        "moved": int((placements.transform_index != 0).sum()),
        "copies": len(placements) - len(np.unique(placements.rows)),
        "deleted": len(patches) - len(np.unique(placements.rows)),
        "hidden": int(((placements.flags & HIDDEN) != 0).sum()),
        "edits": [{"kind": edit.kind, "author": edit.author, "time": edit.time} for edit in memory.edits],
        "objects": dict(sorted(objects.items())),
        "movers": [_mover(memory, mover) for mover in movers_of(memory)],
    }


def _mover(memory: Memory, mover: Mover) -> dict[str, Any]:
    since_s, until_s = mover.span_s
    return {
        "object": memory.object_names.get(mover.object_id, str(mover.object_id)),
        "moments": len(mover.times_s),
        "since_s": round(since_s, 4),
        "until_s": round(until_s, 4),
        "way_m": round(mover.way_m(), 3),
        "way": "read off the moments" if mover.motion is None else "known",
    }


def summary_lines(facts: dict[str, Any]) -> list[str]:
    """`summary` for people."""
    lines = [
        f"{len(facts['views'])} views, {facts['patches']} patches ({facts['sky_patches']} sky, "
        f"{facts['dynamic_patches']} dynamic)",
        f"{facts['placements']} placements: {facts['moved']} moved, {facts['copies']} copies, "
        f"{facts['deleted']} deleted, {facts['hidden']} hidden; {len(facts['edits'])} edits",
    ]
    lines += [f"  {v['name'] or 'view':20} {v['image_width']}x{v['image_height']}" for v in facts["views"]]
    lines += [f"  {name:20} {count} placements" for name, count in facts["objects"].items()]
    lines += [
        f"  {m['object']:20} moves: {m['way_m']:.2f} m from {m['since_s']:.2f} to {m['until_s']:.2f} s, "
        f"captured at {m['moments']} moment{'s' if m['moments'] > 1 else ''}, its way {m['way']}"
        for m in facts["movers"]
    ]
    return lines
