"""Capturing in a second Blender without a window, while the artist goes on in the first.

A render holds the main thread from its beginning to its end, some 350 ms a view of the demonstration's courtyard. As a
job of Blender's own (`render.render('INVOKE_DEFAULT')`) it holds the window longer still, 700 to 1200 ms, because the
viewport waits for the graphics context; and the artist could edit a file full of our temporary scenes. So the scene is
written to a file (`snapshot`, 20 to 70 ms), and a Blender of the same program, preferences and add-ons captures it
(`child`) by the code that captures everywhere. What comes back is a memory file. The price is that Blender's start,
about a second; what it saves is drawing the window between two renders.

Until that Blender has shown that it can render, the artist's file must not be changed: so long, the window can still
capture by itself, and the scene is the one at which the button was pressed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import bpy

from mosaic_core.errors import CaptureError
from mosaic_core.memory import Memory, load_memory
from mosaic_core.worker.exits import exit_in_words
from mosaic_core.worker.groups import OWN_GROUP, kill_group

from ..beside import beside
from ..compat import graphics_backend
from .child import MEMORY_FILE, PREFIX
from .request import CaptureRequest
from .snapshot import snapshot_steps, unwritable
from .steps import CaptureProgress, capture_steps, temporary_folder

# A Blender that says nothing for so long after its start will not render either.
START_LIMIT_S = 120.0
_TAIL_LINES = 20
# Given to this Blender, the other needs them as well.
_FLAGS = ("--factory-startup", "--offline-mode", "--online-mode")
# Loads the extension and the core from their folders under the names they have here, where that Blender has not enabled
# the extension itself.
_BOOTSTRAP = """
import importlib, importlib.util, os, sys
package, folder, core, core_folder = sys.argv[sys.argv.index('--') + 1:][:4]
import bpy
for name, place in ((package, folder), (core, core_folder)):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, os.path.join(place, '__init__.py'), submodule_search_locations=[place])
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
if not hasattr(bpy.types.Scene, 'mosaic'):
    sys.modules[package].register()
