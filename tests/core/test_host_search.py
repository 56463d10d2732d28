"""The compiled search: the bits of the arrays' on every input, with any number of threads, and dispensable."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from mosaic_core.cameras import Camera
from mosaic_core.memory import Memory, edits
from mosaic_core.memory.arrays import NUMPY
from mosaic_core.memory.feature_readout import FeatureReader
from mosaic_core.memory.host_search import compiled_search, host_search, nearest_of_all
from mosaic_core.memory.patch_search import PatchSearch
from mosaic_core.memory.picture import Readout
from mosaic_core.memory.placed_patches import place_patches
from mosaic_core.scenes import Box
from mosaic_core.scenes.patch_memory import patch_memory

from .known_scenes import RED, camera_at, placements_of, room_memory

CAMERAS = [
    camera_at((0.7, -4.2, 1.9), height=22, width=40),
    camera_at((-1.1, -0.6, 0.7), (-1.1, 1.2, 0.5), height=22, width=40),  # close to a crate
    camera_at((-1.1, 0.7, 0.5), (0, 1.2, 0.5), height=7, width=11),  # inside it
    camera_at((0, -5, 2), (0, -50, 2), height=5, width=8),  # looks away
    camera_at((0, -3, 0.0), (0, 1.5, 0.0), height=5, width=8),  # in the plane of the floor
    camera_at((0, -40, 12), height=6, width=10),  # far off
    camera_at((1e9, 0, 1), (1e9, 9, 1), height=3, width=4),  # where single precision has steps of sixty metres
]

WALL = Box((-9, 3, -9), (9, 4, 9), 1, (0.5, 0.5, 0.5))
HALF_A_CELL = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


@pytest.fixture(scope="module")
def room() -> Memory:
    memory = room_memory()
    turned = np.array([[0, -2, 0, 0.5], [2, 0, 0, 1.0], [0, 0, 2, 0.0], [0, 0, 0, 1]], float)
    return memory.edited(edits.copy(placements_of(memory, RED), turned))


@pytest.fixture
def without_numba(monkeypatch):
    """As in an environment that was built before numba was asked for."""
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "mosaic_core.memory.patch_search_numba", raising=False)
    compiled_search.cache_clear()
    yield
    compiled_search.cache_clear()


def cloud(seed: int) -> Memory:
    """Patches of many boxes, seen roughly from many sides."""
    generator = np.random.default_rng(seed)
    views = [
        camera_at(generator.uniform(-2, 2, 3), generator.uniform(-6, 6, 3), height=48, width=64, fov_deg=70)
        for _ in range(60)
    ]
    boxes = [
        Box(tuple(p), tuple(p + generator.uniform(0.3, 2, 3)), 1, (1, 1, 1)) for p in generator.uniform(-6, 5, (40, 3))
    ]
    return patch_memory(views, boxes, depth_noise=0.02)


def searches(memory: Memory) -> tuple[PatchSearch, object]:
    pytest.importorskip("numba")
    placed = place_patches(memory, memory.placements.shown_at(None))
    compiled = host_search(placed)
    assert not isinstance(compiled, PatchSearch), "numba is here, and yet not used"
    return PatchSearch(placed, NUMPY), compiled


def assert_alike(memory: Memory, cameras: list[Camera]) -> None:
    arrays, compiled = searches(memory)
    for camera in cameras:
        expected = arrays.nearest(camera)
        found = compiled.nearest(camera)
        assert found.dtype == expected.dtype and np.array_equal(found, expected)
        some = np.arange(2, len(expected), 5)
        assert np.array_equal(compiled.nearest(camera, some), expected[some])


def test_it_finds_the_same_in_a_room(room):
    assert_alike(room, CAMERAS)


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_same_in_a_cloud(seed):
    generator = np.random.default_rng(100 + seed)
    eyes, targets = generator.uniform(-3, 3, (2, 6, 3))
    cameras = [camera_at(eye, at, height=17, width=23, fov_deg=90) for eye, at in zip(eyes, targets, strict=True)]
    assert_alike(cloud(seed), cameras)


def test_it_finds_the_same_where_there_is_little(room):
    assert_alike(room.edited(edits.delete(room.placements.ids)), CAMERAS[:1])
    assert_alike(room.edited(edits.delete(room.placements.ids[1:])), CAMERAS[:2])
    assert_alike(Memory.from_views([]), CAMERAS[:1])


def test_a_ray_to_where_no_box_is_finds_nothing(room):
    """Regression: a ray along (1, 1, 1) met the boxes that only fill up nodes, and asked for placements behind them."""
    camera = camera_at((20, 20, 20), (21, 21, 21), height=3, width=3)
    forward = np.full(3, np.sqrt(1 / 3))
    right = np.array([1, -1, 0]) / np.sqrt(2)
    world_from_cam = camera.world_from_cam.copy()
    world_from_cam[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    world_from_cam[:3, 2] = forward[0]
    camera = Camera(camera.intrinsics_px, world_from_cam, camera.image_height, camera.image_width)
    assert not FeatureReader(room).read(np.zeros((len(room.patches), 1), np.float32), camera).covered.any()
    assert_alike(room, [camera])


def test_it_finds_the_same_along_the_borders_of_patches(room):
    """A capturing camera's own cells, and rays through the very lines and corners between them."""
    for view in room.views[:2]:
        cells = view.camera.scaled_to(image_height=18, image_width=32)
        assert_alike(room, [cells, replace(cells, intrinsics_px=cells.intrinsics_px + HALF_A_CELL)])


