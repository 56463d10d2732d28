"""What captured views say about known scenes."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from blender_addon.capture.palette import colour_of_index, indices_of_colours
from mosaic_core.memory.view import View

from .capture_scenes import (
    HEIGHT,
    WIDTH,
    WORKBENCH,
    add_camera,
    add_cube,
    animate,
    capture,
    pixels_of,
    quad,
)


@pytest.mark.parametrize("engine", [WORKBENCH, "CYCLES"])
def test_a_cube_five_metres_away_is_five_metres_deep_everywhere(engine: str) -> None:
    """Planar depth: the same at the centre and at the corner of a wide lens, where the ray is much longer."""
    camera = add_camera(lens=18.0, location=(0, 0, 5.0))
    add_cube("Floor", (0, 0, -1.0), size=2)
    bpy.context.object.scale = (8, 8, 1)
    view = capture(camera, engine=engine).views[0]
    assert np.allclose(view.z_depth, 5.0, atol=1e-3)
    assert not view.sky.any() and (view.object_ids == 1).all()


def test_sky_is_infinite_nameless_and_shows_the_world() -> None:
    camera = add_camera()
    add_cube()
    world = bpy.data.worlds.new("World")
    world.color = (0.0, 0.0, 1.0)
    bpy.context.scene.world = world
    # A transparent film would leave the sky black.
    bpy.context.scene.render.film_transparent = True
    memory = capture(camera)
    view = memory.views[0]
    cube = pixels_of(memory, "Cube")
    assert np.array_equal(view.sky, ~cube) and np.array_equal(np.isinf(view.z_depth), ~cube)
    assert (view.object_ids[view.sky] == 0).all() and not view.dynamic.any()
    blue = view.rgb[view.sky].mean(axis=0)
    assert blue[2] > 150 and blue[2] > 4 * blue[0]
    side_px = WIDTH * 50 / 36 / 5
    assert abs(cube.sum() - side_px**2) < 2 * side_px


def test_picture_ids_and_depth_show_the_same_place() -> None:
    """A bright ball off the centre: the picture's centroid is the ids' centroid, to a fraction of a pixel."""
    camera = add_camera()
    bpy.context.scene.world = bpy.data.worlds.new("World")
    bpy.context.scene.world.color = (0, 0, 0)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=(0.9, 0.4, 0))
    memory = capture(camera)
    view = memory.views[0]
    light = view.rgb.sum(axis=-1).astype(float) > 60
    mine = np.argwhere(pixels_of(memory, "Sphere")).mean(axis=0)
    assert np.abs(np.argwhere(light).mean(axis=0) - mine).max() < 0.5
    uv, _depth = view.camera.project(np.array([0.9, 0.4, 0.0]))
    assert np.abs(mine[::-1] + 0.5 - uv).max() < 0.75


def test_ids_are_in_alphabetical_order_and_shared_by_all_views() -> None:
    left, right = add_camera("A", (-1.5, 0, 5.5)), add_camera("B", (1.5, 0, 5.5))
    add_cube("Zebra", (-1.5, 0, 0))
    add_cube("Apple", (1.5, 0, 0))
    add_cube("Never seen", (0, 50, 0))
    memory = capture(left, right)
    assert memory.object_names == {1: "Apple", 2: "Zebra"}
    assert [view.name for view in memory.views] == ["A", "B"]
    for index, own in enumerate(("Zebra", "Apple")):
        assert pixels_of(memory, own, view=index)[HEIGHT // 2, WIDTH // 2]


@pytest.mark.slow
def test_five_thousand_objects_each_have_their_own_id() -> None:
    """Colours must come back exactly, also where two objects touch."""
    scene, mesh, names = bpy.context.scene, quad("Tile"), {}
    camera = add_camera(location=(0, 0, 60), lens=36 * 60 / (100 * 0.8))
    for index in range(5000):
        tile = bpy.data.objects.new(f"Tile {index * 2731 % 5000:04d}", mesh)
        tile.location = ((index % 100 - 49.5) * 0.8, (index // 100 - 24.5) * 0.8, 0)
        scene.collection.objects.link(tile)
        names[tile.name] = tuple(tile.location)
    memory = capture(camera, image_height=250, image_width=500)
    view = memory.views[0]
    assert len(memory.object_names) == 5000 and (view.object_ids > 0).all()
    uv, _depth = view.camera.project(np.array(list(names.values())))
    column, row = np.floor(uv).astype(int).T
    assert [memory.object_names[number] for number in view.object_ids[row, column]] == list(names)


def test_colours_decode_to_what_they_encode_and_blends_to_nothing() -> None:
    numbers = np.array([1, 127, 128, 16383, 16384, 2**21 - 1])
    colours = np.array([colour_of_index(number) for number in numbers], dtype=np.float32)
    assert np.array_equal(indices_of_colours(colours), numbers)
    blend = np.array([[0.5, 0.5, 1.5 / 128, 1.0], [np.inf, 0, 0, 1], [np.nan, 0, 0, 1], [0, 0, 1 / 128, 0.5]])
    assert (indices_of_colours(blend.astype(np.float32)) == 0).all()


def test_only_what_renders_is_captured() -> None:
    camera = add_camera(location=(0, 0, 8))
    add_cube("Hidden in renders", (0, 0, 1), hide_render=True)
    add_cube("Hidden in the viewport", (0, 0, 0), hide_viewport=True)
    excluded = bpy.data.collections.new("Excluded")
    bpy.context.scene.collection.children.link(excluded)
    ghost = add_cube("Excluded cube", (0, 0, 2))
    bpy.context.scene.collection.objects.unlink(ghost)
    excluded.objects.link(ghost)
    bpy.context.view_layer.layer_collection.children["Excluded"].exclude = True
    add_cube("Wire", (2, 0, 0), display_type="WIRE")
    add_cube("Behind", (-2, 0, -1), show_in_front=True)
    add_cube("Cover", (-2, 0, 1), size=1.5)
    bpy.ops.object.volume_add(location=(0, 0, 3))
    memory = capture(camera)
    assert set(memory.object_names.values()) == {"Hidden in the viewport", "Wire", "Cover"}


def test_holdouts_and_camera_invisible_objects_follow_the_picture() -> None:
    """Cycles cuts a holdout out of the picture: the memory must not take the hole for a black object, nor for sky."""
    camera = add_camera()
    add_cube("Hole", (0, 0, 0), is_holdout=True)
    add_cube("Unseen", (1.5, 0, 0), visible_camera=False)
    add_cube("Plain", (-1.5, 0, 0))
    view = capture(camera, engine="CYCLES").views[0]
    middle = HEIGHT // 2
    assert np.isinf(view.z_depth[middle, WIDTH // 2]) and not view.sky[middle, WIDTH // 2]
    assert view.sky[middle, 58] and np.isclose(view.z_depth[middle, 5], 5, atol=1e-3)


@pytest.mark.parametrize("engine", [WORKBENCH, "CYCLES"])
def test_blur_borders_stamps_and_markers_do_not_reach_the_picture(engine: str) -> None:
    scene, camera = bpy.context.scene, add_camera()
    add_cube()
    clean = capture(camera, engine=engine).views[0]
    other = add_camera("Other", (50, 0, 5))
    scene.camera = camera
    render = scene.render
    render.use_border, render.border_max_x, render.use_crop_to_border = True, 0.3, True
    render.use_stamp = render.use_multiview = render.use_freestyle = render.use_motion_blur = True
    render.resolution_percentage, render.dither_intensity = 50, 2.0
    camera.data.dof.use_dof, camera.data.dof.focus_distance = True, 0.2
    scene.timeline_markers.new("Cut", frame=1).camera = other
    spoiled = capture(camera, engine=engine).views[0]
    assert np.array_equal(spoiled.z_depth, clean.z_depth)
    assert np.abs(spoiled.rgb.astype(int) - clean.rgb).max() <= 2


def test_a_view_holds_what_the_renders_said() -> None:
    camera = add_camera()
    add_cube()
    view = capture(camera).views[0]
    assert isinstance(view, View) and view.source == "captured"
    assert view.rgb.shape == (HEIGHT, WIDTH, 3) and view.rgb[HEIGHT // 2, WIDTH // 2].mean() > 50


def test_what_moves_deforms_or_vanishes_between_frames_is_dynamic() -> None:
    scene = bpy.context.scene
    camera = add_camera(location=(0, 0, 8))
    add_cube("Still", (-2, 0, 0))
    animate(add_cube("Mover"), "location", {1: (0, 1, 0), 21: (0, -1, 0)})
    shaped = add_cube("Shaped", (2, 0, 0))
    shaped.shape_key_add(name="Basis")
    key = shaped.shape_key_add(name="Key")
    key.data[0].co.z += 0.2
    key.value = 0.0
    key.keyframe_insert("value", frame=1)
    key.value = 1.0
    key.keyframe_insert("value", frame=21)
    animate(add_cube("Blinker", (-2, 1.5, 0), size=0.8), "hide_render", {1: False, 21: True})
    armature_less = add_cube("Waved", (2, 1.5, 0), size=0.8)
    armature_less.modifiers.new("Wave", "WAVE")
    scene.frame_set(1)
    memory = capture((camera, 1), (camera, 21))
    moving = ("Mover", "Shaped", "Blinker", "Waved")
    dynamic = {
        name: {bool(flag) for view in memory.views for flag in view.dynamic[view.object_ids == number]}
        for number, name in memory.object_names.items()
    }
    assert dynamic == {"Still": {False}, **{name: {True} for name in moving}}
    middle = [np.argwhere(pixels_of(memory, "Mover", view=index)).mean(axis=0)[0] for index in (0, 1)]
    assert middle[0] < HEIGHT / 2 < middle[1]
    assert [view.name for view in memory.views] == ["Camera 0001", "Camera 0021"]


def test_what_moves_in_the_clip_is_dynamic_even_where_one_frame_is_captured() -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 30
    first, second = add_camera("A"), add_camera("B", (1, 0, 5.5))
    animate(add_cube("Mover", size=0.8), "location", {1: (0, 0, 0), 21: (3, 0, 0)})
    add_cube("Still", (-1.5, 0, 0))
    names = bpy.data.scenes.keys()
    memory = capture((first, 5), (second, 5))
    dynamic = {name: bool(memory.views[0].dynamic[pixels_of(memory, name)].any()) for name in ("Mover", "Still")}
    assert dynamic == {"Mover": True, "Still": False}
    assert bpy.data.scenes.keys() == names, "nothing is left of the sampling"


def test_times_count_from_the_first_frame_of_the_scene() -> None:
    scene, camera = bpy.context.scene, add_camera()
    add_cube()
    scene.frame_start, scene.render.fps, scene.render.fps_base = 11, 30, 1.5
    times = [view.time_s for view in capture((camera, 11), (camera, 31)).views]
    assert np.allclose(times, [0.0, 1.0])


def test_an_animated_camera_is_where_it_is_at_each_frame() -> None:
    camera = add_camera()
    add_cube()
    animate(camera, "location", {1: (0, 0, 5.5), 11: (0.2, 0, 7.5)})
    memory = capture((camera, 1), (camera, 11))
    assert np.allclose([view.camera.position_world for view in memory.views], [(0, 0, 5.5), (0.2, 0, 7.5)])
    depths = [view.z_depth[HEIGHT // 2, WIDTH // 2] for view in memory.views]
    assert np.allclose(depths, [5, 7], atol=1e-3)


def test_workbench_shows_textures_without_being_told() -> None:
    """Regression: the default colour of Workbench made textured scenes grey, and every video from them."""
    cube = add_cube()
    image = bpy.data.images.new("Red", 4, 4)
    image.pixels[:] = [0.8, 0.05, 0.05, 1.0] * 16
    material = bpy.data.materials.new("Textured")
    if material.node_tree is None:
        material.use_nodes = True
    texture = material.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    material.node_tree.nodes.active = texture
    cube.data.materials.append(material)
    camera = add_camera()
    bpy.context.scene.display.shading.color_type = "MATERIAL"
    view = capture(camera).views[0]
    red, green, _blue = view.rgb[view.object_ids > 0].mean(axis=0)
    assert red > 2 * green
    assert bpy.context.scene.display.shading.color_type == "MATERIAL", "the artist's own setting stays"
