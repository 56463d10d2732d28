"""What is known of a take without opening its pictures: how it was made, from its manifest; no datablocks here.

Panels ask at every mouse move, so the disk is asked once a second at most, and a manifest is read once.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaic_core.errors import MosaicError
from mosaic_core.generate.clip import DEPTH, FRAMES, MANIFEST

from .takes import take_in, takes_in


@dataclass(frozen=True)
class TakeFacts:
    """A take that is on disk; what nobody wrote down is empty or 0."""

    folder: Path
    frame_count: int
    first_frame: int
    last_frame: int
    middle_file: Path  # a frame to show it by
    has_depth: bool
    shot_name: str = ""
    scene_id: str = ""  # of the scene it was made in
    memory_sha256: str = ""  # of the memory file it was made from
    engine: str = ""
    seed: int = 0
    width: int = 0
    height: int = 0
    fps: float = 0.0
    seconds: float = 0.0  # that the frames took to make
    made: str = ""  # date and time
    prompts: tuple[str, ...] = ()
    taken_over: int = 0  # frames that are those of an earlier take
    retake: tuple[int, int] | None = None
    can_be_made_again: bool = False

    @property
    def name(self) -> str:
        """As its folder is called."""
        return self.folder.name

    def in_lines(self) -> list[str]:
        """How it was made, a line a fact."""
        frames = f"{self.frame_count} frames, {self.first_frame} to {self.last_frame}"
        lines = [f"{frames}, {self.frame_count / self.fps:.1f} s" if self.fps else frames]
        if self.engine:
            lines.append(f"{self.engine.title()}, {self.width} x {self.height}, seed {self.seed}")
        if self.taken_over:
            which = f", {self.retake[0]} to {self.retake[1]} made anew" if self.retake else ""
            lines.append(f"{self.taken_over} frames taken over{which}")
        lines += list(self.prompts)
        if self.made:
            lines.append(f"Made {self.made} in {self.seconds:.0f} s")
        return lines


def facts_of(folder: Path) -> TakeFacts | None:
    """The facts of a take, None where there is none; asks the disk once a second at most."""
    return _facts_now(folder, int(time.monotonic()))


def list_takes(output_folder: Path, *, shot_name: str = "") -> list[TakeFacts]:
    """The takes of a shot in an output folder, the newest first; takes without a shot's name belong to every shot."""
    return [
        facts
        for facts in _all_takes(output_folder, int(time.monotonic()))
        if not shot_name or facts.shot_name in ("", shot_name)
    ]


def forget() -> None:
    """Takes have come or gone: ask the disk at once."""
    _all_takes.cache_clear()
    _facts_now.cache_clear()


@functools.lru_cache(maxsize=4)
def _all_takes(output_folder: Path, second: int) -> list[TakeFacts]:
    found = (_facts_now(folder, second) for folder in reversed(takes_in(output_folder)))
    return [facts for facts in found if facts is not None]


@functools.lru_cache(maxsize=256)
def _facts_now(folder: Path, _second: int) -> TakeFacts | None:
    return _facts(folder, _changed(folder / MANIFEST), _changed(folder / FRAMES))


@functools.lru_cache(maxsize=1024)
def _facts(folder: Path, _manifest_changed: int, _frames_changed: int) -> TakeFacts | None:
    try:
        take = take_in(folder)
    except MosaicError:  # a take that is being made has no frames folder yet
        return None
    seen = {
        "folder": folder,
        "frame_count": len(take.frame_files),
        "first_frame": take.frame_numbers[0],
        "last_frame": take.frame_numbers[-1],
        "middle_file": take.frame_files[len(take.frame_files) // 2],
        "has_depth": (folder / DEPTH).is_dir(),
    }
    try:
        return TakeFacts(**seen, **_from_manifest(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return TakeFacts(**seen)


def _from_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    shot = manifest["shot"]
    retake = shot.get("retake")
    return {
        "shot_name": str(shot.get("name", "")),
        "scene_id": str(shot.get("scene_id", "")),
        "memory_sha256": str(shot.get("memory_sha256") or manifest.get("inputs_sha256", {}).get("memory") or ""),
        "engine": str(shot["engine"]),
        "seed": int(shot["seed"]),
        "width": int(manifest["image_width"]),
        "height": int(manifest["image_height"]),
        "fps": float(manifest["fps"]),
        "seconds": float(manifest["timings_s"]["frames"]),
        "made": str(manifest["made"])[:16].replace("T", " "),
        "prompts": tuple(_prompt_in_words(prompt) for prompt in shot["prompts"]),
        "taken_over": len(manifest["taken_over"]),
        "retake": None if retake is None else (int(retake[0]), int(retake[1])),
        "can_be_made_again": True,
    }


def _prompt_in_words(prompt: Mapping[str, Any]) -> str:
    strength, start_s = float(prompt.get("strength", 1.0)), float(prompt["start_s"])
    when = f"From {start_s:.1f} s: " if start_s else ""
    return f"{when}“{prompt['text']}”" + ("" if strength == 1 else f" ({strength:g})")


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
