"""Where the courtyard is seen from, and what the demonstration changes in it.

The six views were found by search: from sensible places, moved until 99% of what the path sees was seen by one of them
(sky and what the edits uncover included). Three stand along the path, two inside look across it at what the fountain
and the columns hide, one high on the right sees the ground behind things. The edits are chosen with them: what is
uncovered when the urn goes has been seen from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector

from ..paths.curve import add_bezier, follow, new_path_camera, new_path_curve, new_target

VIEW_FOV_DEG = 72.0
VIEWS: tuple[tuple[tuple[float, float, float], tuple[float, float, float]], ...] = (
    ((3.20, -4.48, 1.31), (-0.74, 0.85, 1.37)),
    ((-1.64, -5.06, 2.21), (0.07, 1.60, 1.38)),
    ((-0.38, -5.43, 2.22), (-0.36, 1.66, 1.36)),
    ((-1.57, 2.31, 2.21), (2.92, 0.46, 0.45)),
    ((1.70, -3.28, 1.89), (-3.48, 4.66, 1.37)),
    ((3.51, -2.75, 3.08), (-1.11, 4.60, 1.40)),
)

PATH_FOV_DEG = 62.0
PATH_AIM_M = (0.05, 0.75, 1.22)
# A swing from low beside the flowers on the right, up and round to the left: always outside the things it passes.
PATH_KNOTS_M = (
    (3.05, -4.05, 1.40),
    (2.10, -5.15, 1.55),
    (0.60, -5.70, 1.85),
    (-0.70, -5.55, 2.10),
    (-1.75, -5.05, 2.20),
)


@dataclass(frozen=True)
class DemoEdit:
    """One change to the memory: "move" and "copy" by `offset_m`, "delete" without."""

    kind: str
    object_name: str
    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


EDITS: tuple[DemoEdit, ...] = (
    DemoEdit("move", "Crate Red", (-0.50, -2.05, 0.0)),
    DemoEdit("copy", "Amphora", (0.85, -0.80, 0.0)),
    DemoEdit("delete", "Urn"),
)


def capture_cameras(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Six cameras, "View 1" .. "View 6", in a collection of their own."""
    collection = bpy.data.collections.new("Views")
    scene.collection.children.link(collection)
    cameras = []
    for number, (at, towards) in enumerate(VIEWS, start=1):
        data = bpy.data.cameras.new(f"View {number}")
        data.angle = np.radians(VIEW_FOV_DEG)
        data.display_size = 0.35
        camera = bpy.data.objects.new(data.name, data)
        camera.location = at
        camera.rotation_euler = (Vector(towards) - Vector(at)).to_track_quat("-Z", "Y").to_euler()
        collection.objects.link(camera)
        cameras.append(camera)
    return cameras


def demo_path(scene: bpy.types.Scene, *, frames: int = 48, fps: int = 24) -> bpy.types.Object:
    """The camera "Path Camera", travelling the curve "Path" in `frames` frames from frame 1; the scene's camera."""
    context = bpy.context
    scene.render.fps, scene.render.fps_base = fps, 1.0
    scene.frame_start, scene.frame_end = 1, frames
    curve = new_path_curve(context, name="Path")
    add_bezier(curve, np.array(PATH_KNOTS_M))
    target = new_target(context, name="Path Target", location_world=Vector(PATH_AIM_M))
    camera = new_path_camera(context, name="Path Camera")
    camera.data.angle = np.radians(PATH_FOV_DEG)
    follow(camera, curve, frame_start=1, frame_count=frames, aim="TARGET", target=target, ease=True)
    scene.camera = camera
    scene.frame_set(1)
    return camera


def set_render_settings(scene: bpy.types.Scene, *, width: int = 640, height: int = 360) -> None:
    """Cycles, few samples and a denoiser: on two CPU cores about 9 s for a view of 640x360, without visible noise."""
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    # Six views of one scene: keep its geometry loaded between renders.
    render.use_persistent_data = True
    cycles.device = "CPU"
    cycles.samples = 10
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = 0.05
    cycles.seed = 0
    try:
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.use_denoising = True
    except TypeError:  # distributions build Blender without it: the views are noisier then
        cycles.use_denoising = False
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"  # keeps the textures sharp
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 2, 1
    cycles.transmission_bounces = cycles.transparent_max_bounces = 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    # "Standard" shows the textures as they were painted, in Workbench as in Cycles.
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    scene.view_settings.exposure = 0.0
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "TEXTURE"
    shading.show_shadows = shading.show_cavity = True
