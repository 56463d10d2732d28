"""Which Python runs the GPU process, and how an artist gets one: test a Python, or have an environment made.

Nothing here waits in a window: the test and the making of the environment run beside Blender, a timer looks after
them, and what they say is shown from the WindowManager, which undo leaves alone.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path

import bpy
from bpy.props import BoolProperty, PointerProperty, StringProperty

from mosaic_core.errors import MosaicError, WorkerError
from mosaic_core.worker import JobRunner, probe_python
from mosaic_core.worker.protocol import WorkerFacts
from mosaic_core.worker.runner import start_probe

from . import compat
from .environment import EnvironmentBuilder, ready_python
from .panels.drawing import draw_text
from .registry import registration
from .windows import redraw

PYTHON_VARIABLE = "MOSAIC_PYTHON"
_INTERVAL_S = 0.1
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


class MosaicWorkerStatus(bpy.types.PropertyGroup):
    """`window_manager.mosaic_worker`: what the preferences show about the GPU process."""

    busy: BoolProperty()
    line: StringProperty()
    failed: BoolProperty()


class _Runtime:
    """What runs beside Blender just now."""

    probe: JobRunner | None = None
    builder: EnvironmentBuilder | None = None


_runtime = _Runtime()


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
        "no Python for the GPU process is set: press Create Environment in Mosaic's preferences, "
        f"choose one there, or set the variable {PYTHON_VARIABLE}"
    )


def facts_in_words(facts: WorkerFacts) -> str:
    """What a Python turned out to be, in one sentence."""
    if facts.error:
        return facts.error
    return f"Python {facts.python_version}, torch {facts.torch_version}, {facts.device}: ready"


def may_install() -> bool:
    """Whether pip may be run: Blender is allowed online, or the packages are local."""
    return bpy.app.online_access or preferences().local_packages


class MOSAIC_OT_test_worker(bpy.types.Operator):
    """Start the Python of the GPU process, ask it what it can do, and end it"""

    bl_idname = "mosaic.test_worker"
    bl_label = "Test"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _is_idle(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            python = worker_python()
            if bpy.app.background:
                facts = probe_python(python)
                _show(context, facts_in_words(facts), failed=facts.error is not None)
            else:
                _runtime.probe = start_probe(python, log_file=compat.user_dir("logs") / "test.log")
                _show(context, f"Asking {python}", busy=True)
                _start_pump()
        except (MosaicError, OSError) as error:
            _show(context, str(error), failed=True)
        return _reported(self, context)


class MOSAIC_OT_create_environment(bpy.types.Operator):
    """Create a Python environment of its own for the GPU process and install torch into it (up to 3 GB)"""

    bl_idname = "mosaic.create_environment"
    bl_label = "Create Environment"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not may_install():
            cls.poll_message_set(ONLINE_MESSAGE)
            return False
        return _is_idle(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        chosen = preferences()
        wheels = bpy.path.abspath(chosen.wheels_folder) if chosen.local_packages and chosen.wheels_folder else ""
        try:
            _runtime.builder = EnvironmentBuilder(
                environment_folder(),
                log_file=compat.user_dir("logs") / "environment.log",
                base_python=bpy.path.abspath(chosen.base_python) if chosen.base_python else "",
                wheels_folder=Path(wheels) if wheels else None,
            )
        except OSError as error:
            _show(context, f"The environment cannot be created: {error}", failed=True)
            return _reported(self, context)
        _show(context, _runtime.builder.state.line, busy=True)
        if bpy.app.background:
            _runtime.builder.wait()
            _look_after(context.window_manager)
        else:
            _start_pump()
        return _reported(self, context)


class MOSAIC_OT_cancel_environment(bpy.types.Operator):
    """Stop creating the environment and remove what was made of it"""

    bl_idname = "mosaic.cancel_environment"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if _runtime.builder is None:
            cls.poll_message_set("No environment is being created")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if _runtime.builder is not None:
            _runtime.builder.cancel()
        return {"FINISHED"}


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
    row.operator(MOSAIC_OT_test_worker.bl_idname)
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
    row.operator(MOSAIC_OT_create_environment.bl_idname)
    if _runtime.builder is not None:
        row.operator(MOSAIC_OT_cancel_environment.bl_idname, icon="X")


def _is_idle(cls: type[bpy.types.Operator], _context: bpy.types.Context) -> bool:
    if _runtime.probe is not None or _runtime.builder is not None:
        cls.poll_message_set("Wait until the running test or installation has ended")
        return False
    return True


def _show(context: bpy.types.Context, line: str, *, busy: bool = False, failed: bool = False) -> None:
    status = context.window_manager.mosaic_worker
    status.line, status.busy, status.failed = line, busy, failed
    redraw("PREFERENCES")


def _reported(operator: bpy.types.Operator, context: bpy.types.Context) -> set[str]:
    status = context.window_manager.mosaic_worker
    operator.report({"ERROR" if status.failed else "INFO"}, status.line)
    return {"CANCELLED" if status.failed else "FINISHED"}


def _start_pump() -> None:
    if not bpy.app.timers.is_registered(_pump):
        bpy.app.timers.register(_pump, first_interval=_INTERVAL_S, persistent=True)


def _pump() -> float | None:
    return _INTERVAL_S if _look_after(bpy.context.window_manager) else None


def _look_after(window_manager: bpy.types.WindowManager) -> bool:
    """Bring the shown status up to date; true while something runs."""
    status = window_manager.mosaic_worker
    if _runtime.probe is not None:
        state = _runtime.probe.tick()
        if state.finished:
            status.line = state.error or facts_in_words(state.facts or WorkerFacts(error="it did not say who it is"))
            status.failed = state.error is not None
            _runtime.probe.close()
            _runtime.probe = None
    if _runtime.builder is not None:
        state = _runtime.builder.state
        status.line, status.failed = state.line, state.error is not None
        if not state.running:
            _runtime.builder = None
    status.busy = _runtime.probe is not None or _runtime.builder is not None
    redraw("PREFERENCES")
    return status.busy


def stop_everything() -> None:
    """End the test and the installation; nothing is left running. Called when Blender or the add-on ends."""
    if _runtime.probe is not None:
        _runtime.probe.close()
        _runtime.probe = None
    if _runtime.builder is not None:
        _runtime.builder.close()
        _runtime.builder = None


_register_classes, _unregister_classes = registration(
    MosaicPreferences,
    MosaicWorkerStatus,
    MOSAIC_OT_test_worker,
    MOSAIC_OT_create_environment,
    MOSAIC_OT_cancel_environment,
    MOSAIC_OT_open_preferences,
)


def register() -> None:
    _register_classes()
    bpy.types.WindowManager.mosaic_worker = PointerProperty(type=MosaicWorkerStatus)
    atexit.register(stop_everything)


def unregister() -> None:
    atexit.unregister(stop_everything)
    stop_everything()
    if bpy.app.timers.is_registered(_pump):
        bpy.app.timers.unregister(_pump)
    del bpy.types.WindowManager.mosaic_worker
    _unregister_classes()
