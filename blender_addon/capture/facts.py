"""What a render knew about the scene: its camera, and where each surface was, to tell later what moved.

The scene a render sees is not the one in the viewport (other modifiers, other visibility), and a depsgraph of that kind
is nowhere to be had from Python, except in one place: Blender calls the frame-change handlers with it as the render
starts.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence

import bpy
import numpy as np

from mosaic_core.cameras import Camera

from ..cameras import camera_of_blender


@contextlib.contextmanager
def during_render(scene: bpy.types.Scene, read: Callable[[bpy.types.Depsgraph], None]) -> Iterator[list[Exception]]:
    """Call `read` with the depsgraph that renders `scene`. What it raises is collected, as Blender would swallow it."""
    errors: list[Exception] = []
    name = scene.name

    def on_frame(rendered: bpy.types.Scene, depsgraph: bpy.types.Depsgraph | None = None) -> None:
        if depsgraph is None or depsgraph.mode != "RENDER" or rendered.name != name:
            return
        try:
            read(depsgraph)
        except Exception as error:  # handed to whoever rendered
            errors.append(error)

    bpy.app.handlers.frame_change_post.append(on_frame)
    try:
        yield errors
    finally:
        bpy.app.handlers.frame_change_post.remove(on_frame)


def read_camera(
    camera: bpy.types.Object,
    depsgraph: bpy.types.Depsgraph,
    *,
    scene: bpy.types.Scene,
) -> Camera:
    """The rendering scene's camera, as it is in that render. Raises `CameraError`."""
    render = scene.render
    return camera_of_blender(
        camera,
        depsgraph,
        image_height=render.resolution_y,
        image_width=render.resolution_x,
        pixel_aspect=(render.pixel_aspect_x, render.pixel_aspect_y),
    )


# What is drawn as a surface; anything else cannot be seen to move.
_SURFACE_TYPES = frozenset({"MESH", "CURVE", "SURFACE", "FONT", "META", "CURVES", "POINTCLOUD"})

# Per owner, the object of the scene that is seen to move: each of its surfaces' name, world matrix (16,), and digest of
# the geometry. An instance's owner is the object that instances it.
Surfaces = dict[str, list[tuple[str, np.ndarray, bytes]]]


def read_surfaces(depsgraph: bpy.types.Depsgraph) -> Surfaces:
    """Where every surface of a render is and what shape it has; reads every vertex once."""
    surfaces: Surfaces = {}
    digests: dict[int, bytes] = {}
    for instance in depsgraph.object_instances:
        obj = instance.object
        if obj.type not in _SURFACE_TYPES:
            continue
        owner = instance.parent if instance.is_instance else obj
        key = obj.data.as_pointer()
        if key not in digests:
            digests[key] = _digest_of_geometry(obj)
        matrix = np.array(instance.matrix_world, dtype=np.float32).ravel()
        entry = (obj.original.name_full, matrix, digests[key])
        surfaces.setdefault(owner.original.name_full, []).append(entry)
    return surfaces


def _digest_of_geometry(obj: bpy.types.Object) -> bytes:
    """A fingerprint of an evaluated object's points in its own space."""
    attributes = getattr(obj.data, "attributes", None)
    positions = attributes.get("position") if attributes is not None else None
    if positions is not None:
        return _digest_of_points(positions.data, "vector")
    mesh = obj.to_mesh()
    try:
        return _digest_of_points(mesh.vertices, "co") if mesh else b""
    finally:
        obj.to_mesh_clear()


def _digest_of_points(points: bpy.types.bpy_prop_collection, name: str) -> bytes:
    values = np.zeros(3 * len(points), dtype=np.float32)
    points.foreach_get(name, values)
    return hashlib.blake2b(values.tobytes(), digest_size=16).digest()


def moving_owners(surfaces_by_frame: Sequence[Surfaces]) -> set[str]:
    """Owners of which anything moves, deforms, appears or vanishes between the frames."""
    if len(surfaces_by_frame) < 2:
        return set()
    first, *others = surfaces_by_frame
    names = {name for surfaces in surfaces_by_frame for name in surfaces}
    return {name for name in names if any(_differ(first.get(name), other.get(name)) for other in others)}


# Evaluating the same constraint at another frame may change the last bits; a tenth of a millimetre is no motion.
_STILL_M = 1e-4


def _differ(one: list | None, other: list | None) -> bool:
    if one is None or other is None or len(one) != len(other):
        return True
    if any(a[0] != b[0] or a[2] != b[2] for a, b in zip(one, other, strict=True)):
        return True
    shift = np.stack([a[1] for a in one]) - np.stack([b[1] for b in other])
    return bool((np.abs(shift) > _STILL_M).any())
