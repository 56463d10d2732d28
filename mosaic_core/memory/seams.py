"""The border between the worlds of a spliced memory, as a camera sees it: where engines should blend or repaint.

Two worlds meet in a picture in two ways. Where their surfaces touch, there is a seam: light, texture and scale may
break. Where something of one world stands before the other, there is only an outline, and nothing to mend.
"""

from __future__ import annotations

import numpy as np

from ..errors import EditError
from ..sampling import grown
from .memory import Memory
from .picture import Readout

# Neighbouring pixels of two worlds touch where their depths differ by less than this share.
TOUCHING = 0.05


def worlds_of(readout: Readout, memory: Memory) -> np.ndarray:  # (h, w) int32, -1 = hole
    """The world that each pixel comes from."""
    worlds = np.array([*(view.world for view in memory.views), -1], np.int32)
    return worlds[readout.source_view]


def seam_mask(
    readout: Readout,
    memory: Memory,
    *,
    width_px: int = 8,  # how far from the border
    outlines: bool = False,  # also where one world only stands before the other
) -> np.ndarray:  # (h, w) bool
    """Pixels near a border between worlds. All false where one world is seen.

    Narrow holes between two worlds, up to twice the width, count as border too: there the worlds do not quite meet.
    Raises `EditError` for a negative width.
    """
    if width_px < 0:
        raise EditError(f"a seam's width is a number of pixels from 0, got {width_px}")
    # Sky has a world too, and no place where it could touch another.
    worlds = np.where(np.isfinite(readout.z_depth), worlds_of(readout, memory), -1)
    border = np.zeros(worlds.shape, bool)
    for axis in (0, 1):
        before, after = _neighbours(axis)
        differ = (worlds[before] != worlds[after]) & (worlds[before] >= 0) & (worlds[after] >= 0)
        if not outlines:
            near, far = readout.z_depth[before], readout.z_depth[after]
            with np.errstate(invalid="ignore"):
                differ &= np.abs(near - far) <= TOUCHING * np.minimum(near, far)
        border[before] |= differ
        border[after] |= differ
    border |= _holes_between(worlds, readout.covered, 2 * width_px)
    return grown(border, width_px)


def _neighbours(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    first, second = [slice(None), slice(None)], [slice(None), slice(None)]
    first[axis], second[axis] = slice(None, -1), slice(1, None)
    return tuple(first), tuple(second)


def _holes_between(worlds: np.ndarray, covered: np.ndarray, at_most_px: int) -> np.ndarray:  # (h, w) bool
    """Holes of that many pixels whose neighbours, left and right or above and below, belong to two worlds."""
    between = np.zeros(worlds.shape, bool)
    for axis in (0, 1):
        lines, seen = np.moveaxis(worlds, axis, -1), np.moveaxis(covered, axis, -1)
        place = np.broadcast_to(np.arange(lines.shape[-1]), lines.shape)
        before = np.maximum.accumulate(np.where(seen, place, -1), axis=-1)
        after = np.minimum.accumulate(np.where(seen, place, lines.shape[-1])[..., ::-1], axis=-1)[..., ::-1]
        both = (before >= 0) & (after < lines.shape[-1]) & ~seen & (after - before <= at_most_px + 1)
        left = np.take_along_axis(lines, np.maximum(before, 0), -1)
        right = np.take_along_axis(lines, np.minimum(after, lines.shape[-1] - 1), -1)
        between |= np.moveaxis(both & (left >= 0) & (right >= 0) & (left != right), -1, axis)
    return between
