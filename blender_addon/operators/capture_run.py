"""The one capture that runs: its steps, its signs in the window, and how it ends whoever ends it.

It lives outside of the operator because that one may vanish first: Blender drops it unasked where the extension is
disabled or another file is opened.
"""

from __future__ import annotations

import atexit
import contextlib
import time
from collections.abc import Generator

import bpy
from bpy.app.handlers import persistent

from mosaic_core.errors import CaptureError
from mosaic_core.memory import Memory
from mosaic_core.memory.adding import added
from mosaic_core.wording import Phrase, phrase

from .. import compat
from ..beside import beside
from ..capture import CaptureProgress, CaptureRequest, capture_steps, rates, steps_beside_window, store_steps
from ..capture.ring import keep_ring, remove_ring
from ..capture.store import memory_to_extend
from ..memory.store import is_memory
from ..translations import in_words
from . import capture_status as status

# Long enough for Blender to paint the progress between two renders, short against any render.
_TICK_S = 0.05


def progress_words(progress: CaptureProgress) -> Phrase:
    """How far a capture is, for the status bar: which render of how many, or what comes before and after them."""
    keys = phrase("you can go on, Esc cancels") if progress.editable else phrase("Esc cancels")
    if progress.done >= progress.total:
        return phrase("Capturing: {what}   ({keys})", what=_STEPS.get(progress.label, progress.label), keys=keys)
    camera, _, plane = progress.label.rpartition(": ")
    at = {"number": progress.done + 1, "total": progress.total, "camera": camera, "what": _STEPS.get(plane, plane)}
    return phrase("Capturing {number} of {total}: {camera}, {what}   ({keys})", **at, keys=keys)


# Labels of steps come from the second Blender as text.
_STEPS = {
    str(words): words
    for words in (
        phrase("picture"),
        phrase("depth and objects"),
        phrase("starting a second Blender"),
        phrase("making the memory"),
        phrase("reading the views"),
        phrase("saving the memory"),
    )
}


class CaptureRun:
    """A capture from its first step to its object. Raises `CaptureError`; `step` raises `MosaicError`."""

    obj: bpy.types.Object | None = None
    memory: Memory | None = None
    remark = ""  # what the artist should know of the way it was captured
    editable = False  # the artist may change the file before the next step
    _shown: CaptureProgress | None = None

    def __init__(
        self, context: bpy.types.Context, request: CaptureRequest, *, extend: bool, ring: bool, keeps_ring: bool
    ) -> None:
        if extend and not is_memory(context.scene.mosaic.memory):
            raise CaptureError("the scene has no memory to add views to: capture one first")
        self._extended_uid = context.scene.mosaic.memory.session_uid if extend else None
        self._ring, self._keeps_ring = ring, keeps_ring
        self._engine, self._started_s = request.engine, time.monotonic()
        self._views, self._pixels = len(request.cameras), request.image_height * request.image_width
        self._scene_uid = context.scene.session_uid
        self._timer: bpy.types.Timer | None = None
        self._steps: Generator[CaptureProgress, None, None] = self._all_steps(context, request)

    @property
    def label(self) -> str:
        """What it does."""
        return self._shown.label if self._shown is not None else ""

    def show_in(self, window: bpy.types.Window) -> None:
        """From now on windows show how far it is, and this one gives the ticks on which it goes on."""
        self._timer = bpy.context.window_manager.event_timer_add(_TICK_S, window=window)

    def step(self, context: bpy.types.Context) -> bool:
        """Do a little, or look how far others are; False when the memory is in the scene."""
        progress = next(self._steps, None)
        if progress is None:
            return False
        self.editable, self.remark = progress.editable, progress.remark or self.remark
        if self.editable and self._ring and not self._keeps_ring:
            # Now: what the artist does from here on can be undone, and would bring the cameras back.
            remove_ring(context.scene)
            self._ring = False
        if progress != self._shown:  # each time, Blender draws again: most ticks only look how far others are
            self._shown = progress
            if self._timer is not None:
                status.show(self)
        return True

    @property
    def in_words(self) -> str:
        """How far it is, for the status bar."""
        return "" if self._shown is None else in_words(progress_words(self._shown))

    def drop(self) -> None:
        """End what it does and started, for Blender ends; signs in windows stay."""
        global _running
        if _running is self:
            _running = None
        self._steps.close()

    def close(self, *, done: bool = False) -> None:
        """End it wherever it is, and take away its signs; harmless when it has ended."""
        self.drop()
        if self._timer is not None:
            with contextlib.suppress(ReferenceError, ValueError):  # its window was closed
                bpy.context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            status.hide()
        scene = self._scene()
        if self._ring and scene is not None:
            (keep_ring if done and self._keeps_ring else remove_ring)(scene)
        self._ring = False

    def _all_steps(self, context: bpy.types.Context, request: CaptureRequest) -> Generator[CaptureProgress, None, None]:
        capture = steps_beside_window if self._timer is not None else capture_steps
        memory = yield from capture(context, request)
        rates.remember(self._engine, views=self._views, pixels=self._pixels, seconds=time.monotonic() - self._started_s)
        yield from self._back_in_the_scene(context)
        last = CaptureProgress(2 * self._views, 2 * self._views, "saving the memory")
        chosen = context.scene.mosaic.memory
        # The artist may have removed it meanwhile, or chosen another: then the views are a memory of their own.
        extend = is_memory(chosen) and chosen.session_uid == self._extended_uid
        if extend:
            known = memory_to_extend(context)  # with what was edited meanwhile
            memory = yield from beside(lambda: added(known, memory), last)
        self.memory = memory
        self.obj = yield from store_steps(context, memory, extend=extend, progress=last)

    def _back_in_the_scene(self, context: bpy.types.Context) -> Generator[CaptureProgress, None, None]:
        """Wait until the artist is where a memory can be put and taken back by undo."""
        total = 2 * self._views
        while True:
            scene = self._scene()
            if scene is None:
                raise CaptureError("the scene that was captured is gone")
            if context.scene == scene and context.mode == "OBJECT":
                return
            if context.scene == scene:
                told = phrase("done, go back to Object Mode to get the memory")
            else:
                told = phrase("done, go back to the scene {name} to get the memory", name=scene.name)
            yield CaptureProgress(total, total, told, editable=True)

    def _scene(self) -> bpy.types.Scene | None:
        return next((scene for scene in bpy.data.scenes if scene.session_uid == self._scene_uid), None)


_running: CaptureRun | None = None


def running() -> CaptureRun | None:
    """The capture that runs in a window."""
    return _running


def begin(run: CaptureRun, window: bpy.types.Window) -> None:
    """Let it run in a window; it must be closed."""
    global _running
    _running = run
    run.show_in(window)


@persistent
def _stop(*_arguments) -> None:
    """Another file is about to be loaded: the capture was about this one."""
    if _running is not None:
        _running.close()


@persistent
def _drop(*_arguments) -> None:
    """Blender ends."""
    if _running is not None:
        _running.drop()


def register() -> None:
    bpy.app.handlers.load_pre.append(_stop)
    exit_handlers = compat.exit_handlers()
    if exit_handlers is not None:
        exit_handlers.append(_drop)
    atexit.register(_drop)


def unregister() -> None:
    _stop()
    atexit.unregister(_drop)
    exit_handlers = compat.exit_handlers()
    if exit_handlers is not None:
        exit_handlers.remove(_drop)
    bpy.app.handlers.load_pre.remove(_stop)
