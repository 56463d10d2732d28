"""Which patches an artist points at: arrays in, arrays out, NumPy alone.

`ScreenPatches` is a memory's patches as one view shows them. A click asks which quad under the cursor is nearest to the
eye. A region (box, lasso, circle) asks which patches show in it, and that is a question of what stands before what:
the patches' surfaces are sampled as densely as a coarse depth buffer has cells, the nearest depth of each cell is kept,
and a sample shows where nothing is much nearer. "Much" is what the patch itself goes deeper by, and a hundredth of its
distance: the layers that several views saw of one wall are all of them that wall.

No off-screen buffer of ids is drawn and read back: that would wait for the graphics card at every move of the mouse,
and could not run in a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .points import surface_points

# A click this near to a patch, with none under it, means the patch.
REACH_PX = 8
_NEAR = 1e-4  # of w; what is nearer or behind is not in the picture
_FINEST_CELL_PX = 4
_COARSEST_CELL_PX = 32
_MOST_SAMPLES = 300_000
_MOST_A_SIDE = 64
_SAME_DEPTH = 0.01
_OWN_DEPTH = 0.25  # of the patch's size, beside what it goes deeper by
_MOST_OWN_DEPTH = 0.15  # of the distance

# Which of some places in the atlas, (n, 2) in cells, hold a pixel that is the patch's own; by patch (n,).
OwnPixels = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class ScreenPatches:
    """P patches in a region of the screen, whose pixel (0, 0) is bottom left as in Blender."""

    corners_mesh: np.ndarray  # (P, 4, 3) float32
    by_coordinate: np.ndarray  # (3, 4, P) float32, the same, contiguous
    cells: np.ndarray  # (P, 4, 2) float32, their places in the atlas
    cell_size: np.ndarray  # (P,) float32
    clip_from_mesh: np.ndarray  # (4, 4)
    depth_from_mesh: np.ndarray  # (4,), the distance along the view's axis, metres
    width_px: int
    height_px: int
    own: OwnPixels | None = field(default=None)  # None: all of a quad is the patch's

    @cached_property
    def _projected(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x and y in pixels and the depth of the corners, (4, P) float32 each: coordinate by coordinate and corner by
        corner, a third of the time that arrays of points take. x is nan where a corner is behind the eye."""
        return self._project(*self.by_coordinate)

    @cached_property
    def bounds_px(self) -> np.ndarray:  # (4, P): left, bottom, right, top
        x, y, _ = self._projected
        low = (np.minimum.reduce(x), np.minimum.reduce(y))
        return np.stack([*low, np.maximum.reduce(x), np.maximum.reduce(y)])

    def corners_px(self, index: np.ndarray) -> np.ndarray:  # (n, 4, 2) float64
        """Where the corners of some patches are."""
        x, y, _ = self._projected
        return np.stack([x[:, index].T, y[:, index].T], axis=-1).astype(np.float64)

    def pick(self, x: float, y: float, *, reach_px: float = REACH_PX) -> tuple[int, float]:
        """The patch at a pixel and how far it is; (-1, inf) where there is none within `reach_px`."""
        left, bottom, right, top = self.bounds_px
        near = (left <= x + reach_px) & (right >= x - reach_px) & (bottom <= y + reach_px) & (top >= y - reach_px)
        index = np.flatnonzero(near)
        if len(index) == 0:
            return -1, np.inf
        quads, depths = self.corners_px(index), self._projected[2][:, index].T.astype(np.float64)
        along, down = _inside_coordinates(quads, x, y)
        hit = (along >= 0) & (along <= 1) & (down >= 0) & (down <= 1)
        if self.own is not None and hit.any():
            at = np.flatnonzero(hit)
            hit[at] = self.own(_mixed(self.cells[index[at]], along[at], down[at]), index[at])
        if not hit.any():
            return self._nearest(index, quads, depths, x, y, reach_px)
        # What is perspective is linear in one over depth.
        depth = 1 / _mixed(1 / np.maximum(depths, _NEAR)[hit][..., None], along[hit], down[hit])[:, 0]
        first = int(np.argmin(depth))
        return int(index[hit][first]), float(depth[first])

    def _nearest(
        self, index: np.ndarray, quads: np.ndarray, depths: np.ndarray, x: float, y: float, reach_px: float
    ) -> tuple[int, float]:
        distance = _distance_to_rims(quads, np.array([x, y]))
        best = int(np.argmin(distance))
        if not distance[best] <= reach_px:
            return -1, np.inf
        return int(index[best]), float(depths[best].mean())

    def showing_in(self, region: np.ndarray, *, through: bool = False) -> np.ndarray:  # (P,) bool
        """The patches that show in a region (H, W) bool, or with `through` also those behind others."""
        found = np.zeros(len(self.corners_mesh), bool)
        rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
        if len(rows) == 0:
            return found
        left, bottom, right, top = self.bounds_px
        near = (left <= columns[-1] + 1) & (right >= columns[0]) & (bottom <= rows[-1] + 1) & (top >= rows[0])
        patch, x, y, depth = self._samples(np.flatnonzero(near))
        inside = region[y, x]
        if not through:
            inside &= self._in_front(patch, x, y, depth)
        found[patch[inside]] = True
        return found

    def _in_front(self, patch: np.ndarray, x: np.ndarray, y: np.ndarray, depth: np.ndarray) -> np.ndarray:  # (S,) bool
        """Which samples have nothing much nearer in their cell of the depth buffer."""
        across = self.width_px // self._cell_px + 1
        cell = y // self._cell_px * across + x // self._cell_px
        nearest = np.full((self.height_px // self._cell_px + 1) * across, np.inf, np.float32)
        np.minimum.at(nearest, cell, depth)
        return depth <= nearest[cell] * np.float32(1 + _SAME_DEPTH) + self._own_depth[patch]

    @cached_property
    def _own_depth(self) -> np.ndarray:  # (P,) float32, metres
        """What a patch's surface goes deeper by across a cell of the depth buffer. Seen from their edges they would go
        on for ever: at most a share of the distance."""
        x, y, depth = self._projected
        (ax, ay, ad), (bx, by, bd) = ((part[corner] - part[0] for part in (x, y, depth)) for corner in (1, 3))
        area = ax * by - ay * bx
        area = np.where(np.abs(area) > 1e-6, area, np.float32(1e-6))
        slope = np.hypot((ad * by - bd * ay) / area, (bd * ax - ad * bx) / area)
        deep = slope * np.float32(1.5 * self._cell_px) + self.cell_size * np.float32(_OWN_DEPTH)
        return np.minimum(deep, depth[0] * np.float32(_MOST_OWN_DEPTH))

    def _samples(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Points on these patches, near enough together for the depth buffer: patch, x, y and depth (S,) of those in
        the picture."""
        left, bottom, right, top = self.bounds_px[:, index]
        sides = _sides(np.maximum(right - left, top - bottom), self._cell_px)
        found: list[tuple[np.ndarray, ...]] = []
        for side in np.unique(sides).tolist():
            mine = index[sides == side]
            patch = np.repeat(mine, side * side)
            points = np.ascontiguousarray(surface_points(self.corners_mesh[mine], side).reshape(-1, 3).T)
            x, y, depth = self._project(*points)
            seen = (x >= 0) & (x < self.width_px) & (y >= 0) & (y < self.height_px)
            own = self._own_samples(mine, side)
            if own is not None:
                seen &= own
            seen = np.flatnonzero(seen)
            found.append((patch[seen], x[seen].astype(np.int32), y[seen].astype(np.int32), depth[seen]))
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32)
        return tuple(np.concatenate(column) for column in zip(*found, strict=True))

    def _own_samples(self, index: np.ndarray, side: int) -> np.ndarray | None:  # (n * side * side,) bool
        """Which samples lie on the patch's own pixels; all of them where none would."""
        if self.own is None or side == 1:
            return None
        places = surface_points(self.cells[index], side).reshape(-1, 2)
        own = self.own(places, np.repeat(index, side * side)).reshape(len(index), -1)
        own[~own.any(axis=1)] = True
        return own.ravel()

    @cached_property
    def _cell_px(self) -> int:
        """Cells of the depth buffer so large that sampling all patches stays quick."""
        left, bottom, right, top = self.bounds_px
        width, height = self.width_px, self.height_px
        shown = (left < width) & (right > 0) & (bottom < height) & (top > 0)
        extent = np.clip(np.maximum(right - left, top - bottom)[shown], 1, max(width, height))
        cell_px = _FINEST_CELL_PX
        while cell_px < _COARSEST_CELL_PX and (_sides(extent, cell_px).astype(np.int64) ** 2).sum() > _MOST_SAMPLES:
            cell_px *= 2
        return cell_px

    def _project(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels across and up, nan behind the eye, and depth, of points given coordinate by coordinate."""
        to_x, to_y, to_w = self.clip_from_mesh[[0, 1, 3]].astype(np.float32)
        w = _affine(to_w, x, y, z)
        half = 0.5 / np.where(w > _NEAR, w, np.float32(np.nan))
        across = (_affine(to_x, x, y, z) * half + np.float32(0.5)) * np.float32(self.width_px)
        up = (_affine(to_y, x, y, z) * half + np.float32(0.5)) * np.float32(self.height_px)
        perspective = np.array_equal(self.clip_from_mesh[3], self.depth_from_mesh)
        return across, up, w if perspective else _affine(self.depth_from_mesh.astype(np.float32), x, y, z)


def _affine(row: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    total = x * row[0]
    total += y * row[1]
    total += z * row[2]
    total += row[3]
    return total


def box_region(size: tuple[int, int], start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    """The pixels (H, W) bool between two corners; `size` is (width, height)."""
    region = np.zeros((size[1], size[0]), bool)
    (left, right), (bottom, top) = (sorted((int(start[axis]), int(end[axis]))) for axis in (0, 1))
    region[max(bottom, 0) : max(top + 1, 0), max(left, 0) : max(right + 1, 0)] = True
    return region


def circle_region(size: tuple[int, int], centre: tuple[float, float], radius_px: float) -> np.ndarray:
    """The pixels (H, W) bool within a circle."""
    y, x = np.ogrid[: size[1], : size[0]]
    return (x + 0.5 - centre[0]) ** 2 + (y + 0.5 - centre[1]) ** 2 <= radius_px**2


def lasso_region(size: tuple[int, int], outline: np.ndarray) -> np.ndarray:
    """The pixels (H, W) bool whose middle a closed outline (n, 2) goes round an odd number of times."""
    width, height = size
    crossings = np.zeros((height, width + 1), np.int32)
    outline = np.asarray(outline, np.float64)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        low, high = sorted((y0, y1))
        rows = np.arange(max(int(np.ceil(low - 0.5)), 0), min(int(np.ceil(high - 0.5)), height))
        if len(rows) == 0 or high == low:
            continue
        x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        crossings[rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)] += 1
    return (np.cumsum(crossings, axis=1)[:, :width] % 2).astype(bool)


def _sides(length_px: np.ndarray, cell_px: float) -> np.ndarray:  # (n,) int
    """How many samples a side put at least one into each cell of the depth buffer: 1, 2, 4 ... 64."""
    wanted = np.nan_to_num(length_px, nan=1e9) * (np.sqrt(2) / cell_px)
    return (2 ** np.ceil(np.log2(np.clip(wanted, 1, _MOST_A_SIDE)))).astype(np.int64)


def _inside_coordinates(quads: np.ndarray, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    """How far along (n,) and down (n,) each quad (n, 4, 2) a point lies, as its two triangles have it; nan for a quad
    without an area."""
    at = np.array([x, y]) - quads[:, 0]
    along, down, other = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0], quads[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        area = _cross(along, down)
        first = _cross(at, down) / area, _cross(along, at) / area
        back_along, back_down, back = quads[:, 3] - other, quads[:, 1] - other, np.array([x, y]) - other
        area = _cross(back_along, back_down)
        second = 1 - _cross(back, back_down) / area, 1 - _cross(back_along, back) / area
    near_first = first[0] + first[1] <= 1
    return np.where(near_first, first[0], second[0]), np.where(near_first, first[1], second[1])


def _mixed(corners: np.ndarray, along: np.ndarray, down: np.ndarray) -> np.ndarray:  # (n, d)
    """Values between those at four corners (n, 4, d)."""
    s, t = along[:, None], down[:, None]
    top = corners[:, 0] * (1 - s) + corners[:, 1] * s
    return top * (1 - t) + (corners[:, 3] * (1 - s) + corners[:, 2] * s) * t


def _cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]


def _distance_to_rims(quads: np.ndarray, point: np.ndarray) -> np.ndarray:  # (n,)
    edge = np.roll(quads, -1, axis=1) - quads
    towards = point - quads
    length = np.maximum((edge**2).sum(axis=-1), 1e-12)
    share = np.clip((towards * edge).sum(axis=-1) / length, 0, 1)
    return np.sqrt(((towards - edge * share[..., None]) ** 2).sum(axis=-1)).min(axis=1)
