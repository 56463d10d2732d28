"""Retakes: frames of an earlier clip that no edit since can have changed are taken over, bit for bit.

Only for engines whose frames stand alone; where one frame follows from the last, all that come after a change are new.
An earlier clip is trusted as far as its manifest goes: the same memory file, path, engine and program, and placements
that hash to what it says. Where anything else is found, nothing is taken over, and the clip is made whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import CameraPath
from ..errors import MosaicError
from ..files import sha256_of_file
from ..images import bytes_of, read_mask, read_rgb
from ..memory import Memory, load_memory, load_placements
from ..memory.dirty import candidate_frames
from ..version import VERSION
from .clip import COVERAGE, FRAMES, MANIFEST, coverage_name, frame_name
from .shot import Shot, shot_from_json


@dataclass(frozen=True)
class EarlierFrames:
    """Frames of an earlier clip, by their index in the path, with the share of each that memory held."""

    folder: Path
    image_height: int
    image_width: int
    covered: Mapping[int, float]

    def taken_over(self, index: int, number: int, into: Path) -> np.ndarray:  # (H, W, 3) float32
        """Copy a frame and its coverage; the picture. Raises `OSError` and `FormatError`."""
        for folder, name in ((FRAMES, frame_name(number)), (COVERAGE, coverage_name(number))):
            shutil.copyfile(self.folder / folder / name, into / folder / name)
        return self.picture(number).astype(np.float32) / 255

    def picture(self, number: int) -> np.ndarray:  # (H, W, 3) uint8
        """A frame. Raises `FormatError` for one that is missing, damaged or of another size."""
        size = {"image_height": self.image_height, "image_width": self.image_width}
        read_mask(bytes_of(self.folder / COVERAGE / coverage_name(number)), **size)
        return read_rgb(bytes_of(self.folder / FRAMES / frame_name(number)), **size)


def earlier_frames(
    shot: Shot, memory: Memory, path: CameraPath, inputs: Mapping[str, Any], *, stand_alone: bool
) -> EarlierFrames:
    """What can be taken over from `shot.earlier_clip`; nothing where that is None or of something else."""
    folder = shot.earlier_clip
    nothing = EarlierFrames(folder or Path(), path.image_height, path.image_width, {})
    if folder is None or not stand_alone:
        return nothing
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        before = _memory_of(manifest, shot, memory, path, inputs)
        if before is None:
            return nothing
        shares = [float(share) for share in manifest["covered_fraction"]]
        kept = set(range(len(path))) - set(candidate_frames(before, memory, path))
        for index in kept:
            nothing.picture(path.frame_numbers[index])  # now, while it can still be made instead
        return replace(nothing, covered={index: shares[index] for index in sorted(kept)})
    except (OSError, ValueError, KeyError, IndexError, TypeError, MosaicError):  # no clip, or not one we understand
        return nothing


def _memory_of(
    manifest: Mapping[str, Any], shot: Shot, memory: Memory, path: CameraPath, inputs: Mapping[str, Any]
) -> Memory | None:
    """The state of the memory that the earlier clip shows; None where it is another shot's."""
    was = shot_from_json(manifest["shot"])
    same = (
        manifest["versions"]["mosaic"] == VERSION
        and was.engine == shot.engine
        and manifest["inputs_sha256"]["memory"] == inputs["memory"]
        and manifest["inputs_sha256"]["path"] == inputs["path"]
        and manifest["frames"] == list(path.frame_numbers)
    )
    if not same:
        return None
    if was.placements_file is None:
        return memory.with_placements(load_memory(shot.memory_file).placements)
    if sha256_of_file(was.placements_file) != manifest["inputs_sha256"]["placements"]:
        return None
    return memory.with_placements(load_placements(was.placements_file))
