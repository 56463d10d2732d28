"""The artist's file is as before a capture, whatever happens, and what cannot be captured is said in one sentence."""

from __future__ import annotations

import bpy
import pytest

from blender_addon.capture import (
    CaptureRequest,
    capture_steps,
)
from blender_addon.capture import passes as passes_module
from blender_addon.capture.exr import read_exr
from mosaic_core.errors import CaptureError

from .capture_scenes import (
    HEIGHT,
    WIDTH,
    add_camera,
    add_cube,
    assert_unchanged,
    capture,
    furnish,
    snapshot,
)


def test_nothing_of_the_artists_file_changes() -> None:
    camera = furnish()
    before = snapshot()
    capture((camera, 1), (camera, 21))
    assert_unchanged(before)


def test_nothing_changes_when_a_capture_is_cancelled_between_renders() -> None:
    camera = furnish()
    before = snapshot()
    request = CaptureRequest(((camera, 1), (camera, 9)), image_height=HEIGHT, image_width=WIDTH)
    steps = capture_steps(bpy.context, request)
    labels = []
    for progress in steps:
        assert_unchanged(before)  # also while the artist's window paints
        labels.append((progress.done, progress.total, progress.label))
        if len(labels) == 4:
            steps.close()
    assert_unchanged(before)
    assert labels[0] == (0, 4, "Camera 0001: picture") and labels[3][2] == "Camera 0009: depth and objects"


@pytest.mark.parametrize("where", ["render", "read_exr", "read_surfaces"])
def test_nothing_changes_when_a_capture_fails(where: str, monkeypatch) -> None:
    camera = furnish()
    before = snapshot()

    def fail(*_args, **_kwargs):
        raise CaptureError("made to fail")

    if where == "render":
        monkeypatch.setattr(passes_module.Stage, "render", fail)
    else:
        monkeypatch.setattr(passes_module, where, fail)
    with pytest.raises(CaptureError, match="made to fail"):
        capture((camera, 1), (camera, 21))
    assert_unchanged(before)


def test_a_rigid_body_world_survives() -> None:
    camera = furnish()
    bpy.ops.rigidbody.object_add()
    assert bpy.context.scene.rigidbody_world is not None
    capture((camera, 1), (camera, 5))
    assert bpy.context.scene.rigidbody_world is not None and bpy.context.object.rigid_body is not None
    bpy.context.scene.frame_set(6)


def test_impossible_requests_are_refused_in_one_sentence() -> None:
    camera = add_camera()
    size = {"image_height": HEIGHT, "image_width": WIDTH}
    empty = bpy.data.objects.new("Empty", None)
    ortho, panorama = add_camera("Ortho", type="ORTHO"), add_camera("Panorama", type="PANO")
    for cameras, text in [
        ((), "no camera"),
        (((None, 1),), "expected a camera, got nothing"),
        (((empty, 1),), "expected a camera, got 'Empty'"),
        (((ortho, 1),), "'Ortho' is not a perspective camera"),
        (((panorama, 1),), "'Panorama' is not a perspective camera"),
        (((camera, 1),) * 1001, "at most 1000 views"),
    ]:
        with pytest.raises(CaptureError, match=text):
            CaptureRequest(cameras, **size)
    for wrong in ({"image_height": 0}, {"image_width": 10**9}, {"samples": 0}):
        with pytest.raises(CaptureError):
            CaptureRequest(((camera, 1),), **{**size, **wrong})


def test_a_missing_renderer_and_an_empty_scene_are_named() -> None:
    camera = add_camera()
    with pytest.raises(CaptureError, match="the cameras see no object"):
        capture(camera)
    add_cube()
    with pytest.raises(CaptureError, match="no renderer 'NO_SUCH_ENGINE'"):
        capture(camera, engine="NO_SUCH_ENGINE")
    assert len(bpy.data.scenes) == 1


def test_an_object_removed_between_two_renders_ends_the_capture() -> None:
    camera, cube = add_camera(), add_cube()
    request = CaptureRequest(((camera, 1),), image_height=HEIGHT, image_width=WIDTH)
    steps = capture_steps(bpy.context, request)
    next(steps)
    bpy.data.objects.remove(cube)
    with pytest.raises(CaptureError, match="the scene changed"):
        list(steps)
    assert len(bpy.data.scenes) == 1


def test_damaged_renders_are_refused(tmp_path) -> None:
    for content in (b"", b"not an image at all", b"v/1\x01\x02\x00\x00\x00channels\x00chlist\x00"):
        file = tmp_path / "x.exr"
        file.write_bytes(content)
        with pytest.raises(CaptureError, match="damaged"):
            read_exr(file)
    with pytest.raises(CaptureError, match="cannot be read"):
        read_exr(tmp_path / "missing.exr")


def test_a_temporary_folder_that_cannot_be_written_is_named(monkeypatch) -> None:
    camera = add_camera()
    add_cube()

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    with pytest.raises(CaptureError, match="No space left"):
        capture(camera)
