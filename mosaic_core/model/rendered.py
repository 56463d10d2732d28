"""Rendered Latent: memory's own pixels as a new camera sees them, encoded.

A Warped Latent moves whole cells, and a cell holds an outline more often than not: both sides of it move differently,
and the latent only knows how they lay when it was captured. Where memory has pixels there is a better way to the same
grid: render it (`mosaic_core.memory.readout`, which knows outlines to the pixel) and encode the picture. Over 48 frames
of 16 windows the mean squared error against the true latents was 0.03 instead of 0.39 in cells that memory covers
whole, and continuing colour and depth smoothly into holes, 0.51 instead of 0.82 where it holds nothing.

What has latents and no pixels worth rendering (what a model made up) still comes as Warped Latent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..memory.hole_filling import guessed_depth
from ..memory.picture import Readout
from .autoencoder import STRIDE_PX, Autoencoder, nearness


@torch.no_grad()
def rendered_latents(
    autoencoder: Autoencoder,
    seen: Sequence[Readout],  # T of them, of any size
    *,
    height: int,  # in cells
    width: int,
    scale_m: float,
) -> tuple[Tensor, Tensor]:  # (T, C, h, w), (T, 1, h, w) share of the cell's pixels that memory holds
    """Latents of what memory shows, its holes filled smoothly; nothing of frames in which it shows nothing."""
    device = autoencoder.mean.device
    size_px = (height * STRIDE_PX, width * STRIDE_PX)
    pictures = torch.stack([_rgbd(readout, size_px, scale_m) for readout in seen])
    with torch.autocast(device.type, torch.bfloat16):
        latents = autoencoder.encode(pictures.to(device, memory_format=torch.channels_last)).float().cpu()
    shares = [
        functional.adaptive_avg_pool2d(torch.from_numpy(readout.covered)[None].float(), (height, width))
        for readout in seen
    ]
    share = torch.stack(shares)
    return latents * share.flatten(1).any(1)[:, None, None, None], share


def _rgbd(readout: Readout, size_px: tuple[int, int], scale_m: float) -> Tensor:  # (4, H, W)
    """Colour and nearness. A hole is as far as the surfaces beside it; its infinite depth would say that it is sky."""
    z_depth = readout.z_depth
    if not readout.covered.all():
        guessed = guessed_depth(z_depth, readout.covered & np.isfinite(z_depth))
        z_depth = np.where(readout.covered, z_depth, guessed)
    near = nearness(torch.from_numpy(np.ascontiguousarray(z_depth)), scale_m)
    planes = torch.cat([torch.from_numpy(readout.values).permute(2, 0, 1), near[None]])
    if planes.shape[1:] == size_px:
        return planes
    return functional.interpolate(planes[None], size_px, mode="bilinear", antialias=True)[0]
