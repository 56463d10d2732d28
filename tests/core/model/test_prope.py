"""PRoPE against the published implementations, against a loop a token, and against its own laws."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402

from mosaic_core.model.prope import Prope, SubframePrope, image_from_world, normalised_intrinsics  # noqa: E402


def attention(encoding, q, k, v):
    q, k, v = encoding.to_query(q), encoding.to_key_value(k), encoding.to_key_value(v)
    return encoding.to_output(functional.scaled_dot_product_attention(q, k, v))


def grid_positions(cameras: int, height: int, width: int) -> torch.Tensor:  # (1, cameras * height * width, 2)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], -1).reshape(1, -1, 2).repeat(1, cameras, 1).double()


@pytest.fixture(params=["prope", "gta"])
def golden(request, shared_golden):
    arrays = np.load(shared_golden / f"{request.param}.npz", allow_pickle=False)
    return request.param, {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def test_it_equals_the_authors_implementation(golden):
    name, a = golden
    size = {"image_height": int(a["image_height"]), "image_width": int(a["image_width"])}
    intrinsics = normalised_intrinsics(a["intrinsics_px"], **size) if name == "prope" else None
    projection = image_from_world(a["cam_from_world"], intrinsics)
    positions = grid_positions(projection.shape[1], int(a["patches_y"]), int(a["patches_x"]))
    out = attention(Prope.of(projection, positions, head_dim=a["q"].shape[-1]), a["q"], a["k"], a["v"])
    torch.testing.assert_close(out, a["out"], rtol=1e-9, atol=1e-9)


def test_four_cameras_a_latent_equal_the_published_layout(shared_golden):
    arrays = np.load(shared_golden / "prope_subframes.npz", allow_pickle=False)
    a = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    projection = image_from_world(a["cam_from_world"], a["intrinsics_normalised"])
    out = attention(SubframePrope.of(projection), a["q"], a["k"], a["v"])
    torch.testing.assert_close(out, a["out"], rtol=1e-9, atol=1e-9)


def random_cameras(batch: int, cameras: int, *, seed: int = 0) -> torch.Tensor:  # (B, C, 4, 4) image_from_world
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(batch, cameras, 3, 3, generator=generator, dtype=torch.float64))[0]
    pose = torch.eye(4, dtype=torch.float64).repeat(batch, cameras, 1, 1)
    pose[..., :3, :3] = rotation * torch.linalg.det(rotation)[..., None, None]
    pose[..., :3, 3] = torch.randn(batch, cameras, 3, generator=generator, dtype=torch.float64)
    intrinsics = torch.diag(torch.tensor([0.9, 1.4, 1.0], dtype=torch.float64)).repeat(batch, cameras, 1, 1)
    return image_from_world(pose, intrinsics)


def random_tokens(batch, tokens, head_dim, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, batch, 2, tokens, head_dim, generator=generator, dtype=torch.float64)


def test_the_world_frame_drops_out():
    projection, positions = random_cameras(2, 3), grid_positions(3, 2, 4)
    q, k, v = random_tokens(2, 24, 32)
    world = random_cameras(1, 1, seed=5)[0, 0]
    here = attention(Prope.of(projection, positions, head_dim=32), q, k, v)
    there = attention(Prope.of(projection @ world, positions, head_dim=32), q, k, v)
    torch.testing.assert_close(here, there)
    heres = attention(SubframePrope.of(projection[:, :, None].repeat(1, 1, 4, 1, 1)), *random_tokens(2, 24, 64))
    theres = attention(
        SubframePrope.of((projection @ world)[:, :, None].repeat(1, 1, 4, 1, 1)), *random_tokens(2, 24, 64)
    )
    torch.testing.assert_close(heres, theres)


def test_one_camera_for_all_leaves_rotary_positions_alone():
    q, k, v = random_tokens(1, 24, 32)
    positions = grid_positions(3, 2, 4)
    same = random_cameras(1, 1).repeat(1, 3, 1, 1)
    none = torch.eye(4, dtype=torch.float64).repeat(1, 3, 1, 1)
    torch.testing.assert_close(
        attention(Prope.of(same, positions, head_dim=32), q, k, v),
        attention(Prope.of(none, positions, head_dim=32), q, k, v),
    )


def test_only_differences_of_positions_matter_and_they_may_be_fractional():
    q, k, v = random_tokens(1, 24, 32)
    projection, positions = random_cameras(1, 3), grid_positions(3, 2, 4) * 0.37
    here = attention(Prope.of(projection, positions, head_dim=32), q, k, v)
    there = attention(Prope.of(projection, positions + torch.tensor([2.61, -0.4]), head_dim=32), q, k, v)
    torch.testing.assert_close(here, there)
    other = attention(Prope.of(projection, positions.round(), head_dim=32), q, k, v)
    assert not torch.allclose(here, other)


def test_it_equals_a_loop_over_tokens():
    """D written out as a matrix a token, attention as sums."""
    projection, positions = random_cameras(1, 2), grid_positions(2, 2, 2) + 0.25
    q, k, v = random_tokens(1, 8, 16)
    fast = attention(Prope.of(projection, positions, head_dim=16), q, k, v)
    matrices = [_block_diagonal(projection[0, token // 4], positions[0, token]) for token in range(8)]
    for head in range(2):
        for i in range(8):
            ask = matrices[i].T @ q[0, head, i]
            scores = torch.stack([ask @ torch.linalg.solve(matrices[j], k[0, head, j]) for j in range(8)]) / 4
            weights = scores.softmax(0)
            slow = matrices[i] @ sum(weights[j] * torch.linalg.solve(matrices[j], v[0, head, j]) for j in range(8))
            torch.testing.assert_close(fast[0, head, i], slow)


def _block_diagonal(projection: torch.Tensor, position: torch.Tensor) -> torch.Tensor:  # (16, 16)
    blocks = [projection, projection]
    for coordinate in position:
        turn = torch.eye(4, dtype=torch.float64)
        for pair, rate in enumerate((1.0, 100.0**-0.5)):
            cosine, sine = torch.cos(coordinate * rate), torch.sin(coordinate * rate)
            first, second = pair, pair + 2
            turn[first, first] = turn[second, second] = cosine
            turn[first, second], turn[second, first] = -sine, sine
        blocks.append(turn)
    return torch.block_diag(*blocks)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(AssertionError):
        Prope.of(random_cameras(1, 2), grid_positions(2, 2, 2), head_dim=12)
    with pytest.raises(AssertionError):
        Prope.of(random_cameras(1, 3), grid_positions(2, 2, 2)[:, :7], head_dim=16)