@pytest.mark.slow
@pytest.mark.parametrize("depth_noise", [0.0, 0.01])
def test_a_million_patches_in_one_cell(depth_noise):
    """One winner of a million: of equal depths the first view's, else the nearest, known from all depths."""
    camera = camera_at((0, -2, 1), (0, 3, 1), height=512, width=512, fov_deg=20)
    memory = patch_memory([camera] * 977, (WALL,), depth_noise=depth_noise)
    assert len(memory.patches) > 1_000_000
    cell = camera.scaled_to(image_height=1, image_width=1)
    assert_alike(memory, [cell])
    readout = FeatureReader(memory, compiled=True).read(np.zeros((len(memory.patches), 1), np.float32), cell)
    assert readout.covered.all()
    if depth_noise == 0:
        assert readout.source_view == 0 and np.allclose(readout.z_depth, 5, rtol=1e-5)
    else:
        # One to four of a view's patches lie on the ray, so this is the nearest of a thousand draws or more.
        depths = memory.patches.centre_world[:, 1] + 2
        assert np.quantile(depths, 1e-5) < readout.z_depth.item() < np.quantile(depths, 0.01)


@pytest.mark.parametrize("threads", [1, 2, 3, 200])
def test_threads_share_the_cells(room, threads):
    arrays, compiled = searches(room)
    cameras = CAMERAS[2:5]
    for search in (arrays, compiled):
        for found, camera in zip(nearest_of_all(search, cameras, threads), cameras, strict=True):
            assert np.array_equal(found, arrays.nearest(camera))


def test_what_goes_wrong_in_a_thread_is_raised(room):
    class Broken:
        def nearest(self, camera, pixels=None):
            if pixels is not None and pixels[0] == 1:
                raise ValueError("broken")
            return np.zeros(len(pixels), np.int64)

    with pytest.raises(ValueError, match="broken"):
        nearest_of_all(Broken(), CAMERAS[:1], 2)


def test_without_numba_arrays_find_the_same(room, without_numba):
    placed = place_patches(room, room.placements.shown_at(None))
    assert isinstance(host_search(placed), PatchSearch)
    features = np.random.default_rng(0).standard_normal((len(room.patches), 3), np.float32)
    ours, theirs = (FeatureReader(room, compiled=c).read(features, CAMERAS[0]) for c in (True, False))
    for field in fields(Readout):
        assert np.array_equal(getattr(ours, field.name), getattr(theirs, field.name), equal_nan=True), field.name


def test_a_package_that_cannot_be_written_to_is_compiled_all_the_same(monkeypatch):
    numba = pytest.importorskip("numba")
    from mosaic_core.memory.patch_search_numba import _compiled

    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, "_locator_classes", [])

    def twice(number):
        return 2 * number

    assert _compiled("int64(int64)")(twice)(21) == 42


def test_numba_waits_until_it_is_asked_for():
    modules = "mosaic_core.memory.readout, mosaic_core.memory.feature_readout, mosaic_core.memory.host_search"
    code = f"import sys, {modules}; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
