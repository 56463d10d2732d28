"""Making a take again from its manifest alone: the same shot, and so, by the same program on the same machine, the
same bits.

A manifest names its files by full path and by hash. A take that was moved carries its path and placements in its own
folder `shot`, so those are looked for there as well; what is found has to have the hash that the manifest says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import GenerateError
from ..files import sha256_of_file
from ..version import VERSION
from .clip import MANIFEST
from .shot import Shot, shot_from_json

SHOT_FOLDERS = "shot*"  # of a take, where Blender keeps what it was made from


@dataclass(frozen=True)
class Remake:
    """A take's shot with files that are there, and what may still make a difference, in sentences."""

    shot: Shot
    warnings: tuple[str, ...]


def remake_of(folder: Path) -> Remake:
    """How to make the clip in `folder` again. Raises `GenerateError` naming the first thing that is missing."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        shot, hashes = shot_from_json(manifest["shot"]), dict(manifest["inputs_sha256"])
        version = str(manifest["versions"]["mosaic"])
    except OSError as error:
        raise GenerateError(f"{folder} has no manifest to make it again from: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, GenerateError) as error:
        raise GenerateError(f"the manifest of {folder} is damaged: {type(error).__name__}: {error}") from error
    memory = _found(shot.memory_file, hashes, "memory", near=folder.parent)
    path = _found(shot.path_file, hashes, "path", near=folder)
    placements = shot.placements_file and _found(shot.placements_file, hashes, "placements", near=folder)
    earlier = _earlier(shot, folder, hashes)
    warnings = [] if version == VERSION else [f"it was made by Mosaic {version}, this is {VERSION}: bits may differ"]
    again = replace(shot, memory_file=memory, path_file=path, placements_file=placements, earlier_clip=earlier)
    return Remake(again, tuple(warnings))


def _found(file: Path, hashes: Mapping[str, Any], what: str, *, near: Path) -> Path:
    """The file, or the one of its name in the take, if its hash is right."""
    candidates = [file, near / file.name, *(inner / file.name for inner in sorted(near.glob(SHOT_FOLDERS)))]
    there = [candidate for candidate in candidates if candidate.is_file()]
    if not there:
        raise GenerateError(f"the {what} file of the take is gone: {file}")
    try:
        right = next((each for each in there if sha256_of_file(each) == hashes.get(what)), None)
    except OSError as error:
        raise GenerateError(f"the {what} file of the take cannot be read: {error}") from error
    if right is None:
        raise GenerateError(f"the {what} file has changed since the take was made: {there[0]}")
    return right


def _earlier(shot: Shot, folder: Path, hashes: Mapping[str, Any]) -> Path | None:
    """The clip that frames were taken from. Only a take that cannot be made whole instead needs it."""
    if shot.earlier_clip is None:
        return None
    needed = shot.retake is not None or shot.keeps_unchanged
    for clip in (shot.earlier_clip, folder.parent / shot.earlier_clip.name):
        if (clip / MANIFEST).is_file() and sha256_of_file(clip / MANIFEST) == hashes.get("earlier"):
            return clip
    if needed:
        raise GenerateError(f"the take kept frames of a clip that is gone or was made anew: {shot.earlier_clip}")
    return None
