"""Runs the queue of shots: when a job has ended, the next shot starts.

The queue lives in this module and not in a panel or the scene, so it goes on with the sidebar closed and undo cannot
take it back; panels draw the copy in the WindowManager. A timer exists only while something waits. Loading another file
ends the queue, as it ends the job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.app.handlers import persistent
from bpy.props import CollectionProperty, IntProperty, PointerProperty, StringProperty

from mosaic_core.errors import Cancelled, MosaicError
from mosaic_core.worker import JobState, Phase

from . import jobs
from .queue import Item, Queue, Status
from .registry import registration
from .scene_takes import folder_for_takes
from .shot_list import ShotValues
from .shots import JobRequest, PreparedShot, RemadeShot, prepared_shot, request_from_settings
from .windows import redraw

_INTERVAL_S = 0.1
_AREAS = ("VIEW_3D",)


class MosaicQueueItem(bpy.types.PropertyGroup):
    """A queued shot as panels draw it; `name` is the shot's."""

    number: IntProperty()
    status: StringProperty()
    words: StringProperty()


class MosaicQueueStatus(bpy.types.PropertyGroup):
    """`window_manager.mosaic_queue`: the copy of the queue that panels draw."""

    items: CollectionProperty(type=MosaicQueueItem)


@dataclass(frozen=True)
class Work:
    """What a queued shot is made from and into."""

    request: JobRequest
    shot: PreparedShot | RemadeShot
    output_folder: Path


class _Runtime:
    """The queue of this Blender."""

    queue = Queue()
    # Starts a job; tests put the fake process in here.
    launch: Callable[..., jobs.Job] = staticmethod(jobs.launch)


_runtime = _Runtime()


def queue() -> Queue:
    """What waits, runs and is over."""
    return _runtime.queue


def add_shots(context: bpy.types.Context, shots: Sequence[ShotValues]) -> list[Item]:
    """Read these shots from the scene and queue them; one that cannot be read is noted as failed.

    Raises `MosaicError` where none can be. In a window they are made from now on, elsewhere by `run_to_end`.
    """
    output_folder = folder_for_takes(context.scene)
    if not _runtime.queue.waiting and _runtime.queue.running is None:
        _runtime.queue.forget_over()
    added, errors = [], []
    for shot in shots:
        try:
            request = request_from_settings(context, shot=shot)
            added.append(add_work(shot.name, Work(request, prepared_shot(context, request), output_folder)))
        except MosaicError as error:
            errors.append(error)
            _runtime.queue.add_failed(shot.name, str(error))
    _show()
    if errors and not added:
        raise errors[0]
    return added


def add_work(shot_name: str, work: Work) -> Item:
    """Queue what is read already."""
    item = _runtime.queue.add(shot_name, work)
    _show()
    if not bpy.app.background and not bpy.app.timers.is_registered(advance):
        bpy.app.timers.register(advance, first_interval=0.0, persistent=True)
    return item


def advance() -> float | None:
    """Start the next shot if none runs; the timer's function. None when nothing is left to do."""
    if jobs.is_running():
        return _INTERVAL_S
    lost = _runtime.queue.running
    if lost is not None:  # a defect ended its job without a word to us
        _runtime.queue.end(lost, Status.FAILED, bpy.context.window_manager.mosaic_job.error or "It was stopped")
        _show()
    item = _runtime.queue.start_next()
    if item is not None:
        try:
            work: Work = item.payload
            _runtime.launch(work.request, work.shot, output_folder=work.output_folder)
        except Exception as error:
            sentence = str(error) if isinstance(error, MosaicError) else f"{type(error).__name__}: {error}"
            _runtime.queue.end(item, Status.FAILED, sentence)
            jobs.show_error(sentence)
            _show()
            if not isinstance(error, MosaicError):
                raise
        _show()
    return _INTERVAL_S if _runtime.queue.waiting or _runtime.queue.running else None


def run_to_end(on_progress: Callable[[JobState], None] | None = None, *, apply: bool = True) -> None:
    """Make all that waits, one after another; for where no timer runs. Ctrl-C cancels the rest too.

    Never raises for a shot that failed: its item says so.
    """
    while _runtime.queue.waiting:
        advance()
        if jobs.is_running():
            try:
                jobs.run_to_end(on_progress, apply=apply)
            except Cancelled:
                _runtime.queue.cancel_waiting()
            except MosaicError:
                pass  # its item says so


def cancel(number: int | None = None) -> None:
    """Take one shot out of the queue, or all; the one that runs is cancelled."""
    running = _runtime.queue.running
    _runtime.queue.cancel_waiting(number)
    if running is not None and number in (None, running.number):
        jobs.cancel()
    _show()


def clear() -> None:
    """Forget the whole queue, now; `jobs.stop` is what ends a running job."""
    _runtime.queue = Queue()
    if bpy.app.timers.is_registered(advance):
        bpy.app.timers.unregister(advance)
    _show()


def _on_end(job: jobs.Job, state: JobState) -> None:
    item = _runtime.queue.running
    if item is None:
        return
    status = {Phase.DONE: Status.DONE, Phase.CANCELLED: Status.CANCELLED}.get(state.phase, Status.FAILED)
    words = str(job.folders.take) if status is Status.DONE else state.error or ""
    _runtime.queue.end(item, status, words)
    _show()


def _show() -> None:
    items = bpy.context.window_manager.mosaic_queue.items
    items.clear()
    for item in _runtime.queue.items:
        shown = items.add()
        shown.name, shown.number, shown.status, shown.words = item.shot_name, item.number, item.status, item.words
    redraw(*_AREAS)


@persistent
def _on_load_pre(*_arguments) -> None:
    """The queued shots were of the file that is being left."""
    clear()


_register_classes, _unregister_classes = registration(MosaicQueueItem, MosaicQueueStatus)


def register() -> None:
    _register_classes()
    bpy.types.WindowManager.mosaic_queue = PointerProperty(type=MosaicQueueStatus)
    bpy.app.handlers.load_pre.append(_on_load_pre)
    jobs.call_at_end(_on_end)


def unregister() -> None:
    clear()
    jobs.call_at_end(lambda job, state: None)
    bpy.app.handlers.load_pre.remove(_on_load_pre)
    del bpy.types.WindowManager.mosaic_queue
    _unregister_classes()
