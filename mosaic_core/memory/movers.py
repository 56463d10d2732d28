"""Movers: things that were caught in several places while they moved, and where they are at any other time.

A memory that shows what moves wherever it was captured shows one ball five times; one that leaves it out shows none.
But a renderer's object ids, or a tracker's, say which patches are the same thing at another moment. Where the memory
holds its motion (`mosaic_core.memory.motion`), that says where it is; elsewhere its path is read off the moments
themselves: smoothly from each to the next, and before the first and after the last on as it went there, for a while.
A thing is shown as the nearest moment that saw it whole caught it, carried along.

Where a thing's middle is follows from its outline: a side view tells its width and height, and what cannot be seen, how
far it reaches behind its front, is taken to be its width. Where the picture or something nearer cuts a side off, the
other side and the size known from other moments tell it. Only what truly goes somewhere is followed: what deforms or
sways in place, and what has no object id, stays as it was captured.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from ..cameras.camera import transform_points
from ..cameras.monotone import monotone_cubic
from ..cameras.rotations import cleaned
from .memory import Memory
from .motion import Motion
from .placements import DYNAMIC, HIDDEN
from .view import View

# A thing goes somewhere if its middle is ever farther from where it first was than what outlines leave in doubt: this
# share of its width seen from the same side, and so much more from a side at right angles, where it may be longer.
IN_DOUBT, FROM_ASIDE = 0.1, 0.4
# It is carried so far past its first and last moment and no farther: nobody knows what it met by then.
CARRIED_S = 4.0
# Of a thing that was pulled into more pieces, each with a transform of its own, none is followed: it is no thing any
# more, and every piece would be read by itself.
MOST_COPIES = 16
# Two stretches are one motion where their velocities differ by no more than this share.
SAME_VELOCITY = 0.3
# Nearer by this share of the depth is something else, in front.
_IN_FRONT = 0.02
# Of the depths of a thing, nearest first, this one is its front: single pixels err.
_FRONT = 0.02
# Fewer pixels have no outline, and of less than this share of its size a thing's front is not seen.
_LEAST_PIXELS = 12
_LEAST_SEEN = 0.6


@dataclass(frozen=True, eq=False)
class Mover:
    """One thing, or one copy of it, at the moments at which it was caught."""

    object_id: int
    times_s: np.ndarray  # (M,) float64, rising
    ids: tuple[np.ndarray, ...]  # M x (n,) int64, the placements of each moment
    middles_world: np.ndarray  # (M, 3) float64 metres, as edited; nan where the outline does not tell
    is_whole: np.ndarray  # (M,) bool, nothing of the outline was cut off; all where that is so of none
    motion: Motion | None = None  # where it really is, as captured
    edited_from_captured: np.ndarray = field(default_factory=lambda: np.eye(4))  # (4, 4) similarity

    def moment_at(self, time_s: float) -> tuple[int, np.ndarray] | None:
        """The moment to show, and the rigid transform (4, 4) that carries it, world to world; None where nobody knows.

        At a moment's own time that is the moment itself, not carried at all.
        """
        if self.motion is None and not self.times_s[0] - CARRIED_S <= time_s <= self.times_s[-1] + CARRIED_S:
            return None
        nearest = int(np.where(self.is_whole, np.abs(self.times_s - time_s), np.inf).argmin())
        from_s, carried = float(self.times_s[nearest]), np.eye(4)
        if time_s == from_s:
            return nearest, carried
        if self.motion is not None:
            edited = self.edited_from_captured
            carried = edited @ self.motion.between(from_s, time_s) @ np.linalg.inv(edited)
            carried[:3, :3] = cleaned(carried[:3, :3])
        else:
            carried[:3, 3] = self.middle_at(time_s) - self.middle_at(from_s)
        return nearest, carried

    @property
    def span_s(self) -> tuple[float, float]:
        """From when to when somebody knows, or saw, where it is."""
        times = self.times_s if self.motion is None else self.motion.times_s
        return float(times[0]), float(times[-1])

    def way_m(self) -> float:
        """How far it goes meanwhile, along its way."""
        times = np.linspace(*self.span_s, 64)
        if self.motion is None:
            places = np.array([self.middle_at(time_s) for time_s in times])
        else:
            places = np.array(
                [(self.edited_from_captured @ self.motion.world_from_object_at(time_s))[:3, 3] for time_s in times]
            )
        return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())

    def middle_at(self, time_s: float) -> np.ndarray:  # (3,) metres, world
        """Where the thing's middle is: on a smooth curve through all moments, beyond the last on as it went there."""
        known = np.isfinite(self.middles_world[:, 0])
        times, middles = self.times_s[known], self.middles_world[known]
        if time_s >= times[-1]:
            return middles[-1] + (time_s - times[-1]) * _last_velocity(times, middles)
        if time_s <= times[0]:
            return middles[0] + (time_s - times[0]) * _last_velocity(times[::-1], middles[::-1])
        # Things that are keyed speed up and slow down, and do not turn back for it.
        return monotone_cubic(times, middles, np.array([time_s]))[0]


