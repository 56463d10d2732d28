"""A motion that somebody knows is followed exactly, kept in files, and goes along with what is done to its memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.cameras.rotations import rotations_of_vectors
from mosaic_core.errors import MemoryFileError, MosaicError
from mosaic_core.memory import Memory, edits, load_memory, save_memory
from mosaic_core.memory.adding import added
from mosaic_core.memory.mosaic_append import append_memory
from mosaic_core.memory.motion import MAX_SAMPLES, Motion
from mosaic_core.memory.movers import movers_of
from mosaic_core.memory.splice import extract, splice
from mosaic_core.memory.timed_reader import TimedReader

from .known_scenes import BLUE, NAMES, RED, ROOM, camera_at, placements_of, view_of

CAMERA = camera_at((0.3, -5.2, 2.0))


def poses(places, turns=None) -> np.ndarray:
    made = np.tile(np.eye(4), (len(places), 1, 1))
    made[:, :3, 3] = places
    if turns is not None:
        made[:, :3, :3] = rotations_of_vectors(np.asarray(turns, float))
    return made


def sprung(time_s: float) -> float:
    """Metres to the right: no straight way."""
    return 1.2 * np.sin(2.0 * time_s)


TIMES = np.linspace(0.0, 2.0, 49)
SPRUNG = Motion(TIMES, poses([(sprung(t), 0.0, 0.0) for t in TIMES]))


def room_at(time_s: float):
    return tuple(box.moved((sprung(time_s), 0.0, 0.0)) if box.object_id == RED else box for box in ROOM)


def captured(times=(0.0, 2.0)) -> Memory:
    places = ((-2.5, -5.0, 1.8), (2.5, -5.0, 1.6))
    views = [view_of(camera_at(p), room_at(t), time_s=t) for p, t in zip(places, times, strict=True)]
    views = [replace(view, dynamic=view.object_ids == RED) for view in views]
    return Memory.from_views(views, NAMES).with_motions({RED: SPRUNG})


def shown(memory: Memory, time_s: float, object_id: int = RED) -> np.ndarray:  # (H, W) bool
    return np.isin(TimedReader(memory).rgb(CAMERA, time_s).placement_id, placements_of(memory, object_id))


@pytest.mark.parametrize("time_s", [0.0, 0.4, 0.8, 1.3, 2.0])
def test_the_thing_is_exactly_where_it_really_is(time_s):
    truth, found = view_of(CAMERA, room_at(time_s)).object_ids == RED, shown(captured(), time_s)
    assert (found & truth).sum() > 0.85 * (found | truth).sum()


def test_a_single_moment_is_enough():
    memory = captured(times=(0.0, 0.0))
    for time_s in (0.8, 2.0):
        truth, found = view_of(CAMERA, room_at(time_s)).object_ids == RED, shown(memory, time_s)
        assert (found & truth).sum() > 0.85 * (found | truth).sum()


def test_of_things_that_no_view_saw_whole_the_nearest_moment_is_shown():
    """Both captures see the crate's left side alone, cut off by the picture: no outline tells where its middle is."""
    cameras = [camera_at((-1.6, -4.0, 0.5), (-1.9, 1.0, 0.5), fov_deg=14.0)] * 2
    views = [view_of(camera, ROOM, time_s=t) for camera, t in zip(cameras, (0.0, 2.0), strict=True)]
    views = [replace(view, dynamic=view.object_ids == RED) for view in views]
    still = Motion(np.array([0.0, 2.0]), poses([(0.0, 0.0, 0.0)] * 2))
    (mover,) = movers_of(Memory.from_views(views, NAMES).with_motions({RED: still}))
    assert np.isnan(mover.middles_world).all() and [mover.moment_at(t)[0] for t in (0.4, 1.7)] == [0, 1]  # type: ignore


def test_it_turns_as_it_goes():
    quarter = Motion(np.array([0.0, 1.0]), poses([(-1.1, 0.7, 0.5)] * 2, [(0, 0, 0), (0, 0, np.pi / 2)]))
    memory = captured(times=(0.0, 0.0)).with_motions({RED: quarter})
    (mover,) = movers_of(memory)
    _, carried = mover.moment_at(0.5)  # type: ignore[misc]
    corner = carried @ [-0.6, 0.7, 0.5, 1.0]
    np.testing.assert_allclose(corner[:3], [-1.1 + 0.5 * np.sqrt(0.5), 0.7 + 0.5 * np.sqrt(0.5), 0.5], atol=1e-9)
    assert shown(memory, 0.5).any()


