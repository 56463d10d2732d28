"""Scenes whose every pixel is known: ray-cast boxes in a room, with exact depth, ids and colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mosaic_core.cameras.camera import Camera, look_at
from mosaic_core.memory import Memory, View

FLOOR, WALL, RED, BLUE = 1, 2, 3, 4
NAMES = {FLOOR: "Floor", WALL: "Wall", RED: "Red Crate", BLUE: "Blue Crate"}


@dataclass(frozen=True)
class Box:
    """An axis-aligned box, metres."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    object_id: int
    rgb: tuple[float, float, float]

    def moved(self, offset: tuple[float, float, float]) -> Box:
        low, high = np.add(self.low, offset), np.add(self.high, offset)
        return replace(self, low=tuple(low), high=tuple(high))


ROOM = (
    Box((-6, -6, -0.5), (6, 6, 0), FLOOR, (0.55, 0.5, 0.45)),
    Box((-6, 5, 0), (6, 6, 3.5), WALL, (0.75, 0.72, 0.66)),
    Box((-1.6, 0.2, 0), (-0.6, 1.2, 1), RED, (0.8, 0.2, 0.15)),
    Box((1.0, 1.0, 0), (1.8, 1.8, 0.8), BLUE, (0.2, 0.3, 0.85)),
)


def camera_at(position, target=(0.0, 1.5, 0.5), *, height=90, width=160, fov_deg=60.0) -> Camera:
    """A camera of the room."""
    return Camera.from_fov(
        look_at(np.array(position), np.array(target)),
        fov_deg=fov_deg,
        image_height=height,
        image_width=width,
    )


def view_of(camera: Camera, boxes=ROOM, *, name="", time_s=0.0) -> View:
    """Ray-cast the boxes: smooth band-limited textures, sky where nothing is hit."""
    rays = camera.rays_world(camera.pixel_centres())
    origin = camera.position_world
    z_depth = np.full(rays.shape[:2], np.inf)
    ids = np.zeros(rays.shape[:2], np.int32)
    rgb = np.broadcast_to(0.5 + 0.3 * rays[..., 2:] / np.linalg.norm(rays, axis=-1, keepdims=True), rays.shape)
    rgb = rgb * np.array([0.6, 0.8, 1.0])
    for box in boxes:
        with np.errstate(divide="ignore", invalid="ignore"):
            near, far = (np.array(box.low) - origin) / rays, (np.array(box.high) - origin) / rays
        enter = np.nanmax(np.minimum(near, far), axis=-1)
        leave = np.nanmin(np.maximum(near, far), axis=-1)
        hit = (enter > 1e-6) & (enter < leave) & (enter < z_depth)
        z_depth = np.where(hit, enter, z_depth)
        ids = np.where(hit, box.object_id, ids)
        local = origin + rays * enter[..., None] - np.array(box.low)
        shade = 0.8 + 0.2 * np.sin(4 * local).prod(axis=-1, where=np.isfinite(local))
        rgb = np.where(hit[..., None], shade[..., None] * np.array(box.rgb), rgb)
    return View(
        camera=camera,
        rgb=np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8),
        z_depth=z_depth.astype(np.float32),
        object_ids=ids,
        dynamic=np.zeros(ids.shape, bool),
        sky=~np.isfinite(z_depth),
        time_s=time_s,
        name=name,
    )


def room_memory(positions=((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6)), **size) -> Memory:
    """A memory of the room from a few places."""
    views = [view_of(camera_at(p, **size), name=f"View {i}", time_s=float(i)) for i, p in enumerate(positions)]
    return Memory.from_views(views, NAMES)


def placements_of(memory: Memory, object_id: int) -> np.ndarray:
    """Ids of the placements that show an object."""
    return memory.placements.ids[memory.patches.object_id[memory.placements.rows - 1] == object_id]
