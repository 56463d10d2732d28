"""Capturing in a second process: the same memory, errors that say whose they are, and nothing left however it ends.

The second Blender is a Python with the bpy package here; tests/desktop has the real one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.capture import CaptureRequest, background, capture_memory
from mosaic_core.errors import CaptureError
from mosaic_core.memory import save_memory

from .capture_scenes import (
    HEIGHT,
    WIDTH,
    WORKBENCH,
    add_camera,
    add_cube,
    animate,
    assert_unchanged,
    snapshot,
)
from .memory_scenes import room_memory
from .test_beside import drained

OPEN = "import bpy, sys\nbpy.ops.wm.open_mainfile(filepath=sys.argv[sys.argv.index('--') - 1])\n"


@pytest.fixture
def by_python(monkeypatch):
    """The second Blender is this Python."""
    command_of = background._command

    if bpy.app.binary_path:
        pytest.skip("the desktop Blender's Python has no bpy; tests/desktop/test_capture_background.py plays it there")

    def command(blend_file: Path) -> list[str]:
        arguments = command_of(blend_file)
        asked = arguments[arguments.index("--") :]
        return [sys.executable, "-c", OPEN + background._BOOTSTRAP, str(blend_file), *asked]

    monkeypatch.setattr(background, "_command", command)


def says(monkeypatch, *lines: str) -> None:
    """The second Blender is a program that says this and ends with 3."""
    script = f"print({chr(10).join(lines)!r}, flush=True)\nraise SystemExit(3)"
    monkeypatch.setattr(background, "_command", lambda _file: [sys.executable, "-c", script])


def request_of(*cameras, engine: str = WORKBENCH) -> CaptureRequest:
    return CaptureRequest(cameras, image_height=HEIGHT, image_width=WIDTH, engine=engine)


def folders() -> list[Path]:
    return list(Path(bpy.app.tempdir).glob("mosaic-capture-*"))


def painted_cube() -> bpy.types.Object:
    """A cube with an image whose pixels are in no file, that moves, as high as a function says."""
    image = bpy.data.images.new("Painted", 8, 8)
    image.pixels.foreach_set(np.tile(np.array([0.9, 0.1, 0.7, 1.0], np.float32), 64))
    image.update()
    material = bpy.data.materials.new("Painted")
    if material.node_tree is None:  # from Blender 5.0 on every material has one, and asking for it is deprecated
        material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image, material.node_tree.nodes.active = image, node
    cube = add_cube()
    cube.data.materials.append(material)
    animate(cube, "location", {1: (0, 0, 0), 5: (1, 0, 0)})
    return cube


def test_the_memory_is_the_same_and_the_scene_that_of_the_start(by_python, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    camera, cube, scene = add_camera(), painted_cube(), bpy.context.scene
    scene.frame_end = 5
    scene.display.shading.color_type = "TEXTURE"
    add_cube("Other", (-1.5, 0, 0))
    request = request_of((camera, 1), (camera, 5))
    one = capture_memory(bpy.context, request)
    before = snapshot()
    steps, remarks = background.steps_beside_window(bpy.context, request), set()
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            other = end.value
            break
        remarks.add(progress.remark)
        if progress.editable and cube is not None:
            assert_unchanged(before)
            bpy.data.objects.remove(cube)
            cube = None
    assert remarks == {""} and cube is None and folders() == []
    assert dict(one.object_names) == dict(other.object_names) == {1: "Cube", 2: "Other"}
    for ours, theirs in zip(one.views, other.views, strict=True):
        assert (ours.name, ours.time_s) == (theirs.name, theirs.time_s)
        assert np.array_equal(ours.camera.world_from_cam, theirs.camera.world_from_cam)
        for kind in ("rgb", "z_depth", "object_ids", "dynamic", "sky"):
            assert np.array_equal(getattr(ours, kind), getattr(theirs, kind)), kind
    assert one.motions[1].same_as(other.motions[1])
    red, green, _ = other.views[0].rgb[other.views[0].object_ids == 1].mean(0)
    assert red > 2 * green, "the painted pixels came along"


def test_what_is_wrong_with_the_scene_is_said_and_what_is_wrong_with_the_process_is_remarked(by_python):
    camera = add_camera()
    with pytest.raises(CaptureError, match="the cameras see no object"):
        drained(background.steps_beside_window(bpy.context, request_of((camera, 1))))
    add_cube()
    with pytest.raises(CaptureError, match="no renderer 'NO_SUCH_ENGINE': enable its add-on"):
        drained(background.steps_beside_window(bpy.context, request_of((camera, 1), engine="NO_SUCH_ENGINE")))
    assert folders() == []


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("Error: no graphics card",), "it ended with exit code 3: Error: no graphics card"),
        (('mosaic-capture: {"error": "it has no graphics"}',), "it has no graphics"),
        (None, "No such file"),
    ],
)
def test_where_there_is_no_second_blender_the_window_captures_and_says_so(lines, reason, monkeypatch):
    camera = add_camera()
    add_cube()
    if lines is None:
        monkeypatch.setattr(background, "_command", lambda _file: [os.devnull + "/no/program"])
        reason = "directory"
    else:
        says(monkeypatch, *lines)
    seen, memory = drained(background.steps_beside_window(bpy.context, request_of((camera, 1))))
    assert len(memory.views) == 1 and folders() == []
    assert not any(progress.editable for progress in seen), "this window still needs the file as it is"
    assert seen[-1].remark.startswith("captured in this window") and reason in seen[-1].remark, seen[-1].remark


def test_a_window_that_comes_late_misses_nothing(monkeypatch, tmp_path):
    """All was said before it looked."""
    save_memory(room_memory(), tmp_path / "room.mosaic")
    news = ('{"ready": true}', '{"done": 1, "label": "Camera"}', '{"finished": true}')
    script = f"import shutil, sys\nshutil.copy({str(tmp_path / 'room.mosaic')!r}, sys.argv[1])\n"
    script += f"print({chr(10).join('mosaic-capture: ' + each for each in news)!r}, flush=True)"
    monkeypatch.setattr(
        background, "_command", lambda file: [sys.executable, "-c", script, str(file.parent / background.MEMORY_FILE)]
    )
    steps = background.steps_beside_window(bpy.context, request_of((add_camera(), 1)))
    remarks = set()
    while True:
        try:
            remarks.add(next(steps).remark)
        except StopIteration as end:
            assert len(end.value.views) == len(room_memory().views) and remarks == {""}
            return
        time.sleep(0.5)


def test_one_that_never_begins_is_ended_and_the_window_captures(monkeypatch):
    camera = add_camera()
    add_cube()
    monkeypatch.setattr(background, "START_LIMIT_S", 0.3)
    monkeypatch.setattr(background, "_command", lambda _file: [sys.executable, "-c", "import time; time.sleep(60)"])
    started_s = time.monotonic()
    seen, memory = drained(background.steps_beside_window(bpy.context, request_of((camera, 1))))
    assert len(memory.views) == 1 and "it did not begin within 0.3 s" in seen[-1].remark
    assert time.monotonic() - started_s < 30


def test_one_that_dies_while_it_captures_ends_the_capture_and_the_next_is_made_without(monkeypatch):
    camera = add_camera()
    add_cube()
    says(monkeypatch, 'mosaic-capture: {"ready": true}', 'mosaic-capture: {"done": 1, "label": "Camera"}')
    before = snapshot()
    request = request_of((camera, 1))
    with pytest.raises(CaptureError, match=r"second Blender, which captured, ended with exit code 3\. Nothing was"):
        drained(background.steps_beside_window(bpy.context, request))
    assert_unchanged(before)
    seen, memory = drained(background.steps_beside_window(bpy.context, request))
    assert len(memory.views) == 1 and "broke down the last time" in seen[-1].remark
    with pytest.raises(CaptureError, match="ended with exit code 3"):  # it is given another chance
        drained(background.steps_beside_window(bpy.context, request))
    background._Runtime.broke = False


def test_a_scene_that_no_file_can_hold_is_captured_in_the_window(monkeypatch, tmp_path):
    camera = add_camera()
    add_cube()
    image = bpy.data.images.new("Tiles", 8, 8, tiled=True)
    image.pixels[0] = 0.5
    image.use_fake_user = True
    assert image.is_dirty
    seen, _ = drained(background.steps_beside_window(bpy.context, request_of((camera, 1))))
    assert "the image Tiles of several files was painted" in seen[-1].remark


@pytest.mark.parametrize("until", ["started", "editable"])
def test_closing_ends_the_process_and_removes_its_files(until: str, by_python, monkeypatch):
    camera = add_camera()
    add_cube()
    started: list[subprocess.Popen] = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    steps = background.steps_beside_window(bpy.context, request_of(*((camera, frame) for frame in range(40))))
    for progress in steps:
        if started and (until == "started" or progress.editable):
            break
        time.sleep(0.01)
    assert started[0].poll() is None
    steps.close()
    assert started[0].poll() is not None and folders() == []


def test_the_process_ends_with_the_one_that_started_it(by_python, tmp_path):
    camera = add_camera()
    add_cube()
    folder = tmp_path / "given"
    folder.mkdir()
    request = request_of(*((camera, frame) for frame in range(400)))
    _, file = drained(background.snapshot_steps(bpy.context.scene, bpy.context.view_layer.name, request, folder))
    blender = background.SecondBlender(file)
    limit_s = time.monotonic() + 60
    while not any("label" in news for news in blender.news()):
        assert time.monotonic() < limit_s and not blender.ending, blender.ending
        time.sleep(0.05)
    assert blender._process.stdin is not None
    blender._process.stdin.close()  # as when the other crashes
    assert blender._process.wait(30) == 1
    assert not folder.exists()
    blender.close()


def test_caches_beside_the_file_are_found_beside_its_copy(tmp_path):
    """A simulation that keeps its frames on the disk looks for them beside the file that is open, by its name."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    (tmp_path / "blendcache_shot").mkdir()
    (tmp_path / "blendcache_shot" / "baked_000001_00.bphys").write_bytes(b"a frame")
    request, folder = request_of((add_camera(), 1)), tmp_path / "copy"
    folder.mkdir()
    steps = background.snapshot_steps(bpy.context.scene, bpy.context.view_layer.name, request, folder)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            copy = end.value
            break
    assert (copy.parent / f"blendcache_{copy.stem}" / "baked_000001_00.bphys").read_bytes() == b"a frame"
