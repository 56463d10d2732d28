"""The known room painted by a smooth function of the world point, so that pictures from anywhere agree."""

from __future__ import annotations

import numpy as np

from mosaic_core.cameras import Camera
from mosaic_core.cameras.rotations import rotations_of_vectors

from ..known_scenes import ROOM, view_of


def textured_view(camera: Camera, boxes=ROOM) -> tuple[np.ndarray, np.ndarray]:  # (H, W, 3) float, (H, W) z_depth
    """Colour and depth. The sky is painted by direction."""
    view = view_of(camera, boxes)
    known = np.isfinite(view.z_depth)
    rays = camera.rays_world(camera.pixel_centres())
    points = camera.position_world + rays * np.where(known, view.z_depth, 1.0).astype(np.float64)[..., None]
    directions = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(np.where(known[..., None], points, 4 * directions), -1, 0)
    waves = [
        0.10 * np.sin(5 * x + 1) * np.cos(4 * y + 3 * z) + 0.08 * np.sin(9 * x - 3 * y + 2 * z),
        0.12 * np.sin(4 * y - 5 * z + 2) + 0.06 * np.cos(8 * x + 4 * z),
        0.10 * np.cos(3 * x + 3 * y + 6 * z),
    ]
    rgb = 0.25 + 0.5 * view.rgb / 255 + np.stack(waves, axis=-1)
    return np.clip(rgb, 0, 1).astype(np.float32), view.z_depth


def displaced(camera: Camera, *, turn_deg=(0.0, 0.0, 0.0), shift_m=(0.0, 0.0, 0.0)) -> Camera:
    """The camera turned about its own axes and shifted along them."""
    motion = np.eye(4)
    motion[:3, :3] = rotations_of_vectors(np.radians(turn_deg))
    motion[:3, 3] = shift_m
    return Camera(camera.intrinsics_px, camera.world_from_cam @ motion, camera.image_height, camera.image_width)


def blurred(image: np.ndarray, times: int) -> np.ndarray:
    """A binomial filter, some times over; each adds half a square pixel of variance."""
    for _ in range(times):
        for axis in (0, 1):
            width = [(1, 1) if i == axis else (0, 0) for i in range(3)]
            p = np.moveaxis(np.pad(image, width, mode="edge"), axis, 0)
            image = np.moveaxis((p[:-2] + 2 * p[1:-1] + p[2:]) / 4, 0, axis)
    return image
