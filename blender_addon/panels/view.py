"""The panel View: what is drawn over the viewport, each a switch, and what the patches' colours say."""

from __future__ import annotations

import bpy

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
    row = layout.row()
    row.scale_y = 1.2
    row.prop(settings, "show_preview", toggle=True, icon="HIDE_OFF")
    if settings.show_preview:
        _draw_preview_hint(layout, context)


def _draw_preview_hint(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    space = context.space_data
    through = space is not None and getattr(space, "region_3d", None) is not None
    if through and space.region_3d.view_perspective != "CAMERA":
        draw_text(layout, context, "Shown when you look through the path camera (numeric pad 0)", icon="INFO")


class MOSAIC_PT_view(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_view"
    bl_label = "View"
    draw = safely(draw_view)


register, unregister = registration(MOSAIC_PT_view)
