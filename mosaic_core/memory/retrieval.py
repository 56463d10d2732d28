"""Retrieval: which views does a chunk of frames need? Greedy union coverage under occlusion, within a budget.

The nearest camera is a poor guide: it may look at a wall. What counts is how much of what the frames will show a view
really saw, how well, and how long ago. A coarse splat of the chunk's cameras says what they will show; the depth ranges
of `mosaic_core.memory.coarse_views` say which view saw each of those places. A set of views is worth the sum, over the
places, of the best score any of them has there. That worth has diminishing returns, so taking the view that adds most,
again and again, comes within 1 - 1/e of the best set there is (Nemhauser, Wolsey and Fisher 1978).

`nearest_cameras` and `projection_overlap` are what published systems do, for comparison (Matrix-Game 3.5, Mirage).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from ..conventions import PATCH_SIZE_PX
from .coarse_splat import visible_points
from .coarse_views import GRID_HEIGHT, GRID_WIDTH, CoarseViews
from .memory import Memory
from .source_views import ANGLE_FALLOFF_DEG
from .voxels import voxel_keys

# A view saw a place whose depth lies in its cell's range, widened by this share: a grid cell is no pixel.
DEPTH_AGREEMENT = 0.05
# Views that would add less than this share of everything there is to see are not taken, however large the budget.
LEAST_GAIN = 0.005
# Of two views nearer than this, or that saw nearly the same, the comparisons take one only (Matrix-Game 3.5).
SAME_PLACE_M, SAME_VIEW = 0.1, 0.7


@dataclass(frozen=True)
class RetrievalTerms:
    """What a view's score at a place is made of: having seen it at all, and shares for how well and how lately."""

    quality: float = 0.3  # angle between the view and the chunk, and resolution
    age: float = 0.0  # how much a view older than the half-life loses
    half_life_s: float = 30.0


_TERMS = RetrievalTerms()
_SEEN_ONLY = RetrievalTerms(quality=0.0, age=0.0)


class Retriever:
    """Chooses views of one memory state. Build it once a state, with the views prepared before; ask it for each chunk.

    Deterministic: the same memory, cameras and terms give the same views in the same order.
    """

    def __init__(self, memory: Memory, coarse: CoarseViews | None = None, *, time_s: float | None = None) -> None:
        """`coarse`: of this memory or a shorter one. `time_s` hides what its time range excludes; None shows all."""
        self.coarse = CoarseViews.of(memory, coarse)
        placements = memory.placements
        shown = placements.visible
        if time_s is not None:
            since, until = placements.time_range_s.T
            shown = shown & (since <= time_s) & (time_s < until)
        self._point, placement = _shown_points(self.coarse.rows, placements.rows, shown, len(memory.patches))
        transform = placements.transform_index[placement]
        points = self.coarse.points_world[self._point].T.copy()
        away = np.flatnonzero(transform)
        m = placements.transforms.astype(np.float32)[transform[away]].transpose(1, 2, 0)
        x, y, z = points[:, away]
        for i in range(3):
            points[i, away] = m[i, 0] * x + m[i, 1] * y + m[i, 2] * z + m[i, 3]
        scale = np.cbrt(np.abs(np.linalg.det(placements.transforms[:, :3, :3]))).astype(np.float32)
        self._points_world, self._transform = points, transform
        self._sizes_m = self.coarse.sizes_m[self._point] * scale[transform]
        self._captured_from_edited = np.linalg.inv(placements.transforms)

    def coverage(
        self, cameras: Sequence[Camera], *, budget: int, time_s: float = 0.0, terms: RetrievalTerms = _TERMS
    ) -> list[int]:  # view indices, most useful first
        """At most `budget` views that together show most of what these cameras will see, occlusion included.

        Views that add nothing are not taken. Equal gains go to the lower index. `time_s` is when the chunk begins.
        """
        places = self._places(cameras)
        scores = self._scores(places, time_s, terms)
        return _greedy(scores, places.counts, budget)

    def projection_overlap(self, cameras: Sequence[Camera], *, budget: int) -> list[int]:
        """The views that each by itself share most with the cameras, without near copies of those taken before."""
        places = self._places(cameras)
        saw = self._scores(places, 0.0, _SEEN_ONLY) > 0
        overlap = (saw * places.counts).sum(axis=1)
        chosen: list[int] = []
        for view in np.argsort(-overlap, kind="stable"):
            if len(chosen) == budget or overlap[view] == 0:
                break
            shared = [(saw[view] & saw[c]).sum() / max((saw[view] | saw[c]).sum(), 1) for c in chosen]
            if max(shared, default=0.0) <= SAME_VIEW:
                chosen.append(int(view))
        return chosen

    def nearest_cameras(self, cameras: Sequence[Camera], *, budget: int) -> list[int]:
        """The views whose cameras stand nearest among those that look most alike; blind to what is in the way."""
        if len(self.coarse) == 0:
            return []
        forward = np.mean([camera.forward_world for camera in cameras], axis=0)
        position = np.mean([camera.position_world for camera in cameras], axis=0)
        pool = np.argsort(-(self.coarse.forwards_world @ forward), kind="stable")[: 2 * budget]
        distance = np.linalg.norm(self.coarse.positions_world[pool] - position, axis=1)
        chosen: list[int] = []
        for view in pool[np.argsort(distance, kind="stable")]:
            near = self.coarse.positions_world[chosen] - self.coarse.positions_world[view]
            if len(chosen) < budget and not (np.linalg.norm(near, axis=1) < SAME_PLACE_M).any():
                chosen.append(int(view))
        return chosen

    def _places(self, cameras: Sequence[Camera]) -> _Places:
        """What the cameras will see, taken back to where it was captured."""
        seen, counts = _one_a_cell(
            *visible_points(self._points_world, self._sizes_m, cameras), self._points_world, cameras
        )
        point, transform = self._point[seen], self._transform[seen]
        eye = np.mean([camera.position_world for camera in cameras], axis=0)
        eyes = (self._captured_from_edited[:, :3, :3] @ eye + self._captured_from_edited[:, :3, 3]).astype(np.float32)
        sharpness = max(camera.focal_px / PATCH_SIZE_PX for camera in cameras)
        return _Places(
            self.coarse.points_world[point], eyes[transform], counts, self.coarse.point_worlds[point], sharpness
        )

    def _scores(self, places: _Places, time_s: float, terms: RetrievalTerms) -> np.ndarray:  # (V, T) float32
        """How well each view saw each place, 0 = not at all."""
        coarse, count = self.coarse, len(places.counts)
        scores = np.zeros((len(coarse), count), np.float32)
        view, place = _pairs(coarse, places)
        if len(view) == 0:
            return scores
        value = np.full(len(view), 1 - terms.quality - terms.age, np.float32)
        if terms.quality:
            value += np.float32(terms.quality) * _quality(coarse, places, view, place)
        if terms.age:
            age = np.abs(np.float32(time_s) - coarse.times_s[view]) / np.float32(terms.half_life_s)
            value += np.float32(terms.age) * np.exp2(-age)
        scores[view, place] = value
        return scores


