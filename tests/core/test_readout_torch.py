"""The torch twin: the same bits as NumPy, on every run, with any number of threads, for batches and bfloat16."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.errors import MosaicError  # noqa: E402
from mosaic_core.memory import Memory, View, edits  # noqa: E402
from mosaic_core.memory.arrays import NUMPY  # noqa: E402
from mosaic_core.memory.arrays_torch import TorchArrays  # noqa: E402
from mosaic_core.memory.feature_readout import FeatureReader  # noqa: E402
from mosaic_core.memory.patch_search import PatchSearch  # noqa: E402
from mosaic_core.memory.placed_patches import place_patches  # noqa: E402
from mosaic_core.memory.readout_torch import TorchFeatureReader, TorchReadout, TorchRgbReader  # noqa: E402
from mosaic_core.memory.rgb_readout import RgbReader  # noqa: E402
from mosaic_core.scenes.patch_memory import patch_memory  # noqa: E402

from .known_scenes import RED, ROOM, camera_at, placements_of, room_memory  # noqa: E402

CAMERAS = [
    camera_at((0.7, -4.2, 1.9), height=22, width=40),
    camera_at((-1.1, -1.4, 0.7), (-1.1, 1.2, 0.5), height=22, width=40),
    camera_at((0, -5, 2), (0, -50, 2), height=22, width=40),
]


@pytest.fixture(scope="module")
def room() -> Memory:
    memory = room_memory()
    return memory.edited(edits.translate(placements_of(memory, RED), (0.7, -0.5, 0)))


@pytest.fixture(scope="module")
def dense() -> Memory:
    """Enough patches that operations are split over threads."""
    generator = np.random.default_rng(3)
    views = [camera_at((x, -5, 2), (y, 1.5, 0.5), height=352, width=640) for x, y in generator.uniform(-2, 2, (120, 2))]
    return patch_memory(views, ROOM, depth_noise=0.003)


@pytest.fixture(scope="module")
def tangle() -> Memory:
    """Views that hardly agree: rough depth in blocks of many objects, sky, holes, things that move, edits of all kinds.

    Of two worlds, seen at different times.
    """
    generator = np.random.default_rng(11)
    views = [_rough_view(generator, index) for index in range(5)]
    memory = Memory.from_views(views, {number: f"Object {number}" for number in range(1, 6)})
    some = [generator.choice(memory.placements.ids, 25, replace=False) for _ in range(3)]
    turned = np.eye(4)
    turned[:3, :3] = 1.3 * np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    turned[:3, 3] = 0.3, -0.2, 0.1
    for edit in (edits.transform(some[0], turned), edits.copy(some[1], turned), edits.delete(some[2])):
        memory = memory.edited(edit)
    return memory


def _rough_view(generator: np.random.Generator, index: int) -> View:
    camera = camera_at(generator.uniform((-1.5, -5, 0.5), (1.5, -4, 2)), height=64, width=96)
    blocks = np.ones((8, 8))
    z_depth = np.kron(generator.uniform(3, 8, (8, 12)), blocks) + generator.normal(0, 0.01, (64, 96))
    unknown, sky, dynamic = (np.kron(generator.random((8, 12)) < share, blocks) > 0 for share in (0.05, 0.1, 0.1))
    return View(
        camera=camera,
        rgb=generator.integers(0, 256, (64, 96, 3), np.uint8),
        z_depth=np.where(unknown | sky, np.inf, z_depth).astype(np.float32),
        object_ids=np.kron(generator.integers(1, 6, (8, 12)), blocks).astype(np.int32),
        dynamic=dynamic & ~sky,
        sky=sky,
        time_s=0.5 * index,
        world=int(index > 2),
    )


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def features_of(memory: Memory) -> torch.Tensor:
    return torch.randn(len(memory.patches), 5, generator=torch.Generator().manual_seed(0))


def assert_same(ours: TorchReadout, theirs: TorchReadout) -> None:
    for field in fields(TorchReadout):
        first, second = getattr(ours, field.name), getattr(theirs, field.name)
        assert np.array_equal(first.float().numpy(), second.float().numpy(), equal_nan=True), field.name


@pytest.mark.parametrize("which", ["room", "dense"])
def test_torch_and_numpy_give_the_same_bits(which, request):
    memory = request.getfixturevalue(which)
    features = features_of(memory)
    batch = TorchFeatureReader(memory).read(features, CAMERAS, time_s=[0.0, 1.0, 2.0])
    reader = FeatureReader(memory)
    assert batch.values.shape == (3, 22, 40, 5)
    for index, camera in enumerate(CAMERAS):
        single = reader.read(features.numpy(), camera, time_s=float(index))
        for field in fields(TorchReadout):
            ours, theirs = getattr(batch, field.name)[index].numpy(), getattr(single, field.name)
            assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs, equal_nan=True), field.name
    assert batch.covered[0].any() and not batch.covered[2].all()


@pytest.mark.parametrize("which", ["room", "dense"])
def test_a_search_by_tensors_finds_the_same(which, request):
    memory = request.getfixturevalue(which)
    placed = place_patches(memory, memory.placements.shown_at(None))
    tensors = PatchSearch(placed, TorchArrays(torch.device("cpu")))
    for camera in CAMERAS:
        ours, theirs = tensors.nearest(camera).numpy(), PatchSearch(placed, NUMPY).nearest(camera)
        assert np.array_equal(ours, theirs)
        some = np.arange(3, len(theirs), 7)
        assert np.array_equal(tensors.nearest(camera, some).numpy(), theirs[some])


@pytest.mark.parametrize("which", ["room", "tangle"])
def test_torch_and_numpy_show_the_same_picture(which, request):
    memory = request.getfixturevalue(which)
    cameras = [camera.scaled_to(image_height=47, image_width=81) for camera in CAMERAS]
    batch = TorchRgbReader(memory).read(cameras, time_s=[0.0, 1.0, 2.0])
    shown = memory.placements.shown_at(None)
    by_numpy, by_tensors = (RgbReader(memory, shown, a) for a in (NUMPY, TorchArrays(torch.device("cpu"))))
    assert batch.values.shape == (3, 47, 81, 3)
    for index, camera in enumerate(cameras):
        expected, tensors = (reader.read(camera, time_s=float(index)) for reader in (by_numpy, by_tensors))
        for field in fields(TorchReadout):
            theirs = getattr(expected, field.name)
            for ours in (getattr(batch, field.name)[index].numpy(), getattr(tensors, field.name).numpy()):
                assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs, equal_nan=True), field.name
    assert batch.covered[0].any() and not batch.covered.all()


@pytest.mark.slow
def test_the_same_bits_on_every_run_and_with_any_number_of_threads(dense, threads):
    reader, features = TorchFeatureReader(dense), features_of(dense)
    threads(1)
    expected = reader.read(features, CAMERAS[:2])
    for count in (1, 2, 2, 4):
        threads(count)
        assert_same(reader.read(features, CAMERAS[:2]), expected)
        assert_same(TorchFeatureReader(dense).read(features, CAMERAS[:2]), expected)


@pytest.mark.slow
def test_the_same_picture_with_any_number_of_threads(room, threads):
    cameras = [camera.scaled_to(image_height=90, image_width=160) for camera in CAMERAS[:2]]
    threads(1)
    expected = TorchRgbReader(room).read(cameras)
    tensors = RgbReader(room, room.placements.shown_at(None), TorchArrays(torch.device("cpu")))
    for count in (1, 2, 4):
        threads(count)
        assert_same(TorchRgbReader(room).read(cameras), expected)
        again = tensors.read(cameras[0], time_s=0.0)
        for field in fields(TorchReadout):
            ours, theirs = getattr(again, field.name), getattr(expected, field.name)[0]
            assert np.array_equal(ours.numpy(), theirs.numpy(), equal_nan=True), field.name


def test_bfloat16_features_are_the_same_rows(room):
    reader, features = TorchFeatureReader(room), features_of(room)
    short, full = reader.read(features.bfloat16(), CAMERAS[:1]), reader.read(features, CAMERAS[:1])
    assert short.values.dtype == torch.bfloat16
    assert torch.equal(short.values, full.values.bfloat16())
    assert torch.equal(short.placement_id, full.placement_id)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_gives_the_same_bits(dense):
    features = features_of(dense)
    there = TorchFeatureReader(dense, device="cuda").read(features.cuda(), CAMERAS)
    moved = TorchReadout(**{f.name: getattr(there, f.name).cpu() for f in fields(TorchReadout)})
    assert_same(moved, TorchFeatureReader(dense).read(features, CAMERAS))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("which", ["room", "tangle"])
def test_cuda_shows_the_same_picture(which, request):
    memory = request.getfixturevalue(which)
    cameras = [camera.scaled_to(image_height=360, image_width=640) for camera in CAMERAS]
    there = TorchRgbReader(memory, device="cuda").read(cameras)
    moved = TorchReadout(**{f.name: getattr(there, f.name).cpu() for f in fields(TorchReadout)})
    assert_same(moved, TorchRgbReader(memory).read(cameras))


def test_a_picture_needs_a_camera_and_a_view(room):
    with pytest.raises(MosaicError, match="one size, got none"):
        TorchRgbReader(room).read([])
    with pytest.raises(MosaicError, match="no views"):
        TorchRgbReader(Memory.from_views([]))


def test_what_does_not_fit_is_refused(room):
    reader, features = TorchFeatureReader(room), features_of(room)
    with pytest.raises(MosaicError, match="feature row"):
        reader.read(features[:3], CAMERAS)
    with pytest.raises(MosaicError, match="one size, got none"):
        reader.read(features, [])
    with pytest.raises(MosaicError, match="one size"):
        reader.read(features, [CAMERAS[0], CAMERAS[0].scaled_to(image_height=11, image_width=20)])
    with pytest.raises(MosaicError, match="a time for each"):
        reader.read(features, CAMERAS, time_s=[0.0])
    with pytest.raises(MosaicError, match="features on"):
        reader.read(features.to("meta"), CAMERAS)
