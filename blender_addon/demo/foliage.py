"""Plants: a dense dark body with leaves lying on it.

Leaves are real geometry, not pictures with transparency: Workbench, object ids and depth all see the same outline.
The body below them keeps the plant opaque, so that from any side a pixel shows the plant and not a speck of what
is behind it; loose leaves in the air would be noise to an image-based memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .surfaces import Surface, grid, joined, lathe


def leaves(
    points: np.ndarray,  # (N, 3) where each leaf is attached
    normals: np.ndarray,  # (N, 3) away from the plant
    rng: np.random.Generator,
    *,
    length_m: float,
    spread: float = 0.55,
) -> Surface:
    """One folded leaf a point, leaning off the normal by about `spread` (0 = flat on the surface)."""
    count = len(points)
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    along = np.cross(normals, rng.standard_normal((count, 3)))
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    # Leaves hang a little, and lift off the body towards the tip.
    along = along + normals * spread * rng.uniform(0.3, 1.2, (count, 1)) - [0, 0, 0.25]
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, normals)
    side = side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-6)
    up = np.cross(side, along)
    length = length_m * rng.uniform(0.7, 1.25, (count, 1))
    width = length * 0.32
    middle = points + along * length * 0.45
    outline = [
        points,
        middle + side * width + up * width * 0.35,
        points + along * length,
        middle - side * width + up * width * 0.35,
    ]
    vertices = np.stack(outline, axis=1).reshape(-1, 3)
    at = np.arange(count)[:, None] * 4
    corners = (at + np.array([0, 1, 2, 0, 2, 3])).ravel()
    local = np.array([[0.5, 0], [0.65, 0.5], [0.5, 1], [0.5, 0], [0.5, 1], [0.35, 0.5]])
    spot = rng.uniform(0, 1, (count, 1, 2))
    uv = spot + local[None] * 0.06
    faces = count * 2
    return Surface(vertices, corners, np.full(faces, 3), uv.reshape(-1, 2), np.zeros(faces, bool), np.zeros(faces, int))


def on_ellipsoids(
    blobs: Sequence[tuple[Sequence[float], Sequence[float]]],  # (centre, radii) each
    count: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # (N, 3), (N, 3)
    """Points and normals on the outside of a union of ellipsoids, evenly by area; N is at most `count`."""
    areas = np.array([np.prod(radii) ** (2 / 3) for _, radii in blobs])
    points, normals = [], []
    for (centre, radii), share in zip(blobs, areas / areas.sum(), strict=True):
        radii = np.asarray(radii, float)
        direction = rng.standard_normal((max(1, round(count * share)), 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        points.append(np.asarray(centre, float) + direction * radii)
        normals.append(direction / radii)
    at, out = np.concatenate(points), np.concatenate(normals)
    inside = np.zeros(len(at), bool)
    for centre, radii in blobs:
        inside |= (((at - centre) / np.asarray(radii, float)) ** 2).sum(axis=1) < 0.9
    return at[~inside], out[~inside]


def body(
    centre: Sequence[float],
    radii: Sequence[float],
    rng: np.random.Generator,
    *,
    bumps: float = 0.12,
) -> Surface:
    """A lumpy ellipsoid, the plant's dark inside."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, 9)[:, None]
    longitude = np.linspace(0, 2 * np.pi, 15)[None]
    direction = np.stack(
        np.broadcast_arrays(
            np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)
        ),
        axis=-1,
    )
    waves = rng.uniform(2, 5, (4, 3)), rng.uniform(0, 6.3, 4)
    lumps = sum(np.sin(direction @ wave + phase) for wave, phase in zip(*waves, strict=True)) / 4
    points = np.asarray(centre) + direction * np.asarray(radii) * (0.93 + bumps * lumps[..., None])
    uv = np.stack(np.broadcast_arrays(longitude * np.max(radii), latitude * np.max(radii)), axis=-1)
    return grid(points, uv)


def bush(
    blobs: Sequence[tuple[Sequence[float], Sequence[float]]],
    rng: np.random.Generator,
    *,
    count: int,
    length_m: float,
    spread: float = 0.55,
) -> Surface:
    """Bodies covered with leaves."""
    bodies = [body(centre, np.asarray(radii) * 0.96, rng) for centre, radii in blobs]
    points, normals = on_ellipsoids(blobs, count, rng)
    return joined([*bodies, leaves(points, normals, rng, length_m=length_m, spread=spread)])


def cypress(rng: np.random.Generator, *, height_m: float, radius_m: float) -> Surface:
    """A slender cone of foliage, standing on z = 0."""
    share = np.linspace(0, 1, 9)
    radius = radius_m * np.sin(np.pi * np.clip(share * 0.93 + 0.07, 0, 1)) ** 0.6 * (1.05 - 0.75 * share)
    cone = lathe(list(zip(radius * 0.93, share * height_m, strict=True)), sides=12, tile_m=1.0)
    count = int(260 * height_m * radius_m / 1.5)
    at = rng.uniform(0.0, 1.0, count) ** 1.25
    turn = rng.uniform(0, 2 * np.pi, count)
    around = np.stack([np.cos(turn), np.sin(turn), np.full(count, 0.5)], axis=-1)
    reach = np.interp(at, share, radius)
    points = np.stack([reach * np.cos(turn), reach * np.sin(turn), at * height_m], axis=-1)
    return joined([cone, _upright(points, around, rng)])


def _upright(points: np.ndarray, normals: np.ndarray, rng: np.random.Generator) -> Surface:
    # Cypress sprays point up: lay leaves on the mirrored plant, where they hang, and mirror the result back.
    flip = np.diag([1.0, -1.0, -1.0])
    sprays = leaves(points @ flip, normals @ flip, rng, length_m=0.34, spread=0.3)
    return sprays.transformed(flip)


def trunk(points: Sequence[Sequence[float]], radii: Sequence[float], *, tile_m: float) -> Surface:
    """A bent tube through points, eight-sided."""
    spine = np.asarray(points, float)
    angle = np.linspace(0, 2 * np.pi, 9)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(9)], axis=-1)
    tube = spine[:, None] + ring[None] * np.asarray(radii)[:, None, None]
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(spine, axis=0), axis=1))])
    uv = np.stack(np.broadcast_arrays(angle[None] / (2 * np.pi), lengths[:, None] / tile_m), axis=-1)
    return grid(tube, uv)
