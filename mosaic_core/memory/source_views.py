"""Looking a surface point up in the views that saw it: the sampling half of the RGB readout.

A view may colour a point only where its own depth agrees that it saw that very surface, and where the pixel's patch is
placed by the same transform as the surface (so a deleted crate colours nothing, and a moved one only itself). Each of
the four bilinear taps is tested by itself, which keeps outlines as sharp as the views are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..cameras.camera import project_rows
from .memory import Memory
from .placements import Placements
from .surfels import pixel_sizes, pixel_slopes
from .tone import shown_rgb

# A view's depth agrees with a point within this share of the depth plus this share of the slope over one pixel, after
# the slope itself has been followed from the tap's centre to the point. Exact depth needs no more, and every loosening
# lets outlines grow: 1 % of 6 m is four pixels.
DEPTH_AGREEMENT = 0.002
SLOPE_AGREEMENT = 0.25
# A view that sees this much farther (relative) than a point says that there is nothing at the point.
FREE_SPACE = 0.01
# How quickly a view loses weight as it looks from another direction: at this angle it counts 1 / e.
ANGLE_FALLOFF_DEG = 12.0
# Views below this share of the best view's weight do not take part, and the others are faded in above it.
WEIGHT_FLOOR = 0.25


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """n points to colour, in the world as captured (edits undone)."""

    position: np.ndarray  # (3, n) float32
    eye: np.ndarray  # (3, n) or (3, 1) float32, the target camera's centre, moved along with the edit
    size_m: np.ndarray  # (n,) float32, a target pixel's size at that distance, undone as well
    transform: np.ndarray  # (n,) int32, index into Placements.transforms
    object_id: np.ndarray  # (n,) int32, the object each belongs to

    def taken(self, index: np.ndarray) -> SurfacePoints:
        """The points at these positions."""
        eye = self.eye if self.eye.shape[1] == 1 else self.eye.take(index, axis=1)
        return SurfacePoints(
            self.position.take(index, axis=1),
            eye,
            self.size_m.take(index),
            self.transform.take(index),
            self.object_id.take(index),
        )


class PlacedRows:
    """Answers whether a patch row is shown under a given transform."""

    def __init__(self, placements: Placements, shown: np.ndarray, row_count: int) -> None:
        self._transform_count = len(placements.transforms)
        rows, transform = placements.rows[shown].astype(np.int64), placements.transform_index[shown]
        self._at_home = np.zeros(row_count + 1, bool)
        self._at_home[rows[transform == 0]] = True
        self._keys = np.unique(rows * self._transform_count + transform)

    def at_home(self, rows: np.ndarray) -> np.ndarray:
        """Rows shown where they were captured."""
        return self._at_home[rows]

    def contains(self, rows: np.ndarray, transform: np.ndarray) -> np.ndarray:
        """Elementwise: row shown under that transform."""
        keys = rows.astype(np.int64) * self._transform_count + transform
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return self._keys[at] == keys


class SourceView:
    """One view, packed for sampling."""

    def __init__(self, memory: Memory, index: int, placed: PlacedRows) -> None:
        view, rows = memory.views[index], memory.pixel_rows[index]
        self.camera = view.camera
        # A pixel of unknown depth (nan: every comparison fails) neither agrees nor objects. Sky lies behind everything.
        inverse = np.where(view.valid, 1 / view.z_depth.astype(np.float64), np.nan).astype(np.float32)
        slopes = pixel_slopes(view.z_depth, rows)
        self._size_m = pixel_sizes(view, slopes).ravel().astype(np.float32)
        steepness = np.abs(slopes[0]) + np.abs(slopes[1])
        tolerance = DEPTH_AGREEMENT * inverse + SLOPE_AGREEMENT * steepness
        # A plane a channel: NumPy runs along whole rows several times faster than along three numbers.
        self._rgb = np.ascontiguousarray(shown_rgb(view.rgb.reshape(-1, 3), view.tone).T)
        # 1 / z_depth at the pixel's centre, its slope along u and v, and how far off it may be.
        self._surface = np.stack([inverse, *slopes, tolerance], axis=-1).reshape(-1, 4).astype(np.float32)
        self._placed = placed
        self._rows = rows.ravel()
        self._object_ids = view.object_ids.ravel()
        # One look-up answers both "which object" and "shown here" for all that stands where it was captured.
        self._object_at_home = np.where(placed.at_home(self._rows), self._object_ids, -1)
        sky = view.sky & placed.at_home(self._rows).reshape(rows.shape)
        # Beside an outline the picture is a mixture of sky and what stands before it.
        self._sky, self._clear_sky = sky.ravel(), _eroded(sky).ravel()
        self._even = _even_blocks(inverse, slopes, tolerance, self._object_at_home.reshape(rows.shape)).ravel()

    def locate(
        self,
        points: SurfacePoints,
        floor: np.ndarray | float = 0.0,  # (n,) weights not above this are of no use to the caller
        *,
        nearby: bool = False,
    ) -> Located:
        """Where the points appear in this view, and what the view has to say about them.

        The weight is geometry and cheap; asking the view's pixels is not, and is left for the points above the floor.
        `nearby` also takes the word of the pixels around the one a point falls into.
        """
        u, v, z = project_rows(points.position, self.camera)
        height, width = self.camera.image_height, self.camera.image_width
        inside = (z > 0) & (u >= 0) & (v >= 0) & (u < width) & (v < height)
        promised = np.where(inside, self._weight(points, z), np.float32(0))
        wanted = np.flatnonzero(promised > floor)
        at_u, at_v, asked = u.take(wanted), v.take(wanted), _Asked.of(points, z.take(wanted), wanted)
        weight, against = np.zeros(len(u), np.float32), np.zeros(len(u), np.float32)
        if nearby:
            agrees = np.zeros(len(wanted), bool)
            for tap, offset, _ in self._taps(at_u, at_v):
                agrees |= self._judge(tap, offset, asked)[0]
        else:
            column, row = at_u.astype(np.intp), at_v.astype(np.intp)
            tap = row * width + column
            half = np.float32(0.5)
            offset = at_u - column.astype(np.float32) - half, at_v - row.astype(np.float32) - half
            agrees, sees_through = self._judge(tap, offset, asked)
            against[wanted] = promised.take(wanted) * sees_through
        weight[wanted] = promised.take(wanted) * agrees
        return Located(u, v, weight, against)

    def finest_size(self, points: SurfacePoints) -> tuple[np.ndarray, np.ndarray]:
        """Which of the points this view saw (positions), and how large its own pixel is there, metres."""
        located = self.locate(points)
        seen = np.flatnonzero(located.weight > 0)
        tap = located.v[seen].astype(np.intp) * self.camera.image_width + located.u[seen].astype(np.intp)
        return seen, self._size_m.take(tap)

    def _weight(self, points: SurfacePoints, z: np.ndarray) -> np.ndarray:
        own = self.camera.position_world.astype(np.float32)
        ax, ay, az = (points.position[i] - own[i] for i in range(3))
        bx, by, bz = (points.position[i] - points.eye[i] for i in range(3))
        lengths = np.sqrt((ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz))
        cosine = (ax * bx + ay * by + az * bz) / np.maximum(lengths, np.float32(1e-20))
        falloff = np.float32(1 / (1 - np.cos(np.radians(ANGLE_FALLOFF_DEG))))
        # A view that saw the point from farther away is blurrier than the picture needs.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            sharpness = np.minimum(points.size_m * np.float32(self.camera.focal_px) / z, np.float32(1))
        return np.exp((cosine - 1) * falloff) * sharpness**2 + np.float32(1e-6)

    def sample(
        self,
        u: np.ndarray,  # (n,)
        v: np.ndarray,  # (n,)
        points: SurfacePoints,  # n
    ) -> np.ndarray:  # (3, n) float32
        """Bilinear colour from the taps that agree; `locate` has said that the nearest one does."""
        row, column = (np.floor(at - np.float32(0.5)).astype(np.intp) for at in (v, u))
        # Most points fall between four pixels that agree with each other: what one says, all say.
        block = np.maximum(row, 0) * self.camera.image_width + np.maximum(column, 0)
        even = self._even.take(block) & (row >= 0) & (column >= 0)
        even &= points.transform == 0
        asking = np.flatnonzero(~even)
        asked = _Asked.of(points, project_rows(points.position.take(asking, axis=1), self.camera)[2], asking)
        colour, total = np.zeros((3, len(u)), np.float32), np.zeros(len(u), np.float32)
        for tap, (right, down), share in self._taps(u, v):
            offset = right.take(asking), down.take(asking)
            share[asking] *= self._judge(tap.take(asking), offset, asked)[0]
            for channel in range(3):
                colour[channel] += share * self._rgb[channel].take(tap)
            total += share
        return colour / np.maximum(total, np.float32(1e-12))

    def _taps(
        self, u: np.ndarray, v: np.ndarray
    ) -> Iterator[tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]]:
        """The four pixels around each position: flat index, offset from the pixel's centre, bilinear share."""
        height, width = self.camera.image_height, self.camera.image_width
        left, top = np.floor(u - np.float32(0.5)), np.floor(v - np.float32(0.5))
        across, down = u - np.float32(0.5) - left, v - np.float32(0.5) - top
        left, top = left.astype(np.intp), top.astype(np.intp)
        for dy in (0, 1):
            row = np.clip(top + dy, 0, height - 1) * width
            vertical = down if dy else 1 - down
            for dx in (0, 1):
                tap = row + np.clip(left + dx, 0, width - 1)
                # A share of exactly nothing would leave a point without colour where only that tap agrees.
                share = np.maximum(vertical * (across if dx else 1 - across), np.float32(1e-6))
                yield tap, (across - dx, down - dy), share

    def sample_sky(
        self,
        directions: np.ndarray,  # (3, n) world
        *,
        clear: bool,  # only where all pixels around are sky as well
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # (3, n) colour, (n,) u, v, and bool seen as sky
        """The sky's colour in directions at infinity, nearest pixel."""
        far = directions * np.float32(1e6) + self.camera.position_world.astype(np.float32)[:, None]
        u, v, z = project_rows(far, self.camera)
        height, width = self.camera.image_height, self.camera.image_width
        inside = np.flatnonzero((z > 0) & (u >= 0) & (v >= 0) & (u < width) & (v < height))
        tap = v[inside].astype(np.intp) * width + u[inside].astype(np.intp)
        seen = np.zeros(len(u), bool)
        colour = np.zeros((3, len(u)), np.float32)
        is_sky = (self._clear_sky if clear else self._sky).take(tap)
        seen[inside[is_sky]] = True
        colour[:, inside[is_sky]] = self._rgb[:, tap[is_sky]]
        return colour, u, v, seen

    def sees_past(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) whether points ((3, n)) are in this view's image, and whether it saw something farther there."""
        u, v, z = project_rows(position, self.camera)
        height, width = self.camera.image_height, self.camera.image_width
        inside = (z > 0) & (u >= 0) & (v >= 0) & (u < width) & (v < height)
        there = np.flatnonzero(inside)
        tap = v[there].astype(np.intp) * width + u[there].astype(np.intp)
        past = np.zeros(len(u), bool)
        past[there] = self._surface[tap, 0] < np.float32(1 - FREE_SPACE) / z[there]
        return inside, past

    def _judge(
        self,
        tap: np.ndarray,  # (n,) flat pixel
        offset: tuple[np.ndarray, np.ndarray],  # (n,) each: right and down from the tap's centre, pixels
        asked: _Asked,
    ) -> tuple[np.ndarray, np.ndarray]:  # (n,) bool each
        """Whether the tap shows the point (same object, same edit, same depth), and whether it sees past it."""
        # `take` copies rows of four seven times faster than indexing does.
        surface = self._surface.take(tap, axis=0)
        nearer = asked.inverse - (surface[:, 0] + surface[:, 1] * offset[0] + surface[:, 2] * offset[1])
        same = self._object_at_home.take(tap) == asked.object_id
        away = asked.away
        if len(away):
            shown = self._placed.contains(self._rows[tap[away]], asked.transform[away])
            same[away] = shown & (self._object_ids[tap[away]] == asked.object_id[away])
        tolerance = surface[:, 3]
        return (np.abs(nearer) <= tolerance) & same, nearer > tolerance + np.float32(FREE_SPACE) * asked.inverse


@dataclass(frozen=True, eq=False)
class Located:
    """n points in one view."""

    u: np.ndarray  # (n,) float32 pixels
    v: np.ndarray  # (n,) float32 pixels
    weight: np.ndarray  # (n,) float32, 0 where the view did not see the point, or below the floor
    against: np.ndarray  # (n,) float32, the weight with which it objects: it saw past the point, there is free space


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a view is asked about n points."""

    inverse: np.ndarray  # (n,) float32, 1 / z_depth in this view
    transform: np.ndarray  # (n,) int32
    object_id: np.ndarray  # (n,) int32
    away: np.ndarray  # positions of the points that an edit has moved

    @classmethod
    def of(cls, points: SurfacePoints, z: np.ndarray, index: np.ndarray) -> _Asked:
        transform = points.transform.take(index)
        return cls(np.float32(1) / z, transform, points.object_id.take(index), np.flatnonzero(transform))


def _eroded(mask: np.ndarray) -> np.ndarray:  # (H, W) bool
    """Pixels all of whose eight neighbours are in the mask too; the image's border counts as inside."""
    padded = np.pad(mask, 1, constant_values=True)
    rows = padded[:-2] & padded[1:-1] & padded[2:]
    return rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]


def _even_blocks(
    inverse: np.ndarray,  # (H, W)
    slopes: tuple[np.ndarray, np.ndarray],  # (H, W) each
    tolerance: np.ndarray,  # (H, W)
    object_at_home: np.ndarray,  # (H, W) -1 = not shown here
) -> np.ndarray:  # (H, W) bool
    """Whether a pixel and those right of, below and across from it lie on one plane of one object."""
    even = np.zeros(inverse.shape, bool)
    corner = (slice(None, -1), slice(None, -1))
    here = object_at_home[corner]
    agrees = here >= 0
    for down, right in ((0, 1), (1, 0), (1, 1)):
        there = (slice(down, inverse.shape[0] - 1 + down), slice(right, inverse.shape[1] - 1 + right))
        ahead = inverse[corner] + right * slopes[0][corner] + down * slopes[1][corner]
        back = inverse[there] - right * slopes[0][there] - down * slopes[1][there]
        agrees &= object_at_home[there] == here
        agrees &= np.abs(ahead - inverse[there]) <= 0.5 * tolerance[there]
        agrees &= np.abs(back - inverse[corner]) <= 0.5 * tolerance[corner]
    even[corner] = agrees
    return even
