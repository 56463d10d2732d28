"""What each view saw, coarsely: prepared once when a view is written, asked by every retrieval.

Asking all pixels of a thousand views takes seconds. So a view is kept as a small grid of depth ranges, which answers
"did it see that place, or was something before it?", and the surfaces of all views as points thinned out to one a
voxel of their own size, which answer "what is there to see?". Both are in the captured world and only ever grow, so
edits need no new preparation and a write costs what it adds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..cameras import Camera
from .growing import GrowingColumns
from .memory import Memory
from .view import View
from .voxels import voxel_keys

# Depth ranges a view, as Matrix-Game 3.5 has for the same purpose: a cell is 32 pixels of a 352x640 picture.
GRID_HEIGHT, GRID_WIDTH = 11, 20


class CoarseViews:
    """V views and the S surface points they saw. Make it with `of`; never changed afterwards."""

    cameras: np.ndarray  # (V, 12) float32: the rows of px_from_world for the grid: u, v before division by z, and z
    positions_world: np.ndarray  # (V, 3) float32
    forwards_world: np.ndarray  # (V, 3) float32
    sharpness_px: np.ndarray  # (V,) float32, focal length in patches, so that views of any resolution compare
    nearest: np.ndarray  # (V, GRID_HEIGHT * GRID_WIDTH) float32 depth, inf where nothing was seen
    farthest: np.ndarray  # (V, GRID_HEIGHT * GRID_WIDTH) float32, 0 where nothing was seen
    times_s: np.ndarray  # (V,) float32
    worlds: np.ndarray  # (V,) int32
    points_world: np.ndarray  # (S, 3) float32, as captured
    sizes_m: np.ndarray  # (S,) float32, distance to the next point
    rows: np.ndarray  # (S,) int32, the patch
    point_worlds: np.ndarray  # (S,) int32

    def __init__(self, views: tuple[GrowingColumns, int], points: tuple[GrowingColumns, int], keys: np.ndarray) -> None:
        self._views, self._points = views, points
        self._keys = keys  # ascending: the voxels that are taken
        for columns, count in (views, points):
            self.__dict__.update(columns.first(count))

    def __len__(self) -> int:
        return len(self.cameras)

    @classmethod
    def of(cls, memory: Memory, known: CoarseViews | None = None) -> CoarseViews:
        """Prepare a memory's views. `known` are its first ones, prepared before: only the others are looked at."""
        start = 0 if known is None else len(known)
        seen = list(zip(memory.views[start:], memory.pixel_rows[start:], strict=True))
        columns = _view_columns([view for view, _ in seen], [_depth_ranges(view, rows) for view, rows in seen])
        surfaces = [_surface(view, rows) for view, rows in seen] or [_NO_SURFACE]
        surface = {name: np.concatenate([s[name] for s in surfaces]) for name in _NO_SURFACE}
        surface, keys = _thinned(surface, np.zeros(0, np.uint64) if known is None else known._keys)
        if known is None:
            return cls((GrowingColumns(columns), len(seen)), (GrowingColumns(surface), len(surface["rows"])), keys)
        return cls(_longer(known._views, columns), _longer(known._points, surface), keys)


_NO_SURFACE = {
    "points_world": np.zeros((0, 3), np.float32),
    "sizes_m": np.zeros(0, np.float32),
    "rows": np.zeros(0, np.int32),
    "point_worlds": np.zeros(0, np.int32),
}


def _longer(table: tuple[GrowingColumns, int], more: dict[str, np.ndarray]) -> tuple[GrowingColumns, int]:
    columns, count = table
    added = len(next(iter(more.values())))
    return columns.followed_by(more, after=count), count + added