def movers_of(memory: Memory) -> list[Mover]:
    """The things of a memory that are followed, as they are placed now; hidden placements do not count."""
    table = memory.placements
    at = np.flatnonzero((table.flags & (DYNAMIC | HIDDEN)) == DYNAMIC)
    if not len(at):
        return []
    rows = table.rows[at]
    things = memory.patches.column("object_id", rows - 1)
    views = memory.patches.column("view", rows - 1)
    times = np.array([view.time_s for view in memory.views], np.float64)[views]
    found = []
    # A copy is a thing of its own: another transform of the same patches.
    copies = sorted(set(zip(things.tolist(), table.transform_index[at].tolist(), strict=True)))
    count = Counter(thing for thing, _ in copies)
    for thing, placed in (copy for copy in copies if count[copy[0]] <= MOST_COPIES):
        mine = (things == thing) & (table.transform_index[at] == placed)
        moments = np.unique(times[mine])
        if thing == 0 or (len(moments) < 2 and thing not in memory.motions):
            continue
        parts = [at[mine & (times == moment)] for moment in moments]
        edited, motion = table.transforms[placed], memory.motions.get(thing)
        middles, is_whole, width_m = _middles(memory, parts, edited)
        if motion is not None or _goes_somewhere(middles, width_m, [_seen_from(memory, part) for part in parts]):
            ids = tuple(table.ids_at(part) for part in parts)
            found.append(Mover(thing, moments, ids, middles, is_whole, motion, edited))
    return found


def ids_of(movers: list[Mover]) -> np.ndarray:  # (n,) int64, ascending
    """All placements that belong to them."""
    return np.unique(np.concatenate([np.zeros(0, np.int64), *(part for mover in movers for part in mover.ids)]))


@dataclass(frozen=True)
class _Outline:
    """What one view tells of a thing, along its right and down axes."""

    view: View
    front_m: float  # z_depth
    low_px: tuple[float, float]  # left and top side
    high_px: tuple[float, float]  # right and bottom side
    cut: tuple[tuple[bool, bool], tuple[bool, bool]]  # per axis, whether its low and its high side is cut off

    def half_size_m(self, axis: int) -> float:
        """Half of the width or height, if no side is cut: seen at the middle's depth, half a width behind the front."""
        share_x, share_y = (
            (high - low) / (2 * self.view.camera.intrinsics_px[i, i])
            for i, (low, high) in enumerate(zip(self.low_px, self.high_px, strict=True))
        )
        behind = self.front_m * min(share_x / (1 - min(share_x, 0.5)), 1e3)
        return behind if axis == 0 else share_y * (self.front_m + behind)

    def middle_world(self, half_size_m: tuple[float, float]) -> np.ndarray | None:  # (3,) metres
        """Where the middle of a thing of that size is; None where too little of it is seen, or too much is cut off."""
        camera, depth = self.view.camera, self.front_m + half_size_m[0]
        point = [0.0, 0.0, depth]
        for axis in range(2):
            focal, centre = camera.intrinsics_px[axis, axis], camera.intrinsics_px[axis, 2]
            low, high = ((side[axis] - centre) / focal * depth for side in (self.low_px, self.high_px))
            low_cut, high_cut = self.cut[axis]
            if (low_cut and high_cut) or high - low < 2 * _LEAST_SEEN * half_size_m[axis]:
                return None
            middle = (low + high) / 2
            point[axis] = high - half_size_m[axis] if low_cut else low + half_size_m[axis] if high_cut else middle
        return transform_points(camera.world_from_cam, np.array([point]))[0]


