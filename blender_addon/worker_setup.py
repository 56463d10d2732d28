"""How an artist gets a Python for the GPU process: one is found, or made, and then tested.

Nothing here waits in a window: the search, the making of the environment and the test run beside Blender, a timer looks
after them, and what they say is shown from the WindowManager, which undo leaves alone.
"""

from __future__ import annotations

import atexit
from pathlib import Path

import bpy
from bpy.props import BoolProperty, FloatProperty, PointerProperty, StringProperty

from mosaic_core.errors import MosaicError, WorkerError
from mosaic_core.worker import JobRunner, probe_python
from mosaic_core.worker.protocol import WorkerFacts
from mosaic_core.worker.runner import start_probe

from . import compat
from .environment import BuildState, EnvironmentBuilder
from .preferences import ONLINE_MESSAGE, environment_folder, may_install, preferences, worker_python
from .registry import forget_status, registration
from .windows import redraw

_INTERVAL_S = 0.1
_AREAS = ("PREFERENCES", "VIEW_3D")


class MosaicWorkerStatus(bpy.types.PropertyGroup):
    """`window_manager.mosaic_worker`: what the panels show about the GPU process."""

    busy: BoolProperty(name="Busy", description="A search, an installation or a test is running")
    installing: BoolProperty(name="Installing", description="A search or an installation is running")
    line: StringProperty(name="Status", description="What is being done, or how it ended")
    fraction: FloatProperty(name="Fraction", description="How much of the file is downloaded", default=-1.0)
    failed: BoolProperty(name="Failed", description="The last search, installation or test failed")


class _Runtime:
    """What runs beside Blender just now, and what the last test found."""

    probe: JobRunner | None = None
    builder: EnvironmentBuilder | None = None
    facts: WorkerFacts | None = None


_runtime = _Runtime()


def needs_set_up() -> bool:
    """Whether there is no Python for the GPU process yet."""
    try:
        worker_python()
    except (WorkerError, OSError):
        return True
    return False


def last_facts() -> WorkerFacts | None:
    """What the last test found; None before the first one."""
    return _runtime.facts


def remember(facts: WorkerFacts | None) -> None:
    """Keep what a job's process said of itself, for the report."""
    _runtime.facts = facts or _runtime.facts


def facts_in_words(facts: WorkerFacts) -> str:
    """What a Python turned out to be, in one sentence."""
    if facts.error:
        return facts.error
    return f"Python {facts.python_version}, torch {facts.torch_version}, {facts.device}: ready"


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
                _runtime.facts = facts = probe_python(python)
                _show(context, facts_in_words(facts), failed=facts.error is not None)
            else:
                _start_probe(python)
                _show(context, f"Asking {python}", busy=True)
                _start_pump()
        except (MosaicError, OSError) as error:
            _show(context, str(error), failed=True)
        return _reported(self, context)


