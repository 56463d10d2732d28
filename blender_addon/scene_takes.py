"""Which takes on disk are a scene's own: those that say its id, and of those that say none, those of its memories."""

from __future__ import annotations

from pathlib import Path

import bpy

from mosaic_core.errors import GenerateError

from .memory.store import is_memory
from .results import output_folder_of, unsaved_takes
from .scene_id import given_id, id_of
from .take_facts import TakeFacts, facts_of, list_takes


def folder_for_takes(scene: bpy.types.Scene) -> Path:
    """Where a new take of the scene goes; from now on the scene has an id. Raises `GenerateError`."""
    given_id(scene)
    return output_folder_of(scene)


def folders_of(scene: bpy.types.Scene) -> list[Path]:
    """Where the scene's takes lie: its output folder, then the one from before the file was saved."""
    folders = []
    try:
        folders.append(output_folder_of(scene))
        if id_of(scene):
            folders.append(unsaved_takes(scene))
    except GenerateError:  # none is set, or the user's files cannot be reached
        pass
    return list(dict.fromkeys(folders))


def takes_of(scene: bpy.types.Scene, *, shot_name: str = "") -> list[TakeFacts]:
    """The scene's takes of a shot, or of all, the newest first. Asks the disk once a second at most."""
    found = [facts for folder in folders_of(scene) for facts in list_takes(folder, shot_name=shot_name)]
    return [facts for facts in found if is_own(scene, facts)]


def own_take(scene: bpy.types.Scene, folder: str) -> TakeFacts | None:
    """The take in a folder, if there is one and it is the scene's."""
    facts = facts_of(Path(folder)) if folder else None
    return facts if facts is not None and is_own(scene, facts) else None


def is_own(scene: bpy.types.Scene, facts: TakeFacts) -> bool:
    """Whether a take is the scene's. One that neither says a scene nor a memory may be anybody's: it is."""
    if facts.scene_id:
        return facts.scene_id == id_of(scene)
    if not facts.memory_sha256:
        return True
    return any(is_memory(obj) and obj.mosaic.memory_sha256 == facts.memory_sha256 for obj in scene.objects)
