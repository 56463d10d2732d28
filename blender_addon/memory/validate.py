"""Is this mesh still a memory? Says what is odd, and repairs what can be repaired.

`validate` looks and never raises, so that panels and handlers may call it. `repair` removes nothing that is not
replaced at once, and returns a sentence for everything it did:

    attributes that are gone         come back from what is left: rows from ids, ids from rows, or unmoved corners
    second faces with one id         get ids of their own, which makes them copies
    pieces, triangles, flat quads    give way to a whole quad at the place their placement has in the memory file
    quads out of shape               take the shape that generating would use
    locked patches moved or deleted  stand where they were

What belongs to nobody (ordinary geometry, faces of another memory, rows the memory does not hold) is left and reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import bmesh
import bpy
import numpy as np

from mosaic_core.errors import MosaicError
from mosaic_core.memory import HIDDEN, LOCKED, Memory, Placements
from mosaic_core.memory.quads import has_place, quads_of, read_quads
from mosaic_core.memory.quads_report import QuadReport
from mosaic_core.memory.tone_matching import shown_patch_rgb

from . import store
from .build import set_colours
from .change import in_mesh_space
from .faces import (
    COLOUR,
    CORNER,
    FACE_INTS,
    editable_bmesh,
    face_ints,
    face_totals,
    has_attribute,
    loop_indices,
    read_faces,
    readable_mesh,
    set_ints,
    values_of,
    write_corners,
)
from .mesh_arrays import tag_of
from .read import read_object, world_from_mesh


@dataclass(frozen=True)
class MemoryReport:
    """What `validate` found."""

    quads: QuadReport | None  # None where the mesh could not be compared with its memory
    missing_attributes: tuple[str, ...] = ()
    problem: str = ""  # why the memory cannot be read

    @property
    def healthy(self) -> bool:
        """Nothing to tell the artist."""
        return not self.sentences()

    def sentences(self) -> tuple[str, ...]:
        """What is odd, one sentence each."""
        lines = [self.problem] if self.problem else []
        if self.missing_attributes:
            lines.append(f"the mesh lost {', '.join(self.missing_attributes)}: Repair brings back what it can")
        return (*lines, *(self.quads.sentences() if self.quads else ()))


def validate(obj: bpy.types.Object) -> MemoryReport:
    """Compare an object with its memory."""
    if not store.is_memory(obj):
        return MemoryReport(None, problem="this object is not a memory: capture one first")
    missing = missing_attributes(obj)
    try:
        return MemoryReport(read_object(obj)[1], missing)
    except MosaicError as error:
        return MemoryReport(None, missing, str(error))


def missing_attributes(obj: bpy.types.Object) -> tuple[str, ...]:
    """Names of attributes that building made and the mesh has no longer."""
    with readable_mesh(obj) as mesh:
        missing = [name for name in FACE_INTS if not has_attribute(mesh, name, "FACE")]
        missing += [] if has_attribute(mesh, CORNER, "CORNER") else [CORNER]
        missing += [] if mesh.color_attributes.get(COLOUR) else [COLOUR]
    return tuple(missing)


def repair(obj: bpy.types.Object, memory: Memory) -> tuple[str, ...]:
    """Put right what can be put right, in Object Mode; what was done, a sentence each."""
    done = _recover_attributes(obj, memory)
    reading = read_quads(
        read_faces(obj, tag=tag_of(memory.patches)),
        patches=memory.patches,
        base=memory.placements,
        world_from_mesh=world_from_mesh(obj),
    )
    done += _write_ids(obj, reading.face, reading.ids)
    done += _square_up(obj, memory, reading.placements, reading.face, reading.ids, reading.sheared)
    done += _restore_locked(obj, memory, reading.face, reading.ids)
    done += _make_whole(obj, memory, reading.damaged, reading.ids)
    obj.data.update()
    return tuple(done)


def _recover_attributes(obj: bpy.types.Object, memory: Memory) -> list[str]:
    missing = missing_attributes(obj)
    if not missing:
        return []
    mesh, base = obj.data, memory.placements
    rows, ids = face_ints(mesh, "row"), face_ints(mesh, "placement").astype(np.int64)
    if "row" in missing:
        at = np.minimum(np.searchsorted(base.ids, ids), max(len(base) - 1, 0))
        known = (base.ids[at] == ids) if len(base) else np.zeros(len(ids), bool)
        rows[known] = base.rows[at[known]]
        if "placement" in missing:
            rows, ids = _known_by_place(obj, memory)
        set_ints(mesh, "row", "FACE", rows)
    if "placement" in missing:
        set_ints(mesh, "placement", "FACE", np.where(ids > 0, ids, rows))
    if "memory" in missing:
        set_ints(mesh, "memory", "FACE", np.where(rows > 0, tag_of(memory.patches), 0))
    if CORNER in missing:
        set_ints(mesh, CORNER, "CORNER", _corner_numbers(mesh))
    refresh_columns(obj, memory, only=missing)
    return [f"brought back {', '.join(missing)}"]


def refresh_columns(obj: bpy.types.Object, memory: Memory, *, only: tuple[str, ...] | None = None) -> None:
    """Write what follows from a face's row anew, in Object Mode: view, object, flags, colours."""
    mesh, patches = obj.data, memory.patches
    rows = face_ints(mesh, "row")
    known = (rows >= 1) & (rows <= len(patches))
    index = np.where(known, rows - 1, 0)
    base_flags = np.zeros(len(patches) + 1, np.uint8)
    base_flags[memory.placements.rows] = memory.placements.flags & ~(HIDDEN | LOCKED)
    for name, column in (
        ("view", patches.view),
        ("object_id", patches.object_id),
        ("flags", base_flags[1:]),
    ):
        if (only is None or name in only) and len(patches):
            set_ints(mesh, name, "FACE", np.where(known, column[index], 0))
    if (only is None or COLOUR in only) and len(patches):
        face = loop_indices(mesh)[2]
        corner = np.clip(values_of(mesh, CORNER, "CORNER"), 0, 3)
        colours = shown_patch_rgb(memory)[index[face], corner]
        set_colours(mesh, np.where(known[face, None], colours, 255))


