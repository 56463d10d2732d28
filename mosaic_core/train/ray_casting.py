"""A ray caster for procedural scenes (`mosaic_core.train.scenes`): RGB, exact depth, object ids, what moves.

Torch, so that the same lines run on two laptop cores and on a GPU. One loop over things, each asked only for the rays
that meet the ball around it; broadcasting rays against things is ten times slower on a CPU. Every pixel gets one ray
through its centre, which depth and ids come from. Pixels on an outline get four more for their colour; textures need
none, they are band-limited by themselves. Vectors are (3, N): a row a coordinate runs several times faster than a
column of three.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .scenes import FIRST_THING, GROUND, WALLS, Light, Scene, Texture, Thing

SKY = 0
FAR_M = 1e6
# Shadow rays start this far above the surface, metres and share of the distance.
LIFT_M, LIFT = 2e-3, 5e-4
# Positions of the four rays of an outline's pixel, from its centre.
SUBPIXELS = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))


@dataclass(frozen=True)
class Rendered:
    """T frames."""

    rgb: Tensor  # (T, H, W, 3) float in [0, 1], display-referred
    z_depth: Tensor  # (T, H, W) metres along the camera's axis, inf for sky
    object_ids: Tensor  # (T, H, W) int32: 0 sky, 1 ground, 2 walls, things from 3
    dynamic: Tensor  # (T, H, W) bool, shows something that moves


@dataclass(frozen=True)
class _Rays:
    """N rays; `frame` says at which moment each looks."""

    origin: Tensor  # (3, N)
    direction: Tensor  # (3, N), not unit: its length a unit of depth along the camera's axis
    frame: Tensor  # (N,) int64
    width: Tensor  # (N,) a pixel's width at unit depth

    def taken(self, index: Tensor) -> _Rays:
        return _Rays(self.origin[:, index], self.direction[:, index], self.frame[index], self.width[index])


@dataclass(frozen=True)
class _Hit:
    depth: Tensor  # (N,) inf = nothing
    object_id: Tensor  # (N,) int32


def render(
    scene: Scene,
    intrinsics_px: Tensor,  # (T, 3, 3)
    world_from_cam: Tensor,  # (T, 4, 4) OpenCV camera axes
    times_s: Tensor,  # (T,)
    *,
    image_height: int,
    image_width: int,
) -> Rendered:
    """The frames these cameras see, on the device of the cameras."""
    size = (len(times_s), image_height, image_width)
    caster = _Caster(scene, times_s.to(intrinsics_px))
    rays = _pixel_rays(intrinsics_px, world_from_cam, image_height, image_width, (0.0, 0.0))
    hit = caster.first_hit(rays)
    rgb = caster.colour(rays, hit)
    edge = _outlines(hit, size)
    if len(edge):
        total = torch.zeros((3, len(edge)), device=rgb.device)
        for offset in SUBPIXELS:
            fine = _pixel_rays(intrinsics_px, world_from_cam, image_height, image_width, offset).taken(edge)
            total += caster.colour(fine, caster.first_hit(fine))
        rgb[:, edge] = total / len(SUBPIXELS)
    moving = torch.tensor([False] * FIRST_THING + [thing.moves for thing in scene.things], device=rgb.device)
    return Rendered(
        rgb=rgb.clamp(0, 1).T.reshape(*size, 3),
        z_depth=hit.depth.reshape(size),
        object_ids=hit.object_id.reshape(size),
        dynamic=moving[hit.object_id.long()].reshape(size),
    )


def _pixel_rays(
    intrinsics_px: Tensor,  # (T, 3, 3)
    world_from_cam: Tensor,  # (T, 4, 4)
    height: int,
    width: int,
    offset: tuple[float, float],
) -> _Rays:
    device, frames = intrinsics_px.device, len(intrinsics_px)
    v, u = torch.meshgrid(
        torch.arange(height, device=device) + 0.5 + offset[1],
        torch.arange(width, device=device) + 0.5 + offset[0],
        indexing="ij",
    )  # (H, W)
    pixels = torch.stack([u, v, torch.ones_like(u)]).reshape(3, -1)
    direction = world_from_cam[:, :3, :3] @ torch.linalg.inv(intrinsics_px) @ pixels  # (T, 3, H W)
    count = height * width
    return _Rays(
        origin=world_from_cam[:, :3, 3].T.repeat_interleave(count, dim=1),
        direction=direction.transpose(0, 1).reshape(3, -1),
        frame=torch.arange(frames, device=device).repeat_interleave(count),
        width=(1 / intrinsics_px[:, 0, 0]).repeat_interleave(count),
    )


def _outlines(hit: _Hit, size: tuple[int, int, int]) -> Tensor:  # (n,) flat
    """Pixels beside one that shows something else, or the same thing at a very different depth."""
    ids, depth = hit.object_id.reshape(size), hit.depth.reshape(size)
    edge = torch.zeros(size, dtype=torch.bool, device=ids.device)
    for axis in (1, 2):
        first, second = (a.narrow(axis, 0, a.shape[axis] - 1) for a in (ids, depth))
        third, fourth = (a.narrow(axis, 1, a.shape[axis] - 1) for a in (ids, depth))
        differs = (first != third) | ((second - fourth).abs() > 0.08 * torch.minimum(second, fourth))
        edge.narrow(axis, 0, size[axis] - 1).logical_or_(differs)
        edge.narrow(axis, 1, size[axis] - 1).logical_or_(differs)
    return edge.reshape(-1).nonzero()[:, 0]


class _Caster:
    """A scene at T moments."""

    def __init__(self, scene: Scene, times_s: Tensor) -> None:
        self.scene, self._times = scene, times_s
        self._device = times_s.device
        self._lights = [_light_at(scene, float(t)) for t in times_s]
        moments = [float(t) for t in times_s]
        self._centres = [
            torch.tensor([t.centre_at(m) for m in moments] if t.moves else [t.centre], device=self._device).T
            for t in scene.things
        ]  # (3, T or 1) each

    def first_hit(self, rays: _Rays) -> _Hit:
        """The nearest surface along each ray."""
        depth = _plane_depth(rays)
        ids = torch.isfinite(depth).int() * GROUND
        if self.scene.room_half_m:
            wall = _room_depth(rays, self.scene.room_half_m)
            ids[wall < depth] = WALLS
            depth = torch.minimum(depth, wall)
        squared = (rays.direction * rays.direction).sum(0)
        for index in range(len(self.scene.things)):
            near = self._may_hit(index, rays, squared)
            mine = self._depth_of(index, rays.taken(near))
            nearer = mine < depth[near]
            depth[near[nearer]] = mine[nearer]
            ids[near[nearer]] = FIRST_THING + index
        return _Hit(depth, ids)

    def _may_hit(self, index: int, rays: _Rays, squared: Tensor) -> Tensor:  # (n,) rays that meet the ball around it
        thing, centres = self.scene.things[index], self._centres[index]
        x, y, z = thing.half_size
        reach = {"box": math.hypot(x, y, z), "ball": x, "cylinder": math.hypot(x, z)}[thing.kind]
        offset = rays.origin - (centres[:, rays.frame] if thing.moves else centres)
        along = (offset * rays.direction).sum(0)
        outside = (offset * offset).sum(0) - reach**2
        return ((along * along >= squared * outside) & ((along < 0) | (outside < 0)) & (x > 0)).nonzero()[:, 0]

    def _depth_of(self, index: int, rays: _Rays) -> Tensor:  # (n,) inf = missed
        return _thing_depth(self.scene.things[index], *self._local(index, rays))

    def _local(self, index: int, rays: _Rays) -> tuple[Tensor, Tensor]:
        """Rays in a thing's own axes."""
        thing, centres = self.scene.things[index], self._centres[index]
        origin = rays.origin - (centres[:, rays.frame] if thing.moves else centres)
        if thing.yaw == 0:
            return origin, rays.direction
        turn = _turn(thing.yaw, self._device)
        return turn.T @ origin, turn.T @ rays.direction

    def colour(self, rays: _Rays, hit: _Hit) -> Tensor:  # (3, N)
        """What is seen along each ray, display-referred."""
        rgb = self._sky(rays)
        solid = (hit.object_id != SKY).nonzero()[:, 0]
        if len(solid) == 0:
            return rgb
        rays, depth, ids = rays.taken(solid), hit.depth[solid], hit.object_id[solid]
        point = rays.origin + rays.direction * depth
        albedo, normal = self._surface(rays, point, depth, ids)
        light = self._per_ray(rays, lambda light: light.direction)
        cosine = (normal * light).sum(0).clamp(min=0)
        lit = cosine * self._reaches_light(rays, point, normal, depth, light, cosine)
        # Half the ambient light comes from above: it tells a floor from a wall in the shade.
        sky_share = 0.75 + 0.25 * normal[2]
        shade = self._per_ray(rays, lambda light: light.ambient_rgb) * sky_share
        shade = shade + self._per_ray(rays, lambda light: light.sun_rgb) * lit
        seen = albedo * shade
        fog = self._per_ray(rays, lambda light: (light.fog_per_m,))
        distance = depth * rays.direction.norm(dim=0)
        kept = torch.exp(-fog * distance)
        rgb[:, solid] = kept * seen + (1 - kept) * self._per_ray(rays, lambda light: light.horizon_rgb)
        return rgb

    def _sky(self, rays: _Rays) -> Tensor:
        up = rays.direction[2] / rays.direction.norm(dim=0)
        share = up.clamp(0, 1).sqrt()
        horizon, zenith = (
            self._per_ray(rays, lambda light, n=n: getattr(light, n)) for n in ("horizon_rgb", "zenith_rgb")
        )
        clear = horizon + (zenith - horizon) * share
        foggy = self._per_ray(rays, lambda light: (light.fog_per_m,)) > 0.02
        return torch.where(foggy, horizon.expand_as(clear), clear).clone()

    def _per_ray(self, rays: _Rays, of) -> Tensor:  # (k, N or 1)
        columns = torch.tensor([of(light) for light in self._lights], device=self._device).T
        return columns[:, :1] if (columns == columns[:, :1]).all() else columns[:, rays.frame]

    def _surface(self, rays: _Rays, point: Tensor, depth: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Own colour and outward normal of each point."""
        albedo, normal = torch.zeros_like(point), torch.zeros_like(point)
        pixel_m = depth * rays.width
        surfaces = [(GROUND, self.scene.ground), (WALLS, self.scene.walls)]
        surfaces += [(FIRST_THING + i, thing.texture) for i, thing in enumerate(self.scene.things)]
        for object_id, texture in surfaces:
            mine = (ids == object_id).nonzero()[:, 0]
            if len(mine) == 0:
                continue
            local, normal[:, mine] = self._local_point(object_id, rays.taken(mine), point[:, mine])
            albedo[:, mine] = _texture_rgb(texture, local, pixel_m[mine])
        return albedo, normal

    def _local_point(self, object_id: int, rays: _Rays, point: Tensor) -> tuple[Tensor, Tensor]:
        if object_id == GROUND:
            return point, point.new_tensor([[0.0], [0.0], [1.0]]).expand_as(point)
        if object_id == WALLS:
            return point, _room_normal(point, self.scene.room_half_m or (1, 1, 1))
        index = object_id - FIRST_THING
        thing = self.scene.things[index]
        at_point = replace(rays, origin=point)
        local, _ = self._local(index, at_point)
        normal = _thing_normal(thing, local)
        return local, _turn(thing.yaw, self._device) @ normal if thing.yaw else normal

    def _reaches_light(
        self, rays: _Rays, point: Tensor, normal: Tensor, depth: Tensor, light: Tensor, cosine: Tensor
    ) -> Tensor:  # (N,) 0 or 1
        free = (cosine > 0).float()
        asking = free.nonzero()[:, 0]
        if len(asking) == 0:
            return free
        lift = (LIFT_M + LIFT * depth[asking]) * normal[:, asking]
        towards = light[:, asking] if light.shape[1] > 1 else light.expand(3, len(asking))
        shadow = _Rays(point[:, asking] + lift, towards, rays.frame[asking], rays.width[asking])
        blocked = torch.zeros(len(asking), dtype=torch.bool, device=free.device)
        squared = (shadow.direction * shadow.direction).sum(0)
        for index in range(len(self.scene.things)):
            near = self._may_hit(index, shadow, squared)
            blocked[near] |= torch.isfinite(self._depth_of(index, shadow.taken(near)))
        free[asking[blocked]] = 0
        return free


def _light_at(scene: Scene, time_s: float) -> Light:
    """The scene's light at a moment."""
    change = scene.light_change
    if change is None or time_s <= change.from_s:
        return scene.light
    share = min((time_s - change.from_s) / max(change.until_s - change.from_s, 1e-6), 1.0)

    def mixed(a: Any, b: Any) -> Any:
        if isinstance(a, tuple):
            return tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))
        return a + (b - a) * share

    columns: dict[str, Any] = {n: mixed(getattr(scene.light, n), getattr(change.light, n)) for n in vars(scene.light)}
    light = Light(**columns)
    length = sum(x * x for x in light.direction) ** 0.5
    x, y, z = (c / length for c in light.direction)
    return replace(light, direction=(x, y, z))


