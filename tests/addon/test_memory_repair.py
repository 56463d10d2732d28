"""What native tools break is reported, never raised, and put right by Validate and Repair."""

from __future__ import annotations

import bmesh
import bpy
import numpy as np
import pytest

from mosaic_core.memory.edits import lock
from tests.core.known_scenes import BLUE, RED, placements_of, room_memory

from .memory_scenes import built, edit_mode, ints, object_mode, select_object


def read(obj, memory):
    from blender_addon.memory.read import read_object

    return read_object(obj, memory)


def damage(obj, how):
    ids = select_object(obj, RED)
    edit_mode(obj)
    if how == "vertex deleted":
        bpy.ops.mesh.select_all(action="DESELECT")
        mesh = bmesh.from_edit_mesh(obj.data)
        bpy.ops.mesh.select_mode(type="VERT")
        mesh.verts.ensure_lookup_table()
        mesh.verts[0].select_set(True)
        bmesh.update_edit_mesh(obj.data)
        bpy.ops.mesh.delete(type="VERT")
    elif how == "subdivided":
        bpy.ops.mesh.subdivide()
    elif how == "extruded":
        bpy.ops.mesh.extrude_region_move(TRANSFORM_OT_translate={"value": (0, 0, 0.1)})
    elif how == "triangulated":
        bpy.ops.mesh.quads_convert_to_tris()
    elif how == "merged":
        bpy.ops.mesh.remove_doubles(threshold=0.05)
    elif how == "flattened":
        bpy.ops.transform.resize(value=(0, 0, 0))
    object_mode()
    return ids


@pytest.mark.parametrize(
    ("how", "count"),
    [
        ("vertex deleted", "deleted"),
        ("subdivided", "cut_up"),
        ("extruded", "cut_up"),
        ("triangulated", "broken"),
        ("merged", None),
        ("flattened", "collapsed"),
    ],
)
def test_damage_by_native_tools_is_reported_and_repaired(tmp_path, how, count):
    from blender_addon.memory.validate import validate

    obj, memory = built(tmp_path)
    damage(obj, how)
    placements, report = read(obj, memory)
    if count:
        assert getattr(report, count) > 0
    if count not in (None, "deleted"):
        assert not validate(obj).healthy
        assert bpy.ops.mosaic.validate() == {"FINISHED"}
        placements, report = read(obj, memory)
        assert report.healthy, report.sentences()
        assert np.array_equal(placements.ids, memory.placements.ids)
    assert not np.isnan(placements.transforms).any()


@pytest.mark.parametrize(
    "lost", [("row",), ("placement",), ("row", "placement", "memory"), ("flags", "view", "object_id")]
)
def test_lost_attributes_come_back(tmp_path, lost):
    from blender_addon.memory.validate import validate

    obj, memory = built(tmp_path)
    before = {name: ints(obj, name) for name in ("row", "placement", "memory", "view", "object_id", "flags")}
    for name in (*lost, "corner", "Col"):
        obj.data.attributes.remove(obj.data.attributes[name])
    assert set(validate(obj).missing_attributes) == {*lost, "corner", "Col"}
    assert bpy.ops.mosaic.validate() == {"FINISHED"}
    for name, values in before.items():
        assert np.array_equal(ints(obj, name), values), name
    assert validate(obj).healthy
    assert read(obj, memory)[0].same_as(memory.placements)


def test_repair_settles_ids_squares_up_and_puts_locked_patches_back(tmp_path):
    memory = room_memory()
    memory = memory.edited(lock(placements_of(memory, BLUE)))
    obj, _ = built(tmp_path, memory)
    select_object(obj, RED)
    edit_mode(obj)
    bpy.ops.mesh.duplicate_move(TRANSFORM_OT_translate={"value": (0, 0, 1)})
    bpy.ops.transform.resize(value=(1, 1, 3))
    object_mode()
    blue = np.flatnonzero(ints(obj, "object_id") == BLUE)
    select_object(obj, BLUE)
    edit_mode(obj)
    bpy.ops.mesh.delete(type="FACE")
    object_mode()
    before, report = read(obj, memory)
    assert report.sheared and report.locked == len(blue)
    bpy.ops.mosaic.validate()
    after, report = read(obj, memory)
    assert report.healthy and report.copied == 0
    assert np.array_equal(after.ids, before.ids)
    assert np.allclose(after.edited_from_captured(), before.edited_from_captured(), atol=1e-3)
    assert len(np.unique(ints(obj, "placement"))) == len(obj.data.polygons)
