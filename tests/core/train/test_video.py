"""The video model's batches: the same for the same steps, given frames for free, memory with the faults it may have."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.model.conditioning import FromMemory  # noqa: E402
from mosaic_core.model.denoiser import Denoiser  # noqa: E402
from mosaic_core.model.dense_latents import SHIFTS  # noqa: E402
from mosaic_core.model.memory_cells import MemoryCells  # noqa: E402
from mosaic_core.model.transformer import TransformerConfig  # noqa: E402
from mosaic_core.train.latents import LatentClip, read_latents  # noqa: E402
from mosaic_core.train.renderings import Rendering  # noqa: E402
from mosaic_core.train.video import (  # noqa: E402
    BAND_CELLS,
    BEYOND_BAND,
    CONTEXT_NOISE,
    FEW_CELLS,
    FRAMES,
    HOLE_SAY,
    LEAST_ERROR,
    NO_MEMORY,
    NO_NOISE,
    ONLY_LATENT,
    ONLY_ROPE,
    OWN_AFTER,
    OWN_LEVEL,
    VideoLoss,
    chosen_ways,
    clip_cameras,
    damaged,
    log_error,
    without,
)

from ..known_scenes import camera_at  # noqa: E402

CHANNELS, HEIGHT, WIDTH, CLIP_FRAMES, WINDOW = 3, 4, 6, 24, 9
TINY = TransformerConfig(latent_channels=CHANNELS, dim=16, layers=1, heads=1, max_frames=FRAMES)


def random_cells(seed: int, *, frames: int = WINDOW, views: int = 3) -> MemoryCells:
    rng = np.random.default_rng(seed)
    cells, tokens = (frames, HEIGHT, WIDTH), (frames, HEIGHT * WIDTH // 4)
    return MemoryCells(
        view=rng.integers(-1, views, cells).astype(np.int32),
        source_share=rng.random((*cells, 2)).astype(np.float32),
        confidence=rng.random(cells).astype(np.float32),
        patch_view=rng.integers(-1, views, tokens).astype(np.int32),
        patch_share=rng.random((*tokens, 2)).astype(np.float32),
        patch_position=rng.random((*tokens, 2)).astype(np.float32),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two clips of noise, with windows that remember three frames of them."""
    folder, latents, windows, renderings = tmp_path_factory.mktemp("data"), [], [], []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        cameras = [camera_at((0.1 * i, -4, 1.5), height=32, width=48) for i in range(CLIP_FRAMES)]
        clip = LatentClip(
            dense=rng.normal(size=(CLIP_FRAMES, CHANNELS, SHIFTS * HEIGHT, SHIFTS * WIDTH)).astype(np.float16),
            intrinsics_px=np.stack([camera.intrinsics_px for camera in cameras]).astype(np.float32),
            world_from_cam=np.stack([camera.world_from_cam for camera in cameras]).astype(np.float32),
            image_size=np.array([32, 48], np.int32),
            scale_m=np.array(4, np.float32),
            caption=np.array("a room with a red ball"),
        )
        latents.append(folder / f"latents_{seed}.npz")
        np.savez(latents[-1], **vars(clip))
        arrays = {}
        for index in range(2):
            cells = random_cells(10 * seed + index)
            arrays |= {f"{index}/frames": np.arange(15, 24), f"{index}/remembered": np.array([0, 3, 8])}
            arrays |= {f"{index}/{field.name}": getattr(cells, field.name) for field in fields(MemoryCells)}
        windows.append(folder / f"windows_{seed}.npz")
        np.savez(windows[-1], **arrays)
        shares = (rng.random((WINDOW, 1, HEIGHT, WIDTH)) > 0.3).astype(np.float16)
        pictures = {f"{index}/latents": clip.dense[15:24, :, ::SHIFTS, ::SHIFTS] for index in range(2)}
        renderings.append(folder / f"rendering_{seed}.npz")
        np.savez(renderings[-1], **pictures, **{f"{index}/share": shares for index in range(2)})
    return latents, windows, renderings


def test_a_step_is_the_same_to_the_bit_whenever_it_is_taken(data):
    torch.manual_seed(0)
    model = Denoiser(TINY)
    torch.nn.init.normal_(model.network.out.weight, std=0.3)
    loss = VideoLoss(model, *data, batch=2)
    first, other = loss(3, 0.0), loss(4, 0.0)
    torch.manual_seed(7)
    again = VideoLoss(model, *data, batch=2)(3, OWN_AFTER)
    assert all(torch.equal(first[name], again[name]) for name in first) and first.keys() == again.keys()
    assert first["loss"] != other["loss"]


