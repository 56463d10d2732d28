"""The list of shots and the queue: parts of the panel Generate."""

from __future__ import annotations

import bpy

from mosaic_core.wording import phrase

from ..queue import Status
from ..registry import registration
from ..translations import in_words
from .drawing import draw_text

_ICONS = {
    Status.WAITING: "SORTTIME",
    Status.RUNNING: "PLAY",
    Status.DONE: "CHECKMARK",
    Status.FAILED: "ERROR",
    Status.CANCELLED: "CANCEL",
}


class MOSAIC_UL_shots(bpy.types.UIList):
    """A shot a row: whether Generate All makes it, its name, and how it stands in the queue."""

    bl_idname = "MOSAIC_UL_shots"

    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_name, _index=0) -> None:
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        row.prop(item, "name", text="", emboss=False)
        status = _status_of(item.name)
        if status is not None:
            row.label(text="", icon=_ICONS[status])


def _status_of(shot_name: str) -> Status | None:
    items = bpy.context.window_manager.mosaic_queue.items
    return next((Status(item.status) for item in reversed(items) if item.name == shot_name), None)


def draw_shots(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The list with its buttons; one button where there is no list yet."""
    settings = context.scene.mosaic
    if not settings.shots:
        layout.operator("mosaic.shot_add", text="More Shots", icon="ADD")
        return
    row = layout.row()
    row.template_list("MOSAIC_UL_shots", "", settings, "shots", settings, "shot_index", rows=4)
    column = row.column(align=True)
    column.operator("mosaic.shot_add", text="", icon="ADD")
    column.operator("mosaic.shot_remove", text="", icon="REMOVE")
    column.operator("mosaic.shot_duplicate", text="", icon="DUPLICATE")
    column.separator()
    column.operator("mosaic.shot_move", text="", icon="TRIA_UP").direction = "UP"
    column.operator("mosaic.shot_move", text="", icon="TRIA_DOWN").direction = "DOWN"


def draw_queue(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What waits, runs and failed; nothing where the queue is empty."""
    items = context.window_manager.mosaic_queue.items
    if not items:
        return
    box = layout.box()
    left = sum(item.status in (Status.WAITING, Status.RUNNING) for item in items)
    row = box.row()
    told = phrase("Queue: {left} of {all} left", left=left, all=len(items))
    row.label(text=in_words(told if left else phrase("Queue: {all} done", all=len(items))))
    if left > 1:
        row.operator("mosaic.queue_cancel", text="Cancel All").number = 0
    for item in items:
        if not left and item.status != Status.FAILED:
            continue  # the list says it too
        row = box.row(align=True)
        row.label(text=item.name or "Shot", icon=_ICONS[Status(item.status)])
        if item.status == Status.WAITING:
            row.operator("mosaic.queue_cancel", text="", icon="X", emboss=False).number = item.number
        if item.status == Status.FAILED:
            draw_text(box, context, item.words)


register, unregister = registration(MOSAIC_UL_shots)
