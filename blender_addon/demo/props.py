"""The movable things of the courtyard, each standing on z = 0 around its own origin.

A thing is built at its origin so that its object's location is where it stands: artists grab it there, and the
demonstration's edits are plain vectors.
"""

from __future__ import annotations

import numpy as np

from .foliage import body, bush, leaves, on_ellipsoids, trunk
from .surfaces import Surface, beam, box, disc, grid, joined, lathe, turn_x, turn_y, turn_z


def crate(side_m: float, rng: np.random.Generator) -> Surface:
    """A nailed cube of boards with a frame round each face and one brace."""
    thick = side_m * 0.11
    inner = side_m - thick * 0.7
    parts = [box((inner, inner, inner), tile_m=side_m, bevel_m=0.004).moved((0, 0, thick * 0.35))]
    half, mid = side_m / 2, side_m / 2
    for axis in range(3):
        for a in (-1, 1):
            for b in (-1, 1):
                parts.append(_crate_edge(axis, a, b, half=half, thick=thick, rng=rng))
    reach = half - thick
    for turn in range(4):
        brace = beam(
            (-reach, -half + thick * 0.45, mid - reach),
            (reach, -half + thick * 0.45, mid + reach),
            width=thick * 0.6,
            height=thick * 0.95,
            tile_m=side_m,
            bevel_m=0.004,
        )
        parts.append(brace.shifted_uv(rng.uniform(0, 1, 2)).moved((0, 0, 0), turn_deg=90 * turn))
    return joined(parts)


def _crate_edge(axis: int, a: int, b: int, *, half: float, thick: float, rng: np.random.Generator) -> Surface:
    # Uprights run the whole height; the others fit between them, so no two boards share a face.
    length = 2 * half if axis == 2 else 2 * (half - thick)
    size = np.full(3, thick)
    size[axis] = length
    others = [k for k in range(3) if k != axis]
    centre = np.zeros(3)
    centre[others[0]], centre[others[1]] = a * (half - thick / 2), b * (half - thick / 2)
    centre[2] += half - size[2] / 2
    timber = box(size, tile_m=2 * half, bevel_m=0.008, grain=axis)
    # The lying boards sit a millimetre deeper than the uprights.
    scale = np.array([1.0, 1.0, 1.0]) if axis == 2 else np.array([0.995, 0.995, 1.0])
    return timber.shifted_uv(rng.uniform(0, 1, 2)).transformed(np.diag(scale), centre)


def barrel() -> Surface:
    """A standing barrel, 0.95 m high; its texture carries the hoops."""
    share = np.linspace(0, 1, 13)
    radius = 0.29 + 0.085 * np.sin(share * np.pi)
    side = lathe(list(zip(radius, share * 0.95, strict=True)), sides=20)
    rim = lathe([(0.29, 0.95), (0.262, 0.95), (0.262, 0.915)], sides=20, tile_m=0.9, smooth=False)
    lid = disc(0.265, 0.915, sides=20, tile_m=0.75)
    return joined([side, rim, lid])


# (radius, height) from the bottom up, metres
FOUNTAIN_PEDESTAL = (
    (0.26, 0.30),
    (0.26, 0.52),
    (0.20, 0.58),
    (0.12, 0.66),
    (0.10, 0.85),
    (0.13, 0.98),
    (0.11, 1.02),
    (0.22, 1.07),
    (0.47, 1.16),
    (0.54, 1.25),
    (0.54, 1.29),
    (0.49, 1.29),
    (0.44, 1.24),
)
FOUNTAIN_FINIAL = (
    (0.09, 1.22),
    (0.07, 1.36),
    (0.05, 1.42),
    (0.09, 1.50),
    (0.12, 1.57),
    (0.09, 1.66),
    (0.03, 1.72),
    (0, 1.76),
)


def fountain() -> Surface:
    """An eight-sided basin with a pedestal and an upper bowl; material 0 is stone, 1 water."""
    outer, inner = 1.12, 0.94
    basin = lathe(
        [
            (outer + 0.06, 0.0),
            (outer + 0.06, 0.10),
            (outer - 0.02, 0.14),
            (outer - 0.02, 0.44),
            (outer + 0.05, 0.48),
            (outer + 0.05, 0.57),
            (inner, 0.57),
            (inner, 0.30),
        ],
        sides=8,
        tile_m=1.1,
        smooth=False,
    ).transformed(turn_z(22.5))
    pedestal = lathe(
        FOUNTAIN_PEDESTAL,
        sides=24,
        tile_m=1.1,
    )
    finial = lathe(
        FOUNTAIN_FINIAL,
        sides=16,
        tile_m=1.1,
    )
    pool = disc(inner + 0.01, 0.455, sides=8, tile_m=1.0).transformed(turn_z(22.5 + 90)).with_material(1)
    bowl = disc(0.475, 1.265, sides=24, tile_m=1.0).with_material(1)
    return joined([basin, pedestal, finial, pool, bowl])


