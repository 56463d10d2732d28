"""What a memory shows along a path, a line of numbers a frame."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cameras import CameraPath
from ..memory import Memory
from ..memory.picture import Readout
from ..memory.timed_reader import TimedReader

# Below this the best view saw a place from the wrong side or from far away: it will look wrong or soft.
LOW_CONFIDENCE = 0.25
# A patch counts as doubtful where this share of what other views say speaks against it.
DOUBTFUL = 0.5
# A view has a part in a frame from this share of its pixels on.
_PART = 0.01


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: its numbers, and maps for the page."""

    facts: dict[str, Any]
    picture: np.ndarray  # (h, w, 3) float32
    covered: np.ndarray  # (h, w) bool
    confidence: np.ndarray  # (h, w) float32
    age_s: np.ndarray  # (h, w) float32
    doubtful: np.ndarray  # (h, w) bool
    world: np.ndarray  # (h, w) int32, of the view that is seen; -1 = hole


def chosen_frames(path: CameraPath, at_most: int) -> list[int]:
    """Indices of frames spread evenly over a path, with both ends."""
    count = min(len(path), max(at_most, 1))
    return sorted({round(i) for i in np.linspace(0, len(path) - 1, count)})


def frames_of(
    memory: Memory,
    path: CameraPath,
    indices: list[int],
    doubtful: np.ndarray,  # (P,) share of the comparisons that spoke against each patch
    contested: np.ndarray,  # ids of the placements that are in a conflict
) -> tuple[list[Frame], str]:
    """The frames at these indices, and a hash of all they show: equal memories and paths have equal hashes.

    Raises `MosaicError` for a memory without views.
    """
    reader, digest = TimedReader(memory), hashlib.sha256()
    worlds = np.array([view.world for view in memory.views], np.int32)
    frames = []
    for index in indices:
        readout = reader.rgb(path[index], path.time_s(index))
        digest.update(readout.values.tobytes() + readout.covered.tobytes() + readout.z_depth.tobytes())
        seen = readout.placement_id > 0
        flags = np.zeros(seen.shape, bool)
        rows = memory.placements.rows[memory.placements.indices_of(readout.placement_id[seen])]
        flags[seen] = doubtful[rows - 1] > DOUBTFUL
        frames.append(
            Frame(
                _facts(path, index, readout, flags) | {"contested": _contested(readout, contested)},
                readout.values,
                readout.covered,
                readout.confidence,
                readout.age_s,
                flags,
                np.where(readout.source_view >= 0, worlds[readout.source_view], -1).astype(np.int32),
            )
        )
    return frames, digest.hexdigest()


def _facts(path: CameraPath, index: int, readout: Readout, doubtful: np.ndarray) -> dict[str, Any]:
    covered = readout.covered
    solid = covered & np.isfinite(readout.z_depth)
    holes, largest = hole_sizes(~covered)
    views, counts = np.unique(readout.source_view[covered], return_counts=True)
    facts: dict[str, Any] = {
        "frame": path.frame_numbers[index],
        "time_s": round(path.time_s(index), 4),
        "covered": _share(covered),
        "holes": holes,
        "largest_hole": round(largest / covered.size, 4),
        "sky": _share(covered & ~solid),
        "confidence": _mean(readout.confidence[solid]),
        "low_confidence": _share(readout.confidence[solid] < LOW_CONFIDENCE),
        "age_s": _mean(readout.age_s[solid]),
        "oldest_s": round(float(readout.age_s[solid].max(initial=0)), 4),
        "doubtful": _share(doubtful[solid]),
        "depth_m": round(float(np.median(readout.z_depth[solid])), 4) if solid.any() else None,
        "views": [int(view) for view, count in zip(views, counts, strict=True) if count >= _PART * covered.size],
    }
    return facts


def _contested(readout: Readout, contested: np.ndarray) -> float:
    """The share of what is seen that other views contradict (`mosaic_core.memory.conflicts`)."""
    seen = readout.placement_id[readout.placement_id > 0]
    return _share(np.isin(seen, contested[contested > 0]))


def hole_sizes(
    holes: np.ndarray,  # (h, w) bool
) -> tuple[int, int]:
    """How many connected holes there are (four neighbours), and how many pixels the largest has.

    Each pixel takes the largest label of its run, along rows and columns in turn, until none changes.
    """
    labels = np.where(holes, np.arange(1, holes.size + 1).reshape(holes.shape), 0)
    while True:
        before = labels
        for axis in (0, 1):
            labels = _spread(labels, axis)
        if np.array_equal(labels, before):
            break
    _, counts = np.unique(labels[holes], return_counts=True)
    return len(counts), int(counts.max(initial=0))


def _spread(labels: np.ndarray, axis: int) -> np.ndarray:
    """Give every pixel the largest label of the unbroken run it lies in, along one axis."""
    lines = np.moveaxis(labels, axis, -1)
    padded = np.pad(lines, ((0, 0), (1, 0)))  # a zero between the lines
    flat = padded.ravel()
    starts = np.flatnonzero((flat > 0) & (np.concatenate([[0], flat[:-1]]) == 0))
    if len(starts) == 0:
        return labels
    ends = np.flatnonzero((flat > 0) & (np.concatenate([flat[1:], [0]]) == 0))
    # Positions between two runs are zeros, so a run's maximum is that of everything up to the next run.
    highest = np.maximum.reduceat(flat, starts)
    spread = np.zeros_like(flat)
    spread[np.concatenate([np.arange(a, b + 1) for a, b in zip(starts, ends, strict=True)])] = np.repeat(
        highest, ends - starts + 1
    )
    return np.moveaxis(spread.reshape(padded.shape)[:, 1:], -1, axis)


def _share(mask: np.ndarray) -> float:
    return round(float(mask.mean()), 4) if mask.size else 0.0


def _mean(values: np.ndarray) -> float:
    return round(float(values.mean()), 4) if values.size else 0.0
