"""From the panel's settings to a memory in the scene and its file."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from blender_addon.capture import (
    CaptureRequest,
    capture_into_scene,
    requests_from_settings,
)
from blender_addon.memory.store import memory_of
from mosaic_core.errors import CaptureError

from .capture_scenes import (
    HEIGHT,
    WIDTH,
    add_camera,
    add_cube,
    assert_unchanged,
    snapshot,
)


@pytest.fixture
def blend(tmp_path):
    """The scene is saved, so memories go beside it."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    return tmp_path


def settings(**values):
    scene = bpy.context.scene.mosaic
    scene.capture_width, scene.capture_height = WIDTH, HEIGHT
    for key, value in values.items():
        setattr(scene, key, value)
    return scene


def test_settings_choose_the_cameras() -> None:
    scene = bpy.context.scene
    first, second = add_camera("A"), add_camera("B")
    bpy.ops.object.select_all(action="DESELECT")
    settings(capture_source="SELECTED_CAMERAS")
    with pytest.raises(CaptureError, match="no camera is selected"):
        requests_from_settings(bpy.context)
    first.select_set(True)
    scene.frame_set(4)
    assert requests_from_settings(bpy.context).cameras == ((first, 4),)
    settings(capture_source="ALL_CAMERAS")
    assert requests_from_settings(bpy.context).cameras == ((first, 4), (second, 4))
    settings(capture_source="SCENE_CAMERA")
    assert requests_from_settings(bpy.context).cameras == ((second, 4),)
    scene.frame_start, scene.frame_end = 1, 21
    scene.timeline_markers.new("Cut", frame=11).camera = first
    scene.timeline_markers.new("Start", frame=1).camera = second
    settings(capture_source="ANIMATION", capture_every=10)
    assert requests_from_settings(bpy.context).cameras == ((second, 1), (first, 11), (first, 21))


@pytest.mark.parametrize("source", ["SCENE_CAMERA", "ALL_CAMERAS", "SELECTED_CAMERAS", "ANIMATION"])
def test_without_a_camera_the_operator_says_so(source: str) -> None:
    add_cube()
    settings(capture_source=source)
    with pytest.raises(RuntimeError, match=r"no camera|camera is selected"):
        bpy.ops.mosaic.capture()
    assert bpy.context.scene.mosaic.memory is None


def test_the_operator_makes_a_memory_that_later_captures_neither_show_nor_overwrite(blend) -> None:
    add_camera()
    add_cube()
    settings(capture_source="SCENE_CAMERA")
    assert bpy.ops.mosaic.capture() == {"FINISHED"}
    first = bpy.context.scene.mosaic.memory
    assert (blend / "mosaic" / "Memory.mosaic").is_file()
    assert first.mosaic.memory_path == "//mosaic/Memory.mosaic"
    seen = memory_of(first)
    first.hide_render = False  # an artist may show the memory in renders; a capture must not take it for scene
    assert bpy.ops.mosaic.capture() == {"FINISHED"}
    assert first.hide_render is False
    again = memory_of(bpy.context.scene.mosaic.memory)
    assert dict(again.object_names) == {1: "Cube"}
    assert np.array_equal(again.views[0].rgb, seen.views[0].rgb)
    assert sorted(file.name for file in (blend / "mosaic").iterdir()) == ["Memory.mosaic", "Memory_002.mosaic"]


def test_extending_keeps_ids_and_edits(blend) -> None:
    camera = add_camera()
    add_cube("Middle")
    settings(capture_source="SCENE_CAMERA")
    bpy.ops.mosaic.capture()
    memory_object = bpy.context.scene.mosaic.memory
    memory_object.location.x = 2.0
    add_cube("Above all in the alphabet", (0, 0, 0), size=0.5)
    camera.location.x = 0.2
    bpy.data.objects["Above all in the alphabet"].location = (0.9, 0, 0)
    bpy.ops.mosaic.capture(extend=True)
    assert bpy.context.scene.mosaic.memory == memory_object
    memory = memory_of(memory_object)
    assert dict(memory.object_names) == {1: "Middle", 2: "Above all in the alphabet"}
    assert len(memory.views) == 2 and len(memory.edits) == 1
    first_view = (memory.patches.view == 0) & (memory.patches.object_id == 1)
    placements = memory.placements
    moved = placements.transforms[placements.transform_index[first_view[placements.rows - 1]]]
    assert len(moved) and np.allclose(moved[:, :3, 3], (2, 0, 0), atol=1e-5)


def test_a_capture_that_cannot_be_saved_leaves_nothing(blend) -> None:
    camera = add_camera()
    add_cube()
    (blend / "mosaic").write_text("a file where the folder should be")
    request = CaptureRequest(((camera, 1),), image_height=HEIGHT, image_width=WIDTH)
    before = snapshot()
    with pytest.raises(CaptureError, match="cannot be written"):
        capture_into_scene(bpy.context, request)
    assert_unchanged(before)


def test_extending_without_a_memory_is_refused() -> None:
    add_camera()
    add_cube()
    settings(capture_source="SCENE_CAMERA")
    with pytest.raises(RuntimeError, match="no memory to add views to"):
        bpy.ops.mosaic.capture(extend=True)
