"""The cast: every object of the courtyard, its shape, its materials, where it stands and on what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import buildings, foliage, props
from .palette import FOUNTAIN_AT_M, PAVING_CENTRE_M, PAVING_SIDE_M
from .surfaces import Surface, beam, box, joined, turn_x, turn_z

Shape = Callable[[np.random.Generator], Surface]

GATE_X_M = 0.35
NORTH_M = 4.1  # front of the north wall
WEST_M = -4.45  # face of the west wall
EAST_M = 4.4  # face of the east wall
EAST_HEIGHT_M = 2.35
COLUMN_M = 2.2  # columns' height
NORTH_HEIGHT_M = 3.05
WEST_HEIGHT_M = 3.3
GATE_WIDTH_M = 1.7
GATE_SPRING_M = 1.5
LOGGIA_X_M = -2.85


@dataclass(frozen=True)
class Thing:
    """One object. `stands_on` names another object it touches, or "ground"."""

    name: str
    shape: Shape
    materials: tuple[str, ...]
    at_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_deg: float = 0.0
    stands_on: str = "ground"


def _north_wall(_rng: np.random.Generator) -> Surface:
    return buildings.arch_wall(
        width_m=9.6,
        height_m=NORTH_HEIGHT_M,
        thick_m=0.5,
        gate_x_m=GATE_X_M,
        gate_width_m=GATE_WIDTH_M,
        spring_m=GATE_SPRING_M,
        tile_m=2.4,
    )


def _gate_stones(rng: np.random.Generator) -> Surface:
    return buildings.voussoirs(gate_width_m=GATE_WIDTH_M, spring_m=GATE_SPRING_M, thick_m=0.5, rng=rng)


def _plain_wall(length_m: float, thick_m: float, height_m: float, tile_m: float) -> Shape:
    return lambda _rng: box((thick_m, length_m, height_m), tile_m=tile_m)


def _coping_y(length_m: float, depth_m: float) -> Shape:
    return lambda rng: buildings.coping(length_m, depth_m, rng).transformed(turn_z(90))


def _loggia_roof(_rng: np.random.Generator) -> Surface:
    roof = buildings.tiled_roof(8.0, 2.02, rows=6, columns=32)
    # Built with its eave along x, rising to +y: turned so that it rises to -x (the west wall).
    return roof.transformed(turn_z(90) @ turn_x(15.5))


def _loggia_beam(_rng: np.random.Generator) -> Surface:
    return beam((0, -3.95, 0.11), (0, 3.95, 0.11), width=0.24, height=0.22, tile_m=0.9, bevel_m=0.015)


def _window(_rng: np.random.Generator) -> Surface:
    sill = box((1.15, 0.20, 0.09), tile_m=0.9, bevel_m=0.012).moved((0, -0.07, -0.09))
    frame = [box((0.10, 0.10, 1.25), tile_m=0.9, bevel_m=0.008).moved((x, -0.02, 0)) for x in (-0.46, 0.46)]
    lintel = box((1.15, 0.14, 0.16), tile_m=0.9, bevel_m=0.012).moved((0, -0.04, 1.25))
    dark = box((0.82, 0.02, 1.25), tile_m=1.0).moved((0, -0.012, 0)).with_material(1)
    bars = [box((0.03, 0.03, 1.25), tile_m=0.5).moved((x, -0.035, 0)).with_material(2) for x in (-0.2, 0.0, 0.2)]
    return joined([sill, *frame, lintel, dark, *bars])


def _shutters(_rng: np.random.Generator) -> Surface:
    leaf = props.shutter(0.46, 1.25)
    return joined([leaf.moved((-0.78, 0.003, 0)), leaf.moved((0.78, 0.003, 0))])


def _ivy(rng: np.random.Generator) -> Surface:
    blobs = [
        ((0.0, 0.0, 1.55), (0.16, 0.95, 0.85)),
        ((0.0, 0.75, 1.05), (0.13, 0.55, 1.0)),
        ((0.0, -0.75, 1.95), (0.15, 0.75, 0.42)),
        ((0.0, 0.35, 0.40), (0.14, 0.42, 0.48)),
    ]
    return foliage.bush(blobs, rng, count=2100, length_m=0.14, spread=0.35)


def _bougainvillea(rng: np.random.Generator) -> Surface:
    blobs = [
        ((0.0, 0.0, 2.42), (0.34, 1.0, 0.26)),
        ((-0.10, 0.55, 2.15), (0.24, 0.6, 0.42)),
        ((-0.12, -0.45, 2.05), (0.22, 0.42, 0.55)),
        ((-0.10, -0.50, 1.45), (0.13, 0.22, 0.45)),
    ]
    green = foliage.bush(blobs, rng, count=1300, length_m=0.12)
    points, normals = foliage.on_ellipsoids(blobs, 1250, rng)
    outward = points + normals / np.linalg.norm(normals, axis=1, keepdims=True) * 0.035
    blossoms = foliage.leaves(outward, normals, rng, length_m=0.12, spread=0.4)
    vine = foliage.trunk(
        [(0.0, -0.55, 0.0), (-0.03, -0.50, 0.7), (0.0, -0.42, 1.3), (0.0, -0.2, 2.1)],
        [0.05, 0.04, 0.04, 0.03],
        tile_m=0.5,
    )
    return joined([vine.with_material(2), green, blossoms.with_material(1)])


def _olive(rng: np.random.Generator) -> Surface:
    stem = foliage.trunk(
        [(0, 0, 0), (0.12, 0.05, 0.9), (-0.05, 0.1, 1.8), (0.1, 0, 2.7)], [0.24, 0.17, 0.15, 0.09], tile_m=0.8
    )
    blobs = [
        ((0.1, 0.0, 3.2), (1.15, 1.25, 0.85)),
        ((-0.55, 0.55, 2.9), (0.8, 0.8, 0.6)),
        ((0.55, -0.6, 2.95), (0.8, 0.85, 0.62)),
        ((0.0, 0.1, 3.85), (0.75, 0.75, 0.55)),
    ]
    crown = foliage.bush(blobs, rng, count=3000, length_m=0.17)
    return joined([stem.with_material(1), crown])


def _crate(side_m: float) -> Shape:
    return lambda rng: props.crate(side_m, rng)


def _cypress(height_m: float, radius_m: float) -> Shape:
    return lambda rng: foliage.cypress(rng, height_m=height_m, radius_m=radius_m)


def _column_things() -> list[Thing]:
    spots = (-3.55, -1.2, 1.15, 3.5)
    return [
        Thing(
            f"Column {k}",
            lambda _rng: buildings.column(COLUMN_M),
            (f"Column {k} Marble",),
            (LOGGIA_X_M, y, 0.0),
        )
        for k, y in enumerate(spots, start=1)
    ]


def _pots() -> list[Thing]:
    lemon, low = ("Terracotta", "Lemon Leaves", "Lemons"), ("Terracotta", "Flower Leaves", "Geranium")
    return [
        Thing(
            "Lemon Tree",
            lambda rng: props.potted_bush(rng, pot_m=0.48, crown_m=0.36, fruit=26),
            lemon,
            (1.75, 3.55, 0.0),
        ),
        Thing(
            "Laurel",
            lambda rng: props.potted_bush(rng, pot_m=0.48, crown_m=0.36),
            ("Blue Glaze", "Ivy Leaves"),
            (-1.05, 3.55, 0.0),
        ),
        Thing("Geraniums", lambda rng: props.flower_pot(rng, pot_m=0.40), low, (2.35, -2.05, 0.0)),
        Thing(
            "Lavender",
            lambda rng: props.flower_pot(rng, pot_m=0.42),
            ("Blue Glaze", "Flower Leaves", "Lavender"),
            (-2.75, 0.0, 0.0),
        ),
    ]


def _ground() -> list[Thing]:
    return [
        Thing("Meadow", lambda _rng: buildings.land(120.0), ("Meadow",)),
        Thing(
            "Paving",
            lambda _rng: buildings.slab((PAVING_SIDE_M, PAVING_SIDE_M, 0.2)),
            ("Paving",),
            (*PAVING_CENTRE_M, 0.0),
        ),
    ]


def _walls() -> list[Thing]:
    return [
        Thing("Wall North", _north_wall, ("Limestone Blocks",), (0.0, NORTH_M, 0.0)),
        Thing("Gate Stones", _gate_stones, ("Arch Stone",), (GATE_X_M, NORTH_M, 0.0)),
        Thing("Wall West", _plain_wall(8.5, 0.4, WEST_HEIGHT_M, 2.8), ("Ochre Plaster",), (WEST_M - 0.2, -0.15, 0.0)),
        Thing("Wall East", _plain_wall(8.5, 0.4, EAST_HEIGHT_M, 1.9), ("Brick",), (EAST_M + 0.2, -0.15, 0.0)),
        Thing(
            "Coping North",
            lambda rng: buildings.coping(9.8, 0.66, rng),
            ("Coping Stone",),
            (0.0, NORTH_M + 0.25, NORTH_HEIGHT_M),
            stands_on="Wall North",
        ),
        Thing(
            "Coping East",
            _coping_y(8.6, 0.54),
            ("Coping Stone",),
            (EAST_M + 0.2, -0.22, EAST_HEIGHT_M),
            stands_on="Wall East",
        ),
        Thing(
            "Coping West",
            _coping_y(8.6, 0.54),
            ("Coping Stone",),
            (WEST_M - 0.2, -0.22, WEST_HEIGHT_M),
            stands_on="Wall West",
        ),
    ]


def _loggia() -> list[Thing]:
    return [
        *_column_things(),
        Thing(
            "Loggia Beam", _loggia_beam, ("Old Timber",), (LOGGIA_X_M, -0.05, COLUMN_M - 0.005), stands_on="Column 1"
        ),
        Thing(
            "Loggia Rafters",
            lambda _rng: buildings.rafters(
                wall_x_m=WEST_M,
                wall_z_m=2.87,
                eave_x_m=LOGGIA_X_M + 0.32,
                eave_z_m=2.39,
                ends_y_m=(-3.85, 3.75),
                count=11,
            ),
            ("Old Timber",),
            stands_on="Loggia Beam",
        ),
        Thing(
            "Loggia Roof",
            _loggia_roof,
            ("Roof Tiles",),
            (LOGGIA_X_M + 0.36, -0.05, 2.47),
            stands_on="Loggia Rafters",
        ),
    ]


def _crates() -> list[Thing]:
    return [
        Thing("Crate Red", _crate(0.74), ("Red Paint",), (2.35, 1.25, 0.0), 12.0),
        Thing("Crate Pine", _crate(0.78), ("Pine",), (3.75, 0.30, 0.0), -6.0),
        Thing("Crate Mustard", _crate(0.50), ("Mustard Paint",), (3.80, 0.32, 0.78), 17.0, "Crate Pine"),
        Thing("Crate Teal", _crate(0.62), ("Teal Paint",), (3.72, -0.62, 0.0), 9.0),
        Thing("Barrel", lambda _rng: props.barrel(), ("Oak Barrel",), (3.55, -1.75, 0.0), 25.0),
    ]


def _props() -> list[Thing]:
    fountain = (*FOUNTAIN_AT_M, 0.0)
    return [
        Thing("Fountain", lambda _rng: props.fountain(), ("Fountain Stone", "Water"), fountain),
        Thing("Urn", lambda _rng: props.urn(), ("Urn Marble",), (3.15, 3.05, 0.0), 0.0),
        Thing("Amphora", lambda _rng: props.amphora(), ("Amphora Clay",), (-1.60, -0.95, 0.0), 70.0),
        Thing("Bench", lambda _rng: props.bench(1.7), ("Bench Oak", "Bench Stone"), (-3.95, -0.1, 0.0), 90.0),
    ]


def _hung() -> list[Thing]:
    return [
        Thing(
            "Banner",
            lambda _rng: props.banner(0.86, 1.95),
            ("Banner Cloth", "Iron"),
            (2.75, NORTH_M - 0.16, 0.82),
            stands_on="Wall North",
        ),
        Thing(
            "Window",
            _window,
            ("Arch Stone", "Window Dark", "Iron"),
            (-1.75, NORTH_M, 1.22),
            stands_on="Wall North",
        ),
        Thing("Shutters", _shutters, ("Shutter Blue",), (-1.75, NORTH_M, 1.22), stands_on="Wall North"),
        Thing(
            "Gate Lantern",
            lambda _rng: props.lantern(),
            ("Iron", "Lamplight"),
            (GATE_X_M, NORTH_M + 0.25, GATE_SPRING_M + GATE_WIDTH_M / 2 + 0.03),
            stands_on="Gate Stones",
        ),
        Thing(
            "Loggia Lantern",
            lambda _rng: props.lantern(),
            ("Iron", "Lamplight"),
            (LOGGIA_X_M, 0.0, COLUMN_M + 0.01),
            stands_on="Loggia Beam",
        ),
    ]


def _plants() -> list[Thing]:
    return [
        *_pots(),
        Thing("Ivy", _ivy, ("Ivy Leaves",), (EAST_M, 1.95, 0.0)),
        Thing(
            "Bougainvillea",
            _bougainvillea,
            ("Flower Leaves", "Bougainvillea", "Bark"),
            (EAST_M - 0.05, -2.35, 0.0),
        ),
        Thing("Olive Tree", _olive, ("Olive Leaves", "Bark"), (6.6, 3.2, -0.05)),
        Thing("Cypress 1", _cypress(5.9, 0.72), ("Cypress Needles",), (-3.3, 7.4, -0.05)),
        Thing("Cypress 2", _cypress(6.8, 0.80), ("Cypress Needles",), (-1.9, 8.6, -0.05)),
        Thing(
            "Garden Walk",
            lambda _rng: box((1.5, 9.0, 0.06), tile_m=1.5, bevel_m=0.01),
            ("Gravel",),
            (GATE_X_M, NORTH_M + 5.05, -0.07),
        ),
        Thing("Cypress 4", _cypress(3.9, 0.5), ("Cypress Needles",), (-0.9, 12.5, -0.05)),
        Thing("Cypress 3", _cypress(5.4, 0.66), ("Cypress Needles",), (5.4, 7.2, -0.05)),
        Thing(
            "Tower",
            lambda _rng: buildings.tower(2.8, 4.7, roof_m=1.7),
            ("Tower Blocks", "Roof Tiles", "Window Dark"),
            (3.4, 15.5, -0.05),
            12.0,
        ),
    ]


THINGS: tuple[Thing, ...] = (
    *_ground(),
    *_walls(),
    *_loggia(),
    *_crates(),
    *_props(),
    *_hung(),
    *_plants(),
)
