"""Changing patches: what the edit operators do, as functions of an object and some of its faces.

Each works in Object Mode and in Edit Mode and leaves undo to its caller. Faces are given by index; locked ones are left
alone (`changeable` takes them out and says how many they were).
"""

from __future__ import annotations

import bmesh
import bpy
import numpy as np

from mosaic_core.memory import LOCKED, Memory
from mosaic_core.memory.clearing import cleared_quads
from mosaic_core.memory.edits import FIRST_COPY_ID
from mosaic_core.memory.quads import has_place
from mosaic_core.memory.similarity import apply_to_quads

from .faces import (
    editable_bmesh,
    face_ints,
    read_faces,
    readable_mesh,
    set_face_flag,
    values_of,
    write_corners,
    write_face_ints,
)
from .mesh_arrays import tag_of
from .read import world_from_mesh
from .select import patch_faces, selected_faces, set_selection

# Faces face one way where their mean normal is at least so long: on one side of a crate they do, on two not.
_SAME_WAY = 0.9


def changeable(obj: bpy.types.Object, faces: np.ndarray) -> tuple[np.ndarray, int]:
    """The patches among some faces (F,) bool that may be edited, as indices (n,), and how many are locked."""
    with readable_mesh(obj) as mesh:
        locked = (face_ints(mesh, "flags") & int(LOCKED)) != 0
    patches = faces & patch_faces(obj)
    return np.flatnonzero(patches & ~locked), int((patches & locked).sum())


def centre_of(obj: bpy.types.Object, index: np.ndarray) -> np.ndarray:  # (3,) world, metres
    """The mean of the corners of some faces."""
    corners = read_faces(obj, tag=0).corners_mesh[index].reshape(-1, 3).astype(np.float64)
    matrix = world_from_mesh(obj)
    return matrix[:3, :3] @ np.nanmean(corners, axis=0) + matrix[:3, 3]


def own_axes(obj: bpy.types.Object, index: np.ndarray) -> np.ndarray:  # (3, 3) as columns, world
    """The axes of a surface that these faces lie on: X to the right in the picture it was captured in, Z out of it.

    Of several faces their mean, each by its area. The world's axes where they face all ways, or have no area.
    """
    corners = read_faces(obj, tag=0).corners_mesh[index].astype(np.float64)
    corners = apply_to_quads(world_from_mesh(obj), corners[np.isfinite(corners).all(axis=(1, 2))])
    out_of_each = np.cross(corners[:, 2] - corners[:, 0], corners[:, 1] - corners[:, 3])
    out = out_of_each.sum(axis=0)
    if not np.linalg.norm(out) > _SAME_WAY * np.linalg.norm(out_of_each, axis=-1).sum():
        return np.eye(3)
    out /= np.linalg.norm(out)
    right = (corners[:, 1] + corners[:, 2] - corners[:, 0] - corners[:, 3]).sum(axis=0)
    right -= out * (out @ right)
    if not np.linalg.norm(right) > 1e-9:
        return np.eye(3)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(out, right), out], axis=-1)


def transform_faces(obj: bpy.types.Object, index: np.ndarray, matrix_world: np.ndarray) -> None:
    """Carry some faces along by a (4, 4) motion of the world."""
    faces = read_faces(obj, tag=0)
    index = index[faces.is_quad[index]]
    matrix = world_from_mesh(obj)
    if np.array_equal(matrix, np.eye(4)):
        in_mesh = np.asarray(matrix_world, np.float64)
    else:
        in_mesh = np.linalg.inv(matrix) @ matrix_world @ matrix
    write_corners(obj, faces, index, apply_to_quads(in_mesh, faces.corners_mesh[index]))


def duplicate_faces(obj: bpy.types.Object, index: np.ndarray) -> np.ndarray:  # (n,) the copies
    """Copy some faces where they are, give the copies ids of their own, and select them instead."""
    with readable_mesh(obj) as mesh:
        before = len(mesh.polygons)
        fresh = max(int(face_ints(mesh, "placement").max(initial=0)) + 1, FIRST_COPY_ID)
        flags = face_ints(mesh, "flags")[index] & ~int(LOCKED)
    with editable_bmesh(obj) as mesh:
        bmesh.ops.duplicate(mesh, geom=[mesh.faces[i] for i in index.tolist()])
        mesh.faces.index_update()
        total = len(mesh.faces)
    copies = np.arange(before, total)
    write_face_ints(obj, "placement", copies, fresh + np.arange(len(copies)))
    write_face_ints(obj, "flags", copies, flags)
    selected = np.zeros(total, bool)
    selected[copies] = True
    set_selection(obj, selected)
    return copies


def delete_faces(obj: bpy.types.Object, index: np.ndarray) -> None:
    """Remove some faces, with the edges and vertices that no other face uses."""
    with editable_bmesh(obj) as mesh:
        bmesh.ops.delete(mesh, geom=[mesh.faces[i] for i in index.tolist()], context="FACES")


def reset_faces(obj: bpy.types.Object, index: np.ndarray, memory: Memory, part: str = "ALL") -> int:
    """Put some faces back where their patches were captured; returns how many it could.

    `part` is one of `mosaic_core.memory.clearing.PARTS` where only that is to be taken back.
    """
    faces = read_faces(obj, tag=tag_of(memory.patches))
    rows = faces.rows[index]
    known = (rows >= 1) & (rows <= len(memory.patches)) & faces.is_quad[index] & faces.own[index]
    index, rows = index[known], rows[known]
    placed = has_place(memory.patches)[rows - 1]
    index, quads = index[placed], memory.patches.column("quad_world", rows[placed] - 1)
    quads = in_mesh_space(obj, quads)
    if part != "ALL":
        index, quads = _cleared(index, quads, faces.corners_mesh[index], part)
    write_corners(obj, faces, index, quads)
    return len(index)


def _cleared(
    index: np.ndarray, captured: np.ndarray, placed: np.ndarray, part: str
) -> tuple[np.ndarray, np.ndarray]:  # those of the faces that are somewhere, and their new corners
    somewhere = np.isfinite(placed).all(axis=(1, 2))
    captured, placed = captured[somewhere], placed[somewhere]
    return index[somewhere], cleared_quads(captured, placed, part)


def in_mesh_space(obj: bpy.types.Object, quads_world: np.ndarray) -> np.ndarray:  # (n, 4, 3)
    """World quads in an object's own space; the same bits where the object stands at the origin."""
    matrix = world_from_mesh(obj)
    if np.array_equal(matrix, np.eye(4)):
        return quads_world
    return apply_to_quads(np.linalg.inv(matrix), quads_world)


def set_hidden(obj: bpy.types.Object, index: np.ndarray, hidden: bool) -> None:
    """Hide or show some faces the native way; hidden ones are deselected, shown ones selected, as in Blender."""
    selected = selected_faces(obj)
    selected[index] = not hidden
    if obj.mode == "EDIT":
        mesh = bmesh.from_edit_mesh(obj.data)
        mesh.faces.ensure_lookup_table()
        for at in index.tolist():
            mesh.faces[at].hide_set(hidden)
        bmesh.update_edit_mesh(obj.data, loop_triangles=False, destructive=False)
    else:
        everything = values_of(obj.data, ".hide_poly", "FACE")
        everything[index] = hidden
        set_face_flag(obj.data, "hide", everything, loops_count_as=False)
    set_selection(obj, selected)


def hidden_faces(obj: bpy.types.Object) -> np.ndarray:  # (F,) bool
    """Which faces are hidden."""
    with readable_mesh(obj) as mesh:
        return values_of(mesh, ".hide_poly", "FACE")
