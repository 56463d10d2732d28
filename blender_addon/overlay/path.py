"""The camera's path as lines: a ribbon coloured by speed, and a tick every few frames, so that they stand close
together where the camera is slow. Arrays in, arrays out, NumPy alone.

What is too fast is a property of the models: one latent holds four frames, and what leaves the image within them is
lost (`mosaic_core.cameras.plausibility`).
"""

from __future__ import annotations

import numpy as np

from mosaic_core.cameras import CameraPath
from mosaic_core.cameras.plausibility import speed_shares
from mosaic_core.wording import phrase

from .lines import Lines
from .ramps import RGBA, speed

# At most so many ticks: every frame of a short path, every tenth of a long one.
_MOST_TICKS = 60
_STEPS = (1, 2, 4, 5, 8, 10, 20, 24, 25, 50, 100)
_LONG, _SHORT = 1.0, 0.5  # every fifth tick is long


def path_lines(
    path: CameraPath,
    *,
    tick_m: float,  # length of a long tick
    bounds: np.ndarray | None = None,  # (2, 3) of the scene, metres
) -> tuple[Lines, int]:
    """The path, and how many frames lie between two ticks. Cuts, where the camera jumps, are not joined by a line."""
    shares = speed_shares(path, bounds)
    colours = speed(shares)
    eyes = np.stack([camera.position_world for camera in path]).astype(np.float32)
    joined = ~_cuts(eyes)
    ends = np.stack([eyes[:-1][joined], eyes[1:][joined]], axis=1)
    rgba = np.stack([colours[:-1][joined], colours[1:][joined]], axis=1)
    step = tick_step(len(path))
    at = np.arange(0, len(path), step)
    travel = np.gradient(eyes, axis=0) if len(path) > 1 else np.zeros_like(eyes)
    lengths_m = np.where(np.arange(len(at)) % 5 == 0, _LONG, _SHORT) * tick_m
    ticks = np.stack([_tick(path, i, travel[i], length_m) for i, length_m in zip(at, lengths_m, strict=True)])
    lines = Lines(ends.reshape(-1, 3), rgba.reshape(-1, 4))
    return lines + Lines(ticks.reshape(-1, 3), np.repeat(colours[at], 2, axis=0)), step


def tick_step(frame_count: int) -> int:
    """Frames between two ticks."""
    return next((step for step in _STEPS if frame_count <= step * _MOST_TICKS), _STEPS[-1])


def speed_entries(path: CameraPath, bounds: np.ndarray | None, step: int) -> tuple[tuple[RGBA, str], ...]:
    """Lines of the legend."""
    shares = speed_shares(path, bounds)
    frames = phrase("every frame") if step == 1 else phrase("every {step} frames", step=step)
    entries = [
        ((*_rgb(0.1), 1.0), phrase("slow; a tick {frames}", frames=frames)),
        ((*_rgb(1.0), 1.0), phrase("as fast as the model can follow")),
    ]
    fast = np.flatnonzero(shares > 1)
    if len(fast):
        first, last = path.frame_numbers[int(fast[0])], path.frame_numbers[int(fast[-1])]
        words = phrase("too fast: {count} frames between {first} and {last}", count=len(fast), first=first, last=last)
        entries.append(((*_rgb(2.0), 1.0), words))
    return tuple(entries)


def _rgb(share: float) -> tuple[float, float, float]:
    r, g, b, _ = (float(value) for value in speed(np.array([share]))[0])
    return r, g, b


def _tick(path: CameraPath, index: int, travel: np.ndarray, length_m: float) -> np.ndarray:  # (2, 3)
    """Across the way: along the image's height, or along its width where the camera rises or falls."""
    camera = path[index]
    right, down = camera.world_from_cam[:3, 0], camera.world_from_cam[:3, 1]
    across = right if abs(down @ travel) > abs(right @ travel) else down
    return np.stack([camera.position_world + end * across * length_m / 2 for end in (-1, 1)]).astype(np.float32)


def _cuts(eyes: np.ndarray) -> np.ndarray:  # (T, 3) -> (T - 1,) bool
    """Steps far beyond the usual ones: another camera goes on there."""
    steps = np.linalg.norm(np.diff(eyes, axis=0), axis=1)
    usual = float(np.median(steps)) if len(steps) else 0.0
    return (steps > 20 * max(usual, 1e-6)) & (steps > 0.2 * max(float(steps.sum()), 1e-6))