def urn() -> Surface:
    """A garden urn on a square plinth, 1.45 m high."""
    plinth = joined(
        [
            box((0.58, 0.58, 0.10), tile_m=0.9, bevel_m=0.012),
            box((0.48, 0.48, 0.46), tile_m=0.9, bevel_m=0.012).moved((0, 0, 0.10)),
            box((0.56, 0.56, 0.08), tile_m=0.9, bevel_m=0.012).moved((0, 0, 0.56)),
        ]
    )
    vase = lathe(
        [
            (0.17, 0.64),
            (0.17, 0.69),
            (0.09, 0.74),
            (0.08, 0.80),
            (0.20, 0.90),
            (0.28, 1.04),
            (0.30, 1.16),
            (0.27, 1.26),
            (0.23, 1.32),
            (0.31, 1.40),
            (0.31, 1.44),
            (0.26, 1.44),
            (0.22, 1.36),
            (0, 1.34),
        ],
        sides=28,
        tile_m=0.9,
    )
    return joined([plinth, vase])


def amphora() -> Surface:
    """A clay jar with two handles, 0.92 m high."""
    jar = lathe(
        [
            (0.13, 0),
            (0.15, 0.02),
            (0.24, 0.22),
            (0.29, 0.42),
            (0.27, 0.58),
            (0.17, 0.72),
            (0.11, 0.79),
            (0.11, 0.86),
            (0.16, 0.90),
            (0.16, 0.92),
            (0.11, 0.92),
            (0.09, 0.84),
            (0, 0.82),
        ],
        sides=24,
    )
    handle = trunk(
        [(0.11, 0, 0.85), (0.22, 0, 0.84), (0.26, 0, 0.74), (0.235, 0, 0.63)],
        [0.026, 0.024, 0.024, 0.03],
        tile_m=0.6,
    )
    return joined([jar, handle, handle.transformed(turn_z(180))])


def pot(height_m: float) -> Surface:
    """A flared clay pot filled with earth; the earth is the texture's dark foot."""
    h = height_m
    outline = [(0.30, 0), (0.31, 0.03), (0.42, 0.78), (0.48, 0.80), (0.49, 0.98), (0.47, 1.0), (0.42, 1.0), (0.40, 0.9)]
    return joined(
        [
            lathe([(r * h, z * h) for r, z in outline], sides=24),
            lathe([(0.41 * h, 0.9 * h), (0, 0.93 * h)], sides=24),
        ]
    )


def potted_bush(rng: np.random.Generator, *, pot_m: float, crown_m: float, fruit: int = 0) -> Surface:
    """A pot (material 0) with a clipped crown on a stem (material 1), and fruit (material 2)."""
    height = pot_m + crown_m * 1.5
    stem = trunk(
        [(0, 0, pot_m * 0.9), (0.015, 0.01, pot_m + crown_m * 0.4), (0, 0, height - crown_m * 0.6)],
        [0.035, 0.03, 0.025],
        tile_m=0.4,
    )
    blobs = [((0, 0, height), (crown_m, crown_m, crown_m * 0.95))]
    crown = bush(blobs, rng, count=int(1500 * crown_m), length_m=0.105, spread=0.45)
    parts = [pot(pot_m), stem.with_material(1), crown.with_material(1)]
    if fruit:
        points, _ = on_ellipsoids(blobs, fruit, rng)
        parts += [body(point, (0.045, 0.045, 0.055), rng, bumps=0.02).with_material(2) for point in points]
    return joined(parts)


def flower_pot(rng: np.random.Generator, *, pot_m: float) -> Surface:
    """A low pot (material 0) overflowing with leaves (1) and blossoms (2)."""
    r = pot_m * 0.62
    blobs = [((0, 0, pot_m * 1.12), (r, r, pot_m * 0.5))]
    green = bush(blobs, rng, count=420, length_m=0.10)
    points, normals = on_ellipsoids(blobs, 240, rng)
    above = points[:, 2] > pot_m * 1.1
    outward = points[above] + normals[above] / np.linalg.norm(normals[above], axis=1, keepdims=True) * 0.03
    blossoms = leaves(outward, normals[above], rng, length_m=0.085, spread=0.3)
    return joined([pot(pot_m), green.with_material(1), blossoms.with_material(2)])