def _middles(
    memory: Memory, parts: list[np.ndarray], edited_from_captured: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:  # (M, 3), (M,) bool, metres
    """Where a thing's middle is at each of its moments, as edited; which of them saw it whole; and how wide it is."""
    outlines = [_outlines(memory, part) for part in parts]
    every = [outline for moment in outlines for outline in moment]
    sizes = []
    for axis in range(2):
        whole = [outline.half_size_m(axis) for outline in every if not any(outline.cut[axis])]
        cut = [outline.half_size_m(axis) for outline in every]
        sizes.append(float(np.median(whole)) if whole else max(cut, default=0.0))
    middles = np.full((len(parts), 3), np.nan)
    for index, moment in enumerate(outlines):
        told = [m for m in (outline.middle_world((sizes[0], sizes[1])) for outline in moment) if m is not None]
        if told:
            middles[index] = transform_points(edited_from_captured, np.mean(told, axis=0, keepdims=True))[0]
    known = np.isfinite(middles[:, 0])
    is_whole = known & [any(not np.any(outline.cut) for outline in moment) for moment in outlines]
    scale = float(abs(np.linalg.det(edited_from_captured[:3, :3]))) ** (1 / 3)  # of a mirrored thing too
    best = next((choice for choice in (is_whole, known) if choice.any()), np.ones(len(parts), bool))
    return middles, best, 2 * sizes[0] * scale


def _outlines(memory: Memory, part: np.ndarray) -> list[_Outline]:
    """The outlines of one moment's placements, one a view that shows enough of them."""
    rows = memory.placements.rows_at(part)
    views = memory.patches.column("view", rows - 1)
    found = []
    for index in np.unique(views):
        view, mine = memory.views[index], rows[views == index]
        window = _window_of(view, memory.patches.column("cell_yx", mine - 1))
        mask = np.isin(memory.pixel_rows[index][window], mine) & np.isfinite(view.z_depth[window])
        if mask.sum() >= _LEAST_PIXELS:
            found.append(_outline(view, mask, window))
    return found


def _window_of(view: View, cell_yx: np.ndarray) -> tuple[slice, slice]:  # (n, 2)
    """Rows and columns of these cells and a pixel around them, as far as the picture goes."""
    low = np.maximum(cell_yx.min(axis=0) * view.patch_size_px - 1, 0)
    high = (cell_yx.max(axis=0) + 1) * view.patch_size_px + 1  # slices end with the picture by themselves
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _outline(view: View, mask: np.ndarray, window: tuple[slice, slice]) -> _Outline:  # (h, w) bool, in the window
    row, column = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    z_depth, (top_px, left_px) = view.z_depth[window], (part.start for part in window)
    front_m = float(np.quantile(z_depth[mask], _FRONT))
    in_front = z_depth < (1 - _IN_FRONT) * front_m
    left, right = _cut_off(mask.T, in_front.T, column[0], column[-1])
    top, bottom = _cut_off(mask, in_front, row[0], row[-1])
    return _Outline(
        view,
        front_m=front_m,
        low_px=(float(left_px + column[0]), float(top_px + row[0])),
        high_px=(float(left_px + column[-1] + 1), float(top_px + row[-1] + 1)),
        cut=((left, right), (top, bottom)),
    )


def _cut_off(mask: np.ndarray, in_front: np.ndarray, low: int, high: int) -> tuple[bool, bool]:
    """Whether the thing goes on beyond its first and its last line: past the picture's border, or behind something."""

    def hidden(line: int, beside: int) -> bool:
        return not 0 <= beside < len(mask) or bool(in_front[beside][mask[line]].mean() > 0.5)

    return hidden(low, low - 1), hidden(high, high + 1)


def _seen_from(memory: Memory, part: np.ndarray) -> np.ndarray:  # (3,) unit
    """The direction in which the first view of a moment looks at its placements, as captured."""
    patches, rows = memory.patches, memory.placements.rows_at(part) - 1
    view = memory.views[int(patches.column("view", rows).min())]
    direction = patches.column("centre_world", rows).astype(np.float64).mean(axis=0) - view.camera.position_world
    return direction / np.linalg.norm(direction)


def _goes_somewhere(middles: np.ndarray, width_m: float, seen_from: list[np.ndarray]) -> bool:
    known = np.flatnonzero(np.isfinite(middles[:, 0]))
    for index in known[1:]:
        aside = float(np.linalg.norm(np.cross(seen_from[known[0]], seen_from[index])))
        if np.linalg.norm(middles[index] - middles[known[0]]) > (IN_DOUBT + FROM_ASIDE * aside) * width_m:
            return True
    return False


def _last_velocity(times: np.ndarray, middles: np.ndarray) -> np.ndarray:  # (M,), (M, 3) -> (3,) metres a second
    """Of the last stretch; of the last two together where they are one motion, which errs less."""
    last = (middles[-1] - middles[-2]) / (times[-1] - times[-2])
    if len(times) > 2:
        before = (middles[-2] - middles[-3]) / (times[-2] - times[-3])
        if np.linalg.norm(last - before) <= SAME_VELOCITY * np.linalg.norm(last):
            return (middles[-1] - middles[-3]) / (times[-1] - times[-3])
    return last


def without_movers(memory: Memory, movers: list[Mover]) -> Memory:
    """The memory without what is followed; the same memory where nothing is."""
    if not movers:
        return memory
    kept = np.flatnonzero(~np.isin(memory.placements.ids, ids_of(movers)))
    # No edit: nobody made it, and writing one down takes long.
    return replace(memory, placements=memory.placements.taken(kept))
