"""Whether anything changed since an overlay was prepared: counters that Blender's own notifications move on.

Comparing a mesh of a million corners at every redraw would cost more than drawing it, so nothing is compared. What
Blender reports as updated moves a counter on; whoever prepared something keeps the number it was prepared at. Changes
of the frame alone come by another way (`frame_change_post`) and move nothing here: an animated camera is still the
same path.
"""

from __future__ import annotations

import time

import bpy
from bpy.app.handlers import persistent

from ..memory import store


class _Counters:
    meshes: dict[str, int]
    everything: int
    scene: int
    moved_at_s: float
    quiet: int

    def __init__(self) -> None:
        self.meshes, self.everything, self.scene, self.moved_at_s, self.quiet = {}, 0, 0, 0.0, 0


_counters = _Counters()


def version_of(obj: bpy.types.Object) -> tuple[int, int]:
    """A value that differs whenever the faces or the place of a memory may have changed."""
    return _counters.everything, _counters.meshes.get(obj.name_full, 0)


def scene_version() -> tuple[int, int]:
    """A value that differs whenever anything but a memory's faces may have changed: cameras, curves, keys."""
    return _counters.everything, _counters.scene


def quiet_for_s() -> float:
    """Seconds since the last change: an artist who is dragging something has not finished."""
    return time.monotonic() - _counters.moved_at_s


class ignored:
    """While this context lasts, changes are our own and count for nothing."""

    def __enter__(self) -> None:
        _counters.quiet += 1

    def __exit__(self, *_: object) -> None:
        _counters.quiet -= 1


@persistent
def on_depsgraph(_scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Note what was updated. Called after every change, so it looks at ids and flags only."""
    if _counters.quiet:
        return
    for update in depsgraph.updates:
        changed = update.id
        if isinstance(changed, bpy.types.Object):
            if not (update.is_updated_geometry or update.is_updated_transform):
                continue  # a selection
            if store.is_memory(changed):
                _move_on(changed.name_full)
                continue
        elif isinstance(changed, bpy.types.Mesh | bpy.types.Scene | bpy.types.Collection | bpy.types.Material):
            continue  # a mesh counts with its object; the scene's settings are compared by value
        _counters.scene += 1


@persistent
def on_everything(*_: object) -> None:
    """Undo, redo and another file: any datablock may be another one now."""
    _counters.everything += 1
    _counters.meshes.clear()
    _counters.moved_at_s = time.monotonic()


def _move_on(name: str) -> None:
    _counters.meshes[name] = _counters.meshes.get(name, 0) + 1
    _counters.moved_at_s = time.monotonic()


_HANDLERS = (
    (bpy.app.handlers.depsgraph_update_post, on_depsgraph),
    (bpy.app.handlers.undo_post, on_everything),
    (bpy.app.handlers.redo_post, on_everything),
    (bpy.app.handlers.load_post, on_everything),
)


def register() -> None:
    for handlers, handler in _HANDLERS:
        handlers.append(handler)


def unregister() -> None:
    for handlers, handler in reversed(_HANDLERS):
        handlers.remove(handler)