def _view_columns(views: Sequence[View], ranges: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    cells = GRID_HEIGHT * GRID_WIDTH
    cameras = [view.camera for view in views]
    return {
        "cameras": np.array([grid_matrix(camera) for camera in cameras], np.float32).reshape(-1, 12),
        "positions_world": np.array([c.position_world for c in cameras], np.float32).reshape(-1, 3),
        "forwards_world": np.array([c.forward_world for c in cameras], np.float32).reshape(-1, 3),
        "sharpness_px": np.array([v.camera.focal_px / v.patch_size_px for v in views], np.float32),
        "nearest": np.array([near for near, _ in ranges], np.float32).reshape(-1, cells),
        "farthest": np.array([far for _, far in ranges], np.float32).reshape(-1, cells),
        "times_s": np.array([view.time_s for view in views], np.float32),
        "worlds": np.array([view.world for view in views], np.int32),
    }


def grid_matrix(camera: Camera) -> np.ndarray:  # (3, 4) float64
    """The camera as one matrix that gives grid coordinates (before division) and depth."""
    scale = np.array([GRID_WIDTH / camera.image_width, GRID_HEIGHT / camera.image_height, 1.0])
    return (camera.intrinsics_px * scale[:, None]) @ camera.cam_from_world[:3]


def _depth_ranges(view: View, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (cells,) nearest and farthest
    """The nearest and farthest finite depth in each cell of the grid."""
    known = np.isfinite(view.z_depth)
    ranges = []
    for take, nothing in ((np.minimum, np.inf), (np.maximum, 0.0)):
        plane = np.where(known, view.z_depth, np.float32(nothing))
        plane = take.reduceat(plane, _starts(plane.shape[0], GRID_HEIGHT), axis=0)
        ranges.append(take.reduceat(plane, _starts(plane.shape[1], GRID_WIDTH), axis=1).ravel())
    return ranges[0], ranges[1]


def _starts(length: int, parts: int) -> np.ndarray:  # (parts,)
    """Where each of the parts of an axis begins; they share pixels where there are fewer than parts."""
    return np.arange(parts) * length // parts


def _surface(view: View, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Points on the view's surfaces, on a regular grid of its pixels."""
    height, width = rows.shape
    down, across = (min(n, m) for n, m in zip((height, width), (GRID_HEIGHT, GRID_WIDTH), strict=True))
    y, x = (((np.arange(n) + 0.5) * size / n).astype(np.intp) for n, size in ((down, height), (across, width)))
    y, x = (plane.ravel() for plane in np.meshgrid(y, x, indexing="ij"))
    z, row = view.z_depth[y, x], rows[y, x]
    use = np.flatnonzero(np.isfinite(z) & (row > 0))
    y, x, z, row = y[use], x[use], z[use], row[use]
    points = view.camera.unproject(np.stack([x + 0.5, y + 0.5], axis=-1), z.astype(np.float64))
    return {
        "points_world": points.astype(np.float32),
        "sizes_m": (z / view.camera.focal_px * max(height / down, width / across)).astype(np.float32),
        "rows": row,
        "point_worlds": np.full(len(row), view.world, np.int32),
    }


def _thinned(
    points: dict[str, np.ndarray],
    taken: np.ndarray,  # ascending keys of voxels that have their point
) -> tuple[dict[str, np.ndarray], np.ndarray]:  # the points that stay, all keys, ascending
    """One point a voxel as large as the point's own spacing, rounded up to a power of two; the first one stays."""
    level = np.ceil(np.log2(points["sizes_m"]))
    points = {**points, "sizes_m": np.exp2(level)}
    # The world belongs to the key: what two spliced memories show at one place are two surfaces.
    keys = voxel_keys(points["points_world"], level, points["point_worlds"])
    keys, first = np.unique(keys, return_index=True)
    at = np.searchsorted(taken, keys)
    fresh = np.ones(len(keys), bool) if len(taken) == 0 else taken[np.minimum(at, len(taken) - 1)] != keys
    stay = np.sort(first[fresh])
    return {name: column[stay] for name, column in points.items()}, np.insert(taken, at[fresh], keys[fresh])
