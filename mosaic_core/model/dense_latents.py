"""Latents at every half cell, so that memory can be resampled without blur.

A latent knows where in its cell an edge lies, so what stands between two latents is not their mean: shifting a picture
by half a cell changes its latents a great deal. Views are therefore encoded once for every half-cell shift, and Warped
Latents and mosaic tokens are sampled bilinearly from that denser grid. Over 12 windows, where memory is sure, the
median squared error of a Warped Latent fell from 0.100 to 0.067 and the decoded one gained 1.6 dB (median of windows);
four shifts a side gave 0.2 dB more at four times the cost.

Latent m of the dense grid has its centre at m / SHIFTS + 0.5 cells: the first shift is none, and every second latent
is that of the picture as it is.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .autoencoder import STRIDE_PX, Autoencoder

SHIFTS = 2  # along a side of a cell


def dense_latents(
    autoencoder: Autoencoder,
    images: Tensor,  # (N, 4, H, W)
) -> Tensor:  # (N, C, SHIFTS h, SHIFTS w) float32
    """Standardised latents of the pictures at every shift, where the pictures are, wherever the autoencoder is.

    Beyond its edges a picture goes on as its last pixels.
    """
    device = autoencoder.mean.device
    count, _, height, width = images.shape
    step = STRIDE_PX // SHIFTS
    beyond = STRIDE_PX - step
    padded = functional.pad(images, (0, beyond, 0, beyond), mode="replicate")
    shifted = [
        padded[:, :, step * down : step * down + height, step * right : step * right + width]
        for down in range(SHIFTS)
        for right in range(SHIFTS)
    ]
    with torch.autocast(device.type, torch.bfloat16):
        found = [autoencoder.encode(s.to(device, memory_format=torch.channels_last)).to(images) for s in shifted]
    grid = torch.stack(found, -1).unflatten(-1, (SHIFTS, SHIFTS))  # (N, C, h, w, down, right)
    return grid.permute(0, 1, 2, 4, 3, 5).reshape(count, -1, SHIFTS * found[0].shape[-2], SHIFTS * found[0].shape[-1])


def as_captured(dense: Tensor) -> Tensor:  # (..., SHIFTS h, SHIFTS w) -> (..., h, w)
    """The latents of the pictures as they are."""
    return dense[..., ::SHIFTS, ::SHIFTS]


def dense_uv(uv_cells: Tensor) -> Tensor:
    """Where places of the usual grid of cells lie on the dense one; centres are at 0.5 on both.

    Left of the first centre, and above it, the first latents are the best there are.
    """
    return (SHIFTS * uv_cells - (SHIFTS - 1) / 2).clamp(min=0.5)
