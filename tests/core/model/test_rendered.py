"""Rendered Latents: the encoder's own latents of what memory shows, at the model's size, with holes that are no sky."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.memory import Memory  # noqa: E402
from mosaic_core.memory.readout import MemoryReader  # noqa: E402
from mosaic_core.model.autoencoder import Autoencoder, rgbd_images  # noqa: E402
from mosaic_core.model.rendered import rendered_latents  # noqa: E402
from mosaic_core.scenes import Box  # noqa: E402

from ..known_scenes import camera_at, view_of  # noqa: E402

WALL = (Box((-30, 3, -30), (30, 4, 30), 1, (0.5, 0.3, 0.2)),)
FRONT = camera_at((0, -2, 1), (0, 3, 1), height=96, width=160)
GRID = {"height": 12, "width": 20, "scale_m": 5.0}


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder().eval()


@pytest.fixture(scope="module")
def reader() -> MemoryReader:
    return MemoryReader(Memory.from_views([view_of(FRONT, WALL)]))


@torch.no_grad()
def test_what_was_seen_is_encoded_as_the_picture_itself(autoencoder, reader):
    seen = reader.rgb(FRONT)
    latents, share = rendered_latents(autoencoder, [seen], **GRID)
    truth = autoencoder.encode(rgbd_images(seen.values[None], seen.z_depth[None], 5.0))
    torch.testing.assert_close(latents, truth, atol=0.05, rtol=0)  # bfloat16
    assert (share == 1).all() and share.shape == (1, 1, 12, 20)


def test_a_larger_picture_of_the_same_is_brought_to_the_models_size(autoencoder, reader):
    larger = reader.rgb(FRONT.scaled_to(image_height=192, image_width=320))
    latents, _ = rendered_latents(autoencoder, [reader.rgb(FRONT), larger], **GRID)
    torch.testing.assert_close(latents[0], latents[1], atol=0.1, rtol=0)


def test_half_a_cell_is_half_known_and_a_hole_is_as_far_as_what_is_beside_it(autoencoder, reader):
    seen = reader.rgb(FRONT)
    covered = seen.covered.copy()
    covered[:, 84:] = False
    hole = replace(seen, covered=covered, z_depth=np.where(covered, seen.z_depth, np.float32(np.inf)))
    latents, share = rendered_latents(autoencoder, [seen, hole], **GRID)
    assert share[1, 0, 0].tolist() == [1.0] * 10 + [0.5] + [0.0] * 9
    # A wall square to the camera, its hole filled with its own colour and depth: as if there were none.
    torch.testing.assert_close(latents[0], latents[1], atol=0.1, rtol=0)


def test_a_frame_of_which_memory_shows_nothing_is_told_nothing(autoencoder, reader):
    latents, share = rendered_latents(autoencoder, [reader.rgb(camera_at((0, -2, 1), (0, -9, 1)))], **GRID)
    assert not latents.any() and not share.any()
