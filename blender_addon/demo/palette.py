"""Which texture each material of the courtyard shows, and the seed it is painted with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from . import textures, textures_special
from .materials import image_of, textured_material

# The paving is the largest surface and shows its texture once: at 512 px a texel would be 2 cm, coarser than a pixel.
PAVING_SIDE_PX = 1024
PAVING_SIDE_M = 9.6
PAVING_CENTRE_M = (0.0, -0.25)
FOUNTAIN_AT_M = (-0.2, 0.45)

Paint = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Finish:
    """How one material looks."""

    paint: Paint
    bump_m: float = 0.0
    roughness: float = 0.85
    glow: float = 0.0


def _paving(rng: np.random.Generator) -> np.ndarray:
    half = PAVING_SIDE_M / 2
    centre = tuple(half + f - c for f, c in zip(FOUNTAIN_AT_M, PAVING_CENTRE_M, strict=True))
    return textures_special.paving(
        PAVING_SIDE_PX, rng, side_m=PAVING_SIDE_M, ring_centre_m=centre, ring_radii_m=(1.22, 1.62, 2.2)
    )


def _brick(rng: np.random.Generator) -> np.ndarray:
    cells = textures.brick_cells(512, rng, rows=20, columns=8, jitter=0.05)
    reds = [(0.62, 0.36, 0.26), (0.70, 0.45, 0.32), (0.52, 0.30, 0.24)]
    return textures.finished(textures.masonry(cells, rng, palette=reds, mortar=(0.66, 0.59, 0.50), joint=0.004))


def _ashlar(rng: np.random.Generator, *, palette: list[textures.Rgb], rows: int, columns: int) -> np.ndarray:
    cells = textures.brick_cells(512, rng, rows=rows, columns=columns, jitter=0.12)
    return textures.finished(textures.masonry(cells, rng, palette=palette, mortar=(0.50, 0.43, 0.34), joint=0.003))


def _leaf(*palette: textures.Rgb) -> Paint:
    return lambda rng: textures.leaf_litter(128, rng, palette=list(palette))


def _painted(paint: textures.Rgb, *, worn: float) -> Paint:
    return lambda rng: textures.painted_wood(256, rng, paint=paint, worn=worn)


def _wood(light: textures.Rgb, dark: textures.Rgb, boards: int) -> Paint:
    return lambda rng: textures.wood(256, rng, light=light, dark=dark, boards=boards)


def _stone(base: textures.Rgb, vein: textures.Rgb, *, moss: float = 0.0) -> Paint:
    return lambda rng: textures.stone(256, rng, base=base, vein=vein, moss=moss)


SAND = [(0.76, 0.67, 0.52), (0.83, 0.75, 0.61), (0.70, 0.60, 0.47)]
GREY = [(0.60, 0.54, 0.46), (0.68, 0.62, 0.53), (0.55, 0.48, 0.42)]

FINISHES: dict[str, Finish] = {
    "Paving": Finish(_paving, bump_m=0.012),
    "Meadow": Finish(lambda rng: textures.grass(512, rng)),
    "Limestone Blocks": Finish(lambda rng: _ashlar(rng, palette=SAND, rows=6, columns=4), bump_m=0.012),
    "Tower Blocks": Finish(lambda rng: _ashlar(rng, palette=GREY, rows=8, columns=5)),
    "Ochre Plaster": Finish(
        lambda rng: textures.plaster(512, rng, base=(0.87, 0.67, 0.43), brick=(0.62, 0.38, 0.28)), bump_m=0.008
    ),
    "Brick": Finish(_brick, bump_m=0.010),
    "Coping Stone": Finish(_stone((0.72, 0.67, 0.58), (0.50, 0.46, 0.40), moss=0.18), bump_m=0.006),
    "Arch Stone": Finish(_stone((0.86, 0.79, 0.67), (0.66, 0.58, 0.47)), bump_m=0.006),
    "Column 1 Marble": Finish(_stone((0.89, 0.85, 0.78), (0.62, 0.57, 0.52))),
    "Column 2 Marble": Finish(_stone((0.88, 0.82, 0.73), (0.66, 0.52, 0.42))),
    "Column 3 Marble": Finish(_stone((0.86, 0.83, 0.78), (0.55, 0.54, 0.54))),
    "Column 4 Marble": Finish(_stone((0.90, 0.84, 0.74), (0.60, 0.50, 0.40), moss=0.05)),
    "Fountain Stone": Finish(_stone((0.80, 0.76, 0.68), (0.56, 0.52, 0.46), moss=0.08), bump_m=0.005),
    "Water": Finish(lambda rng: textures_special.water(256, rng), roughness=0.35),
    "Urn Marble": Finish(_stone((0.90, 0.88, 0.84), (0.52, 0.55, 0.58), moss=0.03)),
    "Bench Stone": Finish(_stone((0.66, 0.62, 0.56), (0.48, 0.45, 0.42))),
    "Roof Tiles": Finish(lambda rng: textures.roof_tiles(512, rng)),
    "Old Timber": Finish(_wood((0.50, 0.36, 0.24), (0.30, 0.20, 0.13), 2), bump_m=0.006),
    "Bench Oak": Finish(_wood((0.70, 0.53, 0.35), (0.47, 0.32, 0.20), 3), bump_m=0.004),
    "Pine": Finish(_wood((0.80, 0.63, 0.42), (0.56, 0.39, 0.23), 4), bump_m=0.005),
    "Red Paint": Finish(_painted((0.70, 0.15, 0.11), worn=0.16), bump_m=0.005),
    "Teal Paint": Finish(_painted((0.10, 0.46, 0.48), worn=0.14), bump_m=0.005),
    "Mustard Paint": Finish(_painted((0.85, 0.62, 0.16), worn=0.20), bump_m=0.005),
    "Shutter Blue": Finish(_painted((0.22, 0.45, 0.58), worn=0.12), bump_m=0.003),
    "Oak Barrel": Finish(lambda rng: textures_special.barrel(256, rng), bump_m=0.005),
    "Banner Cloth": Finish(lambda rng: textures_special.banner(256, rng), roughness=0.95),
    "Iron": Finish(_stone((0.20, 0.19, 0.19), (0.34, 0.24, 0.18)), roughness=0.6),
    "Lamplight": Finish(_stone((1.0, 0.82, 0.48), (1.0, 0.70, 0.34)), glow=3.0),
    "Window Dark": Finish(_stone((0.10, 0.10, 0.12), (0.16, 0.16, 0.19))),
    "Terracotta": Finish(lambda rng: textures.pottery(256, rng, base=(0.75, 0.43, 0.29), band=(0.92, 0.86, 0.75))),
    "Blue Glaze": Finish(
        lambda rng: textures.pottery(256, rng, base=(0.17, 0.35, 0.58), band=(0.93, 0.88, 0.76)), roughness=0.5
    ),
    "Amphora Clay": Finish(lambda rng: textures.pottery(256, rng, base=(0.83, 0.62, 0.42), band=(0.42, 0.22, 0.15))),
    "Lemon Leaves": Finish(_leaf((0.13, 0.27, 0.09), (0.22, 0.40, 0.13), (0.42, 0.55, 0.20))),
    "Lemons": Finish(_leaf((0.95, 0.78, 0.14), (0.97, 0.86, 0.28))),
    "Flower Leaves": Finish(_leaf((0.20, 0.33, 0.14), (0.33, 0.48, 0.20))),
    "Lavender": Finish(_leaf((0.48, 0.36, 0.68), (0.66, 0.54, 0.82), (0.40, 0.30, 0.60))),
    "Geranium": Finish(_leaf((0.86, 0.20, 0.22), (0.95, 0.42, 0.36))),
    "Ivy Leaves": Finish(_leaf((0.12, 0.24, 0.09), (0.20, 0.36, 0.13), (0.33, 0.44, 0.18))),
    "Bougainvillea": Finish(_leaf((0.74, 0.13, 0.42), (0.88, 0.28, 0.55), (0.93, 0.50, 0.62))),
    "Cypress Needles": Finish(_leaf((0.09, 0.17, 0.08), (0.15, 0.26, 0.11), (0.25, 0.33, 0.15))),
    "Olive Leaves": Finish(_leaf((0.32, 0.38, 0.24), (0.48, 0.54, 0.36), (0.62, 0.66, 0.48))),
    "Gravel": Finish(lambda rng: textures.gravel(256, rng)),
    "Bark": Finish(_wood((0.50, 0.42, 0.33), (0.28, 0.22, 0.17), 2)),
}


def make_material(name: str) -> bpy.types.Material:
    """The named material with its texture. Each is seeded by its place in `FINISHES`, so one can change alone."""
    finish = FINISHES[name]
    rng = np.random.default_rng(1000 + list(FINISHES).index(name))
    image = image_of(name, finish.paint(rng))
    return textured_material(name, image, roughness=finish.roughness, bump_m=finish.bump_m, glow=finish.glow)
