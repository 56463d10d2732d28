"""Operators that may take long: what they need of Blender is read first, a thread works, the end is put into the scene.

Pressed in a window, the status bar says how far it is and Esc ends it. Called by a script, all is done when it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import bpy

from mosaic_core.errors import MosaicError
from mosaic_core.wording import phrase

from ..beside import Beside
from ..translations import in_words, report

_TICK_S = 0.05
# What is done within this is not worth a word in the status bar.
_AT_ONCE_S = 0.1


class Watch:
    """Between the work and who waits for it: how much of it is done, and whether it shall stop."""

    share = 0.0
    stopped = False


Work = Callable[[Watch], Any]


class WaitingOperator:
    """Mixed into operators: `begin` reads from Blender what the work needs, `end` puts what came of it into the scene.

    Both may raise `MosaicError`.
    """

    _work: Beside[Any] | None = None
    _watch: Watch
    _timer: bpy.types.Timer | None = None

    def begin(self, context: bpy.types.Context) -> Work:
        """The work, which may ask nothing of Blender any more: each operator has its own."""
        raise NotImplementedError

    def end(self, context: bpy.types.Context, result: Any) -> set[str]:
        """What the operator returns to Blender: each has its own."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return self.end(context, self.begin(context)(Watch()))
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Give the window back while it works."""
        if bpy.app.background or context.window is None:
            return self.execute(context)
        try:
            work, self._watch = self.begin(context), Watch()
            self._work = Beside(partial(work, self._watch))
            if self._work.is_over(_AT_ONCE_S):
                return self.end(context, self._work.result())
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}
        self._timer = context.window_manager.event_timer_add(_TICK_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            report(self, "INFO", phrase("Cancelled: nothing was changed"))
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}  # the file must not change until the end
        work = self._work
        if not work.is_over():
            what = bpy.app.translations.pgettext_iface(self.bl_label)
            keys = phrase("Esc cancels")
            told = phrase("{what}: {share:.0%}   ({keys})", what=what, share=self._watch.share, keys=keys)
            context.workspace.status_text_set(in_words(told))
            return {"RUNNING_MODAL"}
        self.cancel(context)
        try:
            return self.end(context, work.result())
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender calls this when the window closes."""
        if self._work is not None:
            self._watch.stopped = True
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            context.workspace.status_text_set(None)
