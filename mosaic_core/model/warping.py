"""How memory's tokens find their place in a new view: Warped RoPE and Warped Latent (MosaicMem, arXiv 2603.17117).

Both follow one correspondence, eq. 2 of the paper: a point (u, v) of view i at depth D appears in view j at

    (u', v') = project(K_j T_j T_i^-1 K_i^-1 (u, v, D))

Warped RoPE leaves the feature as it was captured and gives its token the position (u', v') in the new view, fraction
included. Warped Latent leaves positions on the new view's grid and moves the features: each cell of the new view, at
the depth that memory shows there, asks where view i saw it and samples the latent there, bilinearly. The first keeps
features sharp, the second keeps motion exact; the model is trained on a mixture of the two.

Cells count like pixels: the centre of cell 0 is at 0.5 cells. Token positions count tokens: the centre of token 0 is
position 0, so a view warped onto itself has whole positions.
"""

from __future__ import annotations

import torch
from torch import Tensor


def warped_uv(
    uv: Tensor,  # (..., n, 2) pixels of the source image
    z_depth: Tensor,  # (..., n) metres along the source camera's axis
    *,
    source_intrinsics_px: Tensor,  # (..., 3, 3)
    source_world_from_cam: Tensor,  # (..., 4, 4)
    target_intrinsics_px: Tensor,  # (..., 3, 3)
    target_cam_from_world: Tensor,  # (..., 4, 4)
) -> tuple[Tensor, Tensor]:  # (..., n, 2) pixels of the target image, (..., n) z_depth there
    """Eq. 2. Points behind the target camera have a z_depth that is not positive, and meaningless uv."""
    target_cam_from_source_cam = target_cam_from_world @ source_world_from_cam
    rays = torch.cat([uv, torch.ones_like(uv[..., :1])], -1) @ torch.linalg.inv(source_intrinsics_px).mT
    points = (rays * z_depth[..., None]) @ target_cam_from_source_cam[..., :3, :3].mT
    points = points + target_cam_from_source_cam[..., None, :3, 3]
    pixels = points @ target_intrinsics_px.mT
    z = pixels[..., 2]
    return pixels[..., :2] / torch.where(z.abs() < 1e-6, torch.full_like(z, 1e-6), z)[..., None], z


def token_positions(
    uv: Tensor,  # (..., 2) pixels
    *,
    token_px: float,
) -> Tensor:  # (..., 2) x and y in tokens
    """Where pixels lie on the grid of tokens, fraction included: the coordinates of Warped RoPE."""
    return uv / token_px - 0.5


def grid_positions(*, height: int, width: int, device: torch.device | None = None) -> Tensor:  # (height * width, 2)
    """x and y of a grid of tokens, row by row."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )  # (h, w) each
    return torch.stack([x, y], -1).reshape(-1, 2).float()


def warped_latent(
    latents: Tensor,  # (V, C, h, w) of the source views
    valid: Tensor,  # (V, h, w) bool, cells that may be used
    view: Tensor,  # (...) int64, the source view of each target cell, -1 = none
    uv_cells: Tensor,  # (..., 2) where in that view, in cells
) -> tuple[Tensor, Tensor]:  # (..., C), (...) float share of valid taps, 0 = nothing known
    """Bilinear samples of the latents. Taps that are not valid, or outside, are left out and the others count for more.

    Zero filling would teach a model that the border of the known world is grey.
    """
    _, channels, height, width = latents.shape
    corner = torch.floor(uv_cells - 0.5)
    offset = uv_cells - 0.5 - corner
    total = latents.new_zeros((*view.shape, channels))
    share = latents.new_zeros(view.shape)
    table = latents.permute(0, 2, 3, 1).reshape(-1, channels)
    usable = valid.reshape(-1)
    for down in (0, 1):
        for right in (0, 1):
            column, row = corner[..., 0].long() + right, corner[..., 1].long() + down
            inside = (view >= 0) & (column >= 0) & (row >= 0) & (column < width) & (row < height)
            flat = torch.where(inside, (view * height + row) * width + column, torch.zeros_like(view))
            weight = (offset[..., 0] if right else 1 - offset[..., 0]) * (
                offset[..., 1] if down else 1 - offset[..., 1]
            )
            weight = weight.to(latents.dtype) * (inside & usable[flat])
            total = total + weight[..., None] * table[flat]
            share = share + weight
    known = share > 0
    values = total / torch.where(known, share, torch.ones_like(share))[..., None]
    return torch.where(known[..., None], values, torch.zeros_like(values)), share
