"""Looking a surface point up in the views that saw it: the sampling half of the RGB readout.

A view may colour a point only where its own depth agrees that it saw that very surface, and where the pixel's patch is
placed by the same transform as the surface (so a deleted crate colours nothing, and a moved one only itself). Each of
the four bilinear taps is tested by itself, which keeps outlines as sharp as the views are.

Views are prepared in NumPy and asked in NumPy or torch (`mosaic_core.memory.arrays`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..cameras.camera import project_rows
from .arrays import NUMPY, Array, Arrays, as_float32
from .memory import Memory
from .placements import Placements
from .surfels import pixel_sizes, pixel_slopes
from .tone import shown_rgb
from .view import View
from .view_parts import ViewParts, part_of

# A view's depth agrees with a point within this share of the depth plus this share of the slope over one pixel, after
# the slope itself has been followed from the tap's centre to the point. Exact depth needs no more, and every loosening
# lets outlines grow: 1 % of 6 m is four pixels.
DEPTH_AGREEMENT = 0.002
SLOPE_AGREEMENT = 0.25
# A view that sees this much farther (relative) than a point says that there is nothing at the point.
FREE_SPACE = 0.01
# How quickly a view loses weight as it looks from another direction: at this angle it counts 1 / e.
ANGLE_FALLOFF_DEG = 12.0
# The fall is the power 2^n of a straight line in the cosine's square: nearly an exponential, and unlike that (or a
# square root) the same bits in every array library.
_FALL_DOUBLINGS = 6
# Views below this share of the best view's weight do not take part, and the others are faded in above it.
WEIGHT_FLOOR = 0.25
# How steep that line is: its power is 1 / e at the angle above.
_SLOPE = as_float32((1 - np.exp(-1 / 2**_FALL_DOUBLINGS)) / np.sin(np.radians(ANGLE_FALLOFF_DEG)) ** 2)


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """n points to colour, in the world as captured (edits undone)."""

    position: Array  # (3, n) float32
    eye: Array  # (3, n) or (3, 1) float32, the target camera's centre, moved along with the edit
    size_m: Array  # (n,) float32, a target pixel's size at that distance, undone as well
    transform: Array  # (n,) int32, index into Placements.transforms
    object_id: Array  # (n,) int32, the object each belongs to

    def taken(self, arrays: Arrays, index: Array) -> SurfacePoints:
        """The points at these positions."""
        return SurfacePoints(
            arrays.take(self.position, index, 1),
            self.eye if self.eye.shape[1] == 1 else arrays.take(self.eye, index, 1),
            *(arrays.take(column, index) for column in (self.size_m, self.transform, self.object_id)),
        )


class PlacedRows:
    """Answers whether a patch row is shown under a given transform."""

    def __init__(self, placements: Placements, shown: np.ndarray, row_count: int, arrays: Arrays = NUMPY) -> None:
        self._arrays = arrays
        self._transform_count = len(placements.transforms)
        rows, transform = placements.rows[shown].astype(np.int64), placements.transform_index[shown]
        self._at_home = np.zeros(row_count + 1, bool)
        self._at_home[rows[transform == 0]] = True
        self._keys = arrays.of(np.unique(rows * self._transform_count + transform))

    def at_home(self, rows: np.ndarray) -> np.ndarray:
        """Rows shown where they were captured."""
        return self._at_home[rows]

    def contains(self, rows: Array, transform: Array) -> Array:
        """Elementwise: row shown under that transform."""
        arrays = self._arrays
        keys = arrays.to_int64(rows) * self._transform_count + transform
        at = arrays.clip(arrays.search(self._keys, keys), 0, len(self._keys) - 1)
        return arrays.take(self._keys, at) == keys


class SourceView:
    """One view, packed for sampling."""

    def __init__(
        self,
        memory: Memory,
        index: int,
        placed: PlacedRows,
        arrays: Arrays = NUMPY,
        parts: ViewParts | None = None,
    ) -> None:
        view, rows = memory.views[index], memory.pixel_rows[index]
        self.camera, self._arrays, self._placed = view.camera, arrays, placed
        self._eye = [as_float32(value) for value in view.camera.position_world]
        packed = part_of(parts, "packed", memory, index, _packed)
        self._size_m, self._rgb, self._surface = (arrays.of(a) for a in (packed.size_m, packed.rgb, packed.surface))
        self._rows, self._object_ids = arrays.of(rows.ravel()), arrays.of(view.object_ids.ravel())
        # One look-up answers both "which object" and "shown here" for all that stands where it was captured.
        at_home = placed.at_home(rows)
        object_at_home = np.where(at_home, view.object_ids, -1)
        self._object_at_home = arrays.of(object_at_home.ravel())
        sky = view.sky & at_home
        # Beside an outline the picture is a mixture of sky and what stands before it.
        self._sky, self._clear_sky = arrays.of(sky.ravel()), arrays.of(_eroded(sky).ravel())
        self._even = arrays.of((packed.plane & _same_around(object_at_home)).ravel())

    def locate(
        self,
        points: SurfacePoints,
        floor: Array | float = 0.0,  # (n,) weights not above this are of no use to the caller
        *,
        nearby: bool = False,
    ) -> Located:
        """Where the points appear in this view, and what the view has to say about them.

        The weight is geometry and cheap; asking the view's pixels is not, and is left for the points above the floor.
        `nearby` also takes the word of the pixels around the one a point falls into.
        """
        arrays, take = self._arrays, self._arrays.take
        u, v, z = project_rows(points.position, self.camera)
        promised = arrays.where(self._inside(u, v, z), self._weight(points, z), 0.0)
        wanted = arrays.nonzero(promised > floor)
        promised = take(promised, wanted)
        at_u, at_v = take(u, wanted), take(v, wanted)
        asked = _Asked.of(arrays, points, take(z, wanted), wanted)
        weight, against = (arrays.full((len(u),), 0, np.float32) for _ in range(2))
        if nearby:
            agrees = arrays.full((len(wanted),), False, np.bool_)
            for tap, offset, _ in self._taps(at_u, at_v):
                agrees |= self._judge(tap, offset, asked)[0]
        else:
            column, row = arrays.to_int64(at_u), arrays.to_int64(at_v)
            offset = at_u - arrays.to_float(column) - 0.5, at_v - arrays.to_float(row) - 0.5
            agrees, sees_through = self._judge(row * self.camera.image_width + column, offset, asked)
            against[wanted] = promised * sees_through
        weight[wanted] = promised * agrees
        return Located(u, v, weight, against)

    def finest_size(self, points: SurfacePoints) -> tuple[Array, Array]:
        """Which of the points this view saw (positions), and how large its own pixel is there, metres."""
        arrays, take = self._arrays, self._arrays.take
        u, v, z = project_rows(points.position, self.camera)
        inside = arrays.nonzero(self._inside(u, v, z))
        u, v, asked = take(u, inside), take(v, inside), _Asked.of(arrays, points, take(z, inside), inside)
        column, row = arrays.to_int64(u), arrays.to_int64(v)
        offset = u - arrays.to_float(column) - 0.5, v - arrays.to_float(row) - 0.5
        tap = row * self.camera.image_width + column
        agrees = arrays.nonzero(self._judge(tap, offset, asked)[0])
        return take(inside, agrees), take(self._size_m, take(tap, agrees))

    def _inside(self, u: Array, v: Array, z: Array) -> Array:  # (n,) bool
        height, width = self.camera.image_height, self.camera.image_width
        return (z > 0) & (u >= 0) & (v >= 0) & (u < width) & (v < height)

    def _pixel(self, u: Array, v: Array) -> Array:  # (n,) flat
        return self._arrays.to_int64(v) * self.camera.image_width + self._arrays.to_int64(u)

    def _weight(self, points: SurfacePoints, z: Array) -> Array:
        arrays = self._arrays
        ax, ay, az = (points.position[i] - self._eye[i] for i in range(3))
        bx, by, bz = (points.position[i] - points.eye[i] for i in range(3))
        lengths = (ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz)
        cosine = ax * bx + ay * by + az * bz
        square = cosine * abs(cosine) / arrays.at_least(lengths, as_float32(1e-30))
        weight = arrays.at_least((square - 1) * _SLOPE + 1, 0.0)
        for _ in range(_FALL_DOUBLINGS):
            weight *= weight
        # A view that saw the point from farther away is blurrier than the picture needs.
        sharpness = arrays.clip(points.size_m * as_float32(self.camera.focal_px) / z, 0.0, 1.0)
        return weight * (sharpness * sharpness) + as_float32(1e-6)

    def sample(
        self,
        u: Array,  # (n,)
        v: Array,  # (n,)
        points: SurfacePoints,  # n
    ) -> Array:  # (3, n) float32
        """Bilinear colour from the taps that agree; `locate` has said that the nearest one does."""
        arrays, take = self._arrays, self._arrays.take
        row, column = (arrays.to_int64(arrays.floor(at - 0.5)) for at in (v, u))
        # Most points fall between four pixels that agree with each other: what one says, all say.
        block = arrays.at_least(row, 0) * self.camera.image_width + arrays.at_least(column, 0)
        even = take(self._even, block) & (row >= 0) & (column >= 0)
        even &= points.transform == 0
        asking = arrays.nonzero(~even)
        asked = _Asked.of(arrays, points, project_rows(take(points.position, asking, 1), self.camera)[2], asking)
        colour, total = arrays.full((3, len(u)), 0, np.float32), arrays.full((len(u),), 0, np.float32)
        for tap, (right, down), share in self._taps(u, v):
            offset = take(right, asking), take(down, asking)
            share[asking] *= self._judge(take(tap, asking), offset, asked)[0]
            for channel in range(3):
                colour[channel] += share * take(self._rgb[channel], tap)
            total += share
        return colour / arrays.at_least(total, as_float32(1e-12))

    def _taps(self, u: Array, v: Array) -> Iterator[tuple[Array, tuple[Array, Array], Array]]:
        """The four pixels around each position: flat index, offset from the pixel's centre, bilinear share."""
        arrays = self._arrays
        height, width = self.camera.image_height, self.camera.image_width
        left, top = arrays.floor(u - 0.5), arrays.floor(v - 0.5)
        across, down = u - 0.5 - left, v - 0.5 - top
        left, top = arrays.to_int64(left), arrays.to_int64(top)
        for dy in (0, 1):
            row = arrays.clip(top + dy, 0, height - 1) * width
            vertical = down if dy else 1 - down
            for dx in (0, 1):
                tap = row + arrays.clip(left + dx, 0, width - 1)
                # A share of exactly nothing would leave a point without colour where only that tap agrees.
                share = arrays.at_least(vertical * (across if dx else 1 - across), as_float32(1e-6))
                yield tap, (across - dx, down - dy), share

    def sample_sky(
        self,
        directions: Array,  # (3, n) world
        *,
        clear: bool,  # only where all pixels around are sky as well
    ) -> tuple[Array, Array, Array, Array]:  # (3, m) colour, (m,) u, v, and which of the n they are
        """The sky's colour in those of the directions at infinity where this view saw sky, nearest pixel."""
        arrays, take = self._arrays, self._arrays.take
        far = arrays.stacked([ray * 1e6 + own for ray, own in zip(directions, self._eye, strict=True)])
        u, v, z = project_rows(far, self.camera)
        inside = arrays.nonzero(self._inside(u, v, z))
        u, v = take(u, inside), take(v, inside)
        tap = self._pixel(u, v)
        is_sky = arrays.nonzero(take(self._clear_sky if clear else self._sky, tap))
        return take(self._rgb, take(tap, is_sky), 1), take(u, is_sky), take(v, is_sky), take(inside, is_sky)

    def sees_past(self, position: Array) -> tuple[Array, Array]:
        """(n,) whether points ((3, n)) are in this view's image, and whether it saw something farther there."""
        arrays, take = self._arrays, self._arrays.take
        u, v, z = project_rows(position, self.camera)
        inside = self._inside(u, v, z)
        there = arrays.nonzero(inside)
        tap = self._pixel(take(u, there), take(v, there))
        past = arrays.full((len(u),), False, np.bool_)
        past[there] = take(self._surface, tap)[:, 0] < (1 / take(z, there)) * as_float32(1 - FREE_SPACE)
        return inside, past

    def _judge(
        self,
        tap: Array,  # (n,) flat pixel
        offset: tuple[Array, Array],  # (n,) each: right and down from the tap's centre, pixels
        asked: _Asked,
    ) -> tuple[Array, Array]:  # (n,) bool each
        """Whether the tap shows the point (same object, same edit, same depth), and whether it sees past it."""
        take = self._arrays.take
        # `take` copies rows of four seven times faster than indexing does.
        surface = take(self._surface, tap)
        nearer = asked.inverse - (surface[:, 0] + surface[:, 1] * offset[0] + surface[:, 2] * offset[1])
        same = take(self._object_at_home, tap) == asked.object_id
        away = asked.away
        if len(away):
            tap = take(tap, away)
            shown = self._placed.contains(take(self._rows, tap), take(asked.transform, away))
            same[away] = shown & (take(self._object_ids, tap) == take(asked.object_id, away))
        tolerance = surface[:, 3]
        return (abs(nearer) <= tolerance) & same, nearer > tolerance + as_float32(FREE_SPACE) * asked.inverse


