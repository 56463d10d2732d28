"""The courtyard's textures, painted with NumPy: stone, brick, plaster, wood, cloth, leaves, sky.

Painted instead of shipped: no image files in the package, no licence to carry, and the same bytes from the same seed.
They hold all the colour themselves (no procedural shader nodes), so Workbench, EEVEE and Cycles show the same surface
and the memory sees what the artist sees. Every texture tiles, except where its function says otherwise.

A texture is (H, W, 3) float32, display-referred sRGB in [0, 1], row 0 at the bottom as in Blender.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Rgb = tuple[float, float, float]


def noise(
    side_px: int,
    rng: np.random.Generator,
    *,
    low: float,
    high: float,
    stretch_v: float = 1.0,
) -> np.ndarray:  # (side_px, side_px), mean 0, standard deviation 1
    """Periodic noise with `low` .. `high` cycles across the image, weaker where finer, stretched along v."""
    across = np.fft.rfftfreq(side_px) * side_px
    up = np.fft.fftfreq(side_px) * side_px
    radius = np.hypot(across[None, :], up[:, None] * stretch_v)
    gain = ((radius >= low) & (radius <= high)) / np.maximum(radius, 1.0)
    spectrum = np.fft.rfft2(rng.standard_normal((side_px, side_px))) * gain
    values = np.fft.irfft2(spectrum, s=(side_px, side_px))
    return values / values.std()


def smoothstep(low: float, high: float, values: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def mixed(first: np.ndarray | Rgb, second: np.ndarray | Rgb, share: np.ndarray) -> np.ndarray:
    """`first` where `share` (H, W) is 0, `second` where it is 1; colours or images."""
    share = share[..., None]
    return np.asarray(first) * (1 - share) + np.asarray(second) * share


def finished(image: np.ndarray) -> np.ndarray:
    """Clipped float32; a little room is kept at both ends so that light can still shape the surface."""
    return np.clip(image, 0.02, 0.98).astype(np.float32)


@dataclass(frozen=True)
class Cells:
    """Stones, bricks or boards: which one a pixel lies in and how far from its border."""

    ids: np.ndarray  # (H, W) int
    edge: np.ndarray  # (H, W) distance to the border, as a share of the texture's side
    count: int


def brick_cells(
    side_px: int,
    rng: np.random.Generator,
    *,
    rows: int,
    columns: int,
    shift: float = 0.5,
    jitter: float = 0.0,
) -> Cells:
    """Courses of bricks; each second course is shifted, and `jitter` (share of a brick) makes widths uneven."""
    at = (np.arange(side_px) + 0.5) / side_px
    heights = np.arange(rows + 1) + np.pad(rng.uniform(-jitter, jitter, rows - 1) * 0.5, 1)
    tops = heights / rows
    row_of = np.clip(np.searchsorted(tops, at, side="right") - 1, 0, rows - 1)
    edge_v = np.minimum(at - tops[row_of], tops[row_of + 1] - at)
    ids = np.zeros((side_px, side_px), np.int64)
    edge = np.zeros((side_px, side_px))
    for row in range(rows):
        borders = np.arange(columns) + shift * (row % 2) + rng.uniform(-jitter, jitter, columns)
        borders = np.sort(borders / columns % 1.0)
        borders = np.concatenate([borders[-1:] - 1, borders, borders[:1] + 1])
        column = np.searchsorted(borders, at, side="right") - 1
        edge_u = np.minimum(at - borders[column], borders[column + 1] - at)
        lines = np.nonzero(row_of == row)[0]
        ids[lines] = row * columns + column % columns
        edge[lines] = _rounded_edge(edge_u[None], edge_v[lines, None])
    return Cells(ids, edge, rows * columns)


def _rounded_edge(edge_u: np.ndarray, edge_v: np.ndarray) -> np.ndarray:
    # The plain minimum has sharp corners; worn stones have round ones.
    return edge_u + edge_v - np.hypot(edge_u, edge_v)


def masonry(
    cells: Cells,
    rng: np.random.Generator,
    *,
    palette: list[Rgb],
    mortar: Rgb,
    joint: float,
    roughness: float = 0.06,
) -> np.ndarray:  # (H, W, 3)
    """Stones of the palette's colours in mortar; `joint` is half a joint's width as a share of the side."""
    side_px = cells.ids.shape[0]
    picks = rng.uniform(0, len(palette) - 1, cells.count)
    colours = np.asarray(palette)
    lower = np.minimum(picks.astype(int), len(palette) - 2)
    blend = (picks - lower)[:, None]
    of_stone = colours[lower] * (1 - blend) + colours[lower + 1] * blend
    of_stone = of_stone * rng.normal(1.0, 0.05, (cells.count, 1))
    grain = noise(side_px, rng, low=6, high=side_px / 3)
    blotch = noise(side_px, rng, low=1, high=10)
    stone = of_stone[cells.ids] * (1 + roughness * grain + 0.5 * roughness * blotch)[..., None]
    worn = cells.edge + joint * 0.35 * noise(side_px, rng, low=12, high=90)
    # A rim slightly darker than the face: dirt gathers there, and it reads as relief in flat shading.
    stone *= (0.86 + 0.14 * smoothstep(joint, joint * 3.5, worn))[..., None]
    joints = np.asarray(mortar) * (1 + 0.5 * roughness * grain)[..., None]
    return mixed(joints, stone, smoothstep(joint * 0.6, joint * 1.3, worn))


def wood(
    side_px: int,
    rng: np.random.Generator,
    *,
    light: Rgb,
    dark: Rgb,
    boards: int = 4,
) -> np.ndarray:
    """Boards side by side along u, their grain along v."""
    u = (np.arange(side_px) + 0.5) / side_px * boards
    board = u.astype(int)
    edge = np.minimum(u - board, board + 1 - u) / boards
    fine = noise(side_px, rng, low=8, high=side_px / 3, stretch_v=14)
    coarse = noise(side_px, rng, low=2, high=14, stretch_v=8)
    rings = np.sin(coarse * 2.2 + rng.uniform(0, 6.3, boards)[board][None] * 3)
    share = np.clip(0.45 + 0.16 * fine + 0.17 * rings, 0, 1)
    image = mixed(light, dark, share) * rng.normal(1.0, 0.09, boards)[board][None, :, None]
    gap = smoothstep(0.0015, 0.009, edge)[None] * np.ones((side_px, 1))
    return finished(image * (0.3 + 0.7 * gap)[..., None])


def painted_wood(
    side_px: int,
    rng: np.random.Generator,
    *,
    paint: Rgb,
    boards: int = 4,
    worn: float = 0.25,
) -> np.ndarray:
    """Wood under paint that has chipped away from about the share `worn` of it."""
    bare = wood(side_px, rng, light=(0.66, 0.52, 0.37), dark=(0.42, 0.30, 0.20), boards=boards)
    flakes = noise(side_px, rng, low=4, high=70, stretch_v=4)
    fade = noise(side_px, rng, low=1, high=8)
    streak = noise(side_px, rng, low=10, high=120, stretch_v=12)
    colour = np.asarray(paint) * (1 + 0.05 * fade + 0.05 * streak)[..., None]
    grain = bare / bare.mean(axis=(0, 1))
    coat = colour * (0.6 + 0.4 * grain)
    limit = np.quantile(flakes, 1 - worn)
    return finished(mixed(coat, bare, 0.85 * smoothstep(limit, limit + 0.35, flakes)))


def stone(
    side_px: int,
    rng: np.random.Generator,
    *,
    base: Rgb,
    vein: Rgb,
    veins: float = 0.35,
    moss: float = 0.0,
) -> np.ndarray:
    """One piece of stone: veined like marble, weathered like limestone, with moss on the share `moss`."""
    folds = noise(side_px, rng, low=2, high=30)
    lines = 1 - smoothstep(0.0, 0.28, np.abs(folds + 0.25 * noise(side_px, rng, low=6, high=60)))
    grain = noise(side_px, rng, low=8, high=side_px / 2.5)
    image = mixed(base, vein, veins * lines) * (1 + 0.045 * grain)[..., None]
    image *= (1 + 0.06 * noise(side_px, rng, low=1, high=6))[..., None]
    if moss:
        growth = noise(side_px, rng, low=2, high=40)
        limit = np.quantile(growth, 1 - moss)
        green = np.asarray((0.33, 0.37, 0.18)) * (1 + 0.12 * grain)[..., None]
        image = mixed(image, green, 0.65 * smoothstep(limit, limit + 0.7, growth))
    return finished(image)


def plaster(side_px: int, rng: np.random.Generator, *, base: Rgb, brick: Rgb) -> np.ndarray:
    """Limewash over brick: blotched, streaked by rain, fallen off in places."""
    blotch = noise(side_px, rng, low=1, high=12)
    grain = noise(side_px, rng, low=12, high=side_px / 2.5)
    streaks = noise(side_px, rng, low=6, high=70, stretch_v=9)
    coat = np.asarray(base) * (1 + 0.055 * blotch + 0.035 * grain + 0.03 * streaks)[..., None]
    cells = brick_cells(side_px, rng, rows=24, columns=9, jitter=0.05)
    darker = tuple(0.8 * c for c in brick)
    under = masonry(cells, rng, palette=[brick, darker], mortar=(0.63, 0.56, 0.47), joint=0.0045)
    fallen = noise(side_px, rng, low=1.5, high=24)
    limit = np.quantile(fallen, 0.93)
    hole = smoothstep(limit, limit + 0.07, fallen)
    rim = smoothstep(limit - 0.16, limit, fallen) * (1 - hole)
    return finished(mixed(coat * (1 + 0.10 * rim)[..., None], under * 0.95, hole))


def leaf_litter(side_px: int, rng: np.random.Generator, *, palette: list[Rgb]) -> np.ndarray:
    """Patches of leaf colours: every leaf of a plant takes its colour from another spot of it."""
    share = noise(side_px, rng, low=4, high=40)
    share = smoothstep(-2.0, 2.0, share) * (len(palette) - 1)
    lower = np.minimum(share.astype(int), len(palette) - 2)
    colours = np.asarray(palette)
    image = mixed(colours[lower], colours[lower + 1], share - lower)
    return finished(image * (1 + 0.08 * noise(side_px, rng, low=20, high=side_px / 3))[..., None])


def grass(side_px: int, rng: np.random.Generator) -> np.ndarray:
    """A dry summer meadow from above."""
    patch = smoothstep(-1.6, 1.6, noise(side_px, rng, low=1, high=14))
    blades = noise(side_px, rng, low=20, high=side_px / 2.2)
    image = mixed((0.42, 0.43, 0.20), (0.63, 0.56, 0.33), patch)
    return finished(image * (1 + 0.13 * blades)[..., None])


def roof_tiles(side_px: int, rng: np.random.Generator) -> np.ndarray:
    """Fired clay in as many tones as tiles; u and v count tiles, eight to the texture."""
    cells = brick_cells(side_px, rng, rows=8, columns=8, shift=0.0)
    palette: list[Rgb] = [(0.72, 0.40, 0.26), (0.80, 0.52, 0.34), (0.60, 0.33, 0.24), (0.76, 0.58, 0.42)]
    return finished(masonry(cells, rng, palette=palette, mortar=(0.36, 0.2, 0.15), joint=0.004))


def pottery(side_px: int, rng: np.random.Generator, *, base: Rgb, band: Rgb) -> np.ndarray:
    """Thrown clay: rings along v, salt stains, one painted band."""
    v = (np.arange(side_px) + 0.5)[:, None] / side_px * np.ones((1, side_px))
    rings = 0.02 * np.sin(v * 2 * np.pi * 22)
    stains = noise(side_px, rng, low=1, high=14)
    grain = noise(side_px, rng, low=10, high=side_px / 3)
    image = np.asarray(base) * (1 + rings + 0.05 * grain)[..., None]
    image = mixed(image, (0.86, 0.80, 0.72), 0.4 * smoothstep(0.9, 2.2, stains))
    wave = 0.012 * np.sin(np.arange(side_px) / side_px * 2 * np.pi * 12)[None]
    inside = smoothstep(0.055, 0.045, np.abs(v + wave - 0.66))
    return finished(mixed(image, band, 0.8 * inside * smoothstep(1.8, 0.4, stains)))


def gravel(side_px: int, rng: np.random.Generator) -> np.ndarray:
    """Raked yellow gravel."""
    pebbles = noise(side_px, rng, low=20, high=side_px / 2.5)
    tone = noise(side_px, rng, low=1, high=12)
    return finished(np.asarray((0.78, 0.69, 0.54)) * (1 + 0.10 * pebbles + 0.06 * tone)[..., None])
