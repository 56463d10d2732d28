"""What the commands of `cli` do: each takes the loaded file and its arguments and returns what to print.

The same functions the panel's operators call, so that a command and a click give the same file.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import bpy
import numpy as np

from mosaic_core.errors import Cancelled, CaptureError, EditError, GenerateError, MosaicError
from mosaic_core.memory import Memory, save_memory
from mosaic_core.memory.selection import object_ids_named

from . import compat, jobs
from .capture import CaptureRequest, capture_steps, requests_from_settings, store_memory
from .memory import change, store
from .memory.build import build_memory_object
from .memory.read import edited_memory
from .memory.select import faces_of_objects, faces_of_views
from .shot_list import ShotValues, active_shot, shot_named, shots_of
from .shots import memory_to_generate_from, request_from_settings


class Progress(Protocol):
    """Tells whoever waits how far the work is."""

    def show(self, done: int, total: int, words: str) -> None:
        """Say it."""

    def end(self) -> None:
        """The work is done."""


def capture(context: bpy.types.Context, options: argparse.Namespace, progress: Progress) -> dict:
    """Capture into a memory file; with --save also into the scene."""
    if options.out is None and not options.save:
        raise CaptureError("nothing to do: give --out FILE for the memory, or --save to keep it in the .blend file")
    _require_saved(options)
    request = _capture_request(context, options)
    file = _mosaic_file(options.out) if options.out else None
    steps = capture_steps(context, request)
    while True:
        try:
            step = next(steps)
            if step.done < step.total:
                progress.show(step.done, step.total, step.label)
        except StopIteration as end:
            memory: Memory = end.value
            break
    progress.end()
    if file is None:
        obj = store_memory(context, memory, name=options.name)
        file = store.absolute_path(obj)
    else:
        save_memory(memory, file)
        if options.save:
            context.scene.mosaic.memory = build_memory_object(context, memory, file, name=options.name)
    _save_if_asked(options)
    return {"memory_file": str(file), **_counts(memory)}


def _capture_request(context: bpy.types.Context, options: argparse.Namespace) -> CaptureRequest:
    settings = context.scene.mosaic
    if options.every is not None and options.every < 1:
        raise CaptureError(f"--every must be at least 1, got {options.every}")
    if options.cameras:
        request = CaptureRequest(
            cameras=tuple((_camera(context.scene, name), context.scene.frame_current) for name in options.cameras),
            image_height=settings.capture_height,
            image_width=settings.capture_width,
            engine=settings.capture_engine,
        )
    else:
        kept = settings.capture_source, settings.capture_every
        try:
            settings.capture_source = "ANIMATION" if options.animation else settings.capture_source
            settings.capture_every = options.every or settings.capture_every
            request = requests_from_settings(context)
        finally:
            settings.capture_source, settings.capture_every = kept
    if options.size:
        request = replace(request, image_width=options.size[0], image_height=options.size[1])
    return replace(request, engine=_renderer(options.engine)) if options.engine else request


def _camera(scene: bpy.types.Scene, name: str) -> bpy.types.Object:
    camera_obj = scene.objects.get(name)
    if camera_obj is None or camera_obj.type != "CAMERA":
        known = ", ".join(sorted(obj.name for obj in scene.objects if obj.type == "CAMERA")) or "none"
        raise CaptureError(f"the scene has no camera named {name}, it has: {known}")
    return camera_obj


def _renderer(name: str) -> str:
    engines = {
        "WORKBENCH": "BLENDER_WORKBENCH",
        "EEVEE": compat.eevee_id(),
        "EEVEE_NEXT": compat.eevee_id(),
        "CYCLES": "CYCLES",
    }
    engine = engines.get(name.upper().removeprefix("BLENDER_"))
    if engine is None:
        raise CaptureError(f"there is no renderer {name}, expected BLENDER_WORKBENCH, EEVEE or CYCLES")
    return engine


def inspect(context: bpy.types.Context, options: argparse.Namespace, _progress: Progress) -> dict:
    """Counts of a memory as it is edited in this scene."""
    obj = _memory_object(context, options)
    memory = edited_memory(obj)
    return {
        "object": obj.name,
        "memory_file": str(store.memory_file_of(obj)),
        **_counts(memory),
        "visible": int(memory.placements.visible.sum()),
        "moved": int((memory.placements.transform_index != 0).sum()),
        "names": sorted(memory.object_names.values()),
    }


def edit(context: bpy.types.Context, options: argparse.Namespace, _progress: Progress) -> dict:
    """Change the patches of the memory object and save."""
    if options.out is None and not options.save:
        raise EditError("the edit would be lost: add --save to keep it in the .blend file, or --out FILE")
    _require_saved(options)
    obj = _memory_object(context, options)
    if not store.is_editable(obj):
        raise EditError(f"{obj.name} is linked from another file: edit it there, or make it local")
    index, locked = change.changeable(obj, _chosen_faces(obj, options))
    if len(index) == 0:
        raise EditError("all of these patches are locked" if locked else "no patch is left of these")
    _apply_edit(obj, index, options)
    memory = edited_memory(obj, author="command line")
    if options.out is not None:
        save_memory(memory, _mosaic_file(options.out))
    _save_if_asked(options)
    return {"object": obj.name, "changed": len(index), "locked": locked, **_counts(memory)}


def _chosen_faces(obj: bpy.types.Object, options: argparse.Namespace) -> np.ndarray:  # (F,) bool
    memory = store.memory_of(obj)
    if options.select_object:
        return faces_of_objects(obj, object_ids_named(memory.object_names, options.select_object))
    unknown = [number for number in options.select_view if not 0 <= number < len(memory.views)]
    if unknown:
        raise EditError(f"there is no view {unknown[0]}: the memory has {len(memory.views)}")
    return faces_of_views(obj, options.select_view)


def _apply_edit(obj: bpy.types.Object, index: np.ndarray, options: argparse.Namespace) -> None:
    offset = options.move or options.copy
    motion = np.eye(4)
    if offset:
        if not np.isfinite(offset).all():
            raise EditError(f"a move needs finite numbers, got {offset}")
        motion[:3, 3] = offset
    if options.move:
        change.transform_faces(obj, index, motion)
    elif options.copy:
        change.transform_faces(obj, change.duplicate_faces(obj, index), motion)
    elif options.delete:
        change.delete_faces(obj, index)
    elif options.hide:
        change.set_hidden(obj, index, True)
    else:
        change.reset_faces(obj, index, store.memory_of(obj))


def generate(context: bpy.types.Context, options: argparse.Namespace, progress: Progress) -> dict:
    """Generate into exactly --out, or a folder a shot in it; with --save also into the scene."""
    _require_saved(options)
    if not options.all_shots:
        shot = active_shot(context.scene) if options.shot is None else shot_named(context.scene, options.shot)
        answer = _generated(context, options, progress, shot, options.out.absolute())
        _save_if_asked(options)
        return answer
    answers, failures = [], []
    shots = [shot for shot in shots_of(context.scene) if shot.enabled]
    for shot in shots:
        try:
            folder = options.out.absolute() / (bpy.path.clean_name(shot.name) or "shot")
            answers.append({"shot": shot.name} | _generated(context, options, progress, shot, folder))
        except Cancelled:
            raise
        except MosaicError as error:  # the others are made all the same
            failures.append(f"{shot.name or 'the shot'}: {error}")
    _save_if_asked(options)
    if failures or not shots:
        made = f"{len(answers)} of {len(shots)} shots were made in {options.out}"
        raise GenerateError("; ".join([made, *failures]) if shots else "no shot of the scene's list is ticked")
    return {"shots": answers}


def _generated(
    context: bpy.types.Context, options: argparse.Namespace, progress: Progress, shot: ShotValues, folder: Path
) -> dict:
    request = request_from_settings(context, shot=shot, memory_name=options.memory, camera_name=options.camera)
    changes = {
        "image_width": options.width,
        "image_height": options.height,
        "engine": options.engine,
        "seed": options.seed,
        "prompt": options.prompt,
        "negative_prompt": options.negative,
    }
    if options.frames is not None:
        changes["frame_start"], changes["frame_end"] = options.frames
    request = replace(request, **{name: value for name, value in changes.items() if value is not None})
    started_s = time.monotonic()
    jobs.start(context, request, take_folder=_made_folder(folder))
    jobs.run_to_end(lambda state: progress.show(state.done, state.total, state.message), apply=options.save)
    progress.end()
    return {
        "folder": str(folder),
        "video_file": str(folder / "clip.mp4"),
        "manifest_file": str(folder / "manifest.json"),
        "seconds": round(time.monotonic() - started_s, 2),
    }


def _made_folder(folder: Path) -> Path:
    """The folder, with the one of all shots above it made."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GenerateError(f"cannot write to {folder.parent}: {error.strerror or error}") from error
    return folder


