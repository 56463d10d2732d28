"""Work beside Blender: the window goes on, results and errors arrive, and stopping leaves nothing behind."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

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


@pytest.fixture
def window(monkeypatch):
    """A context with a window that remembers what its status bar says."""
    from blender_addon.operators import waiting

    app = SimpleNamespace(background=False, translations=bpy.app.translations)
    monkeypatch.setattr(waiting, "bpy", SimpleNamespace(app=app))
    told = []
    manager = SimpleNamespace(
        event_timer_add=lambda _s, window: window,
        event_timer_remove=lambda _timer: None,
        modal_handler_add=lambda _operator: None,
    )
    workspace = SimpleNamespace(status_text_set=told.append)
    return SimpleNamespace(window=object(), window_manager=manager, workspace=workspace, told=told)


def long_operator(go_on: threading.Event):
    """An operator whose work takes until `go_on`, or until it is told to stop."""
    from blender_addon.operators.waiting import WaitingOperator

    class Long(WaitingOperator):
        bl_label = "Check Path"
        ended = reported = stopped = None

        def begin(self, _context):
            def work(watch):
                watch.share = 0.4
                while not go_on.wait(0.01) and not watch.stopped:
                    pass
                self.stopped = watch.stopped
                return threading.current_thread()

            return work

        def end(self, _context, result):
            self.ended = result
            return {"FINISHED"}

        def report(self, _level, text):
            self.reported = text

    return Long()


TIMER, ESCAPE, CLICK = (SimpleNamespace(type=kind, value="PRESS") for kind in ("TIMER", "ESC", "LEFTMOUSE"))


def test_a_long_operator_gives_the_window_back_and_says_how_far_it_is(window):
    go_on = threading.Event()
    operator = long_operator(go_on)
    assert operator.invoke(window, None) == {"RUNNING_MODAL"}
    assert operator.modal(window, TIMER) == operator.modal(window, CLICK) == {"RUNNING_MODAL"}
    assert window.told == ["Check Path: 40%   (Esc cancels)"]
    go_on.set()
    assert operator._work.is_over(10)
    assert operator.modal(window, TIMER) == {"FINISHED"}
    assert operator.ended is not threading.main_thread() and window.told[-1] is None


def test_escape_ends_a_long_operator_at_once_and_its_work_soon(window):
    operator = long_operator(threading.Event())
    operator.invoke(window, None)
    assert operator.modal(window, ESCAPE) == {"CANCELLED"}
    assert operator.reported == "Cancelled: nothing was changed" and window.told[-1] is None
    assert operator._work.is_over(10) and operator.stopped and operator.ended is None


def test_a_script_gets_what_it_called_when_the_call_returns(window):
    go_on = threading.Event()
    go_on.set()
    operator = long_operator(go_on)
    assert operator.execute(window) == {"FINISHED"} and operator.ended is threading.main_thread()
    operator.ended = None
    assert operator.invoke(window, None) == {"FINISHED"} and operator.ended is not None, "quick work needs no waiting"
