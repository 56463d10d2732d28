"""A memory as a native mesh: what Blender's own tools do to it is what happens to the placements."""

from __future__ import annotations

import math
from dataclasses import replace

import bpy
import numpy as np
import pytest

from mosaic_core.errors import MosaicError
from mosaic_core.memory import HIDDEN, Memory, save_memory
from mosaic_core.memory.edits import copy, hide, translate
from tests.core.known_scenes import BLUE, RED, camera_at, placements_of, room_memory, view_of

from .memory_scenes import built, edit_mode, ints, moved_by, object_mode, select_object, transforms_of


def read(obj, memory):
    from blender_addon.memory.read import read_object

    return read_object(obj, memory)


def test_building_and_reading_back_changes_nothing(tmp_path):
    memory = room_memory()
    memory = memory.edited(translate(placements_of(memory, RED), (0.3, 0.1, 0.2)))
    memory = memory.edited(
        copy(placements_of(memory, BLUE), moved_by((1, 0, 0))), hide(placements_of(memory, BLUE)[:3])
    )
    obj, _ = built(tmp_path, memory)
    placements, report = read(obj, memory)
    assert placements.same_as(memory.placements)
    assert report.healthy and (report.moved, report.copied, report.deleted) == (0, 0, 0)
    edit_mode(obj)
    assert read(obj, memory)[0].same_as(memory.placements)
    object_mode()
    assert read(obj, memory)[0].same_as(memory.placements)


def test_the_mesh_carries_what_tools_and_shaders_need(tmp_path):
    obj, memory = built(tmp_path)
    shown = memory.placements.rows[~memory.patches.sky[memory.placements.rows - 1]]
    assert np.array_equal(ints(obj, "row"), shown)
    assert np.array_equal(ints(obj, "view"), memory.patches.view[shown - 1])
    assert np.array_equal(ints(obj, "object_id"), memory.patches.object_id[shown - 1])
    colours = np.zeros(len(shown) * 16, np.float32)
    obj.data.color_attributes["Col"].data.foreach_get("color_srgb", colours)
    expected = memory.patches.rgb[shown - 1]
    assert np.array_equal(np.round(colours.reshape(-1, 4, 4)[..., :3] * 255), expected)
    assert obj.data.color_attributes.active_color.name == "Col"
    assert obj.hide_render and obj.mosaic.is_memory
    assert obj.data.materials[0].node_tree.nodes


def test_the_quads_show_the_pictures_of_the_scene(tmp_path):
    from blender_addon.cameras import blender_of_world_from_cam

    view = room_memory(height=180, width=320).views[0]
    memory = Memory.from_views([view], {})
    obj, _ = built(tmp_path, memory)
    obj.hide_render = False
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.camera.data.angle = 2 * math.atan(160 / view.camera.intrinsics_px[0, 0])
    scene.camera.matrix_world = blender_of_world_from_cam(view.camera.world_from_cam).T
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = 320, 180
    scene.view_settings.view_transform = "Standard"
    scene.display.shading.light, scene.display.shading.color_type = "FLAT", "VERTEX"
    scene.render.filepath = str(tmp_path / "picture.png")
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(scene.render.filepath)
    rgb = np.zeros(180 * 320 * 4, np.float32)
    picture.pixels.foreach_get(rgb)
    rgb = rgb.reshape(180, 320, 4)[::-1, :, :3] * 255
    for object_id in (RED, BLUE):
        shown = view.object_ids == object_id
        assert np.abs(rgb[shown] - view.rgb[shown]).mean() < 8


def test_a_memory_of_nothing_but_sky_is_an_empty_mesh(tmp_path):
    obj, memory = built(tmp_path, Memory.from_views([view_of(camera_at((0, 0, 1)), boxes=())], {}))
    assert len(obj.data.polygons) == 0
    assert read(obj, memory)[0].same_as(memory.placements)


@pytest.mark.parametrize("name", ["Red Crate", "Blue Crate"])
def test_grabbing_an_object_in_edit_mode_moves_its_placements(tmp_path, name):
    obj, memory = built(tmp_path)
    ids = select_object(obj, {"Red Crate": RED, "Blue Crate": BLUE}[name])
    edit_mode(obj)
    bpy.ops.transform.translate(value=(1.5, 0, 0.25))
    placements, report = read(obj, memory)  # without leaving Edit Mode
    object_mode()
    assert read(obj, memory)[0].same_as(placements)
    found = transforms_of(placements, ids)
    assert np.array_equal(found[:, :3, :3], np.eye(3)[None].repeat(len(ids), 0))
    assert np.allclose(found, moved_by((1.5, 0, 0.25)), atol=1e-6)
    assert report.moved == len(ids) and len(placements.transforms) == 2


