"""Camera paths of other tools through Blender: out of a camera and into a new one, in every format the core knows."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon.cameras import blender_of_world_from_cam
from blender_addon.operators.path_files import named_for
from blender_addon.paths.sample import path_of_scene
from mosaic_core.cameras.formats import FORMAT_NAMES, FORMAT_SUFFIXES, write_path

from .path_scenes import SIZE, preset, scene_camera

FRAMES = 12


@pytest.fixture
def orbit():
    """Part of an orbit at the scene's size and rate; its camera looks at the cursor, as ViewCrafter's do."""
    scene = bpy.context.scene
    scene.mosaic.width, scene.mosaic.height = SIZE["image_width"], SIZE["image_height"]
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene_camera(at=(4, -3, 2), to=(0, 0, 1))
    scene.cursor.location = (0, 0, 1)
    preset("ORBIT", frames=FRAMES, centre="CURSOR", angle=0.8)
    return path_of_scene(bpy.context, **SIZE)


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_path_comes_back_from_every_format(orbit, tmp_path, name):
    scene = bpy.context.scene
    file = named_for(str(tmp_path / "path.json"), name)
    assert bpy.ops.mosaic.export_path(filepath=file, format=name) == {"FINISHED"}
    lost = write_path(orbit, tmp_path / f"again{FORMAT_SUFFIXES[name]}", format=name).sentences
    scene.mosaic.path_camera = None
    scene.camera.matrix_world = Matrix(blender_of_world_from_cam(orbit[0].world_from_cam).tolist())
    bpy.context.view_layer.update()
    fov_deg = float(np.degrees(2 * np.arctan(80 / orbit[0].intrinsics_px[0, 0])))
    distance = float(np.linalg.norm(orbit[0].position_world - (0, 0, 1)))
    place = "CAMERA" if any("first camera stands" in sentence for sentence in lost) else "FILE"
    known = {"fov_deg": fov_deg, "distance": distance, "place": place}
    assert bpy.ops.mosaic.import_path(filepath=file, **known) == {"FINISHED"}  # the format is guessed
    first = scene.mosaic.path_camera.animation_data.action.frame_range[0]
    back = path_of_scene(bpy.context, frame_start=int(first), frame_end=int(first) + FRAMES - 1, **SIZE)
    moved = [sentence for sentence in lost if "cameras move" in sentence]
    tolerance_m = 0.3 if moved else 2e-3
    for one, other in zip(orbit, back, strict=True):
        np.testing.assert_allclose(other.world_from_cam, one.world_from_cam, atol=tolerance_m)
        np.testing.assert_allclose(other.intrinsics_px, one.intrinsics_px, atol=0.1)


def test_a_file_s_name_follows_its_format():
    assert named_for("/a/shot.json", "gen3c") == "/a/shot.npz"
    assert named_for("/a/shot.v2", "tum") == "/a/shot.v2.txt"
    assert named_for("/a/shot.npz", "colmap") == "/a/shot"


def test_what_cannot_be_read_or_written_is_one_sentence(tmp_path):
    scene_camera()
    (tmp_path / "note.txt").write_text("a shopping list\n")
    with pytest.raises(RuntimeError, match="in no camera-path format known here"):
        bpy.ops.mosaic.import_path(filepath=str(tmp_path / "note.txt"))
    with pytest.raises(RuntimeError, match="there is no such file"):
        bpy.ops.mosaic.import_path(filepath=str(tmp_path / "gone.json"))
    with pytest.raises(RuntimeError, match=r"not a usable KITTI odometry poses: a line"):
        bpy.ops.mosaic.import_path(filepath=str(tmp_path / "note.txt"), format="kitti")
    assert [obj.name for obj in bpy.data.objects] == ["Shot"]
    with pytest.raises(RuntimeError, match="The path was not written"):
        bpy.ops.mosaic.export_path(filepath=str(tmp_path / "note.txt" / "path.json"))


def test_an_imported_path_can_start_at_the_scene_s_camera_in_another_unit(orbit, tmp_path):
    file = str(tmp_path / "path.json")
    bpy.ops.mosaic.export_path(filepath=file)
    bpy.context.scene.camera.matrix_world = Matrix.Translation((10, 0, 0))
    bpy.ops.mosaic.import_path(filepath=file, place="CAMERA", scale=0.5)
    back = path_of_scene(bpy.context, **SIZE)
    np.testing.assert_allclose(back[0].position_world, (10, 0, 0), atol=1e-5)
    whole = np.linalg.norm(orbit[-1].position_world - orbit[0].position_world)
    assert np.linalg.norm(back[-1].position_world - back[0].position_world) == pytest.approx(whole / 2, rel=1e-3)
