"""The sub-panel Compare of the panel Result: two takes in one picture."""

from __future__ import annotations

from pathlib import Path

import bpy

from mosaic_core.wording import phrase

from ..operators.generate import shown_take
from ..registry import registration
from .drawing import SidebarPanel, draw_text, safely


def draw_compare(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Which two, how, and what came out."""
    compare, folder = context.window_manager.mosaic_compare, shown_take(context)
    if folder is None:
        draw_text(layout, context, "No take yet", icon="INFO")
        return
    if not compare.other or Path(compare.other) == folder:
        draw_text(
            layout,
            context,
            phrase("A is {take}. Press B at another take to compare with it.", take=folder.name),
            icon="INFO",
        )
        return
    layout.label(text=f"A {folder.name}, B {Path(compare.other).name}", icon="ARROW_LEFTRIGHT")
    layout.operator("mosaic.flip_take", icon="FILE_REFRESH")
    row = layout.row(align=True)
    row.prop(compare, "mode", text="")
    row.operator("mosaic.compare", text="Comparing ..." if compare.running else "Compare")
    if compare.error:
        draw_text(layout, context, compare.error, icon="ERROR")
    if compare.folder:
        draw_text(layout, context, compare.text)
        row = layout.row(align=True)
        row.operator("mosaic.show_comparison", text="Show", icon="IMAGE_DATA")
        row.operator("mosaic.comparison_strip", text="Strip", icon="SEQ_SEQUENCER")


class MOSAIC_PT_compare(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_compare"
    bl_label = "Compare"
    bl_parent_id = "MOSAIC_PT_result"
    draw = safely(draw_compare)


register, unregister = registration(MOSAIC_PT_compare)
