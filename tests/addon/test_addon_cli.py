"""`blender -b ... --command mosaic`: the commands by their arguments, what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import bpy
import numpy as np
import pytest

from mosaic_core.memory import load_memory
from tests.core.known_scenes import BLUE, RED
from tests.worker.fake_jobs import FAKE_COMMAND, SHORT, process_runs, wait_until

from .job_scenes import another_blender, ready_scene
from .memory_scenes import ints


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """A saved scene to generate from, on a fake process."""
    from blender_addon import compat, jobs

    def user_dir(folder: str = "") -> Path:
        (tmp_path / "user" / folder).mkdir(parents=True, exist_ok=True)
        return tmp_path / "user" / folder

    monkeypatch.setattr(compat, "user_dir", user_dir)
    scene = ready_scene(tmp_path)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    yield scene
    jobs.stop()


@pytest.fixture
def fake_process(monkeypatch):
    """`fake_process(mode, name=value ...)`: the commands run their jobs on it."""
    from blender_addon import jobs

    real = jobs.JobRunner
    monkeypatch.setattr(jobs, "worker_python", lambda: FAKE_COMMAND[0])

    def use(mode: str = "ok", **options) -> None:
        command = [*FAKE_COMMAND, mode, *(f"{name}={value}" for name, value in options.items())]
        monkeypatch.setattr(jobs, "JobRunner", lambda *a, **k: real(*a, **(k | {"command": command, "limits": SHORT})))

    return use


@pytest.fixture
def run(capfd):
    """`run("inspect", ...)` gives exit code, standard output and standard error."""
    from blender_addon import cli

    def command(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return command


def answer_of(output: str) -> dict:
    """The JSON among the lines that Blender prints itself."""
    (line,) = [line for line in output.splitlines() if line.startswith("{")]
    return json.loads(line)


def is_one_sentence(text: str) -> bool:
    return text.startswith("mosaic: ") and text.count("\n") == 1 and "Traceback" not in text


def test_inspect_says_what_the_memory_holds(shot, run):
    code, output, _ = run("inspect", "--json")
    answer = answer_of(output)
    assert code == 0 and answer["object"] == "Room" and answer["views"] == 3 and answer["moved"] == 0
    assert answer["patches"] == answer["placements"] == answer["visible"]
    assert "views: 3" in run("inspect")[1]


def test_edits_are_saved_in_the_blend_file(shot, run, tmp_path):
    names = answer_of(run("inspect", "--json")[1])["names"]
    before = (ints(shot[0], "object_id") == RED).sum()
    memory = load_memory(tmp_path / "room.mosaic")
    red, blue = memory.object_names[RED], memory.object_names[BLUE]
    assert {red, blue} <= set(names)
    assert run("edit", "--select-object", red, "--copy", 0, 0, -1.5, "--save")[0] == 0
    assert run("edit", "--select-object", blue, "--delete", "--save", "--out", tmp_path / "edited")[0] == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    ids = ints(bpy.data.objects["Room"], "object_id")
    assert (ids == RED).sum() == 2 * before and (ids == BLUE).sum() == 0
    edited = load_memory(tmp_path / "edited.mosaic")
    offsets = np.unique(edited.placements.edited_from_captured()[:, 2, 3].round(4))
    assert offsets.tolist() == [-1.5, 0.0] and edited.edits[-1].author == "command line"


@pytest.mark.parametrize("action", [["--move", "1", "0", "0"], ["--hide"]])
def test_other_edits_reach_the_memory(shot, run, tmp_path, action):
    code, output, _ = run("edit", "--select-view", 0, *action, "--out", tmp_path / "edited.mosaic", "--json")
    answer = answer_of(output)
    placements = load_memory(tmp_path / "edited.mosaic").placements
    changed = (placements.transform_index != 0) if action[0] == "--move" else ~placements.visible
    assert code == 0 and 0 < changed.sum() == answer["changed"] < len(placements)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--select-object", "Nobody", "--delete", "--save"], "no object 'Nobody'"),
        (["--select-view", "9", "--delete", "--save"], "there is no view 9: the memory has 3"),
        (["--select-view", "0", "--delete"], "the edit would be lost"),
        (["--select-view", "0", "--move", "nan", "0", "0", "--save"], "finite"),
        (["--memory", "Other", "--select-view", "0", "--delete", "--save"], "no memory named Other"),
        (["--select-view", "0", "--hide", "--out", "/nowhere/x.mosaic"], "no folder"),
    ],
)
def test_impossible_edits_are_refused_and_change_nothing(shot, run, tmp_path, arguments, words):
    before = (tmp_path / "shot.blend").read_bytes(), len(shot[0].data.polygons)
    code, _, said = run("edit", *arguments)
    assert code == 1 and words in said and is_one_sentence(said)
    assert ((tmp_path / "shot.blend").read_bytes(), len(shot[0].data.polygons)) == before


def test_generate_writes_exactly_the_folder_and_leaves_the_scene(shot, run, fake_process, tmp_path):
    fake_process("ok", frames=3)
    code, output, said = run("generate", "--out", tmp_path / "clip", "--frames", "1:3", "--json")
    assert code == 0 and answer_of(output)["video_file"] == str(tmp_path / "clip" / "clip.mp4")
    assert len(list((tmp_path / "clip" / "frames").iterdir())) == 3
    assert "Starting the GPU process" in said and not shot[1].data.background_images


def test_generate_takes_its_settings_from_the_arguments(shot, run, fake_process, tmp_path):
    fake_process("ok")
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    bpy.context.scene.collection.objects.link(other)
    other.location.z = 7
    settings = ["--width", 32, "--height", 16, "--seed", 9, "--prompt", "snow", "--camera", "Other", "--frames", "5"]
    assert run("generate", "--out", tmp_path / "clip", *settings)[0] == 0
    document = json.loads((tmp_path / "clip" / "shot" / "shot.json").read_text())
    path = json.loads((tmp_path / "clip" / "shot" / "path.json").read_text())
    assert document["seed"] == 9 and document["prompts"][0]["text"] == "snow"
    assert (path["image_width"], path["image_height"]) == (32, 16)
    (frame,) = path["frames"]
    assert frame["frame"] == 5 and frame["world_from_cam"][11] == 7


@pytest.mark.slow
def test_generate_with_save_keeps_the_result_in_the_file(shot, run, fake_process, tmp_path):
    fake_process("ok")
    assert run("generate", "--out", tmp_path / "clip", "--save")[0] == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    (background,) = bpy.data.objects["Shot"].data.background_images
    assert background.image.filepath.replace("\\", "/") == "//clip/frames/frame_0001.png"


@pytest.mark.slow
def test_an_older_clip_survives_a_failed_one(shot, run, fake_process, tmp_path):
    fake_process("ok")
    assert run("generate", "--out", tmp_path / "clip")[0] == 0
    before = sorted(str(file) for file in (tmp_path / "clip").rglob("*"))
    fake_process("crash")
    code, _, said = run("generate", "--out", tmp_path / "clip")
    assert code == 1 and "the reactor is too hot" in said
    assert sorted(str(file) for file in (tmp_path / "clip").rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--frames", "3:1"], "the frame range is empty"),
        (["--width", "99999999"], "image_width must be"),
        (["--camera", "Nobody"], "no camera named Nobody"),
        (["--memory", "Shot"], "no memory named Shot"),
        (["--seed", "-1"], "the seed must be"),
    ],
)
def test_impossible_shots_are_refused_and_leave_nothing(shot, run, fake_process, tmp_path, arguments, words):
    fake_process("ok")
    code, _, said = run("generate", "--out", tmp_path / "clip", *arguments)
    assert code == 1 and words in said and is_one_sentence(said)
    assert not (tmp_path / "clip").exists()


def test_a_missing_python_is_said(shot, run, monkeypatch, tmp_path):
    monkeypatch.setenv("MOSAIC_PYTHON", "/nowhere/python")
    code, _, said = run("generate", "--out", tmp_path / "clip")
    assert code == 1 and "/nowhere/python" in said and is_one_sentence(said)
    assert not (tmp_path / "clip").exists()


def test_an_empty_scene_is_refused(run, tmp_path):
    for command in (["inspect"], ["generate", "--out", tmp_path / "clip"]):
        code, _, said = run(*command)
        assert code == 1 and "no memory" in said and is_one_sentence(said)
    code, _, said = run("capture", "--out", tmp_path / "m.mosaic")
    assert code == 1 and "no camera" in said and is_one_sentence(said)
    code, _, said = run("capture", "--save")
    assert code == 1 and "needs a .blend file" in said


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["generate"],
        ["generate", "--out", "x", "--frames", "one"],
        ["capture", "--size", "640"],
        ["capture", "--cameras", "A", "--animation"],
        ["edit", "--select-view", "0"],
    ],
)
def test_wrong_arguments_are_explained(run, arguments):
    code, output, said = run(*arguments)
    assert code == 2 and "error:" in said and output == ""


@pytest.mark.parametrize("command", [[], ["capture"], ["inspect"], ["edit"], ["generate"]])
def test_help_has_an_example(run, command):
    code, output, _ = run(*command, "--help")
    assert code == 0 and "--command mosaic generate --out" in output


@pytest.mark.slow
def test_capture_writes_a_memory_and_keeps_it_in_the_file(run, tmp_path):
    bpy.ops.mesh.primitive_plane_add(size=4)
    for name, x in (("Left", -1.0), ("Right", 1.0)):
        camera_obj = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        bpy.context.scene.collection.objects.link(camera_obj)
        camera_obj.location = (x, 0, 6)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    names = ["--cameras", "Right", "Left"]
    code, output, _ = run("capture", *names, "--size", "64x48", "--out", tmp_path / "m", "--save", "--json")
    memory = load_memory(tmp_path / "m.mosaic")
    assert code == 0 and answer_of(output)["views"] == 2
    assert [view.name for view in memory.views] == ["Right", "Left"]
    assert memory.views[0].rgb.shape == (48, 64, 3) and set(memory.object_names.values()) == {"Plane"}
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert bpy.context.scene.mosaic.memory is not None
    code, _, said = run("capture", "--cameras", "Up", "--save")
    assert code == 1 and "no camera named Up, it has: Left, Right" in said
    code, _, said = run("capture", "--cameras", "Left", "--engine", "LUX", "--save")
    assert code == 1 and "no renderer LUX" in said


BLENDER = """
import bpy
import blender_addon
from pathlib import Path
from tests.addon.job_scenes import ready_scene
from tests.worker.fake_jobs import FAKE_COMMAND, SHORT
blender_addon.register()
from blender_addon import cli, compat, jobs
jobs.worker_python = lambda: FAKE_COMMAND[0]
folder = Path({folder!r})
compat.user_dir = lambda name="": folder
ready_scene(folder)
real = jobs.JobRunner
def runner(*a, **k):
    made = real(*a, **(k | {{"command": [*FAKE_COMMAND, "ok", "frames=5000"], "limits": SHORT}}))
    print("worker", made.pid, flush=True)
    return made
