"""Rectified flow (Liu et al. 2022, arXiv 2209.03003): straight lines from noise to latents.

    x_s = (1 - s) x + s noise,   velocity = noise - x          s: the noise level, 0 = clean

Every frame has a noise level of its own (diffusion forcing), so one model makes video from an image, continues a clip
and fills it in: what is given stays nearly clean, the rest comes down from pure noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..errors import Cancelled
from .transformer import Conditioning

# One Euler step, from pure noise: what the model expects, and no guess of detail that is as often wrong. With two, the
# second from 0.75, the first unseen band is 0.4 dB less like the truth, and looks alike (docs/model.md).
STEPS, SHIFT = 1, 3.0
# Given frames keep a trace of noise, as in training: a model that never saw quite clean context trusts it too much.
GIVEN_LEVEL = 0.02


def noised(
    latents: Tensor,  # (B, T, ...)
    noise: Tensor,  # the same
    noise_level: Tensor,  # (B, T)
) -> Tensor:
    """x_s"""
    s = noise_level.reshape(*noise_level.shape, *(1,) * (latents.ndim - 2))
    return (1 - s) * latents + s * noise


def shifted(level: Tensor, shift: float) -> Tensor:
    """Noise levels with more of them high: s' = shift s / (1 + (shift - 1) s)."""
    return shift * level / (1 + (shift - 1) * level)


def sampler_levels(steps: int = STEPS, shift: float = SHIFT) -> Tensor:  # (steps + 1,)
    """Where a sampler of so many steps stands before each, and 0 at the end."""
    return shifted(torch.linspace(1, 0, steps + 1), shift)


def random_levels(
    batch: int,
    frames: int,
    *,
    generator: torch.Generator,
    shift: float = 2.5,
    apart_share: float = 0.5,
    sampler_share: float = 0.75,
) -> Tensor:  # (B, T)
    """Noise levels for training. A share of the clips has one of the sampler's levels for all frames.

    The others' are logit-normal (Esser et al. 2024, arXiv 2403.03206, section 3.1): a share of these has one a frame,
    the rest one for all. By itself that distribution comes to within 3 % of pure noise in one clip of 200, where the
    sampler takes its first step.
    """
    apart = torch.randn(batch, frames, generator=generator)
    together = torch.randn(batch, 1, generator=generator).expand(batch, frames)
    split = torch.rand(batch, 1, generator=generator) < apart_share
    anywhere = shifted(torch.sigmoid(torch.where(split, apart, together)), shift)
    stations = sampler_levels()[:-1]
    station = stations[torch.randint(len(stations), (batch, 1), generator=generator)].expand(batch, frames)
    return torch.where(torch.rand(batch, 1, generator=generator) < sampler_share, station, anywhere)


@torch.no_grad()
def sample(
    velocity: Callable[[Tensor, Tensor, Conditioning], Tensor],
    told: Conditioning,
    *,
    given: Tensor,  # (B, T, C, h, w) latents of the given frames, anything elsewhere
    is_given: Tensor,  # (T,) bool
    seed: int | None,  # of the noise; None = none, its middle
    steps: int = STEPS,
    shift: float = SHIFT,
    pulls: Sequence[tuple[float, Conditioning]] = (),
    stopped: Callable[[], bool] = lambda: False,
) -> Tensor:  # (B, T, C, h, w)
    """Euler steps from noise to latents. The same seed gives the same bits on one machine.

    Without noise the sampler starts where all seeds are equally far away, and gives what they have in common: nearer to
    the truth than any of them (docs/model.md).

    Each of `pulls` adds its strength times the difference that its conditioning makes to `told`: 1 would lead all the
    way there, less part of it, below 0 away from it (classifier-free guidance, Ho and Salimans 2022, is 1 - guidance
    towards no text). Raises `Cancelled` when `stopped` says so, before a step.
    """
    noise = torch.zeros_like(given)
    if seed is not None:
        noise = torch.randn(given.shape, generator=torch.Generator().manual_seed(seed)).to(given)
    batch = given.shape[0]
    kept = is_given.to(given.device)
    levels = sampler_levels(steps, shift).tolist()
    context = noised(given, noise, given.new_full((batch, given.shape[1]), GIVEN_LEVEL))
    pick = kept[None, :, None, None, None]
    x = torch.where(pick, context, noise)
    for level, following in pairwise(levels):
        if stopped():
            raise Cancelled("stopped before a denoising step")
        s = given.new_full((batch, given.shape[1]), level)
        s[:, kept] = GIVEN_LEVEL
        v = velocity(x, s, told)
        v = v + sum(strength * (velocity(x, s, other) - v) for strength, other in pulls) if pulls else v
        x = torch.where(pick, context, x + (following - level) * v)
    return torch.where(pick, given, x)
