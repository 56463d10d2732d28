"""What an artist's mesh means: the placements after every native and every Mosaic edit."""

from __future__ import annotations

import bpy
import numpy as np

from mosaic_core.memory import Memory, Placements
from mosaic_core.memory.quads import placements_from_faces, read_quads
from mosaic_core.memory.quads_report import QuadReport

from . import store
from .faces import read_faces
from .mesh_arrays import tag_of


def placements_from_object(obj: bpy.types.Object, memory: Memory | None = None) -> Placements:
    """The placements that the faces of `obj` stand for; `memory` is loaded where not given.

    The object's own motion counts, modifiers do not. Raises `MosaicError` as `store.memory_of` does, never for a
    damaged mesh: `validate.validate` says what is odd about one.
    """
    return read_object(obj, memory)[0]


def read_object(obj: bpy.types.Object, memory: Memory | None = None) -> tuple[Placements, QuadReport]:
    """The placements and what was odd about the mesh. Raises as `placements_from_object` does."""
    memory = store.memory_of(obj) if memory is None else memory
    return placements_from_faces(
        read_faces(obj, tag=tag_of(memory.patches)),
        patches=memory.patches,
        base=memory.placements,
        world_from_mesh=world_from_mesh(obj),
    )


def placements_of_faces(obj: bpy.types.Object, memory: Memory) -> tuple[Placements, np.ndarray]:  # ..., (F,) int64
    """The placements, and which of them each face stands for, 0 = none: native copies have ids of their own here."""
    faces = read_faces(obj, tag=tag_of(memory.patches))
    reading = read_quads(faces, patches=memory.patches, base=memory.placements, world_from_mesh=world_from_mesh(obj))
    ids = np.zeros(len(faces), np.int64)
    ids[reading.face] = reading.ids
    return reading.placements, ids


def edited_memory(obj: bpy.types.Object, memory: Memory | None = None, *, author: str = "") -> Memory:
    """The memory with the artist's edits in its log, as one entry. Raises as `placements_from_object` does."""
    memory = store.memory_of(obj) if memory is None else memory
    return memory.with_placements(placements_from_object(obj, memory), author=author)


def world_from_mesh(obj: bpy.types.Object) -> np.ndarray:  # (4, 4)
    """The object's matrix, up to date even where a script just moved it."""
    view_layer = bpy.context.view_layer
    if view_layer is not None:
        view_layer.update()
    return np.array(obj.matrix_world, dtype=np.float64)
