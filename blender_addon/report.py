"""The report of `Copy Report`: what whoever helps needs to know, in plain text, and nothing else.

Versions, device, the memory's size and the end of the logs; not the scene, not its pictures. Folders below the user's
own are written with `~`, and the user's name goes with them. Nothing is sent anywhere: it goes to the clipboard.
"""

from __future__ import annotations

import getpass
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import bpy

from mosaic_core.errors import MosaicError
from mosaic_core.version import VERSION
from mosaic_core.worker.exits import log_tail

from . import compat
from .memory import store
from .preferences import worker_python
from .worker_setup import environment_log, last_facts


def report_text(context: bpy.types.Context) -> str:
    """Everything that is known about this installation and what went wrong last."""
    sections = (_problem, _versions, _device, _job, _memory, _logs)
    blocks = []
    for section in sections:
        try:
            lines = list(section(context))
        except Exception as error:  # a report of a broken state must not fail on it
            lines = [f"{section.__name__.strip('_')}: {type(error).__name__}: {error}"]
        if lines:
            blocks.append("\n".join(lines))
    return without_names("\n\n".join(blocks)) + "\n"


def without_names(text: str, *, home: Path | None = None) -> str:
    """The text with `~` for the user's folder, and without the user's name in what other folders are left."""
    home = home or Path.home()
    if len(home.parts) > 1:  # "/" is nobody's
        for spelling in {str(home), home.as_posix(), str(home).replace("\\", "\\\\")}:
            text = text.replace(spelling, "~")
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without a name
        return text
    return re.sub(rf"(?<=[/\\]){re.escape(user)}(?=[/\\])", "USER", text) if len(user) > 1 else text


def _problem(context: bpy.types.Context) -> Iterator[str]:
    window_manager = context.window_manager
    job, worker = window_manager.mosaic_job, window_manager.mosaic_worker
    if job.error:
        yield f"Problem: {job.error}"
    if worker.failed:
        yield f"Problem with the GPU process: {worker.line}"
    if not job.error and not worker.failed:
        yield "No problem was noticed"


def _versions(_context: bpy.types.Context) -> Iterator[str]:
    yield f"Mosaic {VERSION}, {compat.blender_in_words()}, Python {platform.python_version()}"
    yield f"System: {platform.platform()}, {os.cpu_count()} cores"
    yield f"Graphics: {compat.graphics_in_words()}"


def _device(_context: bpy.types.Context) -> Iterator[str]:
    try:
        yield f"GPU process: {worker_python()}"
    except (MosaicError, OSError) as error:
        yield f"GPU process: {error}"
    facts = last_facts()
    if facts is None:
        yield "not started yet in this session"
        return
    yield f"Python {facts.python_version or '?'}, torch {facts.torch_version or 'none'}, engines {list(facts.engines)}"
    yield from (f"Device: {device}" for device in facts.devices)
    if facts.error:
        yield f"It said: {facts.error}"


def _job(context: bpy.types.Context) -> Iterator[str]:
    scene, status = context.scene, context.window_manager.mosaic_job
    if scene is None:
        return
    settings = scene.mosaic
    yield (
        f"Settings: engine {settings.engine}, {settings.width}x{settings.height} pixels, seed {settings.seed}, "
        f"frames {scene.frame_start} to {scene.frame_end}, {scene.render.fps} frames a second"
    )
    if status.text:
        yield f"Last job: {status.text}"


def _memory(context: bpy.types.Context) -> Iterator[str]:
    if context.scene is None:
        return
    for obj in context.scene.objects:
        if store.is_memory(obj):
            file = store.absolute_path(obj)
            size = f"{file.stat().st_size / 1e6:.1f} MB" if file.is_file() else "missing"
            yield f"Memory: {len(obj.data.polygons)} patches, file {file.name} {size}"


def _logs(context: bpy.types.Context) -> Iterator[str]:
    job_log = context.window_manager.mosaic_job.log_file
    for title, file in (("job", Path(job_log) if job_log else None), ("installation", environment_log())):
        tail = log_tail(file) if file is not None else ()
        if tail:
            yield f"End of the log of the last {title}:"
            yield from (f"  {line}" for line in tail)