@dataclass(frozen=True, eq=False)
class _Places:
    """T places that a chunk will show, as captured."""

    points: np.ndarray  # (T, 3) float32
    eyes: np.ndarray  # (T, 3) float32, the chunk's middle, moved along with the edit
    counts: np.ndarray  # (T,) in how many cells of all cameras
    worlds: np.ndarray  # (T,) int32
    sharpness_px: float  # of the sharpest camera, in patches


def _one_a_cell(
    seen: np.ndarray,  # (n,) points
    counts: np.ndarray,  # (n,)
    points_world: np.ndarray,  # (3, N)
    cameras: Sequence[Camera],
) -> tuple[np.ndarray, np.ndarray]:  # (t,) points, (t,) counts
    """Of points about a grid cell apart, one stands for all: cameras in a row see the same place by other points."""
    points = points_world[:, seen].T
    middle = cameras[len(cameras) // 2]
    distance = np.sqrt(((points - middle.position_world.astype(np.float32)) ** 2).sum(axis=1))
    level = np.ceil(np.log2(distance * np.float32(middle.image_width / (GRID_WIDTH * middle.focal_px))))
    _, first, group = np.unique(voxel_keys(points, level, np.zeros(len(seen), np.int64)), True, True)
    return seen[first], np.bincount(group, weights=counts, minlength=len(first))


def _shown_points(
    point_rows: np.ndarray,  # (S,) row of each surface point
    placed_rows: np.ndarray,  # (N,) row of each placement
    shown: np.ndarray,  # (N,) bool
    row_count: int,
) -> tuple[np.ndarray, np.ndarray]:  # (n,) surface point and placement of each pair
    """A point for each shown placement of its patch."""
    order = np.argsort(point_rows, kind="stable")
    counts = np.bincount(point_rows, minlength=row_count + 1)
    starts = np.cumsum(counts) - counts
    at = np.flatnonzero(shown & (counts[placed_rows] > 0))
    times = counts[placed_rows[at]]
    within = np.arange(int(times.sum())) - np.repeat(np.cumsum(times) - times, times)
    return order[np.repeat(starts[placed_rows[at]], times) + within], np.repeat(at, times)


def _pairs(coarse: CoarseViews, places: _Places) -> tuple[np.ndarray, np.ndarray]:  # (n,) view, (n,) place
    """All pairs of a view and a place it saw: in its picture, and at the depth that it saw there."""
    views = _may_see(coarse, places.points)
    m = coarse.cameras[views].T[:, :, None]
    x, y, z = np.ascontiguousarray(places.points.T)
    depth = m[8] * x + m[9] * y + m[10] * z + m[11]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = (m[0] * x + m[1] * y + m[2] * z + m[3]) / depth
        v = (m[4] * x + m[5] * y + m[6] * z + m[7]) / depth
    inside = (depth > 0) & (u >= 0) & (v >= 0) & (u < GRID_WIDTH) & (v < GRID_HEIGHT)
    if coarse.worlds.any():
        inside &= coarse.worlds[views][:, None] == places.worlds
    pair = np.flatnonzero(inside)
    view, place = np.divmod(pair, len(places.counts))
    u, v, depth = (plane.ravel()[pair] for plane in (u, v, depth))
    view = views[view]
    cell = view * (GRID_HEIGHT * GRID_WIDTH) + v.astype(np.intp) * GRID_WIDTH + u.astype(np.intp)
    near, far = coarse.nearest.ravel()[cell], coarse.farthest.ravel()[cell]
    saw = (depth >= near * np.float32(1 - DEPTH_AGREEMENT)) & (depth <= far * np.float32(1 + DEPTH_AGREEMENT))
    return view[saw], place[saw]


def _may_see(coarse: CoarseViews, points: np.ndarray) -> np.ndarray:  # (n,) views
    """Views whose picture may hold a part of the ball around the places."""
    if len(points) == 0 or len(coarse) == 0:
        return np.zeros(0, np.intp)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.sqrt(((points - centre) ** 2).sum(axis=1).max())) * 1.001 + 1e-3
    m = coarse.cameras.reshape(-1, 3, 4).astype(np.float64)
    u, v, depth = (m[:, i, :3] @ centre + m[:, i, 3] for i in range(3))
    rows = (m[:, 0], GRID_WIDTH * m[:, 2] - m[:, 0], m[:, 1], GRID_HEIGHT * m[:, 2] - m[:, 1], m[:, 2])
    sides = (u, GRID_WIDTH * depth - u, v, GRID_HEIGHT * depth - v, depth)
    may = np.ones(len(m), bool)
    for row, side in zip(rows, sides, strict=True):
        may &= side > -radius * np.sqrt((row[:, :3] ** 2).sum(axis=1))
    farthest = coarse.farthest.max(axis=1)
    return np.flatnonzero(may & (depth - radius <= farthest * (1 + DEPTH_AGREEMENT)))