def _memory_object(context: bpy.types.Context, options: argparse.Namespace) -> bpy.types.Object:
    obj = memory_to_generate_from(context, options.memory)
    if obj is None:
        several = [obj.name for obj in context.scene.objects if store.is_memory(obj)]
        hint = f"name one with --memory: {', '.join(sorted(several))}" if several else "capture one first"
        raise GenerateError(f"which memory? {hint}" if several else f"the scene has no memory: {hint}")
    return obj


def _counts(memory: Memory) -> dict:
    return {
        "views": len(memory.views),
        "patches": len(memory.patches),
        "placements": len(memory.placements),
        "objects": len(memory.object_names),
    }


def _mosaic_file(file: Path) -> Path:
    """The file to write, with its ending. Raises `MosaicError` where its folder is not there."""
    file = file.absolute()
    if file.suffix != ".mosaic":
        file = file.with_name(f"{file.name}.mosaic")
    if not file.parent.is_dir():
        raise MosaicError(f"there is no folder {file.parent} to write {file.name} into")
    return file


def _require_saved(options: argparse.Namespace) -> None:
    """Refuse --save before the work and not after it."""
    if options.save and not bpy.data.filepath:
        raise MosaicError("--save needs a .blend file: name it before --command")


def _save_if_asked(options: argparse.Namespace) -> None:
    if not options.save:
        return
    try:
        bpy.ops.wm.save_mainfile()
    except RuntimeError as error:
        raise MosaicError(f"{bpy.data.filepath} was not saved: {str(error).strip()}") from error
