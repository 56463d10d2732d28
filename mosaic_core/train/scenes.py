"""Procedural scenes: things on a ground, in a room, a street or a landscape, under one light.

Geometry needs no meaning to be learned from (MegaSynth, LRM-Zero), so a scene is a handful of boxes, balls and
cylinders. Colours vary by solid textures, sums of few waves: the ray caster fades each wave out where a pixel grows
wider than it, so nothing flickers and nothing aliases.

Frozen, like a memory: an edited scene is another scene (`moved`, `copied`, `deleted`), and both can be rendered. World
axes are Blender's, lengths are metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

Vector = tuple[float, float, float]

GROUND, WALLS = 1, 2
FIRST_THING = 3  # object ids of things count up from here


@dataclass(frozen=True)
class Texture:
    """A colour, and another that waves mix in: mixed = 1/2 + 1/2 tanh(sharpness x sum of waves)."""

    rgb: Vector
    other_rgb: Vector
    wave_vectors: tuple[Vector, ...] = ()  # radians a metre, in the thing's own axes
    phases: tuple[float, ...] = ()
    sharpness: float = 1.0

    @classmethod
    def plain(cls, rgb: Vector) -> Texture:
        """One colour."""
        return cls(rgb, rgb)


@dataclass(frozen=True)
class Thing:
    """A box, a ball or an upright cylinder. Moves in a straight line and turns from `starts_s` on, or stands still."""

    kind: str  # "box", "ball" or "cylinder"
    centre: Vector  # at `starts_s` and before
    half_size: Vector  # a ball's radius is the first, a cylinder's radius the first and half height the last
    texture: Texture
    yaw: float = 0.0  # radians about the vertical
    velocity: Vector = (0.0, 0.0, 0.0)  # metres a second
    starts_s: float = 0.0
    stops_s: float = float("inf")
    name: str = ""

    @property
    def moves(self) -> bool:
        """Whether it is ever anywhere else."""
        return self.velocity != (0.0, 0.0, 0.0)

    def centre_at(self, time_s: float) -> Vector:
        """Where its middle is."""
        elapsed = min(max(time_s, self.starts_s), self.stops_s) - self.starts_s
        x, y, z = (c + v * elapsed for c, v in zip(self.centre, self.velocity, strict=True))
        return x, y, z

    @property
    def radius_m(self) -> float:
        """Of a circle on the ground around it."""
        if self.kind == "box":
            return (self.half_size[0] ** 2 + self.half_size[1] ** 2) ** 0.5
        return self.half_size[0]


@dataclass(frozen=True)
class Light:
    """The sun (or a lamp as far away), what comes from everywhere, and the air between."""

    direction: Vector = (0.4, -0.5, 0.77)  # towards the light, unit length
    sun_rgb: Vector = (0.75, 0.72, 0.65)
    ambient_rgb: Vector = (0.35, 0.37, 0.42)
    zenith_rgb: Vector = (0.35, 0.55, 0.85)
    horizon_rgb: Vector = (0.75, 0.82, 0.9)
    fog_per_m: float = 0.0


@dataclass(frozen=True)
class LightChange:
    """Between two times the light turns from the scene's own into another."""

    light: Light
    from_s: float
    until_s: float


@dataclass(frozen=True)
class Scene:
    """Everything a picture depends on beside the camera."""

    things: tuple[Thing, ...]
    ground: Texture
    light: Light = field(default_factory=Light)
    room_half_m: Vector | None = None  # half width, half depth and height of a closed room around the origin
    walls: Texture = field(default_factory=lambda: Texture.plain((0.7, 0.7, 0.68)))
    light_change: LightChange | None = None
    caption: str = ""
    kind: str = "room"  # "room", "street" or "landscape"

    def moved(self, index: int, offset_m: Vector) -> Scene:
        """The scene with one thing elsewhere."""
        thing = self.things[index]
        x, y, z = (a + b for a, b in zip(thing.centre, offset_m, strict=True))
        return self._with(index, replace(thing, centre=(x, y, z)))

    def copied(self, index: int, offset_m: Vector) -> Scene:
        """The scene with one thing twice; the copy comes last."""
        copy = self.moved(index, offset_m).things[index]
        return replace(self, things=(*self.things, copy))

    def deleted(self, index: int) -> Scene:
        """The scene without one thing. The ids of the others stay: its place is taken by nothing."""
        return self._with(index, replace(self.things[index], half_size=(0.0, 0.0, 0.0), centre=(0.0, 0.0, -1e4)))

    def _with(self, index: int, thing: Thing) -> Scene:
        return replace(self, things=(*self.things[:index], thing, *self.things[index + 1 :]))