def _turn(yaw: float, device: torch.device) -> Tensor:  # (3, 3) world_from_local
    cosine, sine = torch.tensor(yaw).cos().item(), torch.tensor(yaw).sin().item()
    return torch.tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]], device=device)


def _positive(depth: Tensor) -> Tensor:
    """inf for what lies behind, or beyond the end of the world."""
    return torch.where((depth > 1e-4) & (depth < FAR_M), depth, torch.inf)


def _plane_depth(rays: _Rays) -> Tensor:
    down = rays.direction[2]
    return _positive(-rays.origin[2] / torch.where(down.abs() < 1e-9, torch.full_like(down, 1e-9), down))


def _room_depth(rays: _Rays, half_m: tuple[float, float, float]) -> Tensor:
    """Where rays from inside leave the room, through a wall or the ceiling."""
    best = torch.full_like(rays.width, torch.inf)
    for axis, limit in ((0, half_m[0]), (1, half_m[1]), (2, half_m[2])):
        d = rays.direction[axis]
        d = torch.where(d.abs() < 1e-9, torch.full_like(d, 1e-9), d)
        wall = torch.where(d > 0, limit, -limit if axis < 2 else -FAR_M)
        best = torch.minimum(best, _positive((wall - rays.origin[axis]) / d))
    return best


