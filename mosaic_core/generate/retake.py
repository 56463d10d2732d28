"""Retakes: frames of an earlier clip are taken over, bit for bit, and the others made anew.

Three ways. With an engine whose frames stand alone, every frame that no edit since can have changed is taken over, and
nobody can tell. With one whose frames follow from one another that is asked for (`Shot.keeps_unchanged`): the new
frames then continue from the kept ones, which is what an artist wants and not what a whole new take would show. And
`Shot.retake` names the frames to make, whatever has changed.

The first two trust an earlier clip as far as its manifest goes: the same memory file, path, engine and program,
placements that hash to what it says, and only frames that were made from those. Where anything else is found, nothing
is taken over, and the clip is made whole. A range was asked for by name: what cannot be taken over is then an error.
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
from ..engines import EngineFrame
from ..errors import GenerateError, MosaicError
from ..files import sha256_of_file
from ..images import bytes_of, read_depth_exr, read_mask, read_rgb
from ..memory import Memory, load_memory, load_placements
from ..memory.dirty import candidate_frames
from ..version import VERSION
from .clip import COVERAGE, DEPTH, FRAMES, MANIFEST, coverage_name, depth_name, frame_name
from .shot import Shot, shot_from_json


@dataclass(frozen=True)
class EarlierFrames:
    """Frames of an earlier clip, by their index in the path, with the share of each that memory held."""

    folder: Path
    path: CameraPath
    depth: bool  # is asked for
    covered: Mapping[int, float]

    def taken_over(self, index: int, into: Path) -> np.ndarray:  # (H, W, 3) float32
        """Copy a frame, its coverage and depth; the picture. Raises `OSError` and `FormatError`."""
        for folder, name in self._files(index):
            shutil.copyfile(self.folder / folder / name, into / folder / name)
        return self._picture(index).astype(np.float32) / 255

    def frame(self, index: int) -> EngineFrame:
        """A frame as an engine made it, in 8 bits; depth unknown where the clip has none. Raises `FormatError`."""
        file = self.folder / DEPTH / depth_name(self.path.frame_numbers[index])
        size = (self.path.image_height, self.path.image_width)
        z_depth = read_depth_exr(bytes_of(file), **self._size) if file.is_file() else np.full(size, np.inf, np.float32)
        return EngineFrame(self._picture(index).astype(np.float32) / 255, z_depth, self._coverage(index))

    def check(self, index: int) -> None:
        """Raises `FormatError` for a frame that is missing, damaged or of another size."""
        self._picture(index)
        self._coverage(index)
        if self.depth:
            read_depth_exr(bytes_of(self.folder / DEPTH / depth_name(self.path.frame_numbers[index])), **self._size)

    @property
    def _size(self) -> dict[str, int]:
        return {"image_height": self.path.image_height, "image_width": self.path.image_width}

    def _files(self, index: int) -> list[tuple[str, str]]:
        number = self.path.frame_numbers[index]
        files = [(FRAMES, frame_name(number)), (COVERAGE, coverage_name(number))]
        return [*files, (DEPTH, depth_name(number))] if self.depth else files

    def _picture(self, index: int) -> np.ndarray:  # (H, W, 3) uint8
        return read_rgb(bytes_of(self.folder / FRAMES / frame_name(self.path.frame_numbers[index])), **self._size)

    def _coverage(self, index: int) -> np.ndarray:  # (H, W) bool
        return read_mask(bytes_of(self.folder / COVERAGE / coverage_name(self.path.frame_numbers[index])), **self._size)


def earlier_frames(
    shot: Shot, memory: Memory, path: CameraPath, inputs: Mapping[str, Any], *, stand_alone: bool
) -> EarlierFrames:
    """What is taken over from `shot.earlier_clip`; nothing where that is None or of something else.

    Raises `GenerateError` where `shot.retake` names frames and the others cannot be taken over.
    """
    nothing = EarlierFrames(shot.earlier_clip or Path(), path, shot.depth, {})
    if shot.retake is not None:
        return _outside(shot.retake, nothing)
    if shot.earlier_clip is None or not (stand_alone or shot.keeps_unchanged):
        return nothing
    try:
        manifest = _manifest_in(shot.earlier_clip)
        before = _memory_of(manifest, shot, memory, path, inputs, stand_alone=stand_alone)
        if before is None:
            return nothing
        kept = _made_from_its_placements(manifest, path) - set(candidate_frames(before, memory, path))
        return _checked(nothing, manifest, kept)
    except (OSError, ValueError, KeyError, IndexError, TypeError, MosaicError):  # no clip, or not one we understand
        return nothing


def _outside(retake: tuple[int, int], nothing: EarlierFrames) -> EarlierFrames:
    first, last = retake
    kept = {index for index, number in enumerate(nothing.path.frame_numbers) if not first <= number <= last}
    if len(kept) == len(nothing.path):
        raise GenerateError(f"the path has no frame from {first} to {last}: nothing to retake")
    try:
        return _checked(nothing, _manifest_in(nothing.folder), kept)
    except (OSError, ValueError, KeyError, IndexError, TypeError, MosaicError) as error:
        raise GenerateError(
            f"the frames outside {first} .. {last} cannot be taken from {nothing.folder}: {error}"
        ) from error


def _checked(nothing: EarlierFrames, manifest: Mapping[str, Any], kept: set[int]) -> EarlierFrames:
    """These frames, looked at now, while they can still be made instead."""
    shares = dict(zip(manifest["frames"], manifest["covered_fraction"], strict=True))
    numbers = nothing.path.frame_numbers
    covered = {index: float(shares[numbers[index]]) for index in sorted(kept)}
    for index in covered:
        nothing.check(index)
    return replace(nothing, covered=covered)


def _manifest_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))


def _made_from_its_placements(manifest: Mapping[str, Any], path: CameraPath) -> set[int]:
    """Indices of the frames that show the placements of the clip: a retaken range left the others as they were."""
    if manifest["shot"].get("retake") is None:
        return set(range(len(path)))
    older = set(manifest["taken_over"])
    return {index for index, number in enumerate(path.frame_numbers) if number not in older}


def _memory_of(
    manifest: Mapping[str, Any],
    shot: Shot,
    memory: Memory,
    path: CameraPath,
    inputs: Mapping[str, Any],
    *,
    stand_alone: bool,
) -> Memory | None:
    """The state of the memory that the earlier clip shows; None where it is another shot's."""
    was = shot_from_json(manifest["shot"])
    same = (
        manifest["versions"]["mosaic"] == VERSION
        and was.engine == shot.engine
        and manifest["inputs_sha256"]["memory"] == inputs["memory"]
        and manifest["inputs_sha256"]["path"] == inputs["path"]
        and manifest["frames"] == list(path.frame_numbers)
        and (stand_alone or (was.seed, was.prompts) == (shot.seed, shot.prompts))
    )
    if not same:
        return None
    if was.placements_file is None:
        return memory.with_placements(load_memory(shot.memory_file).placements)
    if sha256_of_file(was.placements_file) != manifest["inputs_sha256"]["placements"]:
        return None
    return memory.with_placements(load_placements(was.placements_file))
