"""What stands in a camera's way: rays through the scene as it is at a frame, past what no picture shows.

Only surfaces that a capture shows count; memories do not, as they repeat the scene. In a scene that has nothing but a
memory, its patches are the surfaces.
"""

from __future__ import annotations

from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Vector

from mosaic_core.cameras import Camera

_SURFACE_TYPES = frozenset({"MESH", "CURVE", "SURFACE", "FONT", "META", "CURVES", "POINTCLOUD"})
# A ray goes on so far behind a surface that does not count, and through so many of them.
_STEP_M = 1e-3
_MOST_LAYERS = 100


class Hit(NamedTuple):
    """The first surface on a ray."""

    name: str  # of the object
    distance_m: float
    from_behind: bool  # the ray leaves a solid there
    longest_m: float  # side of the object


class Crossing(NamedTuple):
    """A camera that passes through a surface between two frames."""

    first: int
    last: int
    name: str


def is_surface(obj: bpy.types.Object) -> bool:
    """Whether a capture shows this object as a surface."""
    return obj.type in _SURFACE_TYPES and not obj.hide_render and not obj.mosaic.is_memory


def surfaces(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The objects of the scene that are in a camera's way. Curves that only draw a path have no surface."""
    return [
        obj
        for obj in context.scene.objects
        if is_surface(obj) and obj.visible_get(view_layer=context.view_layer) and _has_extent(obj)
    ]


def _has_extent(obj: bpy.types.Object) -> bool:
    if obj.type == "CURVE":
        return bool(obj.data.bevel_depth or obj.data.bevel_object or obj.data.extrude)
    return any(obj.dimensions)


def first_hit(
    scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph, origin: Vector, direction: Vector, *, distance_m: float
) -> Hit | None:
    """The first surface within a distance; None where the way is free."""
    direction, travelled = direction.normalized(), 0.0
    for _ in range(_MOST_LAYERS):
        left = distance_m - travelled
        if left <= 0:
            return None
        start = origin + direction * travelled
        found, place, normal, _face, obj, _matrix = scene.ray_cast(depsgraph, start, direction, distance=left)
        if not found:
            return None
        away = travelled + (place - start).length
        if is_surface(obj):
            return Hit(obj.name, away, normal.dot(direction) > 0, max(obj.dimensions))
        travelled = away + _STEP_M
    return None


def first_front(
    scene: bpy.types.Scene,
    depsgraph: bpy.types.Depsgraph,
    origin: Vector,
    direction: Vector,
    *,
    distance_m: float,
    least_m: float = 0.0,  # the way passes through objects whose longest side is shorter
) -> Hit | None:
    """The first surface that faces the origin, out of whatever it stands in; None where there is none."""
    direction, travelled = direction.normalized(), 0.0
    for _ in range(_MOST_LAYERS):
        hit = first_hit(scene, depsgraph, origin + direction * travelled, direction, distance_m=distance_m - travelled)
        if hit is None:
            return None
        travelled += hit.distance_m
        if not hit.from_behind and hit.longest_m >= least_m:
            return hit._replace(distance_m=travelled)
        travelled += _STEP_M
    return None


class Way:
    """Collects what a camera passes through; give it to `path_of_scene` as `on_frame`."""

    def __init__(self, context: bpy.types.Context, memory_obj: bpy.types.Object | None) -> None:
        self._context = context
        self._memory_obj = None if surfaces(context) else memory_obj
        self._before: tuple[int, str, Vector] | None = None
        self.crossings: list[Crossing] = []

    def __call__(self, frame: int, camera_obj: bpy.types.Object, camera: Camera) -> None:
        """Look from where the camera was to where it is. A cut to another camera is no way."""
        place = Vector(np.asarray(camera.position_world).tolist())
        before, self._before = self._before, (frame, camera_obj.name, place)
        if before is None or before[1] != camera_obj.name:
            return
        step = place - before[2]
        if step.length < 1e-6:
            return
        name = self._name_between(before[2], step)
        if not name:
            return
        last = self.crossings[-1] if self.crossings else None
        if last is not None and last.name == name and last.last == before[0]:
            self.crossings[-1] = last._replace(last=frame)
        else:
            self.crossings.append(Crossing(before[0], frame, name))

    def _name_between(self, start: Vector, step: Vector) -> str:
        depsgraph = self._context.evaluated_depsgraph_get()
        if self._memory_obj is None:
            hit = first_hit(self._context.scene, depsgraph, start, step, distance_m=step.length)
            return hit.name if hit else ""
        evaluated = self._memory_obj.evaluated_get(depsgraph)
        local = evaluated.matrix_world.inverted_safe()
        near, far = local @ start, local @ (start + step)
        found, *_ = evaluated.ray_cast(near, far - near, distance=(far - near).length)
        return self._memory_obj.name if found else ""
