"""What moves in a video and what only seems to, because the camera does."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from mosaic_core.engines.motion import BLOCK_PX, moving_cells
from mosaic_core.scenes import Box

from ..evaluate.textured import textured_view
from ..known_scenes import ROOM, camera_at

SIZE = {"height": 64, "width": 96}
CAMERAS = [camera_at((x, -5.0, 1.8), (0.5 * x, 0, 1), **SIZE) for x in (-0.4, 0.0, 0.4)]


def crate_at(x: float) -> Box:
    return Box((x - 0.5, -1.5, 0.5), (x + 0.5, -0.5, 1.5), 9, (0.95, 0.1, 0.8))


def filmed(places: list[float]) -> tuple[np.ndarray, np.ndarray]:
    views = [textured_view(camera, (*ROOM, crate_at(x))) for camera, x in zip(CAMERAS, places, strict=True)]
    return np.stack([rgb for rgb, _ in views]), np.stack([z for _, z in views])


def test_what_stands_still_under_a_moving_camera_does_not_move():
    moving = moving_cells(*filmed([0.0, 0.0, 0.0]), CAMERAS)
    assert moving.shape == (3, SIZE["height"] // BLOCK_PX, SIZE["width"] // BLOCK_PX)
    assert moving.mean() < 0.05


def test_a_crate_that_slides_moves_and_the_room_does_not():
    rgb, z_depth = filmed([-1.6, 0.0, 1.6])
    moving = moving_cells(rgb, z_depth, CAMERAS)
    crate = np.abs(rgb - (0.95, 0.1, 0.8)).max(axis=-1) < 0.4  # painted over, but still magenta
    share = crate.reshape(3, moving.shape[1], BLOCK_PX, moving.shape[2], BLOCK_PX).mean(axis=(2, 4))
    assert moving[share > 0.9].mean() > 0.8
    assert moving[share == 0].mean() < 0.3, "only what the crate covers later"


def test_a_single_frame_shows_no_motion():
    rgb, z_depth = filmed([0.0, 0.0, 0.0])
    assert not moving_cells(rgb[:1], z_depth[:1], CAMERAS[:1]).any()
