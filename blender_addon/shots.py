"""From what the artist set up to the files a job starts from: the shot, its path and the edited placements.

A request holds names and plain values, never references to datablocks: undo and file loads free those while a job
runs. Once the files are written the job needs nothing of Blender any more, so deleting the memory cannot hurt it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from mosaic_core.cameras import CameraPath, save_path
from mosaic_core.errors import GenerateError
from mosaic_core.files import write_atomically
from mosaic_core.generate import Prompt, Shot, shot_to_json
from mosaic_core.memory import Placements, save_placements

from .memory import store
from .memory.read import placements_from_object
from .paths.sample import path_camera_of, path_from_camera

# A timeline marker that starts so says what happens from there on.
EVENT_PREFIX = "event:"


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
    add_background: bool = True
    add_strip: bool = True


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
    earlier_clip: Path | None = None  # frames that no edit since can have changed are taken from it

    def written(self, folder: Path) -> dict[str, Any]:
        """Write the shot's files into `folder`, made here; the shot as JSON values. Raises `GenerateError`."""
        try:
            folder.mkdir()
            path_file, placements_file = folder / "path.json", folder / "placements.npz"
            save_path(self.path, path_file)
            save_placements(self.placements, placements_file)
            shot = Shot(
                memory_file=self.memory_file,
                path_file=path_file,
                engine=self.engine,
                seed=self.seed,
                prompts=self.prompts,
                placements_file=placements_file,
                memory_sha256=self.memory_sha256 or None,
                earlier_clip=self.earlier_clip,
            )
            document = shot_to_json(shot)
            write_atomically(folder / "shot.json", json.dumps(document, indent=1).encode())
        except OSError as error:
            raise GenerateError(f"cannot write to {folder.parent}: {error.strerror or error}") from error
        return document


def request_from_settings(
    context: bpy.types.Context, *, memory_name: str | None = None, camera_name: str | None = None
) -> JobRequest:
    """The request that `scene.mosaic` describes, with another memory or camera where named.

    Raises `MosaicError` that says what is missing.
    """
    scene, settings = context.scene, context.scene.mosaic
    memory_obj = memory_to_generate_from(context, memory_name)
    if memory_obj is None:
        raise GenerateError("there is no memory to generate from: capture one first, or choose one in the panel")
    camera_obj = path_camera_of(scene) if camera_name is None else scene.objects.get(camera_name)
    if camera_obj is None or camera_obj.type != "CAMERA":
        raise GenerateError(f"the scene has no camera named {camera_name}")
    return JobRequest(
        scene_name=scene.name,
        memory_name=memory_obj.name,
        memory_library=memory_obj.library.filepath if memory_obj.library else None,
        camera_name=camera_obj.name,
        follows_markers=settings.path_camera is None and camera_name is None,
        engine=settings.engine,
        image_height=settings.height,
        image_width=settings.width,
        seed=settings.seed,
        prompt=settings.prompt,
        frame_start=scene.frame_start,
        frame_end=scene.frame_end,
        add_background=settings.add_background,
        add_strip=settings.add_strip,
    )


def memory_to_generate_from(context: bpy.types.Context, name: str | None = None) -> bpy.types.Object | None:
    """The named memory; else the scene's chosen one, else the active one, else the only one there is.

    Raises `GenerateError` where the named one is not there.
    """
    if name is not None:
        named = context.scene.objects.get(name)
        if not store.is_memory(named):
            raise GenerateError(f"the scene has no memory named {name}")
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
        raise GenerateError(f"the memory {request.memory_name} was deleted")
    camera_obj = context.scene.objects.get(request.camera_name)
    if camera_obj is None:
        raise GenerateError(f"the camera {request.camera_name} was deleted")
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
        prompts=prompts_of(context.scene, path, request.prompt),
        engine=request.engine,
        seed=request.seed,
    )


def prompts_of(scene: bpy.types.Scene, path: CameraPath, text: str) -> tuple[Prompt, ...]:
    """The prompt for the whole path, and each `event:` marker from its frame to the end; times from the start."""
    prompts = [Prompt(text.strip(), 0.0, path.duration_s)] if text.strip() else []
    for marker in sorted(scene.timeline_markers, key=lambda marker: marker.frame):
        event = marker.name[len(EVENT_PREFIX) :].strip()
        if marker.name.lower().startswith(EVENT_PREFIX) and event:
            start_s = max(0.0, (marker.frame - path.frame_numbers[0]) / path.fps)
            if start_s < path.duration_s:
                prompts.append(Prompt(event, start_s, path.duration_s))
    return tuple(prompts)
