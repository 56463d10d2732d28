"""A ring of cameras for a capture: around what is there and looking at it, or inside a room and looking out.

Rays ask the scene. A camera never stands behind what hides the middle from it, nor where the middle cannot be seen: the
ring is pulled in there. The middle of a room is one from which almost every level ray meets a surface that faces it;
a solid thing is left through its back instead, so a crate alone is no room, however thick its walls.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix, Vector

from mosaic_core.errors import CaptureError

from ..paths.obstacles import first_front, first_hit, surfaces
from ..paths.place import bounds_of

COLLECTION = "Mosaic Capture Ring"
WHERE = ("AROUND", "INSIDE")

# Seen from a third of the way up, things show their tops and their sides.
_ELEVATION_DEG = 20.0
_FOV_AROUND_DEG = 50.0
# Neighbouring views of a room share half of what they see.
_OVERLAP = 2.0
_FOV_INSIDE_DEG = (60.0, 100.0)
_EYE_M = 1.6
# A wall is at least so long, as a share of the subject's longest side; what is shorter stands in the room.
_WALL = 0.3
_FREE_M = 0.4  # before a camera's lens
_PROBES = 16
_ENCLOSED = 0.8  # of the level rays
# From a wall to a camera before it, as a share of the way to the wall.
_CLEARANCE = 0.12
# The part of the subject's size that is never taken for a wall, and what a camera keeps away from the middle.
_INNER = 0.25
# A flat thing so many times as large as the rest is ground or backdrop, not the subject.
_BACKDROP = 4.0
_DOME = 12.0


class Ring(NamedTuple):
    """Where cameras stand: a circle about `centre` at `height_m` above it, looking in or out."""

    where: str  # one of WHERE
    number: int
    centre: Vector
    radius_m: float
    height_m: float  # of the cameras above the centre
    fov_deg: float  # horizontal
    subject_m: float = 0.0  # what stands nearer to the middle than that is looked at, and hides nothing


def subject_objects(context: bpy.types.Context) -> list[bpy.types.Object]:
    """What is to be captured: the selected surfaces, or all but backdrops. Raises `CaptureError` for none."""
    everything = surfaces(context)
    chosen = [obj for obj in everything if obj.select_get(view_layer=context.view_layer)]
    if not everything:
        raise CaptureError("the scene has no surface to stand around: add something, or capture from cameras")
    return chosen or _without_backdrops(context, everything)


def _without_backdrops(context: bpy.types.Context, objects: list[bpy.types.Object]) -> list[bpy.types.Object]:
    """Without domes and hills, far larger than what is usual in the scene, and wide grounds."""
    sides = {obj.name_full: np.ptp(bounds_of(context, [obj]), axis=0) for obj in objects}
    if not sides:
        return []
    longest = {name: float(side.max()) for name, side in sides.items()}
    usual = sorted(longest.values())[(len(longest) - 1) // 2]
    objects = [obj for obj in objects if longest[obj.name_full] <= _DOME * usual]
    flat = {name for name, side in sides.items() if side.min() < 0.02 * side.max()}
    solid = [obj for obj in objects if obj.name_full not in flat]
    if not solid:
        return objects
    size = float(np.ptp(bounds_of(context, solid), axis=0).max())
    return [obj for obj in objects if obj.name_full not in flat or longest[obj.name_full] < _BACKDROP * size]


def default_ring(context: bpy.types.Context, *, number: int = 8, where: str = "AUTO") -> Ring:
    """A ring that suits the scene: outside of things, inside of rooms. Raises `CaptureError` for an empty scene."""
    subject = subject_objects(context)
    low, high = bounds_of(context, subject)
    size = high - low
    reach_m = 4 * float(np.linalg.norm(size))
    # Trees behind the walls move the middle of the box out of a courtyard, and hardly that of its things.
    middle = Vector(np.median([bounds_of(context, [obj]).mean(axis=0) for obj in subject], axis=0))
    walls_m = walls_around(context, middle, reach_m=reach_m, least_m=_WALL * float(size.max()))
    room = len(walls_m) >= _ENCLOSED * _PROBES
    if where == "AUTO":
        where = "INSIDE" if room else "AROUND"
    if where == "INSIDE":
        wall_m = float(np.median(walls_m)) if walls_m else float(min(size[0], size[1])) / 2
        eye_m = min(_EYE_M, 0.6 * float(size[2]))
        fov_deg = min(max(_OVERLAP * 360 / number, _FOV_INSIDE_DEG[0]), _FOV_INSIDE_DEG[1])
        return Ring(where, number, middle, 0.25 * wall_m, float(low[2]) + eye_m - middle.z, fov_deg)
    centre = Vector((low + high) / 2)
    half_m = float(np.linalg.norm(size)) / 2
    away_m = 1.1 * half_m / math.sin(math.radians(_FOV_AROUND_DEG) / 2)
    up, out = math.sin(math.radians(_ELEVATION_DEG)), math.cos(math.radians(_ELEVATION_DEG))
    # Of a set with a wall or two the cameras stay before the walls, of a closed house outside of them.
    subject_m = half_m if room else _INNER * half_m
    return Ring(where, number, centre, away_m * out, away_m * up, _FOV_AROUND_DEG, subject_m)


def walls_around(context: bpy.types.Context, middle: Vector, *, reach_m: float, least_m: float) -> list[float]:
    """How far the walls are that face a place, on the level; one number for each direction that has one."""
    scene, depsgraph = context.scene, context.evaluated_depsgraph_get()
    hits = (first_front(scene, depsgraph, middle, way, distance_m=reach_m, least_m=least_m) for way in _level(_PROBES))
    return [hit.distance_m for hit in hits if hit is not None]


def places(context: bpy.types.Context, ring: Ring) -> list[Matrix]:
    """Where the cameras stand, in Blender's camera axes; one that has no free place is left out.

    Raises `CaptureError` for no cameras, or a ring without a free place at all.
    """
    if ring.number < 1:
        raise CaptureError(f"a ring needs at least one camera, got {ring.number}")
    found = [place for direction in _level(ring.number) if (place := _place(context, ring, direction)) is not None]
    if not found:
        raise CaptureError("no camera of the ring has a free place: change its radius or height")
    return found


def _place(context: bpy.types.Context, ring: Ring, direction: Vector) -> Matrix | None:
    wanted = ring.centre + direction * ring.radius_m + Vector((0, 0, ring.height_m))
    if ring.where == "AROUND":
        free_m = _free_way_m(context, ring, wanted - ring.centre)
        if free_m <= min(ring.subject_m, (wanted - ring.centre).length):
            return None
        wanted = ring.centre + (wanted - ring.centre).normalized() * free_m
    look = direction if ring.where == "INSIDE" else ring.centre - wanted
    scene, depsgraph = context.scene, context.evaluated_depsgraph_get()
    blocked = first_hit(scene, depsgraph, wanted, look, distance_m=_FREE_M) is not None
    if _stands_in_something(context, wanted) or (ring.where == "INSIDE" and blocked):
        return None
    return Matrix.LocRotScale(wanted, look.to_track_quat("-Z", "Y"), None)


def _free_way_m(context: bpy.types.Context, ring: Ring, way: Vector) -> float:
    """How far out a camera may stand: to its place, or before the wall that would hide the middle."""
    scene, depsgraph = context.scene, context.evaluated_depsgraph_get()
    skipped_m = min(ring.subject_m, way.length)
    reach_m = way.length / (1 - _CLEARANCE) - skipped_m
    start = ring.centre + way.normalized() * skipped_m
    wall = first_front(scene, depsgraph, start, way, distance_m=reach_m)
    return way.length if wall is None else min(way.length, (skipped_m + wall.distance_m) * (1 - _CLEARANCE))


def _stands_in_something(context: bpy.types.Context, place: Vector) -> bool:
    """Whether most ways out of a place begin at the back of the same thing: it is inside of that."""
    scene, depsgraph = context.scene, context.evaluated_depsgraph_get()
    directions = [*_level(6), Vector((0, 0, 1)), Vector((0, 0, -1))]
    hits = [first_hit(scene, depsgraph, place, direction, distance_m=1e4) for direction in directions]
    behind = [hit.name for hit in hits if hit is not None and hit.from_behind]
    return max((behind.count(name) for name in set(behind)), default=0) > len(directions) // 2


def _level(number: int) -> list[Vector]:
    """Directions all round, the first to the south, counter-clockwise from above."""
    angles = (2 * math.pi * index / number - math.pi / 2 for index in range(number))
    return [Vector((math.cos(angle), math.sin(angle), 0.0)) for angle in angles]


def build_ring(context: bpy.types.Context, ring: Ring) -> list[bpy.types.Object]:
    """The ring's cameras as objects in a collection of their own, in place of those of an earlier ring.

    Raises `CaptureError`, and leaves no ring then.
    """
    remove_ring(context.scene)
    matrices = places(context, ring)
    collection = bpy.data.collections.new(COLLECTION)
    context.scene.collection.children.link(collection)
    cameras = []
    for number, matrix in enumerate(matrices, start=1):
        data = bpy.data.cameras.new(f"Ring {number:02d}")
        data.sensor_fit = "HORIZONTAL"
        data.lens = data.sensor_width / 2 / math.tan(math.radians(ring.fov_deg) / 2)
        camera_obj = bpy.data.objects.new(data.name, data)
        camera_obj.matrix_world = matrix
        collection.objects.link(camera_obj)
        cameras.append(camera_obj)
    context.view_layer.update()
    return cameras


def ring_cameras(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The cameras of the scene's ring, in its order."""
    collection = _collection_of(scene)
    return sorted(collection.objects, key=lambda obj: obj.name) if collection else []


def keep_ring(scene: bpy.types.Scene) -> None:
    """Let the ring's cameras be the artist's: the next ring gets a collection of its own."""
    collection = _collection_of(scene)
    if collection is not None:
        collection.name = "Capture Ring"


def remove_ring(scene: bpy.types.Scene) -> None:
    """Take the ring's cameras and their collection away; nothing happens where there is none."""
    collection = _collection_of(scene)
    if collection is not None:
        _remove_cameras(collection.objects)
        bpy.data.collections.remove(collection)


def _remove_cameras(objects: Iterable[bpy.types.Object]) -> None:
    for obj in list(objects):
        if obj.type == "CAMERA":
            bpy.data.cameras.remove(obj.data)  # takes its object with it


def _collection_of(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    return next((c for c in scene.collection.children if c.name.split(".")[0] == COLLECTION), None)
