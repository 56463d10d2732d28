"""Work beside Blender: the window goes on, results and errors arrive, and stopping leaves nothing behind."""

from __future__ import annotations

import threading
import time

import bpy
import numpy as np
import pytest

from mosaic_core.errors import CaptureError

from .memory_scenes import room_memory


def drained(steps):
    """What the steps yield, and the result at their end."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def test_the_work_is_done_by_another_thread_in_short_steps():
    from blender_addon.beside import beside

    def work():
        time.sleep(0.2)
        return threading.current_thread()

    longest, before = 0.0, time.monotonic()
    steps = beside(work, "working")
    for said in steps:
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
        assert said == "working"
    assert longest < 0.15
    seen, thread = drained(beside(work, "working"))
    assert len(seen) > 3 and thread is not threading.main_thread()


def test_an_error_is_raised_where_somebody_waits():
    from blender_addon.beside import beside

    def work():
        raise CaptureError("made to fail")

    with pytest.raises(CaptureError, match="made to fail"):
        drained(beside(work, None))


def test_closing_waits_for_the_thread():
    from blender_addon.beside import beside

    ended = []
    steps = beside(lambda: (time.sleep(0.1), ended.append(True)), None)
    next(steps)
    steps.close()
    assert ended == [True]


def test_a_memory_that_is_not_stored_to_the_end_leaves_neither_file_nor_object(tmp_path):
    from blender_addon.capture import store_steps

    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "room.blend"))
    kinds = ("objects", "meshes", "images", "materials")
    before = {kind: len(getattr(bpy.data, kind)) for kind in kinds}
    steps = store_steps(bpy.context, room_memory(), name="Room")
    next(steps)
    steps.close()
    assert list((tmp_path / "mosaic").iterdir()) == []
    assert {kind: len(getattr(bpy.data, kind)) for kind in kinds} == before
    _, obj = drained(store_steps(bpy.context, room_memory(), name="Room"))
    assert obj.name == "Room" and (tmp_path / "mosaic" / "Room.mosaic").is_file()


def test_the_captured_pixels_survive_saving_and_undo(tmp_path):
    """They are packed as a file made here: Blender's own packing of what it holds takes half a second."""
    from blender_addon.capture import store_memory

    def pixels() -> np.ndarray:
        image = bpy.data.images["Room Pixels"]
        found = np.zeros(4 * image.size[0] * image.size[1], np.float32)
        image.pixels.foreach_get(found)
        return found

    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "room.blend"))
    bpy.ops.ed.undo_push(message="before")
    store_memory(bpy.context, room_memory(), name="Room")
    bpy.ops.ed.undo_push(message="stored")
    before = pixels()
    assert before.max() > 0.5 and set(np.unique(before[3::4])) <= {0.0, 1.0}
    bpy.ops.ed.undo()
    bpy.ops.ed.redo()
    assert np.array_equal(pixels(), before)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "room.blend"))
    assert np.array_equal(pixels(), before)
