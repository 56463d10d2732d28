"""The panel that leads to a first video: one large button, always the next one. It is gone with the second take.

Nothing here can do what the other panels cannot: the same operators with the same settings, in the order of the work.
"""

from __future__ import annotations

import bpy

from mosaic_core.wording import phrase

from ..operators.generate import shown_take
from ..paths.gentle import stands_still, wanted_frame_count
from ..registry import registration
from ..results import thumbnail
from ..scene_takes import takes_of
from ..shots import memory_to_generate_from
from ..take_facts import facts_of
from .drawing import SidebarPanel, draw_icon, draw_text, safely
from .generate import draw_error, draw_progress
from .set_up import draw_set_up


def is_wanted(context: bpy.types.Context) -> bool:
    """Whether the scene has no video yet, or only its first."""
    return context.scene is not None and len(takes_of(context.scene)) <= 1


def draw_start(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The next step: capture, get the GPU process, generate, play; or how far the running one is."""
    status, folder = context.window_manager.mosaic_job, shown_take(context)
    if status.running:
        draw_progress(layout, status)
    elif not any(obj.mosaic.is_memory for obj in context.scene.objects):
        _draw_capture(layout, context)
    elif folder is not None:
        _draw_play(layout, context, folder)
    elif memory_to_generate_from(context) is None:
        draw_text(layout, context, "Choose which memory to work on, under Memory.", icon="INFO")
    elif not draw_set_up(layout, context):
        _draw_generate(layout, context)


def _draw_play(layout: bpy.types.UILayout, context: bpy.types.Context, folder) -> None:
    facts = facts_of(folder)
    draw_icon(layout, thumbnail(str(facts.middle_file) if facts else ""))
    _large(layout).operator("mosaic.open_result", text="Play", icon="PLAY").play = True
    draw_text(
        layout,
        context,
        "Next, a retake: under Edit choose an object By Object, press Move, move it with the mouse, click, and "
        "Generate Again.",
    )
    layout.operator("mosaic.generate", text="Generate Again", icon="RENDER_ANIMATION")


def _draw_capture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    row = _large(layout)
    if any(obj.type == "CAMERA" for obj in context.scene.objects):
        draw_text(layout, context, "1 of 2: Mosaic looks at your scene from its cameras. Nothing in it is changed.")
        row.operator("mosaic.capture", icon="RENDER_STILL")
        return
    draw_text(layout, context, "1 of 2: Mosaic looks at your scene from a ring of cameras, which it adds.")
    row.operator_context = "EXEC_DEFAULT"
    ring = row.operator("mosaic.capture_wizard", text="Capture Memory", icon="RENDER_STILL")
    ring.source, ring.keep = "RING", True  # kept: the video starts at one of them


def _draw_generate(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    scene = context.scene
    camera_obj = scene.mosaic.path_camera or scene.camera
    if stands_still(scene):
        count = wanted_frame_count(scene)
        camera = phrase("{count} frames in which the camera moves a little to the side and back", count=count)
    else:
        camera = phrase("along {camera}", camera=camera_obj.name) if camera_obj is not None else phrase("along a path")
    draw_text(layout, context, phrase("2 of 2: make the video, {camera}.", camera=camera))
    _large(layout).operator("mosaic.generate", icon="RENDER_ANIMATION")
    status = context.window_manager.mosaic_job
    if status.error:
        draw_error(layout.box(), context, status)


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
