"""What differs between the memory as it is now and the newest take: its shot files say what it was made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mosaic_core.errors import MosaicError
from mosaic_core.generate.clip import MANIFEST
from mosaic_core.generate.shot import Shot, shot_from_json
from mosaic_core.memory import Memory, Placements, load_placements

from ..takes import newest_clip


@dataclass(frozen=True, eq=False)
class TakenState:
    """The placements a take was made from."""

    take_name: str
    placements: Placements


def newest_take(output_folders: Sequence[Path], shot_name: str, scene_id: str) -> tuple[Path, int] | None:
    """The folder of a shot's newest finished take and when its manifest was written, ns; None where there is none.

    The first of the folders that has one counts.
    """
    found = (newest_clip(output_folder=each, shot_name=shot_name, scene_id=scene_id) for each in output_folders)
    folder = next((clip for clip in found if clip is not None), None)
    if folder is None:
        return None
    try:
        return folder, (folder / MANIFEST).stat().st_mtime_ns
    except OSError:
        return None


def state_of_take(folder: Path, memory: Memory, *, memory_file: Path, memory_sha256: str) -> TakenState:
    """What a take of this memory was made from. Raises `MosaicError` for takes of others and damaged ones."""
    try:
        shot = shot_from_json(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["shot"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MosaicError(f"{folder.name} does not say what it was made from") from error
    if memory_sha256 != shot.memory_sha256 and Path(shot.memory_file) != memory_file:
        raise MosaicError(f"{folder.name}, the newest take, shows another memory")
    if shot.placements_file is None:
        return TakenState(folder.name, memory.written)
    placements = load_placements(_found(shot, folder))
    if placements.row_span[1] > len(memory.patches):
        raise MosaicError(f"{folder.name}, the newest take, shows another memory")
    return TakenState(folder.name, placements)


def _found(shot: Shot, folder: Path) -> Path:
    """Where the placements are now: the project may have moved since."""
    assert shot.placements_file is not None
    if shot.placements_file.is_file():
        return shot.placements_file
    return folder / shot.placements_file.parent.name / shot.placements_file.name
