"""The one job Blender runs: started with names, looked after by a timer, ended with a take in the scene.

The job itself lives here in Python and never in the Scene, where undo would take its progress back; the panel reads a
copy in the WindowManager. The timer exists only while a job runs and costs a few milliseconds a tick. Loading
another file, quitting Blender and disabling the add-on end the job and its process.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, FloatProperty, PointerProperty, StringProperty

from mosaic_core.errors import MosaicError, WorkerError
from mosaic_core.wording import phrase
from mosaic_core.worker import JobRunner, JobState, Limits, Phase, run_blocking

from . import compat, results, take_facts, worker_setup
from .preferences import worker_python
from .registry import forget_status, registration
from .shots import JobRequest, PreparedShot, RemadeShot, prepared_shot
from .takes import TakeFolders, frames_taken_over, make_folders, new_log_file, newest_clip, take_in
from .translations import in_words
from .windows import redraw, window_context

_log = logging.getLogger(__name__)
_INTERVAL_S = 0.1
# Reading and uploading a frame takes some 10 ms: often enough to look live, seldom enough to stay smooth.
_FRAME_SHOWN_EVERY_S = 0.5
_BUSY = "a job is running already: wait for it or cancel it first"
_AREAS = ("VIEW_3D", "IMAGE_EDITOR", "SEQUENCE_EDITOR")


class MosaicJobStatus(bpy.types.PropertyGroup):
    """`window_manager.mosaic_job`: the copy of the job's state that panels draw."""

    running: BoolProperty(name="Running", description="A job runs")
    cancelling: BoolProperty(name="Cancelling", description="The job was asked to end")
    fraction: FloatProperty(name="Fraction", description="How much of the job is done, 0 to 1")
    text: StringProperty(name="Status", description="What the job does, or how it ended")
    frame_file: StringProperty(name="Frame", description="The newest frame")
    error: StringProperty(name="Error", description="Why the last job failed; empty where it did not")
    report: StringProperty(name="Report", description="The error with the end of the log")
    log_file: StringProperty(name="Log", description="The log of the last job")
    take_folder: StringProperty(name="Take", description="The folder of the last finished take")


@dataclass(eq=False)
class Job:
    """A running job."""

    request: JobRequest
    folders: TakeFolders
    runner: JobRunner
    shown_frame: str | None = None
    shown_at_s: float = 0.0


class _Runtime:
    """The job, if one runs; `starting` guards the moments in which it is being prepared."""

    job: Job | None = None
    starting: bool = False
    # Told of every job that ended by itself, with how it ended: the queue goes on then.
    on_end: Callable[[Job, JobState], None] = staticmethod(lambda job, state: None)


_runtime = _Runtime()


def call_at_end(function: Callable[[Job, JobState], None]) -> None:
    """Tell one function of every job that ends, but not of those that `stop` ends."""
    _runtime.on_end = function


def is_running() -> bool:
    """Whether a job runs or is being started."""
    return _runtime.job is not None or _runtime.starting


def start(
    context: bpy.types.Context,
    request: JobRequest,
    *,
    output_folder: Path | None = None,  # gets a new take_0001 ...
    take_folder: Path | None = None,  # or: exactly this folder
    command: list[str] | None = None,  # replaces the GPU process in tests
    limits: Limits | None = None,
) -> Job:
    """Read the scene, write the job's files and start its process; returns without waiting for it.

    In a window a timer does the rest; elsewhere call `run_to_end`. Raises `MosaicError`, and then nothing is left.
    """
    if is_running():
        raise WorkerError(_BUSY)
    shot = prepared_shot(context, request)
    return launch(request, shot, output_folder=output_folder, take_folder=take_folder, command=command, limits=limits)


def launch(
    request: JobRequest,
    shot: PreparedShot | RemadeShot,
    *,
    output_folder: Path | None = None,
    take_folder: Path | None = None,
    command: list[str] | None = None,
    limits: Limits | None = None,
) -> Job:
    """The same with a shot that was read from the scene before."""
    if is_running():
        raise WorkerError(_BUSY)
    _runtime.starting = True
    try:
        python = worker_python() if command is None else command[0]
        if isinstance(shot, PreparedShot):
            mine = {"shot_name": shot.name, "scene_id": shot.scene_id}
            earlier = newest_clip(output_folder=output_folder, take_folder=take_folder, **mine)
            shot = replace(shot, earlier_clip=earlier)
        folders = make_folders(output_folder=output_folder, take_folder=take_folder)
        try:
            runner = JobRunner(
                python,
                shot_json=shot.written(folders.shot),
                out_dir=folders.take,
                log_file=new_log_file(),
                command=command,
                limits=limits,
            )
        except BaseException:
            folders.remove_unfinished()
            raise
        _runtime.job = Job(request, folders, runner)
    finally:
        _runtime.starting = False
    _show(runner.state)
    if not bpy.app.background:
        bpy.app.timers.register(_pump, first_interval=_INTERVAL_S, persistent=True)
    return _runtime.job


def cancel() -> None:
    """Ask the running job to end; it does within seconds. Nothing happens where none runs."""
    if _runtime.job is not None:
        _runtime.job.runner.cancel()
        _show(_runtime.job.runner.state)


def tick() -> bool:
    """Bring the job up to date; true while it runs. Never waits for the process."""
    job = _runtime.job
    if job is None:
        return False
    state = job.runner.tick()
    if not state.finished:
        _show_frame(job, state)
        _show(state)
        return True
    _finish(job, apply=True)
    return False


