"""`mosaic.copy_report`: what whoever helps needs to know, to the clipboard."""

from __future__ import annotations

import bpy

from ..registry import registration
from ..report import report_text


class MOSAIC_OT_copy_report(bpy.types.Operator):
    """Copy versions, device, settings, what went wrong and the end of the log to the clipboard"""

    bl_idname = "mosaic.copy_report"
    bl_label = "Copy Report"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = report_text(context)
        self.report({"INFO"}, "Report copied: paste it where you ask for help")
        return {"FINISHED"}


register, unregister = registration(MOSAIC_OT_copy_report)
