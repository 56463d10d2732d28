"""Writing adds what is new and nothing else, and keeps account of what was seen again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.errors import MosaicError
from mosaic_core.memory import DYNAMIC, Memory, load_memory, save_memory
from mosaic_core.memory.depth_alignment import align_depth, aligned_view
from mosaic_core.memory.depth_pooling import pool_depth
from mosaic_core.memory.edits import delete, translate
from mosaic_core.memory.latent_views import latent_views
from mosaic_core.memory.mosaic_append import append_memory
from mosaic_core.memory.place_index import PlaceIndex
from mosaic_core.memory.readout import MemoryReader
from mosaic_core.memory.writing import write
from mosaic_core.scenes import Box

from .known_scenes import NAMES, RED, ROOM, camera_at, placements_of, room_memory, view_of

PLACE, ASIDE = (0.7, -4.2, 1.9), (-2.5, -4.6, 1.7)


def latent(position=PLACE, boxes=ROOM, *, time_s=0.0, **options):
    return replace(view_of(camera_at(position, height=22, width=40, **options), boxes, time_s=time_s), patch_size_px=1)


def noisy(view, rng):
    """As an estimator and a decoder would give it again: a little off everywhere."""
    z = view.z_depth * rng.normal(1, 0.003, view.z_depth.shape).astype(np.float32)
    rgb = np.clip(view.rgb + rng.normal(0, 3, view.rgb.shape), 0, 255).astype(np.uint8)
    return replace(view, z_depth=z, rgb=rgb)


EMPTY = Memory.from_views([])


def test_a_camera_that_stands_still_does_not_make_the_memory_grow():
    rng = np.random.default_rng(1)
    memory = write(EMPTY, [latent()], NAMES).memory
    first = len(memory.patches)
    for chunk in range(20):
        frames = [replace(noisy(latent(), rng), time_s=chunk + i / 8) for i in range(8)]
        memory = write(memory, frames).memory
    assert len(memory.patches) <= 1.05 * first, (first, len(memory.patches))
    counts, last = memory.sightings.of_rows(np.arange(1, first + 1))
    assert np.median(counts) > 140 and last.max() == pytest.approx(19.875)
    assert len(memory.views) <= 10, "a view that only repeats is not kept"


def test_writing_the_same_again_adds_nothing_and_notes_who_was_seen():
    memory = write(EMPTY, [latent(), latent(ASIDE)], NAMES).memory
    again = write(memory, [latent(time_s=5.0)])
    assert again.added.tolist() == [0] and again.merged.tolist() == [22 * 40] and again.kept_views == ()
    assert again.memory.views == memory.views and again.memory.patches is not None
    own = np.flatnonzero(memory.patches.view == 0) + 1
    before = memory.sightings.of_rows(own)[0]
    counts, last = again.memory.sightings.of_rows(own)
    assert (counts - before).sum() >= 0.9 * len(own) and set(np.unique(last[counts > before])) == {5.0}
    assert np.array_equal(memory.sightings.of_rows(own)[0], before), "the memory before knows nothing of it"


def test_what_is_new_finer_or_looks_different_is_added_where_it_belongs():
    memory = write(EMPTY, [latent()], NAMES).memory
    closer = write(memory, [latent((0.4, -1.8, 1.3))])
    assert closer.merged[0] < 0.5 * closer.added[0], "coming closer shows more detail"
    farther = write(memory, [latent((0.9, -5.4, 2.2))])
    inside = farther.merged[0]
    assert inside > 0.5 * len(memory.patches), "going back shows less of what was there"
    painted = [Box(b.low, b.high, b.object_id, (0.1, 0.9, 0.1)) if b.object_id == RED else b for b in ROOM]
    repainted = write(memory, [latent(boxes=painted)])
    rows = np.arange(len(memory.patches), len(repainted.memory.patches))
    assert len(rows) and (repainted.memory.patches.object_id[rows] == RED).all()
    moved = write(memory, [latent(boxes=[b.moved((0.6, 0, 0)) if b.object_id == RED else b for b in ROOM])])
    assert moved.added[0] > 10 and set(moved.memory.patches.object_id[len(memory.patches) :]) >= {RED}


def test_the_readout_of_a_merged_memory_is_that_of_the_whole():
    frames = [latent((0.7 + 0.05 * i, -4.2, 1.9)) for i in range(8)]
    merged, whole = write(EMPTY, frames, NAMES).memory, Memory.from_views(frames, NAMES)
    assert len(merged.patches) < 0.35 * len(whole.patches)
    camera = camera_at((0.85, -4.2, 1.9), height=22, width=40)
    ours, theirs = (
        MemoryReader(m).features(m.patches.rgb.mean(axis=1, dtype=np.float32) / 255, camera) for m in (merged, whole)
    )
    assert (theirs.covered & ~ours.covered).mean() < 0.01
    both = ours.covered & theirs.covered
    assert np.abs(ours.values - theirs.values)[both].mean() < 0.02
    known = both & np.isfinite(ours.z_depth) & np.isfinite(theirs.z_depth)
    assert np.quantile(np.abs(ours.z_depth[known] / theirs.z_depth[known] - 1), 0.98) < 0.03


def test_pictures_merge_as_latents_do():
    memory = write(EMPTY, [view_of(camera_at(PLACE))], NAMES).memory
    again = write(memory, [view_of(camera_at(PLACE), time_s=3.0)])
    assert again.added.sum() <= 0.1 * again.merged.sum()
    assert write(again.memory, [view_of(camera_at(PLACE), time_s=4.0)]).added.sum() <= again.added.sum()


def test_masks_travel_with_every_write():
    frame = latent()
    moving = np.zeros((22, 40), bool)
    moving[10:15, 10:20] = True
    memory = write(write(EMPTY, [latent(ASIDE)], NAMES).memory, [replace(frame, dynamic=moving)]).memory
    new = memory.patches.view == 1
    assert memory.patches.dynamic[new].sum() == (moving & frame.valid).sum()
    flags = memory.placements.flags[memory.placements.indices_of(np.flatnonzero(new) + 1)]
    assert ((flags & DYNAMIC) != 0).sum() == memory.patches.dynamic[new].sum()
    only = write(EMPTY, [replace(frame, dynamic=moving)], NAMES).memory
    assert write(only, [frame]).added.sum() == (moving & frame.valid).sum(), (
        "what moves does not stand for what stands still"
    )
    upward = replace(view_of(camera_at(PLACE, (0, 1.5, 4), height=22, width=40)), patch_size_px=1)
    once = write(memory, [upward]).memory
    assert once.patches.sky.sum() and write(once, [upward]).added.sum() == 0, "sky is seen once as well"


def test_only_what_stands_where_it_was_captured_can_be_repeated():
    memory = write(EMPTY, [latent()], NAMES).memory
    red = placements_of(memory, RED)
    for edit in (delete(red), translate(red, (3, 0, 0))):
        edited = memory.edited(edit)
        written = write(edited, [latent()])
        assert written.added.sum() == len(red)
        assert written.memory.undo().placements.indices_of(red).size == len(red)


def test_two_forks_write_without_knowing_of_each_other():
    start = write(EMPTY, [latent()], NAMES).memory
    one = write(start, [latent(ASIDE)]).memory
    other = write(start, [latent((2.5, -4.0, 1.5))]).memory
    assert write(one, [latent(ASIDE)]).added.sum() <= 0.02 * len(one.patches)
    assert write(other, [latent(ASIDE)]).added.sum() > 100
    assert write(start, [latent(ASIDE)]).added.tolist() == [len(one.patches) - len(start.patches)]


def test_the_place_index_is_a_dictionary():
    memory = room_memory()
    worlds = np.zeros(len(memory.views), np.int64)
    index = PlaceIndex(memory.patches, worlds)
    rng = np.random.default_rng(0)
    keys = rng.integers(1, 500, 20_000).astype(np.uint64) << np.uint64(12)  # all want the same few slots
    index._put(keys, np.arange(1, 20_001, dtype=np.int32))
    last = {int(key): row for row, key in enumerate(keys, start=1)}
    asked = rng.integers(1, 600, 1000).astype(np.uint64) << np.uint64(12)
    assert index.rows_at(asked).tolist() == [last.get(int(key), 0) for key in asked]


def test_sightings_and_latents_survive_a_file(tmp_path):
    memory = write(write(EMPTY, [latent()], NAMES).memory, [latent(time_s=7.0)]).memory
    save_memory(memory, tmp_path / "memory.mosaic")
    loaded = load_memory(tmp_path / "memory.mosaic")
    rows = np.arange(1, len(memory.patches) + 1)
    for ours, theirs in zip(loaded.sightings.of_rows(rows), memory.sightings.of_rows(rows), strict=True):
        assert np.array_equal(ours, theirs)
    assert loaded.views[0].patch_size_px == 1
    assert write(loaded, [latent()]).added.sum() == 0
    later = write(loaded, [latent(time_s=9.0)]).memory
    append_memory(later, tmp_path / "memory.mosaic")
    again = load_memory(tmp_path / "memory.mosaic")
    assert np.array_equal(again.sightings.of_rows(rows)[0], later.sightings.of_rows(rows)[0])
    assert again.sightings.of_rows(rows)[1].max() == 9.0


def test_features_come_in_the_order_of_the_new_rows():
    frames = [latent(), latent(ASIDE)]
    latents = np.random.default_rng(0).normal(size=(2, 5, 22, 40)).astype(np.float32)
    written = write(EMPTY, frames, NAMES)
    features = written.features(latents)
    patches = written.memory.patches
    assert len(features) == len(patches)
    assert np.array_equal(features, latents[patches.view, :, patches.cell_yx[:, 0], patches.cell_yx[:, 1]])


def test_pooling_never_makes_up_a_depth_between_two_surfaces():
    z = np.full((64, 64), 8.0, np.float32)
    z[:, 30:] = 2.0
    z[:8] = np.inf
    z[8:16, :10] = np.nan
    z[40:44] = 0.0
    for height, width in ((4, 4), (5, 7), (64, 64), (3, 90)):
        pooled = pool_depth(z, height=height, width=width)
        assert np.isin(np.round(pooled[np.isfinite(pooled)], 4), [2.0, 8.0]).all()
    assert np.isinf(pool_depth(z, height=8, width=8)[0]).all()
    hidden = pool_depth(z, height=4, width=4, valid=z < 5)
    assert set(hidden[np.isfinite(hidden)].round(4)) == {2.0}


def test_pooling_a_slope_gives_the_depth_at_each_cells_middle():
    camera = camera_at(PLACE, height=176, width=320)
    floor = view_of(camera, ROOM[:1])
    coarse = view_of(camera.scaled_to(image_height=11, image_width=20), ROOM[:1])
    pooled = pool_depth(floor.z_depth, height=11, width=20)
    both = np.isfinite(pooled) & np.isfinite(coarse.z_depth)
    both[np.isinf(pool_depth(floor.z_depth, height=44, width=80)).reshape(11, 4, 20, 4).any(axis=(1, 3))] = False
    assert both.sum() > 60 and np.abs(pooled[both] / coarse.z_depth[both] - 1).max() < 1e-3


def test_latent_views_pool_every_plane_by_its_own_rule():
    camera = camera_at(PLACE, height=96, width=160)
    truth = view_of(camera)
    moving = np.zeros((1, 48, 80), bool)
    moving[0, 20, 30] = True
    (frame,) = latent_views(
        [camera], truth.z_depth[None], height=6, width=10, rgb=truth.rgb[None], sky=truth.sky[None], dynamic=moving
    )
    assert frame.camera.image_width == 10 and frame.patch_size_px == 1 and frame.source == "generated"
    assert not np.isfinite(frame.z_depth[frame.sky]).any()
    memory = write(EMPTY, [frame]).memory
    assert 50 <= len(memory.patches) <= 60
    with pytest.raises(MosaicError, match="shape"):
        latent_views([camera], truth.z_depth[None], height=6, width=10, valid=np.ones((1, 5, 5), bool))
    with pytest.raises(MosaicError, match="cells"):
        pool_depth(truth.z_depth, height=0, width=10)


def test_an_estimate_is_brought_to_the_memorys_scale():
    truth = view_of(camera_at(PLACE))
    rng = np.random.default_rng(2)
    estimated = 1 / (0.4 / truth.z_depth.astype(np.float64) + 0.07)
    estimated *= rng.normal(1, 0.005, estimated.shape)
    estimated[20:50, 20:60] *= 1.8  # a quarter of what is compared is plain wrong
    estimated[~np.isfinite(truth.z_depth)] = np.inf
    trusted = np.zeros(estimated.shape, bool)
    trusted[15:80, 15:90] = True
    alignment = align_depth(estimated, truth.z_depth, trusted=trusted)
    assert alignment.scale == pytest.approx(2.5, rel=0.02) and alignment.shift_per_m == pytest.approx(-0.175, abs=0.01)
    assert alignment.residual < 0.02 and 0.5 < alignment.inliers < 0.95
    fixed = aligned_view(replace(truth, z_depth=estimated.astype(np.float32)), alignment)
    right = np.isfinite(truth.z_depth)
    right[20:50, 20:60] = False
    assert np.median(np.abs(fixed.z_depth[right] / truth.z_depth[right] - 1)) < 0.02
    assert align_depth(estimated, truth.z_depth, trusted=trusted) == alignment
    scaled = align_depth(truth.z_depth * np.float32(3), truth.z_depth, with_shift=False)
    assert scaled.scale == pytest.approx(3.0) and scaled.shift_per_m == 0 and scaled.inliers == 1


def test_without_common_pixels_there_is_no_scale():
    depth = np.full((10, 10), 2.0, np.float32)
    with pytest.raises(MosaicError, match="32 pixels"):
        align_depth(depth, np.full((10, 10), np.inf))
    with pytest.raises(MosaicError, match="one shape"):
        align_depth(depth, depth[:5])
    flat = align_depth(depth * 2, depth)
    assert np.allclose(flat.applied(depth * 2), 2.0)