def test_rotating_and_resizing_in_edit_mode_stay_one_rigid_motion(tmp_path):
    obj, memory = built(tmp_path)
    ids = select_object(obj, RED)
    edit_mode(obj)
    bpy.ops.transform.rotate(value=math.radians(30), orient_axis="Z", center_override=(0, 0, 0))
    bpy.ops.transform.resize(value=(2, 2, 2), center_override=(0, 0, 0))
    object_mode()
    placements, report = read(obj, memory)
    found = transforms_of(placements, ids)
    assert (found == found[0]).all() and report.sheared == 0
    turn = 2 * np.array([[math.cos(math.pi / 6), -0.5, 0], [0.5, math.cos(math.pi / 6), 0], [0, 0, 1]])
    # Blender's sign of a rotation about the view depends on the version; its size does not.
    assert np.allclose(found[0, :3, :3], turn, atol=1e-5) or np.allclose(found[0, :3, :3], turn.T, atol=1e-5)
    assert np.allclose(found[0, :3, 3], 0, atol=1e-5)


def test_duplicating_in_edit_mode_makes_copies_with_ids_of_their_own(tmp_path):
    obj, memory = built(tmp_path)
    ids = select_object(obj, BLUE)
    edit_mode(obj)
    bpy.ops.mesh.duplicate_move(TRANSFORM_OT_translate={"value": (0, 0, 1)})
    object_mode()
    placements, report = read(obj, memory)
    assert report.copied == len(ids) and report.deleted == 0
    assert len(placements) == len(memory.placements) + len(ids)
    copies = np.setdiff1d(placements.ids, memory.placements.ids)
    assert np.allclose(transforms_of(placements, copies), moved_by((0, 0, 1)), atol=1e-6)
    assert np.array_equal(transforms_of(placements, ids), np.eye(4)[None].repeat(len(ids), 0))
    rows = placements.rows[placements.indices_of(copies)]
    assert np.array_equal(np.sort(rows), np.sort(ids))


def test_deleting_and_hiding_natively(tmp_path):
    obj, memory = built(tmp_path)
    red = select_object(obj, RED)
    edit_mode(obj)
    bpy.ops.mesh.delete(type="FACE")
    object_mode()
    blue = select_object(obj, BLUE)
    edit_mode(obj)
    bpy.ops.mesh.hide(unselected=False)
    object_mode()
    placements, report = read(obj, memory)
    assert not np.isin(red, placements.ids).any() and report.deleted == len(red)
    hidden = placements.ids[(placements.flags & HIDDEN) != 0]
    assert np.array_equal(hidden, np.sort(blue))


def test_flipping_normals_changes_no_placement(tmp_path):
    obj, memory = built(tmp_path)
    select_object(obj, RED)
    edit_mode(obj)
    bpy.ops.mesh.flip_normals()
    object_mode()
    assert read(obj, memory)[0].same_as(memory.placements)


def test_mirroring_an_object_mirrors_its_placements(tmp_path):
    obj, memory = built(tmp_path)
    ids = select_object(obj, RED)
    edit_mode(obj)
    bpy.ops.transform.mirror(constraint_axis=(True, False, False), orient_type="GLOBAL", center_override=(0, 0, 0))
    object_mode()
    found = transforms_of(read(obj, memory)[0], ids)
    assert np.allclose(found, np.diag([-1, 1, 1, 1]), atol=1e-5)


def test_moving_the_whole_object_moves_everything_but_the_sky(tmp_path):
    obj, memory = built(tmp_path)
    obj.location = (1, 2, 3)
    placements, report = read(obj, memory)
    sky = memory.patches.sky[placements.rows - 1]
    assert np.array_equal(placements.edited_from_captured(~sky), moved_by((1, 2, 3))[None].repeat((~sky).sum(), 0))
    assert np.array_equal(placements.edited_from_captured(sky), np.eye(4)[None].repeat(sky.sum(), 0))
    assert report.moved == (~sky).sum()
    obj.rotation_euler = (0, 0, 0.5)
    obj.scale = (2, 2, 2)
    placements, report = read(obj, memory)
    assert len(placements.transforms) == 2 and report.sheared == 0
    assert np.allclose(placements.transforms[1], np.array(obj.matrix_world), atol=1e-5)
    obj.scale = (2, 1, 1)
    assert read(obj, memory)[1].sheared > 0


def test_a_duplicated_object_is_a_memory_of_its_own(tmp_path):
    obj, memory = built(tmp_path)
    bpy.ops.object.duplicate_move(TRANSFORM_OT_translate={"value": (4, 0, 0)})
    twin = bpy.context.view_layer.objects.active
    assert twin != obj and twin.mosaic.is_memory and twin.mosaic.memory_sha256 == obj.mosaic.memory_sha256
    assert np.allclose(read(twin, memory)[0].transforms[1], moved_by((4, 0, 0)))
    assert read(obj, memory)[0].same_as(memory.placements)


