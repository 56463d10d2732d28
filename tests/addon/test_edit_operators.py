"""The edit operators: the same in Object Mode and in Edit Mode, undoable, clear about what they refuse."""

from __future__ import annotations

import math
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from mosaic_core.memory import HIDDEN
from mosaic_core.memory.edits import FIRST_COPY_ID, lock
from tests.core.known_scenes import BLUE, RED, placements_of, room_memory

from .memory_scenes import built, edit_mode, ints, moved_by, object_mode, transforms_of
from .path_scenes import in_viewport

MODES = ["OBJECT", "EDIT"]


@pytest.fixture
def room(tmp_path):
    return built(tmp_path)


def read(obj, memory):
    from blender_addon.memory.read import read_object

    return read_object(obj, memory)


def selected_ids(obj):
    from blender_addon.memory.select import selected_faces

    selected = selected_faces(obj)
    mode = obj.mode
    object_mode()
    ids = ints(obj, "placement")[selected]
    if mode == "EDIT":
        edit_mode(obj)
    return np.sort(ids)


def in_mode(obj, mode):
    if mode == "EDIT":
        edit_mode(obj)


@pytest.mark.parametrize("mode", MODES)
def test_selecting_by_object(room, mode):
    obj, memory = room
    in_mode(obj, mode)
    red, blue = placements_of(memory, RED), placements_of(memory, BLUE)
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    assert np.array_equal(selected_ids(obj), red)
    bpy.ops.mosaic.select_object(object_names="Blue Crate", mode="EXTEND")
    assert np.array_equal(selected_ids(obj), np.union1d(red, blue))
    bpy.ops.mosaic.select_object(object_names="Red Crate", mode="SUBTRACT")
    assert np.array_equal(selected_ids(obj), blue)
    bpy.ops.mosaic.select_object(object_names="Red Crate, Blue Crate")
    assert np.array_equal(selected_ids(obj), np.union1d(red, blue))
    with pytest.raises(RuntimeError, match="no object 'Green Crate'; it holds Blue Crate"):
        bpy.ops.mosaic.select_object(object_names="Green Crate")


@pytest.mark.parametrize("mode", MODES)
def test_selecting_the_whole_object_of_one_selected_patch(room, mode):
    from blender_addon.memory.select import set_selection

    obj, memory = room
    red = placements_of(memory, RED)
    set_selection(obj, ints(obj, "placement") == red[0])
    in_mode(obj, mode)
    bpy.ops.mosaic.select_object()
    assert np.array_equal(selected_ids(obj), red)
    bpy.ops.mosaic.select_all(action="DESELECT")
    assert len(selected_ids(obj)) == 0
    with pytest.raises(RuntimeError, match="select a patch"):
        bpy.ops.mosaic.select_object()


@pytest.mark.parametrize("mode", MODES)
def test_selecting_by_view_all_and_inverted(room, mode):
    obj, _ = room
    views = ints(obj, "view")
    ids = ints(obj, "placement")
    in_mode(obj, mode)
    bpy.ops.mosaic.select_view(view=1)
    assert np.array_equal(selected_ids(obj), ids[views == 1])
    bpy.ops.mosaic.select_all(action="INVERT")
    assert np.array_equal(selected_ids(obj), ids[views != 1])
    bpy.ops.mosaic.select_all(action="SELECT")
    assert np.array_equal(selected_ids(obj), ids)
    with pytest.raises(RuntimeError, match="3 views, there is no view 9"):
        bpy.ops.mosaic.select_view(view=9)


@pytest.mark.parametrize("mode", MODES)
def test_selecting_what_a_camera_sees(room, mode):
    from blender_addon.cameras import blender_of_world_from_cam

    obj, memory = room
    scene = bpy.context.scene
    in_mode(obj, mode)
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.mosaic.select_frustum()
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = 160, 90
    view = memory.views[0].camera
    camera.data.angle = 2 * math.atan(80 / view.intrinsics_px[0, 0])
    camera.matrix_world = blender_of_world_from_cam(view.world_from_cam).T
    bpy.ops.mosaic.select_frustum()
    own = memory.placements.ids[(memory.patches.view == 0) & ~memory.patches.sky]
    assert np.isin(own, selected_ids(obj)).mean() > 0.99
    camera.matrix_world = np.eye(4)  # looks straight down from the origin's height
    camera.location = (0, 0, -5)
    bpy.ops.mosaic.select_frustum()
    assert len(selected_ids(obj)) == 0


