"""The autoencoder: sizes, standard latents, depth as nearness, and that it learns at all."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")

from mosaic_core.model.autoencoder import Autoencoder, AutoencoderConfig, nearness, z_depth_of  # noqa: E402
from mosaic_core.train.autoencoder import AutoencoderLoss, autoencoder_losses  # noqa: E402
from mosaic_core.train.clips import write_clips  # noqa: E402
from mosaic_core.train.loop import Plan, train  # noqa: E402

SMALL = AutoencoderConfig(latent_channels=4, width=16, decoder_width=16, blocks=1)


def test_a_latent_is_an_eighth_of_the_picture():
    model = Autoencoder(SMALL)
    latents = model.encode(torch.rand(2, 4, 32, 48))
    assert latents.shape == (2, 4, 4, 6)
    assert model.decode(latents).shape == (2, 4, 32, 48)
    with pytest.raises(AssertionError):
        model.encode(torch.rand(1, 4, 30, 48))


def test_standardising_changes_the_latents_and_not_the_picture():
    torch.manual_seed(0)
    model, image = Autoencoder(SMALL), torch.rand(4, 4, 32, 32)
    with torch.no_grad():
        before, shown = model.encode(image), model.decode(model.encode(image))
        model.mean.copy_(before.mean((0, 2, 3))[:, None, None])
        model.std.copy_(before.std((0, 2, 3))[:, None, None])
        after = model.encode(image)
        torch.testing.assert_close(model.decode(after), shown)
    torch.testing.assert_close(after.mean((0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(after.std((0, 2, 3)), torch.ones(4), atol=1e-4, rtol=0)


def test_a_shift_by_a_whole_cell_shifts_the_latent():
    model, image = Autoencoder(SMALL), torch.rand(1, 4, 64, 96)
    with torch.no_grad():
        latents, shifted = model.encode(image), model.encode(image.roll(8, dims=3))
    torch.testing.assert_close(shifted[..., 3:9, 4:10], latents[..., 3:9, 3:9], atol=1e-5, rtol=0)


def test_nearness_is_bounded_and_has_an_inverse():
    z = torch.tensor([0.1, 1.0, 3.0, 50.0, torch.inf])
    near = nearness(z, 3.0)
    assert near.tolist() == pytest.approx([0.9678, 0.75, 0.5, 0.0566, 0.0], abs=1e-3)
    torch.testing.assert_close(z_depth_of(near, 3.0), z)


def test_what_a_warp_left_open_costs_nothing():
    image = torch.rand(1, 4, 8, 8)
    image[..., 4:] = torch.nan
    decoded = torch.where(torch.isnan(image), torch.rand(1, 4, 8, 8) * 100, image).requires_grad_()
    losses = autoencoder_losses(decoded, image, torch.zeros(1, 4, 1, 1))
    assert losses["loss"].item() == 0
    losses["loss"].backward()
    assert decoded.grad is not None and (decoded.grad == 0).all()


@pytest.mark.slow
def test_it_learns_a_batch_of_pictures_and_depth(tmp_path):
    torch.manual_seed(0)
    files = write_clips(tmp_path / "clips", range(4), image_height=144, image_width=256)
    model = Autoencoder(AutoencoderConfig(width=32, decoder_width=32, blocks=1))
    loss = AutoencoderLoss(model, files)
    plan = Plan(tmp_path / "run", steps=140, learning_rate=2e-3, warmup_steps=1, log_every=5)
    train(model, lambda step, share: loss(0, share), plan, say=lambda text: None)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["rgb_db"] > lines[0]["rgb_db"] + 4
    assert lines[-1]["near_db"] > lines[0]["near_db"] + 4
