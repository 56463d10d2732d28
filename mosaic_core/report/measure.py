"""`measure`: everything the report says, as numbers. The same memory and path give the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import CameraPath
from ..memory import Memory
from ..memory.budget import patch_bytes
from ..memory.conflicts import KINDS, find_conflicts
from ..memory.summary import summary
from .agreement import Agreement, compare_views
from .frames import Frame, chosen_frames, frames_of

# Enough for a plot, and some seconds of work; every frame where a path has fewer.
MAX_FRAMES = 48
WIDTH_PX = 320
_MIB = 2**20


@dataclass(frozen=True, eq=False)
class Report:
    """A memory measured. `facts` is JSON-able; the rest is for the page."""

    facts: dict[str, Any]
    memory: Memory
    agreement: Agreement | None = None
    path: CameraPath | None = None
    frames: tuple[Frame, ...] = ()


def measure(
    memory: Memory,
    path: CameraPath | None = None,
    *,
    file: Path | None = None,  # the memory's, for its size on the disk
    compare: bool = True,  # whether views are compared; takes some tenths of a second a view
    max_frames: int = MAX_FRAMES,
    width_px: int = WIDTH_PX,
) -> Report:
    """Measure a memory, and what it shows along a path. Raises `MosaicError` for a path and no views."""
    facts = summary(memory)
    facts["size"] = sizes(memory, file)
    agreement, contested = None, np.zeros(0, np.int64)
    if compare or path is not None:
        agreement = compare_views(memory)
        names = ("compared", "agreeing", "double", "denied", "offset_m", "colour_difference")
        facts["agreement"] = {name: getattr(agreement, name) for name in names}
        facts["growth"] = growth(memory, agreement)
        conflicts = find_conflicts(memory)
        facts["conflicts"] = {kind: int((conflicts.kind == index).sum()) for index, kind in enumerate(KINDS)}
        contested = np.unique(np.concatenate([conflicts.earlier, conflicts.later]))
    if path is None or agreement is None:
        return Report(facts, memory, agreement)
    width = min(width_px, path.image_width)
    small = path.scaled_to(image_height=max(1, round(path.image_height * width / path.image_width)), image_width=width)
    frames, digest = frames_of(memory, small, chosen_frames(small, max_frames), agreement.doubtful, contested)
    facts["path"] = {
        "frames": [frame.facts for frame in frames],
        "frame_count": len(path),
        "fps": path.fps,
        "image_height": small.image_height,
        "image_width": small.image_width,
        "readout_sha256": digest,
        **_totals([frame.facts for frame in frames]),
    }
    return Report(facts, memory, agreement, small, tuple(frames))


def sizes(memory: Memory, file: Path | None = None) -> dict[str, Any]:
    """MiB of the parts of a memory, and bytes a patch beside the pictures."""
    views = sum(
        v.rgb.nbytes + v.z_depth.nbytes + v.object_ids.nbytes + v.dynamic.nbytes + v.sky.nbytes for v in memory.views
    )
    views += sum(rows.nbytes for rows in memory.pixel_rows)
    result = {
        "views_mib": round(views / _MIB, 3),
        "patches_mib": round(memory.patches.nbytes / _MIB, 3),
        "placements_mib": round(memory.placements.nbytes / _MIB, 3),
        "features_mib": round(sum(table.values.nbytes for table in memory.features.values()) / _MIB, 3),
        "bytes_a_patch": round(patch_bytes(memory), 1),
    }
    if file is not None and file.is_file():
        result["file_mib"] = round(file.stat().st_size / _MIB, 3)
    return result


def growth(memory: Memory, agreement: Agreement) -> list[dict[str, Any]]:
    """A line a view in the order it was written: patches so far, and the share of the view that was new."""
    of_view = np.bincount(memory.patches.view, minlength=len(memory.views))
    so_far = np.cumsum(of_view)
    return [
        {**line, "patches": int(added), "patches_so_far": int(total)}
        for line, added, total in zip(agreement.views, of_view, so_far, strict=True)
    ]


def _totals(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of each share over the frames, and the worst frame by coverage."""
    names = ("covered", "sky", "confidence", "low_confidence", "age_s", "doubtful", "contested")
    mean = {name: round(float(np.mean([frame[name] for frame in frames])), 4) for name in names}
    worst = min(frames, key=lambda frame: (frame["covered"], frame["frame"]))
    largest = max(frames, key=lambda frame: (frame["largest_hole"], -frame["frame"]))
    return {
        "mean": mean,
        "worst": {"frame": worst["frame"], "covered": worst["covered"]},
        "largest_hole": {"frame": largest["frame"], "share": largest["largest_hole"]},
    }
