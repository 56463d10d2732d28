"""Capturing: what the views say about known scenes, and that the artist's file is as before, whatever happens."""

from __future__ import annotations

import warnings

import bpy
import numpy as np
import pytest

from blender_addon import compat
from blender_addon.capture import (
    CaptureRequest,
    capture_into_scene,
    capture_memory,
    capture_steps,
    requests_from_settings,
)
from blender_addon.capture import passes as passes_module
from blender_addon.capture.exr import read_exr
from blender_addon.capture.palette import colour_of_index, indices_of_colours
from blender_addon.memory.store import memory_of
from mosaic_core.errors import CaptureError
from mosaic_core.memory import Memory
from mosaic_core.memory.view import View

HEIGHT, WIDTH = 36, 64
WORKBENCH = "BLENDER_WORKBENCH"


def link(obj: bpy.types.Object) -> bpy.types.Object:
    bpy.context.scene.collection.objects.link(obj)
    return obj


def add_camera(name: str = "Camera", location=(0.0, 0.0, 5.5), **settings) -> bpy.types.Object:
    """A camera that looks straight down, the scene's active one."""
    camera = link(bpy.data.objects.new(name, bpy.data.cameras.new(name)))
    camera.location = location
    bpy.context.scene.camera = camera
    for key, value in settings.items():
        setattr(camera.data, key, value)
    return camera


def add_cube(name: str = "Cube", location=(0.0, 0.0, 0.0), size: float = 1.0, **settings) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=size, location=location)
    cube = bpy.context.object
    cube.name = name
    for key, value in settings.items():
        setattr(cube, key, value)
    return cube


def quad(name: str) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    corners = [(-0.4, -0.4, 0), (0.4, -0.4, 0), (0.4, 0.4, 0), (-0.4, 0.4, 0)]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    return mesh


def capture(*cameras, engine: str = WORKBENCH, extend: Memory | None = None, **sizes) -> Memory:
    cameras = tuple(entry if isinstance(entry, tuple) else (entry, 1) for entry in cameras)
    size = {"image_height": HEIGHT, "image_width": WIDTH, **sizes}
    return capture_memory(bpy.context, CaptureRequest(cameras, engine=engine, samples=1, **size), extend=extend)


def pixels_of(memory: Memory, name: str, view: int = 0) -> np.ndarray:
    numbers = [number for number, other in memory.object_names.items() if other == name]
    return np.isin(memory.views[view].object_ids, numbers)


# --- what a view says -------------------------------------------------------------------------------------------------


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


# --- instances and libraries ------------------------------------------------------------------------------------------


@pytest.fixture
def linked(tmp_path) -> bpy.types.Collection:
    """A collection with one quad, linked from another file."""
    obj = bpy.data.objects.new("Part", quad("Part"))
    obj.color = (0.2, 0.3, 0.4, 1.0)
    collection = bpy.data.collections.new("Kit")
    collection.objects.link(obj)
    file = tmp_path / "kit.blend"
    bpy.data.libraries.write(str(file), {collection}, fake_user=True)
    bpy.data.objects.remove(obj)
    bpy.data.collections.remove(collection)
    with bpy.data.libraries.load(str(file), link=True) as (_there, here):
        here.collections = ["Kit"]
    return here.collections[0]


def add_instance(name: str, collection: bpy.types.Collection, location) -> bpy.types.Object:
    empty = link(bpy.data.objects.new(name, None))
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    empty.location = location
    return empty


def test_instances_of_a_linked_collection_have_their_own_ids(linked) -> None:
    camera = add_camera()
    add_instance("Left", linked, (-1.2, 0, 0))
    add_instance("Right", linked, (1.2, 0, 0.5))
    nest = bpy.data.collections.new("Nest")
    inner = bpy.data.objects.new("Inner", None)
    inner.instance_type, inner.instance_collection = "COLLECTION", linked
    nest.objects.link(inner)
    add_instance("Nested", nest, (0, 0, 0))
    before = snapshot()
    memory = capture(camera)
    assert set(memory.object_names.values()) == {"Left", "Right", "Nested"}
    view = memory.views[0]
    assert np.allclose(view.z_depth[pixels_of(memory, "Right")], 5.0, atol=1e-3)
    assert np.allclose(view.z_depth[pixels_of(memory, "Left")], 5.5, atol=1e-3)
    assert np.isclose(tuple(linked.objects[0].color), (0.2, 0.3, 0.4, 1.0)).all()
    assert_unchanged(before)


def test_a_collection_linked_into_the_scene_is_captured_by_its_objects_names(linked) -> None:
    camera = add_camera()
    bpy.context.scene.collection.children.link(linked)
    memory = capture(camera)
    assert list(memory.object_names.values()) == ["Part [kit.blend]"]
    assert np.isclose(tuple(linked.objects[0].color), (0.2, 0.3, 0.4, 1.0)).all()


def test_a_library_override_stays_as_it_was(linked) -> None:
    camera = add_camera()
    scene, view_layer = bpy.context.scene, bpy.context.view_layer
    scene.collection.children.link(linked)
    override = linked.override_hierarchy_create(scene, view_layer).objects[0]
    before = len(override.override_library.properties)
    memory = capture(camera)
    bpy.ops.ed.undo_push(message="now Blender looks for changed properties of overrides")
    assert list(memory.object_names.values()) == ["Part"]
    assert len(override.override_library.properties) == before


# --- time -------------------------------------------------------------------------------------------------------------


