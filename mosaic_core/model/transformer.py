"""The video transformer: Wan 2.2's shape at any size, with MosaicMem's memory in the joint sequence.

Each frame of latents becomes a grid of tokens. Beside them stand the frame's mosaic tokens: patches of memory that this
camera sees, clean, with the frame's time and camera and the fractional place where they appear in it (Warped RoPE).
All tokens of all frames attend to each other in one sequence; PRoPE tells them whose camera is whose. Warped Latents
take the other way in: memory resampled onto the frame's own grid, beside the noisy latents as further channels, with
how much of each cell is known.

From Wan 2.2 (as published in its repository): a noise level a frame, RMS-normed queries and keys, one modulation MLP
for all blocks plus a small table a block, text by cross-attention, which mosaic tokens do not ask. One class for every
size: `tiny` is a `TransformerConfig`.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .prope import Prope
from .warping import grid_positions

# Under autocast the norms' weights stay in float32, as they should; PyTorch remarks that it is then slower.
warnings.filterwarnings("ignore", "Mismatch dtype between input and weight", UserWarning)


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of the model."""

    latent_channels: int = 12
    dim: int = 192
    layers: int = 8
    heads: int = 3
    mlp_ratio: int = 4
    patch: int = 2  # latent cells along a token's side
    words: int = 256  # of the vocabulary
    max_frames: int = 16


# Trained on two CPU cores, on one GPU, and the upper end of what a laptop runs.
SIZES = {
    "xs": TransformerConfig(),
    "s": TransformerConfig(dim=256, heads=4),
    "m": TransformerConfig(dim=320, layers=10, heads=5),
}


@dataclass(frozen=True)
class Conditioning:
    """What the model is told about B clips of T frames, beside their noisy latents."""

    image_from_world: Tensor  # (B, T, 4, 4), see `mosaic_core.model.prope`; one unit of length is the scene's scale
    words: Tensor  # (B, L) int64 ids, 0 = none
    canvas: Tensor  # (B, T, C, h, w) Rendered or Warped Latents, a smooth guess or zero where nothing is known
    canvas_share: Tensor  # (B, T, 1, h, w) in [0, 1], how much of each cell is known
    mosaic: Tensor  # (B, T, M, patch * patch * C) latents of memory's tokens
    mosaic_positions: Tensor  # (B, T, M, 2) Warped RoPE: x and y in tokens, with fractions
    mosaic_valid: Tensor  # (B, T, M) bool

    def without_memory(self) -> Conditioning:
        """The same, of a memory that holds nothing."""
        return Conditioning(
            self.image_from_world,
            self.words,
            torch.zeros_like(self.canvas),
            torch.zeros_like(self.canvas_share),
            self.mosaic,
            self.mosaic_positions,
            torch.zeros_like(self.mosaic_valid),
        )


