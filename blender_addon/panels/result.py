"""The panel Result: the newest take and what can be done with it."""

from __future__ import annotations

import bpy

from ..operators.generate import newest_frame, shown_take
from ..registry import registration
from ..results import thumbnail
from .drawing import SidebarPanel, draw_icon, draw_text, safely


def draw_result(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The newest take and what can be done with it."""
    folder = shown_take(context)
    if folder is None:
        draw_text(layout, context, "No take yet", icon="INFO")
    else:
        layout.label(text=folder.name, icon="RENDER_RESULT")
        draw_icon(layout, thumbnail(str(newest_frame(folder) or "")))
        _draw_result_buttons(layout)


def _draw_result_buttons(layout: bpy.types.UILayout) -> None:
    row = layout.row(align=True)
    play = row.operator("mosaic.open_result", text="Play", icon="PLAY")
    play.play = True
    row.operator("mosaic.open_result", text="Open Folder", icon="FILE_FOLDER")
    row = layout.row(align=True)
    background = row.operator("mosaic.apply_result", text="Background", icon="IMAGE_BACKGROUND")
    background.strip = False
    strip = row.operator("mosaic.apply_result", text="Strip", icon="SEQ_SEQUENCER")
    strip.background = False


class MOSAIC_PT_result(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_result"
    bl_label = "Result"
    draw = safely(draw_result)


register, unregister = registration(MOSAIC_PT_result)
