"""Warped RoPE and Warped Latent on planes and grids where the answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.model.warping import grid_positions, token_positions, warped_latent, warped_uv  # noqa: E402

FOCAL_PX = 200.0
INTRINSICS = torch.tensor([[FOCAL_PX, 0, 128.0], [0, FOCAL_PX, 72.0], [0, 0, 1]])


def warp(uv, z_depth, world_from_source, world_from_target, *, target_intrinsics=INTRINSICS):
    return warped_uv(
        uv,
        z_depth,
        source_intrinsics_px=INTRINSICS,
        source_world_from_cam=world_from_source,
        target_intrinsics_px=target_intrinsics,
        target_cam_from_world=torch.linalg.inv(world_from_target),
    )


def at(x_m=0.0, y_m=0.0, z_m=0.0) -> torch.Tensor:
    pose = torch.eye(4)
    pose[:3, 3] = torch.tensor([x_m, y_m, z_m])
    return pose


def token_centres() -> torch.Tensor:  # (144, 2) pixels
    return (grid_positions(height=9, width=16) + 0.5) * 16


def test_the_same_camera_gives_whole_positions():
    pose = at(1, 2, 3)
    uv, z = warp(token_centres(), torch.full((144,), 4.0), pose, pose)
    torch.testing.assert_close(token_positions(uv, token_px=16), grid_positions(height=9, width=16))
    torch.testing.assert_close(z, torch.full((144,), 4.0))


def test_a_sideways_step_shifts_a_wall_by_a_fraction():
    """du = focal * step / depth, in tokens of 16 pixels."""
    uv, _ = warp(token_centres(), torch.full((144,), 5.0), at(), at(x_m=0.3))
    shift = grid_positions(height=9, width=16) - token_positions(uv, token_px=16)
    expected = FOCAL_PX * 0.3 / 5.0 / 16
    assert expected % 1 > 0.1, "a whole number would not show rounding"
    torch.testing.assert_close(shift, torch.tensor([expected, 0.0]).expand(144, 2), atol=1e-4, rtol=0)


def test_a_longer_lens_spreads_positions_about_the_middle():
    tele = INTRINSICS.clone()
    tele[0, 0] = tele[1, 1] = 2 * FOCAL_PX
    uv, _ = warp(token_centres(), torch.full((144,), 5.0), at(), at(), target_intrinsics=tele)
    centre = torch.tensor([128.0, 72.0])
    torch.testing.assert_close(uv - centre, 2 * (token_centres() - centre), atol=1e-3, rtol=0)


def test_points_behind_the_camera_say_so():
    _, z = warp(token_centres(), torch.full((144,), 1.0), at(), at(z_m=2.0))
    assert (z < 0).all()


def test_there_and_back_is_the_identity():
    there = at(0.5, -0.2, 0.4)
    uv, z = warp(token_centres(), torch.rand(144) + 3, at(), there)
    back, _ = warp(uv, z, there, at())
    torch.testing.assert_close(back, token_centres(), atol=1e-3, rtol=0)


def test_latents_sampled_at_cell_centres_are_themselves():
    latents = torch.randn(2, 3, 4, 5)
    view = torch.tensor([0, 1]).repeat_interleave(20).reshape(2, 4, 5)
    centres = (grid_positions(height=4, width=5) + 0.5).reshape(1, 4, 5, 2).expand(2, -1, -1, -1)
    values, share = warped_latent(latents, torch.ones(2, 4, 5, dtype=torch.bool), view, centres)
    torch.testing.assert_close(values.permute(0, 3, 1, 2), latents)
    assert (share == 1).all()


def test_invalid_taps_are_left_out_and_never_read_as_zero():
    latents = torch.full((1, 1, 2, 2), 7.0)
    latents[0, 0, 0, 1] = 1000.0
    valid = torch.tensor([[[True, False], [True, True]]])
    values, share = warped_latent(latents, valid, torch.zeros(1, dtype=torch.long), torch.tensor([[1.0, 1.0]]))
    assert values.item() == pytest.approx(7)
    assert share.item() == pytest.approx(0.75)
    values, share = warped_latent(latents, valid, torch.zeros(1, dtype=torch.long), torch.tensor([[-9.0, 1.0]]))
    assert values.item() == 0 and share.item() == 0
    values, share = warped_latent(latents, valid, torch.full((1,), -1), torch.tensor([[1.0, 1.0]]))
    assert values.item() == 0 and share.item() == 0


@pytest.mark.parametrize("seed", range(3))
def test_sampling_equals_a_loop_over_taps(seed):
    rng = np.random.default_rng(seed)
    latents, valid = rng.normal(size=(3, 2, 4, 6)), rng.random((3, 4, 6)) > 0.3
    view, uv = rng.integers(-1, 3, 40), rng.uniform(-1.5, 7.5, (40, 2))
    values, share = warped_latent(*(torch.from_numpy(a) for a in (latents, valid, view, uv)))
    for i in range(40):
        total, weights = np.zeros(2), 0.0
        for row in range(4):
            for column in range(6):
                weight = max(0, 1 - abs(uv[i, 0] - column - 0.5)) * max(0, 1 - abs(uv[i, 1] - row - 0.5))
                if view[i] >= 0 and valid[view[i], row, column]:
                    total, weights = total + weight * latents[view[i], :, row, column], weights + weight
        assert math.isclose(share[i], weights, abs_tol=1e-9)
        if weights > 1e-9:
            np.testing.assert_allclose(values[i], total / weights, atol=1e-9)
