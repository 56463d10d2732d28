"""The denoiser's units: an untrained one is the best guess from memory alone, and training sees what it leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from mosaic_core.model.denoiser import SURE_VARIANCE, Denoiser, velocity_from_memory  # noqa: E402
from mosaic_core.model.flow import noised  # noqa: E402
from mosaic_core.model.transformer import Conditioning, TransformerConfig  # noqa: E402

TINY = TransformerConfig(latent_channels=2, dim=16, layers=1, heads=1, words=8, max_frames=3)
BATCH, FRAMES, HEIGHT, WIDTH = 2, 3, 2, 4


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def told_of(share: float | None = None) -> Conditioning:
    """Random memory; `share` is how much of every cell is known, random where it is None."""
    known = torch.rand(BATCH, FRAMES, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(4)).double()
    return Conditioning(
        image_from_world=torch.eye(4, dtype=torch.float64).expand(BATCH, FRAMES, 4, 4),
        words=torch.zeros(BATCH, 1, dtype=torch.long),
        canvas=normal(BATCH, FRAMES, 2, HEIGHT, WIDTH, seed=3),
        canvas_share=known if share is None else torch.full_like(known, share),
        mosaic=normal(BATCH, FRAMES, 1, 8, seed=5),
        mosaic_positions=torch.zeros(BATCH, FRAMES, 1, 2, dtype=torch.float64),
        mosaic_valid=torch.ones(BATCH, FRAMES, 1, dtype=torch.bool),
    )


def denoiser(*, trained: bool = False) -> Denoiser:
    torch.manual_seed(0)
    model = Denoiser(TINY).double().eval().requires_grad_(False)
    if trained:
        torch.nn.init.normal_(model.network.out.weight, std=0.3)
    return model


NOISY = normal(BATCH, FRAMES, 2, HEIGHT, WIDTH, seed=1)
LEVEL = torch.tensor([[0.0, 0.3, 1.0], [0.02, 0.5, 0.9]], dtype=torch.float64)


def test_an_untrained_network_says_what_a_loop_over_cells_says():
    told = told_of()
    shown = denoiser()(NOISY, LEVEL, told)
    for index in torch.cartesian_prod(*(torch.arange(side) for side in NOISY.shape)).tolist():
        batch, frame, _, row, column = index
        s, x_s, c = float(LEVEL[batch, frame]), float(NOISY[tuple(index)]), float(told.canvas[tuple(index)])
        share = float(told.canvas_share[batch, frame, 0, row, column])
        variance = 1 - share + share * SURE_VARIANCE
        # Of x ~ N(c, variance) and noise ~ N(0, 1), given x_s = (1 - s) x + s noise: both by regression on x_s.
        off = (x_s - (1 - s) * c) / ((1 - s) ** 2 * variance + s**2)
        latent, noise = c + (1 - s) * variance * off, s * off
        assert float(shown[tuple(index)]) == pytest.approx(noise - latent, abs=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_the_guess_is_the_mean_of_what_may_be_true_and_the_spread_its_deviation(share):
    """By drawing many latents that memory allows: a regression finds the same guess."""
    count, s, told = 200_000, 0.4, told_of(share)
    c, variance = 0.7, 1 - share + share * SURE_VARIANCE
    x, noise = c + variance**0.5 * normal(count, seed=6), normal(count, seed=7)
    x_s = (1 - s) * x + s * noise
    cells = x_s.reshape(1, count, 1, 1, 1)
    told = replace(told, canvas=torch.full_like(cells, c), canvas_share=torch.full_like(cells, share))
    guess, spread = velocity_from_memory(cells, torch.full((1, count), s, dtype=torch.float64), told)
    left = noise - x - guess.flatten()
    assert left.mean().abs() < 0.01
    assert (left * x_s).mean().abs() < 0.02, "nothing about it can be told from x_s"
    assert float(left.std()) == pytest.approx(float(spread.flatten()[0]), rel=0.01)


def test_the_true_velocity_has_no_error_and_any_other_has_one():
    model, told = denoiser(trained=True), told_of()
    level = LEVEL.clamp(0.1, 0.9)
    velocity = model(NOISY, level, told)
    assert model.error(NOISY, level, velocity, told).abs().max() < 1e-12
    _, spread = velocity_from_memory(NOISY, level, told)
    error = model.error(NOISY, level, velocity + 2 * spread, told)
    torch.testing.assert_close(error, torch.full_like(error, -2.0))


def test_the_network_is_asked_for_what_varies_by_one_at_every_level():
    truth, told = normal(BATCH, FRAMES, 2, HEIGHT, WIDTH, seed=8), told_of(0.0)
    told, model, squares = replace(told, canvas=torch.zeros_like(told.canvas)), denoiser(), []
    for level in (0.02, 0.5, 0.98):
        levels = torch.full_like(LEVEL, level)
        for seed in range(20):
            noise = normal(*truth.shape, seed=100 + seed)
            x = normal(*truth.shape, seed=200 + seed)
            squares.append(float(model.error(noised(x, noise, levels), levels, noise - x, told).square().mean()))
    assert all(0.8 < sum(squares[at : at + 20]) / 20 < 1.2 for at in (0, 20, 40))


def test_without_memory_pure_noise_is_its_own_velocity():
    told = told_of().without_memory()
    assert torch.equal(denoiser()(NOISY, torch.ones_like(LEVEL), told), NOISY)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_the_ends_of_the_scale_are_finite(share, level):
    model, told, levels = denoiser(trained=True), told_of(share), torch.full_like(LEVEL, level)
    velocity = model(NOISY, levels, told)
    assert torch.isfinite(velocity).all()
    assert torch.isfinite(model.error(NOISY, levels, velocity, told)).all()
