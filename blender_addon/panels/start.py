"""The panel that leads to a first video: one large button, always the next one. It hides when a take is there.

Nothing here can do what the other panels cannot: the same operators with the same settings, in the order of the work.
"""

from __future__ import annotations

import bpy

from ..operators.generate import shown_take
from ..paths.gentle import FRAME_COUNT, stands_still
from ..registry import registration
from ..shots import memory_to_generate_from
from .drawing import SidebarPanel, draw_text, safely
from .set_up import draw_set_up


def is_wanted(context: bpy.types.Context) -> bool:
    """Whether the scene has no video yet."""
    return context.scene is not None and shown_take(context) is None


def draw_start(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The next step: capture, get the GPU process, generate; or how far the running one is."""
    status = context.window_manager.mosaic_job
    if status.running:
        draw_text(layout, context, "The first video is being made: see it grow under Generate.", icon="SORTTIME")
    elif memory_to_generate_from(context) is None:
        several = sum(obj.mosaic.is_memory for obj in context.scene.objects) > 1
        if several:
            draw_text(layout, context, "Choose which memory to work on, under Memory.", icon="INFO")
        else:
            _draw_capture(layout, context)
    elif not draw_set_up(layout, context):
        _draw_generate(layout, context)


def _draw_capture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    draw_text(layout, context, "1 of 2: let Mosaic look at your scene. Nothing in it is changed.")
    _large(layout).operator("mosaic.capture", icon="RENDER_STILL")


def _draw_generate(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    scene = context.scene
    camera_obj = scene.mosaic.path_camera or scene.camera
    if stands_still(scene):
        camera = f"the camera moves a little to the side and back, {FRAME_COUNT} frames at first"
    else:
        camera = f"along {camera_obj.name}" if camera_obj is not None else "along a path"
    draw_text(layout, context, f"2 of 2: make the video, {camera}.")
    _large(layout).operator("mosaic.generate", icon="RENDER_ANIMATION")
    if context.window_manager.mosaic_job.error:
        draw_text(layout, context, "It failed: the reason is under Generate.", icon="ERROR")


def _large(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    row = layout.row()
    row.scale_y = 2.0
    return row


class MOSAIC_PT_start(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_start"
    bl_label = "First Video"
    draw = safely(draw_start)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_wanted(context)


register, unregister = registration(MOSAIC_PT_start)
