"""A random scene of assets: floor tiles, walls on two to four sides, and things that stand on the floor.

It is planned twice over: as Blender objects, and as a `Scene` of the boxes around them, which is what the code that
chooses cameras and edits reads. Thing i of that scene is prop i, so its id in pictures is `FIRST_THING` + i.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import bpy
import numpy as np

from mosaic_core.errors import MosaicError
from mosaic_core.model.text import VOCABULARY
from mosaic_core.train.compose import COLOURS
from mosaic_core.train.scenes import FIRST_THING, GROUND, WALLS, Scene, Texture, Thing

from .assets import Assets, Piece, import_piece, name_of

PROPS = (6, 14)
WALL_HEIGHT_M = (2.3, 3.2)
# Of the floor, so that a camera finds its way between things.
_FILLED_SHARE = 0.4
_MIN_SIDE_M, _MAX_RADIUS_M = 0.25, 1.6
_TRIES = 40
_PLAIN = Texture.plain((0.5, 0.5, 0.5))


@dataclass(eq=False)
class Composed:
    """The scene in Blender, and the plan of it."""

    scene: Scene
    props: list[bpy.types.Object] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)  # object name -> id in pictures

    def add(self, mesh: bpy.types.Mesh, object_id: int, at: tuple[float, float, float], yaw: float) -> bpy.types.Object:
        """Put a mesh into the open scene."""
        obj = bpy.data.objects.new(f"{object_id:03d} {mesh.name}", mesh)
        obj.location, obj.rotation_euler = at, (0.0, 0.0, yaw)
        bpy.context.scene.collection.objects.link(obj)
        self.ids[obj.name] = object_id
        return obj


def compose(assets: Assets, place: str, seed: int) -> Composed:
    """Fill the open, empty scene; `place` is the noun for all of it. Raises `MosaicError` where nothing would stand."""
    rng = np.random.default_rng((seed, 10))
    shelf = _Shelf(assets, rng)
    walls = shelf.some(assets.walls, _is_panel, count=3)
    if walls:
        # Packs are made for other cameras than a person's: a wall here is as high as a room's.
        shelf.rescale(float(rng.uniform(*WALL_HEIGHT_M)) / float(walls[0].size_m[2]))
        walls = [shelf.piece(wall.file) for wall in walls]
    side_m = float(walls[0].size_m[0]) if walls else 4.0
    walls = [wall for wall in walls if abs(wall.size_m[0] - side_m) < 0.01 * side_m]
    fewest = math.ceil(7 / side_m)
    cells = rng.integers(fewest, max(fewest, round(10 / side_m)) + 1, 2)
    half_x, half_y = (float(n * side_m / 2) for n in cells)
    thick_m = max((float(-wall.low_m[1]) for wall in walls), default=0.0)  # on the inside
    room_half_m = (half_x - thick_m, half_y - thick_m, float(walls[0].size_m[2]) if walls else 4.0)
    composed = Composed(Scene((), _PLAIN, room_half_m=room_half_m))
    composed.add(_plane(rng), GROUND, (0.0, 0.0, -0.15), 0.0)
    _lay_floor(
        composed, shelf.some(assets.floors, lambda piece: _is_tile(piece, side_m), count=2), (half_x, half_y), rng
    )
    if walls:
        _build_walls(composed, walls, shelf.hanging(), cells, rng)
    things = _furnish(composed, shelf, rng)
    if not things:
        raise MosaicError("none of the assets stands on the ground, or all are too large or too small for a room")
    names = ", ".join(f"a {thing.name}" for thing in things)
    noun = place if place in VOCABULARY else "scene"
    composed.scene = replace(composed.scene, things=tuple(things), caption=f"a {noun} with {names}")
    return composed


class _Shelf:
    """Assets, imported when they are first asked for."""

    def __init__(self, assets: Assets, rng: np.random.Generator) -> None:
        self.assets, self.rng = assets, rng
        self._pieces: dict[Path, Piece] = {}
        self._scale = 1.0

    def rescale(self, scale: float) -> None:
        """From now on every asset is so many times its size."""
        self._pieces.clear()
        self._scale = scale

    def piece(self, file: Path) -> Piece:
        """An asset, the same mesh each time."""
        if file not in self._pieces:
            self._pieces[file] = import_piece(file, self._scale)
        return self._pieces[file]

    def some(self, files: tuple[Path, ...], fits: Callable[[Piece], bool], *, count: int) -> list[Piece]:
        """Up to so many random ones that fit."""
        found: list[Piece] = []
        for index in self.rng.permutation(len(files))[: 8 * count]:
            if len(found) < count and fits(piece := self.piece(files[index])):
                found.append(piece)
        return found

    def prop(self) -> tuple[Path, Piece]:
        """Any thing, a stool as likely as any of forty banners."""
        group = self.assets.props[int(self.rng.integers(len(self.assets.props)))]
        file = group[int(self.rng.integers(len(group)))]
        return file, self.piece(file)

    def hanging(self) -> list[Piece]:
        """A few things made to hang on a wall."""
        return [piece for _ in range(8) if _hangs(piece := self.prop()[1])] if self.assets.props else []


def _is_panel(piece: Piece) -> bool:
    """A straight piece of wall about its own origin, at whatever size it was made."""
    width, depth, height = piece.size_m
    centred = abs(piece.low_m[0] + piece.high_m[0]) < 0.01 * width
    return bool(centred and depth < 0.4 * width and 0.6 * width < height < 3 * width and _is_on_ground(piece))


def _is_tile(piece: Piece, side_m: float) -> bool:
    """A flat square of which a whole number fits along a side."""
    width, depth, _ = piece.size_m
    count = side_m / width
    square = abs(width - depth) < 0.01 * width and abs(count - round(count)) < 0.01 and count > 0.9
    return bool(square and piece.low_m[2] > -0.1 * side_m and piece.high_m[2] < 0.1 * side_m)


def _is_on_ground(piece: Piece) -> bool:
    return bool(abs(piece.low_m[2]) < 0.02 * piece.size_m[2])


def _stands(piece: Piece) -> bool:
    """About its own origin, not too flat and not too large."""
    radius = float(np.hypot(*piece.size_m[:2])) / 2
    beside = float(np.hypot(*(piece.low_m + piece.high_m)[:2])) / 2
    large_enough = piece.size_m.max() > 1.5 * _MIN_SIDE_M and piece.size_m[2] > _MIN_SIDE_M
    return bool(_is_on_ground(piece) and large_enough and radius < _MAX_RADIUS_M and beside < radius)


def _hangs(piece: Piece) -> bool:
    """Made for a wall whose origin is its own: clear of the ground, flat, and before the wall's middle."""
    height = piece.high_m[2]
    return bool(piece.low_m[2] > 0.1 * height and piece.size_m[1] < 0.2 * height and piece.high_m[1] < -0.05 * height)


