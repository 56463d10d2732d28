"""Selections kept under a name.

A set is an integer attribute of the faces, so it goes where the mesh goes: through undo, native copies, files and
appended scenes; and it is carried over to the mesh that a changed memory is shown in.
"""

from __future__ import annotations

import bpy
import numpy as np

from mosaic_core.errors import MosaicError
from mosaic_core.wording import phrase

from .faces import face_ints, readable_mesh, set_ints, write_face_ints

SET_PREFIX = "Set: "
MAX_SET_NAME = 40  # characters: Blender's attribute names have 63


def set_names(obj: bpy.types.Object) -> list[str]:
    """The sets that the memory's mesh holds, by name."""
    with readable_mesh(obj) as mesh:
        return sorted(a.name[len(SET_PREFIX) :] for a in mesh.attributes if _is_set(a))


def keep_set(obj: bpy.types.Object, name: str, members: np.ndarray) -> None:
    """Keep these faces (F,) bool under that name, whatever it held. Raises `MosaicError` for a name that cannot be."""
    if not name or len(name) > MAX_SET_NAME:
        raise MosaicError(phrase("a set needs a name of 1 to {most} characters", most=MAX_SET_NAME))
    write_face_ints(obj, SET_PREFIX + name, np.arange(len(members)), members.astype(np.int32))


def faces_of_set(obj: bpy.types.Object, name: str) -> np.ndarray:  # (F,) bool
    """The faces kept under that name. Raises `MosaicError` where there is no such set."""
    with readable_mesh(obj) as mesh:
        attribute = mesh.attributes.get(SET_PREFIX + name)
        if attribute is None or not _is_set(attribute):
            held = ", ".join(sorted(a.name[len(SET_PREFIX) :] for a in mesh.attributes if _is_set(a)))
            if not held:
                raise MosaicError(phrase("there is no set {name!r}: keep one first", name=name))
            raise MosaicError(phrase("there is no set {name!r}, only {held}", name=name, held=held))
        return (face_ints(mesh, SET_PREFIX + name) > 0) & (face_ints(mesh, "row") > 0)


def forget_set(obj: bpy.types.Object, name: str) -> None:
    """Take the name away; the patches stay. Object Mode. Raises `MosaicError` where there is no such set."""
    faces_of_set(obj, name)
    obj.data.attributes.remove(obj.data.attributes[SET_PREFIX + name])


def carry_sets(old: bpy.types.Mesh, new: bpy.types.Mesh) -> None:
    """Give the sets of one mesh to another that shows the same placements; both in Object Mode."""
    before, after = face_ints(old, "placement"), face_ints(new, "placement")
    for attribute in [a.name for a in old.attributes if _is_set(a)]:
        members = before[face_ints(old, attribute) > 0]
        set_ints(new, attribute, "FACE", np.isin(after, members).astype(np.int32))


def _is_set(attribute: bpy.types.Attribute) -> bool:
    return attribute.name.startswith(SET_PREFIX) and (attribute.domain, attribute.data_type) == ("FACE", "INT")
