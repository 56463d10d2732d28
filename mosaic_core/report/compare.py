"""Two clips compared, frame by frame: side by side, as a wipe, or their difference; a folder of frames and a video.

The folder looks like a clip's, so whatever shows a take shows a comparison. `compare.json` says in numbers where the
two differ. Frames are compared that both have; the second is brought to the first's size.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import GenerateError, MosaicError
from ..files import write_atomically
from ..generate.clip import FRAMES, MANIFEST, VIDEO, frame_name
from ..generate.video import VideoWriter, write_png
from ..worker.partial import partial_folder

MODES = ("side-by-side", "wipe", "difference")
FACTS = "compare.json"
DEFAULT_FPS = 24.0
GAP_PX = 4
LINE = (0.95, 0.75, 0.2)
GROUND = 0.35  # brightness of what does not differ in a difference
# A difference of a tenth of the range is shown at full strength: smaller ones are what one looks for.
GAIN = 10.0
WARMER, COLDER = np.array([1.0, 0.45, 0.1]), np.array([0.15, 0.5, 1.0])


@dataclass(frozen=True)
class Comparison:
    """Where two clips differ, in shares of the range of values."""

    folder: Path
    frames: tuple[int, ...]
    difference: tuple[float, ...]  # mean absolute difference of each frame

    @property
    def in_words(self) -> str:
        """One sentence."""
        changed = [number for number, value in zip(self.frames, self.difference, strict=True) if value > 0]
        if not changed:
            return f"All {len(self.frames)} frames are the same, bit for bit"
        most = int(np.argmax(self.difference))
        return (
            f"{len(changed)} of {len(self.frames)} frames differ, on average by {np.mean(self.difference):.1%}, "
            f"most at frame {self.frames[most]}: {self.difference[most]:.1%}"
        )


def compare(
    first: Path,
    second: Path,
    out_dir: Path,
    *,
    mode: str = MODES[0],
    split: float = 0.5,  # where a wipe goes from the first to the second, as a share of the width
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Write the comparison of two clips' frames into `out_dir`.

    Raises `MosaicError` for folders without frames in common and for an unknown mode, `GenerateError` for a folder
    that cannot be written.
    """
    if mode not in MODES:
        raise MosaicError(f"there is no comparison {mode!r}, expected one of: {', '.join(MODES)}")
    numbers = sorted(_numbers(first) & _numbers(second))
    if not numbers:
        raise MosaicError(f"{first} and {second} have no frame in common: nothing to compare")
    partial = partial_folder(out_dir, os.getpid())
    try:
        (partial / FRAMES).mkdir(parents=True)
        difference = _write(first, second, partial, numbers, mode, split, on_frame)
        comparison = Comparison(out_dir, tuple(numbers), tuple(difference))
        facts = {"first": str(first), "second": str(second), "mode": mode, "in_words": comparison.in_words}
        facts |= {"frames": numbers, "difference": [round(value, 6) for value in difference]}
        write_atomically(partial / FACTS, json.dumps(facts, indent=1).encode())
        shutil.rmtree(out_dir / FRAMES, ignore_errors=True)
        for name in (FRAMES, VIDEO, FACTS):
            (partial / name).replace(out_dir / name)
    except OSError as error:
        raise GenerateError(f"cannot write to {out_dir}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return comparison


def compared(first: np.ndarray, second: np.ndarray, mode: str, *, split: float = 0.5) -> np.ndarray:
    """One picture of two, all (H, W, 3) float32 in [0, 1]; side by side is twice as wide, with a gap."""
    height, width = first.shape[:2]
    if mode == "side-by-side":
        gap = np.broadcast_to(np.array(LINE, np.float32), (height, GAP_PX, 3))
        return np.concatenate([first, gap, second], axis=1)
    if mode == "wipe":
        at = round(width * min(max(split, 0.0), 1.0))
        shown = np.where((np.arange(width) < at)[None, :, None], first, second)
        shown[:, max(0, at - 1) : at + 1] = LINE
        return shown
    change = (second - first).mean(axis=-1, keepdims=True)
    amount = np.clip(GAIN * np.abs(second - first).max(axis=-1, keepdims=True), 0, 1)
    ground = GROUND * first.mean(axis=-1, keepdims=True)
    tint = np.where(change >= 0, WARMER, COLDER)
    return (ground * (1 - amount) + tint * amount).astype(np.float32)


def _write(
    first: Path,
    second: Path,
    partial: Path,
    numbers: list[int],
    mode: str,
    split: float,
    on_frame: Callable[[int, int], None],
) -> list[float]:
    before = _picture(first, numbers[0])
    size = (before.shape[0], before.shape[1])
    height, width = compared(before, before, mode).shape[:2]
    difference = []
    with VideoWriter(partial / VIDEO, fps=_fps(first), image_height=height, image_width=width) as video:
        for done, number in enumerate(numbers, start=1):
            one, other = (_picture(folder, number, size=size) for folder in (first, second))
            difference.append(float(np.abs(one - other).mean()))
            shown = compared(one, other, mode, split=split)
            write_png(shown, partial / FRAMES / frame_name(number))
            video.add(shown)
            on_frame(done, len(numbers))
    return difference


def _numbers(folder: Path) -> set[int]:
    try:
        stems = [file.stem.removeprefix("frame_") for file in (folder / FRAMES).glob("frame_*.png")]
    except OSError as error:
        raise MosaicError(f"{folder} holds no clip: {error.strerror or error}") from error
    numbers = {int(stem) for stem in stems if stem.removeprefix("-").isdecimal()}
    if not numbers:
        raise MosaicError(f"{folder} holds no clip: it has no frames")
    return numbers


def _picture(folder: Path, number: int, *, size: tuple[int, int] | None = None) -> np.ndarray:  # (H, W, 3) float32
    from PIL import Image

    file = folder / FRAMES / frame_name(number)
    try:
        with Image.open(file) as image:
            rgb = image.convert("RGB")
            if size is not None and rgb.size != (size[1], size[0]):
                rgb = rgb.resize((size[1], size[0]), Image.Resampling.LANCZOS)
            return np.asarray(rgb, np.float32) / 255
    except (OSError, ValueError, SyntaxError) as error:
        raise MosaicError(f"{file} cannot be read: {error}") from error


def _fps(folder: Path) -> float:
    try:
        return float(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["fps"])
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_FPS