def _plane(rng: np.random.Generator) -> bpy.types.Mesh:
    """The country around, to the horizon."""
    far_m = 300.0
    mesh = bpy.data.meshes.new("Country")
    corners = [(-far_m, -far_m, 0), (far_m, -far_m, 0), (far_m, far_m, 0), (-far_m, far_m, 0)]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    colour = np.array(COLOURS[("green", "brown", "grey")[int(rng.integers(3))]]) * rng.uniform(0.4, 0.8)
    material = bpy.data.materials.new("Country")
    material.diffuse_color = (*colour, 1.0)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value, shader.inputs["Roughness"].default_value = (*colour, 1.0), 1.0
    mesh.materials.append(material)
    return mesh


def _lay_floor(composed: Composed, tiles: list[Piece], half_m: tuple[float, float], rng: np.random.Generator) -> None:
    """Squares of the largest tile's size, each filled by one kind."""
    if not tiles:
        return
    tiles = sorted(tiles, key=lambda tile: -tile.size_m[0])
    largest = float(tiles[0].size_m[0])
    tiles = [tile for tile in tiles if abs(largest / tile.size_m[0] - round(largest / tile.size_m[0])) < 0.01]
    for x in np.arange(-half_m[0], half_m[0] - 0.01, largest):
        for y in np.arange(-half_m[1], half_m[1] - 0.01, largest):
            tile = tiles[int(rng.random() < 0.3) % len(tiles)]
            side = float(tile.size_m[0])
            for i in range(round(largest / side)):
                for j in range(round(largest / side)):
                    at = (float(x) + (i + 0.5) * side, float(y) + (j + 0.5) * side, 0.0)
                    composed.add(tile.mesh, GROUND, at, math.pi / 2 * int(rng.integers(4)))


