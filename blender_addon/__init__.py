"""The Mosaic extension: registers and unregisters its modules, nothing else."""

from __future__ import annotations

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


def unregister() -> None:
    for module in reversed(_modules()):
        module.unregister()
