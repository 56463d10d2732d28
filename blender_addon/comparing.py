"""Comparing two takes: `mosaic compare` in the GPU process's Python, and its pictures in an Image Editor.

Blender's Python can write neither PNG files nor video at any speed, and reading two takes would make the window wait.
So the comparison is a process of its own, looked after by a timer that exists only while it runs. It goes into the
folder `compare` of the first take, where it stays until it is made again.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from mosaic_core.errors import GenerateError, MosaicError, WorkerError
from mosaic_core.worker.client import clean_environment, command_line

from .preferences import worker_python
from .registry import registration
from .results import blender_path
from .takes import new_log_file, take_in
from .windows import redraw, window_context

IMAGE_NAME = "Mosaic Compare"
FOLDER = "compare"
FACTS = "compare.json"
MODES = (
    ("side-by-side", "Side by Side", "The first take on the left, the second on the right"),
    ("wipe", "Wipe", "The left half of the first take, the right half of the second"),
    ("difference", "Difference", "Orange where the second take is lighter, blue where it is darker, grey where equal"),
)
_INTERVAL_S = 0.1
_AREAS = ("VIEW_3D", "IMAGE_EDITOR")


class MosaicCompareStatus(bpy.types.PropertyGroup):
    """`window_manager.mosaic_compare`: which takes are compared, how, and what came out."""

    other: StringProperty(name="With", description="The folder of the take to compare with")
    mode: EnumProperty(name="Mode", description="How two takes are shown in one picture", items=MODES)
    running: BoolProperty(name="Running", description="A comparison is being made")
    folder: StringProperty(name="Comparison", description="The folder of the last comparison")
    text: StringProperty(name="Result", description="Where the two takes differ, in numbers")
    error: StringProperty(name="Error", description="Why the last comparison failed; empty where it did not")
    page: IntProperty(name="Page", description="Which of the takes are listed; 0 has the newest", min=0)
    all_shots: BoolProperty(name="All Shots", description="List the takes of every shot and not of the active one")


@dataclass(eq=False)
class _Process:
    process: subprocess.Popen
    log_file: Path
    folder: Path


class _Runtime:
    """The comparison that is being made."""

    current: _Process | None = None


_runtime = _Runtime()


def start(first: Path, second: Path, mode: str) -> Path:
    """Begin to compare two takes; the folder the comparison goes to.

    In a window a timer does the rest; elsewhere call `wait`. Raises `MosaicError`.
    """
    if _runtime.current is not None:
        raise WorkerError("a comparison is being made already: wait for it")
    folder = first / FOLDER / f"{second.name}_{mode}"
    command = [*command_line(worker_python(), "cli"), "compare", str(first), str(second)]
    command += ["--out", str(folder), "--mode", mode]
    log_file = new_log_file()
    try:
        with open(log_file, "wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=clean_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        raise WorkerError(f"the comparison cannot be started: {error}") from error
    _runtime.current = _Process(process, log_file, folder)
    status = bpy.context.window_manager.mosaic_compare
    status.running, status.error, status.text, status.folder = True, "", "", ""
    if not bpy.app.background:
        bpy.app.timers.register(_pump, first_interval=_INTERVAL_S, persistent=True)
    return folder


def wait() -> None:
    """Wait for the comparison, for where no timer runs. Raises `GenerateError` where it failed."""
    current = _runtime.current
    if current is not None:
        current.process.wait()
        _finish(current)
    error = bpy.context.window_manager.mosaic_compare.error
    if error:
        raise GenerateError(error)


def stop() -> None:
    """End a running comparison now; what it wrote so far it removes, or the next one does."""
    current, _runtime.current = _runtime.current, None
    if current is not None:
        with contextlib.suppress(OSError):
            current.process.kill()
        current.process.wait()
    if bpy.app.timers.is_registered(_pump):
        bpy.app.timers.unregister(_pump)
    bpy.context.window_manager.mosaic_compare.running = False


def _pump() -> float | None:
    current = _runtime.current
    if current is None or current.process.poll() is not None:
        if current is not None:
            _finish(current)
        return None
    return _INTERVAL_S


def _finish(current: _Process) -> None:
    _runtime.current = None
    status = bpy.context.window_manager.mosaic_compare
    status.running = False
    try:
        if current.process.returncode != 0:
            raise GenerateError(_last_line(current.log_file))
        status.text = str(json.loads((current.folder / FACTS).read_text(encoding="utf-8"))["in_words"])
        status.folder = str(current.folder)
        show(current.folder)
    except (MosaicError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        status.error = str(error).strip()
    redraw(*_AREAS)


def show(folder: Path) -> int:
    """Show a comparison as an image sequence in every Image Editor; in how many. Raises `MosaicError`.

    One image of ours holds it: a change of it ends with an undo step.
    """
    take = take_in(folder)
    image = bpy.data.images.get((IMAGE_NAME, None))
    if image is None:
        image = bpy.data.images.load(blender_path(take.frame_files[0]))
        image.name = IMAGE_NAME
    image.source = "SEQUENCE"
    image.filepath = blender_path(take.frame_files[0])
    image.reload()
    count = 0
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                _put_into(area.spaces.active, image, take)
                count += 1
    with window_context():
        bpy.ops.ed.undo_push(message="Mosaic: compare takes")
    return count


def _put_into(space: bpy.types.SpaceImageEditor, image: bpy.types.Image, take) -> None:
    space.image = image
    user = space.image_user
    user.frame_start = take.frame_numbers[0]
    user.frame_offset = take.frame_numbers[0] - 1
    user.frame_duration = take.frame_numbers[-1] - take.frame_numbers[0] + 1
    user.use_auto_refresh = True


def _last_line(log_file: Path) -> str:
    """What the process said last, as one sentence."""
    try:
        lines = [line.strip() for line in log_file.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        lines = []
    said = [line for line in lines if line]
    return (
        f"The takes were not compared: {said[-1].removeprefix('mosaic: ')}" if said else "The takes were not compared"
    )


@persistent
def _on_load_pre(*_arguments) -> None:
    """Another file is about to be loaded: the takes were of this one."""
    stop()
    status = bpy.context.window_manager.mosaic_compare
    for name in MosaicCompareStatus.__annotations__:
        status.property_unset(name)


_register_classes, _unregister_classes = registration(MosaicCompareStatus)


def register() -> None:
    _register_classes()
    bpy.types.WindowManager.mosaic_compare = PointerProperty(type=MosaicCompareStatus)
    bpy.app.handlers.load_pre.append(_on_load_pre)


def unregister() -> None:
    stop()
    bpy.app.handlers.load_pre.remove(_on_load_pre)
    del bpy.types.WindowManager.mosaic_compare
    _unregister_classes()
