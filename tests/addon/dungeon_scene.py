"""A dungeon room composed of the shared game assets: what an artist's low-poly scene looks like."""

from __future__ import annotations

from pathlib import Path

import bpy
import mathutils
import numpy as np

from blender_addon.cameras import blender_of_world_from_cam
from mosaic_core.cameras.camera import look_at

# (file, name, position in metres, turn about +Z in degrees)
_FURNITURE = (
    ("barrel_large.gltf.glb", "Barrel", (-2.6, 1.2, 0), 20),
    ("chest_gold.glb", "Chest", (0.3, 0.3, 0), -15),
    ("crates_stacked.gltf.glb", "Crates", (2.6, 1.6, 0), 30),
    ("table_medium_decorated_A.gltf.glb", "Table", (-0.6, 3.2, 0), 0),
    ("column.gltf.glb", "Column", (3.6, 3.8, 0), 0),
    ("pillar_decorated.gltf.glb", "Pillar", (-4.2, 3.8, 0), 0),
    ("keg.gltf.glb", "Keg", (-1.8, -1.2, 0), 70),
    ("stool.gltf.glb", "Stool", (1.4, -0.9, 0), 10),
    ("trunk_medium_A.gltf.glb", "Trunk", (4.0, -0.5, 0), 80),
)
CAPTURED_FROM = (
    (-4.0, -5.0, 3.0),
    (-1.5, -6.0, 2.2),
    (1.5, -6.0, 3.4),
    (4.0, -5.0, 2.2),
    (-5.0, -1.5, 3.6),
    (5.0, -1.5, 3.0),
    # Over the keg: a side that a move will turn to the camera has to be seen by some view.
    (-1.9, -1.4, 3.4),
)
UNSEEN_FROM = ((-2.8, -5.4, 2.7), (0.0, -5.6, 2.6), (2.9, -5.2, 2.9))
TARGET = (0.0, 1.5, 0.8)


def compose_dungeon(folder: Path) -> list[bpy.types.Object]:
    """Walls, floor and nine pieces of furniture in the current scene; seven cameras around them, in order."""
    scene = bpy.context.scene
    for x in (-4, 0, 4):
        for y in (-4, 0, 4):
            _add(folder / "floor_tile_large.gltf.glb", f"Floor {x} {y}", (x, y, 0))
        _add(folder / "wall.gltf.glb", f"Wall {x}", (x, 6, 0))
    for y in (-4, 0, 4):
        _add(folder / "wall_cracked.gltf.glb", f"Left {y}", (-6, y, 0), 90)
        _add(folder / "wall_arched.gltf.glb", f"Right {y}", (6, y, 0), 90)
    for file, name, position, turn_deg in _FURNITURE:
        _add(folder / file, name, position, turn_deg)
    shading = scene.display.shading
    shading.light, shading.color_type, shading.show_cavity = "STUDIO", "TEXTURE", False
    cameras = [add_camera(f"View {i + 1}", position) for i, position in enumerate(CAPTURED_FROM)]
    scene.camera = cameras[0]
    bpy.context.view_layer.update()
    return cameras


def add_camera(name: str, position: tuple[float, float, float]) -> bpy.types.Object:
    """A camera that looks at the middle of the room."""
    data = bpy.data.cameras.new(name)
    data.lens = 24
    camera = bpy.data.objects.new(name, data)
    camera.matrix_world = mathutils.Matrix(blender_of_world_from_cam(look_at(np.array(position), np.array(TARGET))))
    bpy.context.scene.collection.objects.link(camera)
    return camera


def _add(file: Path, name: str, position: tuple[float, float, float], turn_deg: float = 0) -> None:
    """Import one asset, joined into one object of that name."""
    bpy.ops.import_scene.gltf(filepath=str(file))
    imported = list(bpy.context.selected_objects)
    meshes = [obj for obj in imported if obj.type == "MESH"]
    others = [obj for obj in imported if obj.type != "MESH"]
    if len(meshes) > 1:
        with bpy.context.temp_override(active_object=meshes[0], selected_editable_objects=meshes):
            bpy.ops.object.join()
    obj = meshes[0]
    world = obj.matrix_world.copy()
    obj.parent = None
    obj.matrix_world = world
    for other in others:
        bpy.data.objects.remove(other)
    obj.rotation_mode = "XYZ"
    obj.rotation_euler[2] += np.radians(turn_deg)
    obj.location = position
    obj.name = name
