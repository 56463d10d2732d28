"""The panel Generate: what to make, the button, and how far it is."""

from __future__ import annotations

import bpy

from mosaic_core.wording import phrase

from ..events import events_of
from ..registry import registration
from ..results import live_thumbnail
from ..shots import memory_to_generate_from
from ..translations import in_words
from .drawing import SidebarPanel, draw_icon, draw_pair, draw_text, safely
from .set_up import draw_set_up
from .shots import draw_queue, draw_shots


def draw_generate(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What to make, the button, and how far it is."""
    settings, status = context.scene.mosaic, context.window_manager.mosaic_job
    if status.running:
        draw_progress(layout, status)  # above the settings, where it is seen without scrolling
    draw_queue(layout, context)
    draw_shots(layout, context)
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    if settings.shots:
        column.prop(settings, "path_camera", text="Camera")
        draw_pair(column, "Frames", context.scene, "frame_start", "frame_end")
    column.prop(settings, "engine")
    draw_pair(column, "Size", settings, "width", "height")
    column.prop(settings, "seed")
    _draw_prompts(column, context)
    column.prop(settings, "output_folder")
    column.prop(settings, "depth")
    column.prop(settings, "add_background")
    column.prop(settings, "add_strip")
    if not draw_set_up(layout, context):
        _draw_buttons(layout, context, status)


def draw_progress(layout: bpy.types.UILayout, status) -> None:
    """How far the running job is, the button that ends it, and the newest frame."""
    split = layout.split(factor=0.75, align=True)
    split.progress(factor=status.fraction, type="BAR", text=status.text)
    cancel = split.row(align=True)
    cancel.enabled = not status.cancelling
    cancel.operator("mosaic.cancel")
    draw_icon(layout, live_thumbnail())


def _draw_prompts(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.mosaic
    layout.prop(settings, "prompt")
    layout.prop(settings, "negative_prompt")
    events, problems = events_of(context.scene.timeline_markers)
    for event in events:
        strength = "" if event.strength == 1 else f" ({event.strength:g})"
        told = phrase("From {frame}: {text}{strength}", frame=event.frame, text=event.text, strength=strength)
        layout.label(text=in_words(told), icon="MARKER_HLT")
    for problem in problems:
        draw_text(layout, context, problem, icon="ERROR")


def _draw_buttons(layout: bpy.types.UILayout, context: bpy.types.Context, status) -> None:
    obj = memory_to_generate_from(context)
    row = layout.row(align=True)
    row.scale_y = 1.4
    several = len(context.scene.mosaic.shots) > 1
    if status.running:
        row.operator("mosaic.queue", text="Queue", icon="SORTTIME").all_shots = False
    else:
        from_one = obj is not None and not several
        name = in_words(phrase("Generate from {memory}", memory=obj.name)) if from_one else "Generate"
        row.operator("mosaic.generate", text=name, icon="RENDER_ANIMATION")
    if several:
        row.operator("mosaic.queue", text="Queue All" if status.running else "Generate All").all_shots = True
    if status.running:
        return
    if status.error:
        draw_error(layout.box(), context, status)
    elif status.text:
        draw_text(layout, context, status.text, icon="INFO")


def draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, status) -> None:
    """Why the last job failed, and what helps with it."""
    draw_text(layout, context, status.error, icon="ERROR")
    row = layout.row(align=True)
    row.operator("mosaic.copy_report", icon="COPYDOWN")
    row.operator("mosaic.open_preferences", icon="PREFERENCES")


class MOSAIC_PT_generate(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_generate"
    bl_label = "Generate"
    draw = safely(draw_generate)


register, unregister = registration(MOSAIC_PT_generate)
