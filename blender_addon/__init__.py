"""The Mosaic extension: registers and unregisters its modules, nothing else.

A script that imports bpy as a module and ends with the extension registered is unregistered first: Python takes a
module's names away before that bpy ends, so its exit handlers found none of our functions (5.2), and what was left in
its lists crashed it (4.5). A Blender with a program of its own ends before its Python does and needs none of this.
"""

from __future__ import annotations

import atexit
import importlib

# In dependency order, the panels in the order of the work; unregistered in reverse.
MODULES = (
    "preferences",
    "worker_setup",
    "memory.properties",
    "shot_list",
    "settings",
    "paths.bookmarks",
    "paths.findings",
    "scene_id",
    "operators.capture",
    "operators.capture_wizard",
    "operators.import_memory",
    "operators.edit",
    "operators.pick",
    "operators.transform",
    "operators.path",
    "operators.path_keys",
    "operators.bookmarks",
    "operators.path_check",
    "operators.view",
    "operators.shots",
    "operators.queue",
    "operators.generate",
    "operators.takes",
    "operators.compare",
    "operators.report",
    "memory.handlers",
    "overlay.watch",
    "tool",
    "jobs",
    "queue_run",
    "overlay.settings",
    "overlay.supply",
    "overlay.show",
    "overlay.readout_preview",
    "comparing",
    "panels.start",
    "panels.memory",
    "panels.edit",
    "panels.view",
    "panels.path",
    "panels.path_keys",
    "panels.bookmarks",
    "panels.path_check",
    "panels.shots",
    "panels.generate",
    "panels.result",
    "panels.compare",
    "cli",
    "translations",
)


def _modules():
    return [importlib.import_module(f".{name}", __package__) for name in MODULES]


def register() -> None:
    for module in _modules():
        module.register()
    import bpy  # here, because some modules work without Blender

    if not bpy.app.binary_path:
        atexit.register(unregister)


def unregister() -> None:
    atexit.unregister(unregister)
    for module in reversed(_modules()):
        module.unregister()