@pytest.mark.parametrize("mode", MODES)
def test_move_rotate_and_scale(room, mode):
    obj, memory = room
    red = placements_of(memory, RED)
    in_mode(obj, mode)
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    bpy.ops.mosaic.move(offset=(0.5, -0.25, 0.125))
    placements, report = read(obj, memory)
    found = transforms_of(placements, red)
    assert np.array_equal(found[:, :3, :3], np.eye(3)[None].repeat(len(red), 0))
    assert np.allclose(found, moved_by((0.5, -0.25, 0.125)), atol=1e-6)
    assert report.moved == len(red)
    bpy.ops.mosaic.rotate(angle=math.radians(90), axis="Z")
    bpy.ops.mosaic.scale(factor=2)
    placements, report = read(obj, memory)
    found = transforms_of(placements, red)
    assert (found == found[0]).all() and report.sheared == 0
    assert np.allclose(found[0, :3, :3], [[0, -2, 0], [2, 0, 0], [0, 0, 2]], atol=1e-5)
    # Turning and scaling leave the middle where the move had put it.
    middle = memory.patches.quad_world[red - 1].reshape(-1, 3).mean(axis=0)
    assert np.allclose(found[0, :3, :3] @ middle + found[0, :3, 3], middle + np.array([0.5, -0.25, 0.125]), atol=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_operators_work_in_the_world_however_the_object_stands(room, mode):
    obj, memory = room
    obj.location, obj.rotation_euler = (1, 2, 3), (0.3, 0.2, 0.1)
    red = placements_of(memory, RED)
    in_mode(obj, mode)
    before = transforms_of(read(obj, memory)[0], red)[0]
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    bpy.ops.mosaic.move(offset=(0, 0, 1))
    assert np.allclose(transforms_of(read(obj, memory)[0], red)[0], moved_by((0, 0, 1)) @ before, atol=1e-5)
    bpy.ops.mosaic.reset()
    assert np.allclose(transforms_of(read(obj, memory)[0], red), np.eye(4), atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_duplicate_and_delete(room, mode):
    obj, memory = room
    blue = placements_of(memory, BLUE)
    in_mode(obj, mode)
    bpy.ops.mosaic.select_object(object_names="Blue Crate")
    bpy.ops.mosaic.duplicate(offset=(1, 0, 0))
    copies = selected_ids(obj)
    assert len(copies) == len(blue) and (copies >= FIRST_COPY_ID).all()
    placements, report = read(obj, memory)
    assert report.copied == 0  # the copies have ids of their own already
    assert np.allclose(transforms_of(placements, copies), moved_by((1, 0, 0)), atol=1e-6)
    assert np.array_equal(transforms_of(placements, blue), np.eye(4)[None].repeat(len(blue), 0))
    bpy.ops.mosaic.delete()
    assert read(obj, memory)[0].same_as(memory.placements)
    bpy.ops.mosaic.select_object(object_names="Blue Crate")
    bpy.ops.mosaic.delete()
    assert read(obj, memory)[1].deleted == len(blue)
    object_mode()
    assert len(obj.data.vertices) == 4 * len(obj.data.polygons)


@pytest.mark.parametrize("mode", MODES)
def test_reset_is_exact(room, mode):
    obj, memory = room
    in_mode(obj, mode)
    bpy.ops.mosaic.select_all()
    bpy.ops.mosaic.rotate(angle=1.0, axis="X")
    bpy.ops.mosaic.move(offset=(1, 2, 3))
    assert not read(obj, memory)[0].same_as(memory.placements)
    bpy.ops.mosaic.reset()
    assert read(obj, memory)[0].same_as(memory.placements)


@pytest.mark.parametrize("mode", MODES)
def test_location_rotation_and_scale_are_reset_one_by_one(room, mode):
    obj, memory = room
    red = placements_of(memory, RED)
    in_mode(obj, mode)
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    bpy.ops.mosaic.rotate(angle=0.5, axis="Z")
    bpy.ops.mosaic.scale(factor=1.5)
    bpy.ops.mosaic.move(offset=(1, -0.5, 0.25))
    corners = memory.patches.quad_world[memory.placements.rows[memory.placements.indices_of(red)] - 1]
    middle = corners.reshape(-1, 3).mean(axis=0)

    def now() -> tuple[np.ndarray, float, np.ndarray]:
        """Where the crate's middle went, how large it is, and how it is turned."""
        motion = transforms_of(read(obj, memory)[0], red)
        assert np.allclose(motion, motion[0], atol=1e-5), "the crate is whole"
        scale = np.cbrt(np.linalg.det(motion[0, :3, :3]))
        return motion[0, :3, :3] @ middle + motion[0, :3, 3] - middle, scale, motion[0, :3, :3] / scale

    there, _, turn = now()
    bpy.ops.mosaic.reset(part="ROTATION")
    assert np.allclose(now()[0], there, atol=1e-4)
    assert now()[1] == pytest.approx(1.5, abs=1e-4) and np.allclose(now()[2], np.eye(3), atol=1e-4)
    bpy.ops.mosaic.reset(part="LOCATION")
    assert np.allclose(now()[0], 0, atol=1e-4) and now()[1] == pytest.approx(1.5, abs=1e-4)
    bpy.ops.mosaic.rotate(angle=0.5, axis="Z")
    bpy.ops.mosaic.reset(part="SCALE")
    assert now()[1] == pytest.approx(1, abs=1e-5) and np.allclose(now()[2], turn, atol=1e-4)
    bpy.ops.mosaic.reset(part="ROTATION")
    assert read(obj, memory)[0].same_as(memory.placements), "all three together are exact"


def test_patches_have_axes_of_their_own(room):
    from blender_addon.memory.change import own_axes
    from blender_addon.memory.select import selected_faces

    obj, _ = room
    bpy.ops.mosaic.select_object(object_names="Floor")
    index = np.flatnonzero(selected_faces(obj))
    axes = own_axes(obj, index)
    assert np.allclose(axes[:, 2], (0, 0, 1), atol=0.02), "out of the floor"
    assert axes[0, 0] > 0.8 and np.linalg.det(axes) == pytest.approx(1)
    bpy.ops.mosaic.rotate(angle=0.5, axis="X")
    turned = own_axes(obj, index)
    assert np.allclose(turned[:, 2], (0, -np.sin(0.5), np.cos(0.5)), atol=0.02)
    obj.rotation_euler = (0, 0, 1)
    bpy.context.view_layer.update()
    assert np.allclose(own_axes(obj, index), matrix_of_turn(1.0) @ turned, atol=1e-5)
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    crate = np.flatnonzero(selected_faces(obj))
    for several in (crate, crate[:0]):
        assert np.array_equal(own_axes(obj, several), np.eye(3)), "several sides have none together"


def matrix_of_turn(angle: float) -> np.ndarray:  # (3, 3) about Z
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


@pytest.mark.parametrize("mode", MODES)
def test_hide_and_show(room, mode):
    obj, memory = room
    red = placements_of(memory, RED)
    in_mode(obj, mode)
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    bpy.ops.mosaic.hide()
    placements, _ = read(obj, memory)
    assert np.array_equal(placements.ids[(placements.flags & HIDDEN) != 0], red)
    assert len(selected_ids(obj)) == 0
    bpy.ops.mosaic.select_all()
    assert not np.isin(red, selected_ids(obj)).any()
    bpy.ops.mosaic.select_all(action="DESELECT")
    bpy.ops.mosaic.show()
    assert np.array_equal(selected_ids(obj), red)
    assert read(obj, memory)[0].same_as(memory.placements)


def test_locked_patches_are_left_alone(tmp_path):
    memory = room_memory()
    red = placements_of(memory, RED)
    memory = memory.edited(lock(red[:5]))
    obj, _ = built(tmp_path, memory)
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    bpy.ops.mosaic.move(offset=(0, 0, 1))
    report = read(obj, memory)[1]
    assert report.moved == len(red) - 5 and report.locked == 0
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    bpy.ops.mosaic.delete()
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    assert np.array_equal(selected_ids(obj), red[:5])
    with pytest.raises(RuntimeError, match="locked"):
        bpy.ops.mosaic.delete()


@pytest.mark.parametrize("mode", MODES)
def test_each_operator_is_one_step_of_undo(room, mode):
    obj, memory = room
    name = obj.name
    bpy.ops.ed.undo_push(message="start")
    in_mode(obj, mode)
    bpy.ops.ed.undo_push(message="mode")

    def state():
        return read(bpy.data.objects[name], memory)[0]

    run = ("EXEC_DEFAULT", True)  # the way a button runs it: with an undo step at the end
    bpy.ops.mosaic.select_object(*run, object_names="Red Crate")
    bpy.ops.mosaic.move(*run, offset=(1, 0, 0))
    moved = state()
    bpy.ops.mosaic.duplicate(*run, offset=(0, 1, 0))
    copied = state()
    bpy.ops.mosaic.delete(*run)
    deleted = state()
    assert deleted.same_as(moved) and len(copied) > len(moved)
    for expected in (copied, moved, memory.placements):
        bpy.ops.ed.undo()
        assert state().same_as(expected)
    for expected in (moved, copied, deleted):
        bpy.ops.ed.redo()
        assert state().same_as(expected)


def test_buttons_say_why_they_are_greyed_out(room):
    obj, _ = room
    assert bpy.ops.mosaic.move.poll()
    with pytest.raises(RuntimeError, match="Select some patches first"):
        bpy.ops.mosaic.select_all(action="DESELECT")
        bpy.ops.mosaic.move()
    bpy.ops.object.mode_set(mode="SCULPT")
    assert not bpy.ops.mosaic.move.poll()
    object_mode()
    bpy.data.objects.remove(obj)
    assert not bpy.ops.mosaic.select_all.poll()
    with pytest.raises(RuntimeError, match="Capture a memory first"):
        bpy.ops.mosaic.move()


@pytest.mark.parametrize("name", ["duplicate", "move", "rotate", "scale"])
def test_a_button_begins_the_drag_where_points_show_and_asks_elsewhere(room, name):
    """Without a window nothing is invoked: the method itself is called. Real clicks are in the desktop tests."""
    obj, _ = room
    button, told = getattr(bpy.types, f"MOSAIC_OT_{name}"), []

    def pressed() -> str:
        told.clear()
        asking = SimpleNamespace(invoke_props_dialog=lambda _operator: told.append("asks"))
        context = SimpleNamespace(view_layer=bpy.context.view_layer, scene=bpy.context.scene, window_manager=asking)
        operator = SimpleNamespace(drag=button.drag, report=lambda _level, text: told.append(text))
        result = button.invoke(operator, context, None)
        return told[0] if told else f"dragged, {result}"

    with in_viewport():
        assert pressed() == "Select some patches first"
        bpy.ops.mosaic.select_object(object_names="Red Crate")
        assert pressed() == "dragged, {'CANCELLED'}", "the drag has an undo step of its own"
        bpy.context.scene.mosaic.show_points = False
        assert pressed() == "asks"
        bpy.context.scene.mosaic.show_points = True
        edit_mode(obj)
        assert pressed() == "asks"
    object_mode()
    assert pressed() == "asks", "there is no viewport to drag in"
    values = getattr(bpy.ops.mosaic, name).get_rna_type().properties
    kept = [each.identifier for each in values if each.identifier != "rna_type" and not each.is_skip_save]
    assert not kept, "the last value is not the next one's"


def test_the_scenes_memory_is_meant_where_another_object_is_active(room):
    obj, memory = room
    bpy.context.scene.mosaic.memory = obj
    empty = bpy.data.objects.new("Empty", None)
    bpy.context.scene.collection.objects.link(empty)
    bpy.context.view_layer.objects.active = empty
    bpy.ops.mosaic.select_object(object_names="Red Crate")
    bpy.ops.mosaic.delete()
    assert read(obj, memory)[1].deleted == len(placements_of(memory, RED))
