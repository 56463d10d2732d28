"""What moves is shown once, where it is at that time: carried along the path that its captured moments tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath
from mosaic_core.engines import memory_fed_to
from mosaic_core.memory import Memory, View, edits
from mosaic_core.memory.dirty import candidate_frames, dirty_frames, same_readout
from mosaic_core.memory.movers import CARRIED_S, movers_of
from mosaic_core.memory.readout import MemoryReader
from mosaic_core.memory.still import known_memory, still_memory
from mosaic_core.memory.summary import summary, summary_lines
from mosaic_core.memory.timed_reader import TimedReader
from mosaic_core.scenes import Box

from .known_scenes import NAMES, RED, ROOM, camera_at, placements_of, room_memory, view_of

SPEED = np.array([0.7, 0.2, 0.0])  # metres a second
PLACES = ((-2.5, -5.0, 1.8), (0.0, -5.5, 2.2), (2.5, -5.0, 1.6))
CAMERA = camera_at((0.3, -5.2, 2.0))


def room_at(time_s: float) -> tuple[Box, ...]:
    """The room while the red crate slides through it."""
    return tuple(box.moved(tuple(SPEED * time_s)) if box.object_id == RED else box for box in ROOM)


def captured(camera, time_s: float) -> View:
    view = view_of(camera, room_at(time_s), time_s=time_s)
    return replace(view, dynamic=view.object_ids == RED)


def sliding(times=(0.0, 0.5, 1.0), places=PLACES) -> Memory:
    return Memory.from_views([captured(camera_at(p), t) for p, t in zip(places, times, strict=True)], NAMES)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return sliding()


def shown(memory: Memory, time_s: float, object_id: int = RED, camera=CAMERA) -> np.ndarray:  # (H, W) bool
    return np.isin(TimedReader(memory).rgb(camera, time_s).placement_id, placements_of(memory, object_id))


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    padded = np.pad(mask, pixels)
    shifts = range(2 * pixels + 1)
    return np.any([padded[i : i + len(mask), j : j + mask.shape[1]] for i in shifts for j in shifts], axis=0)


@pytest.mark.parametrize("time_s", [-0.5, 0.0, 0.2, 0.5, 0.7, 1.0, 1.8, 2.5])
def test_the_crate_is_seen_once_and_where_it_is(memory, time_s):
    truth, found = view_of(CAMERA, room_at(time_s)).object_ids == RED, shown(memory, time_s)
    assert (found & truth).sum() > 0.8 * truth.sum()
    # Two metres from where it was last seen, its way is known to some 15 cm, which are six pixels here.
    assert not (found & ~grown(truth, 3 if time_s < 2 else 6)).any(), "no ghost of another moment"


def test_between_its_moments_it_looks_as_it_is(memory):
    readout, truth = TimedReader(memory).rgb(CAMERA, 0.7), view_of(CAMERA, room_at(0.7))
    inside = np.isin(readout.placement_id, placements_of(memory, RED)) & (truth.object_ids == RED)
    assert np.abs(readout.values - truth.rgb / np.float32(255))[inside].mean() < 0.05
    assert np.median(np.abs(readout.z_depth[inside] - truth.z_depth[inside])) < 0.1, "metres"


def test_at_a_captured_moment_it_is_what_that_view_saw(memory):
    camera = memory.views[1].camera
    readout, view = TimedReader(memory).rgb(camera, 0.5), memory.views[1]
    inside = np.isin(readout.placement_id, placements_of(memory, RED))
    assert (inside & view.dynamic).sum() > 0.95 * view.dynamic.sum()
    inside &= view.dynamic  # its outline takes in some pixels beside it
    np.testing.assert_allclose(readout.z_depth[inside], view.z_depth[inside], rtol=1e-3)
    assert (readout.source_view[inside] == 1).all() and (readout.age_s[inside] == 0).all()


def test_its_way_is_read_off_the_moments(memory):
    (mover,) = movers_of(memory)
    assert mover.object_id == RED and mover.times_s.tolist() == [0.0, 0.5, 1.0]
    for time_s in (-1.0, 0.25, 1.0, 3.0):
        way = mover.middle_at(time_s) - mover.middle_at(0.0)
        assert np.linalg.norm(way - SPEED * time_s) < 0.1 + 0.15 * abs(time_s), "metres"


def test_of_a_moment_that_saw_half_of_it_only_its_way_is_used():
    """A ball stood half behind a pillar in one of four captures of a film, and was half a ball for a quarter of it."""
    pillar = Box((-1.15, -0.9, 0), (-0.7, -0.7, 1.8), 5, (0.2, 0.7, 0.3))

    def view(place, time_s: float) -> View:
        seen = view_of(camera_at(place), (*room_at(time_s), pillar), time_s=time_s)
        return replace(seen, dynamic=seen.object_ids == RED)

    places, times = ((-4.0, -5.0, 1.6), (0.0, -5.5, 2.2), (2.5, -5.0, 1.8)), (0.0, 0.4, 1.6)
    memory = Memory.from_views([view(p, t) for p, t in zip(places, times, strict=True)], NAMES | {5: "Pillar"})
    (mover,) = movers_of(memory)
    assert not mover.is_whole[1] and mover.is_whole[[0, 2]].any()
    aside = camera_at((1.5, -5.0, 2.0), (0.0, 1.0, 0.5))
    truth = view_of(aside, (*room_at(0.4), pillar)).object_ids == RED
    readout = TimedReader(memory).rgb(aside, 0.4)
    found = np.isin(readout.placement_id, placements_of(memory, RED))
    assert (found & truth).sum() > 0.7 * truth.sum(), "all but the side that no whole moment saw"
    assert (readout.source_view[found] != 1).all()


def test_names_are_those_of_the_whole_memory(memory):
    readout = TimedReader(memory).rgb(CAMERA, 1.4)
    ids = np.unique(readout.placement_id[readout.placement_id > 0])
    assert np.isin(ids, memory.placements.ids).all()
    red = np.isin(readout.placement_id, placements_of(memory, RED))
    view = memory.views[2]
    assert (readout.source_view[red] == 2).all(), "the newest moment is the nearest in time"
    column, row = readout.source_uv[red].astype(int).T
    assert view.dynamic[row, column].mean() > 0.95, "its colours come from its own pixels"


def test_it_goes_behind_what_is_nearer():
    pillar = Box((0.1, -0.9, 0), (0.6, -0.5, 1.6), 5, (0.2, 0.7, 0.3))

    def view(place, time_s: float) -> View:
        seen = view_of(camera_at(place), (*room_at(time_s), pillar), time_s=time_s)
        return replace(seen, dynamic=seen.object_ids == RED)

    memory = Memory.from_views(
        [view(p, t) for p, t in zip(PLACES, (0.0, 0.4, 0.8), strict=True)], NAMES | {5: "Pillar"}
    )
    truth = view_of(CAMERA, (*room_at(2.0), pillar)).object_ids
    found = shown(memory, 2.0)
    assert found.any() and (truth == 5).sum() > 100
    assert not (found & (truth == 5) & ~grown(truth != 5, 2)).any(), "the pillar stands in front"


def test_carrying_it_is_moving_its_placements(memory):
    (mover,) = movers_of(memory)
    moment, carried = mover.moment_at(1.6)  # type: ignore[misc]
    others = np.setdiff1d(placements_of(memory, RED), mover.ids[moment])
    moved = memory.edited(edits.delete(others), edits.transform(mover.ids[moment], carried))
    ours, theirs = TimedReader(memory).rgb(CAMERA, 1.6), MemoryReader(moved).rgb(CAMERA, time_s=1.6)
    red = np.isin(theirs.placement_id, mover.ids[moment])
    assert red.sum() > 100 and (ours.placement_id == theirs.placement_id)[red].mean() > 0.97
    same = red & (ours.placement_id == theirs.placement_id)
    assert np.isclose(ours.z_depth[same], theirs.z_depth[same], rtol=1e-3).mean() > 0.95, "all but the outline"


def test_nobody_knows_where_it_is_long_after(memory):
    assert shown(memory, 1.0 + 0.9 * CARRIED_S, camera=camera_at((0.3, -9.0, 4.0), (2, 2, 0))).any()
    assert not shown(memory, 1.01 + CARRIED_S, camera=camera_at((0.3, -9.0, 4.0), (2, 2, 0))).any()


def test_an_edit_of_the_thing_goes_along_its_whole_way(memory):
    red = placements_of(memory, RED)
    lifted = memory.edited(edits.translate(red, (0.0, 0.0, 1.0)))
    up = tuple(box.moved((0.0, 0.0, 1.0)) if box.object_id == RED else box for box in room_at(1.8))
    truth, found = view_of(CAMERA, up).object_ids == RED, shown(lifted, 1.8)
    assert (found & truth).sum() > 0.75 * truth.sum() and not (found & ~grown(truth, 4)).any()
    assert not shown(memory.edited(edits.delete(red)), 1.8).any()


def test_a_copy_moves_as_its_original_does(memory):
    offset = np.eye(4)
    offset[:3, 3] = (0.0, 0.0, 1.2)
    copied = memory.edited(edits.copy(placements_of(memory, RED), offset))
    assert len(movers_of(copied)) == 2
    one, both = shown(memory, 1.8), shown(copied, 1.8)
    assert (one & both).sum() == one.sum() and both.sum() > 1.5 * one.sum()


def test_what_is_pulled_to_pieces_is_followed_no_more(memory):
    red = placements_of(memory, RED)
    pulled = memory.edited(*(edits.translate([number], (0, 0, 0.01 * i)) for i, number in enumerate(red[:20], start=1)))
    assert movers_of(pulled) == [] and TimedReader(pulled).rgb(CAMERA, 0.7).covered.any()


def test_it_turns_with_the_artists_rotation(memory):
    quarter = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    (mover,) = movers_of(memory.edited(edits.transform(placements_of(memory, RED), quarter)))
    way = mover.middle_at(2.0) - mover.middle_at(0.0)
    assert np.linalg.norm(way - 2 * quarter[:3, :3] @ SPEED) < 0.4


def test_what_stands_is_not_followed_and_keeps_its_bits():
    room = room_memory()
    swaying = room.edited(edits.set_dynamic(placements_of(room, RED)))
    assert movers_of(room) == [] and movers_of(swaying) == []
    for state in (room, swaying):
        assert same_readout(TimedReader(state).rgb(CAMERA, 1.0), MemoryReader(state).rgb(CAMERA, time_s=1.0))


def test_one_moment_tells_no_way():
    assert movers_of(sliding(times=(1.0, 1.0, 1.0))) == []
    assert movers_of(sliding(times=(1.0,), places=PLACES[:1])) == []


@pytest.mark.parametrize(("looks_at_x", "is_found"), [(2.0, True), (2.5, False)])
def test_a_thing_cut_off_by_the_picture_is_found_by_its_other_side(looks_at_x, is_found):
    """By its right side and the width that other moments tell; not where less than six tenths of it are seen."""
    view = captured(camera_at(PLACES[1], (looks_at_x, 1.5, 0.5), fov_deg=50.0), 0.5)
    assert np.flatnonzero(view.dynamic.any(axis=0))[0] == 0, "the crate is cut off at the left"
    memory = Memory.from_views([*(captured(camera_at(PLACES[1]), t) for t in (0.0, 1.0)), view], NAMES)
    (mover,) = movers_of(memory)
    assert mover.is_whole.tolist() == [True, False, True]
    between = (mover.middles_world[0] + mover.middles_world[2]) / 2
    off_m = np.linalg.norm(mover.middles_world[1] - between)
    assert off_m < 0.1 if is_found else np.isnan(off_m)


def test_placements_hidden_in_time_or_for_good_are_not_shown(memory):
    red = placements_of(memory, RED)
    gone = memory.edited(edits.set_time_range(red, until_s=1.5))
    assert shown(gone, 1.4).any() and not shown(gone, 1.6).any()
    assert not shown(memory.edited(edits.hide(red)), 1.0).any()


def test_models_are_shown_what_is_followed_and_nothing_else_that_moves(memory):
    assert len(placements_of(known_memory(memory), RED)) == len(placements_of(memory, RED))
    assert len(placements_of(still_memory(memory), RED)) == 0
    assert memory_fed_to("preview", memory) is memory
    room = room_memory()
    swaying = room.edited(edits.set_dynamic(placements_of(room, RED)))
    assert len(placements_of(known_memory(swaying), RED)) == 0 and known_memory(room) is room


def test_frames_that_an_edit_of_a_mover_reaches_are_all_found(memory):
    path = CameraPath((CAMERA,) * 5, tuple(range(0, 60, 12)), 24.0)
    after = memory.edited(edits.translate(placements_of(memory, RED), (0.0, 0.0, 0.3)))
    old, new = TimedReader(memory), TimedReader(after)
    differ = [i for i in range(5) if not same_readout(old.rgb(CAMERA, path.time_s(i)), new.rgb(CAMERA, path.time_s(i)))]
    assert differ and dirty_frames(memory, after, path) == differ
    assert set(differ) <= set(candidate_frames(memory, after, path))


def test_a_mover_that_is_not_in_the_picture_changes_nothing(memory):
    away = camera_at((0.0, -5.0, 1.8), (0.0, -9.0, 1.0))
    red = placements_of(memory, RED)
    behind, without = TimedReader(memory), TimedReader(memory.edited(edits.delete(red)))
    assert same_readout(behind.rgb(away, 0.7), without.rgb(away, 0.7))


def test_inspect_says_what_moves(memory):
    facts = summary(memory)
    (moves,) = facts["movers"]
    assert moves["object"] == NAMES[RED] and moves["moments"] == 3 and abs(moves["way_m"] - 0.73) < 0.15
    assert any("Red Crate" in line and "3 moments" in line for line in summary_lines(facts))
    assert summary(room_memory())["movers"] == []
