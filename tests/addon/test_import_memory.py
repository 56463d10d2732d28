"""Importing memories in Blender: by the GPU process's Python, as a new memory or into the one that is there."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import bpy
import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")  # the desktop Blender has none

from blender_addon.memory.store import memory_of  # noqa: E402
from blender_addon.operators.import_memory import kind_of  # noqa: E402
from mosaic_core.cameras import CameraPath, save_path  # noqa: E402
from mosaic_core.memory import save_memory  # noqa: E402
from mosaic_core.memory.formats import export_memory  # noqa: E402
from mosaic_core.worker.command_run import CommandRun  # noqa: E402
from tests.core.known_scenes import room_memory  # noqa: E402

from .memory_scenes import built  # noqa: E402
from .path_scenes import scene_camera  # noqa: E402

PLACES = ((0.0, -5.0, 1.8), (1.5, -4.5, 1.8))


@pytest.fixture(autouse=True)
def blend(tmp_path, monkeypatch):
    """The scene is saved, so memories go beside it; logs stay in the test's folder."""
    from blender_addon import compat

    def user_dir(folder: str = "") -> Path:
        (tmp_path / "user" / folder).mkdir(parents=True, exist_ok=True)
        return tmp_path / "user" / folder

    monkeypatch.setattr(compat, "user_dir", user_dir)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    return tmp_path


def scene_memory():
    return memory_of(bpy.context.scene.mosaic.memory)


def test_a_mosaic_file_becomes_a_memory_and_another_is_added_to_it(tmp_path):
    save_memory(room_memory(PLACES[:1]), tmp_path / "one.mosaic")
    save_memory(room_memory(PLACES), tmp_path / "two.mosaic")
    assert bpy.ops.mosaic.import_memory(filepath=str(tmp_path / "one.mosaic")) == {"FINISHED"}
    obj = bpy.context.scene.mosaic.memory
    assert obj.name == "one" and len(scene_memory().views) == 1
    obj.location.x = 2.0
    assert bpy.ops.mosaic.import_memory(filepath=str(tmp_path / "two.mosaic"), extend=True) == {"FINISHED"}
    assert bpy.context.scene.mosaic.memory == obj
    memory = scene_memory()
    assert len(memory.views) == 3 and len(memory.edits) == 1
    assert memory.object_names == room_memory(PLACES).object_names  # of one name is one object


def test_files_are_read_and_saved_beside_blender(tmp_path, monkeypatch):
    from blender_addon.capture import store
    from blender_addon.operators import import_memory

    threads = []

    def noting(work):
        return lambda *known: threads.append(threading.current_thread()) or work(*known)

    monkeypatch.setattr(import_memory, "load_memory", noting(import_memory.load_memory))
    monkeypatch.setattr(store, "save_memory", noting(store.save_memory))
    save_memory(room_memory(PLACES[:1]), tmp_path / "one.mosaic")
    assert bpy.ops.mosaic.import_memory(filepath=str(tmp_path / "one.mosaic")) == {"FINISHED"}
    assert len(threads) == 2 and threading.main_thread() not in threads


def test_what_cannot_be_imported_is_one_sentence_and_changes_nothing(tmp_path):
    for place, words, known in (
        (tmp_path / "gone.mosaic", "there is no such file", {}),
        (tmp_path / "shot.blend", "no memory to add to", {"extend": True}),
        (tmp_path, "Mosaic does not find out how a camera moved", {"kind": "PHOTO"}),
    ):
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.mosaic.import_memory(filepath=str(place), **known)
    assert bpy.context.scene.mosaic.memory is None and not bpy.data.objects
    (tmp_path / "clip.mp4").write_bytes(b"a video")
    with pytest.raises(RuntimeError, match="videos need the cameras that took them"):
        bpy.ops.mosaic.import_memory(filepath=str(tmp_path / "clip.mp4"))


