"""Training the RGB-D autoencoder (`mosaic train autoencoder`).

Reconstruction of colour and nearness, their gradients included, and one thing more: a latent that is shifted, turned
or scaled must decode to the picture shifted, turned or scaled (EQ-VAE, arXiv 2502.09509). Memory warps latents into
new views, so a latent that does not move with its picture would be of no use to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..model.autoencoder import Autoencoder, rgbd_images, scene_scale_m
from .clips import Clip, read_clip

CROP_PX, BATCH = 128, 12
WARP_SHARE = 0.3
GRADIENT_WEIGHT, LATENT_WEIGHT = 0.5, 1e-4


class AutoencoderLoss:
    """The loss of a step; its batch follows from the step alone."""

    def __init__(self, model: Autoencoder, files: Sequence[Path], *, device: str = "cpu") -> None:
        self.model, self.files, self.device = model, list(files), device

    def __call__(self, step: int, share_done: float) -> dict[str, Tensor]:
        rng = np.random.default_rng((step, 11))
        image = torch.from_numpy(_crops(self.files, rng)).to(self.device)
        image = image.to(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16):
            latents = self.model.encode(image)
            if rng.random() < WARP_SHARE:
                warp = _random_warp(rng, len(image)).to(self.device)
                latents, image = _warped(latents.float(), warp), _warped(image, warp, outside=torch.nan)
            decoded = self.model.decode(latents)
        return autoencoder_losses(decoded.float(), image, latents.float())


def autoencoder_losses(
    decoded: Tensor,  # (N, 4, H, W)
    image: Tensor,  # (N, 4, H, W), nan where a warp left the picture
    latents: Tensor,  # (N, C, h, w)
) -> dict[str, Tensor]:
    """`loss`, and the parts worth logging."""
    known = ~torch.isnan(image)
    image = torch.where(known, image, decoded.detach())  # no error where nothing is known
    error = decoded - image
    pixel = error.abs().mean() + 4 * (error * error).mean()
    gradient = sum(
        (error.narrow(a, 1, error.shape[a] - 1) - error.narrow(a, 0, error.shape[a] - 1)).abs().mean() for a in (2, 3)
    )
    size = (latents * latents).mean()
    loss = pixel + GRADIENT_WEIGHT * gradient + LATENT_WEIGHT * size
    squared = (error.detach() ** 2).mean((0, 2, 3))
    psnr = {
        "rgb_db": -10 * torch.log10(squared[:3].mean().clamp(min=1e-9)),
        "near_db": -10 * torch.log10(squared[3].clamp(min=1e-9)),
    }
    return {"loss": loss, **psnr, "latent": size.detach().sqrt()}


@torch.no_grad()
def reconstruction_db(model: Autoencoder, files: Sequence[Path]) -> dict[str, float]:
    """PSNR of colour and of nearness over whole frames of some clips, through latents and back."""
    squared = torch.zeros(4, dtype=torch.float64)
    for file in files:
        clip = read_clip(file)
        image = rgbd(clip, range(0, len(clip.rgb), 8))
        with torch.autocast("cpu", torch.bfloat16):
            decoded = model.decode(model.encode(image.to(memory_format=torch.channels_last)))
        squared += ((decoded.float().clamp(0, 1) - image) ** 2).mean((0, 2, 3)).double() / len(files)
    return {
        "rgb_db": float(-10 * torch.log10(squared[:3].mean())),
        "near_db": float(-10 * torch.log10(squared[3])),
    }


def rgbd(clip: Clip, frames: Sequence[int], *, scale_m: float | None = None) -> Tensor:  # (n, 4, H, W)
    """Frames of a clip as the autoencoder takes them."""
    index = list(frames)
    colour, z_depth = clip.rgb[index].astype(np.float32) / 255, clip.z_depth[index].astype(np.float32)
    return rgbd_images(colour, z_depth, scale_m or scene_scale_m(clip.z_depth[0]))


def _crops(files: Sequence[Path], rng: np.random.Generator) -> np.ndarray:  # (BATCH, 4, h, w)
    """Crops of random frames, a few from each clip that is opened; CROP_PX a side, or all of a smaller one."""
    crops: list[np.ndarray] = []
    while len(crops) < BATCH:
        clip = read_clip(files[int(rng.integers(len(files)))])
        scale = scene_scale_m(clip.z_depth[0]) * float(rng.uniform(0.7, 1.4))
        for frame in rng.integers(len(clip.rgb), size=4):
            image = rgbd(clip, [int(frame)], scale_m=scale)[0].numpy()
            height, width = (min(CROP_PX, size) for size in image.shape[1:])
            top, left = int(rng.integers(image.shape[1] - height + 1)), int(rng.integers(image.shape[2] - width + 1))
            image = image[:, top : top + height, left : left + width]
            crops.append(image[:, :, ::-1] if rng.random() < 0.5 else image)
    return np.stack(crops[:BATCH])


def _random_warp(rng: np.random.Generator, count: int) -> Tensor:  # (count, 2, 3)
    """Small turns, scales around one, and shifts by fractions of a cell, for `affine_grid`."""
    angle, scale = rng.uniform(-0.3, 0.3, count), np.exp(rng.uniform(-0.4, 0.4, count))
    shift = rng.uniform(-0.15, 0.15, (count, 2))
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    rows = np.stack([np.stack([cosine, -1 * sine, shift[:, 0]], -1), np.stack([sine, cosine, shift[:, 1]], -1)], 1)
    return torch.from_numpy(rows).float()


def _warped(image: Tensor, warp: Tensor, *, outside: float | None = None) -> Tensor:
    """Bilinear; what lies outside repeats the border, or is `outside`."""
    grid = functional.affine_grid(warp, list(image.shape), align_corners=False)
    sampled = functional.grid_sample(image, grid, align_corners=False, padding_mode="border")
    return sampled if outside is None else sampled.masked_fill((grid.abs() > 1).any(-1)[:, None], outside)
