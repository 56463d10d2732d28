"""Collection instances and objects of linked libraries: captured, told apart, and left alone."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from .capture_scenes import (
    add_camera,
    assert_unchanged,
    capture,
    link,
    pixels_of,
    quad,
    snapshot,
)


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
