"""The readout in Mirage's convention, against the output of the published implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mosaic_core.cameras import Camera
from mosaic_core.errors import MosaicError
from mosaic_core.memory.cell_cloud import CellCloud, cell_intrinsics, lift_cells

from .known_scenes import camera_at

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "latent_cache.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    if not GOLDEN.exists():
        pytest.skip("the golden vectors are not part of the project: ../shared/golden/latent_cache.npz is not here")
    with np.load(GOLDEN) as file:
        return {name: file[name] for name in file.files}


def camera_of(golden, world_from_cam) -> Camera:
    return Camera(golden["intrinsics_px"], world_from_cam, *golden["z_depth0"].shape)


def test_cells_are_lifted_as_published(golden):
    camera, cells = camera_of(golden, golden["world_from_cam0"]), golden["latent0"].shape[1:]
    points, is_valid = lift_cells(camera, golden["z_depth0"], cells, excluded=golden["excluded0"])
    assert np.array_equal(cell_intrinsics(camera, cells), golden["intrinsics_latent"])
    assert np.array_equal(is_valid, golden["valid0"])
    np.testing.assert_allclose(points, golden["points_world0"], atol=2e-6)


def test_readouts_equal_the_published_ones(golden):
    cloud = CellCloud.none(len(golden["latent0"]))
    first, second = (camera_of(golden, golden[f"world_from_cam{i}"]) for i in (0, 1))
    cloud = cloud.followed_by(golden["latent0"], first, golden["z_depth0"], excluded=golden["excluded0"])
    cloud = cloud.followed_by(golden["latent1"], second, golden["z_depth1"])
    cells = golden["latent0"].shape[1:]
    for index, world_from_cam in enumerate(golden["world_from_cam_targets"]):
        values, covered = cloud.read(camera_of(golden, world_from_cam), cells=cells)
        assert np.array_equal(values, golden["readout"][index])
        assert np.array_equal(covered, golden["covered"][index])


def test_unknown_depth_gives_no_point():
    camera = camera_at((0, -4, 1), height=32, width=64)
    z_depth = np.full((32, 64), 2.0, np.float32)
    z_depth[:16, :16], z_depth[:16, 16:32], z_depth[:16, 32:48] = 0, np.inf, np.nan
    cloud = CellCloud.none(3).followed_by(np.ones((3, 2, 4), np.float32), camera, z_depth)
    assert len(cloud.points_world) == 5 and np.isfinite(cloud.points_world).all()


def test_at_equal_depth_the_first_written_wins_and_behind_the_camera_is_nothing():
    camera = camera_at((0, -4, 1), height=32, width=64)
    z_depth = np.full((32, 64), 2.0, np.float32)
    cloud = CellCloud.none(1)
    for value in (1.0, 2.0):
        cloud = cloud.followed_by(np.full((1, 2, 4), value, np.float32), camera, z_depth)
    values, covered = cloud.read(camera, cells=(2, 4))
    assert covered.all() and (values == 1).all()
    _, covered = cloud.read(camera_at((0, -4, 1), (0, -9, 1), height=32, width=64), cells=(2, 4))
    assert not covered.any()
    assert not CellCloud.none(1).read(camera, cells=(2, 4))[1].any()


def test_shapes_that_do_not_fit_are_refused():
    camera, cloud = camera_at((0, -4, 1), height=32, width=64), CellCloud.none(2)
    with pytest.raises(MosaicError, match="z_depth must have the picture's shape"):
        cloud.followed_by(np.ones((2, 2, 4), np.float32), camera, np.ones((2, 4), np.float32))
    with pytest.raises(MosaicError, match="2 channels"):
        cloud.followed_by(np.ones((3, 2, 4), np.float32), camera, np.ones((32, 64), np.float32))