def test_separating_and_joining_again(tmp_path):
    obj, memory = built(tmp_path)
    ids = select_object(obj, RED)
    edit_mode(obj)
    bpy.ops.mesh.separate(type="SELECTED")
    object_mode()
    part = next(o for o in bpy.context.selected_objects if o != obj)
    assert part.mosaic.is_memory
    assert np.isin(ids, read(part, memory)[0].ids).all()
    assert not np.isin(ids, read(obj, memory)[0].ids).any()
    part.location = (0, 0, 2)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.join()
    placements, report = read(obj, memory)
    assert report.copied == 0 and len(placements) == len(memory.placements)
    assert np.allclose(transforms_of(placements, ids), moved_by((0, 0, 2)), atol=1e-6)


def test_joining_plain_geometry_or_another_memory_is_reported_and_ignored(tmp_path):
    obj, memory = built(tmp_path)
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.view_layer.objects.active
    other, _ = built(tmp_path / "other", type(memory).from_views([view_of(camera_at((1, -4, 2)))], {}))
    count = len(other.data.polygons)
    for each in (cube, other, obj):
        each.select_set(True)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.join()
    placements, report = read(obj, memory)
    assert (report.plain, report.foreign) == (6, count)
    assert placements.same_as(memory.placements)
    assert len(report.sentences()) == 2


def test_undo_and_redo_bring_placements_back(tmp_path):
    obj, memory = built(tmp_path)
    ids = select_object(obj, RED)
    name = obj.name
    bpy.ops.ed.undo_push(message="start")
    edit_mode(obj)
    bpy.ops.ed.undo_push(message="edit mode")
    bpy.ops.transform.translate(value=(1, 0, 0))
    bpy.ops.ed.undo_push(message="move")
    bpy.ops.mesh.delete(type="FACE")
    bpy.ops.ed.undo_push(message="delete")

    def state():
        return read(bpy.data.objects[name], memory)[0]

    assert not np.isin(ids, state().ids).any()
    bpy.ops.ed.undo()
    moved = state()
    assert np.allclose(transforms_of(moved, ids), moved_by((1, 0, 0)))
    bpy.ops.ed.undo()
    assert state().same_as(memory.placements)
    bpy.ops.ed.redo()
    assert state().same_as(moved)
    bpy.ops.ed.redo()
    assert not np.isin(ids, state().ids).any()
    object_mode()
    assert bpy.data.objects[name].mosaic.is_memory


def test_building_from_a_missing_file_leaves_nothing_behind(tmp_path):
    from blender_addon.memory.build import build_memory_object

    with pytest.raises(MosaicError):
        build_memory_object(bpy.context, room_memory(), tmp_path / "none.mosaic", "Room")
    assert "Room" not in bpy.data.objects and "Room" not in bpy.data.meshes


def test_rebuilding_shows_the_new_state_where_it_was_captured(tmp_path):
    from blender_addon.memory.build import rebuild_memory_object
    from blender_addon.memory.read import edited_memory

    obj, memory = built(tmp_path)
    obj.location = (1, 0, 0)
    edited = edited_memory(obj, memory, author="test")
    assert len(edited.edits) == 1
    grown = edited.with_views([view_of(camera_at((0, -4, 3)), name="Late")], {})
    save_memory(grown, tmp_path / "grown.mosaic")
    rebuild_memory_object(obj, grown, tmp_path / "grown.mosaic")
    assert np.array_equal(np.array(obj.matrix_world), np.eye(4))
    assert read(obj, grown)[0].same_as(grown.placements)
    assert len(bpy.data.meshes) == 1


@pytest.mark.parametrize("patch_size_px", [16, 1])
def test_the_quads_carry_the_captured_pixels(tmp_path, patch_size_px):
    """Look the atlas up at the middle of every quad: it is a colour that the patch really has."""
    latents = [replace(view, patch_size_px=1) for view in room_memory(height=22, width=40).views]
    obj, memory = built(tmp_path, room_memory() if patch_size_px == 16 else Memory.from_views(latents))
    mesh = obj.data
    image = next(n.image for n in mesh.materials[0].node_tree.nodes if n.type == "TEX_IMAGE")
    width, height = image.size
    pixels = np.zeros(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    uv = np.zeros(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers["Pixels"].uv.foreach_get("vector", uv)
    middle = uv.reshape(-1, 4, 2).mean(axis=1)
    row, column = (middle[:, 1] * height).astype(int), (middle[:, 0] * width).astype(int)
    shown = pixels.reshape(height, width, 4)[row, column]
    rows = ints(obj, "row")
    for index in np.flatnonzero(shown[:, 3] > 0.5)[::7]:
        patch = rows[index]
        view = memory.patches.view[patch - 1]
        own = memory.views[view].rgb[memory.pixel_rows[view] == patch]
        assert np.abs(own - shown[index, :3] * 255).max(axis=1).min() <= 1
    assert (shown[:, 3] > 0.5).mean() > 0.9