def bench(length_m: float) -> Surface:
    """A plank seat with a back on two stone feet; material 0 is wood, 1 stone."""
    parts = []
    for x in (-length_m * 0.36, length_m * 0.36):
        foot = box((0.14, 0.40, 0.40), tile_m=0.9, bevel_m=0.012).moved((x, 0, 0))
        parts.append(foot.with_material(1))
        post = box((0.07, 0.05, 0.46), tile_m=0.8, bevel_m=0.006)
        parts.append(post.transformed(turn_x(-9), (x, 0.175, 0.42)))
    for k, y in enumerate((-0.155, 0.0, 0.155)):
        plank = box((length_m, 0.14, 0.045), tile_m=0.8, bevel_m=0.008, grain=0)
        parts.append(plank.shifted_uv((0.27 * k, 0.4 * k)).moved((0, y, 0.40)))
    for k, z in enumerate((0.60, 0.77)):
        plank = box((length_m, 0.03, 0.12), tile_m=0.8, bevel_m=0.008, grain=0)
        lean = 0.175 + 0.16 * (z - 0.42) - 0.035
        parts.append(plank.shifted_uv((0.31 * k, 0.2)).transformed(turn_x(-9), (0, lean, z)))
    return joined(parts)


def banner(width_m: float, drop_m: float) -> Surface:
    """Cloth in soft folds (material 0) on an iron rod (material 1); hangs at y = 0, its foot at z = 0."""
    u, v = np.meshgrid(np.linspace(0, 1, 25), np.linspace(0, 1, 19))
    fold = 0.035 * np.sin(u * 2 * np.pi * 2.5 + 0.6) * (1.1 - 0.75 * v)
    swell = -0.05 * np.sin(np.pi * np.clip(1 - v, 0, 1)) * np.sin(np.pi * u)
    narrow = 1 - 0.04 * (1 - v)
    points = np.stack([(u - 0.5) * width_m * narrow, fold + swell, v * drop_m], axis=-1)
    # The lower edge ends in one point, as heraldic banners do.
    points[..., 2] += (1 - v) * np.abs(u - 0.5) * 0.32
    cloth = grid(points, np.stack([u, v], axis=-1))
    reach = width_m / 2 + 0.09
    rod = lathe([(0, 0), (0.022, 0), (0.022, 2 * reach), (0, 2 * reach)], sides=10, tile_m=0.3)
    rod = rod.transformed(turn_y(90), (-reach, 0, drop_m))
    knobs = [body((x, 0, drop_m), (0.045,) * 3, np.random.default_rng(0), bumps=0.0) for x in (-reach, reach)]
    arms = [
        beam((x, 0, drop_m), (x, 0.16, drop_m), width=0.03, height=0.03, tile_m=0.3, bevel_m=0.004)
        for x in (-reach * 0.8, reach * 0.8)
    ]
    return joined([cloth, *(part.with_material(1) for part in (rod, *knobs, *arms))])


def lantern() -> Surface:
    """An iron lantern with lit glass (material 1), hanging from (0, 0, 0) downwards."""
    parts = [beam((0, 0, -0.22), (0, 0, 0), width=0.018, height=0.018, tile_m=0.3, bevel_m=0.003)]
    roof = lathe(
        [(0.16, -0.36), (0.15, -0.33), (0.05, -0.24), (0.03, -0.20), (0, -0.20)], sides=6, tile_m=0.3, smooth=False
    )
    foot = lathe(
        [(0, -0.70), (0.06, -0.68), (0.12, -0.64), (0.12, -0.61), (0, -0.61)], sides=6, tile_m=0.3, smooth=False
    )
    cap = lathe([(0, -0.36), (0.16, -0.36)], sides=6, tile_m=0.3, smooth=False)
    glass = lathe([(0.085, -0.61), (0.115, -0.36)], sides=6, tile_m=0.3, smooth=False).with_material(1)
    for side in range(6):
        turn = np.radians(60 * side + 90)
        low = (0.10 * np.cos(turn), 0.10 * np.sin(turn), -0.62)
        high = (0.13 * np.cos(turn), 0.13 * np.sin(turn), -0.35)
        parts.append(beam(low, high, width=0.016, height=0.016, tile_m=0.3, bevel_m=0.003))
    return joined([*parts, roof, foot, cap, glass])


def shutter(width_m: float, height_m: float) -> Surface:
    """One louvred window shutter, seen from -y, its back at y = 0 and its foot at z = 0."""
    frame = 0.07
    parts = []
    for x in (-1, 1):
        stile = box((frame, 0.045, height_m), tile_m=0.6, bevel_m=0.006)
        parts.append(stile.moved((x * (width_m - frame) / 2, -0.0225, 0)))
    inner = width_m - 2 * frame
    for z in (0.0, height_m / 2 - frame / 2, height_m - frame):
        rail = box((inner, 0.045, frame), tile_m=0.6, bevel_m=0.006, grain=0)
        parts.append(rail.moved((0, -0.0225, z)))
    slats = int((height_m - 3 * frame) / 0.075)
    for z in np.linspace(frame, height_m - frame, slats + 1)[:-1]:
        if abs(z - height_m / 2) < frame:
            continue
        slat = box((inner, 0.012, 0.075), tile_m=0.6, bevel_m=0.002, grain=0)
        parts.append(slat.transformed(turn_x(32), (0, -0.006, z)))
    parts.append(box((inner, 0.008, height_m), tile_m=0.6).moved((0, -0.006, 0)))
    return joined(parts)
