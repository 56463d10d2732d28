"""Keeps memory paths right while .blend files are loaded, saved and moved. Never raises: a handler that does would
break the artist's save.

On load, a memory file that moved along with its .blend is linked again. Around a save, paths are written relative to
the file that is being written, and put back if that failed or was a copy saved elsewhere.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from mosaic_core.errors import MosaicError

from . import store

log = logging.getLogger(__name__)


@persistent
def after_load(*_: object) -> None:
    """Relink what moved; what is missing for good is said by the panel, not here."""
    for obj in memory_objects():
        try:
            if store.relink_automatically(obj):
                log.info("memory %r is now read from %s", obj.name, obj.mosaic.memory_path)
        except (MosaicError, OSError, ValueError) as error:
            log.warning("memory %r could not be looked for: %s", obj.name, error)


@persistent
def before_save(*arguments: object) -> None:
    """Make paths relative to the file that is about to be written."""
    target = arguments[0] if arguments and isinstance(arguments[0], str) else ""
    for obj in _own_memory_objects():
        # Still the old file's folder: what a script wrote into the path counts if it is there.
        stated = store.absolute_path(obj)
        if os.path.isfile(stated):
            obj.mosaic.memory_path_absolute = str(stated)
    _write_paths(target or bpy.data.filepath)


@persistent
def after_save(*_: object) -> None:
    """Make paths relative to the file that is open, which a saved copy or a failed save is not."""
    _write_paths(bpy.data.filepath)


def memory_objects() -> list[bpy.types.Object]:
    """Every memory object in the file."""
    return [obj for obj in bpy.data.objects if store.is_memory(obj)]


def _own_memory_objects() -> list[bpy.types.Object]:
    # What is linked belongs to its own file.
    return [obj for obj in memory_objects() if store.is_editable(obj) and obj.mosaic.memory_path]


def _write_paths(blend_file: str) -> None:
    for obj in _own_memory_objects():
        absolute = Path(obj.mosaic.memory_path_absolute or store.absolute_path(obj))
        path = store.relative_to(absolute, blend_file)
        if path != obj.mosaic.memory_path:
            obj.mosaic.memory_path = path


_HANDLERS = (
    (bpy.app.handlers.load_post, after_load),
    (bpy.app.handlers.save_pre, before_save),
    (bpy.app.handlers.save_post, after_save),
    (bpy.app.handlers.save_post_fail, after_save),
)


def register() -> None:
    for handlers, handler in _HANDLERS:
        handlers.append(handler)


def unregister() -> None:
    for handlers, handler in reversed(_HANDLERS):
        handlers.remove(handler)
    store.forget()
