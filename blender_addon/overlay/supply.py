"""What overlays are drawn from, kept up to date while the artist works.

Drawing asks for what it needs and takes what is there. A timer does what only the main thread may: it reads the mesh
and samples the path, each once after a change and only when the artist's hand rests. Everything else (loading the
memory, looking along the path, comparing views, the live preview) is done by a thread that knows nothing of Blender.
When something is ready, the viewports are drawn again. Where nothing is asked and nothing has changed, no timer runs.
"""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from mosaic_core.cameras import CameraPath
from mosaic_core.errors import MosaicError

from .. import compat
from ..memory import store
from ..memory.read import placements_of_faces
from ..paths.apart import path_apart
from ..shots import memory_to_generate_from
from ..windows import redraw
from . import changes, tasks
from .background import Background
from .tasks import Edited, preview_size

_log = logging.getLogger(__name__)
_INTERVAL_S = 0.03
# A hand that moves something rests this long before the mesh is read: reading takes some milliseconds.
REST_S = 0.15
# Most urgent first.
SURVEYS = ("load", "seen", "conflicts", "since_take")
KINDS = ("frame", "load", "since_take", "seen", "conflicts", "nearby")


@dataclass
class _State:
    edited: Edited | None = None
    path_key: tuple[Hashable, ...] | None = None
    path: CameraPath | None = None
    path_serial: int = 0
    face_ids: np.ndarray | None = None  # (F,) int64, the placement of each face when `edited` was read
    asked_memory: str = ""  # the object's name, as `bpy.data.objects` has it
    asked_library: str | None = None
    asked_path: bool = False
    path_error: str = ""
    memory_error: str = ""
    told: int = 0
    revision: int = 0  # moves on whenever something that is drawn may look different


background = Background(KINDS)
# Called on the main thread whenever something is ready.
listeners: list[Callable[[], None]] = []
_state = _State()


def revision() -> int:
    """A number that moves on whenever there is something new to draw, pictures of the live preview aside."""
    return _state.revision + background.finished(*SURVEYS)


def memory_shown(context: bpy.types.Context) -> bpy.types.Object | None:
    """The memory that overlays are about: the one that would be generated from, else the active one."""
    try:
        return memory_to_generate_from(context) or store.active_memory(context)
    except MosaicError:
        return None


def edited(obj: bpy.types.Object) -> Edited | None:
    """The memory with the artist's edits, the newest that is ready; asks for a newer one where there were changes."""
    if _state.edited is None or _state.edited.key != _key_of(obj):
        _state.asked_memory, _state.asked_library = obj.name, obj.library.filepath if obj.library else None
        _wake()
    if _state.edited is not None and _state.edited.key[:2] == _key_of(obj)[:2]:
        return _state.edited
    return None


def is_current(obj: bpy.types.Object) -> bool:
    """Whether what `edited` gives is the mesh as it is now."""
    return _state.edited is not None and _state.edited.key == _key_of(obj)


def path_of(scene: bpy.types.Scene) -> CameraPath | None:
    """The scene's path at the preview's size, the newest that was sampled; asks for another after changes."""
    if _state.path_key != path_key(scene):
        _state.asked_path = True
        _wake()
    same_scene = _state.path_key is not None and _state.path_key[0] == scene.name_full
    return _state.path if same_scene else None


def path_serial() -> int:
    """A number that names the path that `path_of` gives."""
    return _state.path_serial


def face_ids(obj: bpy.types.Object) -> np.ndarray | None:  # (F,) int64
    """The placement that each face stands for, 0 = none; None where the mesh has changed since it was read."""
    return _state.face_ids if is_current(obj) else None


def size_of(scene: bpy.types.Scene) -> tuple[int, int]:  # height, width
    """The size of the shot, clipped to the preview's."""
    return preview_size(image_height=scene.mosaic.height, image_width=scene.mosaic.width)


def trouble() -> str:
    """Why there is no memory or no path, in a sentence; empty where all is well."""
    return _state.memory_error or _state.path_error


def want(kind: str, key: Hashable, steps) -> Any:
    """Ask the background for something; the newest result of that kind, or None."""
    background.want(kind, key, steps)
    _wake()
    done = background.done(kind)
    return None if done is None or done.error is not None else done.value


def error_of(kind: str) -> str:
    """Why the newest result of that kind is none; empty where it is one, or still being made."""
    done = background.done(kind)
    return "" if done is None or done.error is None else str(done.error) or type(done.error).__name__


def refresh() -> None:
    """Draw again: something that is seen is another than before."""
    _state.revision += 1
    for listener in listeners:
        listener()
    redraw("VIEW_3D")


def forget() -> None:
    """Another file: nothing of the old one is needed."""
    global _state
    background.stop()
    _state = replace(_State(), revision=_state.revision + 1)


