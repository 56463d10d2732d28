"""`blender -b FILE --command mosaic ...` with the installed extension: the job, its errors, and a Blender that dies."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import FOLDER

ROOT = FOLDER.parent.parent


def answer_of(run: subprocess.CompletedProcess) -> dict:
    """The result of a command with --json; Blender's own lines are around it."""
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(next(line for line in run.stdout.splitlines() if line.startswith("{")))


def sentence_of(run: subprocess.CompletedProcess) -> str:
    """The one sentence of a command that failed as it should."""
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    sentences = [line for line in run.stderr.splitlines() if line.startswith("mosaic: ")]
    assert len(sentences) == 1, run.stderr
    return sentences[0]


@pytest.fixture(scope="module")
def captured(blender, scene_file, tmp_path_factory) -> Path:
    """The scene with a memory in it, made by the command."""
    file = Path(shutil.copy(scene_file, tmp_path_factory.mktemp("captured")))
    run = blender.run(file, "--command", "mosaic", "capture", "--size", "320x180", "--save", "--json")
    assert answer_of(run)["views"] == 4
    return file


def test_capture_edit_and_generate_without_a_window(blender, captured, tmp_path):
    file = tmp_path / captured.name
    shutil.copytree(captured.parent, tmp_path, dirs_exist_ok=True)
    edit = ["edit", "--select-object", "Crate Red", "--move", "0", "-1.5", "0", "--save", "--json"]
    size = ["--width", "320", "--height", "180", "--frames", "1:3"]
    frames = {}
    for name in ("before", "after"):
        out = tmp_path / name
        run = blender.run(file, "--command", "mosaic", "generate", "--out", out, *size)
        assert run.returncode == 0, run.stdout + run.stderr
        assert (out / "clip.mp4").stat().st_size > 1000
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["shot"]["engine"] == "tiny"
        frames[name] = [file.read_bytes() for file in sorted((out / "frames").glob("frame_*.png"))]
        answer_of(blender.run(file, "--command", "mosaic", *edit))
    assert len(frames["before"]) == len(frames["after"]) == 3
    assert frames["before"][0] != frames["after"][0], "the moved crate changes the picture"


def test_generate_without_a_memory_says_so(blender, scene_file, tmp_path):
    run = blender.run(scene_file, "--command", "mosaic", "generate", "--out", tmp_path / "take")
    assert "memory" in sentence_of(run)
    assert not (tmp_path / "take").exists()


def test_generate_without_a_camera_says_so(blender, captured, tmp_path):
    bare = tmp_path / "bare.blend"
    shutil.copytree(captured.parent / "mosaic", tmp_path / "mosaic")
    remove = (
        "import bpy\n"
        "[bpy.data.objects.remove(o) for o in list(bpy.data.objects) if o.type == 'CAMERA']\n"
        f"bpy.ops.wm.save_as_mainfile(filepath={str(bare)!r}, copy=True)"
    )
    made = blender.run(captured, "--python-exit-code", "1", "--python-expr", remove)
    assert made.returncode == 0, made.stdout + made.stderr
    run = blender.run(bare, "--command", "mosaic", "generate", "--out", tmp_path / "take")
    assert "camera" in sentence_of(run)
    assert not (tmp_path / "take").exists()


def test_a_wrong_python_for_the_worker_says_so(blender, captured, tmp_path):
    run = blender.run(
        *(captured, "--command", "mosaic", "generate", "--out", tmp_path / "take"),
        MOSAIC_PYTHON=str(tmp_path / "no_python_here"),
    )
    assert "no_python_here" in sentence_of(run)
    assert not (tmp_path / "take").exists()


def children_of(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for(condition, *, limit_s: float):
    """What the condition gives once it is true."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"waited {limit_s:g} s in vain")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_a_killed_blender_leaves_no_process_and_no_clip(blender, captured, tmp_path):
    out = tmp_path / "take"
    command = ["generate", "--out", str(out), "--width", "1920", "--height", "1080"]
    process = subprocess.Popen(
        [blender.executable, "-b", str(captured), "--command", "mosaic", *command],
        env=blender.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        workers = wait_for(lambda: children_of(process.pid), limit_s=60)
        wait_for(lambda: process.poll() is not None or list(tmp_path.rglob("frame_*.png")), limit_s=90)
        assert process.poll() is None, "Blender ended before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), limit_s=30)
    assert not (out / "clip.mp4").exists()
    assert not (out / "manifest.json").exists()


def test_the_demos_file_generates_in_the_desktop_blender(blender, tmp_path):
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("the demo needs the bpy package")
    demo = tmp_path / "demo"
    made = subprocess.run(
        [sys.executable, "-m", "mosaic_core.cli", "demo", "--out", str(demo)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    out = tmp_path / "take"
    run = blender.run(demo / "demo.blend", "--command", "mosaic", "generate", "--out", out)
    assert run.returncode == 0, run.stdout + run.stderr
    assert list((out / "frames").glob("frame_*.png"))
    assert (out / "clip.mp4").stat().st_size > 10_000
