"""`mosaic.capture`: the scene into a memory. A window captures in a second Blender, so that the artist can go on;
everywhere else, and where that cannot be had, a render follows the other here.

What comes after the renders (the patches, the file, what the mesh is made of) is done by a thread, and the ticks wait.
"""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty

from mosaic_core.errors import MosaicError
from mosaic_core.wording import phrase

from ..capture import requests_from_settings
from ..capture.request import request_of_ring
from ..capture.ring import remove_ring
from ..registry import registration
from ..translations import report
from . import capture_run
from .capture_run import CaptureRun


class MOSAIC_OT_capture(bpy.types.Operator):
    """Render the scene from its cameras into a memory: colour, depth and which object each pixel shows"""

    bl_idname = "mosaic.capture"
    bl_label = "Capture Memory"
    bl_options = {"UNDO"}  # no REGISTER: the redo panel would render everything again

    extend: BoolProperty(
        name="Add to Memory",
        description="Add the views to the scene's memory, keeping its edits, instead of making a new one",
        default=False,
        options={"SKIP_SAVE"},
    )
    ring: BoolProperty(
        name="Ring",
        description="From the cameras that Set Up Capture put up, whatever the settings say",
        default=False,
        options={"HIDDEN", "SKIP_SAVE"},
    )
    keep_ring: BoolProperty(
        name="Keep the Ring",
        description="Leave its cameras in the scene",
        default=False,
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Capture works in Object Mode: leave the present mode first (Tab)")
            return False
        if capture_run.running() is not None:
            cls.poll_message_set("A capture is running: wait for it, or end it with Esc")
            return False
        if bpy.app.is_job_running("RENDER"):
            cls.poll_message_set("Blender is rendering: wait for it, or end it with Esc")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        run = None
        try:
            run = self._new_run(context)
            while run.step(context):
                pass
        except MosaicError as error:
            return self._failed(context, run, error)
        return self._finished(run)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        run = None
        try:
            run = self._new_run(context)
            capture_run.begin(run, context.window)
            # The first progress comes before anything is done: it is painted meanwhile.
            run.step(context)
        except MosaicError as error:
            return self._failed(context, run, error)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        run = capture_run.running()
        if run is None:  # whoever ended it has cleaned up
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS" and not (run.editable and _plays(context)):
            run.close()
            report(self, "INFO", phrase("Capture cancelled: nothing was changed"))
            return {"CANCELLED"}
        # Others wait for the same timer. The file must not change where the capture is not apart from it.
        goes_on = {"PASS_THROUGH"} if run.editable else {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return goes_on
        try:
            if run.step(context):
                return goes_on
        except MosaicError as error:
            return self._failed(context, run, error)
        except BaseException:
            run.close()
            raise
        return self._finished(run)

    def cancel(self, _context: bpy.types.Context) -> None:
        """Blender calls this when the window closes."""
        run = capture_run.running()
        if run is not None:
            run.close()

    def _new_run(self, context: bpy.types.Context) -> CaptureRun:
        request = request_of_ring(context) if self.ring else requests_from_settings(context)
        return CaptureRun(context, request, extend=self.extend, ring=self.ring, keeps_ring=self.keep_ring)

    def _finished(self, run: CaptureRun) -> set[str]:
        run.close(done=True)
        memory, obj = run.memory, run.obj
        counts = {"views": len(memory.views), "patches": len(memory.patches), "objects": len(memory.object_names)}
        told = phrase("{name}: {views} views, {patches} patches, {objects} objects", name=obj.name, **counts)
        if run.remark:
            report(self, "WARNING", phrase("{told}; {remark}", told=told, remark=run.remark))
        else:
            report(self, "INFO", told)
        return {"FINISHED"}

    def _failed(self, context: bpy.types.Context, run: CaptureRun | None, error: MosaicError) -> set[str]:
        if run is not None:
            run.close()
        elif self.ring:
            remove_ring(context.scene)
        report(self, "ERROR", error)
        return {"CANCELLED"}


def _plays(context: bpy.types.Context) -> bool:
    """Whether Esc would end an animation that plays."""
    return context.screen is not None and context.screen.is_animation_playing


_register_classes, _unregister_classes = registration(MOSAIC_OT_capture)


def register() -> None:
    capture_run.register()
    _register_classes()


def unregister() -> None:
    capture_run.unregister()
    _unregister_classes()