jobs.JobRunner = runner
code = cli.main(["generate", "--out", str(folder / "clip")])
blender_addon.unregister()
sys.exit(code)
"""


@pytest.mark.slow
def test_ctrl_c_cancels_cleanly(tmp_path):
    process = subprocess.Popen(
        another_blender(BLENDER.format(folder=str(tmp_path))),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert wait_until(lambda: any((tmp_path / "clip").glob(".mosaic-partial-*/frames/*")), limit_s=30)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        output, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "mosaic: cancelled, nothing was kept" in said and "Traceback" not in said
    assert not (tmp_path / "clip").exists()
    pid = int(output.rpartition("worker ")[2].split()[0])
    assert wait_until(lambda: not process_runs(pid))


@pytest.fixture
def listed_shots(shot):
    """Three shots in the saved file; the second cannot be made."""
    from blender_addon.shot_list import add_shot

    scene = bpy.context.scene
    for number, name in enumerate(("Yard", "Hall/West", "Attic")):
        add_shot(scene, name=name)
        scene.mosaic.seed = number
    scene.mosaic.path_camera = shot[1]


def test_a_shot_of_the_list_is_generated_by_its_name(listed_shots, run, fake_process, tmp_path):
    fake_process("ok", frames=3)
    assert run("generate", "--shot", "Hall/West", "--out", tmp_path / "clip")[0] == 0
    document = json.loads((tmp_path / "clip" / "shot" / "shot.json").read_text())
    assert (document["name"], document["seed"]) == ("Hall/West", 1)
    code, _, said = run("generate", "--shot", "Cellar", "--out", tmp_path / "other")
    assert code == 1 and "no shot named Cellar, it has: Yard, Hall/West, Attic" in said and is_one_sentence(said)


@pytest.mark.slow
def test_all_shots_go_into_folders_of_their_own_and_a_failure_does_not_stop_them(
    listed_shots, run, fake_process, tmp_path
):
    fake_process("ok", frames=3)
    code, output, _ = run("generate", "--all-shots", "--out", tmp_path / "all", "--json")
    assert code == 0 and [made["shot"] for made in answer_of(output)["shots"]] == ["Yard", "Hall/West", "Attic"]
    assert sorted(folder.name for folder in (tmp_path / "all").iterdir()) == ["Attic", "Hall_West", "Yard"]
    scene = bpy.context.scene
    scene.mosaic.shot_index = 1
    gone = bpy.data.objects.new("Gone", bpy.data.cameras.new("Gone"))
    scene.mosaic.path_camera = gone
    code, _, said = run("generate", "--all-shots", "--out", tmp_path / "again")
    assert code == 1 and "2 of 3 shots were made" in said and "Hall/West: the path camera Gone was deleted" in said
    assert sorted(folder.name for folder in (tmp_path / "again").iterdir()) == ["Attic", "Yard"]