def settle(limit_s: float = 60.0) -> None:
    """Do all that is asked for now, as the timer would: for tests and scripts, where no timer runs."""
    _pump(rest_s=0.0)
    background.wait(limit_s)
    _pump(rest_s=0.0)


def _key_of(obj: bpy.types.Object) -> tuple[Hashable, ...]:
    return obj.name_full, obj.mosaic.memory_sha256, changes.version_of(obj)


def path_key(scene: bpy.types.Scene) -> tuple[Hashable, ...]:
    """A value that differs whenever the scene's path may be another one."""
    settings, render = scene.mosaic, scene.render
    camera = settings.path_camera or scene.camera
    markers = tuple((m.frame, m.camera.name_full) for m in scene.timeline_markers if m.camera is not None)
    size = (*size_of(scene), render.pixel_aspect_x, render.pixel_aspect_y)
    frames = (scene.frame_start, scene.frame_end, render.fps, render.fps_base)
    name = camera.name_full if camera is not None else ""
    return scene.name_full, name, settings.path_camera is None, markers, size, frames, changes.scene_version()


def _wake() -> None:
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_INTERVAL_S, persistent=True)


def _tick() -> float | None:
    try:
        return _INTERVAL_S if _pump() else None
    except Exception:
        _log.exception("overlays could not be prepared")
        _state.asked_memory, _state.asked_path = "", False
        return None


def _pump(*, rest_s: float = REST_S) -> bool:
    """Do what only the main thread may; whether there is more to come."""
    resting = changes.quiet_for_s() >= rest_s and not bpy.app.is_job_running("RENDER")
    if resting and _state.asked_path:
        _sample_path(bpy.context.scene)
    if resting and _state.asked_memory:
        _read_memory()
    _tell()
    return background.busy or _state.asked_path or bool(_state.asked_memory)


def _tell() -> None:
    """Draw again when something is ready that is seen."""
    finished = background.finished(*SURVEYS, "frame")
    if finished != _state.told:
        _state.told = finished
        for listener in listeners:
            listener()
        redraw("VIEW_3D")


def _sample_path(scene: bpy.types.Scene) -> None:
    _state.asked_path = False
    key, (height, width) = path_key(scene), size_of(scene)
    try:
        with changes.ignored():
            path = path_apart(scene, image_height=height, image_width=width)
    except MosaicError as error:
        _state.path, _state.path_error = None, str(error)
    else:
        _state.path_error = ""
        if _state.path is None or not tasks.same_path(path, _state.path):
            _state.path, _state.path_serial = path, _state.path_serial + 1
    _state.path_key = key
    refresh()


def _read_memory() -> None:
    """The edited memory; its file is loaded by the thread first where it is not there yet."""
    obj = bpy.data.objects.get((_state.asked_memory, _state.asked_library))
    if obj is None or not store.is_memory(obj):
        _state.asked_memory = ""
        return
    memory = store.memory_if_loaded(obj)
    if memory is None:
        _load(obj)
        return
    _state.asked_memory, _state.memory_error = "", ""
    with changes.ignored():
        placements, _state.face_ids = placements_of_faces(obj, memory)
    before = _state.edited
    if before is None or before.memory.views is not memory.views or not placements.same_as(before.memory.placements):
        memory = memory.with_placements(placements)
        _state.edited = Edited(_key_of(obj), memory, *([before.parts] if before is not None else []))
    else:
        _state.edited = before.named(_key_of(obj))
    refresh()


def _load(obj: bpy.types.Object) -> None:
    file, digest = store.absolute_path(obj), obj.mosaic.memory_sha256
    done = background.done("load")
    if done is not None and done.key == (file, digest):
        # Loaded, and still not there: it cannot be read, or it is another file than the object's.
        _state.asked_memory = ""
        _state.memory_error = str(done.error or f"{file.name} is not the file that {obj.name} was made from")
        return
    background.want("load", (file, digest), lambda: _loading(file))


def _loading(file: Path):
    store.load_in_advance(file)
    yield


def stop() -> None:
    """End the thread and the timer."""
    background.stop()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def register() -> None:
    changes.register()
    bpy.app.handlers.load_pre.append(_on_load_pre)
    exit_handlers = compat.exit_handlers()
    if exit_handlers is not None:
        exit_handlers.append(_on_exit)
    atexit.register(stop)


def unregister() -> None:
    stop()
    atexit.unregister(stop)
    exit_handlers = compat.exit_handlers()
    if exit_handlers is not None:
        exit_handlers.remove(_on_exit)
    bpy.app.handlers.load_pre.remove(_on_load_pre)
    changes.unregister()
    forget()


@bpy.app.handlers.persistent
def _on_load_pre(*_: object) -> None:
    forget()


@bpy.app.handlers.persistent
def _on_exit(*_: object) -> None:
    stop()
