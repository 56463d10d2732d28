"""The memory as points: which they are, when they are read again, and what Blender draws of the mesh meanwhile."""

from __future__ import annotations

import bpy
import numpy as np

from .memory_scenes import built, edit_mode, ints, object_mode, select_object

RED = 3


def test_a_patch_has_16_points_from_afar_and_256_from_near():
    from blender_addon.overlay.points import points_a_side

    counts = [points_a_side(cell_px) ** 2 for cell_px in (2, 20, 40, 200)]
    assert counts == [16, 16, 64, 256]


def test_points_lie_evenly_on_their_patch():
    from blender_addon.overlay.points import surface_points

    corners = np.array([[[0, 4, 0], [4, 4, 0], [4, 0, 8], [0, 0, 8]]], np.float32)
    points = surface_points(corners, 4)[0]
    assert np.array_equal(points[0], [0.5, 3.5, 1])
    assert np.array_equal(points[-1], [3.5, 0.5, 7])
    assert len(np.unique(points, axis=0)) == 16


def test_every_patch_of_the_mesh_is_drawn_and_knows_its_pixels(tmp_path):
    from blender_addon.overlay import source

    obj, memory = built(tmp_path)
    shown = source.shown(obj)
    assert len(shown) == len(obj.data.polygons)
    image = bpy.data.images[shown.atlases[0]]
    pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)
    middle = shown.patches.cells.mean(axis=1) / shown.cells[0] * (image.size[0], image.size[1])
    x, y = middle.astype(int).T
    captured = memory.patches.rgb[ints(obj, "row")[shown.patches.face] - 1].mean(axis=1) / 255
    assert np.abs(pixels[y, x, :3] - captured).mean() < 0.02


def test_hidden_patches_and_other_geometry_are_not_drawn(tmp_path):
    from blender_addon.memory.faces import set_ints
    from blender_addon.overlay import source

    obj, _ = built(tmp_path)
    total = len(source.shown(obj))
    select_object(obj, RED)
    bpy.ops.mosaic.hide()
    rows = np.array([a.value for a in obj.data.attributes["row"].data])
    rows[0] = 0
    set_ints(obj.data, "row", "FACE", rows)
    source.changed()
    hidden = int(sum(polygon.hide for polygon in obj.data.polygons))
    assert hidden > 0
    assert len(source.shown(obj)) == total - hidden - 1


def test_nothing_is_read_again_until_blender_says_that_the_mesh_changed(tmp_path):
    from blender_addon.overlay import source

    obj, _ = built(tmp_path)
    bpy.context.view_layer.update()
    first = source.shown(obj)
    obj.location.x += 1
    bpy.context.view_layer.update()
    assert source.shown(obj).patches.corners_mesh is first.patches.corners_mesh or (
        source.shown(obj).mesh_signature == first.mesh_signature
    )
    select_object(obj, RED)
    bpy.context.view_layer.update()
    second = source.shown(obj)
    assert second.mesh_signature == first.mesh_signature, "a selection moves no points"
    assert second.selection_signature != first.selection_signature
    bpy.ops.mosaic.move(offset=(1, 0, 0))
    bpy.context.view_layer.update()
    assert source.shown(obj).mesh_signature != first.mesh_signature


def test_patches_can_be_coloured_by_something_else(tmp_path):
    from blender_addon.overlay import source

    obj, _ = built(tmp_path)
    assert source.shown(obj).colours is None
    green = np.zeros((len(obj.data.polygons), 4), np.float32)
    green[5:] = (0, 1, 0, 0.5)
    source.set_colour_source(lambda _obj: green)
    try:
        colours = source.shown(obj).colours
        assert np.array_equal(colours[5, 2], (0, 1, 0, 0.5))
        assert colours[0, 0, 3] == 0, "this one keeps its pixels"
    finally:
        source.set_colour_source(None)
    assert source.shown(obj).colours is None


def test_without_its_picture_a_patch_shows_its_own_colour(tmp_path):
    from blender_addon.overlay import source

    obj, memory = built(tmp_path)
    obj.data.materials.clear()
    source.changed()
    shown = source.shown(obj)
    assert np.abs(shown.colours[7, 2, :3] - memory.patches.rgb[ints(obj, "row")[7] - 1, 2] / 255).max() < 0.01
    assert (shown.colours[..., 3] == 1).all()


def test_the_mesh_itself_is_shown_only_where_no_points_are(tmp_path):
    from blender_addon.overlay import native

    obj, _ = built(tmp_path)
    obj.display_type = "SOLID"
    native.sync(window=True)
    assert obj.display_type == "BOUNDS"
    edit_mode(obj)
    native.sync(window=True)
    assert obj.display_type == "SOLID"
    object_mode()
    native.sync(window=True)
    assert obj.display_type == "BOUNDS"
    bpy.context.scene.mosaic.show_points = False
    native.sync(window=True)
    assert obj.display_type == "SOLID"


def test_files_are_saved_as_the_artist_displays_the_mesh(tmp_path):
    from blender_addon.overlay import native

    built(tmp_path)
    native.sync(window=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert bpy.data.objects["Room"].display_type == "TEXTURED"
    assert bpy.data.objects["Room"].mosaic.native_display == ""


def test_undo_leaves_the_display_right(tmp_path):
    from blender_addon.overlay import native

    obj, _ = built(tmp_path)
    bpy.ops.ed.undo_push(message="built")
    native.sync(window=True)
    select_object(obj, RED)
    bpy.ops.ed.undo_push(message="selected")
    bpy.ops.ed.undo()
    native.sync(window=True)
    obj = bpy.data.objects["Room"]
    assert (obj.display_type, obj.mosaic.native_display) == ("BOUNDS", "TEXTURED")
    native.restore()
    assert obj.display_type == "TEXTURED"