@dataclass(frozen=True, eq=False)
class Located:
    """n points in one view."""

    u: Array  # (n,) float32 pixels
    v: Array  # (n,) float32 pixels
    weight: Array  # (n,) float32, 0 where the view did not see the point, or below the floor
    against: Array  # (n,) float32, the weight with which it objects: it saw past the point, there is free space


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a view is asked about n points."""

    inverse: Array  # (n,) float32, 1 / z_depth in this view
    transform: Array  # (n,) int32
    object_id: Array  # (n,) int32
    away: Array  # positions of the points that an edit has moved

    @classmethod
    def of(cls, arrays: Arrays, points: SurfacePoints, z: Array, index: Array) -> _Asked:
        transform = arrays.take(points.transform, index)
        return cls(1 / z, transform, arrays.take(points.object_id, index), arrays.nonzero(transform != 0))


def _eroded(mask: np.ndarray) -> np.ndarray:  # (H, W) bool
    """Pixels all of whose eight neighbours are in the mask too; the image's border counts as inside."""
    padded = np.pad(mask, 1, constant_values=True)
    rows = padded[:-2] & padded[1:-1] & padded[2:]
    return rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]


@dataclass(frozen=True, eq=False)
class _Packed:
    """What no edit changes of a view with H x W = P pixels."""

    size_m: np.ndarray  # (P,) float32, a pixel's size on the surface
    rgb: np.ndarray  # (3, P) float32; a plane a channel: NumPy runs along whole rows several times faster
    surface: np.ndarray  # (P, 4) float32: 1 / z_depth at the centre, its slope along u and v, how far off it may be
    plane: np.ndarray  # (H, W) bool, a pixel and those right of, below and across from it lie on one plane


