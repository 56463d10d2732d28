"""The demonstration: the whole job as an artist would do it, from scene to video, by the add-on's own operators.

Compose, capture six views, generate along a path, change three objects in memory, generate again. Nothing here
computes a picture itself, so that what the demonstration shows is what the add-on does.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from mosaic_core.errors import MosaicError
from mosaic_core.memory import save_memory
from mosaic_core.report.contact_sheet import write_contact_sheet

from .. import jobs
from ..capture import CaptureRequest, capture_steps
from ..memory import store
from ..memory.build import build_memory_object
from ..memory.read import edited_memory
from ..shots import request_from_settings
from .courtyard import EDITS, capture_cameras, compose_courtyard, demo_path, set_render_settings
from .viewport import show_memory_in_viewports

SHEET_COLUMNS = 5


@dataclass(frozen=True)
class DemoOptions:
    """How large; the defaults are what `mosaic demo` makes, tests take less."""

    image_width: int = 640
    image_height: int = 360
    frames: int = 48
    capture_engine: str = "CYCLES"


@dataclass(frozen=True)
class DemoFiles:
    """What the demonstration leaves in its folder. The takes and the memory as captured lie in `mosaic` beside them."""

    folder: Path
    written: tuple[str, ...] = field(
        default=("before.mp4", "after.mp4", "contact_sheet.png", "memory.mosaic", "demo.blend"), init=False
    )

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    @property
    def captured(self) -> Path:
        """The memory before the edits."""
        return self.folder / "mosaic" / "captured.mosaic"

    def take(self, number: int) -> Path:
        """The folder of a clip, named as the add-on names takes."""
        return self.folder / "mosaic" / f"take_{number:04d}"


def run_demo(
    folder: Path, *, options: DemoOptions | None = None, say: Callable[[str], None] = lambda text: None
) -> DemoFiles:
    """Run the demonstration into `folder`; what an earlier run left there is replaced. Needs the registered add-on and
    replaces the open file. Raises `MosaicError`.
    """
    options = options or DemoOptions()
    files = DemoFiles(Path(folder).absolute())
    with _file_errors(files.folder):
        files.captured.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=files.folder):
            pass  # an unwritable folder is refused before the work and not after it
        scene = _compose(options, say)
        _save(files)
        memory_obj = _capture(scene, files, options, say)
        camera = demo_path(scene, frames=options.frames)
        scene.mosaic.path_camera = camera
        _generate(files.take(1), say, what="before", apply=False)
        _edit(memory_obj, files, say)
        _generate(files.take(2), say, what="after", apply=True)
        _finish(scene, files, say)
    return files


@contextlib.contextmanager
def _file_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MosaicError(f"cannot write to {folder}: {error.strerror or error}") from error


def _compose(options: DemoOptions, say: Callable[[str], None]) -> bpy.types.Scene:
    say("Composing the courtyard")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    courtyard = compose_courtyard(scene)
    set_render_settings(scene, width=options.image_width, height=options.image_height)
    settings = scene.mosaic
    settings.capture_width, settings.capture_height = options.image_width, options.image_height
    settings.width, settings.height = options.image_width, options.image_height
    settings.capture_engine = options.capture_engine
    say(f"Composing the courtyard: {len(courtyard.objects)} objects")
    return scene


def _capture(
    scene: bpy.types.Scene, files: DemoFiles, options: DemoOptions, say: Callable[[str], None]
) -> bpy.types.Object:
    """Capture the six views, one progress line each; the memory object."""
    cameras = capture_cameras(scene)
    request = CaptureRequest(
        cameras=tuple((camera, scene.frame_current) for camera in cameras),
        image_height=options.image_height,
        image_width=options.image_width,
        engine=options.capture_engine,
    )
    steps = capture_steps(bpy.context, request)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            memory = end.value
            break
        if step.done < step.total and step.done % 2 == 0:
            say(f"Capturing view {step.done // 2 + 1} of {step.total // 2}")
    save_memory(memory, files.captured)
    obj = build_memory_object(bpy.context, memory, files.captured, name="Memory")
    scene.mosaic.memory = obj
    say(f"Captured {len(memory.patches)} patches of {len(memory.object_names)} objects")
    return obj


def _edit(memory_obj: bpy.types.Object, files: DemoFiles, say: Callable[[str], None]) -> None:
    """Move, copy and delete objects' patches with the operators behind the panel's buttons; keep the edited memory."""
    view_layer = bpy.context.view_layer
    view_layer.objects.active = memory_obj
    verbs = {"move": "Moving", "copy": "Copying", "delete": "Deleting"}
    for edit in EDITS:
        say(f"{verbs[edit.kind]} the patches of {edit.object_name}")
        try:
            bpy.ops.mosaic.select_object(object_names=edit.object_name, mode="SET")
            if edit.kind == "move":
                bpy.ops.mosaic.move(offset=edit.offset_m)
            elif edit.kind == "copy":
                bpy.ops.mosaic.duplicate(offset=edit.offset_m)
            else:
                bpy.ops.mosaic.delete()
        except RuntimeError as error:  # how an operator's report reaches a script
            raise MosaicError(f"{edit.object_name} could not be edited: {str(error).strip()}") from error
    bpy.ops.mosaic.select_all(action="DESELECT")
    save_memory(edited_memory(memory_obj, author="mosaic demo"), files["memory.mosaic"])
    # From here on the object shows the saved state, edits and their log included.
    store.relink(memory_obj, files["memory.mosaic"])


def _generate(take_folder: Path, say: Callable[[str], None], *, what: str, apply: bool) -> None:
    """Generate along the path with the real GPU process, into exactly this folder."""
    said_at_s = -1e9
    say(f"Generating {what}: starting the worker")

    def progress(state) -> None:
        nonlocal said_at_s
        if state.done and (time.monotonic() - said_at_s > 2.0 or state.done == state.total):
            said_at_s = time.monotonic()
            say(f"Generating {what}: frame {state.done} of {state.total}")

    jobs.start(bpy.context, request_from_settings(bpy.context), take_folder=take_folder)
    jobs.run_to_end(progress, apply=apply)


def _finish(scene: bpy.types.Scene, files: DemoFiles, say: Callable[[str], None]) -> None:
    say("Writing videos, contact sheet and demo.blend")
    shutil.copyfile(files.take(1) / "clip.mp4", files["before.mp4"])
    shutil.copyfile(files.take(2) / "clip.mp4", files["after.mp4"])
    span = scene.frame_end - scene.frame_start
    columns = min(SHEET_COLUMNS, span + 1)
    numbers = [scene.frame_start + round(span * k / max(columns - 1, 1)) for k in range(columns)]
    clips = [("before", files.take(1)), ("after", files.take(2))]
    write_contact_sheet(clips, files["contact_sheet.png"], frame_numbers=numbers)
    scene.frame_set(scene.frame_start + span // 2)
    show_memory_in_viewports(scene.mosaic.memory)
    _save(files)


def _save(files: DemoFiles) -> None:
    """Save as demo.blend, without a backup of an earlier run beside it, every path relative to it."""
    versions = bpy.context.preferences.filepaths.save_version
    bpy.context.preferences.filepaths.save_version = 0
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(files["demo.blend"]), compress=True, relative_remap=True)
        # Saving under a first name leaves paths absolute that were set before there was one.
        bpy.ops.file.make_paths_relative()
        bpy.ops.wm.save_mainfile(compress=True)
    except RuntimeError as error:
        raise MosaicError(f"{files['demo.blend']} was not saved: {str(error).strip()}") from error
    finally:
        bpy.context.preferences.filepaths.save_version = versions
