"""Small scenes to capture, and a snapshot of everything an artist would miss."""

from __future__ import annotations

import warnings

import bpy
import numpy as np

from blender_addon import compat
from blender_addon.capture import CaptureRequest, capture_memory
from mosaic_core.memory import Memory

HEIGHT, WIDTH = 36, 64
WORKBENCH = "BLENDER_WORKBENCH"


def link(obj: bpy.types.Object) -> bpy.types.Object:
    bpy.context.scene.collection.objects.link(obj)
    return obj


def add_camera(name: str = "Camera", location=(0.0, 0.0, 5.5), **settings) -> bpy.types.Object:
    """A camera that looks straight down, the scene's active one."""
    camera = link(bpy.data.objects.new(name, bpy.data.cameras.new(name)))
    camera.location = location
    bpy.context.scene.camera = camera
    for key, value in settings.items():
        setattr(camera.data, key, value)
    return camera


def add_cube(name: str = "Cube", location=(0.0, 0.0, 0.0), size: float = 1.0, **settings) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=size, location=location)
    cube = bpy.context.object
    cube.name = name
    for key, value in settings.items():
        setattr(cube, key, value)
    return cube


def quad(name: str) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    corners = [(-0.4, -0.4, 0), (0.4, -0.4, 0), (0.4, 0.4, 0), (-0.4, 0.4, 0)]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    return mesh


def capture(*cameras, engine: str = WORKBENCH, extend: Memory | None = None, **sizes) -> Memory:
    cameras = tuple(entry if isinstance(entry, tuple) else (entry, 1) for entry in cameras)
    size = {"image_height": HEIGHT, "image_width": WIDTH, **sizes}
    return capture_memory(bpy.context, CaptureRequest(cameras, engine=engine, samples=1, **size), extend=extend)


def pixels_of(memory: Memory, name: str, view: int = 0) -> np.ndarray:
    numbers = [number for number, other in memory.object_names.items() if other == name]
    return np.isin(memory.views[view].object_ids, numbers)


def animate(obj: bpy.types.Object, path: str, values: dict[int, object]) -> None:
    for frame, value in values.items():
        setattr(obj, path, value)
        obj.keyframe_insert(path, frame=frame)


# What Blender keeps for itself or leads back to where one came from, and what crashes 4.2 when read (tool_settings).
_SKIPPED = {"depsgraph", "original", "session_uid", "rna_type", "bl_rna", "tool_settings"}
# A studio light fills itself in when it is first drawn.
_SKIPPED |= {"is_evaluated", "is_updated", "is_updated_data", "selected_studio_light"}
if bpy.app.version < (4, 5):
    # 4.2's Scene.copy counts the users of a scene's objects once too often; saving, loading and undo count again.
    _SKIPPED |= {"users"}


def rna_values(owner, path: str, depth: int = 4) -> dict[str, object]:
    """Every readable property of an RNA struct, nested ones included; other datablocks by name."""
    values: dict[str, object] = {}
    for prop in owner.bl_rna.properties:
        if prop.identifier in _SKIPPED:
            continue
        here, value = f"{path}.{prop.identifier}", getattr(owner, prop.identifier, None)
        items = list(value)[:50] if prop.type == "COLLECTION" else [value]
        if prop.type not in ("COLLECTION", "POINTER"):
            values[here] = tuple(value) if isinstance(value, bpy.types.bpy_prop_array) else str(value)
            continue
        for index, item in enumerate(items):
            if isinstance(item, bpy.types.ID) or item is None or not depth:
                values[f"{here}[{index}]"] = getattr(item, "name_full", None)
            else:
                values |= rna_values(item, f"{here}[{index}]", depth - 1)
    return values


def snapshot() -> dict[str, object]:
    """Names of all datablocks, and every property of scenes, objects, cameras, worlds and actions."""
    values: dict[str, object] = {
        prop.identifier: sorted(item.name_full for item in getattr(bpy.data, prop.identifier))
        for prop in bpy.data.bl_rna.properties
        if prop.type == "COLLECTION"
    }
    values["context"] = (bpy.context.scene.name, bpy.context.view_layer.objects.active)
    values["handlers"] = [len(bpy.app.handlers.frame_change_post), len(bpy.app.handlers.frame_change_pre)]
    for obj in bpy.data.objects:
        values[f"mute {obj.name_full}"] = [curve.mute for curve in compat.fcurves_of(obj)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # everything is read, also what is on its way out
        for item in (*bpy.data.scenes, *bpy.data.objects, *bpy.data.cameras, *bpy.data.worlds, *bpy.data.actions):
            values |= rna_values(item, f"{type(item).__name__} {item.name_full}")
    return values


def assert_unchanged(before: dict[str, object]) -> None:
    after = snapshot()
    changed = {name: (before.get(name), after.get(name)) for name in before.keys() | after.keys()}
    assert {name: pair for name, pair in changed.items() if pair[0] != pair[1]} == {}


def furnish() -> bpy.types.Object:
    """A scene in which there is something to forget of everything."""
    scene = bpy.context.scene
    camera = add_camera(location=(0, 0, 8))
    camera.data.dof.use_dof = True
    other = add_camera("Other", (3, 0, 8))
    scene.timeline_markers.new("Cut", frame=7).camera = other
    mover = add_cube("Mover")
    mover.color = (0.1, 0.2, 0.3, 0.4)
    animate(mover, "location", {1: (0, 0, 0), 21: (1, 0, 0)})
    animate(mover, "color", {1: (1, 0, 0, 1), 21: (0, 1, 0, 1)})
    driver = add_cube("Driven", (2, 0, 0)).driver_add("color", 0).driver
    driver.expression = "0.5"
    add_cube("In front", (-2, 0, 0), show_in_front=True)
    bpy.ops.object.volume_add()
    scene.world = bpy.data.worlds.new("World")
    scene.view_layers.new("Second")
    scene.frame_set(5, subframe=0.25)
    mover.location = (0.3, 0.4, 0)  # not keyed: a render that re-evaluates the scene loses it
    scene.camera = other
    scene.render.engine, scene.render.resolution_x = "CYCLES", 333
    scene.render.use_compositing = scene.render.use_border = True
    scene.display.shading.light = "MATCAP"
    compat.set_image_format(scene.render.image_settings, "FFMPEG")
    if hasattr(scene, "node_tree"):
        scene.use_nodes = True
    else:
        scene.compositing_node_group = bpy.data.node_groups.new("Grade", "CompositorNodeTree")
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = mover
    mover.select_set(True)
    return camera
