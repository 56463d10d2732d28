"""Reading features: which patch does each cell of a camera see, and how far is it to be trusted?

`FeatureReader` is the NumPy reference and runs inside Blender; `mosaic_core.memory.readout_torch` is its twin for the
worker. Both find the patch with the same search (`mosaic_core.memory.patch_search`) and describe it with the same lines
below, so they agree to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..errors import MosaicError
from .arrays import NumpyArrays
from .lens import rays_of
from .memory import Memory
from .patch_search import PatchSearch, homogeneous, plane_depth, rank_of
from .picture import Readout
from .placed_patches import PLANE, SOURCE, PlacedPatches, place_patches
from .placements import DYNAMIC
from .source_views import ANGLE_FALLOFF_DEG
from .splatting import FARTHEST

# Confidence falls to 1 / e where the plane of a patch is this share of the depth away from what its view measured.
DEPTH_FALLOFF = 0.02
# Confidence halves in this time. What moves by itself is soon somewhere else; the rest ages over a long shot.
DYNAMIC_HALF_LIFE_S = 2.0
STATIC_HALF_LIFE_S = 600.0


class FeatureReader:
    """Reads the patch features of one memory state. Build once, ask for each camera. Safe to share between threads."""

    def __init__(self, memory: Memory, *, time_s: float | None = None) -> None:
        """`time_s` hides placements whose time range excludes it; None shows them at any time."""
        self.memory = memory
        self.placed = place_patches(memory, memory.placements.shown_at(time_s))
        self._search = PatchSearch(self.placed, NumpyArrays())

    def read(
        self,
        features: np.ndarray,  # (P, C), a row a patch
        camera: Camera,  # its image size is the grid: one pixel a cell
        *,
        time_s: float = 0.0,
    ) -> Readout:
        """The patch features a camera sees, nearest placement a cell; cells nobody reached hold zeros.

        Values keep the features' type. Raises `MosaicError` unless there is a row for each patch.
        """
        check_rows(self.memory, features.shape)
        seen = look_closer(self.memory, self.placed, camera, self._search.nearest(camera), time_s)
        values = np.zeros((camera.image_height * camera.image_width, features.shape[1]), features.dtype)
        values[seen.cells] = features[seen.rows - 1]
        size = (camera.image_height, camera.image_width)
        columns = {name: column.reshape(*size, *column.shape[1:]) for name, column in seen.columns.items()}
        return Readout(values=values.reshape(*size, -1), **columns)


@dataclass(frozen=True, eq=False)
class SeenPatches:
    """What a camera sees, without the features themselves."""

    cells: np.ndarray  # (n,) flat, those that see a patch
    rows: np.ndarray  # (n,) the patch each sees
    columns: dict[str, np.ndarray]  # (h * w, ...) the columns of a `Readout` but for its values


def check_rows(memory: Memory, shape: tuple[int, ...]) -> None:
    """Raise `MosaicError` unless features of this shape hold a row a patch."""
    if len(shape) != 2 or shape[0] != len(memory.patches):
        raise MosaicError(
            f"expected a feature row for each of {len(memory.patches)} patches, got an array of {tuple(shape)}"
        )


def look_closer(
    memory: Memory,
    placed: PlacedPatches,
    camera: Camera,
    keys: np.ndarray,  # (h * w,) int64, as `PatchSearch.nearest` gives them
    time_s: float,
) -> SeenPatches:
    """Describe the patch that each cell sees: where it is, where its view saw it, how old and how sure."""
    cells = np.flatnonzero(keys < FARTHEST)
    rank = rank_of(keys[cells])
    owner, source = placed.owner[rank], placed.rows.view(np.int32)[placed.at_rank[rank], SOURCE]
    view = placed.source_view[source]
    z_depth = plane_depth(camera, placed.rows[placed.at_rank[rank], PLANE].T, cells)
    rays = rays_of(camera, cells)
    points = camera.position_world.astype(np.float32)[:, None] + z_depth * rays
    u, v, depth = homogeneous(placed.px_from_edited[source].T, *points)
    inverse = np.float32(1) / depth
    u, v = u * inverse, v * inverse
    age = np.abs(np.float32(time_s) - np.array([w.time_s for w in memory.views], np.float32)[view])
    confidence = _weights(memory, placed, camera, source, z_depth, (u, v, depth))
    confidence *= _agreement(memory, view, u, v, inverse)
    is_dynamic = (memory.placements.flags[owner] & DYNAMIC) != 0
    confidence *= np.exp2(-age / np.where(is_dynamic, np.float32(DYNAMIC_HALF_LIFE_S), np.float32(STATIC_HALF_LIFE_S)))
    count = len(keys)
    columns = {
        "covered": _spread(np.ones(len(cells), bool), cells, count, False),
        "z_depth": _spread(z_depth, cells, count, np.inf),
        "placement_id": _spread(memory.placements.ids_at(owner), cells, count, 0),
        "confidence": _spread(confidence.astype(np.float32), cells, count, 0),
        "age_s": _spread(age, cells, count, np.inf),
        "source_view": _spread(view, cells, count, -1),
        "source_uv": _spread(np.stack([u, v], axis=-1), cells, count, np.nan),
    }
    return SeenPatches(cells, memory.placements.rows_at(owner), columns)


def _spread(values: np.ndarray, cells: np.ndarray, count: int, otherwise: float) -> np.ndarray:
    column = np.full((count, *values.shape[1:]), otherwise, values.dtype)
    column[cells] = values
    return column


def _weights(
    memory: Memory,
    placed: PlacedPatches,
    camera: Camera,
    source: np.ndarray,  # (n,)
    z_depth: np.ndarray,  # (n,) in the camera
    at: tuple[np.ndarray, np.ndarray, np.ndarray],  # (n,) each: pixel and depth in the patch's own view
) -> np.ndarray:  # (n,) float64
    """How well the view saw the point for this camera's needs: by the angle between their rays and by sharpness.

    The rule of the RGB readout (`mosaic_core.memory.source_views`), in the view's own axes.
    """
    view, transform = placed.source_view[source], placed.source_transform[source]
    k = np.array([w.camera.intrinsics_px for w in memory.views]).reshape(-1, 3, 3)[view]
    focal = np.sqrt(k[:, 0, 0] * k[:, 1, 1])
    eye_px = homogeneous(placed.px_from_edited[source].T.astype(np.float64), *camera.position_world)
    point = _unprojected(k, at[0] * at[2], at[1] * at[2], at[2])
    eye = _unprojected(k, *eye_px)
    apart = [p - e for p, e in zip(point, eye, strict=True)]
    lengths = np.sqrt(sum(p * p for p in point) * sum(a * a for a in apart))
    cosine = sum(p * a for p, a in zip(point, apart, strict=True)) / np.maximum(lengths, 1e-20)
    scale = np.cbrt(np.abs(np.linalg.det(memory.placements.transforms[:, :3, :3])))[transform]
    sharpness = np.minimum(z_depth / camera.focal_px / scale * focal / at[2], 1)
    return np.exp((cosine - 1) / (1 - np.cos(np.radians(ANGLE_FALLOFF_DEG)))) * sharpness**2


def _unprojected(k: np.ndarray, u: np.ndarray, v: np.ndarray, depth: np.ndarray) -> list[np.ndarray]:
    """Homogeneous pixels (u, v, depth) as points of the view's camera, for each its intrinsics (n, 3, 3)."""
    y = (v - k[:, 1, 2] * depth) / k[:, 1, 1]
    return [(u - k[:, 0, 2] * depth - k[:, 0, 1] * y) / k[:, 0, 0], y, depth]


