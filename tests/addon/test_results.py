"""Takes in Blender: the right frames in the camera's background and in the sequencer, in one undo step."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from mosaic_core.errors import GenerateError

from .job_scenes import make_take, shade_of


@pytest.fixture
def camera_obj():
    camera_obj = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    scene = bpy.context.scene
    scene.collection.objects.link(camera_obj)
    scene.camera = camera_obj
    bpy.ops.ed.undo_push(message="ready")
    return camera_obj


def add(folder: Path, **options) -> None:
    """Add a take as the panel's button does, with its undo step."""
    result = bpy.ops.mosaic.apply_result("EXEC_DEFAULT", True, folder=str(folder), **options)
    assert result == {"FINISHED"}


def backgrounds():
    return [each for each in bpy.data.objects["Shot"].data.background_images if each.image is not None]


def strips():
    from blender_addon.compat import strips_of

    editor = bpy.context.scene.sequence_editor
    return list(strips_of(editor)) if editor else []


def file_shown_at(frame: int) -> str:
    """The file that the camera's background shows at a frame."""
    bpy.context.scene.frame_set(frame)
    (background,) = backgrounds()
    return Path(background.image.filepath_from_user(image_user=background.image_user)).name


def rendered_shade(frame: int, folder: Path) -> int:
    """What the sequencer shows at a frame, read from a render of it."""
    scene = bpy.context.scene
    scene.render.use_sequencer = True
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 36, 100
    scene.render.filepath = str(folder / f"render_{frame}.png")
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(scene.render.filepath)
    pixels = np.zeros(len(picture.pixels), np.float32)
    picture.pixels.foreach_get(pixels)
    bpy.data.images.remove(picture)
    return round(float(pixels.reshape(36, 64, 4)[18, 32, 0]) * 255)


def test_background_and_strip_show_each_frame_at_its_place(camera_obj, tmp_path):
    from blender_addon.compat import strip_span

    add(make_take(tmp_path / "take_0001"))
    assert [file_shown_at(frame) for frame in (11, 13, 14)] == [f"frame_{n:04d}.png" for n in (11, 13, 14)]
    (background,) = backgrounds()
    assert background.display_depth == "FRONT" and bpy.data.cameras["Shot"].show_background_images
    (strip,) = strips()
    assert strip_span(strip) == (11, 15) and strip.channel == 1
    assert [rendered_shade(frame, tmp_path) for frame in (10, 11, 14, 15)] == [0, shade_of(11), shade_of(14), 0]


def test_undo_takes_everything_back_in_one_step_and_redo_brings_it_again(camera_obj, tmp_path):
    use_sequencer = bpy.context.scene.render.use_sequencer
    add(make_take(tmp_path / "take_0001"))
    assert len(strips()) == len(backgrounds()) == 1
    bpy.ops.ed.undo()
    assert strips() == backgrounds() == [] and len(bpy.data.images) == 0
    assert bpy.context.scene.render.use_sequencer == use_sequencer
    bpy.ops.ed.redo()
    assert len(strips()) == len(backgrounds()) == 1


def test_a_second_take_replaces_the_background_and_adds_a_strip(camera_obj, tmp_path):
    own = bpy.data.objects["Shot"].data.background_images.new()  # the artist's own reference picture
    own.image = bpy.data.images.new("Reference", 8, 8)
    for name in ("take_0001", "take_0002", "take_0003"):
        add(make_take(tmp_path / name))
    assert [each.image.name for each in backgrounds()] == ["Reference", "Mosaic take_0003"]
    assert [(strip.name, strip.channel) for strip in strips()] == [
        ("Mosaic take_0001", 1),
        ("Mosaic take_0002", 2),
        ("Mosaic take_0003", 3),
    ]
    assert sorted(image.name for image in bpy.data.images) == ["Mosaic Result", "Mosaic take_0003", "Reference"]


def test_an_artists_strips_stay_where_they_are(camera_obj, tmp_path):
    from blender_addon.compat import strips_of

    collection = strips_of(bpy.context.scene.sequence_editor_create())
    folder = make_take(tmp_path / "take_0001")
    picture = str(folder / "frames" / "frame_0011.png")
    for name, channel, frame in (("A", 1, 13), ("B", 2, 14), ("After", 3, 15)):
        collection.new_image(name=name, filepath=picture, channel=channel, frame_start=frame)
    bpy.context.scene.render.use_sequencer = True
    add(folder)
    assert {strip.name: strip.channel for strip in strips()} == {"A": 1, "B": 2, "After": 3, "Mosaic take_0001": 3}
    assert bpy.context.scene.render.use_sequencer  # a sequencer that was in use stays in use