def test_a_motion_stands_still_before_and_after_it():
    np.testing.assert_array_equal(SPRUNG.world_from_object_at(-5.0), SPRUNG.world_from_object[0])
    np.testing.assert_array_equal(SPRUNG.world_from_object_at(99.0), SPRUNG.world_from_object[-1])
    np.testing.assert_allclose(SPRUNG.between(0.3, 0.3), np.eye(4), atol=1e-12)


def test_what_the_artist_does_acts_on_top_of_it():
    memory = captured()
    lifted = memory.edited(edits.translate(placements_of(memory, RED), (0.0, 0.0, 1.0)))
    boxes = tuple(box.moved((0.0, 0.0, 1.0)) if box.object_id == RED else box for box in room_at(0.8))
    truth, found = view_of(CAMERA, boxes).object_ids == RED, shown(lifted, 0.8)
    assert (found & truth).sum() > 0.85 * (found | truth).sum()
    assert lifted.undo().motions == memory.motions


def test_files_keep_it_bit_for_bit(tmp_path):
    memory = captured()
    save_memory(memory, tmp_path / "a.mosaic")
    (back,) = load_memory(tmp_path / "a.mosaic").motions.values()
    assert back.same_as(SPRUNG)
    append_memory(memory, tmp_path / "a.mosaic")
    size = (tmp_path / "a.mosaic").stat().st_size
    append_memory(memory, tmp_path / "a.mosaic")
    assert (tmp_path / "a.mosaic").stat().st_size == size, "nothing is new"
    other = SPRUNG.moved(poses([(1.0, 2.0, 3.0)])[0])
    append_memory(memory.with_motions({RED: other, BLUE: SPRUNG}), tmp_path / "a.mosaic")
    loaded = load_memory(tmp_path / "a.mosaic").motions
    assert loaded[RED].same_as(other) and loaded[BLUE].same_as(SPRUNG)


def test_a_damaged_motion_in_a_file_is_reported(tmp_path, monkeypatch):
    wrong = {"times_s": [0.0, 0.0], "world_from_object": SPRUNG.to_json()["world_from_object"][:2]}
    for entry in (
        wrong,
        {"times_s": [0.0]},
        {"times_s": [[0.0]], "world_from_object": [[1.0]]},
        [],
        {"times_s": [0.0], "world_from_object": [[9.0] * 12]},
    ):
        with monkeypatch.context() as patch:
            patch.setattr(Motion, "to_json", lambda self, entry=entry: entry)
            save_memory(captured(), tmp_path / "wrong.mosaic")
        with pytest.raises(MemoryFileError):
            load_memory(tmp_path / "wrong.mosaic")


def test_splice_and_extract_take_it_along():
    memory = captured()
    aside = poses([(10.0, 0.0, 0.0)])[0]
    both = splice(memory, memory, aside)
    number = max(both.motions)
    assert len(both.motions) == 2 and len(movers_of(both)) == 2
    np.testing.assert_allclose(
        both.motions[number].world_from_object_at(0.8), aside @ SPRUNG.world_from_object_at(0.8), atol=1e-12
    )
    assert both.object_names[number].startswith(NAMES[RED])
    red = extract(memory, placements_of(memory, RED))
    assert red.motions[RED].same_as(SPRUNG)
    assert not extract(memory, placements_of(memory, BLUE)).motions
    assert added(memory, memory).motions[RED].same_as(SPRUNG)


@pytest.mark.parametrize(
    ("times", "matrices", "says"),
    [
        ([0.0, 0.0], poses([(0, 0, 0)] * 2), "rise"),
        ([0.0], 2 * poses([(0, 0, 0)]), "scale"),
        ([0.0], poses([(np.nan, 0, 0)]), "finite"),
        ([0.0, 1.0], poses([(0, 0, 0)]), "a pose each"),
        ([], np.zeros((0, 4, 4)), "a pose each"),
        ([0.0], poses([(0, 0, 0)]) + np.eye(4)[3][:, None] * [0.0, 0.0, 0.1, 0.0], "last row"),
        ([0.0], poses([(0, 0, 0)])[:, [1, 0, 2, 3]], "mirror"),
        (np.arange(MAX_SAMPLES + 1.0), np.zeros((MAX_SAMPLES + 1, 4, 4)), "a pose each"),
    ],
)
def test_what_is_no_motion_is_refused(times, matrices, says):
    with pytest.raises(MosaicError, match=says):
        Motion(np.array(times), matrices)
