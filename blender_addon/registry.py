"""How the add-on's modules register: each offers `register()` and `unregister()`, usually made here from its classes.

Errors come out of `register()`: a half-registered add-on is worse than one that says why it failed.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy


def registration(*classes: type) -> tuple[Callable[[], None], Callable[[], None]]:
    """The `register` and `unregister` of a module that only has classes; the second is the reverse of the first."""

    def register() -> None:
        for cls in classes:
            bpy.utils.register_class(cls)

    def unregister() -> None:
        for cls in reversed(classes):
            bpy.utils.unregister_class(cls)

    return register, unregister


def forget_status(name: str) -> None:
    """Unset a property of the window managers before its type goes: Blender keeps the values, and the next
    registration (Reload Scripts, enabling again) would show a job as running that has ended."""
    for window_manager in bpy.data.window_managers:
        status = getattr(window_manager, name)
        for key in type(status).__annotations__:
            status.property_unset(key)
