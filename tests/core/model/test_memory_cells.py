"""What a memory shows to a model's cameras, on a room that is known; and the views' latents it is looked up in."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mosaic_core.memory import Memory, edits  # noqa: E402
from mosaic_core.model.autoencoder import UNKNOWN_M, nearness  # noqa: E402
from mosaic_core.model.memory_cells import (  # noqa: E402
    CELLS_PER_TOKEN,
    SKY_CONFIDENCE,
    CellReader,
    MemoryCells,
    _blocks,
)
from mosaic_core.model.view_latents import grid_for, rgbd_of, scale_of  # noqa: E402

from ..known_scenes import NAMES, RED, camera_at, placements_of, room_memory, view_of  # noqa: E402

HEIGHT, WIDTH = 12, 20
SIZE = {"height": 96, "width": 160}
PLACE = (0.3, -4.8, 1.8)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return room_memory((PLACE,), **SIZE)


@pytest.fixture(scope="module")
def camera():
    return camera_at(PLACE, **SIZE)


def read(memory: Memory, *cameras, times_s=()) -> MemoryCells:
    return CellReader(memory).read(cameras, height=HEIGHT, width=WIDTH, times_s=times_s)


def own_shares() -> np.ndarray:  # (HEIGHT, WIDTH, 2)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    return np.stack([x / WIDTH, y / HEIGHT], -1)


def shown_ids(memory: Memory, cells: MemoryCells, frame: int = 0) -> np.ndarray:  # (HEIGHT, WIDTH)
    """Whose pixels each cell shows, 0 = nobody's that memory is sure of: beside an outline a patch is a guess."""
    ids = np.zeros((HEIGHT, WIDTH), int)
    for y, x in zip(*np.nonzero((cells.view[frame] >= 0) & (cells.confidence[frame] > 0.05)), strict=True):
        view = memory.views[cells.view[frame, y, x]]
        u, v = cells.source_share[frame, y, x] * (view.camera.image_width, view.camera.image_height)
        ids[y, x] = view.object_ids[int(v), int(u)]
    return ids


def test_a_views_own_camera_sees_every_cell_where_it_is(memory, camera):
    cells = read(memory, camera)
    known = cells.view[0] >= 0
    assert known.mean() > 0.98, "the rest lies between two patches"
    assert (cells.view[0][known] == 0).all()
    assert np.abs(cells.source_share[0] - own_shares())[known].max() < 1e-4
    assert (cells.confidence[0][~known] == 0).all() and np.median(cells.confidence) > 0.9


def test_a_views_own_camera_sees_every_patch_where_it_is(memory, camera):
    cells = read(memory, camera)
    tokens = np.array([WIDTH, HEIGHT]) // CELLS_PER_TOKEN
    known = cells.patch_view[0] >= 0
    assert known.sum() > 40
    positions, shares = cells.patch_position[0][known], cells.patch_share[0][known]
    assert (positions > -0.5).all() and (positions < tokens - 0.5).all()
    np.testing.assert_allclose(positions, shares * tokens - 0.5, atol=1e-3)
    # Patches are cut on the tokens' own grid here: each lies in the token that sees it.
    at = np.stack(np.divmod(np.arange(len(known)), tokens[0])[::-1], -1)[known]
    assert (np.abs(positions - at) < 0.5 + 1e-3).all()


def test_cells_and_patches_follow_the_same_rule_as_a_loop(memory):
    """From elsewhere: each cell's place in the view is where the eye's ray meets what the view saw there."""
    elsewhere = camera_at((-1.4, -4.2, 1.5), height=HEIGHT, width=WIDTH)
    cells = read(memory, elsewhere)
    view, truth = memory.views[0], view_of(elsewhere)
    off, compared = 0, 0
    for y in range(HEIGHT):
        for x in range(WIDTH):
            if cells.view[0, y, x] < 0 or not np.isfinite(truth.z_depth[y, x]):
                continue
            point = elsewhere.unproject(np.array([x + 0.5, y + 0.5]), np.float64(truth.z_depth[y, x]))
            uv, _ = view.camera.project(point)
            error_px = np.abs(cells.source_share[0, y, x] * (160, 96) - uv).max()
            off, compared = off + (error_px > 1), compared + 1
    assert compared > 100 and off < 0.05 * compared, (off, compared)


