"""Camera moves for training: smooth, through free space, and nearly all of them come back to what they have seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..cameras.camera import look_at
from .compose import free_half_m
from .scenes import Scene

MOVES = ("out and back", "orbit", "look away and return", "wander")
# A camera keeps this far from things, metres.
CLEARANCE_M = 0.7


@dataclass(frozen=True, eq=False)
class Cameras:
    """T cameras of one clip."""

    intrinsics_px: np.ndarray  # (T, 3, 3)
    world_from_cam: np.ndarray  # (T, 4, 4)
    times_s: np.ndarray  # (T,)
    move: str  # one of MOVES


def random_cameras(
    scene: Scene,
    seed: int,
    *,
    frames: int,
    fps: float,
    image_height: int,
    image_width: int,
) -> Cameras:
    """A move through a scene that keeps clear of its things, as far as a few dozen tries find one."""
    rng = np.random.default_rng((seed, 1))
    move = MOVES[int(rng.integers(len(MOVES)))]
    best, best_gap = None, -np.inf
    for _ in range(24):
        positions, targets = _MAKERS[move](rng, scene, np.linspace(0, 1, frames))
        gap = min(gap_m(scene, positions), 3 * CLEARANCE_M)
        if gap > best_gap:
            best, best_gap = (positions, targets), gap
        if gap >= CLEARANCE_M:
            break
    assert best is not None
    world_from_cam = np.stack([look_at(p, t) for p, t in zip(*best, strict=True)])
    fov_deg = float(rng.uniform(45, 75))
    zoom = float(rng.uniform(0.75, 1.3)) if rng.random() < 0.2 else 1.0
    focal_px = image_width / 2 / math.tan(math.radians(fov_deg) / 2) * np.linspace(1, zoom, frames)
    intrinsics = np.zeros((frames, 3, 3))
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal_px
    intrinsics[:, 0, 2], intrinsics[:, 1, 2], intrinsics[:, 2, 2] = image_width / 2, image_height / 2, 1
    return Cameras(intrinsics, world_from_cam, np.arange(frames) / fps, move)


def gap_m(scene: Scene, positions: np.ndarray) -> float:
    """The smallest distance on the ground between the camera and what is as high as it."""
    gap = np.inf
    for thing in scene.things:
        if thing.centre[2] + thing.half_size[2] < positions[:, 2].min() - 0.1 or thing.half_size[0] <= 0:
            continue
        centres = (
            np.array([thing.centre_at(t) for t in (0.0, 1.0, 2.0, 4.0)]) if thing.moves else np.array([thing.centre])
        )
        offset = positions[:, None, :2] - centres[None, :, :2]
        gap = min(gap, float(np.linalg.norm(offset, axis=-1).min()) - thing.radius_m)
    return gap


def _start(rng: np.random.Generator, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """A place to stand and a place to look at."""
    half = np.array(free_half_m(scene))
    position = np.append(rng.uniform(-0.9, 0.9, 2) * half, rng.uniform(0.8, 2.0))
    target = np.append(rng.uniform(-0.5, 0.5, 2) * half, rng.uniform(0.3, 1.3))
    named = [thing for thing in scene.things if thing.name]
    if named and rng.random() < 0.75:
        # Towards something, a little beside it, and near enough to see what it is.
        target = np.array(named[int(rng.integers(len(named)))].centre) + rng.normal(size=3) * (0.4, 0.4, 0.1)
        target[2] = min(target[2], 1.5)
        position[:2] = target[:2] + _heading(rng) * rng.uniform(2.0, 5.5)
    if np.linalg.norm(target[:2] - position[:2]) < 1.5:
        target[:2] = position[:2] + 2.5 * _heading(rng)
    return position, target


def _out_and_back(rng: np.random.Generator, scene: Scene, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    position, target = _start(rng, scene)
    step = np.append(_heading(rng) * rng.uniform(0.8, 2.5), rng.uniform(-0.2, 0.3))
    there = (0.5 - 0.5 * np.cos(2 * np.pi * share))[:, None]
    turn = np.append(_heading(rng) * rng.uniform(0, 1.2), 0)
    return _inside(scene, position + there * step), target + there * turn


def _orbit(rng: np.random.Generator, scene: Scene, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, target = _start(rng, scene)
    radius, begin = rng.uniform(2.0, 4.0), rng.uniform(0, 2 * np.pi)
    sweep = rng.uniform(0.6, 2.0) * rng.choice([-1, 1])
    # There and half-way back: the second half revisits.
    angle = begin + sweep * np.interp(share, [0, 0.6, 1], [0, 1, 0.2])
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], -1) * radius
    position = target + ring
    position[:, 2] = rng.uniform(0.9, 2.2)
    return _inside(scene, position), np.repeat(target[None], len(share), 0)


def _look_away(rng: np.random.Generator, scene: Scene, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    position, target = _start(rng, scene)
    swing = rng.uniform(0.6, 1.4) * rng.choice([-1, 1]) * np.sin(np.pi * share) ** 2
    offset = target - position
    cosine, sine = np.cos(swing), np.sin(swing)
    turned = np.stack([cosine * offset[0] - sine * offset[1], sine * offset[0] + cosine * offset[1]], -1)
    targets = np.concatenate([position[:2] + turned, np.full((len(share), 1), target[2])], -1)
    drift = np.append(_heading(rng) * rng.uniform(0, 0.5), 0)
    return _inside(scene, position + share[:, None] * drift), targets


def _wander(rng: np.random.Generator, scene: Scene, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    position, target = _start(rng, scene)
    path, gaze = np.repeat(position[None], len(share), 0), np.repeat(target[None], len(share), 0)
    for rate in (0.5, 1.0):
        phase = rng.uniform(0, 2 * np.pi, 2)
        amount = np.array([rng.uniform(0.3, 1.0), rng.uniform(0.3, 1.2)]) / (2 * rate)
        sway = np.sin(2 * np.pi * rate * share[:, None] + phase) - np.sin(phase)
        path = path + amount[0] * sway[:, :1] * np.append(_heading(rng), 0.15 * rng.normal())
        gaze = gaze + amount[1] * sway[:, 1:] * np.append(_heading(rng), 0.1 * rng.normal())
    return _inside(scene, path), gaze


_MAKERS = dict(zip(MOVES, (_out_and_back, _orbit, _look_away, _wander), strict=True))


def _inside(scene: Scene, positions: np.ndarray) -> np.ndarray:
    """Kept within the free space, softly at its border, and above the ground."""
    half = np.array(free_half_m(scene))
    positions = positions.copy()
    positions[:, :2] = half * np.tanh(positions[:, :2] / half)
    ceiling = scene.room_half_m[2] - 0.3 if scene.room_half_m else 6.0
    positions[:, 2] = positions[:, 2].clip(0.4, ceiling)
    return positions


def _heading(rng: np.random.Generator) -> np.ndarray:  # (2,) unit
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([math.cos(angle), math.sin(angle)])
