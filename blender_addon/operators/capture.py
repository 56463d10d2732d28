"""`mosaic.capture`: the scene into a memory, a render a tick in a window, in one go everywhere else.

What comes after the renders (the patches, the file, what the mesh is made of) is done by a thread, and the ticks wait.
"""

from __future__ import annotations

import time
from collections.abc import Generator

import bpy
from bpy.props import BoolProperty

from mosaic_core.errors import MosaicError
from mosaic_core.wording import Phrase, phrase

from ..capture import CaptureProgress, capture_steps, rates, requests_from_settings, store_steps
from ..capture.request import request_of_ring
from ..capture.ring import keep_ring, remove_ring
from ..capture.store import memory_to_extend
from ..registry import registration
from ..translations import in_words, report

# Long enough for Blender to paint the progress between two renders, short against any render.
_TICK_S = 0.05


def progress_words(progress: CaptureProgress) -> Phrase:
    """How far a capture is, for the status bar: which render of how many, or what comes after them."""
    if progress.done >= progress.total:
        last = {
            "making the memory": phrase("making the memory"),
            "saving the memory": phrase("saving the memory"),
        }.get(progress.label, progress.label)
        return phrase("Capturing: {what}   (Esc cancels)", what=last)
    camera, _, plane = progress.label.rpartition(": ")
    what = {"picture": phrase("picture"), "depth and objects": phrase("depth and objects")}.get(plane, plane)
    at = {"number": progress.done + 1, "total": progress.total, "camera": camera, "what": what}
    return phrase("Capturing {number} of {total}: {camera}, {what}   (Esc cancels)", **at)


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
        if bpy.app.is_job_running("RENDER"):
            cls.poll_message_set("Blender is rendering: wait for it, or end it with Esc")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self._start(context)
            while self._step(context):
                pass
        except MosaicError as error:
            return self._failed(context, error)
        return self._finished(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        try:
            self._start(context)
        except MosaicError as error:
            return self._failed(context, error)
        self._timer = context.window_manager.event_timer_add(_TICK_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            report(self, "INFO", phrase("Capture cancelled: nothing was changed"))
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}  # the file must not change under a capture
        try:
            if self._step(context):
                return {"RUNNING_MODAL"}
        except MosaicError as error:
            return self._failed(context, error)
        except BaseException:
            self._clean_up(context)
            raise
        return self._finished(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender calls this when the window closes."""
        self._clean_up(context)

    _timer: bpy.types.Timer | None = None
    _steps = None
    _memory = None
    _obj = None
    _request = None
    _started_s = 0.0

    def _start(self, context: bpy.types.Context) -> None:
        request = request_of_ring(context) if self.ring else requests_from_settings(context)
        self._request, self._started_s = request, time.monotonic()
        known = memory_to_extend(context) if self.extend else None
        self._steps = self._all_steps(context, capture_steps(context, request, extend=known))
        context.window_manager.progress_begin(0, 2 * len(request.cameras))
        # The first progress comes before the first render: it is painted while that one runs.
        self._step(context)

    def _all_steps(self, context: bpy.types.Context, steps) -> Generator[CaptureProgress, None, None]:
        """The renders, then the memory's file and its object."""
        self._memory = yield from steps
        self._remember_time()
        renders = 2 * len(self._request.cameras)
        stored = CaptureProgress(renders, renders, "saving the memory")
        self._obj = yield from store_steps(context, self._memory, extend=self.extend, progress=stored)

    def _step(self, context: bpy.types.Context) -> bool:
        """Do the next render, or look how far the thread is; False when the memory is in the scene."""
        try:
            progress = next(self._steps)
        except StopIteration:
            return False
        self._show(context, progress)
        return True

    def _show(self, context: bpy.types.Context, progress: CaptureProgress) -> None:
        context.window_manager.progress_update(progress.done)
        if context.workspace is not None and not bpy.app.background:
            context.workspace.status_text_set(in_words(progress_words(progress)))

    def _finished(self, context: bpy.types.Context) -> set[str]:
        self._clean_up(context, kept=self.keep_ring)
        memory, obj = self._memory, self._obj
        counts = {"views": len(memory.views), "patches": len(memory.patches), "objects": len(memory.object_names)}
        told = phrase("{name}: {views} views, {patches} patches, {objects} objects", name=obj.name, **counts)
        report(self, "INFO", told)
        return {"FINISHED"}

    def _failed(self, context: bpy.types.Context, error: MosaicError) -> set[str]:
        self._clean_up(context)
        report(self, "ERROR", error)
        return {"CANCELLED"}

    def _remember_time(self) -> None:
        """For what Set Up Capture foretells the next time."""
        request = self._request
        rates.remember(
            request.engine,
            views=len(request.cameras),
            pixels=request.image_height * request.image_width,
            seconds=time.monotonic() - self._started_s,
        )

    def _clean_up(self, context: bpy.types.Context, *, kept: bool = False) -> None:
        if self._steps is not None:
            self._steps.close()
            self._steps = None
            context.window_manager.progress_end()
            if context.workspace is not None and not bpy.app.background:
                context.workspace.status_text_set(None)
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if self.ring:
            (keep_ring if kept else remove_ring)(context.scene)


register, unregister = registration(MOSAIC_OT_capture)
