"""Runs in a Blender without a window: captures the scene that another Blender wrote for it, and says how far it is.

It is told a folder and writes the memory into it. Lines of JSON behind `PREFIX` say what happens, among all that
Blender prints. It ends with the one that started it, whatever that one dies of: its standard input ends then.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

import bpy

from mosaic_core.errors import CaptureError, MosaicError
from mosaic_core.memory import Memory, save_memory

from .passes import WORKBENCH
from .request import CaptureRequest
from .snapshot import read_snapshot
from .stage import staged
from .steps import capture_steps

PREFIX = "mosaic-capture: "
MEMORY_FILE = "captured.mosaic"
_PROBE_PX = 8


def main() -> NoReturn:
    """Capture as the folder named last on the command line says."""
    folder = Path(sys.argv[-1])
    threading.Thread(target=_end_with_the_other, args=(folder,), name="Mosaic end", daemon=True).start()
    _say(tempdir=bpy.app.tempdir)
    code = 1
    try:
        save_memory(_captured(folder), folder / MEMORY_FILE)
        _say(finished=True)
        code = 0
    except (MosaicError, OSError) as error:
        _say(error=str(error))
    except BaseException as error:
        traceback.print_exc()
        _say(error=f"the capture failed: {type(error).__name__}: {error}")
    finally:
        # At once: Python may wait for ever for a thread that waits for the other Blender.
        os._exit(code)


def _captured(folder: Path) -> Memory:
    scene, layer, request = read_snapshot(folder)
    _try_renderers(request, folder / "try.png")
    _say(ready=True)
    with bpy.context.temp_override(scene=scene, view_layer=layer):
        steps = capture_steps(bpy.context, request)
        said = None
        while True:
            try:
                progress = next(steps)
            except StopIteration as end:
                return end.value
            if progress != said:  # a step that waits for a thread is as the one before
                _say(done=progress.done, label=progress.label)
            said = progress


def _try_renderers(request: CaptureRequest, file: Path) -> None:
    """Find out at once whether there is a graphics card for it and the renderer. Raises `CaptureError`."""
    scene = bpy.data.scenes.new("Mosaic Try")
    camera = bpy.data.objects.new("Mosaic Try", bpy.data.cameras.new("Mosaic Try"))
    try:
        scene.collection.objects.link(camera)
        try:
            scene.render.engine = request.engine
        except TypeError as error:
            raise CaptureError(f"it has no renderer {request.engine!r}") from error
        scene.render.engine = WORKBENCH
        layer = scene.view_layers[0].name
        with staged(scene, layer, camera=camera, frame=1, image_height=_PROBE_PX, image_width=_PROBE_PX) as stage:
            stage.render(file)
    finally:
        bpy.data.cameras.remove(camera.data)
        bpy.data.scenes.remove(scene)


def _say(**message: object) -> None:
    sys.stdout.write(f"{PREFIX}{json.dumps(message)}\n")
    sys.stdout.flush()


def _end_with_the_other(folder: Path) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
