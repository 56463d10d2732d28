"""Shapes as plain arrays: boxes, lathed profiles, grids, with texture coordinates in metres.

Everything of the courtyard is joined from these few shapes. They are NumPy only, so they build without Blender's
operators (which need a window or a context) and give the same vertices on every version. Texture coordinates come
from lengths in metres, never from stretching a square over a face: one texture has one scale all over an object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Surface:
    """A polygon mesh: V vertices, F faces, L face corners."""

    vertices: np.ndarray  # (V, 3) float64, metres
    corners: np.ndarray  # (L,) int, the vertex at each face corner
    sizes: np.ndarray  # (F,) int, corners a face
    uv: np.ndarray  # (L, 2) float64
    smooth: np.ndarray  # (F,) bool
    material: np.ndarray  # (F,) int

    def faces(self) -> list[list[int]]:
        """Vertex indices of each face."""
        ends = np.cumsum(self.sizes)
        return [self.corners[end - size : end].tolist() for end, size in zip(ends, self.sizes, strict=True)]

    def with_material(self, index: int) -> Surface:
        """All faces with this material slot."""
        return replace(self, material=np.full(len(self.sizes), index))

    def moved(self, offset: Sequence[float], *, turn_deg: float = 0.0, scale: float = 1.0) -> Surface:
        """Scaled, then turned about the vertical axis, then shifted."""
        return self.transformed(turn_z(turn_deg) * scale, offset)

    def transformed(self, linear: np.ndarray, offset: Sequence[float] = (0, 0, 0)) -> Surface:
        """`linear` (3, 3) and an offset applied to the vertices."""
        return replace(self, vertices=self.vertices @ np.asarray(linear).T + np.asarray(offset, float))

    def shifted_uv(self, offset: Sequence[float]) -> Surface:
        """Another part of the texture, so that two pieces of one plank do not look alike."""
        return replace(self, uv=self.uv + np.asarray(offset))


def turn_z(angle_deg: float) -> np.ndarray:  # (3, 3)
    """The rotation about the vertical axis, counter-clockwise from above."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def turn_x(angle_deg: float) -> np.ndarray:  # (3, 3)
    """The rotation about the x axis."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])


def turn_y(angle_deg: float) -> np.ndarray:  # (3, 3)
    """The rotation about the y axis."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[c, 0, s], [0, 1.0, 0], [-s, 0, c]])


def joined(parts: Iterable[Surface]) -> Surface:
    """One surface of many."""
    parts = list(parts)
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    return Surface(
        vertices=np.concatenate([part.vertices for part in parts]),
        corners=np.concatenate([p.corners + start for p, start in zip(parts, starts, strict=True)]),
        sizes=np.concatenate([part.sizes for part in parts]),
        uv=np.concatenate([part.uv for part in parts]),
        smooth=np.concatenate([part.smooth for part in parts]),
        material=np.concatenate([part.material for part in parts]),
    )


def polygons(
    vertices: np.ndarray,  # (V, 3)
    faces: Sequence[Sequence[int]],
    *,
    tile_m: float,
    grain: int = 2,
) -> Surface:
    """Flat-shaded faces; the texture is projected along each face's main axis, its v along axis `grain`."""
    vertices = np.asarray(vertices, float)
    uv = [_projected_uv(vertices[list(face)], grain) / tile_m for face in faces]
    return Surface(
        vertices=vertices,
        corners=np.concatenate([np.asarray(face, int) for face in faces]),
        sizes=np.array([len(face) for face in faces]),
        uv=np.concatenate(uv),
        smooth=np.zeros(len(faces), bool),
        material=np.zeros(len(faces), int),
    )


def _projected_uv(points: np.ndarray, grain: int) -> np.ndarray:
    edges = np.roll(points, -1, axis=0) - points
    normal = np.abs(np.cross(edges, np.roll(edges, -1, axis=0)).sum(axis=0))
    flat = int(np.argmax(normal))
    others = [axis for axis in range(3) if axis != flat]
    v_axis = grain if grain in others else others[1]
    u_axis = next(axis for axis in others if axis != v_axis)
    return points[:, [u_axis, v_axis]]


