"""Selecting patches by what they are, in Object Mode and in Edit Mode, and keeping selections under a name."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest

from mosaic_core.memory import Memory
from mosaic_core.memory.conflicts import find_conflicts
from tests.core.known_scenes import BLUE, RED, ROOM, camera_at, placements_of, view_of

from .memory_scenes import built, ints, select_object
from .test_edit_operators import in_mode, selected_ids

MODES = ["OBJECT", "EDIT"]


@pytest.fixture
def room(tmp_path):
    return built(tmp_path)


def select_ids(obj, ids) -> None:
    from blender_addon.memory.select import set_selection

    set_selection(obj, np.isin(ints(obj, "placement"), ids))


@pytest.mark.parametrize("mode", MODES)
def test_one_red_patch_finds_the_red_ones(room, mode):
    obj, memory = room
    red = placements_of(memory, RED)
    select_ids(obj, red[:3])
    in_mode(obj, mode)
    bpy.ops.mosaic.select_like(difference=40)
    found = selected_ids(obj)
    assert np.isin(red, found).mean() > 0.8
    assert not np.isin(placements_of(memory, BLUE), found).any()
    bpy.ops.mosaic.select_like(difference=0)
    assert np.isin(found[:1], selected_ids(obj)).all(), "what is selected stays"


@pytest.mark.parametrize("mode", MODES)
def test_a_surface_is_reached_from_one_patch_and_grown_row_by_row(room, mode):
    obj, _ = room
    wall = ints(obj, "object_id") == ints(obj, "object_id")[0]
    of_wall = ints(obj, "placement")[wall]
    one = of_wall[:1]
    select_ids(obj, one)
    in_mode(obj, mode)
    bpy.ops.mosaic.select_grow(steps=1)
    first = selected_ids(obj)
    assert 1 < len(first) < 60 and one[0] in first
    bpy.ops.mosaic.select_grow(steps=2)
    third = selected_ids(obj)
    assert np.isin(first, third).all() and len(third) > len(first)
    bpy.ops.mosaic.select_grow(steps=-1)
    assert 0 < len(selected_ids(obj)) < len(third)
    bpy.ops.mosaic.select_connected()
    whole = selected_ids(obj)
    assert np.isin(third, whole).all() and len(whole) > len(third)
    found = np.isin(of_wall, whole)
    assert found.mean() > 0.95 and len(whole) - found.sum() <= 1, "the whole wall, and not floor and crates as well"


def test_a_crate_moved_away_is_no_longer_part_of_the_floor(room):
    """Neighbours are those of now, not of the capture."""
    obj, memory = room
    red = placements_of(memory, RED)
    select_object(obj, RED)
    bpy.ops.mosaic.move(offset=(0, 0, 50))
    bpy.ops.mosaic.select_connected()
    assert set(selected_ids(obj)) <= set(red)


def test_selecting_by_capture_time(room):
    obj, memory = room
    times = np.array([view.time_s for view in memory.views])[ints(obj, "view")]
    middle = float(np.median(times))
    bpy.ops.mosaic.select_time(since_s=middle, until_s=1e6)
    assert np.array_equal(selected_ids(obj), np.sort(ints(obj, "placement")[times >= np.float32(middle)]))


def test_selecting_by_age_counts_back_from_the_newest_view(room):
    obj, memory = room
    ages = max(view.time_s for view in memory.views) - np.array([view.time_s for view in memory.views])
    of_face = ages[ints(obj, "view")]
    bpy.ops.mosaic.select_age(least_s=0.5, most_s=1.5)
    expected = (of_face >= 0.5) & (of_face <= 1.5)
    assert expected.any() and np.array_equal(selected_ids(obj), np.sort(ints(obj, "placement")[expected]))
    bpy.ops.mosaic.select_age(most_s=0)
    assert np.array_equal(selected_ids(obj), np.sort(ints(obj, "placement")[of_face == 0])), "the newest view's"


def test_a_view_is_selected_by_the_very_time_that_the_field_shows(tmp_path):
    """Blender's fields have 24 bits, a frame's time is a fraction of the rate."""
    views = [view_of(camera_at((x, -5.0, 1.8)), ROOM, time_s=frame / 24) for x, frame in ((0.0, 7), (0.5, 13))]
    obj, _ = built(tmp_path, Memory.from_views(views))
    first, last = (float(np.float32(frame / 24)) for frame in (7, 13))
    bpy.ops.mosaic.select_time(since_s=first, until_s=last)
    assert len(selected_ids(obj)) == len(ints(obj, "placement"))
    bpy.ops.mosaic.select_time(since_s=last, until_s=last)
    assert set(ints(obj, "view")[np.isin(ints(obj, "placement"), selected_ids(obj))]) == {1}


def test_selecting_conflicts_selects_what_the_report_names(tmp_path):
    views = [view_of(camera_at((x, -5.0, 1.8)), ROOM) for x in (0.0, 0.1)]
    views[1] = replace(views[1], rgb=255 - views[1].rgb, time_s=2.0)
    memory = Memory.from_views(views)
    obj, _ = built(tmp_path, memory, name="conflicts.mosaic")
    conflicts = find_conflicts(memory)
    expected = np.union1d(conflicts.earlier, conflicts.later)
    assert len(conflicts)
    bpy.ops.mosaic.select_conflicts()
    shown = ints(obj, "placement")
    assert np.array_equal(selected_ids(obj), np.intersect1d(expected, shown))


@pytest.mark.parametrize("mode", MODES)
def test_a_selection_kept_under_a_name_comes_back(room, mode):
    obj, memory = room
    red = placements_of(memory, RED)
    select_ids(obj, red)
    in_mode(obj, mode)
    bpy.ops.mosaic.keep_set(name="the crate")
    bpy.ops.mosaic.select_all(action="DESELECT")
    bpy.ops.mosaic.select_set(name="the crate")
    assert np.array_equal(selected_ids(obj), red)
    bpy.ops.mosaic.select_object(object_names="Blue Crate")
    bpy.ops.mosaic.select_set(name="the crate", mode="EXTEND")
    assert np.array_equal(selected_ids(obj), np.union1d(red, placements_of(memory, BLUE)))
    bpy.ops.mosaic.forget_set(name="the crate")
    with pytest.raises(RuntimeError, match="there is no set 'the crate'"):
        bpy.ops.mosaic.select_set(name="the crate")
    assert obj.mode == mode


def test_copies_of_a_kept_patch_are_kept_and_the_set_survives_another_state_of_the_memory(room, tmp_path):
    from blender_addon.memory.build import rebuild_memory_object
    from blender_addon.memory.read import edited_memory

    obj, memory = room
    red = placements_of(memory, RED)
    select_object(obj, RED)
    bpy.ops.mosaic.keep_set(name="crates")
    bpy.ops.mosaic.duplicate(offset=(1, 0, 0))
    bpy.ops.mosaic.select_set(name="crates")
    both = selected_ids(obj)
    assert len(both) == 2 * len(red) and np.isin(red, both).all()
    rebuild_memory_object(obj, edited_memory(obj, memory), tmp_path / "room.mosaic")
    bpy.ops.mosaic.select_set(name="crates")
    assert np.array_equal(selected_ids(obj), both)


def test_a_set_survives_undo_and_the_file(room, tmp_path):
    obj, memory = room
    name = obj.name
    select_object(obj, RED)
    bpy.ops.ed.undo_push(message="selected")
    bpy.ops.mosaic.keep_set("EXEC_DEFAULT", True, name="crate")
    bpy.ops.mosaic.delete("EXEC_DEFAULT", True)
    bpy.ops.ed.undo()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "room.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "room.blend"))
    obj = bpy.data.objects[name]
    bpy.context.view_layer.objects.active = obj
    bpy.ops.mosaic.select_set(name="crate")
    assert np.array_equal(selected_ids(obj), placements_of(memory, RED))


def test_each_says_what_it_needs(room):
    obj, _ = room
    bpy.ops.mosaic.select_all(action="DESELECT")
    for operator in (bpy.ops.mosaic.select_like, bpy.ops.mosaic.select_connected, bpy.ops.mosaic.select_grow):
        with pytest.raises(RuntimeError, match="select some patches first"):
            operator()
    with pytest.raises(RuntimeError, match="select some patches first"):
        bpy.ops.mosaic.keep_set(name="x")
    select_object(obj, RED)
    for name in ("", "x" * 41):
        with pytest.raises(RuntimeError, match="a name of 1 to 40 characters"):
            bpy.ops.mosaic.keep_set(name=name)
    with pytest.raises(RuntimeError, match="keep one first"):
        bpy.ops.mosaic.select_set(name="nothing")
