"""What errors of latents count for: what they show in the picture."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.model.weights import load_autoencoder  # noqa: E402
from mosaic_core.train.clips import write_clips  # noqa: E402
from mosaic_core.train.latents import read_latents, write_latents  # noqa: E402
from mosaic_core.train.picture_metric import picture_metric  # noqa: E402


@pytest.fixture(scope="module")
def latents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    files = write_clips(folder / "clips", range(4), image_height=48, image_width=80)
    return write_latents(load_autoencoder(), files, folder / "latents")


def test_errors_count_as_they_show_in_the_picture(latents):
    """Regression: with a plain mean over channels 500 steps of training made latents better and the picture hardly."""
    autoencoder, metric = load_autoencoder(), picture_metric(load_autoencoder(), latents)
    channels = len(metric)
    some = torch.cat([read_latents(file).latents(np.array([5, 11])) for file in latents])
    rng, shown = torch.Generator().manual_seed(4), autoencoder.decode(some)
    told, seen = [], []
    for _ in range(60):
        # Any few channels at once, the same in all cells: some make good what others do.
        off = 0.3 * torch.randn(channels, generator=rng) * (torch.rand(channels, generator=rng) < 0.3)
        if off.any():
            told.append(float((metric @ off).square().mean()))
            picture = autoencoder.decode(some + off[:, None, None])
            seen.append(float((picture - shown)[:, :3].square().mean()))
    assert np.corrcoef(told, seen)[0, 1] > 0.9
    assert np.corrcoef(np.log(told), np.log(seen))[0, 1] > 0.8


def test_noise_counts_as_much_as_it_does_without_a_metric(latents):
    metric = picture_metric(load_autoencoder(), latents)
    noise = torch.randn(len(metric), 20000, generator=torch.Generator().manual_seed(0))
    assert (metric @ noise).square().mean() == pytest.approx(1, rel=0.05)
