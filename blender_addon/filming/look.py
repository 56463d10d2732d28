"""How a filmed scene looks: one sun or studio light, and the settings of the two renderers.

Light has to stay with the world: a surface that changes its colour as the camera turns would teach the model to
mistrust memory. So Workbench's studio light is fixed to the world, with shadows of its sun; highlights and cavities,
which follow the camera, are off. It is drawn at twice the size and averaged (the eight-fold anti-aliasing draws shadows
eight times and takes four times as long). Cycles takes four samples and a denoiser.
"""

from __future__ import annotations

import math

import bpy
import mathutils
import numpy as np

WORKBENCH, CYCLES = "BLENDER_WORKBENCH", "CYCLES"
CYCLES_SAMPLES = 4
SUPERSAMPLING = {WORKBENCH: 2, CYCLES: 1}
_STUDIO_LIGHTS = ("Default", "basic.sl", "outdoor.sl", "paint.sl", "studio.sl")


def set_look(scene: bpy.types.Scene, engine: str, seed: int) -> None:
    """Give a scene its light, sky and render settings."""
    rng = np.random.default_rng((seed, 11))
    angle, height = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(1.0, 2.5))
    towards_sun = mathutils.Vector((math.cos(angle), math.sin(angle), height)).normalized()
    sky = np.array((0.45, 0.62, 0.85)) * rng.uniform(0.5, 1.1) + rng.uniform(-0.05, 0.08, 3)
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    world = scene.world = bpy.data.worlds.new("World")
    if engine == CYCLES:
        _cycles(scene, world, rng, sky, towards_sun)
    else:
        _workbench(scene, rng, angle, towards_sun)
        world.color = (sky / 2**scene.view_settings.exposure).clip(0, 1)


def _workbench(scene: bpy.types.Scene, rng: np.random.Generator, angle: float, towards_sun: mathutils.Vector) -> None:
    scene.display.render_aa = "OFF"
    scene.view_settings.exposure = float(rng.uniform(0.9, 1.5))
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "TEXTURE"
    shading.studio_light = _STUDIO_LIGHTS[int(rng.integers(len(_STUDIO_LIGHTS)))]
    shading.use_world_space_lighting, shading.studiolight_rotate_z = True, angle - math.pi
    shading.show_specular_highlight = shading.show_cavity = shading.show_object_outline = False
    shading.show_shadows, shading.shadow_intensity = True, float(rng.uniform(0.25, 0.5))
    # Blender keeps the shadows' light with its height second and its depth backwards.
    scene.display.light_direction = (towards_sun.x, towards_sun.z, -towards_sun.y)


def _cycles(
    scene: bpy.types.Scene,
    world: bpy.types.World,
    rng: np.random.Generator,
    sky: np.ndarray,  # (3,)
    towards_sun: mathutils.Vector,
) -> None:
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*sky.clip(0, 1), 1.0)
    background.inputs["Strength"].default_value = float(rng.uniform(0.5, 1.0))
    lamp = bpy.data.lights.new("Sun", "SUN")
    lamp.energy, lamp.angle = float(rng.uniform(2.0, 4.0)), math.radians(float(rng.uniform(1, 8)))
    lamp.color = rng.uniform(0.85, 1.0, 3) if rng.random() < 0.7 else (1.0, 0.75, 0.5)
    sun = bpy.data.objects.new("Sun", lamp)
    sun.rotation_euler = towards_sun.to_track_quat("Z", "Y").to_euler()
    scene.collection.objects.link(sun)
    cycles = scene.cycles
    cycles.use_adaptive_sampling = False
    try:
        cycles.denoiser, cycles.use_denoising = "OPENIMAGEDENOISE", True
    except TypeError:  # distributions build Blender without it: clips are noisier then
        cycles.use_denoising = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 1, 0
    cycles.caustics_reflective = cycles.caustics_refractive = False
