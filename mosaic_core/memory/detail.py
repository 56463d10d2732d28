"""Which surfels a camera needs: of the patches it may see, at the level of detail that its pixels can show.

A patch is the unit. It is left out where the sphere around it lies outside the picture, and it is shown by larger
surfels where the camera's pixels are larger than its own. Both depend on nothing but the camera and that patch, as
captured and as placed: so an edit never changes how a patch that it does not touch is drawn. Chosen in NumPy, for the
arrays of whichever library splats them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from ..cameras import Camera
from .arrays import NUMPY, Array, Arrays
from .memory import Memory
from .placements import Placements
from .splatting import NEAR_M, Chosen
from .surfels import Surfels, by_patch, transformed
from .view_parts import ViewParts, part_of
from .view_surfels import DETAIL_LEVELS, ViewSurfels, view_surfels

# A block of pixels may be one surfel where the box around its picture reaches no farther from its middle, in pixels:
# it then covers 2x2 cells at most, and the boxes of its neighbours touch it, so the surface stays closed.
REACH_PX = 1.0
# The box is made a little larger: it is computed for the middle of a patch. Much larger ones cost quality: where each
# surfel reached at least half a pixel, the room of the benchmark came out 0.6 dB worse at 256x144.
SLACK = 1.1
# Spheres count as visible this many pixels beyond the picture.
BORDER_PX = 2.0


@dataclass(frozen=True, eq=False)
class PlacedSurfels:
    """M surfels of n placements, in the edited world."""

    surfels: Surfels
    side_px: Array  # (M,) float32, of the block of view pixels that each stands for
    child: np.ndarray  # (M,) int64, see `ViewSurfels`; empty once the choice is made
    starts: np.ndarray  # (DETAIL_LEVELS, n) int64, where the surfels of each placement begin
    counts: np.ndarray  # (DETAIL_LEVELS, n) int64
    centre_world: np.ndarray  # (3, n) float64, of a sphere around each
    radius_m: np.ndarray  # (n,) float64
    steps_world: np.ndarray  # (2, 2, 3, n) float64, see `ViewSurfels`

    def pixels(self) -> np.ndarray:  # (m,) int64
        """Positions of the surfels of the finest level, a placement after the other."""
        return spans(self.starts[0], self.counts[0])

    def kept(
        self,
        pixels: np.ndarray,  # (m,) as `pixels` gives them
        keep: np.ndarray,  # (m,) bool
    ) -> PlacedSurfels:
        """Without the others of the finest level, and without the larger surfels that only stood for such."""
        stays = np.zeros(len(self.child), bool)
        stays[pixels] = keep
        for level in range(1, DETAIL_LEVELS):
            at = spans(self.starts[level], self.counts[level])
            child, last = self.child[at], np.where(self.side_px[at] == 1 << level, 3, 0)
            stays[at] = np.logical_or.reduce([stays[child + np.minimum(last, step)] for step in range(4)])
        before = np.concatenate([[0], np.cumsum(stays)])
        starts, index = before[self.starts], np.flatnonzero(stays)
        return replace(
            self,
            surfels=self.surfels.taken(index),
            side_px=self.side_px[index],
            child=np.zeros(0, np.int64),
            starts=starts,
            counts=before[self.starts + self.counts] - starts,
        )

    def on(self, arrays: Arrays) -> PlacedSurfels:
        """The same with the columns of the surfels in another library."""
        return replace(self, surfels=self.surfels.on(arrays), side_px=arrays.of(self.side_px))

    def chosen(self, camera: Camera, arrays: Arrays = NUMPY) -> Chosen:
        """The surfels to splat into this camera, and how far the picture of each reaches from its middle."""
        at, half = self._in_picture(camera)
        reach, level = half[:, 1].max(axis=0), np.zeros(len(at), np.int64)
        for step in range(1, DETAIL_LEVELS):
            level += reach * (1 << step) <= REACH_PX
        starts, counts = arrays.of(self.starts[level, at]), arrays.of(self.counts[level, at])
        owner = arrays.counted(counts)
        within = arrays.positions(len(owner)) - arrays.take(arrays.running_sum(counts) - counts, owner)
        index = arrays.take(starts, owner) + within
        side = arrays.take(self.side_px, index)
        column = owner + arrays.to_int64(side > 1) * len(at)
        table = arrays.of(half.reshape(2, -1).astype(np.float32))
        return Chosen(index, *(arrays.take(row, column) * side for row in table))

    def _in_picture(self, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        """Which placements may show (n,), and half the box around the picture of one of their pixels, along u and v,
        for pixels and for those that are part of a block (2, 2, n).

        Term by term, so that a placement's numbers have the same bits among any others.
        """
        m, k = camera.cam_from_world, camera.intrinsics_px
        x, y, z = _turned(m, self.centre_world) + m[:3, 3, None]
        shows = (z + self.radius_m > NEAR_M) & (self.counts[0] > 0)
        right, down = camera.image_width + BORDER_PX, camera.image_height + BORDER_PX
        for a, b, c in (
            (k[0, 0], k[0, 1], k[0, 2] + BORDER_PX),
            (-k[0, 0], -k[0, 1], right - k[0, 2]),
            (0.0, k[1, 1], k[1, 2] + BORDER_PX),
            (0.0, -k[1, 1], down - k[1, 2]),
        ):
            shows &= a * x + b * y + c * z > -self.radius_m * np.sqrt(a * a + b * b + c * c)
        at = np.flatnonzero(shows)
        x, y, z, steps = x[at], y[at], z[at], self.steps_world[..., at]
        near = z - self.radius_m[at]
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / z
            grown = np.where(near > NEAR_M, (z / near) ** 2 * (SLACK / 2) * inverse, np.inf)
            along_x, along_y, along_z = (
                m[i, 0] * steps[:, :, 0] + m[i, 1] * steps[:, :, 1] + m[i, 2] * steps[:, :, 2] for i in range(3)
            )
            away_x, away_y = along_x - x * inverse * along_z, along_y - y * inverse * along_z  # (2, 2, n) each
            box_u = np.abs(k[0, 0] * away_x + k[0, 1] * away_y)
            box_v = np.abs(k[1, 1] * away_y)
            half = np.stack([box_u[0] + box_u[1], box_v[0] + box_v[1]]) * grown
        # Not a number where nothing times infinity was asked: as good as infinite.
        return at, np.nan_to_num(half, nan=np.inf, posinf=np.inf)


def placed_surfels(memory: Memory, shown: np.ndarray, parts: ViewParts | None = None) -> PlacedSurfels:
    """The surfels of the placements that are `shown` ((N,) bool), in NumPy.

    Patches that stand where they were captured come first, in the order of rows; moved and copied ones follow in the
    order of patches. So an edit never changes the order among those it did not touch, and it makes no difference which
    ids the placements have.
    """
    views = [part_of(parts, "surfels", memory, index, view_surfels) for index in range(len(memory.views))]
    captured, of_row = _joined(views), np.full(len(memory.patches) + 1, -1, np.int64)
    of_row[np.concatenate([view.rows for view in views])] = np.arange(len(captured.radius_m))
    placements = memory.placements
    visible = np.flatnonzero(shown)
    visible = visible[of_row[placements.rows[visible]] >= 0]
    at_home = visible[placements.transform_index[visible] == 0]
    # Of several at home the first one is it; a second copy left there unmoved counts as one of the others.
    _, first = np.unique(placements.rows[at_home], return_index=True)
    home = at_home[first]
    away = by_patch(placements, np.setdiff1d(visible, home, assume_unique=True))
    return _placed(captured, placements, home, away, of_row)


def spans(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:  # (m,) int64
    """Positions start, start + 1, ... for each of these, one after the other."""
    return np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)


def _joined(views: Sequence[ViewSurfels]) -> ViewSurfels:
    """The surfels of several views; levels are together within a view only."""
    lengths = np.array([len(view.size_m) for view in views])
    before = np.cumsum(lengths) - lengths
    columns = {f.name: [getattr(view, f.name) for view in views] for f in fields(ViewSurfels)}
    for name in ("starts", "child"):
        columns[name] = [column + offset for column, offset in zip(columns[name], before, strict=True)]
    return ViewSurfels(**{name: np.concatenate(column, axis=-1) for name, column in columns.items()})


def _placed(
    captured: ViewSurfels,
    placements: Placements,
    home: np.ndarray,  # (h,) positions in the table, of those that stand where they were captured
    away: np.ndarray,  # (w,) of those that do not
    of_row: np.ndarray,  # (R + 1,) which of the patches in `captured` each row is
) -> PlacedSurfels:
    """Placements at home share the columns as captured; the others get their own behind them."""
    here, there = (of_row[placements.rows[index]] for index in (home, away))
    counts = captured.counts[:, there]
    source = spans(captured.starts[:, there].ravel(), counts.ravel())
    owner = np.repeat(np.tile(away, DETAIL_LEVELS), counts.ravel()).astype(np.int32)
    starts = len(captured.size_m) + (np.cumsum(counts) - counts.ravel()).reshape(counts.shape)
    # What a moved surfel stands for has moved along: as far from the start of its patch on the level below.
    below = [0, *range(DETAIL_LEVELS - 1)]
    shift = np.repeat((starts[below] - captured.starts[below][:, there]).ravel(), counts.ravel())
    columns = captured.points_world[:, source], captured.plane_world[:, source]
    moved_points, moved_planes, scale = transformed(placements, owner, *columns)
    placement = np.full(len(captured.size_m), -1, np.int32)
    for level in range(DETAIL_LEVELS):
        at_level = captured.counts[level, here]
        placement[spans(captured.starts[level, here], at_level)] = np.repeat(home, at_level)
    surfels = Surfels(
        points_world=np.concatenate([captured.points_world, moved_points], axis=1),
        plane_world=np.concatenate([captured.plane_world, moved_planes], axis=1),
        size_m=np.concatenate([captured.size_m, captured.size_m[source] * scale]),
        placement=np.concatenate([placement, owner]),
    )
    return PlacedSurfels(
        surfels=surfels,
        side_px=np.concatenate([captured.side_px, captured.side_px[source]]),
        child=np.concatenate([captured.child, captured.child[source] + shift]),
        starts=np.concatenate([captured.starts[:, here], starts], axis=1),
        counts=np.concatenate([captured.counts[:, here], counts], axis=1),
        **_shape(captured, placements, here, there, away),
    )


def _shape(
    captured: ViewSurfels, placements: Placements, here: np.ndarray, there: np.ndarray, away: np.ndarray
) -> dict[str, np.ndarray]:
    """Spheres and steps of the placements, moved with them."""
    which = placements.transform_index[away]
    m = placements.transforms.transpose(1, 2, 0)[:, :, which]  # (4, 4, w)
    scale = np.cbrt(np.abs(np.linalg.det(placements.transforms[:, :3, :3])))[which]
    centre = _turned(m, captured.centre_world[:, there]) + m[:3, 3]
    steps = np.stack([[_turned(m, step) for step in axis] for axis in captured.steps_world[..., there]])
    return {
        "centre_world": np.concatenate([captured.centre_world[:, here], centre], axis=1),
        "radius_m": np.concatenate([captured.radius_m[here], captured.radius_m[there] * scale]),
        "steps_world": np.concatenate([captured.steps_world[..., here], steps], axis=-1),
    }


def _turned(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:  # (3, n)
    """The first three columns of a matrix ((3 or 4, 3 or 4), or one a vector behind that) times vectors ((3, n))."""
    return np.stack([sum(matrix[i, j] * vectors[j] for j in range(3)) for i in range(3)])