def _known_by_place(obj: bpy.types.Object, memory: Memory) -> tuple[np.ndarray, np.ndarray]:
    """Rows and ids of the faces whose corners are, to the bit, where building put a placement; 0 for others."""
    corners = read_faces(obj, tag=0).corners_mesh
    base = memory.placements.taken(has_place(memory.patches)[memory.placements.rows - 1])
    place_of = {quad.tobytes(): at for at, quad in enumerate(quads_of(base, memory.patches) + 0.0)}
    at = np.array([place_of.get(quad.tobytes(), -1) for quad in corners + np.float32(0)], dtype=np.int64)
    rows, ids = np.zeros(len(at), np.int32), np.zeros(len(at), np.int64)
    rows[at >= 0], ids[at >= 0] = base.rows[at[at >= 0]], base.ids[at[at >= 0]]
    return rows, ids


def _corner_numbers(mesh: bpy.types.Mesh) -> np.ndarray:  # (L,)
    total = face_totals(mesh)
    return np.minimum(np.arange(len(mesh.loops)) - np.repeat(np.cumsum(total) - total, total), 3)


def _write_ids(obj: bpy.types.Object, face: np.ndarray, ids: np.ndarray) -> list[str]:
    current = face_ints(obj.data, "placement")
    changed = int((current[face] != ids).sum())
    if not changed:
        return []
    current[face] = ids
    set_ints(obj.data, "placement", "FACE", current)
    return [f"gave {changed} copied faces ids of their own"]


