"""PRoPE: cameras as relative positional encoding (Li et al. 2025, arXiv 2507.10496).

Attention compares what token i asks with what token j offers through the projective map from j's image to i's:

    out = D . attention(D^T . q, D^-1 . k, D^-1 . v)            with D block-diagonal, one a token

so only relative cameras matter: the world frame drops out, and two tokens of one image see no camera at all. P, the
4x4 block, takes homogeneous world points to normalised image coordinates (`image_from_world`); it acts on groups of
four channels. Three layouts of a head's channels:

`Prope`
    the authors': half of them P, a quarter rotary positions along x, a quarter along y.
`Prope` without intrinsics
    GTA (Miyato et al. 2024, arXiv 2310.10375): the same with camera poses alone.
`SubframePrope`
    for latents that hold four frames of video (MosaicMem, Matrix-Game 3.5): all channels are projective, and each of
    the latent's four cameras has a quarter of them.

Positions may be fractional: that is all Warped RoPE needs (`mosaic_core.model.warped_rope`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# The rotary frequencies' base: positions are few (a token grid), so it is small.
ROPE_BASE = 100.0


def normalised_intrinsics(
    intrinsics_px: Tensor,  # (..., 3, 3)
    *,
    image_height: int,
    image_width: int,
) -> Tensor:  # (..., 3, 3)
    """Intrinsics of an image one unit wide and high, its centre at the origin."""
    pixel_from_unit = intrinsics_px.new_tensor([[1 / image_width, 0, -0.5], [0, 1 / image_height, -0.5], [0, 0, 1]])
    return pixel_from_unit @ intrinsics_px


def image_from_world(
    cam_from_world: Tensor,  # (..., 4, 4)
    intrinsics: Tensor | None = None,  # (..., 3, 3) normalised; None = poses alone (GTA)
) -> Tensor:  # (..., 4, 4)
    """P, the projection with a last row that keeps it invertible (paper, eq. 20)."""
    if intrinsics is None:
        return cam_from_world
    lifted = functional.pad(intrinsics, (0, 1, 0, 1))
    lifted[..., 3, 3] = 1
    return lifted @ cam_from_world


@dataclass(frozen=True)
class Prope:
    """D of every token, in the authors' layout. Tokens come grouped by camera: camera 0's, camera 1's, ..."""

    projection: Tensor  # (B, cameras, 4, 4) image_from_world
    inverse: Tensor  # (B, cameras, 4, 4)
    rotation_x: tuple[Tensor, Tensor]  # cosine and sine, (B or 1, 1, tokens, head_dim / 8)
    rotation_y: tuple[Tensor, Tensor]

    @classmethod
    def of(
        cls,
        projection: Tensor,  # (B, cameras, 4, 4)
        positions: Tensor,  # (B or 1, tokens, 2) x and y on the token grid, may be fractional
        *,
        head_dim: int,
    ) -> Prope:
        """Raises `AssertionError` where head_dim is no multiple of eight or the tokens do not divide by camera."""
        assert head_dim % 8 == 0, head_dim
        assert positions.shape[-2] % projection.shape[1] == 0, (positions.shape, projection.shape)
        rate = ROPE_BASE ** -(
            torch.arange(head_dim // 8, device=positions.device, dtype=positions.dtype) * 8 / head_dim
        )
        angle_x, angle_y = (positions[:, None, :, axis, None] * rate for axis in (0, 1))
        return cls(
            projection,
            torch.linalg.inv(projection),
            (angle_x.cos(), angle_x.sin()),
            (angle_y.cos(), angle_y.sin()),
        )

    def to_query(self, q: Tensor) -> Tensor:  # (B, heads, tokens, head_dim)
        """D^T . q"""
        return self._apply(q, self.projection.mT, sign=1)

    def to_key_value(self, x: Tensor) -> Tensor:
        """D^-1 . k, and likewise v."""
        return self._apply(x, self.inverse, sign=1)

    def to_output(self, x: Tensor) -> Tensor:
        """D . out"""
        return self._apply(x, self.projection, sign=-1)

    def _apply(self, x: Tensor, matrices: Tensor, *, sign: int) -> Tensor:
        half, quarter = x.shape[-1] // 2, x.shape[-1] // 4
        projective, along_x, along_y = x.split((half, quarter, quarter), dim=-1)
        return torch.cat(
            [
                _times_matrices(projective, matrices),
                _rotated(along_x, self.rotation_x, sign),
                _rotated(along_y, self.rotation_y, sign),
            ],
            dim=-1,
        )


@dataclass(frozen=True)
class SubframePrope:
    """D for latents of four frames each, all channels projective (MosaicMem 4.3; Matrix-Game 3.5's layout "full").

    Has no positions: a rotary embedding of its own comes before.
    """

    projection: Tensor  # (B, latents, 4 frames, 4, 4) image_from_world
    inverse: Tensor  # (B, latents, 4 frames, 4, 4)

    @classmethod
    def of(cls, projection: Tensor) -> SubframePrope:
        """From (B, latents, 4, 4, 4) `image_from_world`."""
        assert projection.shape[-3:] == (4, 4, 4), projection.shape
        return cls(projection, torch.linalg.inv(projection))

    def to_query(self, q: Tensor) -> Tensor:  # (B, heads, tokens, head_dim)
        """D^T . q"""
        return self._apply(q, self.projection.mT)

    def to_key_value(self, x: Tensor) -> Tensor:
        """D^-1 . k, and likewise v."""
        return self._apply(x, self.inverse)

    def to_output(self, x: Tensor) -> Tensor:
        """D . out"""
        return self._apply(x, self.projection)

    @staticmethod
    def _apply(x: Tensor, matrices: Tensor) -> Tensor:
        batch, heads, tokens, head_dim = x.shape
        latents = matrices.shape[1]
        assert head_dim % 64 == 0 and tokens % latents == 0, (x.shape, matrices.shape)
        # Channels count as (4, frame, row of the 4-vector, head_dim / 64).
        grouped = x.reshape(batch, heads, latents, tokens // latents, 4, 4, 4, head_dim // 64)
        return torch.einsum("blfij,bhlnpfjr->bhlnpfir", matrices.to(x.dtype), grouped).reshape(x.shape)


def _times_matrices(x: Tensor, matrices: Tensor) -> Tensor:
    """Each camera's 4x4 on every group of four channels of its tokens: (B, h, C n, d) by (B, C, 4, 4)."""
    vectors = x.reshape(*x.shape[:2], matrices.shape[1], -1, 4)
    return (vectors @ matrices[:, None].mT.to(x.dtype)).reshape(x.shape)


def _rotated(x: Tensor, rotation: tuple[Tensor, Tensor], sign: int) -> Tensor:
    """Pairs (first half, second half) of channels turned by minus the angle; by plus with `sign` -1."""
    cosine, sine = (part.to(x.dtype) for part in rotation)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([cosine * first + sign * sine * second, cosine * second - sign * sine * first], dim=-1)
