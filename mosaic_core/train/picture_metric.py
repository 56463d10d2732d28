"""How much an error of latents shows in the picture.

Latents are standard: every channel varies as much as the others. But the decoder hears some far better than others, and
some only together: a channel of colour that is off may be made good by another, or made worse. A plain mean over
channels spends most of a model's training on detail that nobody could know, and in a hole that detail drowns what could
be known: how bright, which hue.

What a cell's pixels are is nearly a linear function of its latents (it explains 97 % of the variance of blocks of 2x2
pixels, of the shipped autoencoder), so the error in the picture is a quadratic form of the error in the latents: no
picture has to be decoded for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ..model.autoencoder import STRIDE_PX, Autoencoder
from .latents import read_latents

CLIPS, EVERY = 24, 12  # frames that are looked at
BLOCK_PX = 2
# So much of what errors count for is the same for all channels: depth and detail are to be right too.
LEAST = 0.2


@torch.no_grad()
def picture_metric(autoencoder: Autoencoder, latents: Sequence[Path]) -> Tensor:  # (C, C)
    """W, so that the mean square of W e is what an error e of a cell's latents counts for; of noise as much as of e."""
    frames = [read_latents(file).latents(slice(None, None, EVERY)) for file in latents[:CLIPS]]
    cells = torch.cat([f.permute(0, 2, 3, 1).flatten(0, 2) for f in frames])  # (n, C)
    pixels = torch.cat([_blocks(autoencoder.decode(f)[:, :3].clamp(0, 1)) for f in frames])  # (n, 3 * blocks)
    known = torch.cat([cells, torch.ones(len(cells), 1)], 1).double()
    shown = torch.linalg.lstsq(known, pixels.double()).solution[:-1]  # (C, 3 * blocks)
    metric, channels = shown @ shown.T, cells.shape[1]
    metric = LEAST * torch.eye(channels) + (1 - LEAST) * channels * metric / metric.trace()
    return torch.linalg.cholesky(metric).T.float()


def _blocks(rgb: Tensor) -> Tensor:  # (T, 3, H, W) -> (T h w, 3 * blocks of a cell)
    """The mean colours of the blocks of each cell."""
    side = STRIDE_PX // BLOCK_PX
    means = functional.avg_pool2d(rgb, BLOCK_PX).unfold(2, side, side).unfold(3, side, side)
    return means.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)
