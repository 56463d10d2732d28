"""What a render knew about the scene: its camera, and which scene object stands behind each surface it drew.

The scene a render sees is not the one in the viewport (other modifiers, other visibility), and a depsgraph of that kind
is nowhere to be had from Python, except in one place: Blender calls the frame-change handlers with it as the render
starts.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import bpy
import numpy as np

from mosaic_core.cameras import Camera

from ..cameras import camera_of_blender
from .palette import SURFACE_TYPES, Palette


@dataclass
class SceneFacts:
    """The surfaces of one frame. Their *owner* is the scene's object they belong to: itself, or what instances it."""

    owners: dict[int, set[str]] = field(default_factory=dict)  # palette number -> full names of owners
    surfaces: dict[str, list[tuple[int, np.ndarray, bytes]]] = field(default_factory=dict)
    # owner -> (palette number, world matrix (16,), digest of the geometry) of each of its surfaces


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


def read_facts(depsgraph: bpy.types.Depsgraph, palette: Palette, *, with_geometry: bool) -> SceneFacts:
    """List the surfaces; with `with_geometry` also digest their shapes, which reads every vertex."""
    facts, digests = SceneFacts(), {}
    for instance in depsgraph.object_instances:
        obj = instance.object
        if obj.type not in SURFACE_TYPES:
            continue
        owner = instance.parent if instance.is_instance else obj
        index = palette.index_of(obj.original) or palette.index_of(owner.original)
        name = owner.original.name_full
        facts.owners.setdefault(index, set()).add(name)
        digest = b""
        if with_geometry:
            key = obj.data.as_pointer()
            if key not in digests:
                digests[key] = _digest_of_geometry(obj)
            digest = digests[key]
        matrix = np.array(instance.matrix_world, dtype=np.float32).ravel()
        facts.surfaces.setdefault(name, []).append((index, matrix, digest))
    return facts


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


def moving_owners(facts_by_frame: dict[int, SceneFacts]) -> set[str]:
    """Owners of which anything moves, deforms, appears or vanishes between the frames."""
    frames = list(facts_by_frame.values())
    names = {name for facts in frames for name in facts.surfaces}
    return {
        name
        for name in names
        if any(_differ(frames[0].surfaces.get(name), other.surfaces.get(name)) for other in frames[1:])
    }


# Evaluating the same constraint at another frame may change the last bits; a tenth of a millimetre is no motion.
_STILL_M = 1e-4


def _differ(one: list | None, other: list | None) -> bool:
    if one is None or other is None or len(one) != len(other):
        return True
    if any(a[0] != b[0] or a[2] != b[2] for a, b in zip(one, other, strict=True)):
        return True
    shift = np.stack([a[1] for a in one]) - np.stack([b[1] for b in other])
    return bool((np.abs(shift) > _STILL_M).any())
