"""What is to be said of the patches that a camera sees: where they are, where their views saw them, how old, how sure.

`mosaic_core.memory.patch_search` finds a patch for each cell; the lines here describe what was found. They are NumPy's
for every reader: a picture has a few hundred cells, whatever the memory's size. What belongs to a view or a transform
and to no camera is worked out once a reader.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from .lens import rays_of
from .memory import Memory
from .patch_search import homogeneous, plane_depth, rank_of
from .placed_patches import PLANE, SOURCE, PlacedPatches
from .placements import DYNAMIC
from .source_views import ANGLE_FALLOFF_DEG
from .splatting import FARTHEST

# Confidence falls to 1 / e where the plane of a patch is this share of the depth away from what its view measured.
DEPTH_FALLOFF = 0.02
# Confidence halves in this time. What moves by itself is soon somewhere else; the rest ages over a long shot.
DYNAMIC_HALF_LIFE_S = 2.0
STATIC_HALF_LIFE_S = 600.0


@dataclass(frozen=True, eq=False)
class SeenPatches:
    """What a camera sees, without the features themselves."""

    cells: np.ndarray  # (n,) flat, those that see a patch
    rows: np.ndarray  # (n,) the patch each sees
    columns: dict[str, np.ndarray]  # (h * w, ...) the columns of a `Readout` but for its values


class PatchDescriber:
    """Describes patches of one memory state. Safe to share between threads."""

    def __init__(self, memory: Memory, placed: PlacedPatches) -> None:
        self.memory, self.placed = memory, placed
        k = np.array([view.camera.intrinsics_px for view in memory.views]).reshape(-1, 3, 3)
        # Focal lengths, skew and centre of each view, and the one focal length that stands for both.
        self._lenses = np.stack([k[:, 0, 0], k[:, 1, 1], k[:, 0, 1], k[:, 0, 2], k[:, 1, 2]])  # (5, V)
        self._focal_px = np.sqrt(k[:, 0, 0] * k[:, 1, 1])  # (V,)
        sizes = [(view.camera.image_height, view.camera.image_width) for view in memory.views]
        self._sizes = np.array(sizes, np.intp).reshape(-1, 2).T  # (2, V)
        self._times_s = np.array([view.time_s for view in memory.views], np.float32)  # (V,)
        self._scales = np.cbrt(np.abs(np.linalg.det(memory.placements.transforms[:, :3, :3])))  # (K,)

    def describe(
        self,
        camera: Camera,
        keys: np.ndarray,  # (h * w,) int64, as `PatchSearch.nearest` gives them
        time_s: float,
    ) -> SeenPatches:
        """What is known of the patch that each cell sees."""
        placed, placements = self.placed, self.memory.placements
        cells = np.flatnonzero(keys < FARTHEST)
        rank = rank_of(keys[cells])
        owner, rows = placed.owner.take(rank), placed.rows.take(placed.at_rank.take(rank), axis=0)
        source = rows.view(np.int32)[:, SOURCE]
        view, m = placed.source_view.take(source), placed.px_from_edited.take(source, axis=0).T
        z_depth = plane_depth(camera, rows[:, PLANE].T, cells)
        points = camera.position_world.astype(np.float32)[:, None] + z_depth * rays_of(camera, cells)
        u, v, depth = homogeneous(m, *points)
        inverse = np.float32(1) / depth
        u, v = u * inverse, v * inverse
        age = np.abs(np.float32(time_s) - self._times_s[view])
        confidence = self._weights(camera, m, view, source, z_depth, (u, v, depth))
        confidence *= self._agreement(view, u, v, inverse)
        is_dynamic = (placements.flags[owner] & DYNAMIC) != 0
        half_life = np.where(is_dynamic, np.float32(DYNAMIC_HALF_LIFE_S), np.float32(STATIC_HALF_LIFE_S))
        confidence *= np.exp2(-age / half_life)
        columns = {
            "covered": _spread(np.ones(len(cells), bool), cells, len(keys), False),
            "z_depth": _spread(z_depth, cells, len(keys), np.inf),
            "placement_id": _spread(placements.ids_at(owner), cells, len(keys), 0),
            "confidence": _spread(confidence.astype(np.float32), cells, len(keys), 0),
            "age_s": _spread(age, cells, len(keys), np.inf),
            "source_view": _spread(view, cells, len(keys), -1),
            "source_uv": _spread(np.stack([u, v], axis=-1), cells, len(keys), np.nan),
        }
        return SeenPatches(cells, placements.rows_at(owner), columns)

    def _weights(
        self,
        camera: Camera,
        px_from_edited: np.ndarray,  # (12, n)
        view: np.ndarray,  # (n,)
        source: np.ndarray,  # (n,)
        z_depth: np.ndarray,  # (n,) in the camera
        at: tuple[np.ndarray, np.ndarray, np.ndarray],  # (n,) each: pixel and depth in the patch's own view
    ) -> np.ndarray:  # (n,) float64
        """How well the view saw the point for this camera's needs: by the angle between their rays and by sharpness.

        The rule of the RGB readout (`mosaic_core.memory.source_views`), in the view's own axes.
        """
        lens = self._lenses.take(view, axis=1)
        eye_px = homogeneous(px_from_edited.astype(np.float64), *camera.position_world)
        point = _unprojected(lens, at[0] * at[2], at[1] * at[2], at[2])
        eye = _unprojected(lens, *eye_px)
        apart = [p - e for p, e in zip(point, eye, strict=True)]
        lengths = np.sqrt(sum(p * p for p in point) * sum(a * a for a in apart))
        cosine = sum(p * a for p, a in zip(point, apart, strict=True)) / np.maximum(lengths, 1e-20)
        scale = self._scales[self.placed.source_transform[source]]
        sharpness = np.minimum(z_depth / camera.focal_px / scale * self._focal_px[view] / at[2], 1)
        return np.exp((cosine - 1) / (1 - np.cos(np.radians(ANGLE_FALLOFF_DEG)))) * sharpness**2

    def _agreement(self, view: np.ndarray, u: np.ndarray, v: np.ndarray, inverse: np.ndarray) -> np.ndarray:
        """How far inverse depths lie from what the four pixels around each point span, in its own view: 1 = within.

        A patch is a plane; where its view saw a curve, leaves or another surface beside it, the plane is a guess.
        """
        order = np.argsort(view, kind="stable")
        view, u, v, own = view[order], u[order], v[order], inverse[order]
        (height, width), (top, left) = self._sizes[:, view], (np.floor(at - np.float32(0.5)) for at in (v, u))
        rows, columns = (
            [np.clip(at.astype(np.intp) + step, 0, side - 1) for step in (0, 1)]
            for at, side in ((top, height), (left, width))
        )
        taps = np.float32(1) / self._depths(view, np.stack([y * width + x for y in rows for x in columns], axis=-1))
        low, high = np.fmin.reduce(taps), np.fmax.reduce(taps)
        away = np.zeros(len(view), np.float32)
        away[order] = np.nan_to_num(np.maximum(np.maximum(low - own, own - high), 0))
        return np.exp(-((away / inverse / np.float32(DEPTH_FALLOFF)) ** 2))

    def _depths(
        self,
        view: np.ndarray,  # (n,) ascending
        pixels: np.ndarray,  # (n, 4) flat
    ) -> np.ndarray:  # (4, n) float32
        """The depths of these pixels of each view; nan where unknown, which has no say. Sky lies behind everything."""
        z_depth = np.zeros(pixels.shape, np.float32)
        starts = np.flatnonzero(np.diff(view, prepend=-1))
        ends = np.append(starts[1:], len(view))[: len(starts)]
        views = [self.memory.views[index] for index in view[starts].tolist()]
        parts = list(zip(views, map(slice, starts.tolist(), ends.tolist()), strict=True))
        for seen_from, part in parts:
            z_depth[part] = seen_from.z_depth.take(pixels[part])
        if np.isinf(z_depth).any():
            for seen_from, part in parts:
                z_depth[part][np.isinf(z_depth[part]) & ~seen_from.sky.take(pixels[part])] = np.nan
        return np.ascontiguousarray(z_depth.T)


def _spread(values: np.ndarray, cells: np.ndarray, count: int, otherwise: float) -> np.ndarray:
    column = np.full((count, *values.shape[1:]), otherwise, values.dtype)
    column[cells] = values
    return column


def _unprojected(lens: np.ndarray, u: np.ndarray, v: np.ndarray, depth: np.ndarray) -> list[np.ndarray]:
    """Homogeneous pixels (u, v, depth) as points of the view's camera, for each its lens ((5, n))."""
    focal_u, focal_v, skew, centre_u, centre_v = lens
    y = (v - centre_v * depth) / focal_v
    return [(u - centre_u * depth - skew * y) / focal_u, y, depth]