class VideoTransformer(nn.Module):
    """Predicts the velocity of rectified flow for every frame of noisy latents."""

    def __init__(self, config: TransformerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TransformerConfig()
        cells = config.patch**2
        self.embed = nn.Linear(cells * (2 * config.latent_channels + 1), config.dim)
        self.embed_mosaic = nn.Linear(cells * config.latent_channels, config.dim)
        self.frame_embedding = nn.Parameter(torch.randn(config.max_frames, config.dim) * 0.02)
        self.word_embedding = nn.Embedding(config.words, config.dim, padding_idx=0)
        self.modulation = nn.Sequential(
            nn.Linear(config.dim, config.dim), nn.SiLU(), nn.Linear(config.dim, 6 * config.dim)
        )
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.out_norm = nn.RMSNorm(config.dim, elementwise_affine=False)
        self.out_table = nn.Parameter(torch.randn(2, config.dim) * 0.02)
        self.out = nn.Linear(config.dim, cells * config.latent_channels)
        # The first velocity is zero: a safe start, from which the loss falls at once.
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        noisy: Tensor,  # (B, T, C, h, w)
        noise_level: Tensor,  # (B, T) in [0, 1], 0 = clean
        told: Conditioning,
    ) -> Tensor:  # (B, T, C, h, w) velocity
        """Raises `AssertionError` where latents do not divide into tokens, or frames are too many."""
        frames, _, height, width = noisy.shape[1:]
        assert frames <= self.config.max_frames, (frames, self.config.max_frames)
        assert height % self.config.patch == 0 and width % self.config.patch == 0, noisy.shape
        own = self.embed(self._tokens(torch.cat([noisy, told.canvas, told.canvas_share], 2)))  # (B, T, n, d)
        time = self.frame_embedding[:frames, None]
        own, mosaic = own + time, self.embed_mosaic(told.mosaic) + time  # (B, T, n, d), (B, T, M, d)
        prope, mask = self._positions(told, height, width), _key_mask(told.mosaic_valid, own.shape[2])
        modulation = self._modulation(noise_level)
        text, text_mask = self.word_embedding(told.words), (told.words > 0)[:, None, None]
        for block in self.blocks:
            own, mosaic = block(own, mosaic, modulation, prope, mask, text, text_mask)
        shift, scale = (self.out_table + _level_embedding(noise_level, self.config.dim)[..., None, :]).unbind(-2)
        own = self.out_norm(own) * (1 + scale[:, :, None]) + shift[:, :, None]
        return self._cells(self.out(own), height, width)

    def _modulation(self, noise_level: Tensor) -> tuple[Tensor, Tensor]:  # (B, T, 6, d) own, (1, 1, 6, d) mosaic
        """Six vectors for the frame's own tokens, and those of a clean token for memory's."""
        clean = torch.zeros(1, 1, device=noise_level.device, dtype=noise_level.dtype)
        own, mosaic = (
            self.modulation(_level_embedding(level, self.config.dim)).unflatten(-1, (6, self.config.dim))
            for level in (noise_level, clean)
        )
        return own, mosaic

    def _positions(self, told: Conditioning, height: int, width: int) -> Prope:
        batch, frames = told.mosaic_positions.shape[:2]
        patch = self.config.patch
        own = grid_positions(height=height // patch, width=width // patch, device=told.mosaic_positions.device)
        own = own.expand(batch, frames, -1, -1)
        positions = torch.cat([own, told.mosaic_positions], 2).flatten(1, 2)
        return Prope.of(told.image_from_world, positions, head_dim=self.config.dim // self.config.heads)

    def _tokens(self, cells: Tensor) -> Tensor:  # (B, T, C, h, w) -> (B, T, n, patch * patch * C)
        return tokens_of(cells, self.config.patch)

    def _cells(self, tokens: Tensor, height: int, width: int) -> Tensor:  # the way back
        patch = self.config.patch
        grid = tokens.unflatten(2, (height // patch, width // patch)).unflatten(-1, (-1, patch, patch))
        return grid.permute(0, 1, 4, 2, 5, 3, 6).reshape(*tokens.shape[:2], -1, height, width)


def tokens_of(cells: Tensor, patch: int) -> Tensor:  # (..., C, h, w) -> (..., n, C * patch * patch)
    """Blocks of cells as vectors, row by row."""
    *lead, channels, height, width = cells.shape
    grid = cells.reshape(-1, channels, height // patch, patch, width // patch, patch).permute(0, 2, 4, 1, 3, 5)
    return grid.reshape(*lead, (height // patch) * (width // patch), channels * patch * patch)


class _Block(nn.Module):
    """Self-attention, text, MLP; each modulated by the noise level and added to what came in."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim = config.dim
        self.heads = config.heads
        self.table = nn.Parameter(torch.randn(6, dim) * 0.02)
        self.norms = nn.ModuleList(nn.RMSNorm(dim, elementwise_affine=False) for _ in range(2))
        self.qkv, self.attention_out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.query_norm, self.key_norm = (nn.RMSNorm(dim // config.heads) for _ in range(2))
        self.text_norm = nn.RMSNorm(dim)
        self.text_query, self.text_key_value = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.text_out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, config.mlp_ratio * dim), nn.GELU("tanh"), nn.Linear(config.mlp_ratio * dim, dim)
        )
        for layer in (self.attention_out, self.text_out, self.mlp[2]):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(
        self,
        own: Tensor,  # (B, T, n, d)
        mosaic: Tensor,  # (B, T, M, d)
        modulation: tuple[Tensor, Tensor],
        prope: Prope,
        mask: Tensor,  # (B, 1, 1, S) bool
        text: Tensor,  # (B, L, d)
        text_mask: Tensor,  # (B, 1, 1, L) bool
    ) -> tuple[Tensor, Tensor]:
        streams, tables = (own, mosaic), [(m + self.table).unsqueeze(-3).unbind(-2) for m in modulation]
        asked = [torch.addcmul(t[0], self.norms[0](x), 1 + t[1]) for x, t in zip(streams, tables, strict=True)]
        heard = self._attend(torch.cat(asked, 2).flatten(1, 2), prope, mask).unflatten(1, (own.shape[1], -1))
        heard = heard.split((own.shape[2], mosaic.shape[2]), 2)
        own, mosaic = (torch.addcmul(x, t[2], y) for x, t, y in zip(streams, tables, heard, strict=True))
        own = own + self._read_text(own, text, text_mask)
        own, mosaic = (
            torch.addcmul(x, t[5], self.mlp(torch.addcmul(t[3], self.norms[1](x), 1 + t[4])))
            for x, t in zip((own, mosaic), tables, strict=True)
        )
        return own, mosaic

    def _attend(self, x: Tensor, prope: Prope, mask: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        q, k = prope.to_query(self.query_norm(q)), prope.to_key_value(self.key_norm(k))
        out = functional.scaled_dot_product_attention(q, k, prope.to_key_value(v), attn_mask=mask)
        return self.attention_out(prope.to_output(out).transpose(1, 2).flatten(2))

    def _read_text(self, own: Tensor, text: Tensor, text_mask: Tensor) -> Tensor:  # (B, T, n, d)
        """Cross-attention. A clip without words reads nothing."""
        flat = own.flatten(1, 2)
        q = self.text_query(self.text_norm(flat)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = (p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in self.text_key_value(text).chunk(2, -1))
        # A row that may attend to nothing would be nan: it attends to everything and is dropped.
        some = text_mask.any(-1, keepdim=True)
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=text_mask | ~some) * some
        return self.text_out(out.transpose(1, 2).flatten(2)).unflatten(1, own.shape[1:3])


def _key_mask(mosaic_valid: Tensor, own_count: int) -> Tensor:  # (B, T, M) -> (B, 1, 1, S)
    """Own tokens can always be attended to, mosaic tokens where they are valid."""
    own = torch.ones((*mosaic_valid.shape[:2], own_count), dtype=torch.bool, device=mosaic_valid.device)
    return torch.cat([own, mosaic_valid], 2).flatten(1)[:, None, None]


def _level_embedding(noise_level: Tensor, dim: int) -> Tensor:  # (..., dim)
    """Sines and cosines of the noise level, from slow to fast."""
    slow, fast = 0.0, math.log(1000.0)
    rates = torch.linspace(slow, fast, dim // 2, device=noise_level.device, dtype=noise_level.dtype).exp()
    angles = noise_level[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], -1)
