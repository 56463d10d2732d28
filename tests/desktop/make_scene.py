"""Runs inside Blender with the extension: an artist's scene before Mosaic was used on it, saved as a file.

    blender -b --python make_scene.py -- scene.blend

The courtyard of the demo, four cameras round it, 24 frames, and a viewport that looks at it in textured Solid mode.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import bpy
from mathutils import Vector

LOOK_AT = Vector((1.2, 0.9, 0.8))
CAMERAS_AT = [(0.6, -6.4, 1.9), (-1.6, -4.6, 2.6), (3.0, -5.6, 1.5), (1.2, -3.2, 3.2)]


def add_cameras(scene: bpy.types.Scene) -> None:
    """Four cameras that look at the crates; the first is the scene's."""
    for number, place in enumerate(CAMERAS_AT, start=1):
        camera = bpy.data.objects.new(f"Camera {number}", bpy.data.cameras.new(f"Camera {number}"))
        camera.data.lens = 24.0
        camera.location = place
        camera.rotation_euler = (LOOK_AT - Vector(place)).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(camera)
        scene.camera = scene.camera or camera


def look_at_scene() -> None:
    """Every 3D viewport looks at the courtyard from the front and above, textured."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                space = area.spaces.active
                space.shading.type, space.shading.color_type = "SOLID", "TEXTURE"
                view = space.region_3d
                view.view_perspective = "PERSP"
                view.view_location, view.view_distance = LOOK_AT, 11.0
                towards = Vector((-1.5, -8.0, 5.0))
                view.view_rotation = towards.to_track_quat("Z", "Y")


def main(blend_file: Path) -> None:
    bpy.ops.wm.read_homefile(use_empty=False)  # with areas, so that there is a viewport to look from
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 24
    scene.display.shading.color_type = "TEXTURE"  # what Workbench renders, and so the memory's colours
    courtyard = importlib.import_module("bl_ext.user_default.mosaic.demo.courtyard")
    courtyard.compose_courtyard(scene)
    add_cameras(scene)
    look_at_scene()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend_file))


if __name__ == "__main__":
    main(Path(sys.argv[-1]))
