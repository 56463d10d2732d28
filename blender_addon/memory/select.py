"""Selecting patches by what is known about them. The selection is Blender's own face selection, nothing beside it.

Hidden faces are never selected, as everywhere in Blender.
"""

from __future__ import annotations

from collections.abc import Collection

import bmesh
import bpy
import numpy as np

from mosaic_core.cameras import Camera
from mosaic_core.memory.selection import in_image

from .faces import face_ints, readable_mesh, set_face_flag, values_of
from .read import world_from_mesh

MODES = ("SET", "EXTEND", "SUBTRACT")


def selected_faces(obj: bpy.types.Object) -> np.ndarray:  # (F,) bool
    """Which faces are selected and visible."""
    with readable_mesh(obj) as mesh:
        return values_of(mesh, ".select_poly", "FACE") & ~values_of(mesh, ".hide_poly", "FACE")


def set_selection(obj: bpy.types.Object, selected: np.ndarray) -> None:
    """Select exactly these faces (F,) bool, apart from hidden ones; edges and vertices follow."""
    if obj.mode == "EDIT":
        mesh = bmesh.from_edit_mesh(obj.data)
        # Deselecting a face takes vertices from its neighbours: first all off, then the wanted ones on.
        for face in mesh.faces:
            face.select_set(False)
        for vertex in mesh.verts:
            vertex.select = False
        for face, on in zip(mesh.faces, selected.tolist(), strict=True):
            if on and not face.hide:
                face.select_set(True)
        bmesh.update_edit_mesh(obj.data, loop_triangles=False, destructive=False)
        return
    hidden = values_of(obj.data, ".hide_poly", "FACE")
    set_face_flag(obj.data, "select", selected & ~hidden, loops_count_as=True)


def change_selection(obj: bpy.types.Object, found: np.ndarray, mode: str) -> int:
    """Set, extend or subtract these faces (F,) bool; returns how many are selected now."""
    before = selected_faces(obj)
    after = {"SET": found, "EXTEND": before | found, "SUBTRACT": before & ~found}[mode]
    set_selection(obj, after)
    return int(selected_faces(obj).sum())


def patch_faces(obj: bpy.types.Object) -> np.ndarray:  # (F,) bool
    """Faces that stand for a patch; what else the mesh holds is none of ours."""
    with readable_mesh(obj) as mesh:
        return face_ints(mesh, "row") > 0


def faces_of_objects(obj: bpy.types.Object, object_ids: Collection[int]) -> np.ndarray:  # (F,) bool
    """Faces whose patch shows one of these objects."""
    with readable_mesh(obj) as mesh:
        return np.isin(face_ints(mesh, "object_id"), list(object_ids)) & (face_ints(mesh, "row") > 0)


def faces_of_views(obj: bpy.types.Object, views: Collection[int]) -> np.ndarray:  # (F,) bool
    """Faces whose patch was seen in one of these views (indices into `Memory.views`)."""
    with readable_mesh(obj) as mesh:
        return np.isin(face_ints(mesh, "view"), list(views)) & (face_ints(mesh, "row") > 0)


def faces_in_frustum(obj: bpy.types.Object, camera: Camera) -> np.ndarray:  # (F,) bool
    """Faces whose middle, where it is now, lies in the camera's image; what hides behind others included."""
    with readable_mesh(obj) as mesh:
        middles = np.zeros((len(mesh.polygons), 3), np.float32)
        mesh.polygons.foreach_get("center", middles.ravel())
        is_patch = face_ints(mesh, "row") > 0
    matrix = world_from_mesh(obj)
    return is_patch & in_image(camera, middles @ matrix[:3, :3].T + matrix[:3, 3])


def values_of_selection(obj: bpy.types.Object, attribute: str) -> list[int]:
    """The distinct values of a face attribute among the selected patches, e.g. which objects they show."""
    selected = selected_faces(obj)
    with readable_mesh(obj) as mesh:
        chosen = selected & (face_ints(mesh, "row") > 0)
        return np.unique(face_ints(mesh, attribute)[chosen]).tolist()
