"""Where a new path starts and what it turns around: the artist's camera, selection, memory or 3D cursor."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np
from mathutils import Matrix, Vector

from mosaic_core.errors import CameraError

from .obstacles import surfaces

# In a file without any camera, seen from outside a viewport: a person standing six metres south of the centre.
_DEFAULT_OFFSET_M = Vector((0.0, -6.0, 1.7))


def start_view(context: bpy.types.Context, *, centre_world: Vector) -> Matrix:
    """Place and direction (Blender's camera axes) a new path starts from: the scene's camera, or else the viewport,
    or else a place near the centre."""
    camera_obj = context.scene.camera
    if camera_obj is not None:
        matrix = camera_obj.evaluated_get(context.evaluated_depsgraph_get()).matrix_world
        return Matrix.LocRotScale(matrix.to_translation(), matrix.to_quaternion(), None)
    region_3d = getattr(context, "region_data", None)
    if region_3d is not None and region_3d.is_perspective:
        return region_3d.view_matrix.inverted()
    position = centre_world + _DEFAULT_OFFSET_M
    return Matrix.LocRotScale(position, (centre_world - position).to_track_quat("-Z", "Y"), None)


def centre_of(context: bpy.types.Context, which: str) -> Vector:
    """The world point a path turns around.

    `AUTO` takes what is selected, or else the memory, or else the 3D cursor. Raises `CameraError` for a selection or a
    memory that is asked for and not there.
    """
    scene = context.scene
    if which == "CURSOR":
        return scene.cursor.location.copy()
    selected = _centre_of_selection(context) if which in ("AUTO", "SELECTION") else None
    if selected is not None:
        return selected
    if which == "SELECTION":
        raise CameraError("nothing with a surface is selected: select what the camera should turn around")
    memory = _centre_of_memory(scene.mosaic.memory)
    if memory is not None:
        return memory
    if which == "MEMORY":
        raise CameraError("the scene has no memory yet: capture one or choose another centre")
    return scene.cursor.location.copy()


def _centre_of_selection(context: bpy.types.Context) -> Vector | None:
    chosen = [
        obj
        for obj in context.view_layer.objects.selected
        if obj.type in {"MESH", "SURFACE", "META", "FONT", "VOLUME", "POINTCLOUD"}
    ]
    bounds = bounds_of(context, chosen)
    return None if bounds is None else Vector(bounds.mean(axis=0))


def bounds_of(context: bpy.types.Context, objects: Iterable[bpy.types.Object]) -> np.ndarray | None:
    """The least and the greatest corner, (2, 3) in the world, of objects as they are evaluated; None for none."""
    depsgraph = context.evaluated_depsgraph_get()
    corners = [
        obj.matrix_world @ Vector(corner) for obj in objects for corner in obj.evaluated_get(depsgraph).bound_box
    ]
    return np.stack([np.min(corners, axis=0), np.max(corners, axis=0)]) if corners else None


def bounds_world(context: bpy.types.Context) -> np.ndarray | None:  # (2, 3)
    """The same of every surface a capture of the scene shows."""
    return bounds_of(context, surfaces(context))


def _centre_of_memory(memory: bpy.types.Object | None) -> Vector | None:
    if memory is None or memory.type != "MESH" or not len(memory.data.vertices):
        return None
    points = np.zeros(len(memory.data.vertices) * 3, dtype=np.float32)
    memory.data.vertices.foreach_get("co", points)
    points = points.reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1)]
    # The median and not the bounds: a memory reaches far, where the ground meets the horizon.
    return memory.matrix_world @ Vector(np.median(points, axis=0)) if len(points) else None