def run_to_end(on_progress: Callable[[JobState], None] | None = None, *, apply: bool = True) -> Path:
    """Wait for the job and return the folder of its take. For where no timer runs, and for scripts; Ctrl-C cancels.

    Raises `MosaicError` for a failed or cancelled job.
    """
    job = _runtime.job
    if job is None:
        raise WorkerError("no job is running")
    try:
        run_blocking(job.runner, on_progress)
    finally:
        if _runtime.job is job:  # loading another file would have dropped it
            _finish(job, apply=apply)
    return job.folders.take


def show_error(sentence: str) -> None:
    """Remember what kept a job from starting, for the panel."""
    status = bpy.context.window_manager.mosaic_job
    status.error = status.report = sentence
    status.log_file = ""
    redraw(*_AREAS)


def stop() -> None:
    """End the job and its process now and forget both; what it left is removed."""
    job, _runtime.job = _runtime.job, None
    if job is not None:
        results.forget_live()
        job.runner.close()
        job.folders.remove_unfinished()


def _pump() -> float | None:
    try:
        return _INTERVAL_S if tick() else None
    except Exception as error:
        # A defect of ours must not leave a job that can be neither watched nor cancelled.
        _show_stopped(f"Mosaic failed while a job ran: {type(error).__name__}: {error}")
        stop()
        raise


def _finish(job: Job, *, apply: bool) -> None:
    _runtime.job = None
    results.forget_live()
    job.runner.close()
    state = job.runner.state
    worker_setup.remember(state.facts)
    _show(state)
    if state.phase is not Phase.DONE:
        job.folders.remove_unfinished()
        _runtime.on_end(job, state)
        return
    job.folders.keep_only_this_shot()
    take_facts.forget()
    status = bpy.context.window_manager.mosaic_job
    status.take_folder = str(job.folders.take)
    bpy.context.window_manager.mosaic_compare.page = 0  # where the new take is listed
    if apply:
        notes = _apply(job)
        taken_over, count = frames_taken_over(job.folders.take)
        done = f"Done, {taken_over} of {count} frames taken over unchanged" if taken_over else "Done"
        status.text = "; ".join([done, *notes])
        for note in notes:
            _log.warning("%s (the take is in %s)", note, job.folders.take)
    _runtime.on_end(job, state)
    redraw(*_AREAS)


def _apply(job: Job) -> list[str]:
    """Put the take into the scene it was made for, as one undo step; sentences for what could not be done."""
    request = job.request
    scene = bpy.data.scenes.get((request.scene_name, None))
    if scene is None:
        return [f"the scene {request.scene_name} is gone: the take was only written to {job.folders.take}"]
    try:
        take = take_in(job.folders.take)
        with window_context(scene):
            notes = results.apply_take(
                scene,
                take,
                camera_name=request.camera_name,
                add_background=request.add_background,
                add_strip=request.add_strip,
            )
            bpy.ops.ed.undo_push(message=f"Mosaic: {job.folders.take.name}")
    except (MosaicError, RuntimeError) as error:  # Blender's own refusals are RuntimeErrors
        return [f"the take could not be shown: {str(error).strip()}"]
    return notes


def _show(state: JobState) -> None:
    status = bpy.context.window_manager.mosaic_job
    status.running = not state.finished
    status.cancelling = state.phase is Phase.CANCELLING
    status.fraction = state.fraction
    status.text = in_words(state.message if state.phase is not Phase.FAILED else phrase("Failed"))
    status.frame_file = state.last_frame_file or ""
    status.error = state.error or ""
    status.report = state.report
    status.log_file = state.log_file
    redraw(*_AREAS)


def _show_stopped(sentence: str) -> None:
    status = bpy.context.window_manager.mosaic_job
    status.running = status.cancelling = False
    status.text, status.error, status.report = in_words(phrase("Failed")), sentence, sentence


def _show_frame(job: Job, state: JobState) -> None:
    """The newest frame, now and then. In the background nobody looks."""
    now_s = time.monotonic()
    due = now_s - job.shown_at_s >= _FRAME_SHOWN_EVERY_S
    if bpy.app.background or not due or state.last_frame_file in (None, job.shown_frame):
        return
    job.shown_frame, job.shown_at_s = state.last_frame_file, now_s
    # The process moves its frames when the clip is whole: one that is gone by now is shown at the end.
    if Path(job.shown_frame).is_file():
        with contextlib.suppress(RuntimeError):
            results.show_live(Path(job.shown_frame))


@persistent
def _on_load_pre(*_arguments) -> None:
    """Another file is about to be loaded: the job was about this one."""
    stop()
    status = bpy.context.window_manager.mosaic_job
    for name in MosaicJobStatus.__annotations__:
        status.property_unset(name)


@persistent
def _on_exit(*_arguments) -> None:
    stop()


_register_classes, _unregister_classes = registration(MosaicJobStatus)


def register() -> None:
    _register_classes()
    bpy.types.WindowManager.mosaic_job = PointerProperty(type=MosaicJobStatus)
    bpy.app.handlers.load_pre.append(_on_load_pre)
    exit_handlers = compat.exit_handlers()
    if exit_handlers is not None:
        exit_handlers.append(_on_exit)
    atexit.register(stop)


def unregister() -> None:
    stop()
    if bpy.app.timers.is_registered(_pump):
        bpy.app.timers.unregister(_pump)
    atexit.unregister(stop)
    exit_handlers = compat.exit_handlers()
    if exit_handlers is not None:
        exit_handlers.remove(_on_exit)
    bpy.app.handlers.load_pre.remove(_on_load_pre)
    results.forget_thumbnails()
    forget_status("mosaic_job")
    del bpy.types.WindowManager.mosaic_job
    _unregister_classes()
