"""What errors in latent channels count for: what they show in the picture."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.model.weights import load_autoencoder  # noqa: E402
from mosaic_core.train.channel_worth import LEAST, channel_worth  # noqa: E402
from mosaic_core.train.clips import write_clips  # noqa: E402
from mosaic_core.train.latents import read_latents, write_latents  # noqa: E402


@pytest.fixture(scope="module")
def latents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    files = write_clips(folder / "clips", range(2), image_height=48, image_width=80)
    return write_latents(load_autoencoder(), files, folder / "latents")


def test_a_channel_that_shows_more_is_worth_more(latents):
    """Regression: with a plain mean over channels 500 steps of training made latents better and the picture hardly."""
    autoencoder = load_autoencoder()
    worth = channel_worth(autoencoder, latents)
    assert worth.mean() == pytest.approx(1, abs=1e-4) and worth.min() >= LEAST
    some = read_latents(latents[1]).latents(np.array([5]))
    rng, shown = torch.Generator().manual_seed(4), autoencoder.decode(some)

    def change(channel: int) -> float:
        off = some.clone()
        off[:, channel] += 0.3 * torch.randn(some[:, 0].shape, generator=rng)
        return float((autoencoder.decode(off) - shown)[:, :3].square().mean())

    assert change(int(worth.argmax())) > 10 * change(int(worth.argmin()))


def test_the_worth_of_channels_follows_from_the_data_alone(latents):
    torch.manual_seed(1)
    first = channel_worth(load_autoencoder(), latents)
    torch.manual_seed(2)
    assert torch.equal(first, channel_worth(load_autoencoder(), latents))