importlib.import_module(package + '.capture.child').main()
"""


class _Runtime:
    """`broke`: the last one ended while it captured, so the next capture is made without one."""

    broke: bool = False


class _Unavailable(Exception):
    """There is no second Blender to capture in; the text says why, a clause. Nothing was changed so far."""


def steps_beside_window(
    context: bpy.types.Context, request: CaptureRequest
) -> Generator[CaptureProgress, None, Memory]:
    """Capture in a second Blender, or where there is none in this window, as `capture_steps` does.

    Steps are `editable` once the artist may go on. Closing the generator ends the process and removes its files.
    Raises `CaptureError`.
    """
    try:
        return (yield from _in_second_blender(context, request))
    except _Unavailable as error:
        remark = f"captured in this window, which stood still: a second Blender cannot do it, {error}"
    steps = capture_steps(context, request)
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            return end.value
        yield replace(progress, remark=remark)


def _in_second_blender(context: bpy.types.Context, request: CaptureRequest) -> Generator[CaptureProgress, None, Memory]:
    total = 2 * len(request.cameras)
    starting = CaptureProgress(total, total, "starting a second Blender")
    if _Runtime.broke:
        _Runtime.broke = False
        raise _Unavailable("as it broke down the last time")
    if reason := unwritable(context.scene):
        raise _Unavailable(f"as {reason}")
    yield starting  # painted before the scene is written
    with temporary_folder() as folder:
        try:
            blend_file = yield from snapshot_steps(context.scene, context.view_layer.name, request, folder, starting)
            blender = SecondBlender(blend_file)
        except (CaptureError, OSError) as error:
            raise _Unavailable(str(error)) from error
        with contextlib.closing(blender):
            yield from _until_ready(blender, starting)
            yield from _until_captured(blender, replace(starting, editable=True))
            made = CaptureProgress(total, total, "reading the views", editable=True)
            return (yield from beside(lambda: load_memory(folder / MEMORY_FILE), made))


def _until_ready(blender: SecondBlender, starting: CaptureProgress) -> Generator[CaptureProgress, None, None]:
    limit_s = time.monotonic() + START_LIMIT_S
    while True:
        for news in blender.news():
            if "error" in news:
                raise _Unavailable(news["error"])
            if "ready" in news:
                return
        if blender.ending:
            raise _Unavailable(f"it {blender.ending}")
        if time.monotonic() > limit_s:
            raise _Unavailable(f"it did not begin within {START_LIMIT_S:g} s")
        yield starting


def _until_captured(blender: SecondBlender, progress: CaptureProgress) -> Generator[CaptureProgress, None, None]:
    while True:
        for news in blender.news():
            if "error" in news:
                raise CaptureError(news["error"])
            if "finished" in news:
                return
            if "label" in news:
                progress = replace(progress, done=news["done"], label=news["label"])
        if blender.ending:
            _Runtime.broke = True
            raise CaptureError(
                f"the second Blender, which captured, {blender.ending}. "
                "Nothing was changed; capture again, and this window will do it itself"
            )
        yield progress


class SecondBlender:
    """The running process. Never waits, but for `close`. Raises `OSError` where it cannot be started."""

    def __init__(self, blend_file: Path) -> None:
        self._folder, self._tempdir, self._ended = blend_file.parent, "", False
        self._news: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._killing: subprocess.Popen[bytes] | None = None
        own = self._folder / "temporary"
        own.mkdir()
        self._process = subprocess.Popen(
            _command(blend_file),
            stdin=subprocess.PIPE,  # it ends when this does
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(own)),
            **OWN_GROUP,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, name="Mosaic second Blender", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def ending(self) -> str:
        """How it ended, a predicate; "" while it runs, or has said what was not asked for yet."""
        if self._process.poll() is None:
            return ""
        if not self._ended:
            self._ended = True
            self._killing = kill_group(self._process)  # what it started itself, which may keep its output open
        if self._reader.is_alive() or not self._news.empty():
            return ""
        said = [line for line in self._tail if "error" in line.lower()]
        return exit_in_words(self._process.returncode) + (f": {said[-1].rstrip('.')}" if said else "")

    def news(self) -> Iterator[dict]:
        """What it said and was not asked for yet; what is not taken stays for the next time."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._news.get_nowait()

    def close(self) -> None:
        """End it and all that it started, and wait until it is gone."""
        if self._process.poll() is None:
            self._killing = kill_group(self._process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5.0)
        self._reader.join(timeout=1.0)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        # Killed, it could not remove its folder, which lies elsewhere where the artist's preferences say so. A Blender
        # that could make none names one that is not its own.
        if Path(self._tempdir).name.startswith("blender_") and Path(self._tempdir) != Path(bpy.app.tempdir):
            shutil.rmtree(self._tempdir, ignore_errors=True)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                line = line.strip()
                if not line.startswith(PREFIX):
                    self._tail.extend([line[:200]] if line else [])
                    continue
                with contextlib.suppress(ValueError):
                    news = json.loads(line.removeprefix(PREFIX))
                    self._tempdir = news.get("tempdir", self._tempdir)
                    self._news.put(news)


def _command(blend_file: Path) -> list[str]:
    backend = graphics_backend()
    # Scripts of the file may run where they ran here.
    scripts = "--disable-autoexec" if bpy.app.autoexec_fail else "--enable-autoexec"
    as_here = [flag for flag in _FLAGS if flag in sys.argv]
    command = [bpy.app.binary_path, "--background", *as_here, scripts]
    command += ["--gpu-backend", backend] if backend else []
    command += [str(blend_file), "--python-exit-code", "1", "--python-expr", _BOOTSTRAP, "--"]
    for name in (__package__.rpartition(".")[0], CaptureError.__module__.rpartition(".")[0]):
        command += [name, str(Path(sys.modules[name].__file__ or "").resolve().parent)]
    return [*command, str(blend_file.parent)]
