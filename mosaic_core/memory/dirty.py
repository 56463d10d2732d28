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
from .memory import Memory
from .picture import Readout
from .placements import DYNAMIC, LOCKED, Placements
from .source_views import DEPTH_AGREEMENT, SLOPE_AGREEMENT
from .surfels import pixel_slopes
from .timed_reader import TimedReader

# How far from a pixel, in pixels, a point may be and still ask it: one for the four taps around, one to spare.
REACH_PX = 2
# Taps are at most a pixel away along u and v, over which a surface changes by its steepness; a point agrees within one
# tolerance after that. Two leave room for rounding and for neighbours that agree with half of one.
TOLERANCES = 2.0
# Pixels of a patch are bounded together in blocks of so many a side: fewer points, and boxes hardly larger.
_BLOCK_PX = 4
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
        | (before.edited_from_captured(was) != after.edited_from_captured(now)).any(axis=(1, 2))
        # The identity in another place of the table is read by another path.
        | ((before.transform_index[was] == 0) != (after.transform_index[now] == 0))
    )
    return PlacementsDiff(
        removed=np.setdiff1d(before.ids, both, assume_unique=True),
        added=np.setdiff1d(after.ids, both, assume_unique=True),
        changed=both[differs],
    )


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
    if before.views != after.views or before.patches is not after.patches:
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
    return [index for index in everything if _any_in_image(path.cameras[index], corners)]


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
    for index in np.unique(memory.patches.view[rows - 1]):
        _put_boxes(memory, int(index), rows, chosen, boxes)
    return boxes


def _put_boxes(memory: Memory, index: int, rows: np.ndarray, chosen: np.ndarray, boxes: np.ndarray) -> None:
    """The boxes of the patches of one view. Each holds pieces of the view's frustum, one a block of the patch's pixels:
    from the nearest to the farthest that they, and those that they are mixed with, may say, a few pixels wider.
    """
    view = memory.views[index]
    own = chosen[memory.pixel_rows[index]]
    if not own.any():
        return
    part = _around(own)
    pixel_rows = memory.pixel_rows[index][part]
    y, x = np.nonzero(own[part])
    most, least = _inverse_depths(view.z_depth[part], pixel_rows, y, x)
    owner = np.searchsorted(rows, pixel_rows[y, x])
    block = (owner << 32) | (y // _BLOCK_PX << 16) | (x // _BLOCK_PX)
    order = np.argsort(block, kind="stable")
    first = np.flatnonzero(np.diff(block[order], prepend=-1))
    most, least = np.maximum.reduceat(most[order], first), np.minimum.reduceat(least[order], first)
    with np.errstate(divide="ignore"):
        farthest = np.where(least > 0, 1 / np.where(least > 0, least, 1), np.inf)
    sides = [
        [np.minimum.reduceat(at[order], first) - 2 * REACH_PX, np.maximum.reduceat(at[order], first) + 2 * REACH_PX]
        for at in (x + part[1].start + 0.5, y + part[0].start + 0.5)
    ]
    corners = [
        view.camera.unproject(np.stack([u, v], axis=-1), z)
        for z in (1 / most, farthest)
        for u in sides[0]
        for v in sides[1]
    ]
    whose = owner[order[first]]
    of_patch = np.flatnonzero(np.diff(whose, prepend=-1))
    low = np.minimum.reduceat(np.minimum.reduce(corners), of_patch)
    high = np.maximum.reduceat(np.maximum.reduce(corners), of_patch)
    boxes[whose[of_patch]] = np.stack([low, high], axis=1)


def _around(own: np.ndarray) -> tuple[slice, slice]:  # (H, W) bool
    """The part of a picture that holds these pixels and what is needed to know their slopes and neighbours."""
    rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    reach = REACH_PX + 2
    return tuple(slice(max(0, int(at[0]) - reach), int(at[-1]) + reach + 1) for at in (rows, columns))  # type: ignore[return-value]


def _inverse_depths(
    z_depth: np.ndarray,  # (h, w)
    pixel_rows: np.ndarray,  # (h, w)
    own_y: np.ndarray,  # (m,)
    own_x: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # (m,) float64 each
    """The greatest and the least inverse depth that each of these pixels, and those it is mixed with, may say.

    What one pixel says is mixed with what those beside it say, where they may lie on one surface.
    """
    height, width = z_depth.shape
    inverse = 1 / z_depth.astype(np.float64)  # 0 where unknown
    slopes = pixel_slopes(z_depth, pixel_rows)
    steepness = np.abs(slopes[0]) + np.abs(slopes[1])
    spread = steepness + TOLERANCES * (DEPTH_AGREEMENT * inverse + SLOPE_AGREEMENT * steepness)
    own_inverse, own_spread = inverse[own_y, own_x], spread[own_y, own_x]
    most, least = own_inverse + own_spread, own_inverse - own_spread
    for dy in range(-REACH_PX, REACH_PX + 1):
        for dx in range(-REACH_PX, REACH_PX + 1):
            # Beyond the edge stands the last pixel again, which has been asked already.
            flat = np.clip(own_y + dy, 0, height - 1) * width + np.clip(own_x + dx, 0, width - 1)
            there, apart = inverse.reshape(-1)[flat], spread.reshape(-1)[flat]
            near = (there > 0) & (np.abs(there - own_inverse) <= apart + own_spread)
            np.maximum(most, there + apart, out=most, where=near)
            np.minimum(least, there - apart, out=least, where=near)
    return most, least


def _placed(placements: Placements, at: np.ndarray, rows: np.ndarray, boxes: np.ndarray) -> np.ndarray:  # (n, 8, 3)
    """The corners of each placement's box where the placement is now."""
    low, high = np.moveaxis(boxes[np.searchsorted(rows, placements.rows[at])], 1, 0)
    corners = low[:, None] + _CORNERS * (high - low)[:, None]
    matrices = placements.edited_from_captured(at)
    return np.einsum("nij,ncj->nci", matrices[:, :3, :3], corners) + matrices[:, None, :3, 3]


def _any_in_image(camera: Camera, corners: np.ndarray) -> bool:  # (n, 8, 3)
    """Whether any box may reach into the image, two pixels wider than it is: none of its planes has it all behind."""
    m, k = camera.cam_from_world, camera.intrinsics_px
    x, y, z = np.moveaxis(corners @ m[:3, :3].T + m[:3, 3], -1, 0)
    across, down = k[0, 0] * x + k[0, 1] * y + k[0, 2] * z, k[1, 1] * y + k[1, 2] * z
    border = REACH_PX * z
    sides = (z, across + border, camera.image_width * z + border - across, down + border)
    sides = (*sides, camera.image_height * z + border - down)
    return bool(np.all([(side > 0).any(axis=1) for side in sides], axis=0).any())