def test_a_token_takes_the_patch_of_its_most_certain_cell():
    confidence = np.random.default_rng(0).random((4, 6))
    blocks = _blocks(confidence)
    for token in range(6):
        y, x = 2 * (token // 3), 2 * (token % 3)
        expected = [confidence[y, x], confidence[y, x + 1], confidence[y + 1, x], confidence[y + 1, x + 1]]
        assert blocks[token].tolist() == expected


def test_an_object_that_was_moved_is_seen_where_it_went(memory, camera):
    offset = (1.5, -0.5, 0.0)
    moved = memory.edited(edits.translate(placements_of(memory, RED), offset))
    before, after = (shown_ids(memory, read(m, camera)) == RED for m in (memory, moved))
    # Of the same crate, a camera that goes the other way sees the same.
    back = camera_at(np.subtract(PLACE, offset), np.subtract((0.0, 1.5, 0.5), offset), **SIZE)
    expected = shown_ids(memory, read(memory, back)) == RED
    assert before.sum() > 6 and after.sum() > 6 and not (before & after).all()
    assert (after != expected).sum() <= 0.2 * expected.sum(), (after, expected)
    shown, went = read(memory, camera), read(moved, camera)
    first = np.flatnonzero((_blocks(before).all(1)) & (shown.patch_view[0] >= 0))
    assert len(first) and not np.array_equal(shown.patch_share[0][first], went.patch_share[0][first])


def test_what_moves_by_itself_is_left_to_the_model(memory, camera):
    crate = placements_of(memory, RED)
    told = memory.edited(edits.set_dynamic(crate))
    assert (shown_ids(memory, read(memory, camera)) == RED).any()
    assert not (shown_ids(told, read(told, camera)) == RED).any()
    assert told.placements.same_as(memory.edited(edits.set_dynamic(crate)).placements), "the memory itself is kept"
    all_of_it = memory.edited(edits.set_dynamic(memory.placements.ids))
    cells = read(all_of_it, camera)
    surfaces = np.isfinite(all_of_it.views[0].z_depth[4::8, 4::8])
    assert (cells.view[0][surfaces] == -1).all() and (cells.patch_view == -1).all()


def test_placements_come_and_go_with_time(memory, camera):
    late = memory.edited(edits.set_time_range(placements_of(memory, RED), since_s=2.0))
    cells = read(late, camera, camera, camera, times_s=(0.0, 2.0, 1.0))
    assert [(shown_ids(late, cells, frame) == RED).any() for frame in range(3)] == [False, True, False]
    assert (shown_ids(late, read(late, camera)) == RED).any(), "of any time"


def test_sky_is_found_by_its_direction():
    """Looking up from two places: the sky of a view far away is the sky here."""
    up, beside = camera_at((0, -5, 1), (0, 1, 4), **SIZE), camera_at((1.5, -4, 2), (1.9, 2, 5.2), **SIZE)
    memory = Memory.from_views([view_of(up)], NAMES)
    cells, truth = read(memory, beside), view_of(beside.scaled_to(image_height=HEIGHT, image_width=WIDTH))
    is_sky = cells.confidence[0] == np.float32(SKY_CONFIDENCE)
    assert is_sky.sum() > 20 and truth.sky[is_sky].mean() > 0.95
    rays = beside.scaled_to(image_height=HEIGHT, image_width=WIDTH).pixel_centres()
    directions = beside.scaled_to(image_height=HEIGHT, image_width=WIDTH).rays_world(rays)[is_sky]
    found = up.rays_world(cells.source_share[0][is_sky].astype(float) * (160, 96))
    directions, found = (d / np.linalg.norm(d, axis=-1, keepdims=True) for d in (directions, found))
    assert np.abs(directions - found).max() < 1e-4
    without = replace(memory.views[0], sky=np.zeros((96, 160), bool))
    assert (read(Memory.from_views([without], NAMES), beside).view[0][truth.sky] == -1).mean() > 0.95


def test_a_memory_without_views_shows_nothing(camera):
    cells = read(Memory.from_views([]), camera)
    assert (cells.view == -1).all() and (cells.patch_view == -1).all() and not cells.confidence.any()


def test_some_of_the_frames_are_those_frames(memory, camera):
    cells = read(memory, camera, camera_at((1, -4, 2), **SIZE), camera)
    some = cells.taken(slice(1, 3))
    for field in fields(MemoryCells):
        whole = getattr(cells, field.name)
        assert np.isfinite(whole).all(), field.name
        assert np.array_equal(getattr(some, field.name), whole[1:3])
        assert np.array_equal(getattr(cells.taken(np.array([2, 0])), field.name), whole[[2, 0]])


def test_the_models_picture_has_the_shape_of_the_frame_and_always_about_as_many_cells():
    assert grid_for(image_height=144, image_width=256) == (18, 32)
    for height, width in ((720, 1280), (1280, 720), (100, 100), (10, 4000)):
        cells_y, cells_x = grid_for(image_height=height, image_width=width)
        assert cells_y % CELLS_PER_TOKEN == cells_x % CELLS_PER_TOKEN == 0
        assert 500 < cells_y * cells_x < 650


def test_unknown_depth_takes_the_nearness_around_it(memory):
    view = memory.views[0]
    z_depth = view.z_depth.copy()
    z_depth[40:44, 60:64] = np.inf
    damaged = replace(view, z_depth=z_depth)
    whole, image = (rgbd_of(v, height=96, width=160, scale_m=5.0) for v in (view, damaged))
    assert torch.equal(whole[:3], image[:3]) and torch.isfinite(image).all()
    torch.testing.assert_close(whole[3], nearness(torch.tensor(view.z_depth), 5.0))
    around = rgbd_of(damaged, height=48, width=80, scale_m=5.0)[3, 19:23, 29:33]
    assert around.min() > 0, "unknown is not sky"
    nothing = replace(view, z_depth=np.full((96, 160), np.inf, np.float32), sky=np.zeros((96, 160), bool))
    assert (rgbd_of(nothing, height=48, width=80, scale_m=5.0)[3] == 0.5).all()
    assert scale_of(Memory.from_views([nothing])) == UNKNOWN_M
    assert scale_of(memory) == pytest.approx(float(np.median(view.z_depth[np.isfinite(view.z_depth)])))
