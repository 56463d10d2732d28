"""What the overlays of one moment know: gathered from `supply` when something has changed, never at a mere redraw."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from mosaic_core.memory.dirty import PlacementsDiff, diff
from mosaic_core.wording import phrase

from ..memory import store
from ..memory.faces import face_ints
from ..scene_id import id_of
from ..scene_takes import folders_of
from ..shot_list import active_shot
from . import colouring, supply, tasks
from .since_take import newest_take, state_of_take


@dataclass(frozen=True, eq=False)
class SinceTake:
    """What differs from a take, and where what is gone stood."""

    take_name: str
    difference: PlacementsDiff
    removed_world: np.ndarray  # (n, 3) float32


def gather(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    mode: str,
    *,
    holes: bool = False,
    faces: bool = False,  # whether faces are to be coloured
) -> colouring.Known:
    """What there is for that mode; asks for what is missing. Only reads, because drawing calls it."""
    ids, views = _faces(obj) if faces else (np.zeros(0, np.int64), np.zeros(0, np.int32))
    state = supply.edited(obj)
    if state is None:
        reason = supply.trouble() or phrase("reading the memory ...")
        return colouring.Known(ids, views, waiting={mode: reason})
    needs, reason = colouring.needs_of(mode), ""
    seen = conflicts = since = None
    if needs == "seen" or holes:
        seen, reason = _seen(context.scene, state)
    if needs == "conflicts":
        conflicts = supply.want("conflicts", state.reader, lambda: tasks.conflicts(state))
        reason = supply.error_of("conflicts") or "comparing the views ..."
    if needs == "since_take":
        since, reason = _since_take(context.scene, obj, state)
    return colouring.Known(
        face_ids=ids,
        face_views=views,
        memory=state.memory,
        seen=seen,
        conflicts=conflicts,
        since_take=since.difference if since else None,
        take_name=since.take_name if since else "",
        removed_world=since.removed_world if since else np.zeros((0, 3), np.float32),
        waiting={mode: reason},
    )


def _faces(obj: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:  # (F,) int64 placement ids, (F,) views
    """The placement and the view of each face, in Object Mode: in Edit Mode only a copy of the mesh would tell.

    A native copy carries its original's id until the mesh was read.
    """
    mesh = obj.data
    ids, views = face_ints(mesh, "placement").astype(np.int64), face_ints(mesh, "view")
    ids[face_ints(mesh, "row") <= 0] = 0
    read = supply.face_ids(obj)
    if read is not None and len(read) == len(ids):
        ids = np.where(read > 0, read, ids)
    return ids, views


def _seen(scene: bpy.types.Scene, state: tasks.Edited):
    path = supply.path_of(scene)
    if path is None:
        return None, supply.trouble() or phrase("sampling the path ...")
    seen = supply.want("seen", (state.reader, supply.path_serial()), lambda: tasks.survey(state, path))
    return seen, supply.error_of("seen") or phrase("looking along the path ...")


def _since_take(scene: bpy.types.Scene, obj: bpy.types.Object, state: tasks.Edited) -> tuple[SinceTake | None, str]:
    newest = newest_take(folders_of(scene), active_shot(scene).name, id_of(scene))
    if newest is None:
        return None, "there is no take yet"
    folder, written_ns = newest
    file, digest = store.absolute_path(obj), obj.mosaic.memory_sha256

    def steps():
        before = state_of_take(folder, state.memory, memory_file=file, memory_sha256=digest)
        yield
        difference = diff(before.placements, state.memory.placements, ignore_locks=True)
        gone = colouring.removed_places(before.placements, state.memory, difference)
        return SinceTake(before.take_name, difference, gone)

    since = supply.want("since_take", (folder, written_ns, digest, state.reader), steps)
    return since, supply.error_of("since_take") or "comparing with the newest take ..."
