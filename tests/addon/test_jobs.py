"""Jobs in Blender: what an artist sees when they work, stumble, are cancelled, or lose what they were made from."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import bpy
import pytest

from mosaic_core.errors import GenerateError, MemoryFileError, WorkerError
from mosaic_core.memory import load_placements
from mosaic_core.worker import Limits
from tests.worker.fake_jobs import process_runs, wait_until

from .job_scenes import another_blender, finish, ready_scene, start_fake, tick_until
from .memory_scenes import select_object

HASTY = Limits(hello_s=1.5, heartbeat_s=0.5, frame_s=0.7, cancel_s=0.3, close_s=0.3, terminate_s=0.3, kill_s=2.0)


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """A scene to generate from; its logs stay in the test's folder. No process may outlive the test."""
    from blender_addon import compat, jobs

    def user_dir(folder: str = "") -> Path:
        (tmp_path / "user" / folder).mkdir(parents=True, exist_ok=True)
        return tmp_path / "user" / folder

    monkeypatch.setattr(compat, "user_dir", user_dir)
    yield ready_scene(tmp_path)
    jobs.stop()


def takes(tmp_path) -> list[str]:
    folder = tmp_path / "takes"
    return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []


def backgrounds(camera_name: str = "Shot") -> list[str]:
    return [each.image.name for each in bpy.data.objects[camera_name].data.background_images]


def strip_count() -> int:
    from blender_addon.compat import strips_of

    editor = bpy.context.scene.sequence_editor
    return len(strips_of(editor)) if editor else 0


def test_a_job_shows_its_progress_and_ends_with_the_take_in_the_scene(shot, tmp_path):
    job = start_fake("ok", frames=3)
    status = bpy.context.window_manager.mosaic_job
    assert status.running and status.text == "Starting the GPU process"
    assert tick_until(lambda: status.text.startswith("Frame 2 of 3"))
    assert 0.3 < status.fraction < 0.9 and status.frame_file.endswith("frame_0002.png")
    finish()
    assert not status.running and status.text == "Done" and status.error == ""
    assert status.take_folder == str(tmp_path / "takes" / "take_0001")
    assert backgrounds() == ["Mosaic take_0001"] and strip_count() == 1
    assert not process_runs(job.runner.pid)


def test_the_process_is_given_the_edited_memory_and_the_path(shot, tmp_path):
    from blender_addon.memory.read import placements_from_object

    memory_obj, _camera = shot
    select_object(memory_obj, 1)
    bpy.ops.mosaic.move(offset=(0, 0, 1))
    start_fake("ok")
    finish()
    folder = tmp_path / "takes" / "take_0001" / "shot"
    document = json.loads((folder / "shot.json").read_text())
    assert document["memory_file"] == str(tmp_path / "room.mosaic") and document["engine"] == "tiny"
    sent = load_placements(folder / "placements.npz")
    assert sent.same_as(placements_from_object(memory_obj)) and (sent.transform_index != 0).any()
    path = json.loads((folder / "path.json").read_text())
    assert [frame["frame"] for frame in path["frames"]] == [1, 2, 3] and path["image_width"] == 64


def test_prompts_come_from_the_panel_and_from_event_markers(shot):
    from blender_addon.shots import prepared_shot, request_from_settings

    from .test_panel import drawn

    scene = bpy.context.scene
    scene.mosaic.prompt, scene.mosaic.negative_prompt = "a quiet room", "people"
    for name, frame in (
        ("Event: rain starts", 2),
        ("event (0,5) : fog", 3),
        ("just a note", 2),
        ("event: too late", 50),
        ("event(lots): wind", 2),
        ("event(9): wind", 2),
        ("event rain", 2),
        ("event:", 2),
    ):
        scene.timeline_markers.new(name, frame=frame)
    prompts = prepared_shot(bpy.context, request_from_settings(bpy.context)).prompts
    assert [(p.text, round(p.start_s * 24, 3), p.strength) for p in prompts] == [
        ("a quiet room", 0.0, 1.0),
        ("people", 0.0, -1.0),
        ("rain starts", 1.0, 1.0),
        ("fog", 2.0, 0.5),
    ]
    text = drawn("generate").replace("\n", " ")
    assert "From 2: rain starts" in text and "From 3: fog (0.5)" in text
    assert text.count("is left out") == 4 and "its strength is a number from -4 to 4" in text
    assert "“event rain” at frame 2 is left out: write event: what happens" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("crash", "RuntimeError: the reactor is too hot"),
        ("kill_itself", "was killed (signal 9)"),
        ("hang", "is stuck: no frame for 0.7 s"),
        ("freeze", "froze: nothing was heard"),
        ("garbage", "printed garbage"),
        ("out_of_memory", "Memory ran out"),
        ("lacks_torch", "lacks torch"),
        ("dies_at_start", "libtorch.so"),
        ("silent", "did not answer"),
    ],
)
def test_every_mishap_ends_in_a_sentence_and_leaves_nothing(shot, tmp_path, mode, words):
    limits = HASTY if mode in ("hang", "freeze", "silent") else None
    job = start_fake(mode, limits=limits) if limits else start_fake(mode)
    status = finish()
    assert words in status.error and status.text == "Failed" and not status.running
    assert status.error in status.report and Path(status.log_file).is_file()
    assert takes(tmp_path) == [] and backgrounds() == [] and strip_count() == 0
    assert not process_runs(job.runner.pid)
    start_fake("ok")  # and the next job is not in its way
    assert finish().error == ""


