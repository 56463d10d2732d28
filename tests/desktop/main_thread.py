"""Runs inside Blender: how long the extension holds the main thread, told apart from what Blender itself takes.

A timer that comes every millisecond sees every pause of the main thread, whoever made it. Every way into the extension
(operators, panels, lists, gizmos, timers, handlers, drawing in the viewport) is timed as well, once from the outside:
what one calls of another counts for the first. Inside such a call some parts are timed for themselves, among them what
Blender does at our request, such as a render. Python's own monitoring does it: nothing of the extension is replaced,
and Blender, which looks at the functions it calls, finds those it knows.
"""

from __future__ import annotations

import inspect
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType, FunctionType

import bpy

EXTENSION = "bl_ext.user_default.mosaic"
TICK_S = 0.001
LONG_MS = 100.0
# What Blender calls of a registered class.
METHODS = (
    *("draw", "draw_header", "draw_item", "filter_items", "poll", "check", "description"),
    *("execute", "invoke", "modal", "cancel"),
    *("setup", "refresh", "draw_prepare", "draw_select", "test_select", "exit"),
)
# Timers and what draws in the viewport. Handlers are found in Blender's lists.
FUNCTIONS = {
    "jobs": ("_pump",),
    "queue_run": ("advance",),
    "comparing": ("_pump",),
    "worker_setup": ("_pump",),
    "overlay.supply": ("_tick",),
    "overlay.watch": ("_first_sync",),
    "overlay.draw": ("draw_points", "_show_native"),
    "overlay.marks": ("draw_in_space", "draw_on_screen"),
    "overlay.show": ("draw_lines", "draw_legends"),
    "overlay.readout_preview": ("draw_preview",),
}
# What Blender does at our request, within a call; it cannot be done in pieces.
BLENDERS = {"capture.stage": ("Stage.render",)}
# What else may take long within a call.
PARTS = {
    "capture.steps": ("_Session.shot", "_Session.picture"),
    "memory.build": ("build_memory_object", "mesh_of_arrays", "atlas_image"),
    "results": ("show_frame", "show_live", "apply_take"),
    "shots": ("placements_from_object", "path_from_camera", "prepared_shot", "PreparedShot.written"),
    "takes": ("take_in",),
    "jobs": ("_finish", "_apply", "launch", "JobRunner.__init__", "JobRunner.close", "JobRunner.tick"),
    "overlay.supply": ("_sample_path", "_read_memory"),
    "overlay.draw": ("_batches_of", "_texture", "points_shader"),
    "overlay.layer": ("draw", "prepare"),
}


@dataclass
class Watch:
    """What was seen since `begin`."""

    name: str = ""
    longest_ms: dict[str, float] = field(default_factory=dict)  # the extension's longest call, a way in each
    own_ms: dict[str, float] = field(default_factory=dict)  # the same without what Blender did in it (BLENDERS)
    parts_ms: dict[str, float] = field(default_factory=dict)  # the longest of each part within
    spent_ms: float = 0.0
    gap_ms: float = 0.0  # the longest pause of the main thread, and what was ours of it
    ours_in_gap_ms: float = 0.0
    pauses: int = 0  # longer than LONG_MS
    began_s: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self.began_s


