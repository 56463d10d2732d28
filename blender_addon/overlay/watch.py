"""When to look again: after changes of meshes, undo, loading; and what to put back around a save. Never raises."""

from __future__ import annotations

import logging
from collections.abc import Callable

import bpy
from bpy.app.handlers import persistent

from . import draw, marks, native, screen, source

_log = logging.getLogger(__name__)
_handles: list[object] = []


def _safely(step: Callable[..., None]) -> Callable[..., None]:
    @persistent
    def handler(*arguments: object) -> None:
        try:
            step(*arguments)
        except Exception:  # a handler that raises would break the artist's undo or save
            _log.exception("the overlay could not follow (%s)", step.__name__)

    return handler


def _changed(_scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    draw.forget(batches=False)
    for update in depsgraph.updates:
        if update.is_updated_geometry and isinstance(update.id, bpy.types.Object):
            source.changed(update.id.name_full)
        elif update.is_updated_geometry and isinstance(update.id, bpy.types.Mesh):
            source.changed_mesh(update.id.name_full)
    native.sync()


def _everything(*_: object) -> None:
    source.changed()
    marks.forget()
    draw.forget(batches=False)
    native.sync()


def _loaded(*_: object) -> None:
    source.changed()
    draw.forget()
    marks.forget()
    screen.forget()
    native.sync()


def _before_save(*_: object) -> None:
    native.restore()


def _after_save(*_: object) -> None:
    native.sync()


_HANDLERS = (
    (bpy.app.handlers.depsgraph_update_post, _safely(_changed)),
    (bpy.app.handlers.undo_post, _safely(_everything)),
    (bpy.app.handlers.redo_post, _safely(_everything)),
    (bpy.app.handlers.load_post, _safely(_loaded)),
    (bpy.app.handlers.save_pre, _safely(_before_save)),
    (bpy.app.handlers.save_post, _safely(_after_save)),
    (bpy.app.handlers.save_post_fail, _safely(_after_save)),
)


def register() -> None:
    for handlers, handler in _HANDLERS:
        handlers.append(handler)
    for draws, when in (
        (draw.draw_points, "POST_VIEW"),
        (marks.draw_in_space, "POST_VIEW"),
        (marks.draw_on_screen, "POST_PIXEL"),
    ):
        _handles.append(bpy.types.SpaceView3D.draw_handler_add(draws, (), "WINDOW", when))
    if not bpy.app.background:
        bpy.app.timers.register(_first_sync, first_interval=0.0)


def unregister() -> None:
    while _handles:
        bpy.types.SpaceView3D.draw_handler_remove(_handles.pop(), "WINDOW")
    for handlers, handler in reversed(_HANDLERS):
        handlers.remove(handler)
    if bpy.app.timers.is_registered(_first_sync):
        bpy.app.timers.unregister(_first_sync)
    native.restore()
    draw.forget()
    marks.forget()
    screen.forget()
    source.changed()


def _first_sync() -> None:
    """Blender allows no access to its data while it enables extensions."""
    _loaded()
