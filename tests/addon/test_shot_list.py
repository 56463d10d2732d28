"""The list of shots: one on the desk, the others in their places, and nothing lost on the way."""

from __future__ import annotations

import bpy
import pytest

from mosaic_core.errors import GenerateError


@pytest.fixture
def scene():
    return bpy.context.scene


def camera(name: str) -> bpy.types.Object:
    obj = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    bpy.context.scene.collection.objects.link(obj)
    return obj


def two_shots(scene) -> None:
    from blender_addon.shot_list import add_shot

    settings = scene.mosaic
    settings.prompt, settings.seed, settings.path_camera = "a yard", 3, camera("Yard")
    scene.frame_start, scene.frame_end = 1, 24
    add_shot(scene)
    add_shot(scene, camera_obj=camera("Hall"), name="Hall")
    settings.prompt, settings.negative_prompt, settings.engine = "a hall", "people", "preview"
    settings.width, settings.height = 320, 180
    scene.frame_start, scene.frame_end = 30, 40


@pytest.mark.slow
def test_a_scene_without_a_list_is_one_shot_without_a_name(scene):
    from blender_addon.shot_list import active_shot, shots_of

    scene.mosaic.seed = 7
    (only,) = shots_of(scene)
    assert only == active_shot(scene) and (only.name, only.seed, only.path_camera) == ("", 7, None)


def test_each_shot_keeps_its_own_values_and_the_active_ones_are_the_settings(scene):
    from blender_addon.shot_list import active_shot, shots_of

    two_shots(scene)
    yard, hall = shots_of(scene)
    assert (yard.name, yard.prompt, yard.seed, yard.path_camera) == ("Shot 1", "a yard", 3, "Yard")
    assert (yard.frame_start, yard.frame_end, yard.width) == (1, 24, 640)
    assert (hall.name, hall.prompt, hall.negative_prompt, hall.engine) == ("Hall", "a hall", "people", "preview")
    assert (hall.frame_start, hall.frame_end, hall.width, hall.path_camera) == (30, 40, 320, "Hall")
    assert active_shot(scene) == hall
    scene.mosaic.shot_index = 0  # as a click in the list does
    assert scene.mosaic.prompt == "a yard" and scene.mosaic.path_camera.name == "Yard"
    assert (scene.frame_start, scene.frame_end) == (1, 24)
    assert shots_of(scene) == [yard, hall] and active_shot(scene) == yard


@pytest.mark.slow
def test_shots_are_found_by_names_that_are_unique(scene):
    from blender_addon.shot_list import duplicate_shot, shot_named, shots_of

    two_shots(scene)
    duplicate_shot(scene)
    assert [shot.name for shot in shots_of(scene)] == ["Shot 1", "Hall", "Hall.001"]
    assert shot_named(scene, "Hall.001").prompt == "a hall"
    scene.mosaic.shots[0].name = "Hall"
    assert [shot.name for shot in shots_of(scene)] == ["Hall.002", "Hall", "Hall.001"]
    with pytest.raises(GenerateError, match=r"no shot named Attic, it has: Hall\.002, Hall, Hall\.001"):
        shot_named(scene, "Attic")


def test_moving_and_removing_keep_the_others_as_they_were(scene):
    from blender_addon.shot_list import duplicate_shot, move_shot, remove_shot, shots_of

    two_shots(scene)
    duplicate_shot(scene)
    yard, hall, copy = shots_of(scene)
    move_shot(scene, -1)
    assert shots_of(scene) == [yard, copy, hall] and scene.mosaic.shot_index == 1
    remove_shot(scene)
    assert shots_of(scene) == [yard, hall] and scene.mosaic.prompt == "a hall"
    remove_shot(scene)
    assert shots_of(scene) == [yard] and scene.mosaic.prompt == "a yard"
    remove_shot(scene)
    (last,) = shots_of(scene)
    assert last.name == "" and last.prompt == "a yard", "the last shot's values stay"


@pytest.mark.slow
def test_the_operators_work_in_one_undo_step_each(scene):
    from blender_addon.shot_list import shots_of

    bpy.ops.ed.undo_push(message="ready")
    assert not bpy.ops.mosaic.shot_remove.poll() and not bpy.ops.mosaic.shot_duplicate.poll()
    bpy.ops.mosaic.shot_add("EXEC_DEFAULT", True)
    scene.mosaic.prompt = "a yard"
    bpy.ops.mosaic.shot_duplicate("EXEC_DEFAULT", True)
    bpy.context.scene.mosaic.prompt = "a hall"
    bpy.ops.ed.undo_push(message="prompt")
    bpy.ops.mosaic.shot_move("EXEC_DEFAULT", True, direction="UP")
    assert [shot.prompt for shot in shots_of(bpy.context.scene)] == ["a hall", "a yard"]
    bpy.ops.ed.undo()
    assert [shot.prompt for shot in shots_of(bpy.context.scene)] == ["a yard", "a hall"]
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert [shot.name for shot in shots_of(bpy.context.scene)] == ["Shot 1"]


@pytest.mark.slow
def test_a_file_keeps_its_shots(scene, tmp_path):
    from blender_addon.shot_list import shots_of

    two_shots(scene)
    before = shots_of(scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shots.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shots.blend"))
    assert shots_of(bpy.context.scene) == before
