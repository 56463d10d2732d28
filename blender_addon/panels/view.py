"""The panel View: what is drawn over the viewport, each a switch, and what the patches' colours say."""

from __future__ import annotations

import bpy

from ..paths.views import looks_through
from ..registry import registration
from .drawing import SidebarPanel, draw_text, safely


def draw_view(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The switches, in two columns, and the colours above them."""
    settings = context.window_manager.mosaic_view
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "colour_mode")
    if settings.colour_mode != "CAPTURED" and not context.scene.mosaic.show_points:
        draw_text(layout, context, "Colours are shown on the points: switch Points on", icon="INFO")
    flow = layout.grid_flow(columns=2, even_columns=True, align=True)
    flow.prop(settings, "show_path", toggle=True, icon="CURVE_PATH")
    flow.prop(settings, "show_frusta", toggle=True, icon="CAMERA_DATA")
    flow.prop(settings, "show_holes", text="Holes", toggle=True, icon="MESH_CIRCLE")
    flow.prop(settings, "show_legend", toggle=True, icon="TEXT")
    row = layout.row(align=True)
    row.scale_y = 1.2
    row.prop(settings, "show_preview", toggle=True, icon="HIDE_OFF")
    through = looks_through(context)
    row.operator("mosaic.look_through", icon="VIEW_CAMERA", depress=through)
    if settings.show_preview and not through:
        draw_text(layout, context, "Live Preview is shown through the path camera: press Look Through", icon="INFO")


class MOSAIC_PT_view(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_view"
    bl_label = "View"
    draw = safely(draw_view)


register, unregister = registration(MOSAIC_PT_view)