def _build_walls(
    composed: Composed, walls: list[Piece], hanging: list[Piece], cells: np.ndarray, rng: np.random.Generator
) -> None:
    """Panels on two to four sides, their -Y to the inside, some with something on it."""
    side_m = float(walls[0].size_m[0])
    sides = rng.permutation(4)[: int(rng.choice([2, 3, 4], p=(0.2, 0.3, 0.5)))]
    for side in sides:
        yaw = math.pi / 2 * int(side)  # 0 is the wall at +Y
        along, across = (cells[0], cells[1]) if side % 2 == 0 else (cells[1], cells[0])
        for k in range(along):
            x, y = (k + 0.5 - along / 2) * side_m, across * side_m / 2
            at = (x * math.cos(yaw) - y * math.sin(yaw), x * math.sin(yaw) + y * math.cos(yaw), 0.0)
            wall = walls[int(rng.integers(len(walls))) if rng.random() < 0.4 else 0]
            composed.add(wall.mesh, WALLS, at, yaw)
            if hanging and rng.random() < 0.4 and abs(wall.low_m[1] + wall.high_m[1]) < 0.01 * side_m:
                composed.add(hanging[int(rng.integers(len(hanging)))].mesh, WALLS, at, yaw)


def _furnish(composed: Composed, shelf: _Shelf, rng: np.random.Generator) -> list[Thing]:
    """Things that stand apart from each other; the boxes around them."""
    room = composed.scene.room_half_m
    assert room is not None
    wanted = int(rng.integers(PROPS[0], PROPS[1] + 1))
    things: list[Thing] = []
    filled_m2, free_m2 = 0.0, _FILLED_SHARE * 4 * room[0] * room[1]
    for _ in range(_TRIES if shelf.assets.props else 0):
        file, piece = shelf.prop()
        radius = float(np.hypot(*piece.size_m[:2])) / 2
        if len(things) == wanted or not _stands(piece) or filled_m2 + math.pi * radius**2 > free_m2:
            continue
        spot = _free_spot(rng, things, radius, (room[0] - radius, room[1] - radius))
        if spot is None:
            continue
        filled_m2 += math.pi * radius**2
        yaw = float(rng.uniform(0, 2 * math.pi))
        things.append(_stand(composed, piece, spot, yaw, name_of(file)))
    return things


def _stand(composed: Composed, piece: Piece, spot: tuple[float, float], yaw: float, name: str) -> Thing:
    """Put a thing down with the middle of its box over a spot."""
    middle = (piece.low_m + piece.high_m) / 2
    cosine, sine = math.cos(yaw), math.sin(yaw)
    x = spot[0] - cosine * float(middle[0]) + sine * float(middle[1])
    y = spot[1] - sine * float(middle[0]) - cosine * float(middle[1])
    composed.props.append(composed.add(piece.mesh, FIRST_THING + len(composed.props), (x, y, 0.0), yaw))
    half_x, half_y, half_z = (float(side) / 2 for side in piece.size_m)
    return Thing("box", (*spot, float(middle[2])), (half_x, half_y, half_z), _PLAIN, yaw=yaw, name=name)


def _free_spot(
    rng: np.random.Generator, things: list[Thing], radius_m: float, half_m: tuple[float, float]
) -> tuple[float, float] | None:
    if min(half_m) <= 0:
        return None
    for _ in range(_TRIES):
        x, y = (float(rng.uniform(-half, half)) for half in half_m)
        if all(math.hypot(x - t.centre[0], y - t.centre[1]) > t.radius_m + radius_m + 0.05 for t in things):
            return x, y
    return None
