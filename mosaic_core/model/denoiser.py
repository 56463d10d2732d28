"""The denoiser: the transformer, told in units of what memory leaves open.

Memory is a guess of the latents before any denoising: x is about N(c, sigma^2), with c the canvas (Rendered or Warped
Latents) and sigma small where memory is sure, 1 where it holds nothing (latents are standard). For x_s = (1 - s) x +
s noise the best linear guess of the velocity noise - x follows:

    u = x_s - (1 - s) c,  d = (1 - s)^2 sigma^2 + s^2
    v0 = u (s - (1 - s) sigma^2) / d - c,        Var(v | x_s) = sigma^2 / d

and the network predicts (v - v0) sqrt(d) / sigma, whose variance is one everywhere and at every noise level: EDM's
preconditioning (Karras et al. 2022, arXiv 2206.00364, section 5) with memory as the prior. An untrained network thus
starts from memory as it is, and training goes into what memory lacks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .transformer import Conditioning, TransformerConfig, VideoTransformer

# The squared error of a Rendered Latent in a cell that memory covers, in standardised latents (measured over 16
# windows: 0.03 on the whole, 0.11 beside holes). A sure Warped Latent's is 0.3: `conditioning.WARPED_WORTH`.
SURE_VARIANCE = 0.05


class Denoiser(nn.Module):
    """Predicts velocities for `mosaic_core.model.flow.sample`."""

    def __init__(self, config: TransformerConfig | None = None) -> None:
        super().__init__()
        self.network = VideoTransformer(config)

    @property
    def config(self) -> TransformerConfig:
        """Sizes of the network."""
        return self.network.config

    def forward(
        self,
        noisy: Tensor,  # (B, T, C, h, w)
        noise_level: Tensor,  # (B, T)
        told: Conditioning,
    ) -> Tensor:  # (B, T, C, h, w) velocity
        """The velocity."""
        guess, spread = velocity_from_memory(noisy, noise_level, told)
        return guess + spread * self.network(noisy, noise_level, told).to(guess.dtype)

    def error(
        self,
        noisy: Tensor,  # (B, T, C, h, w)
        noise_level: Tensor,  # (B, T)
        velocity: Tensor,  # the true one
        told: Conditioning,
    ) -> Tensor:  # (B, T, C, h, w)
        """How far the network is off, in its own units."""
        guess, spread = velocity_from_memory(noisy, noise_level, told)
        return self.network(noisy, noise_level, told).to(guess.dtype) - (velocity - guess) / spread


def velocity_from_memory(
    noisy: Tensor,  # (B, T, C, h, w)
    noise_level: Tensor,  # (B, T)
    told: Conditioning,
) -> tuple[Tensor, Tensor]:  # (B, T, C, h, w), (B, T, 1, h, w)
    """v0 and the standard deviation that it leaves."""
    s = noise_level[..., None, None, None]
    variance = 1 - (1 - SURE_VARIANCE) * told.canvas_share
    denominator = (1 - s) ** 2 * variance + s**2
    offset = noisy - (1 - s) * told.canvas
    return offset * (s - (1 - s) * variance) / denominator - told.canvas, torch.sqrt(variance / denominator)
