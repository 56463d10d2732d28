"""Runs inside Blender with the extension: a file with a memory in it, of a room whose every surface is known.

    blender -b --python make_memory.py -- [--carried-off] memory.blend

A floor, a wall and two crates, ray-cast by the core from three places, and a viewport that looks at them. With
`--carried-off` the last view finds the blue crate gone, which contradicts the views before.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import bpy
from mathutils import Vector

EXTENSION = "bl_ext.user_default.mosaic"
LOOK_AT = Vector((0.0, 0.8, 0.4))
NAMES = {1: "Floor", 2: "Wall", 3: "Red Crate", 4: "Blue Crate"}
CAMERAS_AT = ((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6))


def room_memory(*, carried_off: bool):
    """The room's memory from three cameras."""
    scenes = importlib.import_module(f"{EXTENSION}.mosaic_core.scenes")
    memory = importlib.import_module(f"{EXTENSION}.mosaic_core.memory")
    boxes = (
        scenes.Box((-6, -6, -0.5), (6, 6, 0), 1, (0.55, 0.5, 0.45)),
        scenes.Box((-6, 5, 0), (6, 6, 3.5), 2, (0.75, 0.72, 0.66)),
        scenes.Box((-1.6, 0.2, 0), (-0.6, 1.2, 1), 3, (0.8, 0.2, 0.15)),
        scenes.Box((1.0, 1.0, 0), (1.8, 1.8, 0.8), 4, (0.2, 0.3, 0.85)),
    )
    views = [
        scenes.ray_cast_view(
            scenes.camera_looking_at(place, (0.0, 1.5, 0.5), image_height=240, image_width=416, fov_deg=60.0),
            boxes[:-1] if carried_off and place is CAMERAS_AT[-1] else boxes,
            name=f"View {number}",
            time_s=float(number),
        )
        for number, place in enumerate(CAMERAS_AT)
    ]
    return memory.Memory.from_views(views, NAMES), memory.save_memory


def look_at_room() -> None:
    """Every 3D viewport looks at the crates from the front and above."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                view = area.spaces.active.region_3d
                view.view_perspective = "PERSP"
                view.view_location, view.view_distance = LOOK_AT, 7.0
                view.view_rotation = Vector((0.3, -6.0, 3.0)).to_track_quat("Z", "Y")


def main(blend_file: Path, *, carried_off: bool) -> None:
    bpy.ops.wm.read_homefile(use_empty=False)
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    memory, save_memory = room_memory(carried_off=carried_off)
    save_memory(memory, blend_file.with_suffix(".mosaic"))
    build = importlib.import_module(f"{EXTENSION}.memory.build")
    obj = build.build_memory_object(bpy.context, memory, blend_file.with_suffix(".mosaic"), "Room")
    bpy.context.scene.mosaic.memory = obj
    look_at_room()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend_file))


if __name__ == "__main__":
    main(Path(sys.argv[-1]), carried_off="--carried-off" in sys.argv)