class Watched:
    """Stands in for the denoiser: every frame has the same error, and the gradient tells which of them count."""

    def __init__(self) -> None:
        self.levels = self.asked = torch.zeros(0)

    def error(self, noisy, levels, velocity, told):
        self.levels, self.asked = levels, torch.ones(levels.shape, requires_grad=True)
        return self.asked[..., None, None, None].expand(noisy.shape)


def test_given_frames_come_first_nearly_clean_and_cost_nothing(data):
    model, counts = Watched(), []
    loss = VideoLoss(model, *data, batch=8)
    for step in range(12):
        losses = loss(step, 0.0)
        assert losses["error"].item() == pytest.approx(1)
        (gradient,) = torch.autograd.grad(losses["loss"], model.asked)
        costs = gradient > 0
        assert torch.allclose(gradient[costs], 2 / costs.sum() / (1 + LEAST_ERROR)), "all others count alike"
        assert (model.levels[~costs] <= CONTEXT_NOISE).all() and (model.levels > 0).all()
        given = (~costs).sum(1)
        counts += given.tolist()
        for row, count in enumerate(given.tolist()):
            assert not costs[row, :count].any() and costs[row, count:].all()
    assert set(counts) == {0, 1, 2}


def test_most_examples_at_pure_noise_begin_with_none_as_the_sampler_does(data):
    """Regression: seed 0 begins at the middle of all noises, which training never showed the model."""

    class Seeing(Watched):
        def error(self, noisy, levels, velocity, told):
            self.noisy = noisy
            return super().error(noisy, levels, velocity, told)

    model, without_noise, pure = Seeing(), 0, 0
    loss = VideoLoss(model, *data, batch=8)
    for step in range(16):
        loss(step, 0.0)
        at_pure_noise = (model.levels[:, -1] == 1) & (model.levels[:, -2] == 1)
        empty = (model.noisy[:, -1] == 0).flatten(1).all(1)
        assert not (empty & ~at_pure_noise).any()
        without_noise, pure = without_noise + int(empty.sum()), pure + int(at_pure_noise.sum())
    assert abs(without_noise / pure - NO_NOISE) < 0.15