def test_cancel_stops_the_process_and_keeps_nothing(shot, tmp_path):
    job = start_fake("ok", frames=500)
    status = bpy.context.window_manager.mosaic_job
    assert tick_until(lambda: status.fraction > 0)
    assert bpy.ops.mosaic.cancel() == {"FINISHED"}
    assert status.cancelling
    finish()
    assert status.text == "Cancelled" and status.error == "" and takes(tmp_path) == []
    assert not process_runs(job.runner.pid)
    assert not bpy.ops.mosaic.cancel.poll()


def test_two_jobs_at_once_are_refused(shot, tmp_path):
    start_fake("ok", frames=500)
    with pytest.raises(WorkerError, match="a job is running already"):
        start_fake("ok")
    assert not bpy.ops.mosaic.generate.poll()
    assert takes(tmp_path) == ["take_0001"]


def test_a_tick_does_not_make_blender_wait(shot):
    import time

    from blender_addon import jobs

    start_fake("ok", frames=30, pause_s=0.01)
    longest_s, running = 0.0, True
    while running:
        before_s = time.perf_counter()
        running = jobs.tick()
        longest_s = max(longest_s, time.perf_counter() - before_s) if running else longest_s
        time.sleep(0.01)
    assert longest_s < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("doomed", ["memory", "memory file", "camera", "scene"])
def test_what_a_job_came_from_may_be_deleted_while_it_runs(shot, tmp_path, doomed):
    memory_obj, camera_obj = shot
    start_fake("ok", frames=20)
    assert tick_until(lambda: bpy.context.window_manager.mosaic_job.fraction > 0)
    if doomed == "memory":
        bpy.data.meshes.remove(memory_obj.data)
    elif doomed == "memory file":
        (tmp_path / "room.mosaic").unlink()
    elif doomed == "camera":
        bpy.data.cameras.remove(camera_obj.data)
    else:
        bpy.ops.scene.new(type="EMPTY")
        bpy.data.scenes.remove(next(s for s in bpy.data.scenes if s != bpy.context.scene))
    status = finish()
    assert status.error == "" and (tmp_path / "takes" / "take_0001" / "frames").is_dir()
    expected = {"camera": "the camera Shot is gone", "scene": "the scene Scene is gone"}.get(doomed, "Done")
    assert expected in status.text


@pytest.mark.slow
def test_undo_does_not_take_the_progress_back(shot):
    start_fake("ok", frames=30)
    status = bpy.context.window_manager.mosaic_job
    bpy.context.scene.mosaic.seed = 5
    bpy.ops.ed.undo_push(message="seed")
    assert tick_until(lambda: status.fraction > 0.3)
    before = status.fraction
    bpy.ops.ed.undo()
    assert bpy.context.window_manager.mosaic_job.fraction == before
    assert bpy.context.scene.mosaic.seed == 0
    assert finish().text == "Done" and backgrounds() == ["Mosaic take_0001"]
    bpy.ops.ed.undo()
    assert backgrounds() == [] and bpy.context.scene.mosaic.seed == 0


def test_loading_another_file_ends_the_job_and_forgets_it(shot, tmp_path):
    job = start_fake("ok", frames=500)
    assert tick_until(lambda: bpy.context.window_manager.mosaic_job.fraction > 0)
    bpy.ops.wm.read_homefile(use_empty=True)
    from blender_addon import jobs

    status = bpy.context.window_manager.mosaic_job
    assert not jobs.is_running() and not status.running and status.text == ""
    assert takes(tmp_path) == [] and not process_runs(job.runner.pid)


def test_disabling_the_extension_ends_the_process(shot, tmp_path, addon):
    job = start_fake("ok", frames=500)
    assert tick_until(lambda: bpy.context.window_manager.mosaic_job.fraction > 0)
    addon.unregister()
    try:
        assert not process_runs(job.runner.pid) and takes(tmp_path) == []
    finally:
        addon.register()


