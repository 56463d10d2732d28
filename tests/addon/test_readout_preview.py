"""The live preview shows what the engines are fed, bit for bit, follows edits, and never makes a frame twice."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from mosaic_core.engines.preview import ENGINE
from tests.core.known_scenes import RED

from .job_scenes import ready_scene
from .memory_scenes import ints, moved_by


@pytest.fixture
def scene(tmp_path):
    from blender_addon.overlay import readout_preview

    readout_preview.forget()
    made = ready_scene(tmp_path)
    bpy.context.scene.frame_set(1)
    return made


def preview():
    """The picture of this moment, once it is there."""
    from blender_addon.overlay import readout_preview, supply

    for _ in range(4):
        readout_preview.shown_now(bpy.context)
        supply.settle()
    return readout_preview.shown_now(bpy.context)


def fed_to_the_engine():
    """Memory and path exactly as a job reads them."""
    from blender_addon.memory.read import edited_memory
    from blender_addon.overlay import supply
    from blender_addon.paths.sample import path_of_scene

    scene = bpy.context.scene
    height, width = supply.size_of(scene)
    return edited_memory(scene.mosaic.memory), path_of_scene(bpy.context, image_height=height, image_width=width)


def move_red_crate(memory_obj, offset) -> None:
    from blender_addon.memory.change import transform_faces

    transform_faces(memory_obj, np.flatnonzero(ints(memory_obj, "object_id") == RED), moved_by(offset))
    bpy.context.view_layer.update()


def test_the_size_is_the_shots_clipped_to_what_models_are_fed():
    from blender_addon.overlay.tasks import preview_size

    assert preview_size(image_height=360, image_width=640) == (144, 256)
    assert preview_size(image_height=1080, image_width=1080) == (144, 144)
    assert preview_size(image_height=36, image_width=64) == (36, 64)


def test_every_frame_is_what_the_engine_makes_bit_for_bit(scene):
    bpy.context.scene.mosaic.width, bpy.context.scene.mosaic.height = 640, 360
    bpy.context.scene.mosaic.engine = "preview"
    move_red_crate(scene[0], (0.4, 0.0, 0.2))
    memory, path = fed_to_the_engine()
    assert (path.image_height, path.image_width) == (144, 256)
    for number, made in zip(path.frame_numbers, ENGINE.frames(memory, path), strict=True):
        bpy.context.scene.frame_set(number)
        shown = preview()
        assert shown.is_current and shown.frame == number
        assert np.array_equal(shown.readout.values, made.rgb)
        assert np.array_equal(shown.readout.covered, made.covered)
        assert np.array_equal(shown.readout.z_depth, made.z_depth)


@pytest.mark.slow
def test_the_model_is_fed_the_same_bits(scene, monkeypatch):
    pytest.importorskip("torch")
    from mosaic_core.engines import tiny
    from mosaic_core.memory import DYNAMIC

    bpy.context.scene.mosaic.width, bpy.context.scene.mosaic.height = 256, 144
    bpy.context.scene.mosaic.engine = "tiny"
    flags = ints(scene[0], "flags")
    flags[ints(scene[0], "object_id") == RED] |= int(DYNAMIC)  # what moves is not the model's to see
    scene[0].data.attributes["flags"].data.foreach_set("value", flags)
    memory, path = fed_to_the_engine()
    fed = []
    composing = tiny.compose
    monkeypatch.setattr(tiny, "compose", lambda readout, *made: fed.append(readout) or composing(readout, *made))
    list(tiny.TinyEngine(device="cpu").frames(memory, path))
    for number, readout in zip(path.frame_numbers, fed, strict=True):
        bpy.context.scene.frame_set(number)
        assert np.array_equal(preview().readout.values, readout.values)
    bpy.context.scene.mosaic.engine = "preview"
    assert not np.array_equal(preview().readout.values, readout.values), "the preview engine shows the crate"


def test_an_edit_shows_and_only_frames_it_reaches_are_made_again(scene):
    from blender_addon.overlay import readout_preview, supply

    before = preview()
    for _ in range(2):
        supply.settle()
    assert len(readout_preview.frames) == 3, "the path's other frames were made ahead"
    move_red_crate(scene[0], (0.4, 0.0, 0.0))
    assert not supply.is_current(scene[0])
    after = preview()
    assert after.is_current and not np.array_equal(after.readout.values, before.readout.values)
    memory, path = fed_to_the_engine()
    assert np.array_equal(after.readout.values, next(iter(ENGINE.frames(memory, path))).rgb)


def test_frames_that_an_edit_cannot_reach_are_taken_over(scene, monkeypatch):
    from blender_addon.memory.change import delete_faces
    from blender_addon.overlay import readout_preview, supply, tasks

    camera = scene[1]
    camera.rotation_euler.z += 2.5  # looks away from the crates
    camera.keyframe_insert("rotation_euler", frame=1)
    bpy.context.view_layer.update()
    first = preview()
    made = []
    reading = tasks.TimedReader.rgb
    monkeypatch.setattr(tasks.TimedReader, "rgb", lambda self, *at: made.append(at) or reading(self, *at))
    delete_faces(scene[0], np.flatnonzero(ints(scene[0], "object_id") == RED))
    bpy.context.view_layer.update()
    after = preview()
    supply.settle()
    assert after.is_current and np.array_equal(after.readout.values, first.readout.values)
    assert len(readout_preview.frames) == 3 and len(made) == 1, "only the frame that is looked at"


def test_work_for_a_state_that_is_gone_does_not_bring_it_back(scene):
    from blender_addon.overlay import supply, tasks

    preview()
    state = supply.edited(scene[0])
    camera, other = (path := fed_to_the_engine()[1])[0], path[1]
    frames = tasks.Frames()
    frames.aim(state)
    patient = frames.reading(state, [(camera, 0.0), (other, 0.1)])
    next(patient)
    newer = tasks.Edited("newer", state.memory.edited(), state.parts)
    frames.aim(newer)
    list(frames.reading(newer, [(camera, 0.0)]))
    assert list(patient) == []
    assert frames.get(newer, camera, 0.0) is not None and frames.get(state, camera, 0.0) is None


def test_holes_are_striped_and_nothing_else_is_touched(scene):
    from blender_addon.overlay.readout_preview import display_image

    scene[1].rotation_euler.z += 0.6
    scene[1].animation_data_clear()
    bpy.context.view_layer.update()
    readout = preview().readout
    assert 0.05 < readout.covered.mean() < 0.95
    image = display_image(readout)
    assert np.array_equal(image[readout.covered][:, :3], readout.values[readout.covered])
    striped = (image[..., :3] != readout.values).any(axis=-1)
    assert 0.3 < striped[~readout.covered].mean() < 0.7


def test_without_a_camera_the_reason_is_said(scene):
    from mosaic_core.errors import CameraError

    bpy.data.objects.remove(scene[1])
    with pytest.raises(CameraError, match="no camera"):
        preview()
