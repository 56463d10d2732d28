"""The panel Result: the takes of the shot, what is known of the shown one, and what can be done with it."""

from __future__ import annotations

import bpy

from mosaic_core.wording import phrase

from ..operators.generate import shown_take
from ..registry import registration
from ..results import thumbnail
from ..scene_takes import takes_of
from ..shot_list import active_shot
from ..take_facts import TakeFacts, facts_of
from ..translations import in_words
from .drawing import SidebarPanel, draw_icon, draw_text, safely

_LISTED = 8  # a page; all of hundreds would fill the sidebar, each with its picture


def draw_result(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The list of takes, and the shown one."""
    folder = shown_take(context)
    facts = None if folder is None else facts_of(folder)
    _draw_list(layout, context, facts)
    if facts is None:
        draw_text(layout, context, "No take yet", icon="INFO")
        return
    layout.label(text=facts.name, icon="RENDER_RESULT")
    draw_icon(layout, thumbnail(str(facts.middle_file)))
    for line in facts.in_lines():
        draw_text(layout, context, line)
    _draw_result_buttons(layout, facts)


def _draw_list(layout: bpy.types.UILayout, context: bpy.types.Context, shown: TakeFacts | None) -> None:
    """A take a row, the newest first: its picture, its name, and B to compare with it."""
    compare, shot_name = context.window_manager.mosaic_compare, active_shot(context.scene).name
    takes = takes_of(context.scene, shot_name="" if compare.all_shots else shot_name)
    if shot_name:
        layout.prop(compare, "all_shots")
    if len(takes) < 2:
        return
    column = layout.column(align=True)
    page = min(compare.page, (len(takes) - 1) // _LISTED)
    first = page * _LISTED
    for facts in takes[first : first + _LISTED]:
        row = column.row(align=True)
        icon = thumbnail(str(facts.middle_file))
        chosen = shown is not None and facts.folder == shown.folder
        name = f"{facts.name}  {facts.shot_name}" if compare.all_shots else facts.name
        text = f"{name}  {facts.engine.title()}" if facts.engine else name
        choose = row.operator("mosaic.choose_take", text=text, icon_value=icon, depress=chosen)
        choose.folder, choose.compare = str(facts.folder), False
        other = row.row(align=True)
        other.scale_x = 0.3
        other.enabled = not chosen
        second = other.operator("mosaic.choose_take", text="B", depress=compare.other == str(facts.folder))
        second.folder, second.compare = str(facts.folder), True
    if len(takes) > _LISTED:
        _draw_pages(column.row(align=True), page, len(takes))


def _draw_pages(row: bpy.types.UILayout, page: int, count: int) -> None:
    """Which of the takes are listed, and a way to newer and older ones."""
    end = min((page + 1) * _LISTED, count)
    newer = row.row(align=True)
    newer.enabled = page > 0
    newer.operator("mosaic.page_takes", text="Newer", icon="TRIA_LEFT").page = max(page - 1, 0)
    row.label(text=in_words(phrase("{first} to {last} of {all}", first=page * _LISTED + 1, last=end, all=count)))
    older = row.row(align=True)
    older.enabled = end < count
    older.operator("mosaic.page_takes", text="Older", icon="TRIA_RIGHT").page = page + 1


def _draw_result_buttons(layout: bpy.types.UILayout, facts: TakeFacts) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("mosaic.open_result", text="Play", icon="PLAY").play = True
    row.operator("mosaic.open_result", text="Open Folder", icon="FILE_FOLDER")
    row = column.row(align=True)
    row.operator("mosaic.apply_result", text="Background", icon="IMAGE_BACKGROUND").strip = False
    row.operator("mosaic.apply_result", text="Strip", icon="SEQ_SEQUENCER").background = False
    row = column.row(align=True)
    row.operator("mosaic.retake", text="Retake Frames").changed = False
    row.operator("mosaic.retake", text="Retake Changed").changed = True
    row = column.row(align=True)
    again = row.row(align=True)
    again.enabled = facts.can_be_made_again
    again.operator("mosaic.remake_take", icon="FILE_REFRESH")
    row.operator("mosaic.delete_take", text="Delete", icon="TRASH")


class MOSAIC_PT_result(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_result"
    bl_label = "Result"
    draw = safely(draw_result)


register, unregister = registration(MOSAIC_PT_result)
