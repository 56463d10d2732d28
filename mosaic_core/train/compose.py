"""Random scenes from a small grammar, with captions that say what they show, and events that captions announce.

Every scene follows from its seed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .scenes import Light, LightChange, Scene, Texture, Thing, Vector

COLOURS: dict[str, Vector] = {
    "red": (0.78, 0.16, 0.13),
    "orange": (0.88, 0.46, 0.12),
    "yellow": (0.88, 0.77, 0.2),
    "green": (0.22, 0.55, 0.22),
    "teal": (0.13, 0.52, 0.52),
    "blue": (0.16, 0.32, 0.75),
    "purple": (0.48, 0.25, 0.6),
    "pink": (0.88, 0.5, 0.6),
    "brown": (0.45, 0.29, 0.16),
    "grey": (0.5, 0.5, 0.5),
    "white": (0.9, 0.89, 0.86),
    "black": (0.1, 0.1, 0.11),
}
SHAPES = {"box": "box", "ball": "ball", "cylinder": "pillar"}
KINDS = ("room", "street", "landscape")
DUSK = Light(
    direction=(0.85, -0.3, 0.43),
    sun_rgb=(0.5, 0.27, 0.14),
    ambient_rgb=(0.2, 0.2, 0.32),
    zenith_rgb=(0.12, 0.14, 0.35),
    horizon_rgb=(0.75, 0.42, 0.3),
)
NIGHT = Light(
    direction=(-0.3, 0.5, 0.81),
    sun_rgb=(0.12, 0.14, 0.22),
    ambient_rgb=(0.09, 0.1, 0.17),
    zenith_rgb=(0.02, 0.03, 0.08),
    horizon_rgb=(0.08, 0.1, 0.18),
)


def random_scene(seed: int, *, event_share: float = 0.4) -> Scene:
    """A scene with its caption. A share of them has an event: something moves, or the light changes."""
    rng = np.random.default_rng(seed)
    kind = KINDS[rng.integers(len(KINDS))]
    scene = _MAKERS[kind](rng)
    things = ", ".join(f"a {thing.name}" for thing in scene.things if thing.name)[:160]
    scene = replace(scene, kind=kind, caption=f"a {kind} with {things}")
    if rng.random() < event_share:
        event = _EVENTS[rng.integers(len(_EVENTS))]
        scene = event(scene, rng)
    return scene


def free_half_m(scene: Scene) -> tuple[float, float]:
    """How far from the middle a camera may stand, along x and y."""
    if scene.room_half_m:
        return scene.room_half_m[0] - 0.5, scene.room_half_m[1] - 0.5
    return (2.6, 9.0) if scene.kind == "street" else (8.0, 8.0)


def _room(rng: np.random.Generator) -> Scene:
    half = (float(rng.uniform(3, 5.5)), float(rng.uniform(3, 5.5)), float(rng.uniform(2.4, 3.6)))
    things = [
        _thing(rng, x, y, size=float(rng.uniform(0.2, 0.7)))
        for x, y in _spots(rng, int(rng.integers(4, 11)), half[0] - 0.8, half[1] - 0.8, apart=0.9)
    ]
    if rng.random() < 0.5:  # something on top of something
        low = things[int(rng.integers(len(things)))]
        if low.kind != "ball":
            x, y, z = low.centre
            small = _thing(rng, x, y, size=float(rng.uniform(0.12, 0.25)))
            things.append(_at_height(small, z + low.half_size[2]))
    lamp = Light(
        direction=_unit(rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), 1.0),
        sun_rgb=_tinted(rng, 0.55),
        ambient_rgb=_tinted(rng, 0.5),
    )
    return Scene(tuple(things), _texture(rng, scale_m=0.7), lamp, room_half_m=half, walls=_texture(rng, scale_m=1.2))


def _street(rng: np.random.Generator) -> Scene:
    things: list[Thing] = []
    for side in (-1, 1):
        y = -16.0
        while y < 16:
            deep, high = float(rng.uniform(1.2, 3)), float(rng.uniform(2.5, 9))
            house = _texture(rng, scale_m=0.9)
            half = (2.0, deep, high / 2)
            things.append(Thing("box", (side * (6.2 + float(rng.uniform(0, 0.8))), y + deep, high / 2), half, house))
            y += 2 * deep + float(rng.uniform(0.0, 0.8))
    for x, y in _spots(rng, int(rng.integers(4, 9)), 3.4, 12, apart=1.2):
        things.append(_thing(rng, x, y, size=float(rng.uniform(0.25, 0.8))))
    return Scene(tuple(things), _texture(rng, scale_m=1.2), _sunlight(rng))


def _landscape(rng: np.random.Generator) -> Scene:
    things: list[Thing] = []
    for _ in range(int(rng.integers(2, 6))):
        angle, distance = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(22, 45))
        radius = float(rng.uniform(8, 16))
        centre = (distance * math.cos(angle), distance * math.sin(angle), -radius * float(rng.uniform(0.45, 0.75)))
        things.append(
            Thing(
                "ball", centre, (radius, radius, radius), _texture(rng, scale_m=4, colours=("green", "brown", "grey"))
            )
        )
    for x, y in _spots(rng, int(rng.integers(2, 6)), 11, 11, apart=2.0):
        things += _tree(rng, x, y)
    for x, y in _spots(rng, int(rng.integers(4, 9)), 9, 9, apart=1.5):
        things.append(_thing(rng, x, y, size=float(rng.uniform(0.3, 1.0))))
    ground = _texture(rng, scale_m=1.5, colours=("green", "brown", "yellow", "grey"))
    return Scene(tuple(things), ground, _sunlight(rng))


_MAKERS: dict[str, Callable[[np.random.Generator], Scene]] = {"room": _room, "street": _street, "landscape": _landscape}


def _tree(rng: np.random.Generator, x: float, y: float) -> list[Thing]:
    trunk, crown = float(rng.uniform(0.6, 1.2)), float(rng.uniform(0.6, 1.3))
    bark, leaves = (
        _texture(rng, scale_m=0.4, colours=("brown",)),
        _texture(rng, scale_m=0.5, colours=("green", "orange")),
    )
    return [
        Thing("cylinder", (x, y, trunk), (0.16, 0.16, trunk), bark),
        Thing("ball", (x, y, 2 * trunk + 0.7 * crown), (crown, crown, crown), leaves, name="tree"),
    ]


def _thing(rng: np.random.Generator, x: float, y: float, *, size: float) -> Thing:
    """Something standing on the ground."""
    kind = list(SHAPES)[int(rng.integers(len(SHAPES)))]
    colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
    texture = _texture(rng, scale_m=0.35, colours=(colour,))
    high = size * float(rng.uniform(0.7, 1.8))
    half = {
        "box": (size, size * float(rng.uniform(0.6, 1.4)), high),
        "ball": (size, size, size),
        "cylinder": (0.7 * size, 0.7 * size, high),
    }[kind]
    yaw = float(rng.uniform(0, math.pi)) if kind == "box" else 0.0
    return Thing(kind, (x, y, half[2]), half, texture, yaw=yaw, name=f"{colour} {SHAPES[kind]}")


def _at_height(thing: Thing, z: float) -> Thing:
    return replace(thing, centre=(thing.centre[0], thing.centre[1], z + thing.half_size[2]))


def _texture(rng: np.random.Generator, *, scale_m: float, colours: tuple[str, ...] = ()) -> Texture:
    """Plain, striped or cloudy, in shades of a colour or in two colours."""
    names = colours or tuple(COLOURS)
    rgb = _varied(rng, COLOURS[names[int(rng.integers(len(names)))]])
    style = rng.random()
    if style < 0.2:
        return Texture.plain(rgb)
    contrast = float(rng.uniform(0.55, 0.85)) if rng.random() < 0.6 else float(rng.uniform(1.2, 1.5))
    other: Vector = tuple(min(c * contrast, 0.95) for c in rgb)  # type: ignore[assignment]
    if rng.random() < 0.3 and not colours:
        other = _varied(rng, COLOURS[list(COLOURS)[int(rng.integers(len(COLOURS)))]])
    if style < 0.5:  # stripes
        direction = np.zeros(3)
        direction[int(rng.integers(3))] = 1
        waves = [direction * 2 * math.pi / (scale_m * float(rng.uniform(0.4, 1.2)))]
        sharpness = float(rng.uniform(1, 4))
    else:
        count = int(rng.integers(3, 7))
        waves = [_direction(rng) * 2 * math.pi / (scale_m * float(rng.uniform(0.3, 2))) for _ in range(count)]
        sharpness = float(rng.uniform(0.4, 1.2))
    phases = tuple(float(rng.uniform(0, 2 * math.pi)) for _ in waves)
    return Texture(rgb, other, tuple((float(x), float(y), float(z)) for x, y, z in waves), phases, sharpness)


def _spots(
    rng: np.random.Generator, count: int, half_x: float, half_y: float, *, apart: float
) -> list[tuple[float, float]]:
    """Places on the ground, not too close to each other."""
    spots: list[tuple[float, float]] = []
    for _ in range(20 * count):
        x, y = float(rng.uniform(-half_x, half_x)), float(rng.uniform(-half_y, half_y))
        if len(spots) < count and all(math.hypot(x - a, y - b) > apart for a, b in spots):
            spots.append((x, y))
    return spots


def _sunlight(rng: np.random.Generator) -> Light:
    angle, height = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.5, 1.4))
    haze = float(rng.uniform(0.0, 0.25))
    light = Light(direction=_unit(math.cos(angle), math.sin(angle), height), sun_rgb=_tinted(rng, 0.72))
    grey = (0.8, 0.82, 0.85)
    return replace(
        light,
        ambient_rgb=_tinted(rng, 0.38),
        zenith_rgb=_mixed(light.zenith_rgb, grey, haze),
        horizon_rgb=_mixed(light.horizon_rgb, grey, haze),
    )


def _roll_in(scene: Scene, rng: np.random.Generator) -> Scene:
    """A ball crosses the scene."""
    colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
    radius, side = float(rng.uniform(0.25, 0.6)), float(rng.choice([-1, 1]))
    half_x, half_y = free_half_m(scene)
    start = (side * (half_x - radius), float(rng.uniform(-0.5, 0.5)) * half_y, radius)
    ball = Thing(
        "ball",
        start,
        (radius, radius, radius),
        _texture(rng, scale_m=0.35, colours=(colour,)),
        velocity=(-side * float(rng.uniform(0.5, 1.5)), 0.0, 0.0),
        name=f"{colour} ball",
    )
    where = "left" if side < 0 else "right"
    return replace(
        scene, things=(*scene.things, ball), caption=f"{scene.caption}. a {colour} ball rolls in from the {where}"
    )


def _slide(scene: Scene, rng: np.random.Generator) -> Scene:
    """One of the things moves off."""
    named = [i for i, thing in enumerate(scene.things) if thing.name and thing.radius_m < 1]
    if not named:
        return scene
    index = named[int(rng.integers(len(named)))]
    angle, speed = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.3, 1.0))
    moving = replace(scene.things[index], velocity=(speed * math.cos(angle), speed * math.sin(angle), 0.0))
    things = (*scene.things[:index], moving, *scene.things[index + 1 :])
    return replace(scene, things=things, caption=f"{scene.caption}. the {moving.name} moves")


def _dusk(scene: Scene, rng: np.random.Generator) -> Scene:
    change = LightChange(DUSK, float(rng.uniform(0, 1)), float(rng.uniform(2, 4)))
    return replace(scene, light_change=change, caption=f"{scene.caption}. dusk falls")


def _night(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, light=NIGHT, caption=f"{scene.caption}, at night")


def _fog(scene: Scene, rng: np.random.Generator) -> Scene:
    foggy = replace(scene.light, fog_per_m=float(rng.uniform(0.05, 0.15)), horizon_rgb=(0.78, 0.79, 0.8))
    change = LightChange(foggy, float(rng.uniform(0, 1)), float(rng.uniform(2, 4)))
    return replace(scene, light_change=change, caption=f"{scene.caption}. fog comes up")


# What moves is the commonest event: it is what a memory alone cannot show.
_EVENTS = (_roll_in, _roll_in, _slide, _slide, _dusk, _night, _fog)


def _unit(x: float, y: float, z: float) -> Vector:
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def _direction(rng: np.random.Generator) -> np.ndarray:  # (3,) unit
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def _tinted(rng: np.random.Generator, strength: float) -> Vector:
    r, g, b = strength * rng.uniform(0.92, 1.08, 3)
    return float(r), float(g), float(b)


def _varied(rng: np.random.Generator, rgb: Vector) -> Vector:
    r, g, b = np.clip(np.array(rgb) * rng.uniform(0.8, 1.15) + rng.uniform(-0.04, 0.04, 3), 0.03, 0.95)
    return float(r), float(g), float(b)


def _mixed(a: Vector, b: Vector, share: float) -> Vector:
    x, y, z = (p + (q - p) * share for p, q in zip(a, b, strict=True))
    return x, y, z
