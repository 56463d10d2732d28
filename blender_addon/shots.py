"""From what the artist set up to the files a job starts from: the shot, its path and the edited placements.

A request holds names and plain values, never references to datablocks: undo and file loads free those while a job
runs. Once the files are written the job needs nothing of Blender any more, so deleting the memory cannot hurt it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from mosaic_core.cameras import CameraPath, save_path
from mosaic_core.errors import GenerateError
from mosaic_core.files import write_atomically
from mosaic_core.generate import Prompt, Shot, shot_to_json
from mosaic_core.memory import Placements, save_placements

from .events import events_of
from .memory import store
from .memory.read import placements_from_object
from .paths.sample import path_from_camera
from .scene_id import id_of
from .shot_list import ShotValues, active_shot


@dataclass(frozen=True)
class Retake:
    """What of an earlier take is made again; `frames` None: what the edits since can have changed."""

    folder: Path
    frames: tuple[int, int] | None = None


@dataclass(frozen=True)
class JobRequest:
    """What to generate, by names and values."""

    scene_name: str
    memory_name: str
    memory_library: str | None  # the file the memory object is linked from
    camera_name: str  # whose background the take becomes
    follows_markers: bool  # the path is the scene's camera with its cuts, not one camera
    engine: str
    image_height: int
    image_width: int
    seed: int
    prompt: str
    frame_start: int
    frame_end: int
    negative_prompt: str = ""
    shot_name: str = ""  # empty: the one shot of a scene without a list
    depth: bool = False
    add_background: bool = True
    add_strip: bool = True
    retake: Retake | None = None


@dataclass(frozen=True)
class PreparedShot:
    """Everything read from Blender that a job needs."""

    path: CameraPath
    placements: Placements
    memory_file: Path
    memory_sha256: str
    prompts: tuple[Prompt, ...]
    engine: str
    seed: int
    name: str = ""
    depth: bool = False
    earlier_clip: Path | None = None  # frames that no edit since can have changed are taken from it
    retake: Retake | None = None
    scene_id: str = ""

    def written(self, folder: Path) -> dict[str, Any]:
        """Write the shot's files into `folder`, made here; the shot as JSON values. Raises `GenerateError`."""
        try:
            folder.mkdir()
            path_file, placements_file = folder / "path.json", folder / "placements.npz"
            save_path(self.path, path_file)
            save_placements(self.placements, placements_file)
            document = shot_to_json(self._shot(path_file, placements_file))
            write_atomically(folder / "shot.json", json.dumps(document, indent=1).encode())
        except OSError as error:
            raise GenerateError(f"cannot write to {folder.parent}: {error.strerror or error}") from error
        return document

    def _shot(self, path_file: Path, placements_file: Path) -> Shot:
        retake = self.retake
        return Shot(
            memory_file=self.memory_file,
            path_file=path_file,
            engine=self.engine,
            seed=self.seed,
            prompts=self.prompts,
            placements_file=placements_file,
            memory_sha256=self.memory_sha256 or None,
            earlier_clip=self.earlier_clip if retake is None else retake.folder,
            keeps_unchanged=retake is not None and retake.frames is None,
            retake=None if retake is None else retake.frames,
            depth=self.depth,
            name=self.name,
            scene_id=self.scene_id,
        )


@dataclass(frozen=True)
class RemadeShot:
    """A take's own shot, to be made again."""

    shot: Shot

    def written(self, folder: Path) -> dict[str, Any]:
        """Copy the take's files into `folder`, made here; the shot as JSON values. Raises `GenerateError`."""
        try:
            folder.mkdir()
            files = {"path_file": self.shot.path_file, "placements_file": self.shot.placements_file}
            copies = {field: Path(shutil.copy(file, folder)) for field, file in files.items() if file is not None}
            document = shot_to_json(replace(self.shot, **copies))
            write_atomically(folder / "shot.json", json.dumps(document, indent=1).encode())
        except OSError as error:
            raise GenerateError(
                f"cannot write to {folder.parent}: {error.strerror or error}; choose another Output folder"
            ) from error
        return document


