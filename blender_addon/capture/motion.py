"""Where the scene's objects really are at every frame: `Motion`s for the memory, so that one capture shows a whole way.

Objects are evaluated in a scene of their own that holds only them and what they depend on, and is gone afterwards, as
paths are for overlays (`paths.apart`): a heavy scene costs nothing, and the artist's stays as it is. What a simulation
moves does not move there. So a motion counts only where it agrees with what was captured; elsewhere the core reads
the way off the captured moments.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator

import bpy
import numpy as np
from mathutils import Matrix

from mosaic_core.memory.motion import Motion

from ..beside import Progress
from ..paths.apart import empty_scene
from .facts import Surfaces

# Longer ranges are sampled every few frames.
MAX_FRAMES = 1000
# So long a step may hold Blender.
_STEP_S = 0.04
# Less is no motion: a tenth of a millimetre, or as much at a metre's distance.
_STILL = 1e-4
# How far a sample may be from what was captured. Single precision, far from the origin.
_SAME = 1e-3


def motions_of(
    scene: bpy.types.Scene,
    objects: Iterable[bpy.types.Object],
    captured: dict[int, Surfaces],  # by frame, as far as it was read
    progress: Progress = None,  # what each step yields
) -> Generator[Progress, None, dict[str, Motion]]:
    """The motions, by full name, of objects that move in the scene's frame range and carry what is seen of them.

    A generator of short steps, between which the file is as it was; what it returns are the motions.
    """
    movable = [obj for obj in objects if _may_move(obj)]
    step = max(-(-(scene.frame_end - scene.frame_start + 1) // MAX_FRAMES), 1)
    frames = sorted({*range(scene.frame_start, scene.frame_end + 1, step), *captured}) if movable else []
    sampled: dict[str, list[np.ndarray]] = {obj.name_full: [] for obj in movable}
    done = 0
    while done < len(frames):
        until = time.perf_counter() + _STEP_S
        with empty_scene(scene, movable) as apart:
            while done < len(frames) and time.perf_counter() < until:
                apart.frame_set(frames[done])
                depsgraph = apart.view_layers[0].depsgraph
                for obj in movable:
                    sampled[obj.name_full].append(_rigid(obj.evaluated_get(depsgraph).matrix_world))
                done += 1
        yield progress
    return _motions(
        sampled, frames, captured, first=scene.frame_start, frame_s=scene.render.fps_base / scene.render.fps
    )


def _motions(
    sampled: dict[str, list[np.ndarray]],
    frames: list[int],
    captured: dict[int, Surfaces],
    *,
    first: int,
    frame_s: float,
) -> dict[str, Motion]:
    found = {}
    for name, placed in sampled.items():
        world_from_object = np.stack(placed)
        is_still = np.abs(world_from_object - world_from_object[0]).max() <= _STILL
        if not is_still and _carries(name, dict(zip(frames, world_from_object, strict=True)), captured):
            found[name] = Motion((np.array(frames) - first) * frame_s, world_from_object)
    return found


def _may_move(obj: bpy.types.Object) -> bool:
    """Whether it is animated, driven or constrained, or hangs on something that is."""
    return any(other.animation_data is not None or len(other.constraints) for other in _with_parents(obj))


def _with_parents(obj: bpy.types.Object) -> Iterator[bpy.types.Object]:
    while obj is not None:
        yield obj
        obj = obj.parent


def _rigid(matrix: Matrix) -> np.ndarray:  # (4, 4) float64
    """Place and turn alone: what grows while it moves is shown as large as it was captured."""
    place, turn, _scale = matrix.decompose()
    return np.array(Matrix.LocRotScale(place, turn, None), np.float64)


def _carries(name: str, world_from_object_at: dict[int, np.ndarray], captured: dict[int, Surfaces]) -> bool:
    """Whether what was captured of the object, its own surface and what it instances, goes along with these poses."""
    fixed = []
    for frame, surfaces in captured.items():
        if name in surfaces:
            world = np.stack([matrix.reshape(4, 4) for _, matrix, _ in surfaces[name]])
            fixed.append(np.linalg.inv(world_from_object_at[frame]) @ world)
    return all(
        other.shape == fixed[0].shape and np.abs(other - fixed[0]).max() < _SAME * max(1.0, np.abs(fixed[0]).max())
        for other in fixed[1:]
    )