BLENDER_THAT_DIES = """
import os, signal
import bpy
import blender_addon
from pathlib import Path
from tests.addon.job_scenes import ready_scene, start_fake, tick_until
blender_addon.register()
from blender_addon import compat
compat.user_dir = lambda folder="": Path({folder!r})
ready_scene(Path({folder!r}))
job = start_fake("ok", frames=5000)
assert tick_until(lambda: bpy.context.window_manager.mosaic_job.fraction > 0)
print("worker", job.runner.pid, flush=True)
{end}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "code"), [("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL), ("sys.exit(0)", 0)]
)
def test_no_process_outlives_blender(tmp_path, end, code):
    script = BLENDER_THAT_DIES.format(folder=str(tmp_path), end=end)
    run = subprocess.run(another_blender(script), capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == code, run.stdout[-2000:] + run.stderr[-2000:]
    pid = int(run.stdout.rpartition("worker ")[2].split()[0])
    assert wait_until(lambda: not process_runs(pid))


def test_a_defect_while_a_job_runs_ends_the_job(shot, tmp_path, monkeypatch):
    from blender_addon import jobs

    job = start_fake("ok", frames=500)
    monkeypatch.setattr(jobs, "_show_frame", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        jobs._pump()
    status = bpy.context.window_manager.mosaic_job
    assert not jobs.is_running() and "ZeroDivisionError" in status.error and not status.running
    assert takes(tmp_path) == [] and wait_until(lambda: not process_runs(job.runner.pid))


def test_an_output_folder_that_cannot_be_written_is_said(shot, tmp_path):
    (tmp_path / "takes").write_text("a file")
    with pytest.raises(GenerateError, match="cannot write to the output folder"):
        start_fake("ok")
    from blender_addon import jobs

    assert not jobs.is_running()


def test_a_log_that_cannot_be_written_leaves_no_take(shot, tmp_path):
    (tmp_path / "user").mkdir(exist_ok=True)
    (tmp_path / "user" / "logs").write_text("a file")
    with pytest.raises(WorkerError, match="log"):
        start_fake("ok")
    assert takes(tmp_path) == []


def test_a_missing_memory_file_is_said_before_anything_is_written(shot, tmp_path):
    from blender_addon.memory import store

    store.forget()
    (tmp_path / "room.mosaic").unlink()
    with pytest.raises(MemoryFileError, match="missing"):
        start_fake("ok")
    assert takes(tmp_path) == []


def test_takes_are_numbered_and_a_foreign_file_is_left_alone(shot, tmp_path):
    (tmp_path / "takes").mkdir()
    (tmp_path / "takes" / "take_0007").mkdir()
    (tmp_path / "takes" / "take_0008").write_text("mine")
    start_fake("ok")
    assert finish().take_folder.endswith("take_0009")
    assert (tmp_path / "takes" / "take_0008").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["preview", "tiny"])
def test_the_operator_waits_in_the_background_and_makes_real_frames(shot, tmp_path, engine):
    pytest.importorskip("torch", reason="the real GPU process needs torch")
    bpy.context.scene.mosaic.engine = engine
    assert bpy.ops.mosaic.generate() == {"FINISHED"}
    folder = tmp_path / "takes" / "take_0001"
    assert sorted(file.name for file in (folder / "frames").iterdir()) == [f"frame_{n:04d}.png" for n in (1, 2, 3)]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["shot"]["seed"] == 0 and min(manifest["covered_fraction"]) > 0.5
    assert backgrounds() == ["Mosaic take_0001"]
    assert bpy.ops.mosaic.generate() == {"FINISHED"}
    again = json.loads((tmp_path / "takes" / "take_0002" / "manifest.json").read_text())
    assert again["taken_over"] == ([1, 2, 3] if engine == "preview" else [])
    if engine == "preview":
        assert "3 of 3 frames taken over" in bpy.context.window_manager.mosaic_job.text
    first, second = (
        [file.read_bytes() for file in sorted((tmp_path / "takes" / name / "frames").iterdir())]
        for name in ("take_0001", "take_0002")
    )
    assert first == second


def test_the_operator_remembers_why_a_job_did_not_start(shot, monkeypatch):
    monkeypatch.setenv("MOSAIC_PYTHON", "/nowhere/python")
    with pytest.raises(RuntimeError, match="/nowhere/python"):
        bpy.ops.mosaic.generate()
    status = bpy.context.window_manager.mosaic_job
    assert "/nowhere/python" in status.error and not status.running
    assert bpy.ops.mosaic.copy_report.poll()


def test_generate_says_what_is_missing(shot):
    from blender_addon.operators.generate import why_not_generate

    memory_obj, _camera = shot
    assert why_not_generate(bpy.context) == "" and bpy.ops.mosaic.generate.poll()
    bpy.data.objects.remove(memory_obj)
    assert why_not_generate(bpy.context) == "Capture a memory first"
    assert not bpy.ops.mosaic.generate.poll()