def request_from_settings(
    context: bpy.types.Context,
    *,
    shot: ShotValues | None = None,  # default: the active one
    memory_name: str | None = None,
    camera_name: str | None = None,
) -> JobRequest:
    """The request that `scene.mosaic` describes, with another shot, memory or camera where named.

    Raises `MosaicError` that says what is missing.
    """
    scene, settings = context.scene, context.scene.mosaic
    shot = shot or active_shot(scene)
    memory_obj = memory_to_generate_from(context, memory_name)
    if memory_obj is None:
        raise GenerateError("there is no memory to generate from: capture one first, or choose one in the panel")
    camera_obj = _path_camera(scene, shot, camera_name)
    return JobRequest(
        scene_name=scene.name,
        memory_name=memory_obj.name,
        memory_library=memory_obj.library.filepath if memory_obj.library else None,
        camera_name=camera_obj.name,
        follows_markers=shot.path_camera is None and camera_name is None,
        engine=shot.engine,
        image_height=shot.height,
        image_width=shot.width,
        seed=shot.seed,
        prompt=shot.prompt,
        negative_prompt=shot.negative_prompt,
        shot_name=shot.name,
        depth=settings.depth,
        frame_start=shot.frame_start,
        frame_end=shot.frame_end,
        add_background=settings.add_background,
        add_strip=settings.add_strip,
    )


def _path_camera(scene: bpy.types.Scene, shot: ShotValues, camera_name: str | None) -> bpy.types.Object:
    """The named camera, else the shot's, else the scene's."""
    if camera_name is not None:
        camera_obj = scene.objects.get(camera_name)
        if camera_obj is None or camera_obj.type != "CAMERA":
            raise GenerateError(f"the scene has no camera named {camera_name}")
    elif shot.path_camera is not None:
        camera_obj = scene.objects.get(shot.path_camera)
        if camera_obj is None:
            raise GenerateError(f"the path camera {shot.path_camera} was deleted from the scene: choose another")
    elif scene.camera is None:
        raise GenerateError("the scene has no camera: add one, or draw a path")
    else:
        camera_obj = scene.camera
    return camera_obj


def memory_to_generate_from(context: bpy.types.Context, name: str | None = None) -> bpy.types.Object | None:
    """The named memory; else the scene's chosen one, else the active one, else the only one there is.

    Raises `GenerateError` where the named one is not there.
    """
    if name is not None:
        named = context.scene.objects.get(name)
        if not store.is_memory(named):
            raise GenerateError(f"the scene has no memory named {name}: choose one of its memories")
        return named
    chosen = context.scene.mosaic.memory
    if store.is_memory(chosen) and context.scene in chosen.users_scene:
        return chosen
    active = store.active_memory(context)
    if active is not None and context.scene in active.users_scene:
        return active
    memories = [obj for obj in context.scene.objects if store.is_memory(obj)]
    return memories[0] if len(memories) == 1 else None


def prepared_shot(context: bpy.types.Context, request: JobRequest) -> PreparedShot:
    """Read placements and path from the file as it is now. Raises `MosaicError`."""
    memory_obj = bpy.data.objects.get((request.memory_name, request.memory_library))
    if memory_obj is None:
        raise GenerateError(f"the memory {request.memory_name} was deleted: undo, or capture again")
    camera_obj = context.scene.objects.get(request.camera_name)
    if camera_obj is None:
        raise GenerateError(f"the camera {request.camera_name} was deleted: undo, or choose another under Path")
    memory_file = store.memory_file_of(memory_obj)
    placements = placements_from_object(memory_obj)
    path = path_from_camera(
        context,
        None if request.follows_markers else camera_obj,
        image_height=request.image_height,
        image_width=request.image_width,
        frame_start=request.frame_start,
        frame_end=request.frame_end,
    )
    return PreparedShot(
        path=path,
        placements=placements,
        memory_file=memory_file,
        memory_sha256=memory_obj.mosaic.memory_sha256,
        prompts=prompts_of(context.scene, path, request.prompt, request.negative_prompt),
        engine=request.engine,
        seed=request.seed,
        name=request.shot_name,
        depth=request.depth,
        retake=request.retake,
        scene_id=id_of(context.scene),
    )


def prompts_of(scene: bpy.types.Scene, path: CameraPath, text: str, negative: str = "") -> tuple[Prompt, ...]:
    """The prompts for the whole path, and each event from its frame to the end; times from the start."""
    prompts = [Prompt(text.strip(), 0.0, path.duration_s)] if text.strip() else []
    if negative.strip():
        prompts.append(Prompt(negative.strip(), 0.0, path.duration_s, -1.0))
    for event in events_of(scene.timeline_markers)[0]:
        start_s = max(0.0, (event.frame - path.frame_numbers[0]) / path.fps)
        if start_s < path.duration_s:
            prompts.append(Prompt(event.text, start_s, path.duration_s, event.strength))
    return tuple(prompts)
