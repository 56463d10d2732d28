"""A ball that rolls past pillars, captured four times on its way, and the picture of it in the manual.

`python -m tests.addon.moving_scene` draws docs/manual/images/moving.jpg: Blender's own frames, above what Mosaic makes
of the four captured moments.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from mosaic_core.cameras import CameraPath
from mosaic_core.memory import Memory

from .capture_scenes import animate

HEIGHT, WIDTH = 90, 160
FRAMES, EVERY, FPS = 48, 12, 24
BALL = "Red Ball"
_PICTURE = Path(__file__).resolve().parents[2] / "docs/manual/images/moving.jpg"
_SHOWN = (1, 7, 16, 25, 31, 43)


def rolling_scene() -> None:
    """Ground, a wall, three pillars, a ball that rolls behind one of them, and a camera that goes along with it."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.render.fps = 1, FRAMES, FPS
    _add(bpy.ops.mesh.primitive_plane_add, "Ground", (0.45, 0.5, 0.35), size=30, location=(0, 4, 0))
    wall = _add(bpy.ops.mesh.primitive_cube_add, "Wall", (0.7, 0.62, 0.5), location=(0, 5, 2))
    wall.scale = (14, 0.2, 2)
    for index, (x, y) in enumerate([(-2.5, 2.0), (2.0, 1.2), (0.3, -1.6)]):
        colour = (0.3 + 0.2 * index, 0.35, 0.65 - 0.15 * index)
        _add(
            bpy.ops.mesh.primitive_cylinder_add, f"Pillar {index}", colour, location=(x, y, 0.8), radius=0.3, depth=1.6
        )
    ball = _add(bpy.ops.mesh.primitive_uv_sphere_add, BALL, (0.85, 0.15, 0.1), radius=0.5)
    camera = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    target = bpy.data.objects.new("Target", None)
    for obj in (camera, target):
        scene.collection.objects.link(obj)
    scene.camera, camera.data.lens, target.location = camera, 28, (0.0, 1.0, 0.6)
    looking = camera.constraints.new("TRACK_TO")
    looking.target, looking.track_axis, looking.up_axis = target, "TRACK_NEGATIVE_Z", "UP_Y"
    bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
    animate(ball, "location", {1: (-3.2, 0.0, 0.5), FRAMES: (3.2, 0.0, 0.5)})
    animate(camera, "location", {1: (-2.5, -6.5, 2.2), FRAMES: (2.5, -6.5, 2.2)})
    scene.frame_set(1)


def captured_along_the_way() -> tuple[Memory, CameraPath]:
    """The memory that *Capture* makes with *Animation*, and the path of the scene's camera."""
    from blender_addon.memory.read import edited_memory
    from blender_addon.paths.sample import path_of_scene

    settings = bpy.context.scene.mosaic
    settings.capture_source, settings.capture_every = "ANIMATION", EVERY
    settings.capture_width, settings.capture_height = 2 * WIDTH, 2 * HEIGHT
    assert bpy.ops.mosaic.capture() == {"FINISHED"}
    return edited_memory(settings.memory), path_of_scene(bpy.context, image_height=HEIGHT, image_width=WIDTH)


def truth_at(frame: int) -> tuple[np.ndarray, np.ndarray]:  # (H, W, 3) uint8, (H, W) bool
    """The scene itself at that frame, and where its ball is."""
    from blender_addon.capture import CaptureRequest, capture_memory

    request = CaptureRequest(((bpy.context.scene.camera, frame),), image_height=HEIGHT, image_width=WIDTH)
    memory = capture_memory(bpy.context, request)
    numbers = [number for number, name in memory.object_names.items() if name == BALL]
    return memory.views[0].rgb, np.isin(memory.views[0].object_ids, numbers)


def _add(operator, name: str, colour: tuple[float, float, float], **settings) -> bpy.types.Object:
    operator(**settings)
    obj = bpy.context.object
    obj.name = name
    material = bpy.data.materials.new(name)
    material.diffuse_color = (*colour, 1.0)
    obj.data.materials.append(material)
    return obj


def draw_picture(file: Path) -> None:
    """A line of true frames, and below it what the engine `tiny` makes of the memory."""
    from PIL import Image

    from mosaic_core.engines.tiny import ENGINE

    memory, path = captured_along_the_way()
    made = [frame.rgb for frame in ENGINE.frames(memory, path)]
    truth = np.concatenate([truth_at(frame)[0] for frame in _SHOWN], axis=1)
    ours = np.concatenate([np.round(made[frame - 1] * 255).astype(np.uint8) for frame in _SHOWN], axis=1)
    gap = np.full((4, truth.shape[1], 3), 255, np.uint8)
    picture = Image.fromarray(np.concatenate([truth, gap, ours]))
    picture.resize((picture.width * 5 // 4, picture.height * 5 // 4), Image.Resampling.LANCZOS).save(file, quality=88)


if __name__ == "__main__":
    import blender_addon

    blender_addon.register()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rolling_scene()
    draw_picture(_PICTURE)
    blender_addon.unregister()
