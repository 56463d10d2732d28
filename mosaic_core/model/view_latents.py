"""Latents of a memory's views, encoded when they are first asked for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..memory import Memory, View
from .autoencoder import STRIDE_PX, Autoencoder, nearness, scene_scale_m
from .dense_latents import dense_latents
from .memory_cells import CELLS_PER_TOKEN

# About as many cells as the model was trained on: 18 x 32.
CELLS = 576


def grid_for(*, image_height: int, image_width: int) -> tuple[int, int]:
    """Height and width in cells of the model's picture of that shape; both are even."""
    aspect = min(max(image_width / image_height, 0.25), 4.0)

    def even(side: float) -> int:
        return max(CELLS_PER_TOKEN, CELLS_PER_TOKEN * round(side / CELLS_PER_TOKEN))

    height = even((CELLS / aspect) ** 0.5)
    return height, even(height * aspect)


def scale_of(memory: Memory) -> float:
    """The length in metres that the model counts in: that of the first view that knows any depth."""
    known = (view.z_depth for view in memory.views if np.isfinite(view.z_depth).any())
    return scene_scale_m(next(known, np.zeros((0, 0), np.float32)))


class ViewLatents:
    """Encodes views to one grid, whatever their size, and keeps what it encoded."""

    def __init__(self, autoencoder: Autoencoder, *, height: int, width: int, scale_m: float) -> None:
        self._autoencoder, self._size, self._scale_m = autoencoder, (height, width), scale_m
        self._known: list[Tensor | None] = []
        self._views: list[View] = []

    def __len__(self) -> int:
        return len(self._views)

    def add(self, view: View, latents: Tensor | None = None) -> int:
        """Register a view, with its dense latents where they are known already; its number."""
        self._views.append(view)
        self._known.append(latents)
        return len(self._views) - 1

    def of(self, indices: np.ndarray) -> Tensor:  # (V, C, SHIFTS h, SHIFTS w)
        """Dense latents of these views."""
        return torch.stack([self._latents(int(index)) for index in indices])

    def _latents(self, index: int) -> Tensor:
        known = self._known[index]
        if known is None:
            known = self._known[index] = self._encode(self._views[index])
        return known

    @torch.no_grad()
    def _encode(self, view: View) -> Tensor:  # (C, SHIFTS h, SHIFTS w)
        image = rgbd_of(view, height=self._size[0] * STRIDE_PX, width=self._size[1] * STRIDE_PX, scale_m=self._scale_m)
        return dense_latents(self._autoencoder, image[None])[0]


def rgbd_of(view: View, *, height: int, width: int, scale_m: float) -> Tensor:  # (4, height, width)
    """Colour and nearness of a view at another size. Unknown depth takes the nearness around it."""
    colour = torch.from_numpy(view.rgb.astype(np.float32) / 255).permute(2, 0, 1)
    z, sky = torch.tensor(view.z_depth), torch.tensor(view.sky)  # copied: a view's arrays are read-only
    near = nearness(z, scale_m)
    known = torch.isfinite(z) | sky
    planes = torch.cat([colour, (near * known)[None], known[None].float()])
    planes = functional.interpolate(planes[None], (height, width), mode="bilinear", antialias=True)[0]
    near = planes[3] / planes[4].clamp(min=1e-3)
    unknown = planes[4] < 1e-3
    if unknown.any():
        near = torch.where(unknown, near[~unknown].mean() if (~unknown).any() else near.new_tensor(0.5), near)
    return torch.cat([planes[:3], near[None]])
