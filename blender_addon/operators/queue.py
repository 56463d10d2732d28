"""Operators of the queue: put shots into it, take them out again."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, IntProperty

from mosaic_core.errors import Cancelled, MosaicError

from .. import jobs, queue_run
from ..queue import Status
from ..registry import registration
from ..shot_list import active_shot, shots_of
from ..shots import memory_to_generate_from


class MOSAIC_OT_queue(bpy.types.Operator):
    """Make shots one after another, each as it is set up now. It goes on with this panel closed"""

    bl_idname = "mosaic.queue"
    bl_label = "Queue Shots"
    # A queue changes nothing in the file; each take pushes its own undo step when it arrives.
    bl_options = {"REGISTER"}

    all_shots: BoolProperty(
        name="All", description="Every ticked shot of the list and not the active one", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = ""
        if context.scene is None:
            reason = "There is no scene"
        elif memory_to_generate_from(context) is None:
            reason = "Capture a memory first, or choose one"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        shots = [shot for shot in shots_of(scene) if shot.enabled] if self.all_shots else [active_shot(scene)]
        if not shots:
            self.report({"ERROR"}, "No shot of the list is ticked")
            return {"CANCELLED"}
        try:
            added = queue_run.add_shots(context, shots)
            if bpy.app.background:
                queue_run.run_to_end()
        except Cancelled as cancelled:
            self.report({"WARNING"}, str(cancelled))
            return {"CANCELLED"}
        except MosaicError as error:
            if not jobs.is_running():
                jobs.show_error(str(error))
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for item in queue_run.queue().items:
            if item.status is Status.FAILED:
                self.report({"WARNING"}, f"{item.shot_name or 'The shot'} is left out: {item.words}")
        self.report({"INFO"}, f"{len(added)} {'shot' if len(added) == 1 else 'shots'} queued")
        return {"FINISHED"}


class MOSAIC_OT_queue_cancel(bpy.types.Operator):
    """Take a shot out of the queue, or all of them; the one that runs is cancelled"""

    bl_idname = "mosaic.queue_cancel"
    bl_label = "Cancel All"
    bl_options = {"REGISTER"}

    number: IntProperty(description="Which; 0: all of them", options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        queue = queue_run.queue()
        if queue.running is None and not queue.waiting:
            cls.poll_message_set("The queue is empty")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        queue_run.cancel(self.number or None)
        return {"FINISHED"}


register, unregister = registration(MOSAIC_OT_queue, MOSAIC_OT_queue_cancel)
