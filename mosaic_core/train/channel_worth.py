"""How much an error in each latent channel shows in the picture.

Latents are standard: every channel varies as much as the others. But the decoder hears some far better. In the shipped
autoencoder three of twelve channels make 87 % of the difference in colour that noise in all of them makes, a whole
patch off alike even 91 %; seven make 0.6 % each, or nothing. A plain mean over channels spends most of a model's
training on detail that nobody could know, and in a hole that detail drowns what could be known: how bright, which hue.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..model.autoencoder import Autoencoder
from .latents import read_latents

CLIPS, EVERY = 8, 12  # frames that are looked at
STEP = 0.3  # standard deviations
# No channel is worth less: the detail is to be right too, where memory shows it.
LEAST = 0.2


@torch.no_grad()
def channel_worth(autoencoder: Autoencoder, latents: Sequence[Path]) -> Tensor:  # (C,), 1 on average
    """What the squared error of each channel counts for.

    The share of its channel in what the decoded colours are off by when all are off by as much: half of it for errors
    that differ from cell to cell, half for errors of a whole frame.
    """
    some = torch.cat([read_latents(file).latents(slice(None, None, EVERY)) for file in latents[:CLIPS]])
    generator = torch.Generator().manual_seed(0)
    shown, channels = autoencoder.decode(some), some.shape[1]
    seen = some.new_zeros(2, channels)
    for channel in range(channels):
        by_cell = torch.randn(some[:, 0].shape, generator=generator)
        by_frame = torch.randn(len(some), generator=generator).sign()[:, None, None].expand_as(by_cell)
        for row, noise in enumerate((by_cell, by_frame)):
            off = some.clone()
            off[:, channel] += STEP * noise
            seen[row, channel] = (autoencoder.decode(off) - shown)[:, :3].square().mean()
    share = (seen / seen.sum(1, keepdim=True)).mean(0)
    return LEAST + (1 - LEAST) * channels * share
