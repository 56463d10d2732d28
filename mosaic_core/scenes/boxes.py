"""Ray-cast boxes under a plain sky. Every pixel is known in closed form, so what is measured on them is exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..cameras import Camera
from ..cameras.camera import look_at
from ..memory import View


@dataclass(frozen=True)
class Box:
    """An axis-aligned box, metres, with a smooth texture around one colour."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    object_id: int
    rgb: tuple[float, float, float]

    def moved(self, offset_m: tuple[float, float, float]) -> Box:
        """The same box elsewhere; its texture moves along."""
        low, high = np.add(self.low, offset_m), np.add(self.high, offset_m)
        return replace(self, low=tuple(low), high=tuple(high))


def camera_looking_at(
    position_world: Sequence[float],
    target_world: Sequence[float],
    *,
    image_height: int,
    image_width: int,
    fov_deg: float = 60.0,
) -> Camera:
    """An upright camera."""
    world_from_cam = look_at(np.array(position_world), np.array(target_world))
    return Camera.from_fov(world_from_cam, fov_deg=fov_deg, image_height=image_height, image_width=image_width)


def ray_cast_view(camera: Camera, boxes: Sequence[Box], *, name: str = "", time_s: float = 0.0) -> View:
    """What the camera sees: band-limited textures, exact depth, sky where no box is hit. No anti-aliasing."""
    rays = camera.rays_world(camera.pixel_centres())
    origin = camera.position_world
    z_depth = np.full(rays.shape[:2], np.inf)
    ids = np.zeros(rays.shape[:2], np.int32)
    upward = rays[..., 2:] / np.linalg.norm(rays, axis=-1, keepdims=True)
    rgb = (0.5 + 0.3 * upward) * np.array([0.6, 0.8, 1.0])
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
