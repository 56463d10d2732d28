"""A memory object of the ray-cast room, saved in a folder, and shorthands that the memory tests share."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from mosaic_core.memory import Memory, save_memory
from tests.core.known_scenes import room_memory


def built(folder: Path, memory: Memory | None = None, *, name: str = "room.mosaic") -> tuple[bpy.types.Object, Memory]:
    """The room's memory, saved and built, its object active."""
    from blender_addon.memory.build import build_memory_object

    memory = room_memory() if memory is None else memory
    folder.mkdir(parents=True, exist_ok=True)
    save_memory(memory, folder / name)
    return build_memory_object(bpy.context, memory, folder / name, "Room"), memory


def ints(obj: bpy.types.Object, name: str) -> np.ndarray:
    """An integer face attribute."""
    values = np.zeros(len(obj.data.polygons), np.int32)
    obj.data.attributes[name].data.foreach_get("value", values)
    return values


def select_object(obj: bpy.types.Object, object_id: int) -> np.ndarray:
    """Select an object's patches natively, in Object Mode; returns their placement ids."""
    from blender_addon.memory.select import set_selection

    chosen = ints(obj, "object_id") == object_id
    set_selection(obj, chosen)
    return ints(obj, "placement")[chosen]


def edit_mode(obj: bpy.types.Object) -> None:
    """Enter Edit Mode with face selection."""
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_mode(type="FACE")


def object_mode() -> None:
    bpy.ops.object.mode_set(mode="OBJECT")


def transforms_of(placements, ids) -> np.ndarray:  # (n, 4, 4)
    """The transforms of some placements."""
    return placements.edited_from_captured(placements.indices_of(ids))


def moved_by(offset) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = offset
    return matrix