def _packed(view: View, rows: np.ndarray) -> _Packed:
    # A pixel of unknown depth (nan: every comparison fails) neither agrees nor objects. Sky lies behind everything.
    inverse = np.where(view.valid, 1 / view.z_depth.astype(np.float64), np.nan).astype(np.float32)
    slopes = pixel_slopes(view.z_depth, rows)
    steepness = np.abs(slopes[0]) + np.abs(slopes[1])
    tolerance = DEPTH_AGREEMENT * inverse + SLOPE_AGREEMENT * steepness
    return _Packed(
        size_m=pixel_sizes(view, slopes).ravel().astype(np.float32),
        rgb=np.ascontiguousarray(shown_rgb(view.rgb.reshape(-1, 3), view.tone).T),
        surface=np.stack([inverse, *slopes, tolerance], axis=-1).reshape(-1, 4).astype(np.float32),
        plane=_one_plane(inverse, slopes, tolerance),
    )


# What lies right of, below and across from each pixel.
_AROUND = ((0, 1), (1, 0), (1, 1))


def _one_plane(
    inverse: np.ndarray,  # (H, W)
    slopes: tuple[np.ndarray, np.ndarray],  # (H, W) each
    tolerance: np.ndarray,  # (H, W)
) -> np.ndarray:  # (H, W) bool
    """Whether a pixel and the three after it lie on one plane; never where the image ends."""
    even = np.zeros(inverse.shape, bool)
    corner = (slice(None, -1), slice(None, -1))
    agrees = np.ones(inverse[corner].shape, bool)
    for down, right in _AROUND:
        there = (slice(down, inverse.shape[0] - 1 + down), slice(right, inverse.shape[1] - 1 + right))
        ahead = inverse[corner] + right * slopes[0][corner] + down * slopes[1][corner]
        back = inverse[there] - right * slopes[0][there] - down * slopes[1][there]
        agrees &= np.abs(ahead - inverse[there]) <= 0.5 * tolerance[there]
        agrees &= np.abs(back - inverse[corner]) <= 0.5 * tolerance[corner]
    even[corner] = agrees
    return even


def _same_around(object_at_home: np.ndarray) -> np.ndarray:  # (H, W), -1 = not shown here -> (H, W) bool
    """Whether a pixel and the three after it show one object."""
    same = np.zeros(object_at_home.shape, bool)
    here = object_at_home[:-1, :-1]
    agrees = here >= 0
    for down, right in _AROUND:
        height, width = here.shape
        agrees &= object_at_home[down : height + down, right : width + right] == here
    same[:-1, :-1] = agrees
    return same
