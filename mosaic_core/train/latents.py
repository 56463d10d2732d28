"""Clips as the model sees them: latents, cameras and captions, encoded once so that no step has to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch

from ..files import atomic_writer
from ..model.autoencoder import Autoencoder, scene_scale_m
from ..model.dense_latents import as_captured, dense_latents
from .arrays import arrays_in
from .autoencoder import rgbd
from .clips import read_clip


@dataclass(frozen=True, eq=False)
class LatentClip:
    """A clip without its pixels."""

    dense: np.ndarray  # (T, C, SHIFTS h, SHIFTS w) float16
    intrinsics_px: np.ndarray  # (T, 3, 3) float32
    world_from_cam: np.ndarray  # (T, 4, 4) float32
    image_size: np.ndarray  # (2,) int32 height and width in pixels
    scale_m: np.ndarray  # () float32
    caption: np.ndarray  # () str

    def latents(self, frames: np.ndarray | slice) -> torch.Tensor:  # (n, C, h, w)
        """Of these frames as they are."""
        return as_captured(self.dense_latents(frames))

    def dense_latents(self, frames: np.ndarray | slice) -> torch.Tensor:  # (n, C, SHIFTS h, SHIFTS w)
        """Of these frames at every shift."""
        return torch.from_numpy(self.dense[frames].astype(np.float32))


@torch.no_grad()
def encode_clip(autoencoder: Autoencoder, file: Path) -> LatentClip:
    """Standardised latents of every frame."""
    clip = read_clip(file)
    scale_m = scene_scale_m(clip.z_depth[0])
    image = rgbd(clip, range(len(clip.rgb)), scale_m=scale_m)
    return LatentClip(
        dense_latents(autoencoder, image).numpy().astype(np.float16),
        clip.intrinsics_px,
        clip.world_from_cam,
        np.array(clip.rgb.shape[1:3], np.int32),
        np.array(scale_m, np.float32),
        clip.caption,
    )


def write_latents(
    autoencoder: Autoencoder, files: Sequence[Path], folder: Path, *, say: Callable[[str], None] = print
) -> list[Path]:
    """A file of latents for each clip; files that are there are kept. Returns all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = [folder / file.name.replace("clip", "latents") for file in files]
    missing = [(f, t) for f, t in zip(files, targets, strict=True) if not t.exists()]
    for index, (file, target) in enumerate(missing):
        encoded = encode_clip(autoencoder, file)
        with atomic_writer(target) as stream:
            np.savez(stream, **{f.name: getattr(encoded, f.name) for f in fields(LatentClip)})
        if (index + 1) % 500 == 0:
            say(f"encoded {index + 1} of {len(missing)} clips")
    return targets


def read_latents(file: Path) -> LatentClip:
    """A clip's latents from disk. Raises `MosaicError` for anything else."""
    with arrays_in(file, "holds no latents of training data") as arrays:
        return LatentClip(**{field.name: arrays[field.name] for field in fields(LatentClip)})


@torch.no_grad()
def latent_statistics(autoencoder: Autoencoder, files: Sequence[Path]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel of un-standardised latents over some clips, (C, 1, 1) each."""
    samples = []
    for file in files:
        latents = encode_clip(autoencoder, file).latents(slice(None, None, 6))
        samples.append(latents * autoencoder.std + autoencoder.mean)
    stacked = torch.cat(samples)
    return stacked.mean((0, 2, 3))[:, None, None], stacked.std((0, 2, 3))[:, None, None]
