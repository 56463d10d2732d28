"""A scene's own name for its takes: files side by side share a folder, and scenes that were not saved yet have none.

The id is kept in the scene, so takes stay its own when the file is saved, saved under another name and opened again.
It is remembered beside the scene as well, because undo takes back what is in it. Blender copies it with the scene: a
copy goes on with the same takes.
"""

from __future__ import annotations

import uuid

import bpy
from bpy.app.handlers import persistent

_ids: dict[int, str] = {}  # of a scene's session_uid


def id_of(scene: bpy.types.Scene) -> str:
    """The scene's id; empty where it has none yet."""
    return _ids.get(scene.session_uid) or scene.mosaic.takes_id


def given_id(scene: bpy.types.Scene) -> str:
    """The scene's id, made where it has none. Writes into the scene and pushes no undo step."""
    own = _ids[scene.session_uid] = id_of(scene) or uuid.uuid4().hex
    if scene.library is None and scene.mosaic.takes_id != own:
        scene.mosaic.takes_id = own
    return own


@persistent
def _before_save(*_arguments) -> None:
    """Put into the file what undo took out of the scene, and name a scene whose memory background jobs may take."""
    for scene in bpy.data.scenes:
        if scene.library is None and (id_of(scene) or scene.mosaic.memory is not None):
            given_id(scene)


def register() -> None:
    bpy.app.handlers.save_pre.append(_before_save)


def unregister() -> None:
    bpy.app.handlers.save_pre.remove(_before_save)
    _ids.clear()
