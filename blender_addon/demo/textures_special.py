"""The textures that are painted for one place and do not tile: the paving, the barrel, the banner, the sky.

They differ from `textures` in that position on the object means something: the ring of stones lies round the
fountain, the iron hoops sit on the barrel, the sun of the sky stands where the sun lamp is.
"""

from __future__ import annotations

import numpy as np

from .textures import (
    Cells,
    Rgb,
    brick_cells,
    finished,
    masonry,
    mixed,
    noise,
    smoothstep,
    wood,
)


def paving(
    side_px: int,
    rng: np.random.Generator,
    *,
    side_m: float,
    ring_centre_m: tuple[float, float],
    ring_radii_m: tuple[float, float, float],
) -> np.ndarray:
    """Flagstones with two rings of wedge stones round the fountain; `ring_centre_m` from the lower left corner."""
    cells = brick_cells(side_px, rng, rows=15, columns=11, jitter=0.24)
    warm: list[Rgb] = [(0.60, 0.53, 0.43), (0.70, 0.62, 0.50), (0.55, 0.50, 0.43), (0.66, 0.60, 0.52)]
    mortar: Rgb = (0.37, 0.33, 0.26)
    image = masonry(cells, rng, palette=warm, mortar=mortar, joint=0.0019, roughness=0.07)
    at = (np.arange(side_px) + 0.5) / side_px * side_m
    x, y = at[None] - ring_centre_m[0], at[:, None] - ring_centre_m[1]
    radius, turn = np.hypot(x, y), np.arctan2(y, x) / (2 * np.pi) + 0.5
    inner, middle, outer = ring_radii_m
    first = _ring_cells(radius, turn, inner_m=inner, outer_m=middle, count=26, side_m=side_m)
    second = _ring_cells(radius, turn, inner_m=middle, outer_m=outer, count=36, side_m=side_m)
    pale: list[Rgb] = [(0.76, 0.70, 0.60), (0.82, 0.77, 0.67)]
    slate: list[Rgb] = [(0.46, 0.42, 0.40), (0.53, 0.47, 0.42), (0.58, 0.44, 0.36)]
    for ring, palette in ((first, slate), (second, pale)):
        stones = masonry(ring, rng, palette=palette, mortar=mortar, joint=0.0019, roughness=0.06)
        image = mixed(image, stones, (ring.edge >= 0).astype(float))
    damp = noise(side_px, rng, low=1, high=9)
    image *= (1 + 0.05 * damp)[..., None]
    return finished(_with_moss(image, rng, radius_m=radius, edge=cells.edge, outer_m=outer))


def _ring_cells(
    radius_m: np.ndarray,
    turn: np.ndarray,
    *,
    inner_m: float,
    outer_m: float,
    count: int,
    side_m: float,
) -> Cells:
    at = turn * count
    wedge = np.minimum(at.astype(int), count - 1)
    edge_turn = np.minimum(at - wedge, wedge + 1 - at) / count * 2 * np.pi * radius_m
    edge_radius = np.minimum(radius_m - inner_m, outer_m - radius_m)
    near = np.minimum(edge_turn, edge_radius) / side_m
    return Cells(wedge, np.where(edge_radius < 0, -1.0, near), count)


def _with_moss(
    image: np.ndarray,
    rng: np.random.Generator,
    *,
    radius_m: np.ndarray,
    edge: np.ndarray,
    outer_m: float,
) -> np.ndarray:
    side_px = len(image)
    at = (np.arange(side_px) + 0.5) / side_px
    border = np.minimum(at, 1 - at)
    border = np.minimum(border[None], border[:, None])
    growth = 0.55 * noise(side_px, rng, low=3, high=60) + 1.1 * smoothstep(0.07, 0.01, border)
    in_joint = smoothstep(0.0065, 0.0015, edge) * (radius_m > outer_m)
    share = smoothstep(0.7, 1.7, growth + 0.8 * in_joint) * 0.55
    return mixed(image, (0.36, 0.38, 0.20), share)


def barrel(side_px: int, rng: np.random.Generator) -> np.ndarray:
    """Oak staves along v with four iron hoops at fixed heights."""
    image = wood(side_px, rng, light=(0.62, 0.43, 0.25), dark=(0.38, 0.24, 0.13), boards=10)
    v = (np.arange(side_px) + 0.5)[:, None] / side_px * np.ones((1, side_px))
    rust = noise(side_px, rng, low=3, high=60)
    iron = np.asarray((0.30, 0.28, 0.27)) * (1 + 0.12 * rust)[..., None]
    iron = mixed(iron, (0.45, 0.29, 0.19), 0.5 * smoothstep(0.6, 1.8, rust))
    hoops = np.zeros((side_px, side_px))
    shade = np.ones((side_px, side_px))
    for centre in BARREL_HOOPS:
        away = np.abs(v - centre)
        hoops = np.maximum(hoops, smoothstep(0.040, 0.036, away))
        shade = np.minimum(shade, 0.6 + 0.4 * smoothstep(0.036, 0.065, away))
    return finished(mixed(image * shade[..., None], iron, hoops))


