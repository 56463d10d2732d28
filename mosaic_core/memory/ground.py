"""Which way is up in a memory, and where its ground is: found in its own surfaces.

A memory from photographs stands in its world as it likes. Its cameras know roughly which way is up, since people hold
them upright; its surfaces know it well, since much of what is seen from above is level. The ground is the lowest level
surface that is large, below the cameras. Everything is weighted by area and fitted to what agrees, so that tables,
furniture and noise do not tilt it; nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import EditError
from .memory import Memory

_FROM_CAMERAS_DEG = 40.0  # cameras look up and down; further off they were not held upright
_NARROWING_DEG = (12.0, 6.0, 3.0)
_STARTS = 48
_LEVEL_DEG = 12.0
_LAYERS = 200  # heights are told apart in that many steps over the scene
_LARGE = 0.25  # of the largest level surface: a smaller one is a doormat or noise below the floor


@dataclass(frozen=True, eq=False)
class Ground:
    """The ground plane: `up_world @ point == height_m` for its points."""

    up_world: np.ndarray  # (3,) unit
    height_m: float
    area_m2: float
    eye_height_m: float  # of the views' cameras over the ground, their median


@dataclass(frozen=True, eq=False)
class Surfaces:
    """What a memory shows, a patch a row, where edits have put it."""

    centres: np.ndarray  # (n, 3) float64 world
    normals: np.ndarray  # (n, 3) unit, towards the camera it was seen from
    areas_m2: np.ndarray  # (n,)
    positions: np.ndarray  # (n,) in the placement table


def surfaces_of(memory: Memory) -> Surfaces:
    """The visible patches that have a place and rest."""
    placements, patches = memory.placements, memory.patches
    rows = placements.rows - 1
    at = np.flatnonzero(placements.visible & ~patches.sky[rows] & ~patches.dynamic[rows])
    matrices = placements.edited_from_captured(at)
    scale = np.cbrt(np.abs(np.linalg.det(matrices[:, :3, :3])))
    rows = rows[at]
    centres = np.einsum("nij,nj->ni", matrices[:, :3, :3], patches.centre_world[rows].astype(np.float64))
    centres += matrices[:, :3, 3]
    normals = np.einsum("nij,nj->ni", matrices[:, :3, :3], patches.normal_world[rows].astype(np.float64))
    normals /= scale[:, None]
    areas = (patches.size_m[rows].astype(np.float64) * scale) ** 2
    usable = np.isfinite(centres).all(1) & np.isfinite(normals).all(1) & (areas > 0)
    return Surfaces(centres[usable], normals[usable], areas[usable], at[usable])


def find_ground(
    memory: Memory,
    *,
    up_world: np.ndarray | None = None,  # (3,) where it is known
) -> Ground:
    """The ground of a memory. Raises `EditError` where nothing level is seen from above, or `up_world` is nothing."""
    surfaces = surfaces_of(memory)
    weights = (
        np.minimum(surfaces.areas_m2, np.quantile(surfaces.areas_m2, 0.95)) if len(surfaces.areas_m2) else np.zeros(0)
    )
    if up_world is None:
        if not memory.views:
            raise EditError("a memory without views has no up: give it")
        up = _up_of_surfaces(surfaces.normals, weights, _up_of_cameras(memory))
    else:
        up = np.asarray(up_world, dtype=np.float64)
        if up.shape != (3,) or not np.isfinite(up).all() or np.linalg.norm(up) < 1e-9:
            raise EditError(f"up is three numbers that are not all zero, got {up.tolist()}")
        up = up / np.linalg.norm(up)
    cameras = np.stack([view.camera.position_world for view in memory.views]) if memory.views else np.zeros((0, 3))
    level = surfaces.normals @ up > np.cos(np.radians(_LEVEL_DEG))
    inside = _ground_layer(surfaces.centres @ up, weights, level, cameras @ up)
    if up_world is None:
        up = _fitted(surfaces.centres[inside], weights[inside], up)
    heights = surfaces.centres[inside] @ up
    height_m = _weighted_median(heights, weights[inside])
    eye_height_m = float(np.median(cameras @ up) - height_m) if len(cameras) else 0.0
    return Ground(up, height_m, float(surfaces.areas_m2[inside].sum()), eye_height_m)


def _up_of_cameras(memory: Memory) -> np.ndarray:
    """The mean direction of the tops of the pictures."""
    up = -np.stack([view.camera.world_from_cam[:3, 1] for view in memory.views]).mean(0)
    length = float(np.linalg.norm(up))
    if length < 0.1:
        raise EditError("the views' cameras do not agree which way is up: give it")
    return up / length


def _up_of_surfaces(normals: np.ndarray, weights: np.ndarray, roughly: np.ndarray) -> np.ndarray:
    """The direction near the cameras' that most area faces: the best of many starts, each narrowed down."""
    near = np.flatnonzero(normals @ roughly > np.cos(np.radians(_FROM_CAMERAS_DEG)))
    if len(near) == 0:
        raise EditError("nothing that is seen from above tells which way is up: give it")
    normals, weights = normals[near], weights[near]
    largest = np.argsort(-weights, kind="stable")
    starts = [roughly, *normals[largest[:: max(1, len(largest) // _STARTS)]]]
    best, best_weight = roughly, -1.0
    for direction in starts:
        weight = 0.0
        for angle_deg in _NARROWING_DEG:
            inside = normals @ direction > np.cos(np.radians(angle_deg))
            weight = float(weights[inside].sum())
            if weight == 0:
                break
            mean = (weights[inside, None] * normals[inside]).sum(0)
            direction = mean / np.linalg.norm(mean)
        if weight > best_weight:
            best, best_weight = direction, weight
    return best


def _ground_layer(
    heights: np.ndarray,  # (n,) along up
    weights: np.ndarray,
    level: np.ndarray,  # (n,) bool, faces up
    camera_heights: np.ndarray,
) -> np.ndarray:  # (n,) bool
    """The patches of the lowest large level surface below the cameras."""
    if len(camera_heights):
        level = level & (heights < np.median(camera_heights))
    if not level.any():
        raise EditError("no level surface below the cameras: there is no ground to align by")
    low, high = np.quantile(heights, [0.0, 1.0])
    step = max((high - low) / _LAYERS, 1e-6)
    layer = np.floor((heights - low) / step).astype(int)
    totals = np.bincount(layer[level], weights=weights[level], minlength=_LAYERS + 2)
    around = totals + np.concatenate([[0], totals[:-1]]) + np.concatenate([totals[1:], [0]])
    # The lowest peak that is large; a peak is no smaller than its neighbours.
    peak = (around >= np.concatenate([[0], around[:-1]])) & (around >= np.concatenate([around[1:], [0]]))
    chosen = int(np.flatnonzero(peak & (around >= _LARGE * around.max()))[0])
    return level & (np.abs(layer - chosen) <= 1)


def _fitted(points: np.ndarray, weights: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The normal of the plane through points, where they spread enough to say one; else the direction as it is."""
    mean = (weights[:, None] * points).sum(0) / weights.sum()
    away = points - mean
    for _ in range(2):
        covariance = (away * weights[:, None]).T @ away / weights.sum()
        values, vectors = np.linalg.eigh(covariance)
        normal = vectors[:, 0] * np.sign(vectors[:, 0] @ up)
        if values[1] < 25 * values[0] or normal @ up < np.cos(np.radians(_LEVEL_DEG)):
            return up
        off = np.abs(away @ normal)
        weights = weights * (off <= max(3 * _weighted_median(off, weights), 1e-9))
        away = away - (weights[:, None] * away).sum(0) / weights.sum()
    return normal


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, total[-1] / 2)]])