class Observer:
    """Times everything until `end`; `begin` starts a chapter of its own."""

    def __init__(self) -> None:
        self.watch = Watch()
        self._ways_in = {function.__code__: name for name, function in _ways_in()}
        self._blenders = {function.__code__ for _, function in _named(BLENDERS)}
        self._parts = {function.__code__: name for name, function in _named(PARTS | BLENDERS)}
        self._stack: list[tuple[CodeType, float]] = []
        self._last_s, self._ours_s, self._blenders_s = time.perf_counter(), 0.0, 0.0
        self._monitor()
        self._timer = self._tick  # Blender knows a timer by the object that it was given
        bpy.app.timers.register(self._timer, persistent=True)

    def begin(self, name: str) -> None:
        """What comes now is another chapter."""
        self.watch, self._last_s, self._ours_s = Watch(name), time.perf_counter(), 0.0

    def end(self) -> None:
        """Watch no longer."""
        bpy.app.timers.unregister(self._timer)
        sys.monitoring.free_tool_id(sys.monitoring.PROFILER_ID)

    def _tick(self) -> float:
        now_s = time.perf_counter()
        gap_ms = 1e3 * (now_s - self._last_s)
        self.watch.pauses += gap_ms > LONG_MS
        if gap_ms > self.watch.gap_ms:
            self.watch.gap_ms, self.watch.ours_in_gap_ms = gap_ms, 1e3 * self._ours_s
        self._last_s, self._ours_s = now_s, 0.0
        return TICK_S

    def _monitor(self) -> None:
        monitoring, tool = sys.monitoring, sys.monitoring.PROFILER_ID
        events, main = monitoring.events, threading.get_ident()
        monitoring.use_tool_id(tool, "main thread")

        def start(code: CodeType, _offset: int) -> None:
            if threading.get_ident() == main:
                self._stack.append((code, time.perf_counter()))

        def end(code: CodeType, *_: object) -> None:
            if threading.get_ident() == main and self._stack and self._stack[-1][0] is code:
                self._count(code, time.perf_counter() - self._stack.pop()[1])

        monitoring.register_callback(tool, events.PY_START, start)
        monitoring.register_callback(tool, events.PY_RETURN, end)
        monitoring.register_callback(tool, events.PY_UNWIND, end)
        monitoring.set_events(tool, events.PY_UNWIND)  # an exception is not heard of by code object
        for code in {*self._ways_in, *self._parts}:
            monitoring.set_local_events(tool, code, events.PY_START | events.PY_RETURN)

    def _count(self, code: CodeType, seconds: float) -> None:
        outermost = not any(held in self._ways_in for held, _ in self._stack)
        if code in self._ways_in and outermost:
            own_s, self._blenders_s = seconds - self._blenders_s, 0.0
            self._ours_s += own_s
            self.watch.spent_ms += 1e3 * own_s
            name = _name_now(code, self._ways_in[code])
            _raise_to(self.watch.longest_ms, name, 1e3 * seconds)
            _raise_to(self.watch.own_ms, name, 1e3 * own_s)
        elif code in self._parts:
            self._blenders_s += seconds if code in self._blenders else 0.0
            _raise_to(self.watch.parts_ms, self._parts[code], 1e3 * seconds)


def _raise_to(longest: dict[str, float], name: str, value: float) -> None:
    longest[name] = max(longest.get(name, 0.0), value)


def _name_now(code: CodeType, name: str) -> str:
    """The name, with the class whose method it is where several share the code (panels share `safely`'s)."""
    frame = sys._getframe(3)
    owner = frame.f_locals.get("self") if frame.f_code is code else None
    return f"{type(owner).__name__}.{code.co_name}" if owner is not None else name


def _modules() -> list:
    return [module for name, module in list(sys.modules.items()) if name.startswith(f"{EXTENSION}.")]


def _ways_in() -> Iterator[tuple[str, FunctionType]]:
    """Every function of the extension that Blender calls."""
    for module in _modules():
        for cls in [each for each in vars(module).values() if isinstance(each, type)]:
            for method in METHODS if cls.__module__ == module.__name__ else ():
                held = inspect.unwrap(getattr(cls.__dict__.get(method), "__func__", cls.__dict__.get(method)) or _none)
                if held is not _none:
                    yield f"{cls.__name__}.{method}", held
    for name in dir(bpy.app.handlers):
        held = getattr(bpy.app.handlers, name)
        for each in held if isinstance(held, list) else ():
            if EXTENSION in getattr(each, "__module__", ""):
                yield f"{name}: {each.__qualname__}", each
    yield from _named(FUNCTIONS)


def _none() -> None:
    """Stands for a method that a class does not have."""


def _named(names: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, FunctionType]]:
    for module_name, functions in names.items():
        module = sys.modules[f"{EXTENSION}.{module_name}"]
        for name in functions:
            found = module
            for part in name.split("."):
                found = getattr(found, part)
            yield f"{module_name}.{name}", found
