"""A memory as one native Mesh object: one quad a placement, so that every native tool edits placements.

The mesh is in world coordinates and the object's matrix the identity: what the artist does to the object as a whole is
then a motion of the memory, and what lies in the mesh unchanged is unchanged to the last bit. Sky has no place and
no face. The object does not render and so never gets into its own captures; its material shows the colours in Material
Preview, and Solid mode shows them with the shading colour "Attribute".
"""

from __future__ import annotations

import zlib
from pathlib import Path

import bpy
import numpy as np

from mosaic_core.errors import MosaicError
from mosaic_core.memory import HIDDEN, Memory, Patches, memory_sha256
from mosaic_core.memory.quads import has_place, quads_of

from . import store
from .faces import COLOUR, CORNER, set_face_flag, set_ints, set_values
from .properties import SCHEMA

MATERIAL_NAME = "Mosaic Memory"
_INT32_MAX = 2**31 - 1


def build_memory_object(
    context: bpy.types.Context, memory: Memory, memory_file: Path | str, name: str = "Memory"
) -> bpy.types.Object:
    """Make the object of a memory that is saved at `memory_file`, link it to the scene, and make it active.

    Raises `MosaicError` where the file cannot be read or the memory does not fit into a mesh.
    """
    mesh = mesh_of_memory(memory, name)
    obj = bpy.data.objects.new(name, mesh)
    try:
        _link(obj, memory_file)
    except MosaicError:
        bpy.data.objects.remove(obj)
        bpy.data.meshes.remove(mesh)
        raise
    store.remember(memory, Path(memory_file))
    context.scene.collection.objects.link(obj)
    context.view_layer.update()  # until then the view layer does not know its new object
    if obj.name in context.view_layer.objects and context.mode == "OBJECT":
        for other in list(context.view_layer.objects.selected):  # the context knows none without a window
            other.select_set(False)
        obj.select_set(True)
        context.view_layer.objects.active = obj
    return obj


def rebuild_memory_object(obj: bpy.types.Object, memory: Memory, memory_file: Path | str) -> None:
    """Show another state of the memory, or one with more views, in an existing object; it stands at the origin again.

    What the artist did since the object was built is lost unless `memory` holds it. Raises as `build_memory_object`
    does and in Edit Mode, and then leaves the object as it was.
    """
    if obj.mode == "EDIT":
        raise MosaicError(f"leave Edit Mode of {obj.name!r} before it shows another state of its memory")
    mesh = mesh_of_memory(memory, obj.data.name)
    try:
        _link(obj, memory_file)
    except MosaicError:
        bpy.data.meshes.remove(mesh)
        raise
    store.remember(memory, Path(memory_file))
    old, obj.data = obj.data, mesh
    obj.parent = None
    obj.matrix_world = np.eye(4)
    if old.users == 0:
        name = old.name
        bpy.data.meshes.remove(old)
        mesh.name = name


def tag_of(patches: Patches) -> int:
    """A number that tells memories apart, and stays as views are added: the checksum of the first view's patches."""
    first = patches.view == 0
    crc = zlib.crc32(patches.quad_world[first].tobytes())
    crc = zlib.crc32(patches.rgb[first].tobytes(), crc)
    return (crc & _INT32_MAX) or 1


def mesh_of_memory(memory: Memory, name: str) -> bpy.types.Mesh:
    """The mesh alone. Raises `MosaicError` where an id is too large for Blender's 32-bit attributes."""
    patches, placements = memory.patches, memory.placements
    placements = placements.taken(has_place(patches)[placements.rows - 1])
    if len(placements) and placements.ids[-1] > _INT32_MAX:
        raise MosaicError(f"placement {placements.ids[-1]} does not fit into a mesh: ids must be below 2^31")
    mesh = bpy.data.meshes.new(name)
    _add_quads(mesh, quads_of(placements, patches))
    index = placements.rows - 1
    columns = {
        "row": placements.rows,
        "placement": placements.ids,
        "memory": np.full(len(placements), tag_of(patches)),
        "view": patches.view[index],
        "object_id": patches.object_id[index],
        "flags": placements.flags & ~HIDDEN,
    }
    for attribute, values in columns.items():
        set_ints(mesh, attribute, "FACE", values)
    set_ints(mesh, CORNER, "CORNER", np.tile(np.arange(4), len(placements)))
    set_colours(mesh, patches.rgb[index].reshape(-1, 3))
    set_face_flag(mesh, "hide", (placements.flags & HIDDEN) != 0, loops_count_as=False)
    mesh.materials.append(memory_material())
    return mesh


def set_colours(mesh: bpy.types.Mesh, rgb: np.ndarray) -> None:
    """Colour the corners of a mesh in Object Mode: (L, 3) uint8, a row a loop."""
    colours = mesh.color_attributes.get(COLOUR)
    if colours is None:
        colours = mesh.color_attributes.new(COLOUR, "BYTE_COLOR", "CORNER")
    values = np.ones((len(rgb), 4), np.float32)
    values[:, :3] = rgb / np.float32(255)
    colours.data.foreach_set("color_srgb", values.ravel())
    mesh.color_attributes.active_color = colours
    mesh.color_attributes.render_color_index = mesh.color_attributes.active_color_index


def memory_material() -> bpy.types.Material:
    """The material all memories share: their colours, unlit. Made where the file has none."""
    material = bpy.data.materials.get(MATERIAL_NAME)
    if material is not None and material.library is None:
        return material
    material = bpy.data.materials.new(MATERIAL_NAME)
    if material.node_tree is None:  # since 5.0 every material has one, and `use_nodes` is going away
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    colour = tree.nodes.new("ShaderNodeVertexColor")
    colour.layer_name = COLOUR
    emission = tree.nodes.new("ShaderNodeEmission")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    colour.location, emission.location, output.location = (-400, 0), (-200, 0), (0, 0)
    tree.links.new(colour.outputs["Color"], emission.inputs["Color"])
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return material


def _link(obj: bpy.types.Object, memory_file: Path | str) -> None:
    digest = memory_sha256(memory_file)
    settings = obj.mosaic
    settings.is_memory = True
    settings.schema = SCHEMA
    store.set_path(obj, Path(memory_file), sha256=digest)
    obj.hide_render = True


def _add_quads(mesh: bpy.types.Mesh, quads: np.ndarray) -> None:
    count = len(quads)
    mesh.vertices.add(4 * count)
    set_values(mesh, "position", "POINT", quads, data_type="FLOAT_VECTOR")
    mesh.loops.add(4 * count)
    mesh.loops.foreach_set("vertex_index", np.arange(4 * count, dtype=np.int32))
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", np.arange(0, 4 * count, 4, dtype=np.int32))
    mesh.update(calc_edges=True)
