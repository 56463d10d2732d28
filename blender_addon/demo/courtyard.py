"""A small courtyard composed from code: the scene of `mosaic demo`, of tests and of the pictures in the README.

Late afternoon: the sun comes low over the brick wall on the right, lights the loggia and the gate, and leaves the
right-hand third in open shade. The things the demonstration moves stand in that shade on purpose. Light is baked
into a memory of images, and where nothing casts a hard shadow none is left behind when a thing goes away.

Axes: x right (east), y away from the visitor (north), metres; the paving's top is z = 0, the south side is open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import bpy
import numpy as np

from . import textures_special
from .cast import THINGS, Thing
from .materials import image_of, mesh_object, sky_world
from .palette import make_material
from .stage import EDITS, DemoEdit, capture_cameras, demo_path, set_render_settings

__all__ = [
    "EDITS",
    "Courtyard",
    "DemoEdit",
    "capture_cameras",
    "compose_courtyard",
    "demo_path",
    "set_render_settings",
]

SUN_FROM = (0.82, -0.44, 0.60)  # towards the sun, about 33 degrees high
SKY_HEIGHT_PX = 512


@dataclass(frozen=True)
class Courtyard:
    """What was composed."""

    collection: bpy.types.Collection
    objects: dict[str, bpy.types.Object]  # every mesh object by name
    supports: dict[str, str]  # name -> what it stands on or is fixed to: another object's name, or "ground"


@dataclass
class _Materials:
    made: dict[str, bpy.types.Material] = field(default_factory=dict)

    def named(self, name: str) -> bpy.types.Material:
        if name not in self.made:
            self.made[name] = make_material(name)
        return self.made[name]


def compose_courtyard(scene: bpy.types.Scene, *, on_progress: Callable[[str], None] = lambda text: None) -> Courtyard:
    """Build objects, lights and sky into the scene, in a collection of their own. Deterministic; adds no camera."""
    collection = bpy.data.collections.new("Courtyard")
    scene.collection.children.link(collection)
    materials = _Materials()
    objects = {}
    for thing in THINGS:
        on_progress(thing.name)
        objects[thing.name] = _make(thing, materials, collection)
    _add_lights(collection)
    _add_sky(scene)
    supports = {thing.name: thing.stands_on for thing in THINGS}
    return Courtyard(collection, objects, supports)


def _make(thing: Thing, materials: _Materials, collection: bpy.types.Collection) -> bpy.types.Object:
    # Each thing has its own seed, so that adding one leaves the others as they were.
    seed = int.from_bytes(thing.name.encode(), "little") % (2**63)
    surface = thing.shape(np.random.default_rng(seed))
    slots = [materials.named(name) for name in thing.materials]
    return mesh_object(thing.name, surface, slots, collection, location=thing.at_m, turn_deg=thing.turn_deg)


def _add_lights(collection: bpy.types.Collection) -> None:
    from mathutils import Vector

    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy = 6.0
    sun.angle = np.radians(3.0)
    sun.color = (1.0, 0.76, 0.50)
    # Light bounced by the world outside, from the open south side: keeps the shade readable.
    fill = bpy.data.lights.new("Fill", "AREA")
    fill.energy = 80.0
    fill.shape, fill.size, fill.size_y = "RECTANGLE", 9.0, 5.0
    fill.color = (0.86, 0.90, 1.0)
    for light, towards, location in (
        (sun, SUN_FROM, (9.0, -6.0, 8.0)),
        (fill, (0.15, -0.8, 0.55), (1.5, -8.5, 6.0)),
    ):
        obj = bpy.data.objects.new(light.name, light)
        obj.location = location
        obj.rotation_euler = Vector(towards).to_track_quat("Z", "Y").to_euler()
        collection.objects.link(obj)


def _add_sky(scene: bpy.types.Scene) -> None:
    direction = np.asarray(SUN_FROM) / np.linalg.norm(SUN_FROM)
    turn = (0.5 - np.arctan2(direction[1], direction[0]) / (2 * np.pi)) % 1.0  # Blender's equirectangular u
    pixels = textures_special.sky(SKY_HEIGHT_PX, np.random.default_rng(77), sun_turn=turn, sun_height=direction[2])
    scene.world = sky_world("Late Afternoon", image_of("Sky", pixels), light=0.65, seen=1.0)