def _room_normal(point: Tensor, half_m: tuple[float, float, float]) -> Tensor:
    gap = torch.stack([(point[axis].abs() - half_m[axis]).abs() for axis in range(3)])
    axis = gap.argmin(0, keepdim=True)
    return torch.zeros_like(point).scatter(0, axis, -point.gather(0, axis).sign())


def _thing_depth(thing: Thing, origin: Tensor, direction: Tensor) -> Tensor:  # (N,) inf = missed
    if thing.kind == "box":
        return _box_depth(origin, direction, thing.half_size)
    if thing.kind == "ball":
        return _quadric_depth(origin, direction, thing.half_size[0])
    side = _quadric_depth(origin[:2], direction[:2], thing.half_size[0])
    height = origin[2] + side * direction[2]
    side = torch.where(height.abs() <= thing.half_size[2], side, torch.inf)
    down = direction[2]
    top = _positive((thing.half_size[2] - origin[2]) / torch.where(down < 0, down, torch.inf))
    radius = (origin[:2] + top.nan_to_num(posinf=0) * direction[:2]).norm(dim=0)
    return torch.minimum(side, torch.where(radius <= thing.half_size[0], top, torch.inf))


def _box_depth(origin: Tensor, direction: Tensor, half: tuple[float, float, float]) -> Tensor:
    enter = torch.full_like(origin[0], -torch.inf)
    leave = torch.full_like(enter, torch.inf)
    for axis in range(3):
        d = direction[axis]
        inverse = 1 / torch.where(d.abs() < 1e-9, torch.full_like(d, 1e-9), d)
        middle, reach = -origin[axis] * inverse, half[axis] * inverse.abs()
        enter, leave = torch.maximum(enter, middle - reach), torch.minimum(leave, middle + reach)
    return torch.where(enter < leave, _positive(enter), torch.inf)