def _square_up(
    obj: bpy.types.Object,
    memory: Memory,
    placements: Placements,
    face: np.ndarray,
    ids: np.ndarray,
    sheared: np.ndarray,
) -> list[str]:
    if len(sheared) == 0:
        return []
    ids_of_face = np.zeros(len(obj.data.polygons), np.int64)
    ids_of_face[face] = ids
    wanted = ids_of_face[sheared]
    present = np.isin(wanted, placements.ids)
    sheared, wanted = sheared[present], wanted[present]
    order = np.argsort(wanted)
    chosen = placements.taken(placements.indices_of(wanted[order]))
    quads = in_mesh_space(obj, quads_of(chosen, memory.patches))
    write_corners(obj, read_faces(obj, tag=0), sheared[order], quads)
    return [f"squared up {len(sheared)} faces that were stretched out of shape"]


def _restore_locked(obj: bpy.types.Object, memory: Memory, face: np.ndarray, ids: np.ndarray) -> list[str]:
    base = memory.placements
    placed = has_place(memory.patches)[base.rows - 1]
    locked = base.taken(placed & ((base.flags & LOCKED) != 0))
    faces = read_faces(obj, tag=0)
    quads = np.asarray(in_mesh_space(obj, quads_of(locked, memory.patches)), np.float32)
    here = np.isin(ids, locked.ids)
    at, index = locked.indices_of(ids[here]), face[here]
    moved = (faces.corners_mesh[index] != quads[at]).any(axis=(1, 2))
    if moved.any():
        write_corners(obj, faces, index[moved], quads[at[moved]])
    gone = ~np.isin(locked.ids, ids)
    _add_faces(obj, memory, locked.taken(gone))
    count = int(moved.sum() + gone.sum())
    return [f"put {count} locked patches back"] if count else []


def _make_whole(obj: bpy.types.Object, memory: Memory, damaged: np.ndarray, whole_ids: np.ndarray) -> list[str]:
    """Replace damaged faces by whole ones where the memory file says where those belong."""
    if len(damaged) == 0:
        return []
    base = memory.placements
    ids = face_ints(obj.data, "placement").astype(np.int64)[damaged]
    lost = np.unique(ids[np.isin(ids, base.ids) & ~np.isin(ids, whole_ids)])
    replaced = damaged[np.isin(ids, lost)]
    if len(lost) == 0:
        return []
    with editable_bmesh(obj) as mesh:
        bmesh.ops.delete(mesh, geom=[mesh.faces[i] for i in replaced.tolist()], context="FACES")
    _add_faces(obj, memory, base.taken(base.indices_of(lost)))
    return [f"replaced {len(replaced)} damaged faces by {len(lost)} whole patches at their places in the memory"]


def _add_faces(obj: bpy.types.Object, memory: Memory, placements: Placements) -> None:
    """Add a face for each of these placements to a mesh in Object Mode."""
    if len(placements) == 0:
        return
    placements = replace(placements, flags=placements.flags & ~HIDDEN)
    quads = in_mesh_space(obj, quads_of(placements, memory.patches))
    columns = {
        "row": placements.rows,
        "placement": placements.ids,
        "memory": np.full(len(placements), tag_of(memory.patches)),
        "view": memory.patches.view[placements.rows - 1],
        "object_id": memory.patches.object_id[placements.rows - 1],
        "flags": placements.flags,
    }
    mesh = obj.data
    first_vertex, first_loop, first_face = len(mesh.vertices), len(mesh.loops), len(mesh.polygons)
    with editable_bmesh(obj) as edited:
        for quad in quads.tolist():
            edited.faces.new([edited.verts.new(corner) for corner in quad])
    assert len(mesh.vertices) == first_vertex + 4 * len(placements), "faces share vertices"
    for name, values in columns.items():
        everything = face_ints(mesh, name)
        everything[first_face:] = values
        set_ints(mesh, name, "FACE", everything)
    corners = values_of(mesh, CORNER, "CORNER")
    corners[first_loop:] = np.tile(np.arange(4), len(placements))
    set_ints(mesh, CORNER, "CORNER", corners)
    refresh_columns(obj, memory, only=(COLOUR,))