def test_kinds_are_told_by_what_is_there(tmp_path):
    (tmp_path / "scan" / "rgb").mkdir(parents=True)
    (tmp_path / "photos").mkdir()
    for place in (tmp_path / "scan" / "rgb", tmp_path / "photos"):
        (place / "a.png").write_bytes(b"")
    assert kind_of(tmp_path / "scan", "AUTO") == "memory" and kind_of(tmp_path / "photos", "AUTO") == "photo"
    assert kind_of(Path("a.MOV"), "AUTO") == "photo" and kind_of(Path("a.ply"), "AUTO") == "memory"
    assert kind_of(Path("a.mosaic"), "AUTO") == "mosaic" and kind_of(Path("a.mosaic"), "PHOTO") == "photo"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rgbd", "mirage", "vipe", "colmap", "colmap_binary", "ply", "glb"])
def test_every_format_of_the_core_is_imported(tmp_path, name):
    memory = room_memory(PLACES)
    suffix = {"mirage": ".npz", "ply": ".ply", "glb": ".glb"}.get(name, "")
    export_memory(memory, tmp_path / f"scan{suffix}", format=name)
    scene_camera(at=PLACES[0], to=(0, 0, 1))
    bpy.context.scene.frame_end = 2
    bpy.context.scene.mosaic.capture_width, bpy.context.scene.mosaic.capture_height = 160, 90
    assert bpy.ops.mosaic.import_memory(filepath=str(tmp_path / f"scan{suffix}")) == {"FINISHED"}
    assert len(scene_memory().views) == 2 and len(scene_memory().patches) > 50
    assert not list(tmp_path.glob("**/mosaic-import-*"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["one", "folder", "video"])
def test_photographs_and_videos_with_cameras_are_imported_and_added(tmp_path, kind):
    built(tmp_path / "known")
    scene = bpy.context.scene
    scene.mosaic.memory = bpy.context.view_layer.objects.active
    before = len(scene_memory().views)
    views = room_memory(PLACES).views
    cameras = [view.camera for view in views]
    if kind == "one":
        place = tmp_path / "photo.png"
        Image.fromarray(views[0].rgb).save(place)
    elif kind == "folder":
        place = tmp_path / "photos"
        place.mkdir()
        for number, view in enumerate(views, start=1):
            Image.fromarray(view.rgb).save(place / f"IMG_{number:04d}.jpg")
    else:
        place = write_video(tmp_path / "clip.mp4", [view.rgb for view in views])
    save_path(CameraPath(tuple(cameras), (1, 2), 24.0), tmp_path / "cameras.json")
    known = {"filepath": str(place), "cameras": str(tmp_path / "cameras.json"), "median_m": 4.0}
    assert bpy.ops.mosaic.import_memory(extend=True, **known) == {"FINISHED"}
    memory = scene_memory()
    assert len(memory.views) == before + (1 if kind == "one" else 2)
    view = memory.views[-1]
    wanted = cameras[0] if kind == "one" else cameras[-1]
    np.testing.assert_allclose(view.camera.world_from_cam, wanted.world_from_cam, atol=1e-9)
    known_depth = view.z_depth[np.isfinite(view.z_depth)]
    assert known_depth.size and 0.5 < np.median(known_depth) < 20 and view.source == "imported"


def write_video(file: Path, frames) -> Path:
    import av

    with av.open(str(file), "w") as video:
        stream = video.add_stream("mpeg4", rate=24)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for rgb in frames:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
        video.mux(stream.encode())
    return file


@pytest.mark.slow
def test_a_command_tells_its_error_and_ends_when_it_is_cancelled(tmp_path):
    import sys

    run = CommandRun(sys.executable, ["import", str(tmp_path / "gone"), "--out", "x"], log_file=tmp_path / "a.log")
    run.wait()
    assert "there is no such file or folder" in run.error and not run.error.startswith("mosaic")
    run.close()
    run = CommandRun(sys.executable, ["bench"], log_file=tmp_path / "b.log")
    time.sleep(0.5)
    assert run.running
    run.close()
    assert not run.running and run.error == "cancelled"
