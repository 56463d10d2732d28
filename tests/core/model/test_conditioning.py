"""From what memory shows to what the model is told: canvas, mosaic tokens and cameras."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.memory import Memory  # noqa: E402
from mosaic_core.model.conditioning import (  # noqa: E402
    LEAST_SHARE,
    MOSAIC_EVERY,
    WARPED_WORTH,
    cameras_for_model,
    certainty,
    from_memory,
    mosaic_choice,
)
from mosaic_core.model.dense_latents import SHIFTS, as_captured  # noqa: E402
from mosaic_core.model.memory_cells import CELLS_PER_TOKEN, CellReader  # noqa: E402
from mosaic_core.model.transformer import tokens_of  # noqa: E402
from mosaic_core.model.warping import grid_positions  # noqa: E402
from mosaic_core.scenes import Box  # noqa: E402

from ..known_scenes import camera_at, room_memory, view_of  # noqa: E402

HEIGHT, WIDTH, CHANNELS = 12, 20, 3
SIZE = {"height": 96, "width": 160}
WALL = (Box((-30, 3, -30), (30, 4, 30), 1, (0.5, 0.5, 0.5)),)
FRONT = camera_at((0, -2, 1), (0, 3, 1), **SIZE)  # square to the wall: every patch is a whole cell, seen in full


def latents_of(views: int) -> torch.Tensor:
    """Dense ones."""
    return torch.randn(views, CHANNELS, SHIFTS * HEIGHT, SHIFTS * WIDTH, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def cells():
    return CellReader(Memory.from_views([view_of(FRONT, WALL)])).read([FRONT] * 4, height=HEIGHT, width=WIDTH)


def test_a_views_own_camera_is_shown_its_latents(cells):
    latents = latents_of(1)
    told = from_memory(cells, latents)
    torch.testing.assert_close(told.canvas, as_captured(latents).expand(4, -1, -1, -1), atol=2e-3, rtol=0)
    expected = torch.full((4, 1, HEIGHT, WIDTH), WARPED_WORTH)
    torch.testing.assert_close(told.canvas_share, expected, atol=1e-3, rtol=0)


def test_its_mosaic_tokens_are_the_frames_own_tokens_at_whole_positions(cells):
    latents = latents_of(1)
    told = from_memory(cells, latents)
    tokens, places = tokens_of(as_captured(latents[0]), CELLS_PER_TOKEN), grid_positions(height=6, width=10)
    assert told.mosaic_valid.all()
    for frame, chosen in enumerate(mosaic_choice(4, HEIGHT, WIDTH)):
        torch.testing.assert_close(told.mosaic_positions[frame], places[chosen], atol=2e-3, rtol=0)
        torch.testing.assert_close(told.mosaic[frame], tokens[chosen], atol=1e-2, rtol=0)


def test_the_canvas_is_what_a_loop_over_cells_samples():
    """From elsewhere, and from several views: a bilinear sample of the one latent that each cell names."""
    memory = room_memory(**SIZE)
    cells = CellReader(memory).read([camera_at((0.8, -4.0, 1.4), **SIZE)], height=HEIGHT, width=WIDTH)
    latents = latents_of(3)
    told = from_memory(cells, latents)
    assert len(np.unique(cells.view)) > 2
    for y in range(HEIGHT):
        for x in range(WIDTH):
            value, weight = np.zeros(CHANNELS), 0.0
            # Latent (j, i) of the dense grid has its centre at (i / SHIFTS + 0.5, j / SHIFTS + 0.5) cells.
            column, row = np.maximum(0, SHIFTS * (cells.source_share[0, y, x] * (WIDTH, HEIGHT) - 0.5))
            for j in range(SHIFTS * HEIGHT):
                for i in range(SHIFTS * WIDTH):
                    tap = max(0, 1 - abs(i - column)) * max(0, 1 - abs(j - row)) * (cells.view[0, y, x] >= 0)
                    value, weight = value + tap * latents[cells.view[0, y, x], :, j, i].numpy(), weight + tap
            sure = weight * float(cells.confidence[0, y, x]) ** 0.25
            if sure < LEAST_SHARE:  # as good as unknown
                value, sure = np.zeros(CHANNELS), 0.0
            np.testing.assert_allclose(told.canvas[0, :, y, x], value / max(weight, 1e-9), atol=1e-4)
            assert float(told.canvas_share[0, 0, y, x]) == pytest.approx(WARPED_WORTH * sure, abs=1e-4)


def test_nothing_is_told_of_what_memory_does_not_hold(cells):
    nowhere = replace(cells, view=np.full_like(cells.view, -1), patch_view=np.full_like(cells.patch_view, -1))
    told = from_memory(nowhere, latents_of(1))
    assert not told.canvas.any() and not told.canvas_share.any() and not told.mosaic_valid.any()


def test_rendered_latents_come_first_and_warped_ones_where_there_is_hardly_a_pixel(cells):
    warped = from_memory(cells, latents_of(1))
    latents, share = torch.full_like(warped.canvas, 9.0), torch.ones_like(warped.canvas_share)
    share[..., :5] = 0.3  # hardly a pixel, and memory has latents
    share[..., 5:8] = 0.0
    unknown = replace(warped, canvas_share=warped.canvas_share.clone())
    unknown.canvas_share[..., 5:8] = 0.0  # nobody knows: a guess that is worth nothing
    told = unknown.with_rendered(latents, share)
    assert torch.equal(told.canvas[..., :5], warped.canvas[..., :5])
    assert torch.equal(told.canvas_share[..., :5], warped.canvas_share[..., :5])
    assert (told.canvas[..., 5:] == 9).all() and (told.canvas_share[..., 8:] == 1).all()
    assert not told.canvas_share[..., 5:8].any()


@pytest.mark.parametrize(("height", "width"), [(HEIGHT, WIDTH), (18, 32), (4, 8)])
def test_each_token_has_its_turn(height, width):
    """Any few frames that follow one another: on these grids every token once, none twice."""
    choice = mosaic_choice(3 * MOSAIC_EVERY, height, width)
    tokens = height * width // CELLS_PER_TOKEN**2
    assert choice.shape == (3 * MOSAIC_EVERY, tokens // MOSAIC_EVERY)
    for start in range(2 * MOSAIC_EVERY):
        if width // CELLS_PER_TOKEN % MOSAIC_EVERY == 0:
            assert sorted(choice[start : start + MOSAIC_EVERY].flatten().tolist()) == list(range(tokens))
    assert all(len(set(frame.tolist())) == tokens // MOSAIC_EVERY for frame in choice)


@pytest.mark.parametrize(("latent", "rope"), [(True, True), (True, False), (False, True), (False, False)])
def test_either_kind_of_alignment_can_be_left_out(cells, latent, rope):
    told = from_memory(cells, latents_of(1)).only(latent=latent, rope=rope)
    assert bool(told.canvas.any()) == bool(told.canvas_share.any()) == latent
    assert bool(told.mosaic_valid.any()) == rope


def test_certainty_stays_within_nothing_and_everything():
    sure = certainty(torch.tensor([-1.0, 0.0, 1e-4, 0.5, 1.0, 2.0]))
    assert sure[0] == sure[1] == 0 and sure[4] == sure[5] == 1
    assert (sure[1:5].diff() > 0).all()


def test_neither_the_world_frame_nor_its_unit_matters():
    cameras = [camera_at((0.2 * i, -4 + 0.3 * i, 1.5), **SIZE) for i in range(4)]
    told = cameras_for_model(cameras, scale_m=3.0)
    torch.testing.assert_close(told[0, :, 3], torch.tensor([0.0, 0, 0, 1]))
    world = np.eye(4)
    world[:3, :3] = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    world[:3, :3] *= np.linalg.det(world[:3, :3])
    world[:3, 3] = (40, -7, 3)
    elsewhere = [replace(camera, world_from_cam=world @ camera.world_from_cam) for camera in cameras]
    torch.testing.assert_close(cameras_for_model(elsewhere, scale_m=3.0), told, atol=1e-5, rtol=1e-5)
    centimetres = [camera.world_from_cam * np.array([1, 1, 1, 100])[None] for camera in cameras]
    for matrix in centimetres:
        matrix[3, 3] = 1
    scaled = [replace(c, world_from_cam=m) for c, m in zip(cameras, centimetres, strict=True)]
    torch.testing.assert_close(cameras_for_model(scaled, scale_m=300.0), told, atol=1e-5, rtol=1e-5)
    larger = [camera.scaled_to(image_height=720, image_width=1200) for camera in cameras]
    torch.testing.assert_close(cameras_for_model(larger, scale_m=3.0), told, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(cameras_for_model(cameras, scale_m=1.0), told)
