"""The queue: shots one after another, each as it was set up, whatever becomes of the others."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import pytest

from tests.worker.fake_jobs import FAKE_COMMAND, SHORT, process_runs

from .job_scenes import ready_scene, tick_until


@pytest.fixture
def queue_run(tmp_path, monkeypatch):
    """The queue on fake processes that behave as `queue_run.modes` says, one a shot; two shots are set up."""
    from blender_addon import compat, jobs, queue_run
    from blender_addon.shot_list import add_shot

    def user_dir(folder: str = "") -> Path:
        (tmp_path / "user" / folder).mkdir(parents=True, exist_ok=True)
        return tmp_path / "user" / folder

    def launch(*arguments, **options):
        mode = modes.pop(0) if modes else ["ok"]
        return jobs.launch(*arguments, **options, command=[*FAKE_COMMAND, *mode], limits=SHORT)

    modes: list[list[str]] = []
    monkeypatch.setattr(compat, "user_dir", user_dir)
    monkeypatch.setattr(queue_run._runtime, "launch", launch, raising=False)
    ready_scene(tmp_path)
    scene = bpy.context.scene
    add_shot(scene, name="Yard")
    add_shot(scene, name="Hall")
    scene.mosaic.seed = 8
    queue_run.modes = modes
    yield queue_run
    jobs.stop()
    queue_run.clear()


def add_all(queue_run):
    from blender_addon.shot_list import shots_of

    return queue_run.add_shots(bpy.context, shots_of(bpy.context.scene))


def play(queue_run, until) -> bool:
    """Do what Blender's timers do."""

    def step() -> bool:
        queue_run.advance()
        return until()

    return tick_until(step)


def shown() -> list[tuple[str, str]]:
    return [(item.name, item.status) for item in bpy.context.window_manager.mosaic_queue.items]


def idle(queue_run) -> bool:
    return queue_run.queue().running is None and not queue_run.queue().waiting


def shot_in(folder: Path) -> dict:
    return json.loads((folder / "shot" / "shot.json").read_text())


def test_shots_are_made_one_after_another_as_they_were_when_queued(queue_run, tmp_path):
    add_all(queue_run)
    assert shown() == [("Yard", "WAITING"), ("Hall", "WAITING")]
    bpy.context.scene.mosaic.seed = 99  # meant for a later take
    assert play(queue_run, lambda: shown() == [("Yard", "RUNNING"), ("Hall", "WAITING")])
    assert play(queue_run, lambda: shown() == [("Yard", "DONE"), ("Hall", "RUNNING")])
    assert play(queue_run, lambda: idle(queue_run)) and shown()[1] == ("Hall", "DONE")
    takes = [tmp_path / "takes" / name for name in ("take_0001", "take_0002")]
    assert [shot_in(take)["name"] for take in takes] == ["Yard", "Hall"]
    assert [shot_in(take)["seed"] for take in takes] == [0, 8]
    assert queue_run.advance() is None, "no timer is left"


def test_a_shot_that_fails_does_not_stop_the_others(queue_run, tmp_path):
    queue_run.modes[:] = [["crash"]]
    add_all(queue_run)
    assert play(queue_run, lambda: idle(queue_run))
    first, second = queue_run.queue().items
    assert (first.status, second.status) == ("FAILED", "DONE") and "too hot" in first.words
    assert second.words == str(tmp_path / "takes" / "take_0001")
    assert "too hot" in bpy.context.window_manager.mosaic_queue.items[0].words


def test_one_shot_or_all_of_them_can_be_cancelled(queue_run, tmp_path):
    queue_run.modes[:] = [["ok", "frames=500"], ["ok", "frames=500"]]
    first, second = add_all(queue_run)
    assert play(queue_run, lambda: bpy.context.window_manager.mosaic_job.fraction > 0)
    bpy.ops.mosaic.queue_cancel(number=first.number)
    assert play(queue_run, lambda: shown() == [("Yard", "CANCELLED"), ("Hall", "RUNNING")])
    bpy.context.scene.mosaic.seed = 9
    third = add_all(queue_run)[1]
    bpy.ops.mosaic.queue_cancel()
    assert third.status == "CANCELLED"
    assert play(queue_run, lambda: idle(queue_run)) and second.status == "CANCELLED"
    assert list((tmp_path / "takes").iterdir()) == [] and not bpy.ops.mosaic.queue_cancel.poll()


@pytest.mark.slow
def test_a_queued_shot_waits_for_a_job_that_runs_already(queue_run):
    from .job_scenes import start_fake

    start_fake("ok", frames=3)
    add_all(queue_run)
    assert queue_run.advance() is not None and shown()[0] == ("Yard", "WAITING")
    assert play(queue_run, lambda: idle(queue_run)) and [status for _, status in shown()] == ["DONE", "DONE"]


@pytest.mark.slow
def test_what_was_queued_may_be_deleted(queue_run):
    add_all(queue_run)
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    assert play(queue_run, lambda: idle(queue_run)) and [status for _, status in shown()] == ["DONE", "DONE"]


@pytest.mark.slow
def test_a_shot_that_cannot_be_read_is_left_out_and_said(queue_run):
    from blender_addon.shot_list import activate

    bpy.context.scene.mosaic.path_camera = bpy.data.objects["Shot"]
    activate(bpy.context.scene, 0)
    gone = bpy.data.objects.new("Gone", bpy.data.cameras.new("Gone"))
    bpy.context.scene.mosaic.path_camera = gone
    added = add_all(queue_run)
    assert [item.shot_name for item in added] == ["Hall"]
    assert "Gone was deleted from the scene" in queue_run.queue().items[0].words


def test_another_file_ends_the_queue(queue_run):
    from blender_addon import jobs

    queue_run.modes[:] = [["ok", "frames=500"]]
    add_all(queue_run)
    assert play(queue_run, lambda: bpy.context.window_manager.mosaic_job.fraction > 0)
    pid = jobs._runtime.job.runner.pid
    bpy.ops.wm.read_homefile(use_empty=True)
    assert shown() == [] and idle(queue_run) and not jobs.is_running() and not process_runs(pid)


@pytest.mark.slow
def test_undo_does_not_take_the_queue_back(queue_run):
    add_all(queue_run)
    before = shown()
    bpy.ops.ed.undo_push(message="something")
    bpy.ops.ed.undo()
    assert shown() == before and len(queue_run.queue().waiting) == 2


@pytest.mark.slow
def test_the_operator_makes_all_ticked_shots_in_the_background(queue_run):
    bpy.context.scene.mosaic.shots[0].enabled = False
    assert bpy.ops.mosaic.queue(all_shots=True) == {"FINISHED"}
    assert shown() == [("Hall", "DONE")]
    bpy.context.scene.mosaic.shots[1].enabled = False
    with pytest.raises(RuntimeError, match="No shot of the list is ticked"):
        bpy.ops.mosaic.queue(all_shots=True)
