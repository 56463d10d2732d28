"""Training the video model (`mosaic train model`): rectified flow on windows of clips, told what a memory shows.

Every example is a few frames of a window. None, one or two of the first are given, nearly clean, as the end of a chunk
is to the next; the others carry noise, half of the time each its own amount (diffusion forcing). What memory says
comes as a canvas (Rendered or Warped Latents), as mosaic tokens with Warped RoPE, as both or not at all, so that one
set of weights serves all of them; and some is taken away or put in the wrong place, since nobody's memory is perfect.
In the later part of training most given frames are the model's own, as they will be in a clip of many chunks: true ones
tell what lies in a hole, and a model that has only met true ones believes its own mistakes.

What is minimised is the mean logarithm of a frame's squared error: the likelihood of a Gaussian that is as wide as that
frame is uncertain. With the plain mean, the few frames whose light changes outweigh the many in which memory is right,
and the model learns to repaint these. What memory knows of a frame and what it leaves open are two such Gaussians: a
hole is a small part of most frames, and had as small a say, though holes are what the model is for. Within a hole,
cells beside what is known count most; farther in nobody can know what there is. And errors count for what they show in
the picture (`picture_metric`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..cameras import Camera
from ..memory.hole_filling import fill_holes
from ..model.conditioning import FromMemory, cameras_for_model, from_memory
from ..model.denoiser import Denoiser
from ..model.device import on_device
from ..model.flow import noised, random_levels
from ..model.memory_cells import MemoryCells
from ..model.text import word_ids
from ..model.transformer import Conditioning
from .latents import LatentClip, read_latents
from .renderings import Rendering, read_rendering
from .windows import FRAMES as WINDOW_FRAMES
from .windows import read_window

FRAMES, BATCH = 6, 8
GIVEN_SHARES = (0.45, 0.1, 0.45)  # of examples with no, one and two given frames: a path begins, and goes on
NO_MEMORY, ONLY_LATENT, ONLY_ROPE = 0.12, 0.14, 0.14
# Of the canvases, so many are Rendered Latents; the others are warped, as what a model made up comes back.
RENDERED = 0.75
NO_WORDS = 0.1
# Shares of examples with patches taken away, and with all of memory a little off its place.
DROPPED, DISPLACED = 0.3, 0.1
CONTEXT_NOISE = 0.3
# Of the examples at pure noise, so many have none at all, its middle: where the sampler's seed 0 begins.
NO_NOISE = 0.65
# From some part of a run on, given frames are the model's own guess, from so much noise, in a share of the examples.
OWN_AFTER, OWN_SHARE, OWN_LEVEL = 0.4, 0.6, 1.0
# Errors below this are as good as none.
LEAST_ERROR = 0.02
# A cell of which memory has less than this is part of a hole; a hole has so many times the say of its frame's rest,
# fewer cells than these less. Cells farther than the band (about 12 pixels) from what is known count for so much.
WHOLE, HOLE_SAY, FEW_CELLS = 0.95, 1.5, 16
BAND_CELLS, BEYOND_BAND = 2, 0.25


class VideoLoss:
    """The loss of a step; its batch follows from the step alone."""

    def __init__(
        self,
        model: Denoiser,
        latents: Sequence[Path],
        windows: Sequence[Path],
        renderings: Sequence[Path],
        *,
        variants: int = 2,
        metric: Tensor | None = None,  # (C, C): `picture_metric`; None = all channels are the same
        batch: int = BATCH,
        device: str = "cpu",
    ) -> None:
        self.model, self.latents = model, list(latents)
        self.metric = None if metric is None else metric.to(device)
        self.windows, self.renderings = list(windows), list(renderings)
        self.variants, self.batch, self.device = variants, batch, device

    def __call__(self, step: int, share_done: float) -> dict[str, Tensor]:
        rng = np.random.default_rng((step, 13))
        generator = torch.Generator().manual_seed(1_000_003 * step + 17)
        x, told, given = self._batch(rng)
        levels = random_levels(*x.shape[:2], generator=generator)
        middle = (levels == 1).all(1) & (torch.rand(x.shape[0], generator=generator) < NO_NOISE)
        context = CONTEXT_NOISE * torch.rand(x.shape[:2], generator=generator) ** 2
        levels = torch.where(given, context, levels)
        noise = torch.randn(x.shape, generator=generator) * ~middle[:, None, None, None, None]
        own = given & (torch.rand(x.shape[0], 1, generator=generator) < OWN_SHARE * (share_done > OWN_AFTER))
        x, noise, levels, own, weight = (t.to(self.device) for t in (x, noise, levels, own, (~given).float()))
        told = on_device(told, self.device)
        with torch.autocast(self.device, torch.bfloat16):
            if own.any():
                x = torch.where(own[..., None, None, None], own_guess(self.model, x, noise, told), x)
            error = self.model.error(noised(x, noise, levels), levels, noise - x, told)
        error = error.float()
        if self.metric is not None:
            error = torch.einsum("ij,btjhw->btihw", self.metric, error)
        squared = (error**2).mean(2)
        loss = (log_error(squared, told.canvas_share[:, :, 0]) * weight).sum() / weight.sum()
        plain = (squared.detach().mean((2, 3)) * weight).sum() / weight.sum()
        return {"loss": loss, "error": plain, **_parts(squared.detach(), told.canvas_share[:, :, 0], weight)}

    def _batch(self, rng: np.random.Generator) -> tuple[Tensor, Conditioning, Tensor]:
        """Latents (B, T, C, h, w), what the model is told about them, and which frames are given (B, T)."""
        examples = [self._example(rng) for _ in range(self.batch)]
        given = torch.zeros(self.batch, FRAMES, dtype=torch.bool)
        for row, count in enumerate(rng.choice(len(GIVEN_SHARES), size=self.batch, p=GIVEN_SHARES)):
            given[row, :count] = True
        captions = ["" if rng.random() < NO_WORDS else str(clip.caption) for _, clip, _, _ in examples]
        parts = [memory for _, _, memory, _ in examples]
        told = Conditioning(
            image_from_world=torch.stack([cameras for _, _, _, cameras in examples]),
            words=word_ids(captions),
            **{f.name: torch.stack([getattr(p, f.name) for p in parts]) for f in fields(FromMemory)},
        )
        return torch.stack([x for x, _, _, _ in examples]), told, given

    def _example(self, rng: np.random.Generator) -> tuple[Tensor, LatentClip, FromMemory, Tensor]:
        index = int(rng.integers(len(self.latents)))
        clip = read_latents(self.latents[index])
        variant = int(rng.integers(self.variants))
        window = read_window(self.windows[index], variant)
        start = int(rng.integers(WINDOW_FRAMES - FRAMES + 1))
        part = slice(start, start + FRAMES)
        frames = window.frames[part]
        whole = window.cells.taken(part)
        cells = damaged(whole, rng)
        memory = from_memory(cells, clip.dense_latents(window.remembered))
        if rng.random() < RENDERED:
            rendering = read_rendering(self.renderings[index], variant).taken(part)
            lost = (cells.view < 0) & (whole.view >= 0)
            memory = memory.with_rendered(*without(rendering, lost))
        memory = chosen_ways(memory, rng)
        cameras = cameras_for_model(clip_cameras(clip, frames), scale_m=float(clip.scale_m))
        return clip.latents(frames), clip, memory, cameras


def log_error(
    squared: Tensor,  # (B, T, h, w) mean squared error of each cell
    share: Tensor,  # (B, T, h, w) in [0, 1], how much of it memory knows
) -> Tensor:  # (B, T)
    """The logarithm of a frame's mean squared error: where memory knows the frame and where it does not, averaged.

    Either part has the same say, one of fewer than `FEW_CELLS` cells less.
    """
    hole = (share < WHOLE).float()
    side = 2 * BAND_CELLS + 1
    beside = functional.max_pool2d(1 - hole, side, stride=1, padding=BAND_CELLS)
    # A frame of which memory knows nothing has no band.
    beside = torch.where(beside.flatten(2).any(-1)[..., None, None], beside, 1.0)
    total = share.new_zeros(share.shape[:2])
    says = share.new_zeros(share.shape[:2])
    parts = ((1.0, 1 - hole), (HOLE_SAY, hole * (BEYOND_BAND + (1 - BEYOND_BAND) * beside)))
    for most, cells in parts:
        count = cells.sum((2, 3))
        say = most * (count / FEW_CELLS).clamp(max=1)
        total = total + say * torch.log((squared * cells).sum((2, 3)) / count.clamp(min=1e-6) + LEAST_ERROR)
        says = says + say
    return total / says


@torch.no_grad()
def own_guess(model: Denoiser, x: Tensor, noise: Tensor, told: Conditioning) -> Tensor:  # (B, T, C, h, w)
    """What the model makes of the clip in one step, from noise and memory."""
    level = x.new_full(x.shape[:2], OWN_LEVEL)
    noisy = noised(x, noise, level)
    return noisy - OWN_LEVEL * model(noisy, level, told)


def clip_cameras(clip: LatentClip, frames: np.ndarray) -> list[Camera]:
    """The cameras of some frames."""
    height, width = (int(side) for side in clip.image_size)
    return [Camera(clip.intrinsics_px[i], clip.world_from_cam[i], height, width) for i in frames]


def damaged(cells: MemoryCells, rng: np.random.Generator) -> MemoryCells:
    """Memory with holes it should not have, or a little off, in some of the examples."""
    if rng.random() < DROPPED:
        height, width = cells.view.shape[1:]
        coarse = rng.random((len(cells.view), -(-height // 3), -(-width // 3))) < rng.uniform(0.1, 0.6)
        lost = coarse.repeat(3, axis=1).repeat(3, axis=2)[:, :height, :width]
        lost_patches = rng.random(cells.patch_view.shape) < lost.mean()
        cells = replace(
            cells, view=np.where(lost, -1, cells.view), patch_view=np.where(lost_patches, -1, cells.patch_view)
        )
    if rng.random() < DISPLACED:
        shift = (rng.normal(size=2) * 0.5 / cells.view.shape[:0:-1]).astype(np.float32)  # half a cell or so
        cells = replace(cells, source_share=cells.source_share + shift)
    return cells


def without(rendering: Rendering, lost: np.ndarray) -> tuple[Tensor, Tensor]:  # (T, h, w) bool cells
    """A rendering's latents and shares where memory lost some cells: filled smoothly, as holes are in a rendering."""
    if not lost.any():
        return rendering.latents, rendering.share
    cells = rendering.latents.permute(0, 2, 3, 1).numpy()
    flat = np.ones(lost.shape[1:], np.float32)  # no cell counts for more than another
    filled = np.stack(
        [fill_holes(c, ~gone, flat) if not gone.all() else 0 * c for c, gone in zip(cells, lost, strict=True)]
    )
    return torch.from_numpy(filled).permute(0, 3, 1, 2), rendering.share * torch.from_numpy(~lost)[:, None]


def chosen_ways(memory: FromMemory, rng: np.random.Generator) -> FromMemory:
    """Both kinds of alignment, one of them, or none."""
    draw = rng.random()
    no_latent = draw < NO_MEMORY + ONLY_ROPE
    no_rope = draw < NO_MEMORY or NO_MEMORY + ONLY_ROPE <= draw < NO_MEMORY + ONLY_ROPE + ONLY_LATENT
    return memory.only(latent=not no_latent, rope=not no_rope)


def _parts(squared: Tensor, share: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """The error where memory knows something and where it does not, to be logged."""
    known = (share > 0.3) & (weight[..., None, None] > 0)
    unknown = (share == 0) & (weight[..., None, None] > 0)
    return {
        "known": (squared * known).sum() / known.sum().clamp(min=1),
        "unknown": (squared * unknown).sum() / unknown.sum().clamp(min=1),
    }
