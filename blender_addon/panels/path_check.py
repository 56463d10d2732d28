"""The sub-panel Check of the panel Path: what was found, each with a click that goes there."""

from __future__ import annotations

import bpy

from mosaic_core.wording import phrase

from ..registry import registration
from ..translations import in_words
from .drawing import SidebarPanel, draw_text, safely

_ICONS = {"geometry": "MOD_PHYSICS", "memory": "HIDE_ON", "speed": "TIME", "jump": "TRACKING_REFINE_FORWARDS"}
_MOST_ROWS = 12


def draw_path_check(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The button and the findings; the one at the current frame in full."""
    scene = context.scene
    layout.operator("mosaic.check_path", icon="VIEWZOOM")
    findings, frame = scene.mosaic_findings, scene.frame_current
    column = layout.column(align=True)
    for finding in findings[:_MOST_ROWS]:
        if finding.has_frames:
            both = in_words(phrase("{first} to {last}", first=finding.first, last=finding.last))
            span = f"{finding.first}" if finding.first == finding.last else both
            icon = _ICONS.get(finding.kind, "ERROR")
            button = column.operator("mosaic.go_to_frame", text=f"{span}: {finding.name}", icon=icon)
            button.frame, button.sentence = finding.first, finding.sentence
        if not finding.has_frames or finding.first <= frame <= finding.last:
            draw_text(column, context, finding.sentence, icon="ERROR" if not finding.has_frames else "NONE")
    if len(findings) > _MOST_ROWS:
        more = phrase("and {count} more on the timeline", count=len(findings) - _MOST_ROWS)
        layout.label(text=in_words(more))
    for line in scene.mosaic_checked.splitlines():
        draw_text(layout, context, line)
    if any(finding.kind == "memory" for finding in findings):
        layout.operator(
            "mosaic.check_path", text="Add Cameras for the Rest", icon="OUTLINER_OB_CAMERA"
        ).add_cameras = True


class MOSAIC_PT_path_check(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_path_check"
    bl_label = "Check"
    bl_parent_id = "MOSAIC_PT_path"
    draw = safely(draw_path_check)


register, unregister = registration(MOSAIC_PT_path_check)
