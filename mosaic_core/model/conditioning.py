"""From what memory shows (`mosaic_core.model.memory_cells`) and the latents of its views to `Conditioning`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..cameras import Camera
from .dense_latents import SHIFTS, dense_uv
from .memory_cells import CELLS_PER_TOKEN, MemoryCells
from .prope import image_from_world, normalised_intrinsics
from .warping import warped_latent

# Every fourth token of a frame has a mosaic token, another quarter in each of four frames that follow one another.
MOSAIC_EVERY = 4
# What memory is less sure of than this it does not know: cells beside an outline that show the other object.
LEAST_SHARE = 0.15
# Of a cell's variance, a Warped Latent that memory is sure of explains so much less than a Rendered Latent (measured).
WARPED_WORTH = 0.74
# A cell of which memory has fewer pixels than this is better off with a Warped Latent, where there is one.
MOSTLY = 0.5


@dataclass(frozen=True)
class FromMemory:
    """The part of `Conditioning` that comes from memory, of T frames."""

    canvas: Tensor  # (T, C, h, w) Rendered or Warped Latents
    canvas_share: Tensor  # (T, 1, h, w) in [0, 1], how much they are worth
    mosaic: Tensor  # (T, M, CELLS_PER_TOKEN^2 C)
    mosaic_positions: Tensor  # (T, M, 2)
    mosaic_valid: Tensor  # (T, M) bool

    def with_rendered(self, latents: Tensor, share: Tensor) -> FromMemory:  # (T, C, h, w), (T, 1, h, w)
        """Rendered Latents take the place of warped ones, except in cells of which memory has hardly a pixel.

        Cells that nobody knows keep what the rendering was filled with, as a guess that is worth nothing.
        """
        warped = (share < MOSTLY) & (self.canvas_share > 0)
        return replace(
            self,
            canvas=torch.where(warped, self.canvas, latents),
            canvas_share=torch.where(warped, self.canvas_share, share),
        )

    def only(self, *, latent: bool, rope: bool) -> FromMemory:
        """Without the kinds of alignment that are False."""
        told = self
        if not latent:
            told = replace(told, canvas=torch.zeros_like(told.canvas), canvas_share=torch.zeros_like(told.canvas_share))
        return told if rope else replace(told, mosaic_valid=torch.zeros_like(told.mosaic_valid))


def from_memory(
    cells: MemoryCells,
    latents: Tensor,  # (V, C, SHIFTS h', SHIFTS w') dense latents of the memory's views
) -> FromMemory:
    """Warped Latent on the frames' own grid, and mosaic tokens with their Warped RoPE positions."""
    view, confidence = torch.from_numpy(cells.view).long(), torch.from_numpy(cells.confidence)
    size = torch.tensor([latents.shape[-1], latents.shape[-2]], dtype=torch.float32) / SHIFTS
    usable = torch.ones((len(latents), *latents.shape[-2:]), dtype=torch.bool)
    canvas, share = warped_latent(latents, usable, view, dense_uv(torch.from_numpy(cells.source_share) * size))
    share = share * certainty(confidence)
    share = WARPED_WORTH * torch.where(share < LEAST_SHARE, 0.0, share)
    chosen = mosaic_choice(*cells.view.shape)
    pick = torch.arange(len(chosen))[:, None]
    patch_view = torch.from_numpy(cells.patch_view).long()[pick, chosen]
    middle = (torch.from_numpy(cells.patch_share) * size)[pick, chosen]  # (T, M, 2) cells
    # The patch's latents as they were captured: a token's worth of cells around its middle.
    reach = (torch.arange(CELLS_PER_TOKEN) - (CELLS_PER_TOKEN - 1) / 2).tolist()
    around = torch.tensor([(x, y) for y in reach for x in reach])
    at = middle[:, :, None] + around
    mosaic, known = warped_latent(latents, usable, patch_view[..., None].expand(at.shape[:-1]), dense_uv(at))
    return FromMemory(
        canvas=(canvas * (share > 0)[..., None]).permute(0, 3, 1, 2),
        canvas_share=share[:, None],
        # Channels first, then cells: as `tokens_of` lays out a token of the frame itself.
        mosaic=mosaic.transpose(-1, -2).flatten(-2),
        mosaic_positions=torch.from_numpy(cells.patch_position)[pick, chosen],
        mosaic_valid=(patch_view >= 0) & (known > 0).all(-1),
    )


def certainty(confidence: Tensor) -> Tensor:
    """How much a Warped Latent is worth. A view from the side shows the right thing, only less sharply."""
    return confidence.clamp(0, 1) ** 0.25


def mosaic_choice(frames: int, height: int, width: int) -> Tensor:  # (T, M) int64 flat tokens, from a grid of cells
    """Which tokens of each frame have a mosaic token: a lattice that moves on from frame to frame."""
    height, width = height // CELLS_PER_TOKEN, width // CELLS_PER_TOKEN
    y, x = np.divmod(np.arange(height * width), width)
    count = height * width // MOSAIC_EVERY
    # The tokens of the frame's residue, and where the grid does not divide, a few of the next.
    order = [np.argsort((x + 2 * y - frame) % MOSAIC_EVERY, kind="stable")[:count] for frame in range(frames)]
    return torch.from_numpy(np.stack(order))


def cameras_for_model(cameras: Sequence[Camera], *, scale_m: float) -> Tensor:  # (T, 4, 4) image_from_world
    """Projections in units of the scene's scale, counted from the first camera."""
    first = cameras[0].world_from_cam
    relative = torch.tensor(np.stack([camera.cam_from_world @ first for camera in cameras]), dtype=torch.float32)
    relative[:, :3, 3] /= scale_m
    k = torch.tensor(np.stack([camera.intrinsics_px for camera in cameras]), dtype=torch.float32)
    size = {"image_height": cameras[0].image_height, "image_width": cameras[0].image_width}
    return image_from_world(relative, normalised_intrinsics(k, **size))
