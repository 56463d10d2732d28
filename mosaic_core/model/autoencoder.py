"""The RGB-D autoencoder: an image and its inverse depth to a thin latent at an eighth of the size, and back.

Per frame, so that each latent keeps a camera of its own, and convolutional, so that a latent moves with its picture:
that is what makes warping latents sensible. Pixel-unshuffle comes first, as in TAEHV: most of the work happens at half
the size or less, and a laptop encodes 256x144 in a few milliseconds.

    image, nearness (4, H, W) -> unshuffle 2 -> 64 channels -> two strided stages -> latent (C, H/8, W/8)

Depth enters as `nearness`, s / (s + z) for a scene of scale s: 1 at the lens, 1/2 at the scene's distance, 0 for sky.
Its differences are those of inverse depth nearby, it is bounded, and sky needs no special value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

STRIDE_PX = 8
# A scene is as large as its first picture is far from what it shows, within reason.
NEAREST_M, FARTHEST_M, UNKNOWN_M = 0.5, 20.0, 5.0


def nearness(
    z_depth: Tensor,  # (...) metres, inf for sky
    scale_m: Tensor | float,  # broadcast
) -> Tensor:  # (...) in [0, 1]
    """s / (s + z)"""
    return scale_m / (scale_m + z_depth)


def z_depth_of(
    nearness_: Tensor,  # (...)
    scale_m: Tensor | float,
    *,
    sky_below: float = 0.004,
) -> Tensor:  # (...) metres, inf for sky
    """The inverse of `nearness`; what is as good as infinitely far is sky."""
    z = scale_m * (1 - nearness_) / nearness_.clamp(min=1e-6)
    return torch.where(nearness_ < sky_below, torch.inf, z.clamp(min=0.0))


def scene_scale_m(z_depth: np.ndarray) -> float:  # (H, W) metres, inf where unknown
    """The distance a scene is about: the median of what is known, within reason."""
    known = z_depth[np.isfinite(z_depth)].astype(np.float32)
    return float(np.clip(np.median(known), NEAREST_M, FARTHEST_M)) if known.size else UNKNOWN_M


def rgbd_images(
    rgb: np.ndarray,  # (T, H, W, 3) float32 in [0, 1]
    z_depth: np.ndarray,  # (T, H, W) float32 metres, inf for sky
    scale_m: float,
) -> Tensor:  # (T, 4, H, W)
    """Frames as the autoencoder takes them: colour, then nearness."""
    near = nearness(torch.from_numpy(z_depth), scale_m)
    return torch.cat([torch.from_numpy(rgb).permute(0, 3, 1, 2), near[:, None]], 1)


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes of the autoencoder."""

    latent_channels: int = 12
    width: int = 64
    decoder_width: int = 96
    blocks: int = 2


class Autoencoder(nn.Module):
    """Encodes (N, 4, H, W) of RGB in [0, 1] and nearness to standardised latents (N, C, H/8, W/8), and back.

    H and W are multiples of 8. `mean` and `std` make the latents standard; training sets them once it is done.
    """

    def __init__(self, config: AutoencoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AutoencoderConfig()
        width, wide = config.width, config.decoder_width
        blocks = range(config.blocks)
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            _conv(16, width),
            _conv(width, width, stride=2),
            *(_Block(width) for _ in blocks),
            _conv(width, width, stride=2),
            *(_Block(width) for _ in blocks),
            _conv(width, config.latent_channels),
        )
        self.decoder = nn.Sequential(
            _conv(config.latent_channels, wide),
            *(_Block(wide) for _ in blocks),
            _Up(wide, width),
            *(_Block(width) for _ in blocks),
            _Up(width, width),
            _Block(width),
            _conv(width, 16),
            nn.PixelShuffle(2),
        )
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(config.latent_channels, 1, 1))
        self.register_buffer("std", torch.ones(config.latent_channels, 1, 1))

    def encode(self, rgbd: Tensor) -> Tensor:  # (N, 4, H, W) -> (N, C, H/8, W/8)
        """Standardised latents."""
        height, width = rgbd.shape[-2:]
        assert rgbd.shape[1] == 4 and height % STRIDE_PX == 0 and width % STRIDE_PX == 0, rgbd.shape
        return (self.encoder(rgbd * 2 - 1) - self.mean) / self.std

    def decode(self, latents: Tensor) -> Tensor:  # (N, C, h, w) -> (N, 4, 8 h, 8 w)
        """RGB and nearness; not clamped, so that a loss still sees which way is back."""
        return (self.decoder(latents * self.std + self.mean) + 1) / 2


class _Block(nn.Module):
    """Three convolutions and the way past them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_conv(width, width), nn.ReLU(), _conv(width, width), nn.ReLU(), _conv(width, width))
        # Zero at first: a block begins as the identity, and a deep stack trains from the first step.
        nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.layers[-1].bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.layers(x))


class _Up(nn.Sequential):
    """Twice the size: every channel group becomes a 2x2 block."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__(_conv(width_in, 4 * width_out), nn.PixelShuffle(2))


def _conv(width_in: int, width_out: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1)
