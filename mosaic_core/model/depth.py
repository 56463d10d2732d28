"""Depth from a single picture: a small U-Net that says how near each pixel is, as a share of the scene's own scale.

One picture does not tell how large a scene is, so depth comes out in units of its median and is made metres by a scale
that the user gives. It sees the whole picture through its lowest level, a thirty-second of the size, where perspective
and the ground are read from; colours and edges come back through the skips.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE_PX = 32
# Nearness below this is sky.
SKY_BELOW = 0.02


@dataclass(frozen=True)
class DepthConfig:
    """Channels at a half, a quarter, ... a thirty-second of the size."""

    widths: tuple[int, ...] = (32, 48, 72, 96, 128)


class DepthHead(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] to (N, 1, H, W) nearness 1 / (1 + z / median z); H and W are multiples of 32."""

    def __init__(self, config: DepthConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or DepthConfig()
        widths = config.widths
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before * 4, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU()
            )
            for before, width in zip((3, *widths), widths, strict=False)
        )
        deepest = widths[-1]
        # Everything that is seen at once, told to every place: how bright, how open, how far the horizon.
        self.whole = nn.Sequential(nn.Linear(deepest, deepest), nn.ReLU(), nn.Linear(deepest, deepest))
        self.middle = nn.Sequential(
            nn.Conv2d(deepest, deepest, 3, padding=1), nn.ReLU(), nn.Conv2d(deepest, deepest, 3, padding=1), nn.ReLU()
        )
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(low + high, high, 3, padding=1), nn.ReLU(), nn.Conv2d(high, high, 3, padding=1), nn.ReLU()
            )
            for low, high in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.out = nn.Conv2d(widths[0], 4, 3, padding=1)

    def forward(self, rgb: Tensor) -> Tensor:
        """Nearness, not clamped."""
        height, width = rgb.shape[-2:]
        assert height % STRIDE_PX == 0 and width % STRIDE_PX == 0, rgb.shape
        x, skips = rgb * 2 - 1, []
        for level in self.down:
            x = level(functional.pixel_unshuffle(x, 2))
            skips.append(x)
        x = x + self.whole(x.mean((2, 3)))[..., None, None]
        x = x + self.middle(x)
        for level, skip in zip(self.up, skips[-2::-1], strict=True):
            x = level(torch.cat([functional.interpolate(x, scale_factor=2.0), skip], 1))
        return functional.pixel_shuffle(self.out(x), 2) + 0.5


@torch.no_grad()
def estimated_depth(
    head: DepthHead,
    rgb: Tensor,  # (3, H, W) in [0, 1], any size
    *,
    median_m: float,  # how far away the middle of the picture's pixels is
) -> Tensor:  # (H, W) metres, inf for sky
    """The depth of a picture, at its own size."""
    size = rgb.shape[-2:]
    longest = 256
    scale = longest / max(size)
    small = [max(STRIDE_PX, STRIDE_PX * round(side * scale / STRIDE_PX)) for side in size]
    near = head(functional.interpolate(rgb[None], small, mode="bilinear", antialias=True))
    near = functional.interpolate(near, size, mode="bilinear")[0, 0]
    z = (1 / near.clamp(min=SKY_BELOW, max=0.98) - 1) * median_m
    return torch.where(near < SKY_BELOW, torch.inf, z)
