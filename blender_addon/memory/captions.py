"""What a patch is called beside the cursor: its object, its view, its age.

The names are kept in the mesh, because the memory they come from may take seconds to load and the mouse does not wait.
"""

from __future__ import annotations

import json

import bpy

from mosaic_core.memory import Memory

from .faces import face_ints

_NAMES = "mosaic_names"


def keep_names(mesh: bpy.types.Mesh, memory: Memory, *, tag: int) -> None:
    """Write the names of a memory's objects and views into its mesh; `tag` is what its faces are marked with."""
    names = {
        "memory": tag,
        "objects": {str(object_id): name for object_id, name in memory.object_names.items()},
        "views": [[view.name, float(view.time_s)] for view in memory.views],
    }
    mesh[_NAMES] = json.dumps(names, ensure_ascii=False)


def caption(obj: bpy.types.Object, face: int) -> str:
    """What the patch of a face shows, which view saw it, and how long before the newest view that was."""
    names = _names(obj.data, tag=int(face_ints(obj.data, "memory")[face]))
    object_id, view = (int(face_ints(obj.data, name)[face]) for name in ("object_id", "view"))
    words = [names["objects"].get(str(object_id), f"object {object_id}" if object_id else "no object")]
    if 0 <= view < len(names["views"]):
        name, time_s = names["views"][view]
        newest_s = max(other_s for _, other_s in names["views"])
        words += [f"view {view}" + (f" ({name})" if name else ""), f"age {newest_s - time_s:.3g} s"]
    else:
        words.append(f"view {view}")
    return ", ".join(words)


def _names(mesh: bpy.types.Mesh, *, tag: int) -> dict:
    """The names kept for the faces of that memory: joining brings faces of others, whose numbers mean other things."""
    try:
        names = json.loads(mesh.get(_NAMES, "{}"))
        if names["memory"] == tag:
            return {"objects": dict(names["objects"]), "views": [(str(n), float(t)) for n, t in names["views"]]}
    except (ValueError, TypeError, KeyError):  # built before names were kept, or written by a script
        pass
    return {"objects": {}, "views": []}
