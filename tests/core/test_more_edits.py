"""Mirror, time, motion and regions, seen in the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.cameras import Camera
from mosaic_core.errors import EditError
from mosaic_core.memory import DYNAMIC, Memory, View, edits, load_memory, save_memory
from mosaic_core.memory.readout import MemoryReader
from mosaic_core.memory.regions import BoxRegion, Frustum, Sphere, erase, ids_in_region
from tests.masks import dilated

from .known_scenes import BLUE, NAMES, RED, ROOM, camera_at, placements_of, room_memory, view_of

NEW_CAMERA = camera_at((0.7, -4.2, 1.9))
RED_MIDDLE = (-1.1, 0.7, 0.5)


@pytest.fixture(scope="module")
def room() -> Memory:
    return room_memory(((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6), (-4, -3, 2), (4, -3, 2)))


def shown_ids(memory: Memory, camera: Camera = NEW_CAMERA, **when) -> np.ndarray:  # (H, W) object ids
    readout = MemoryReader(memory, **when).rgb(camera)
    ids = np.zeros(readout.covered.shape, np.int32)
    solid = readout.placement_id > 0
    rows = memory.placements.rows[memory.placements.indices_of(readout.placement_id[solid])]
    ids[solid] = memory.patches.object_id[rows - 1]
    return ids


def mirrored_truth(camera: Camera, x_m: float) -> View:
    """The room reflected in the plane x = `x_m`, ray-cast: what the reflected camera sees, left and right swapped."""
    matrix = camera.world_from_cam.copy()
    matrix[0] *= -1
    matrix[0, 3] += 2 * x_m
    matrix[:3, 0] *= -1
    view = view_of(replace(camera, world_from_cam=matrix))
    columns = {name: getattr(view, name)[:, ::-1] for name in ("rgb", "z_depth", "object_ids", "dynamic", "sky")}
    return replace(view, camera=camera, **columns)


def test_a_mirrored_room_is_the_mirrored_picture(room):
    """A camera that no view resembles sees the reflected world: outlines, texture, depth."""
    mirrored = room.edited(edits.mirror(room.placements.ids, (0.4, 0, 0), (-3, 0, 0)))
    assert np.linalg.det(mirrored.placements.transforms[1]) < 0
    readout, truth = MemoryReader(mirrored).rgb(NEW_CAMERA), mirrored_truth(NEW_CAMERA, 0.4)
    solid = truth.object_ids > 0
    edge = dilated(_outlines(truth.object_ids), 2)
    ids = shown_ids(mirrored)
    known = solid & readout.covered
    assert known.sum() > 0.97 * solid.sum()
    assert (ids == truth.object_ids)[known & ~edge].mean() > 0.999
    inner = known & ~edge
    error = np.abs(readout.values - truth.rgb / 255)[inner]
    assert -10 * np.log10((error**2).mean()) > 37
    depth_error = np.abs(readout.z_depth[inner] / truth.z_depth[inner] - 1)
    assert np.quantile(depth_error, 0.95) < 1e-4


def test_a_mirrored_object_alone_changes_sides(room):
    """The red crate, reflected in x = 0, stands where a crate of that shape would, and shows its own colour."""
    mirrored = room.edited(edits.mirror(placements_of(room, RED), (0, 9, 9), (1, 0, 0)))
    low, high = ROOM[2].low, ROOM[2].high
    crate = replace(ROOM[2], low=(-high[0], *low[1:]), high=(-low[0], *high[1:]))
    truth = view_of(NEW_CAMERA, (*ROOM[:2], crate, ROOM[3])).object_ids == RED
    ours = shown_ids(mirrored) == RED
    assert not (ours & ~dilated(truth, 2)).any()
    # A face that no view saw cannot be shown: the picture has at least the front and one side.
    assert ours.sum() > 0.7 * truth.sum()


def test_mirrored_features_follow_as_well(room):
    mirrored = room.edited(edits.mirror(room.placements.ids, (0.4, 0, 0), (1, 0, 0)))
    features = np.eye(5, dtype=np.float32)[room.patches.object_id]
    grid = NEW_CAMERA.scaled_to(image_height=9, image_width=16)
    readout = MemoryReader(mirrored).features(features, grid)
    truth = mirrored_truth(grid, 0.4).object_ids
    agree = (readout.values.argmax(axis=-1) == truth)[readout.covered & (truth > 0)]
    assert readout.covered.mean() > 0.4 and agree.mean() > 0.75


def test_mirroring_twice_restores_the_picture(room):
    red = placements_of(room, RED)
    once = edits.mirror(red, (1, 2, 0), (1, 1, 0))
    twice = room.edited(once, edits.mirror(red, (1, 2, 0), (1, 1, 0)))
    assert np.allclose(twice.placements.edited_from_captured(), np.eye(4), atol=1e-12)
    assert (shown_ids(twice) == shown_ids(room)).mean() > 0.995


def test_flipped_upside_down_a_crate_hangs(room):
    red = placements_of(room, RED)
    flipped = room.edited(edits.flip_vertical(red, 1.2))
    truth = view_of(NEW_CAMERA, (*ROOM[:2], ROOM[2].moved((0, 0, 1.4)), ROOM[3])).object_ids == RED
    ours = shown_ids(flipped) == RED
    assert ours.any() and not (ours & ~dilated(truth, 2)).any()
    rows_before, rows_after = (np.flatnonzero((shown_ids(m) == RED).any(axis=1)) for m in (room, flipped))
    assert rows_after.max() < rows_before.max(), "it has left the floor"


@pytest.mark.parametrize("normal", [(0, 0, 0), (np.nan, 0, 1), (1, 0), (np.inf, 0, 0)])
def test_a_mirror_needs_a_plane(room, normal):
    with pytest.raises(EditError, match="mirror plane"):
        edits.mirror(placements_of(room, RED), (0, 0, 0), normal)


def test_a_time_range_shows_a_crate_only_then(room, tmp_path):
    timed = room.edited(edits.set_time_range(placements_of(room, RED), since_s=1, until_s=2))
    save_memory(timed, tmp_path / "timed.mosaic")
    for memory in (timed, load_memory(tmp_path / "timed.mosaic")):
        seen = [(shown_ids(memory, time_s=t) == RED).any() for t in (0.5, 1.0, 1.9, 2.0)]
        assert seen == [False, True, True, False]
    open_end = timed.edited(edits.set_time_range(placements_of(room, RED), since_s=1))
    assert (shown_ids(open_end, time_s=1e6) == RED).any()
    assert timed.edited(edits.set_time_range(placements_of(room, RED))).placements.same_as(room.placements)


@pytest.mark.parametrize("limits", [(2, 1), (1, 1), (np.nan, 1), (0, np.nan)])
def test_a_time_range_has_an_order(room, limits):
    with pytest.raises(EditError, match="must end after it begins"):
        edits.set_time_range(placements_of(room, RED), since_s=limits[0], until_s=limits[1])


def test_what_moves_by_itself_is_shown_though_another_view_saw_past_it():
    """A crate that one view caught and a better placed one did not: static it is outvoted, dynamic it stays."""
    with_crate, without = camera_at((0.5, -5, 2)), camera_at((0.0, -5, 2))
    memory = Memory.from_views([view_of(with_crate), view_of(without, ROOM[:2] + ROOM[3:])], NAMES)
    red = placements_of(memory, RED)
    camera = camera_at((0.05, -5, 2))
    still, moving = (
        (shown_ids(memory.edited(edits.set_dynamic(red, on)), camera) == RED).sum() for on in (False, True)
    )
    assert moving > 300 and still < 0.2 * moving
    both = memory.edited(edits.set_dynamic(red), edits.set_dynamic(red, False))
    assert both.placements.same_as(memory.placements)
    assert (memory.edited(edits.set_dynamic(red)).placements.flags & DYNAMIC).any()


FRONT = Camera.from_fov(
    camera_at((-1.1, -3, 0.7), (-1.1, 1, 0.5)).world_from_cam, fov_deg=24, image_height=30, image_width=30
)


@pytest.mark.parametrize(
    "region",
    [
        Sphere(RED_MIDDLE, 0.95),
        BoxRegion((-1.7, 0.1, 0.02), (-0.5, 1.3, 1.1)),
        BoxRegion(
            (-0.9, -0.9, -0.48),
            (0.9, 0.9, 0.6),
            np.array([[0.8, -0.6, 0, -1.1], [0.6, 0.8, 0, 0.7], [0, 0, 1, 0.5], [0, 0, 0, 1.0]]),
        ),
        Frustum(FRONT, near_m=3.0, far_m=4.3),
    ],
    ids=["sphere", "box", "turned box", "frustum"],
)
def test_erasing_a_region_takes_the_crate_and_nothing_beside_it(room, region):
    erased = room.edited(erase(room, region))
    before, after = shown_ids(room), shown_ids(erased)
    assert (after == RED).sum() < 0.15 * (before == RED).sum()
    assert (after == BLUE).sum() == (before == BLUE).sum() > 100
    gone = np.setdiff1d(room.placements.ids, erased.placements.ids)
    kept_far = np.abs(room.patches.centre_world[gone - 1] - RED_MIDDLE).max()
    assert kept_far < 1.1, "nothing farther away was touched"


def test_regions_go_by_where_things_are_now_and_spare_the_sky(room):
    moved = room.edited(edits.translate(placements_of(room, RED), (0, 0, 50)))
    there = ids_in_region(moved.placements, moved.patches, Sphere((-1.1, 0.7, 50.5), 2))
    assert np.array_equal(there, placements_of(room, RED))
    everything = ids_in_region(room.placements, room.patches, Sphere((0, 0, 0), 1e6))
    assert np.array_equal(everything, room.placements.ids[~room.patches.sky[room.placements.rows - 1]])
    with pytest.raises(EditError, match="nothing stands"):
        erase(room, Sphere((0, 0, 500), 1))


def test_regions_of_no_extent_are_refused():
    with pytest.raises(EditError, match="positive radius"):
        Sphere((0, 0, 0), 0)
    with pytest.raises(EditError, match="low corner"):
        BoxRegion((0, 0, 0), (1, -1, 1))
    with pytest.raises(EditError, match="inverted"):
        BoxRegion((0, 0, 0), (1, 1, 1), np.zeros((4, 4)))
    with pytest.raises(EditError, match="near < far"):
        Frustum(NEW_CAMERA, near_m=3, far_m=2)


def _outlines(ids: np.ndarray) -> np.ndarray:  # (H, W) bool
    edge = np.zeros(ids.shape, bool)
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    edge[1:] |= ids[1:] != ids[:-1]
    return edge
