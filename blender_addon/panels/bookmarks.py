"""The sub-panel Bookmarks of the panel Path: views worth keeping, and the path through them."""

from __future__ import annotations

import bpy

from ..registry import registration
from .drawing import SidebarPanel, safely


class MOSAIC_UL_bookmarks(bpy.types.UIList):
    """A bookmark a row: whether the path passes it, its name, and a way to look at it."""

    bl_idname = "MOSAIC_UL_bookmarks"

    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_name, index=0) -> None:
        row = layout.row(align=True)
        row.prop(item, "chosen", text="")
        row.prop(item, "name", text="", emboss=False)
        row.operator("mosaic.bookmark_show", text="", icon="HIDE_OFF", emboss=False).index = index


def draw_bookmarks(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The list, and what can be done with it."""
    scene = context.scene
    row = layout.row()
    row.template_list("MOSAIC_UL_bookmarks", "", scene, "mosaic_bookmarks", scene, "mosaic_bookmark_index", rows=3)
    column = row.column(align=True)
    column.operator("mosaic.bookmark_add", text="", icon="ADD")
    column.operator("mosaic.bookmark_remove", text="", icon="REMOVE")
    if len(scene.mosaic_bookmarks) > 1:
        column.operator("mosaic.bookmark_move", text="", icon="TRIA_UP").direction = "UP"
        column.operator("mosaic.bookmark_move", text="", icon="TRIA_DOWN").direction = "DOWN"
    layout.operator("mosaic.bookmark_path", icon="CURVE_PATH")


class MOSAIC_PT_bookmarks(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_bookmarks"
    bl_label = "Bookmarks"
    bl_parent_id = "MOSAIC_PT_path"
    draw = safely(draw_bookmarks)


register, unregister = registration(MOSAIC_UL_bookmarks, MOSAIC_PT_bookmarks)
