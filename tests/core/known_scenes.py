"""A room whose every pixel is known: floor, wall and two crates, ray-cast."""

from __future__ import annotations

import numpy as np

from mosaic_core.cameras import Camera
from mosaic_core.memory import Memory, View
from mosaic_core.scenes import Box, camera_looking_at, ray_cast_view

FLOOR, WALL, RED, BLUE = 1, 2, 3, 4
NAMES = {FLOOR: "Floor", WALL: "Wall", RED: "Red Crate", BLUE: "Blue Crate"}

ROOM = (
    Box((-6, -6, -0.5), (6, 6, 0), FLOOR, (0.55, 0.5, 0.45)),
    Box((-6, 5, 0), (6, 6, 3.5), WALL, (0.75, 0.72, 0.66)),
    Box((-1.6, 0.2, 0), (-0.6, 1.2, 1), RED, (0.8, 0.2, 0.15)),
    Box((1.0, 1.0, 0), (1.8, 1.8, 0.8), BLUE, (0.2, 0.3, 0.85)),
)


def camera_at(position, target=(0.0, 1.5, 0.5), *, height=90, width=160, fov_deg=60.0) -> Camera:
    """A camera of the room."""
    return camera_looking_at(position, target, image_height=height, image_width=width, fov_deg=fov_deg)


def view_of(camera: Camera, boxes=ROOM, *, name="", time_s=0.0) -> View:
    """The truth."""
    return ray_cast_view(camera, boxes, name=name, time_s=time_s)


def room_memory(positions=((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6)), **size) -> Memory:
    """A memory of the room from a few places."""
    views = [view_of(camera_at(p, **size), name=f"View {i}", time_s=float(i)) for i, p in enumerate(positions)]
    return Memory.from_views(views, NAMES)


def placements_of(memory: Memory, object_id: int) -> np.ndarray:
    """Ids of the placements that show an object."""
    return memory.placements.ids[memory.patches.object_id[memory.placements.rows - 1] == object_id]