def _quality(coarse: CoarseViews, places: _Places, view: np.ndarray, place: np.ndarray) -> np.ndarray:  # (n,) 0 .. 1
    """How like the chunk's own the view's direction and resolution are at each place, as in the readout."""
    points = places.points[place]
    ax, ay, az = (points - coarse.positions_world[view]).T
    bx, by, bz = (points - places.eyes[place]).T
    a2, b2 = ax * ax + ay * ay + az * az, bx * bx + by * by + bz * bz
    cosine = (ax * bx + ay * by + az * bz) / np.maximum(np.sqrt(a2 * b2), np.float32(1e-20))
    falloff = np.float32(1 / (1 - np.cos(np.radians(ANGLE_FALLOFF_DEG))))
    ratio = coarse.sharpness_px[view] / np.float32(places.sharpness_px)
    sharpness = ratio * np.sqrt(b2 / np.maximum(a2, np.float32(1e-20)))
    return np.exp((cosine - 1) * falloff) * np.minimum(sharpness, np.float32(1)) ** 2


def _greedy(
    scores: np.ndarray,  # (V, T) float32
    counts: np.ndarray,  # (T,)
    budget: int,
) -> list[int]:
    """Take the view that adds most, until the budget is spent or nothing adds much."""
    weights = counts.astype(np.float32)
    best = np.zeros(len(counts), np.float32)
    chosen: list[int] = []
    while len(chosen) < budget and len(scores):
        gains = (np.maximum(scores - best, np.float32(0)) * weights).sum(axis=1)
        view = int(gains.argmax())
        if not gains[view] > LEAST_GAIN * weights.sum():
            break
        chosen.append(view)
        best = np.maximum(best, scores[view])
    return chosen
