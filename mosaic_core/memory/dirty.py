"""What an edit changes: which placements differ between two states, and which frames of a path show it.

`dirty_frames` is exact. A frame is dirty where any column of its `Readout` differs in any bit, `placement_id` aside:
values, covered, z_depth, confidence, age, source view and source pixel. An id is a name, and a copy that replaces its
original in place changes nothing that a model or a person could see.

Reading out twice is what costs, so frames that cannot differ are left out first. A placement acts on the picture only
near its own pixels: through its surfels, and through what its pixels say about points that project beside them. Around
the pixels of each changed patch, grown by two, lies a box that holds all of that, in either state. A frame whose
picture has no part of such a box is clean. The boxes are generous, so this filter never misses; the comparison of bits
decides about the rest. Sky has no place, and what moves has many: where they changed, every frame is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..cameras import Camera, CameraPath
from .compact import distinct_codes
from .memory import Memory
from .picture import Readout
from .placements import DYNAMIC, LOCKED, Placements
from .source_views import DEPTH_AGREEMENT, SLOPE_AGREEMENT
from .surfels import pixel_slopes
from .timed_reader import TimedReader
from .view import View

# How far from a pixel, in pixels, a point may be and still ask it: one for the four taps around, one to spare.
REACH_PX = 2
# Taps are at most a pixel away along u and v, over which a surface changes by its steepness; a point agrees within one
# tolerance after that. Two leave room for rounding and for neighbours that agree with half of one.
TOLERANCES = 2.0
# Pixels of a patch are bounded together in blocks of so many a side: fewer points, and boxes hardly larger.
_BLOCK_PX = 4
# So many boxes are bounded together.
_BUNCH = 64
# Corners of a unit box, (8, 3).
_CORNERS = np.array(list(np.ndindex(2, 2, 2)), np.float64)


@dataclass(frozen=True, eq=False)
class PlacementsDiff:
    """Ids of the placements that differ between two states, each ascending."""

    removed: np.ndarray  # (n,) int64, only before
    added: np.ndarray  # (n,) int64, only after
    changed: np.ndarray  # (n,) int64, in both: another patch, transform, flag or time

    def __len__(self) -> int:
        return len(self.removed) + len(self.added) + len(self.changed)


def diff(before: Placements, after: Placements, *, ignore_locks: bool = False) -> PlacementsDiff:
    """The placements that differ, bit for bit; `ignore_locks` leaves out what only got locked or unlocked."""
    both = np.intersect1d(before.ids, after.ids, assume_unique=True)
    was, now = before.indices_of(both), after.indices_of(both)
    flags = ~LOCKED if ignore_locks else np.uint8(255)
    differs = (
        (before.rows[was] != after.rows[now])
        | ((before.flags[was] & flags) != (after.flags[now] & flags))
        | (before.time_range_s[was] != after.time_range_s[now]).any(axis=1)
        | _moved(before, was, after, now)
    )
    return PlacementsDiff(
        removed=np.setdiff1d(before.ids, both, assume_unique=True),
        added=np.setdiff1d(after.ids, both, assume_unique=True),
        changed=both[differs],
    )


def _moved(before: Placements, was: np.ndarray, after: Placements, now: np.ndarray) -> np.ndarray:  # (n,) bool
    """Which placements have another transform. Each pair of transforms is compared once: there are few."""
    pair = before.transform_index[was].astype(np.int64) * len(after.transforms) + after.transform_index[now]
    pairs, member = distinct_codes(pair)
    old, new = np.divmod(pairs, len(after.transforms))
    unlike = (before.transforms[old] != after.transforms[new]).any(axis=(1, 2))
    # The identity in another place of the table is read by another path.
    return (unlike | ((old == 0) != (new == 0)))[member]


def dirty_frames(before: Memory, after: Memory, path: CameraPath) -> list[int]:
    """Indices of the frames of a path whose readout differs, exactly (see above). Raises `MosaicError` without views.

    Time ranges count as the engines take them: a placement is shown in the frames of its time.
    """
    candidates = candidate_frames(before, after, path)
    old, new = TimedReader(before), TimedReader(after)
    return [
        index
        for index in candidates
        if not same_readout(
            old.rgb(path.cameras[index], path.time_s(index)), new.rgb(path.cameras[index], path.time_s(index))
        )
    ]


def candidate_frames(before: Memory, after: Memory, path: CameraPath) -> list[int]:
    """Frames that may differ, found without reading out: never too few."""
    everything = list(range(len(path)))
    if before.views != after.views or before.patches is not after.patches or before.motions != after.motions:
        return everything
    difference = diff(before.placements, after.placements, ignore_locks=True)
    if len(difference) == 0:
        return []
    gone = before.placements.indices_of(np.concatenate([difference.removed, difference.changed]))
    come = after.placements.indices_of(np.concatenate([difference.added, difference.changed]))
    if any((state.placements.flags[at] & DYNAMIC).any() for state, at in ((before, gone), (after, come))):
        return everything  # a mover is shown at other times in other places
    rows = np.unique(np.concatenate([before.placements.rows[gone], after.placements.rows[come]]))
    if before.patches.sky[rows - 1].any():
        return everything
    boxes = influence_boxes(before, rows)
    if not np.isfinite(boxes).all():
        return everything
    corners = np.concatenate(
        [_placed(state.placements, at, rows, boxes) for state, at in ((before, gone), (after, come))]
    )
    changed = _Boxes(corners)
    return [index for index in everything if changed.any_in_image(path.cameras[index])]


def same_readout(ours: Readout, theirs: Readout) -> bool:
    """Whether two readouts have the same bits in all columns but the ids of placements."""
    return all(
        np.array_equal(getattr(ours, f.name), getattr(theirs, f.name), equal_nan=True)
        for f in fields(Readout)
        if f.name != "placement_id"
    )


def influence_boxes(
    memory: Memory,
    rows: np.ndarray,  # (n,) ascending, no sky
) -> np.ndarray:  # (n, 2, 3) low and high corner, captured world; infinite where there is no bound
    """A box around everything that the pixels of each patch can have a say in."""
    boxes = np.stack([np.full((len(rows), 3), np.inf), np.full((len(rows), 3), -np.inf)], axis=1)
    chosen = np.zeros(len(memory.patches) + 1, bool)
    chosen[rows] = True
    view, cells = (memory.patches.column(name, rows - 1) for name in ("view", "cell_yx"))
    for index in np.unique(view).tolist():
        own = _OwnPixels(memory, index, cells[view == index].astype(np.int64), rows, chosen)
        if len(own.block):
            _put_boxes(memory.views[index], own, boxes)
    return boxes


class _OwnPixels:
    """The pixels of some patches in one view, block after block: `_BLOCK_PX` square, and of one patch each.

    What bounds them is found for a block at once. So a pixel is asked four times and not for each of its neighbours,
    and what it is taken for is no less.
    """

    def __init__(self, memory: Memory, index: int, cells: np.ndarray, rows: np.ndarray, chosen: np.ndarray) -> None:
        """`cells` (k, 2): where the view's patches are whose `rows` are `chosen`."""
        view = memory.views[index]
        # A patch's pixels lie in its cell; around them is what says how steep they and their neighbours are.
        reach, size = REACH_PX + 2, view.patch_size_px
        low, high = np.maximum(cells.min(axis=0) * size - reach, 0), (cells.max(axis=0) + 1) * size + reach
        self.top, self.left = low.tolist()
        part = (slice(self.top, int(high[0])), slice(self.left, int(high[1])))
        self.z_depth, self.pixel_rows = view.z_depth[part], memory.pixel_rows[index][part]
        y, x = np.nonzero(chosen[self.pixel_rows])
        owner = np.searchsorted(rows, self.pixel_rows[y, x])
        block = (owner << 32) | (y // _BLOCK_PX << 16) | (x // _BLOCK_PX)
        order = np.argsort(block, kind="stable")
        self.y, self.x = y[order], x[order]
        self.starts = np.flatnonzero(np.diff(block[order], prepend=-1))
        self.block = block[order][self.starts]  # (n,)
        self.owner = owner[order][self.starts]  # (n,) position in rows

    def largest(self, values: np.ndarray) -> np.ndarray:  # (m,) a pixel -> (n,) a block
        return np.maximum.reduceat(values, self.starts)

    def smallest(self, values: np.ndarray) -> np.ndarray:  # (m,) -> (n,)
        return np.minimum.reduceat(values, self.starts)

    def around(self) -> np.ndarray:  # (k, k, n) flat in `z_depth`
        """Each block's pixels and those within reach. Beyond the edge stands the last pixel again."""
        height, width = self.z_depth.shape
        steps = np.arange(-REACH_PX, _BLOCK_PX + REACH_PX)[:, None]
        y = np.clip((self.block >> 16 & 0xFFFF) * _BLOCK_PX + steps, 0, height - 1)
        x = np.clip((self.block & 0xFFFF) * _BLOCK_PX + steps, 0, width - 1)
        return y[:, None] * width + x[None]


def _put_boxes(view: View, own: _OwnPixels, boxes: np.ndarray) -> None:
    """The boxes of the patches of one view. Each holds pieces of the view's frustum, one a block of the patch's pixels:
    from the nearest to the farthest that they, and those that they are mixed with, may say, a few pixels wider.
    """
    most, least = _inverse_depths(own)
    with np.errstate(divide="ignore"):
        farthest = np.where(least > 0, 1 / np.where(least > 0, least, 1), np.inf)
    u, v = (
        (own.smallest(at) + start + 0.5 - 2 * REACH_PX, own.largest(at) + start + 0.5 + 2 * REACH_PX)
        for at, start in ((own.x, own.left), (own.y, own.top))
    )
    rays = [view.camera.rays_world(np.stack([across, down], axis=-1)) for across in u for down in v]
    with np.errstate(invalid="ignore"):
        corners = [view.camera.position_world + ray * z[:, None] for z in (1 / most, farthest) for ray in rays]
    of_patch = np.flatnonzero(np.diff(own.owner, prepend=-1))
    low = np.minimum.reduceat(np.minimum.reduce(corners), of_patch)
    high = np.maximum.reduceat(np.maximum.reduce(corners), of_patch)
    boxes[own.owner[of_patch]] = np.stack([low, high], axis=1)


def _inverse_depths(own: _OwnPixels) -> tuple[np.ndarray, np.ndarray]:  # (n,) float64 each
    """The greatest and the least inverse depth that each block's pixels, and those they are mixed with, may say.

    What one pixel says is mixed with what those beside it say, where they may lie on one surface.
    """
    inverse = 1 / own.z_depth.astype(np.float64)  # 0 where unknown
    slopes = pixel_slopes(own.z_depth, own.pixel_rows)
    steepness = np.abs(slopes[0]) + np.abs(slopes[1])
    spread = steepness + TOLERANCES * (DEPTH_AGREEMENT * inverse + SLOPE_AGREEMENT * steepness)
    above, below = inverse + spread, inverse - spread
    most, least = own.largest(above[own.y, own.x]), own.smallest(below[own.y, own.x])
    below[inverse == 0] = np.inf  # says nothing, so is near to nobody
    around = own.around()
    above, below = above.take(around), below.take(around)
    near = (below <= most) & (above >= least)
    highest = np.where(near, above, -np.inf).max(axis=(0, 1))
    lowest = np.where(near, below, np.inf).min(axis=(0, 1))
    return np.maximum(most, highest), np.minimum(least, lowest)


def _placed(placements: Placements, at: np.ndarray, rows: np.ndarray, boxes: np.ndarray) -> np.ndarray:  # (n, 8, 3)
    """The corners of each placement's box where the placement is now."""
    low, high = np.moveaxis(boxes[np.searchsorted(rows, placements.rows[at])], 1, 0)
    corners = low[:, None] + _CORNERS * (high - low)[:, None]
    matrices = placements.edited_from_captured(at)
    return np.einsum("nij,ncj->nci", matrices[:, :3, :3], corners) + matrices[:, None, :3, 3]


class _Boxes:
    """Boxes that many cameras are asked about, in bunches: most cameras are far from all of them or see many."""

    def __init__(self, corners: np.ndarray) -> None:  # (n, 8, 3)
        self._corners = corners
        starts = np.arange(0, len(corners), _BUNCH)
        low = np.minimum.reduceat(corners.min(axis=1), starts)
        high = np.maximum.reduceat(corners.max(axis=1), starts)
        self._bunches = low[:, None] + _CORNERS * (high - low)[:, None]  # (n / _BUNCH, 8, 3)

    def any_in_image(self, camera: Camera) -> bool:
        """Whether any box may reach into the image, two pixels wider than it is."""
        # A bunch spread out, and then the others: where any is in the image, that mostly says so.
        if _in_image(camera, self._corners[:: max(len(self._corners) // _BUNCH, 1)]).any():
            return True
        near = np.repeat(_in_image(camera, self._bunches), _BUNCH)[: len(self._corners)]
        return bool(_in_image(camera, self._corners[near]).any())


def _in_image(camera: Camera, corners: np.ndarray) -> np.ndarray:  # (n, 8, 3) -> (n,) bool
    """Which boxes may reach into the image, two pixels wider than it is: none of its planes has them all behind."""
    m, k = camera.cam_from_world, camera.intrinsics_px
    x, y, z = np.moveaxis(corners @ m[:3, :3].T + m[:3, 3], -1, 0)
    across, down = k[0, 0] * x + k[0, 1] * y + k[0, 2] * z, k[1, 1] * y + k[1, 2] * z
    border = REACH_PX * z
    sides = (z, across + border, camera.image_width * z + border - across, down + border)
    sides = (*sides, camera.image_height * z + border - down)
    return np.all([(side > 0).any(axis=1) for side in sides], axis=0)