def animate(obj: bpy.types.Object, path: str, values: dict[int, object]) -> None:
    for frame, value in values.items():
        setattr(obj, path, value)
        obj.keyframe_insert(path, frame=frame)


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


def test_one_frame_seen_by_several_cameras_has_nothing_dynamic() -> None:
    first, second = add_camera("A"), add_camera("B", (1, 0, 5.5))
    animate(add_cube(), "location", {1: (0, 0, 0), 21: (3, 0, 0)})
    assert not any(view.dynamic.any() for view in capture((first, 5), (second, 5)).views)


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


# --- the artist's file ------------------------------------------------------------------------------------------------

# What Blender keeps for itself or leads back to where one came from, and what crashes 4.2 when read (tool_settings).
_SKIPPED = {"depsgraph", "original", "session_uid", "rna_type", "bl_rna", "tool_settings"}
# A studio light fills itself in when it is first drawn.
_SKIPPED |= {"is_evaluated", "is_updated", "is_updated_data", "selected_studio_light"}
if bpy.app.version < (4, 5):
    # 4.2's Scene.copy counts the users of a scene's objects once too often; saving, loading and undo count again.
    _SKIPPED |= {"users"}


def rna_values(owner, path: str, depth: int = 4) -> dict[str, object]:
    """Every readable property of an RNA struct, nested ones included; other datablocks by name."""
    values: dict[str, object] = {}
    for prop in owner.bl_rna.properties:
        if prop.identifier in _SKIPPED:
            continue
        here, value = f"{path}.{prop.identifier}", getattr(owner, prop.identifier, None)
        items = list(value)[:50] if prop.type == "COLLECTION" else [value]
        if prop.type not in ("COLLECTION", "POINTER"):
            values[here] = tuple(value) if isinstance(value, bpy.types.bpy_prop_array) else str(value)
            continue
        for index, item in enumerate(items):
            if isinstance(item, bpy.types.ID) or item is None or not depth:
                values[f"{here}[{index}]"] = getattr(item, "name_full", None)
            else:
                values |= rna_values(item, f"{here}[{index}]", depth - 1)
    return values


def snapshot() -> dict[str, object]:
    """Names of all datablocks, and every property of scenes, objects, cameras, worlds and actions."""
    values: dict[str, object] = {
        prop.identifier: sorted(item.name_full for item in getattr(bpy.data, prop.identifier))
        for prop in bpy.data.bl_rna.properties
        if prop.type == "COLLECTION"
    }
    values["context"] = (bpy.context.scene.name, bpy.context.view_layer.objects.active)
    values["handlers"] = [len(bpy.app.handlers.frame_change_post), len(bpy.app.handlers.frame_change_pre)]
    for obj in bpy.data.objects:
        values[f"mute {obj.name_full}"] = [curve.mute for curve in compat.fcurves_of(obj)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # everything is read, also what is on its way out
        for item in (*bpy.data.scenes, *bpy.data.objects, *bpy.data.cameras, *bpy.data.worlds, *bpy.data.actions):
            values |= rna_values(item, f"{type(item).__name__} {item.name_full}")
    return values


def assert_unchanged(before: dict[str, object]) -> None:
    after = snapshot()
    changed = {name: (before.get(name), after.get(name)) for name in before.keys() | after.keys()}
    assert {name: pair for name, pair in changed.items() if pair[0] != pair[1]} == {}


def furnish() -> bpy.types.Object:
    """A scene in which there is something to forget of everything."""
    scene = bpy.context.scene
    camera = add_camera(location=(0, 0, 8))
    camera.data.dof.use_dof = True
    other = add_camera("Other", (3, 0, 8))
    scene.timeline_markers.new("Cut", frame=7).camera = other
    mover = add_cube("Mover")
    mover.color = (0.1, 0.2, 0.3, 0.4)
    animate(mover, "location", {1: (0, 0, 0), 21: (1, 0, 0)})
    animate(mover, "color", {1: (1, 0, 0, 1), 21: (0, 1, 0, 1)})
    driver = add_cube("Driven", (2, 0, 0)).driver_add("color", 0).driver
    driver.expression = "0.5"
    add_cube("In front", (-2, 0, 0), show_in_front=True)
    bpy.ops.object.volume_add()
    scene.world = bpy.data.worlds.new("World")
    scene.view_layers.new("Second")
    scene.frame_set(5, subframe=0.25)
    mover.location = (0.3, 0.4, 0)  # not keyed: a render that re-evaluates the scene loses it
    scene.camera = other
    scene.render.engine, scene.render.resolution_x = "CYCLES", 333
    scene.render.use_compositing = scene.render.use_border = True
    scene.display.shading.light = "MATCAP"
    compat.set_image_format(scene.render.image_settings, "FFMPEG")
    if hasattr(scene, "node_tree"):
        scene.use_nodes = True
    else:
        scene.compositing_node_group = bpy.data.node_groups.new("Grade", "CompositorNodeTree")
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.view_layer.objects.active = mover
    mover.select_set(True)
    return camera


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


# --- what cannot be captured ------------------------------------------------------------------------------------------


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


# --- settings, operator, storing --------------------------------------------------------------------------------------


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


def test_a_view_holds_what_the_renders_said() -> None:
    camera = add_camera()
    add_cube()
    view = capture(camera).views[0]
    assert isinstance(view, View) and view.source == "captured"
    assert view.rgb.shape == (HEIGHT, WIDTH, 3) and view.rgb[HEIGHT // 2, WIDTH // 2].mean() > 50
