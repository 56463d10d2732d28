"""Latents at every half cell: those of the picture as it is, and of the picture shifted."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from mosaic_core.model.autoencoder import STRIDE_PX, Autoencoder  # noqa: E402
from mosaic_core.model.dense_latents import SHIFTS, as_captured, dense_latents, dense_uv  # noqa: E402

STEP = STRIDE_PX // SHIFTS


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder().eval()


@torch.no_grad()
def test_every_other_latent_is_that_of_the_picture_as_it_is(autoencoder):
    image = torch.rand(2, 4, 40, 64, generator=torch.Generator().manual_seed(1))
    dense = dense_latents(autoencoder, image)
    assert dense.shape == (2, 12, SHIFTS * 5, SHIFTS * 8)
    torch.testing.assert_close(as_captured(dense), autoencoder.encode(image), atol=0.05, rtol=0)  # bfloat16


@torch.no_grad()
def test_a_picture_shifted_by_a_step_has_its_latents_shifted_by_one(autoencoder):
    wide = torch.rand(1, 4, 160, 176, generator=torch.Generator().manual_seed(2))
    here, shifted = wide[..., :152, :160], wide[..., STEP : 152 + STEP, STEP : 160 + STEP]
    first, second = dense_latents(autoencoder, here), dense_latents(autoencoder, shifted)
    middle = slice(14, 22)  # far enough from the edges, where pictures end elsewhere
    following = slice(middle.start + 1, middle.stop + 1)
    torch.testing.assert_close(first[..., following, following], second[..., middle, middle], atol=0.05, rtol=0)


def test_places_lie_where_the_shifts_put_them():
    for latent in range(6):
        centre = latent / SHIFTS + 0.5  # in cells
        assert dense_uv(torch.tensor(centre)) == latent + 0.5
    assert dense_uv(torch.tensor(0.0)) == 0.5  # beyond the first there is none
