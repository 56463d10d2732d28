"""Operators of comparing: make a comparison of two takes, show it in a window, put it into the sequencer."""

from __future__ import annotations

from pathlib import Path

import bpy

from mosaic_core.errors import MosaicError

from .. import comparing, results
from ..registry import registration
from ..takes import take_in
from .generate import shown_take


class MOSAIC_OT_compare(bpy.types.Operator):
    """Compare the shown take with the other one, frame by frame; the Image Editor shows it along the timeline"""

    bl_idname = "mosaic.compare"
    bl_label = "Compare"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        status = context.window_manager.mosaic_compare
        reason = ""
        if context.scene is None or shown_take(context) is None:
            reason = "There is no take yet: generate one first"
        elif not status.other or Path(status.other) == shown_take(context):
            reason = "Choose another take to compare with, by its B"
        elif status.running:
            reason = "A comparison is being made: wait for it"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[str]:
        status = context.window_manager.mosaic_compare
        try:
            comparing.start(shown_take(context), Path(status.other), status.mode)
            if bpy.app.background:
                comparing.wait()
        except MosaicError as error:
            status.error = str(error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class _OfComparison:
    """What the operators on a finished comparison share."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene is None or not context.window_manager.mosaic_compare.folder:
            cls.poll_message_set("Compare two takes first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            note = self._do(context, Path(context.window_manager.mosaic_compare.folder))
        except (MosaicError, RuntimeError) as error:
            self.report({"ERROR"}, str(error).strip())
            return {"CANCELLED"}
        if note:
            self.report({"WARNING"}, note)
        return {"FINISHED"}


class MOSAIC_OT_show_comparison(_OfComparison, bpy.types.Operator):
    """Show the comparison in the Image Editor; in a window of its own where there is none"""

    bl_idname = "mosaic.show_comparison"
    bl_label = "Show Comparison"
    bl_options = {"REGISTER"}

    def _do(self, context: bpy.types.Context, folder: Path) -> str:
        if comparing.show(folder) == 0 and not bpy.app.background:
            bpy.ops.wm.window_new()
            context.window_manager.windows[-1].screen.areas[0].type = "IMAGE_EDITOR"
            comparing.show(folder)
        return ""


class MOSAIC_OT_comparison_strip(_OfComparison, bpy.types.Operator):
    """Add the comparison to the video sequencer"""

    bl_idname = "mosaic.comparison_strip"
    bl_label = "Add Comparison Strip"
    bl_options = {"REGISTER", "UNDO"}

    def _do(self, context: bpy.types.Context, folder: Path) -> str:
        return results.add_take_strip(context.scene, take_in(folder))


register, unregister = registration(MOSAIC_OT_compare, MOSAIC_OT_show_comparison, MOSAIC_OT_comparison_strip)