def _quadric_depth(origin: Tensor, direction: Tensor, radius: float) -> Tensor:
    """Where rays enter a ball (three coordinates) or an endless upright cylinder (two)."""
    a = (direction * direction).sum(0).clamp(min=1e-12)
    b = (origin * direction).sum(0)
    c = (origin * origin).sum(0) - radius**2
    inside = b * b - a * c
    return torch.where(inside > 0, _positive((-b - inside.clamp(min=0).sqrt()) / a), torch.inf)


def _thing_normal(thing: Thing, local: Tensor) -> Tensor:  # (3, n) outward, in the thing's own axes
    if thing.kind == "ball":
        return local / local.norm(dim=0).clamp(min=1e-9)
    if thing.kind == "cylinder":
        round_ = torch.cat([local[:2], torch.zeros_like(local[:1])])
        round_ = round_ / round_.norm(dim=0).clamp(min=1e-9)
        return torch.where(local[2] > thing.half_size[2] - 1e-3, local.new_tensor([[0.0], [0.0], [1.0]]), round_)
    axis = (local / local.new_tensor(thing.half_size).clamp(min=1e-9)[:, None]).abs().argmax(0, keepdim=True)
    return torch.zeros_like(local).scatter(0, axis, local.gather(0, axis).sign())


def _texture_rgb(texture: Texture, local: Tensor, pixel_m: Tensor) -> Tensor:  # (3, n)
    rgb = local.new_tensor(texture.rgb)[:, None]
    if not texture.wave_vectors:
        return rgb.expand_as(local)
    waves = torch.zeros_like(pixel_m)
    for wave_vector, phase in zip(texture.wave_vectors, texture.phases, strict=True):
        x, y, z = wave_vector
        # A wave that a pixel spans averages out: the factor is that of a Gaussian pixel.
        faded = torch.exp(-0.5 * (math.hypot(x, y, z) * 0.6 * pixel_m) ** 2)
        waves = waves + faded * torch.sin(x * local[0] + y * local[1] + z * local[2] + phase)
    share = 0.5 + 0.5 * torch.tanh(texture.sharpness * waves)
    return rgb + (local.new_tensor(texture.other_rgb)[:, None] - rgb) * share
