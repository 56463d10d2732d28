"""Laying a second memory onto the first one's ground: the same up, the same height, the same size.

What surfaces cannot tell stays as it is: which way the second memory faces, and where on the ground it stands. Sizes
are compared by the objects that both memories name; without any, by how high the cameras stand over the ground, and
then only where they differ so much that one memory cannot be in metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..cameras.rotations import rotations_of_vectors
from ..errors import EditError
from .ground import Ground, find_ground, surfaces_of
from .memory import Memory

# People, tripods and dollies: heights of eyes differ by less than this factor between memories in metres.
_EYE_HEIGHTS = 2.0
_LEAST_PATCHES = 8  # of an object, to know its size


@dataclass(frozen=True, eq=False)
class Alignment:
    """What `align` found. `world_from_second` is for `splice` and its kin."""

    world_from_second: np.ndarray  # (4, 4) similarity
    scale: float
    scale_from: str  # "given", "objects", "eye heights" or "same"
    tilt_deg: float  # how far the second memory was tipped over
    first_ground: Ground
    second_ground: Ground


def align(
    first: Memory,
    second: Memory,
    *,
    scale: float | None = None,  # metres of the first a unit of the second; None = found
    first_up: np.ndarray | None = None,  # (3,) None = found
    second_up: np.ndarray | None = None,  # (3,) None = found
) -> Alignment:
    """The similarity that puts the second memory onto the first one's ground; what is given is not estimated.

    The second's ground below its cameras stays where it is along the ground. Raises `EditError` where a memory has no
    ground, or for a scale that is not positive.
    """
    one, other = find_ground(first, up_world=first_up), find_ground(second, up_world=second_up)
    found, scale_from = (scale, "given") if scale is not None else _scale(first, second, one, other)
    if not (math.isfinite(found) and 1e-6 < found < 1e6):
        raise EditError(f"the scale of a splice must be positive, got {found}")
    turn = _turn(other.up_world, one.up_world)
    foot = _foot(second, other)
    matrix = np.eye(4)
    matrix[:3, :3] = found * turn
    # The foot keeps its place along the first one's ground and comes to its height.
    target = foot + one.up_world * (one.height_m - float(foot @ one.up_world))
    matrix[:3, 3] = target - matrix[:3, :3] @ foot
    tilt_deg = math.degrees(math.acos(float(np.clip(one.up_world @ other.up_world, -1, 1))))
    return Alignment(matrix, found, scale_from, tilt_deg, one, other)


def _turn(start: np.ndarray, end: np.ndarray) -> np.ndarray:  # (3, 3)
    """The smallest rotation from one direction to another."""
    axis = np.cross(start, end)
    sine, cosine = float(np.linalg.norm(axis)), float(start @ end)
    if sine < 1e-12:
        if cosine > 0:
            return np.eye(3)
        axis = np.cross(start, np.eye(3)[int(np.argmin(np.abs(start)))])
        return rotations_of_vectors(axis / np.linalg.norm(axis) * math.pi)
    return rotations_of_vectors(axis / sine * math.atan2(sine, cosine))


def _foot(memory: Memory, ground: Ground) -> np.ndarray:  # (3,)
    """The point of the ground below the middle of the cameras."""
    middle = np.mean([view.camera.position_world for view in memory.views], axis=0) if memory.views else np.zeros(3)
    return middle + ground.up_world * (ground.height_m - float(middle @ ground.up_world))


def _scale(first: Memory, second: Memory, one: Ground, other: Ground) -> tuple[float, str]:
    ours, theirs = _object_sizes(first), _object_sizes(second)
    ratios = [ours[name] / theirs[name] for name in sorted(set(ours) & set(theirs))]
    if ratios:
        return float(np.median(ratios)), "objects"
    if one.eye_height_m > 0 and other.eye_height_m > 0:
        ratio = one.eye_height_m / other.eye_height_m
        if not 1 / _EYE_HEIGHTS <= ratio <= _EYE_HEIGHTS:
            return ratio, "eye heights"
    return 1.0, "same"


def _object_sizes(memory: Memory) -> dict[str, float]:
    """By name: the median distance of an object's surface from its middle, weighted by area."""
    surfaces = surfaces_of(memory)
    object_of = memory.patches.object_id[memory.placements.rows[surfaces.positions] - 1]
    sizes = {}
    for object_id, name in memory.object_names.items():
        mine = np.flatnonzero(object_of == object_id)
        if len(mine) >= _LEAST_PATCHES:
            points, areas = surfaces.centres[mine], surfaces.areas_m2[mine]
            middle = (areas[:, None] * points).sum(0) / areas.sum()
            away = np.linalg.norm(points - middle, axis=1)
            order = np.argsort(away, kind="stable")
            total = np.cumsum(areas[order])
            sizes[name] = float(away[order[np.searchsorted(total, total[-1] / 2)]])
    return {name: size for name, size in sizes.items() if size > 1e-9}
