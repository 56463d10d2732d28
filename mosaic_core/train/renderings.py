"""Rendered Latents of training windows: their memories drawn once, as the engine draws an artist's.

A window's places in views (`windows.py`) do not depend on the autoencoder; these do, and are kept apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ..files import atomic_writer
from ..memory.readout import MemoryReader
from ..memory.still import still_memory
from ..model.autoencoder import STRIDE_PX, scene_scale_m
from ..model.rendered import rendered_latents
from ..model.weights import load_autoencoder
from .arrays import arrays_in, do_all
from .clips import Clip, read_clip
from .windows import camera_of, drawn, window_seed


@dataclass(frozen=True, eq=False)
class Rendering:
    """What memory shows to the frames of a window."""

    latents: torch.Tensor  # (T, C, h, w)
    share: torch.Tensor  # (T, 1, h, w) in [0, 1], how much of each cell memory holds

    def taken(self, frames: slice) -> Rendering:
        """Some of the frames."""
        return Rendering(self.latents[frames], self.share[frames])


def write_renderings(
    autoencoder_file: Path,
    files: Sequence[Path],  # clips
    folder: Path,
    *,
    variants: int = 2,
    processes: int = 1,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """A file for each clip; files that are there are kept. Returns all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = [folder / file.name.replace("clip", "rendering") for file in files]
    missing = [(f, t, variants) for f, t in zip(files, targets, strict=True) if not t.exists()]
    if missing:
        say(f"rendering the memories of {len(missing)} clips")
        do_all(partial(_write, autoencoder_file), missing, processes=processes)
    return targets


def read_rendering(file: Path, index: int) -> Rendering:
    """That of one of the windows of a clip. Raises `MosaicError` for a file that does not hold it."""
    with arrays_in(file, f"holds no rendering {index} of training data") as arrays:
        latents, share = (arrays[f"{index}/{name}"].astype(np.float32) for name in ("latents", "share"))
        return Rendering(torch.from_numpy(latents), torch.from_numpy(share))


def _write(autoencoder_file: Path, job: tuple[Path, Path, int]) -> None:
    source, target, variants = job
    autoencoder, clip = load_autoencoder(autoencoder_file), read_clip(source)
    height, width = (side // STRIDE_PX for side in clip.rgb.shape[1:3])
    arrays: dict[str, np.ndarray] = {}
    for index in range(variants):
        seen = _seen(clip, window_seed(source, index))
        size = {"height": height, "width": width, "scale_m": scene_scale_m(clip.z_depth[0])}
        latents, share = rendered_latents(autoencoder, seen, **size)
        arrays |= {f"{index}/latents": latents.half().numpy(), f"{index}/share": share.half().numpy()}
    with atomic_writer(target) as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def _seen(clip: Clip, seed: tuple[int, ...]) -> list:
    frames, _, memory = drawn(clip, seed)
    reader = MemoryReader(still_memory(memory))
    return [reader.rgb(camera_of(clip, int(frame))) for frame in frames]
