"""`Shot`: what to generate. File names and numbers only, so that it crosses into the GPU process as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engines import DEFAULT_ENGINE, ENGINE_NAMES, Prompt
from ..errors import GenerateError

MAX_SEED = 2**63 - 1
# Beyond this, what the words change is drawn out so far that the picture breaks.
MAX_STRENGTH = 4.0


@dataclass(frozen=True)
class Shot:
    """Memory, path, engine, seed and prompts. Raises `GenerateError` for what is out of range or unknown in them."""

    memory_file: Path
    path_file: Path
    engine: str = DEFAULT_ENGINE
    seed: int = 0
    prompts: tuple[Prompt, ...] = ()
    placements_file: Path | None = None  # replaces the memory's own placements: the artist's present edit
    memory_sha256: str | None = None  # refused where the memory file has changed since
    earlier_clip: Path | None = None  # frames that no edit since can have changed are taken from it
    # Frames follow from one another with this engine: keep the unchanged all the same, and continue from them.
    keeps_unchanged: bool = False
    retake: tuple[int, int] | None = None  # make only these frame numbers, take all others from the earlier clip
    depth: bool = False  # write each frame's depth beside it
    name: str = ""  # what its author calls it
    scene_id: str = ""  # which of an artist's scenes it is a shot of

    def __post_init__(self) -> None:
        if self.engine not in ENGINE_NAMES:
            raise GenerateError(f"there is no engine {self.engine!r}, expected one of: {', '.join(ENGINE_NAMES)}")
        if not 0 <= self.seed <= MAX_SEED:
            raise GenerateError(f"the seed must be 0 .. {MAX_SEED}, got {self.seed}")
        if self.retake is not None and (self.earlier_clip is None or self.retake[0] > self.retake[1]):
            raise GenerateError(
                f"a retake needs an earlier clip and rising frames, got {self.retake[0]} .. {self.retake[1]}"
            )
        for prompt in self.prompts:
            if not prompt.start_s <= prompt.end_s:
                raise GenerateError(f"the prompt {prompt.text!r} ends before it starts")
            if not -MAX_STRENGTH <= prompt.strength <= MAX_STRENGTH:
                limits = f"-{MAX_STRENGTH:g} .. {MAX_STRENGTH:g}"
                raise GenerateError(f"the strength of {prompt.text!r} must be {limits}, got {prompt.strength:g}")


def shot_to_json(shot: Shot) -> dict[str, Any]:
    """The shot as plain JSON values; file names are made absolute."""
    return {
        "memory_file": str(Path(shot.memory_file).absolute()),
        "path_file": str(Path(shot.path_file).absolute()),
        "placements_file": None if shot.placements_file is None else str(Path(shot.placements_file).absolute()),
        "memory_sha256": shot.memory_sha256,
        "earlier_clip": None if shot.earlier_clip is None else str(Path(shot.earlier_clip).absolute()),
        "keeps_unchanged": shot.keeps_unchanged,
        "retake": None if shot.retake is None else list(shot.retake),
        "depth": shot.depth,
        "name": shot.name,
        "scene_id": shot.scene_id,
        "engine": shot.engine,
        "seed": shot.seed,
        "prompts": [
            {
                "text": p.text,
                "start_s": p.start_s,
                "end_s": None if math.isinf(p.end_s) else p.end_s,  # JSON has no infinity
                "strength": p.strength,
            }
            for p in shot.prompts
        ],
    }


def shot_from_json(document: Any) -> Shot:
    """The shot a JSON document describes. Raises `GenerateError` naming what is wrong."""
    try:
        placements, earlier, retake = document["placements_file"], document.get("earlier_clip"), document.get("retake")
        return Shot(
            memory_file=Path(document["memory_file"]),
            path_file=Path(document["path_file"]),
            engine=str(document["engine"]),
            seed=int(document["seed"]),
            prompts=tuple(_prompt(each) for each in document["prompts"]),
            placements_file=None if placements is None else Path(placements),
            memory_sha256=document["memory_sha256"],
            earlier_clip=None if earlier is None else Path(earlier),
            keeps_unchanged=bool(document.get("keeps_unchanged", False)),
            retake=None if retake is None else (int(retake[0]), int(retake[1])),
            depth=bool(document.get("depth", False)),
            name=str(document.get("name", "")),
            scene_id=str(document.get("scene_id", "")),
        )
    except (KeyError, IndexError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise GenerateError(f"malformed shot: {type(error).__name__}: {error}") from error


def _prompt(document: Any) -> Prompt:
    return Prompt(
        str(document["text"]),
        float(document["start_s"]),
        math.inf if document["end_s"] is None else float(document["end_s"]),
        float(document.get("strength", 1.0)),
    )