def box(
    size: Sequence[float],
    *,
    tile_m: float,
    bevel_m: float = 0.0,
    grain: int = 2,
) -> Surface:
    """A box standing on z = 0, centred in x and y, its edges cut by `bevel_m` (an edge that catches light)."""
    half = np.asarray(size, float) / 2
    if bevel_m <= 0:
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
        return polygons(signs * half + [0, 0, half[2]], quads, tile_m=tile_m, grain=grain)
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    index: dict[tuple, int] = {}
    vertices = []
    for axis in range(3):
        inset = np.where(np.arange(3) == axis, 0.0, bevel_m)
        for signs in corners:
            index[axis, signs] = len(vertices)
            vertices.append(np.array(signs) * (half - inset))
    points = np.array(vertices)
    faces = [_outward(points, face) for face in _bevel_faces(index, corners)]
    return polygons(points + np.array([0, 0, half[2]]), faces, tile_m=tile_m, grain=grain)


def _bevel_faces(index: dict[tuple, int], corners: list[tuple]) -> list[list[int]]:
    faces = []
    for axis in range(3):
        first, second = (a for a in range(3) if a != axis)
        for sign in (-1, 1):
            ring = [c for c in corners if c[axis] == sign]
            ring.sort(key=lambda c: np.arctan2(c[second], c[first]))
            faces.append([index[axis, c] for c in ring])
        for a in (-1, 1):
            for b in (-1, 1):
                ends = [c for c in corners if c[first] == a and c[second] == b]
                low, high = sorted(ends, key=lambda c: c[axis])
                faces.append([index[first, low], index[first, high], index[second, high], index[second, low]])
    faces += [[index[axis, c] for axis in range(3)] for c in corners]
    return faces


def _outward(points: np.ndarray, face: list[int]) -> list[int]:
    p = points[face]
    normal = np.cross(p[1] - p[0], p[2] - p[0])
    return face if normal @ p.mean(axis=0) > 0 else face[::-1]


def grid(
    points: np.ndarray,  # (R, C, 3)
    uv: np.ndarray,  # (R, C, 2)
    *,
    smooth: bool = True,
) -> Surface:
    """Quads over a grid of points; seen from the side where columns run right and rows run up."""
    rows, columns = points.shape[:2]
    at = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=-1).reshape(-1, 4)
    corners = quads.ravel()
    return Surface(
        vertices=points.reshape(-1, 3).astype(float),
        corners=corners,
        sizes=np.full(len(quads), 4),
        uv=uv.reshape(-1, 2)[corners].astype(float),
        smooth=np.full(len(quads), smooth),
        material=np.zeros(len(quads), int),
    )


def lathe(
    profile: Sequence[tuple[float, float]],  # (radius, height) from the bottom up
    *,
    sides: int,
    tile_m: float = 0.0,
    flutes: float = 0.0,
    smooth: bool = True,
) -> Surface:
    """A profile turned about the vertical axis.

    With `tile_m` the texture wraps a whole number of times; without, it wraps once and v is the share of the
    profile's length. `flutes` cuts every second side's edge in by this share of the radius.
    """
    outline = np.asarray(profile, float)
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(outline, axis=0), axis=1))])
    # The seam of texture and shading starts at the back (+y), where the cameras look least.
    angle = np.arange(sides + 1) / sides * 2 * np.pi
    angle = angle + np.pi / 2
    cut = np.where(np.arange(sides + 1) % 2 == 1, 1 - flutes, 1.0)
    radius = outline[:, None, 0] * cut[None]
    height = np.broadcast_to(outline[:, None, 1], radius.shape)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)
    if tile_m:
        turns = max(1, round(2 * np.pi * outline[:, 0].max() / tile_m))
        v = lengths / tile_m
    else:
        turns, v = 1, lengths / lengths[-1]
    uv = np.stack(np.broadcast_arrays((angle[None] / (2 * np.pi) - 0.25) * turns, v[:, None]), axis=-1)
    return grid(points, uv, smooth=smooth)


def disc(radius: float, height: float, *, sides: int, tile_m: float) -> Surface:
    """A flat polygon that looks up."""
    angle = np.arange(sides) / sides * 2 * np.pi
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(sides, height)], axis=-1)
    return polygons(points, [range(sides)], tile_m=tile_m)


def beam(
    start: Sequence[float],
    end: Sequence[float],
    *,
    width: float,
    height: float,
    tile_m: float,
    bevel_m: float = 0.01,
) -> Surface:
    """A straight timber between two points, its grain along it, `height` measured upwards."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    along = (b - a) / np.linalg.norm(b - a)
    side = np.cross([0, 0, 1.0], along)
    side = side / np.linalg.norm(side) if np.linalg.norm(side) > 1e-6 else np.array([1.0, 0, 0])
    frame = np.stack([side, np.cross(along, side), along], axis=1)
    timber = box((width, height, np.linalg.norm(b - a)), tile_m=tile_m, bevel_m=bevel_m, grain=2)
    return timber.transformed(frame, a)
