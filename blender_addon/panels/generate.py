"""The panel Generate: what to make, the button, and how far it is."""

from __future__ import annotations

import bpy

from ..registry import registration
from ..results import live_thumbnail
from ..shots import memory_to_generate_from
from .drawing import SidebarPanel, draw_icon, draw_size, draw_text, safely
from .set_up import draw_set_up


def draw_generate(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What to make, the button, and how far it is."""
    settings, status = context.scene.mosaic, context.window_manager.mosaic_job
    if status.running:
        # Above the settings, where it is seen without scrolling.
        split = layout.split(factor=0.75, align=True)
        split.progress(factor=status.fraction, type="BAR", text=status.text)
        cancel = split.row(align=True)
        cancel.enabled = not status.cancelling
        cancel.operator("mosaic.cancel")
        draw_icon(layout, live_thumbnail())
    column = layout.column()
    column.enabled = not status.running
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "engine")
    draw_size(column, settings, "width", "height")
    column.prop(settings, "seed")
    column.prop(settings, "prompt")
    column.prop(settings, "output_folder")
    column.prop(settings, "add_background")
    column.prop(settings, "add_strip")
    if not status.running and not draw_set_up(layout, context):
        _draw_generate_button(layout, context, status)


def _draw_generate_button(layout: bpy.types.UILayout, context: bpy.types.Context, status) -> None:
    obj = memory_to_generate_from(context)
    row = layout.row()
    row.scale_y = 1.4
    name = f"Generate from {obj.name}" if obj is not None else "Generate"
    row.operator("mosaic.generate", text=name, icon="RENDER_ANIMATION")
    if status.error:
        _draw_error(layout.box(), context, status)
    elif status.text:
        draw_text(layout, context, status.text, icon="INFO")


def _draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, status) -> None:
    draw_text(layout, context, status.error, icon="ERROR")
    row = layout.row(align=True)
    row.operator("mosaic.copy_report", icon="COPYDOWN")
    row.operator("mosaic.open_preferences", icon="PREFERENCES")


class MOSAIC_PT_generate(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_generate"
    bl_label = "Generate"
    draw = safely(draw_generate)


register, unregister = registration(MOSAIC_PT_generate)