def test_frames_that_cannot_be_known_do_not_outweigh_the_others(data):
    """Regression: with a plain mean, a scene whose light changed had ten times the say of one that stayed as it was."""

    class HalfHard(Watched):
        def error(self, noisy, levels, velocity, told):
            plain = super().error(noisy, levels, velocity, told)
            return plain * torch.tensor([0.5, 5.0]).repeat(levels.shape[0] // 2)[:, None, None, None, None]

    model = HalfHard()
    (gradient,) = torch.autograd.grad(VideoLoss(model, *data, batch=8)(0, 0.0)["loss"], model.asked)
    easy, hard = gradient[::2], gradient[1::2]
    assert easy[easy > 0].mean() == pytest.approx(float(hard[hard > 0].mean()), rel=0.1)


def test_a_small_hole_has_more_say_than_the_rest_of_its_frame_and_its_border_most():
    """Regression: beside what was captured the model was little better than smooth filling."""
    share = torch.ones(1, 1, 16, 24)
    share[..., :, 18:] = 0  # a quarter of the frame, six cells deep
    squared = torch.full(share.shape, 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(log_error(squared, share).sum(), squared)
    band = slice(18, 18 + BAND_CELLS)
    known, hole = gradient[..., :18], gradient[..., 18:]
    assert hole.sum() == pytest.approx(HOLE_SAY * float(known.sum()), rel=1e-4)
    assert gradient[..., band].mean() == pytest.approx(float(gradient[..., 18 + BAND_CELLS :].mean()) / BEYOND_BAND)


def test_a_hole_of_a_few_cells_has_the_say_of_a_few_cells_and_a_frame_without_memory_is_one():
    squared = torch.full((1, 3, 16, 24), 0.5, requires_grad=True)
    share = torch.ones(1, 3, 16, 24)
    share[0, 1, 0, 0], share[0, 2] = 0, 0
    (gradient,) = torch.autograd.grad(log_error(squared, share).sum(), squared)
    whole, single, none = gradient[0]
    assert whole.min() == whole.max() and torch.allclose(none, whole), "nothing is beside nothing"
    assert single[0, 0] / (single.sum() - single[0, 0]) == pytest.approx(HOLE_SAY / FEW_CELLS, rel=1e-4)
    assert torch.allclose(log_error(torch.ones(1, 1, 4, 6), torch.zeros(1, 1, 4, 6)), torch.tensor(1.02).log())


def test_near_the_end_given_frames_are_the_models_own(data):
    class Guessing(Watched):
        def __call__(self, noisy, levels, told):
            assert not torch.is_grad_enabled()
            return (noisy - 100) / OWN_LEVEL  # guesses 100 everywhere

        def error(self, noisy, levels, velocity, told):
            self.noisy = noisy
            return super().error(noisy, levels, velocity, told)

    model = Guessing()
    loss = VideoLoss(model, *data, batch=8)

    def guessed(share_done: float) -> torch.Tensor:  # which frames hold the guess
        loss(5, share_done)
        return model.noisy.mean((2, 3, 4)) > 30

    (gradient,) = torch.autograd.grad(loss(5, 0.0)["loss"], model.asked)
    assert not guessed(OWN_AFTER).any()
    late = guessed(1.0)
    assert late.any() and not (late & (gradient > 0)).any()


def test_without_training_what_memory_does_not_hold_is_off_by_one(data):
    """Latents are standard, and so is the error of a network that says nothing."""
    torch.manual_seed(0)
    loss = VideoLoss(Denoiser(TINY), *data, batch=8)
    found = [loss(step, 0.0)["unknown"].item() for step in range(4)]
    assert 0.85 < np.mean(found) < 1.15


def test_damage_takes_away_and_displaces_but_never_adds(data):
    cells, dropped, moved = random_cells(0), 0, 0
    for seed in range(60):
        after = damaged(cells, np.random.default_rng(seed))
        for name in ("view", "patch_view"):
            before, left = getattr(cells, name), getattr(after, name)
            assert ((left == before) | (left == -1)).all()
        dropped += not np.array_equal(after.view, cells.view)
        shift = after.source_share - cells.source_share
        assert np.abs(shift * (WIDTH, HEIGHT)).max() < 3, "of some cells"
        np.testing.assert_allclose(shift, np.broadcast_to(shift[:1, :1, :1], shift.shape), atol=1e-6)
        moved += bool(shift.any())
        for name in ("confidence", "patch_share", "patch_position"):
            assert np.array_equal(getattr(after, name), getattr(cells, name))
    assert 8 < dropped < 30 and 1 <= moved < 15


def test_a_rendering_loses_cells_to_what_lies_around_them():
    """As a hole in a rendering is filled smoothly, and worth nothing."""
    latents, share = torch.full((2, CHANNELS, HEIGHT, WIDTH), 3.0), torch.ones(2, 1, HEIGHT, WIDTH)
    lost = np.zeros((2, HEIGHT, WIDTH), bool)
    lost[0, 1:3, 2:5], lost[1] = True, True
    latents[0, :, torch.from_numpy(lost[0])] = 77.0
    filled, left = without(Rendering(latents, share), lost)
    assert (filled[0] == 3).all() and not filled[1].any()
    assert torch.equal(left[:, 0], torch.from_numpy(~lost).float())
    whole, same = without(Rendering(latents, share), np.zeros_like(lost))
    assert torch.equal(whole, latents) and torch.equal(same, share)


def test_both_kinds_of_alignment_either_and_neither_are_trained():
    ones = torch.ones(1, 1, 1, 1)
    memory = FromMemory(ones, ones, ones[0], ones[0], torch.ones(1, 1, dtype=torch.bool))
    rng, counts = np.random.default_rng(0), {}
    for _ in range(1000):
        told = chosen_ways(memory, rng)
        way = bool(told.canvas.any()), bool(told.mosaic_valid.any())
        counts[way] = counts.get(way, 0) + 1 / 1000
    expected = {(False, False): NO_MEMORY, (True, False): ONLY_LATENT, (False, True): ONLY_ROPE}
    for way, share in expected.items():
        assert counts[way] == pytest.approx(share, abs=0.04)
    assert counts[True, True] == pytest.approx(1 - sum(expected.values()), abs=0.06)


def test_a_clips_cameras_are_those_it_was_filmed_with(data):
    clip = read_latents(data[0][0])
    for camera, frame in zip(clip_cameras(clip, np.array([3, 9])), (3, 9), strict=True):
        assert (camera.image_height, camera.image_width) == (32, 48)
        assert np.array_equal(camera.world_from_cam, clip.world_from_cam[frame].astype(float))
        assert np.array_equal(camera.intrinsics_px, clip.intrinsics_px[frame].astype(float))