def _agreement(memory: Memory, view: np.ndarray, u: np.ndarray, v: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """How far inverse depths lie from what the four pixels around each point span, in its own view: 1 = within.

    A patch is a plane; where its view saw a curve, leaves or another surface beside it, the plane is a guess.
    """
    sizes = np.array([w.z_depth.shape for w in memory.views], np.intp).reshape(-1, 2)[view].T
    left, top = (np.floor(at - np.float32(0.5)).astype(np.intp) for at in (u, v))
    rows, columns = (np.clip([at, at + 1], 0, side - 1) for at, side in zip((top, left), sizes, strict=True))
    rows, columns = rows[[0, 0, 1, 1]], columns[[0, 1, 0, 1]]  # (4, n)
    taps = np.zeros(rows.shape, np.float32)
    order = np.argsort(view, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(view[order])) + 1) if len(view) else []:
        seen_from, tap = memory.views[view[mine[0]]], (rows[:, mine], columns[:, mine])
        z_depth = seen_from.z_depth[tap]
        if np.isinf(z_depth).any():
            # Sky lies behind everything; a pixel of unknown depth has no say.
            z_depth = np.where(np.isinf(z_depth) & ~seen_from.sky[tap], np.float32(np.nan), z_depth)
        taps[:, mine] = 1 / z_depth
    low, high = np.fmin.reduce(taps), np.fmax.reduce(taps)
    away = np.nan_to_num(np.maximum(np.maximum(low - inverse, inverse - high), 0)) / inverse
    return np.exp(-((away / np.float32(DEPTH_FALLOFF)) ** 2))
