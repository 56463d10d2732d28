"""Which Python runs the GPU process, and where that is chosen. `worker_setup` has what finds, makes and tests one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from mosaic_core.errors import WorkerError

from . import compat
from .environment import ready_python
from .panels.drawing import draw_text
from .registry import registration

PYTHON_VARIABLE = "MOSAIC_PYTHON"
ONLINE_MESSAGE = (
    "Blender is set to stay offline: allow Online Access in Preferences > System > Network, "
    "or tick Local Packages to install from an index or files of your own"
)


class MosaicPreferences(bpy.types.AddonPreferences):
    """Shown under Preferences > Add-ons > Mosaic."""

    bl_idname = __package__

    worker_python: StringProperty(
        name="Python",
        description="The Python with torch that runs the GPU process; empty: the environment Mosaic created",
        subtype="FILE_PATH",
    )
    base_python: StringProperty(
        name="Base Python",
        description="The Python 3.11 or newer to build the environment with; empty: the first one found",
        subtype="FILE_PATH",
    )
    local_packages: BoolProperty(
        name="Local Packages",
        description="Pip installs from an index on this network or from the folder below: allowed while offline",
    )
    wheels_folder: StringProperty(
        name="Folder",
        description="Folder of wheels to install from; empty: the index pip is set up to use",
        subtype="DIR_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        draw_preferences(self.layout, context, self)


class FallbackPreferences:
    """The defaults, for where the add-on is imported as a package (tests, `mosaic demo`) and not enabled."""

    worker_python = ""
    base_python = ""
    local_packages = False
    wheels_folder = ""


_fallback = FallbackPreferences()


def preferences() -> MosaicPreferences | FallbackPreferences:
    """The add-on's preferences, or their defaults where it is not enabled as an extension."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None and addon.preferences is not None else _fallback


def environment_folder() -> Path:
    """Where the created environment lies; it survives updates of the extension. Raises `OSError`."""
    return compat.user_dir() / "env"


def worker_python() -> str:
    """The Python that runs the GPU process: MOSAIC_PYTHON, the preference, the created environment, this Python.

    Raises `WorkerError` that says what to do where there is none.
    """
    named = os.environ.get(PYTHON_VARIABLE, "").strip()
    if named:
        return named
    chosen = preferences().worker_python.strip()
    if chosen:
        return bpy.path.abspath(chosen)
    created = ready_python(environment_folder())
    if created is not None:
        return str(created)
    if not bpy.app.binary_path and sys.executable:
        return sys.executable  # bpy is a module here: the Python that imported it has Mosaic's packages
    raise WorkerError(
        "no Python for the GPU process is set: press Set Up in the panel Generate, choose one in Mosaic's preferences, "
        f"or set the variable {PYTHON_VARIABLE}"
    )


def may_install() -> bool:
    """Whether pip may be run: Blender is allowed online, or the packages are local."""
    return bpy.app.online_access or preferences().local_packages


class MOSAIC_OT_open_preferences(bpy.types.Operator):
    """Open Mosaic's preferences, where the Python of the GPU process is chosen"""

    bl_idname = "mosaic.open_preferences"
    bl_label = "Preferences"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.preferences.addons.get(__package__) is None:
            cls.poll_message_set("Mosaic runs without being enabled in the preferences")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        return bpy.ops.preferences.addon_show(module=__package__)


def draw_preferences(layout: bpy.types.UILayout, context: bpy.types.Context, chosen: MosaicPreferences) -> None:
    """The preferences' controls."""
    status = context.window_manager.mosaic_worker
    box = layout.box()
    box.label(text="GPU Process")
    row = box.row(align=True)
    row.prop(chosen, "worker_python")
    row.operator("mosaic.test_worker")
    if os.environ.get(PYTHON_VARIABLE):
        draw_text(box, context, f"{PYTHON_VARIABLE} is set and goes before this choice", icon="INFO")
    if status.line:
        icon = "ERROR" if status.failed else "SORTTIME" if status.busy else "CHECKMARK"
        draw_text(box, context, status.line, icon=icon)
    box = layout.box()
    box.label(text="Environment")
    box.prop(chosen, "base_python")
    box.prop(chosen, "local_packages")
    if chosen.local_packages:
        box.prop(chosen, "wheels_folder")
    if not may_install():
        draw_text(box, context, ONLINE_MESSAGE, icon="INFO")
    row = box.row(align=True)
    row.operator("mosaic.create_environment")
    if status.installing:
        row.operator("mosaic.cancel_environment", icon="X")
    layout.operator("mosaic.copy_report", icon="COPYDOWN")


register, unregister = registration(MosaicPreferences, MOSAIC_OT_open_preferences)
