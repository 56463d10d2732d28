"""The torch twin: the same bits as NumPy, on every run, with any number of threads, for batches and bfloat16."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.errors import MosaicError  # noqa: E402
from mosaic_core.memory import Memory, edits  # noqa: E402
from mosaic_core.memory.feature_readout import FeatureReader  # noqa: E402
from mosaic_core.memory.readout_torch import TorchFeatureReader, TorchReadout  # noqa: E402
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


@pytest.mark.slow
def test_the_same_bits_on_every_run_and_with_any_number_of_threads(dense, threads):
    reader, features = TorchFeatureReader(dense), features_of(dense)
    threads(1)
    expected = reader.read(features, CAMERAS[:2])
    for count in (1, 2, 2, 4):
        threads(count)
        assert_same(reader.read(features, CAMERAS[:2]), expected)
        assert_same(TorchFeatureReader(dense).read(features, CAMERAS[:2]), expected)


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
