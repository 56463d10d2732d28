"""What does not move: paving, walls, arch, columns, the loggia with its roof, and the land outside."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .surfaces import Surface, beam, box, grid, joined, lathe, polygons


def slab(size: Sequence[float]) -> Surface:
    """The paving: its top at z = 0 shows the texture once, whole."""
    surface = box(size, tile_m=size[0], bevel_m=0.03)
    vertices = surface.vertices - [0, 0, size[2]]
    return Surface(
        vertices=vertices,
        corners=surface.corners,
        sizes=surface.sizes,
        uv=surface.uv + 0.5,
        smooth=surface.smooth,
        material=surface.material,
    )


def arch_wall(
    *,
    width_m: float,
    height_m: float,
    thick_m: float,
    gate_x_m: float,
    gate_width_m: float,
    spring_m: float,
    tile_m: float,
) -> Surface:
    """A wall along x with a round-headed gate, its front at y = 0 and its foot at z = 0."""
    left, right = -width_m / 2, width_m / 2
    half = gate_width_m / 2
    angle = np.linspace(np.pi, 0, 17)
    curve = np.stack([gate_x_m + half * np.cos(angle), spring_m + half * np.sin(angle)], axis=-1)
    top = np.stack([np.linspace(gate_x_m - half, gate_x_m + half, 17), np.full(17, height_m)], axis=-1)
    quads = [
        [(left, 0), (gate_x_m - half, 0), (gate_x_m - half, height_m), (left, height_m)],
        [(gate_x_m + half, 0), (right, 0), (right, height_m), (gate_x_m + half, height_m)],
    ]
    quads += [[curve[i], curve[i + 1], top[i + 1], top[i]] for i in range(16)]
    parts = []
    for quad in quads:
        front = np.array([(x, 0.0, z) for x, z in quad])
        parts.append(polygons(front, [range(4)], tile_m=tile_m))
        parts.append(polygons(front + np.array([0, thick_m, 0]), [[3, 2, 1, 0]], tile_m=tile_m))
    jambs = [(gate_x_m - half, 0.0), *map(tuple, curve), (gate_x_m + half, 0.0)]
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(jambs, axis=0), axis=1))])
    ring = np.array([[(x, y, z) for x, z in jambs] for y in (thick_m, 0.0)])
    uv = np.stack(np.broadcast_arrays(np.array([[thick_m], [0.0]]), lengths[None]), axis=-1) / tile_m
    parts.append(grid(ring, uv, smooth=False))
    outline = [(left, 0), (left, height_m), (right, height_m), (right, 0)]
    for (x0, z0), (x1, z1) in pairwise(outline):
        edge = np.array([(x0, 0, z0), (x1, 0, z1), (x1, thick_m, z1), (x0, thick_m, z0)])
        parts.append(polygons(edge, [range(4)], tile_m=tile_m))
    return joined(parts)


def voussoirs(*, gate_width_m: float, spring_m: float, thick_m: float, rng: np.random.Generator) -> Surface:
    """The dressed stones round a gate: jambs, wedges and a keystone, 4 cm proud of the wall on both sides."""
    half, deep = gate_width_m / 2, 0.30
    front, back = -0.04, thick_m + 0.04
    parts = []
    courses = 5
    for side in (-1, 1):
        for k in range(courses):
            wide = deep if k % 2 else deep + 0.12
            z0, z1 = spring_m * k / courses, spring_m * (k + 1) / courses
            stone = box((wide, back - front, z1 - z0 - 0.012), tile_m=0.9, bevel_m=0.014)
            offset = (side * (half + wide / 2 - 0.03), (front + back) / 2, z0)
            parts.append(stone.shifted_uv(rng.uniform(0, 1, 2)).moved(offset))
    count = 11
    for k in range(count):
        key = k == count // 2
        a0, a1 = np.pi * (k + 0.03) / count, np.pi * (k + 0.97) / count
        inner, outer = half - 0.03, half + deep + (0.12 if key else 0.0)
        proud = 0.03 if key else 0.0
        corners = [(r * np.cos(a), r * np.sin(a)) for a, r in ((a0, inner), (a0, outer), (a1, outer), (a1, inner))]
        low = [(x, front - proud, spring_m + z) for x, z in corners]
        high = [(x, back + proud, spring_m + z) for x, z in corners]
        # Seen from the front (-y), the corners run counter-clockwise.
        faces = [[0, 1, 2, 3], [7, 6, 5, 4], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]]
        wedge = polygons(np.array(low + high), faces, tile_m=0.9)
        parts.append(wedge.shifted_uv(rng.uniform(0, 1, 2)))
    return joined(parts)


def coping(length_m: float, depth_m: float, rng: np.random.Generator, *, height_m: float = 0.12) -> Surface:
    """Cap stones along x, standing on z = 0."""
    count = max(2, round(length_m / 0.72))
    step = length_m / count
    parts = []
    for k in range(count):
        stone = box((step - 0.012, depth_m, height_m + rng.uniform(-0.012, 0.012)), tile_m=0.9, bevel_m=0.018)
        at = (-length_m / 2 + (k + 0.5) * step, rng.uniform(-0.008, 0.008), 0)
        parts.append(stone.shifted_uv(rng.uniform(0, 1, 2)).moved(at))
    return joined(parts)


def column(height_m: float) -> Surface:
    """A fluted column with base and capital."""
    h = height_m
    base = joined(
        [
            box((0.46, 0.46, 0.11), tile_m=0.8, bevel_m=0.012),
            lathe([(0.22, 0.11), (0.235, 0.14), (0.235, 0.18), (0.20, 0.21), (0.19, 0.24)], sides=24, tile_m=0.8),
        ]
    )
    share = np.linspace(0, 1, 7)
    radius = 0.165 - 0.03 * share**1.6
    rise = 0.24 + share * (h - 0.24 - 0.22)
    shaft = lathe(list(zip(radius, rise, strict=True)), sides=32, tile_m=0.8, flutes=0.10, smooth=False)
    capital = joined(
        [
            lathe(
                [(0.135, h - 0.24), (0.16, h - 0.22), (0.145, h - 0.19), (0.21, h - 0.10), (0.22, h - 0.08)],
                sides=24,
                tile_m=0.8,
            ),
            box((0.46, 0.46, 0.08), tile_m=0.8, bevel_m=0.012).moved((0, 0, h - 0.08)),
        ]
    )
    return joined([base, shaft, capital])


def rafters(
    *, wall_x_m: float, wall_z_m: float, eave_x_m: float, eave_z_m: float, ends_y_m: tuple[float, float], count: int
) -> Surface:
    """Timbers from the wall down to the eave, one below each course of tiles."""
    parts = []
    for k, y in enumerate(np.linspace(*ends_y_m, count)):
        timber = beam((wall_x_m, y, wall_z_m), (eave_x_m, y, eave_z_m), width=0.09, height=0.12, tile_m=0.8)
        parts.append(timber.shifted_uv((0.13 * k, 0.29 * k)))
    return joined(parts)


def tiled_roof(length_m: float, run_m: float, *, rows: int, columns: int) -> Surface:
    """Overlapping clay barrel tiles: eave along x at y = 0, rising towards +y; flat, to be tilted by its user."""
    parts = []
    step, width = run_m / rows, length_m / columns
    arc = np.linspace(np.pi, 0, 7)
    for row in range(rows):
        for k in range(columns):
            x = (k + 0.5) * width - length_m / 2
            low, high = 0.58 * width, 0.47 * width
            lower = np.stack([x + low * np.cos(arc), np.full(7, row * step - 0.06), 0.055 + low * np.sin(arc)], axis=-1)
            upper = np.stack([x + high * np.cos(arc), np.full(7, (row + 1) * step + 0.02), high * np.sin(arc)], axis=-1)
            cell = (np.linspace(0.06, 0.94, 7) + k % 8) / 8
            u = np.broadcast_to(cell, (2, 7))
            v = np.broadcast_to((np.array([[0.06], [0.94]]) + (row * 3 + k // 8) % 8) / 8, (2, 7))
            parts.append(grid(np.stack([lower, upper]), np.stack([u, v], axis=-1)))
            lip = np.stack([lower * [1, 1, 1] - [0, 0, 0.03], lower])
            parts.append(grid(lip, np.stack([u, v], axis=-1), smooth=False))
    under = np.array([(-length_m / 2, 0, 0), (length_m / 2, 0, 0), (length_m / 2, run_m, 0), (-length_m / 2, run_m, 0)])
    parts.append(polygons(under, [[3, 2, 1, 0], [0, 1, 2, 3]], tile_m=3.0))
    return joined(parts)


def tower(width_m: float, height_m: float, *, roof_m: float) -> Surface:
    """A square tower with narrow dark windows (material 2) and a tiled pyramid (material 1)."""
    w = width_m / 2
    parts = [box((width_m, width_m, height_m), tile_m=2.4)]
    parts.append(box((width_m + 0.3, width_m + 0.3, 0.22), tile_m=2.4, bevel_m=0.05).moved((0, 0, height_m - 0.3)))
    eave = w + 0.35
    base = [(-eave, -eave), (eave, -eave), (eave, eave), (-eave, eave)]
    for turn in range(4):
        (x0, y0), (x1, y1) = base[turn], base[(turn + 1) % 4]
        points = np.array([[(x0, y0, height_m - 0.1), (x1, y1, height_m - 0.1)], [(0, 0, height_m + roof_m)] * 2])
        uv = np.array([[(0, 0), (1.2, 0)], [(0.6, 1.0), (0.6, 1.0)]])
        parts.append(grid(points, uv, smooth=False).with_material(1))
        window = box((0.42, 0.06, 0.95), tile_m=1.0).moved((0, -w - 0.01, height_m - 1.7), turn_deg=0)
        parts.append(window.moved((0, 0, 0), turn_deg=90 * turn).with_material(2))
    return joined(parts)


def land(radius_m: float) -> Surface:
    """The meadow: flat round the courtyard, rising to hills at the horizon."""
    rings = np.array([0.0, 5, 8, 12, 17, 24, 34, 46, 60, 80, radius_m])
    angle = np.linspace(2 * np.pi, 0, 65)
    x, y = rings[:, None] * np.cos(angle), rings[:, None] * np.sin(angle)
    hills = 3.2 * np.sin(angle * 3 + 1.1) + 2.0 * np.sin(angle * 7 + 0.4) + 1.0 * np.sin(angle * 13) + 5.5
    rise = np.clip((rings - 17) / 50, 0, 1)[:, None] ** 1.5
    z = hills[None] * rise - 0.045
    return grid(np.stack(np.broadcast_arrays(x, y, z), axis=-1), np.stack([x, y], axis=-1) / 6.0)