BARREL_HOOPS = (0.08, 0.30, 0.70, 0.92)  # share of the barrel's height


def banner(side_px: int, rng: np.random.Generator) -> np.ndarray:
    """Crimson cloth with a gold border and a gold sun."""
    at = (np.arange(side_px) + 0.5) / side_px
    u, v = at[None] * np.ones((side_px, 1)), at[:, None] * np.ones((1, side_px))
    crimson = np.asarray((0.58, 0.10, 0.12)) * np.ones((side_px, side_px, 1))
    gold: Rgb = (0.87, 0.67, 0.28)
    # A banner is 2.3 times as high as wide, so lengths along v count for more.
    x, y = u - 0.5, (v - 0.62) * 2.3
    radius, turn = np.hypot(x, y), np.arctan2(y, x)
    flame = 0.23 + 0.085 * np.cos(turn * 12)
    sun = smoothstep(0.01, -0.01, radius - 0.17) + smoothstep(0.012, -0.012, radius - flame) * (radius > 0.20)
    border = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v) * 2.3)
    trim = smoothstep(0.045, 0.05, border) * smoothstep(0.10, 0.095, border)
    stripes = (np.abs(v - 0.23) < 0.012) | (np.abs(v - 0.17) < 0.005)
    image = mixed(crimson, gold, np.clip(sun + trim + stripes * (border > 0.13), 0, 1))
    weave = 0.04 * np.sin(u * side_px * np.pi / 2) * np.sin(v * side_px * np.pi / 2)
    return finished(image * (1 + weave + 0.05 * noise(side_px, rng, low=1, high=12))[..., None])


def water(side_px: int, rng: np.random.Generator) -> np.ndarray:
    """Green-blue water over mosaic, with ripples and caustics."""
    cells = brick_cells(side_px, rng, rows=16, columns=16, shift=0.0)
    blues: list[Rgb] = [(0.16, 0.42, 0.45), (0.28, 0.55, 0.54), (0.13, 0.34, 0.42)]
    image = masonry(cells, rng, palette=blues, mortar=(0.20, 0.38, 0.38), joint=0.003)
    caustic = 1 - smoothstep(0.0, 0.35, np.abs(noise(side_px, rng, low=4, high=18)))
    return finished(mixed(image, (0.62, 0.80, 0.74), 0.35 * caustic))


def sky(
    height_px: int,
    rng: np.random.Generator,
    *,
    sun_turn: float,
    sun_height: float,
) -> np.ndarray:  # (height_px, 2 * height_px, 3)
    """An equirectangular late-afternoon sky; the sun stands at `sun_turn` (share of the width) and `sun_height`."""
    width_px = 2 * height_px
    v = ((np.arange(height_px) + 0.5) / height_px)[:, None] * np.ones((1, width_px))
    up = np.sin((v - 0.5) * np.pi)
    stops = np.array([-1.0, -0.02, 0.0, 0.08, 0.25, 0.55, 1.0])
    colours = np.array(
        [
            (0.40, 0.36, 0.28),
            (0.56, 0.50, 0.42),
            (0.97, 0.84, 0.66),
            (0.95, 0.85, 0.72),
            (0.74, 0.82, 0.86),
            (0.48, 0.66, 0.83),
            (0.30, 0.50, 0.74),
        ]
    )
    image = np.stack([np.interp(up, stops, colours[:, i]) for i in range(3)], axis=-1)
    turn = ((np.arange(width_px) + 0.5) / width_px)[None]
    image = _with_clouds(image, rng, up)
    cosine = (
        np.cos(np.arcsin(np.clip(up, -1, 1))) * np.cos(np.arcsin(sun_height)) * np.cos((turn - sun_turn) * 2 * np.pi)
        + up * sun_height
    )
    glow = np.exp((cosine - 1) * 9) * 0.45 + np.exp((cosine - 1) * 90) * 0.5
    return finished(mixed(image, (1.0, 0.90, 0.68), np.clip(glow, 0, 1) * (up > -0.02)))


def _with_clouds(image: np.ndarray, rng: np.random.Generator, up: np.ndarray) -> np.ndarray:
    height_px, width_px = image.shape[:2]
    field = noise(width_px, rng, low=3, high=60, stretch_v=0.3)[:height_px]
    # Streaks flatten towards the horizon, where the same cloud is seen edge-on.
    band = smoothstep(0.02, 0.16, up) * smoothstep(0.75, 0.35, up)
    cover = smoothstep(0.25, 1.7, field) * band
    lit = smoothstep(0.5, 0.05, up)
    cloud = mixed((0.96, 0.95, 0.94), (1.0, 0.88, 0.74), lit)
    return mixed(image, cloud, 0.75 * cover)