class MOSAIC_OT_set_up(bpy.types.Operator):
    """Find a Python with torch on this computer, or else create one of Mosaic's own (downloads up to 3 GB)"""

    bl_idname = "mosaic.set_up"
    bl_label = "Set Up"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _is_idle(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        # Looking costs no network, so being offline is said only where nothing is found.
        return _build(self, context, look_first=True, why_not_install="" if may_install() else NOTHING_FOUND)


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
        return _build(self, context, look_first=False, why_not_install="")


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


NOTHING_FOUND = f"no Python with torch was found on this computer, and none was installed. {ONLINE_MESSAGE}"


def _build(
    operator: bpy.types.Operator, context: bpy.types.Context, *, look_first: bool, why_not_install: str
) -> set[str]:
    chosen = preferences()
    wheels = bpy.path.abspath(chosen.wheels_folder) if chosen.local_packages and chosen.wheels_folder else ""
    try:
        _runtime.builder = EnvironmentBuilder(
            environment_folder(),
            log_file=environment_log(),
            base_python=bpy.path.abspath(chosen.base_python) if chosen.base_python else "",
            wheels_folder=Path(wheels) if wheels else None,
            look_first=look_first,
            why_not_install=why_not_install,
        )
    except OSError as error:
        _show(context, f"The environment cannot be created: {error}: see that the folder is yours", failed=True)
        return _reported(operator, context)
    _show(context, _runtime.builder.state.line, busy=True, installing=True)
    if bpy.app.background:
        _runtime.builder.wait()
        _look_after(context.window_manager)
        if _runtime.probe is not None:
            _end_probe()
    else:
        _start_pump()
    return _reported(operator, context)


def environment_log() -> Path:
    """The log of the last installation. Raises `OSError`."""
    return compat.user_dir("logs") / "environment.log"


def _is_idle(cls: type[bpy.types.Operator], _context: bpy.types.Context) -> bool:
    if _runtime.probe is not None or _runtime.builder is not None:
        cls.poll_message_set("Wait until the running test or installation has ended")
        return False
    return True


def _show(
    context: bpy.types.Context, line: str, *, busy: bool = False, installing: bool = False, failed: bool = False
) -> None:
    status = context.window_manager.mosaic_worker
    status.line, status.busy, status.installing, status.failed = line, busy, installing, failed
    status.fraction = -1.0
    redraw(*_AREAS)


def _reported(operator: bpy.types.Operator, context: bpy.types.Context) -> set[str]:
    """Say how it ended. What only begins is told by the panel: the status bar would go on saying it when it is over."""
    status = context.window_manager.mosaic_worker
    if not status.busy:
        operator.report({"ERROR" if status.failed else "INFO"}, status.line)
    return {"CANCELLED" if status.failed else "FINISHED"}


def _start_probe(python: str) -> None:
    _runtime.probe = start_probe(python, log_file=compat.user_dir("logs") / "test.log")


def _end_probe() -> None:
    if _runtime.probe is not None:
        _runtime.probe.close()
        _runtime.probe = None


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
            _runtime.facts = state.facts or WorkerFacts(error=state.error or "it did not say who it is")
            status.line = state.error or facts_in_words(_runtime.facts)
            status.failed = state.error is not None
            _end_probe()
    if _runtime.builder is not None:
        state = _runtime.builder.state
        # Whoever cancels knows why: the panel is then as it was before.
        status.line, status.failed = state.line, state.error is not None and not state.cancelled
        status.fraction = -1.0 if state.fraction is None else state.fraction
        if not state.running:
            _runtime.builder = None
            _take(state)
    status.installing = _runtime.builder is not None
    status.busy = _runtime.probe is not None or status.installing
    redraw(*_AREAS)
    return status.busy


def _take(state: BuildState) -> None:
    """Use what was found or built, and test it."""
    if state.python is None:
        return
    if state.found:
        preferences().worker_python = str(state.python)
        bpy.context.preferences.is_dirty = True  # Blender saves its preferences when it quits
    elif preferences().worker_python:
        preferences().worker_python = ""  # a chosen Python would go before the one that was asked for now
    if not bpy.app.background:
        try:
            _start_probe(str(state.python))
        except (MosaicError, OSError) as error:
            status = bpy.context.window_manager.mosaic_worker
            status.line, status.failed = str(error), True


def stop_everything() -> None:
    """End the test and the installation; nothing is left running. Called when Blender or the add-on ends."""
    _end_probe()
    if _runtime.builder is not None:
        _runtime.builder.close()
        _runtime.builder = None


_register_classes, _unregister_classes = registration(
    MosaicWorkerStatus,
    MOSAIC_OT_test_worker,
    MOSAIC_OT_set_up,
    MOSAIC_OT_create_environment,
    MOSAIC_OT_cancel_environment,
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
    forget_status("mosaic_worker")
    del bpy.types.WindowManager.mosaic_worker
    _unregister_classes()
