"""Which faces an artist means: those of that colour, of that surface, seen at that time, in conflict."""

from __future__ import annotations

import bpy
import numpy as np

from mosaic_core.errors import MosaicError
from mosaic_core.memory.conflicts import Conflicts
from mosaic_core.memory.neighbourhood import Neighbourhood
from mosaic_core.memory.selection import like_colours
from mosaic_core.wording import phrase

from . import store
from .faces import face_ints, read_faces, readable_mesh
from .mesh_arrays import tag_of
from .read import world_from_mesh
from .select import faces_of_views, selected_faces


def faces_like(obj: bpy.types.Object, *, difference: float) -> np.ndarray:  # (F,) bool
    """Faces whose colour is like one of the selected patches'. Raises `MosaicError`."""
    selected = selected_patches(obj)
    with readable_mesh(obj) as mesh:
        rows = face_ints(mesh, "row")
    known = (rows > 0) & (rows <= len(store.memory_of(obj).patches))
    rgb = np.zeros((len(rows), 3), np.uint8)
    corners = store.memory_of(obj).patches.column("rgb", rows[known] - 1)
    rgb[known] = np.round(corners.astype(np.float32).mean(axis=1)).astype(np.uint8)
    return like_colours(rgb, selected & known, difference=difference) & known


def neighbourhood_of(obj: bpy.types.Object) -> Neighbourhood:
    """Which faces touch, where they are now. Raises `MosaicError`."""
    faces = read_faces(obj, tag=tag_of(store.memory_of(obj).patches))
    matrix = world_from_mesh(obj)
    quads = faces.corners_mesh @ matrix[:3, :3].T + matrix[:3, 3]
    quads[faces.rows <= 0] = np.nan
    return Neighbourhood.of(quads)


def faces_around(obj: bpy.types.Object, *, steps: int) -> np.ndarray:  # (F,) bool
    """The selection with what touches it, so many times; with steps below zero, without its rim."""
    selected, near = selected_patches(obj), neighbourhood_of(obj)
    for _ in range(abs(steps)):
        selected = near.grown(selected) if steps > 0 else near.shrunk(selected)
    return selected


def faces_connected(obj: bpy.types.Object) -> np.ndarray:  # (F,) bool
    """All faces of the surfaces that the selected patches are part of."""
    return neighbourhood_of(obj).connected(selected_patches(obj))


def capture_times_s(obj: bpy.types.Object) -> np.ndarray:  # (V,) float32
    """When each view was captured, as precise as Blender's fields are. Raises `MosaicError` where there is no view."""
    times = [view.time_s for view in store.memory_of(obj).views]
    if not times:
        raise MosaicError(phrase("the memory has no view yet"))
    return np.array(times, np.float32)


def faces_seen_between(obj: bpy.types.Object, since_s: float, until_s: float) -> np.ndarray:  # (F,) bool
    """Faces whose view was captured in that time, both ends included. Raises `MosaicError`."""
    times = capture_times_s(obj)
    return faces_of_views(obj, np.flatnonzero((times >= np.float32(since_s)) & (times <= np.float32(until_s))).tolist())


def faces_of_age(obj: bpy.types.Object, least_s: float, most_s: float) -> np.ndarray:  # (F,) bool
    """Faces captured so long before the newest view, both ends included. Raises `MosaicError`."""
    ages = capture_times_s(obj)
    ages = ages.max() - ages
    return faces_of_views(obj, np.flatnonzero((ages >= np.float32(least_s)) & (ages <= np.float32(most_s))).tolist())


def faces_in_conflict(obj: bpy.types.Object, conflicts: Conflicts) -> np.ndarray:  # (F,) bool
    """Faces that another view contradicts."""
    ids = np.union1d(conflicts.earlier, conflicts.later)
    with readable_mesh(obj) as mesh:
        return np.isin(face_ints(mesh, "placement"), ids[ids > 0]) & (face_ints(mesh, "row") > 0)


def selected_patches(obj: bpy.types.Object) -> np.ndarray:  # (F,) bool
    """The selection. Raises `MosaicError` where it is empty."""
    selected = selected_faces(obj)
    with readable_mesh(obj) as mesh:
        selected &= face_ints(mesh, "row") > 0
    if not selected.any():
        raise MosaicError(phrase("select some patches first"))
    return selected