def test_the_next_render_is_still_the_scenes_own(camera_obj, tmp_path):
    add(make_take(tmp_path / "take_0001"))
    assert not bpy.context.scene.render.use_sequencer


def test_a_take_with_gaps_holds_its_frames_in_the_strip(camera_obj, tmp_path):
    from blender_addon import results
    from blender_addon.takes import take_in

    take = take_in(make_take(tmp_path / "take_0001", frames=(11, 14, 15)))
    notes = results.apply_take(bpy.context.scene, take, camera_name="Shot")
    assert notes == ["the take skips frames or has negative ones: it was not added as a background"]
    (strip,) = strips()
    names = [element.filename for element in strip.elements]
    assert names == [f"frame_{n:04d}.png" for n in (11, 11, 11, 14, 15)]


def test_only_what_was_asked_for_is_added(camera_obj, tmp_path):
    add(make_take(tmp_path / "take_0001"), background=False)
    assert backgrounds() == [] and len(strips()) == 1
    add(make_take(tmp_path / "take_0002"), strip=False)
    assert len(backgrounds()) == 1 and len(strips()) == 1


def test_a_linked_camera_is_left_alone_and_said(tmp_path):
    from blender_addon import results
    from blender_addon.takes import take_in

    library = tmp_path / "library.blend"
    data = bpy.data.cameras.new("Linked")
    bpy.data.libraries.write(str(library), {bpy.data.objects.new("Linked", data)})
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (source, target):
        target.cameras = source.cameras
    camera_obj = bpy.data.objects.new("Shot", target.cameras[0])
    bpy.context.scene.collection.objects.link(camera_obj)
    notes = results.apply_take(
        bpy.context.scene, take_in(make_take(tmp_path / "take_0001")), camera_name="Shot", add_strip=False
    )
    assert notes == ["the camera Shot is linked from another file: the take was not added as a background"]
    assert len(camera_obj.data.background_images) == 0


def test_a_take_moves_with_its_blend_file(camera_obj, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    add(make_take(tmp_path / "mosaic" / "take_0001"))
    (background,) = backgrounds()
    assert background.image.filepath.replace("\\", "/") == "//mosaic/take_0001/frames/frame_0011.png"
    assert strips()[0].directory.replace("\\", "/").startswith("//mosaic/take_0001/frames")


def test_in_edit_mode_a_take_arrives_as_well(camera_obj, tmp_path):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.ed.undo_push(message="edit mode")
    add(make_take(tmp_path / "take_0001"))
    assert bpy.context.mode == "EDIT_MESH" and len(strips()) == len(backgrounds()) == 1


@pytest.mark.parametrize("made", ["nothing", "empty", "other files"])
def test_a_folder_without_a_take_is_said(camera_obj, tmp_path, made):
    from blender_addon.takes import take_in

    if made != "nothing":
        (tmp_path / "frames").mkdir()
    if made == "other files":
        (tmp_path / "frames" / "notes.txt").write_text("x")
        (tmp_path / "frames" / "frame_one.png").write_bytes(b"")
    with pytest.raises(GenerateError, match="there is no take in"):
        take_in(tmp_path)
    with pytest.raises(RuntimeError, match="there is no take in"):
        bpy.ops.mosaic.apply_result(folder=str(tmp_path))
    assert strips() == []


def test_takes_of_an_unsaved_file_go_to_the_users_folder(tmp_path, monkeypatch):
    from blender_addon import compat, results

    monkeypatch.setattr(compat, "user_dir", lambda folder="": tmp_path / folder)
    scene = bpy.context.scene
    assert results.output_folder_of(scene) == tmp_path / "takes"
    scene.mosaic.output_folder = "  "
    with pytest.raises(GenerateError, match="choose an output folder"):
        results.output_folder_of(scene)


def test_a_video_that_is_gone_cannot_be_played(camera_obj, tmp_path):
    bpy.context.scene.mosaic.output_folder = str(tmp_path)
    assert not bpy.ops.mosaic.open_result.poll()
    folder = make_take(tmp_path / "take_0001")
    bpy.context.window_manager.mosaic_job.take_folder = str(folder)
    assert bpy.ops.mosaic.open_result.poll()
    (folder / "clip.mp4").unlink()
    with pytest.raises(RuntimeError, match="is gone"):
        bpy.ops.mosaic.open_result(play=True)
