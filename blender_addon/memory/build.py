"""A memory as one native Mesh object: one quad a placement, so that every native tool edits placements.

The mesh is in world coordinates and the object's matrix the identity: what the artist does to the object as a whole is
then a motion of the memory, and what lies in the mesh unchanged is unchanged to the last bit. Sky has no place and
no face. The object does not render and so never gets into its own captures. Its material shows the captured pictures in
Material Preview and, with the shading colour "Texture", in Solid mode; "Attribute" shows each patch's own colours.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import bpy
import numpy as np

from mosaic_core.errors import MosaicError
from mosaic_core.memory import HIDDEN, Memory, Patches, Placements, memory_sha256
from mosaic_core.memory.quads import has_place, quads_of
from mosaic_core.memory.tone_matching import shown_patch_rgb

from . import store
from .atlas import UV_MAP, atlas_image, atlas_uv
from .captions import keep_names
from .faces import COLOUR, CORNER, set_face_flag, set_ints, set_values
from .properties import SCHEMA
from .sets import carry_sets

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
        remove_pictures(mesh)
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
        remove_pictures(mesh)
        bpy.data.meshes.remove(mesh)
        raise
    store.remember(memory, Path(memory_file))
    carry_sets(obj.data, mesh)
    old, obj.data = obj.data, mesh
    obj.parent = None
    obj.matrix_world = np.eye(4)
    if old.users == 0:
        name = old.name
        remove_pictures(old)
        bpy.data.meshes.remove(old)
        mesh.name = name


def tag_of(patches: Patches) -> int:
    """A number that tells memories apart, and stays as views are added: the checksum of the first view's patches."""
    first = np.flatnonzero(patches.view == 0)
    crc = zlib.crc32(patches.column("quad_world", first).tobytes())
    crc = zlib.crc32(patches.rgb[first].tobytes(), crc)
    return (crc & _INT32_MAX) or 1


def mesh_of_memory(memory: Memory, name: str) -> bpy.types.Mesh:
    """The mesh alone. Raises `MosaicError` where an id is too large for Blender's 32-bit attributes."""
    patches, placements = memory.patches, memory.placements
    placements = placements.taken(has_place(patches)[placements.rows - 1])
    if len(placements) and placements.ids[-1] > _INT32_MAX:
        raise MosaicError(
            f"placement {placements.ids[-1]} does not fit into a mesh, ids end at 2^31: compact the memory"
        )
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
    set_colours(mesh, shown_patch_rgb(memory)[index].reshape(-1, 3))
    # Blender selects what it adds; in the overlay a whole memory in the colour of what is selected shows nothing else.
    set_face_flag(mesh, "select", np.zeros(len(placements), bool), loops_count_as=True)
    set_face_flag(mesh, "hide", (placements.flags & HIDDEN) != 0, loops_count_as=False)
    _show_pictures(mesh, memory, placements)
    keep_names(mesh, memory, tag=tag_of(patches))
    return mesh


def _show_pictures(mesh: bpy.types.Mesh, memory: Memory, placements: Placements) -> None:
    layer = mesh.uv_layers.new(name=UV_MAP)
    layer.uv.foreach_set("vector", atlas_uv(memory, placements).ravel())
    mesh.materials.append(memory_material(atlas_image(memory, f"{mesh.name} Pixels")))


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


def memory_material(image: bpy.types.Image) -> bpy.types.Material:
    """A material that shows the atlas of a memory's pixels, unlit, and nothing between them."""
    material = bpy.data.materials.new(MATERIAL_NAME)
    if material.node_tree is None:  # since 5.0 every material has one, and `use_nodes` is going away
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    picture = tree.nodes.new("ShaderNodeTexImage")
    picture.image = image
    picture.interpolation = "Closest"  # neighbours in the atlas are other patches
    emission = tree.nodes.new("ShaderNodeEmission")
    nothing = tree.nodes.new("ShaderNodeBsdfTransparent")
    mix = tree.nodes.new("ShaderNodeMixShader")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    picture.location, nothing.location, emission.location = (-600, 0), (-300, 100), (-300, -50)
    mix.location, output.location = (-100, 0), (100, 0)
    tree.links.new(picture.outputs["Color"], emission.inputs["Color"])
    tree.links.new(picture.outputs["Alpha"], mix.inputs[0])
    tree.links.new(nothing.outputs[0], mix.inputs[1])
    tree.links.new(emission.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], output.inputs["Surface"])
    tree.nodes.active = picture  # Solid mode takes the active picture
    return material


def remove_pictures(mesh: bpy.types.Mesh) -> None:
    """Remove the materials and atlases that only this mesh uses: it is about to be removed itself."""
    for material in [m for m in mesh.materials if m is not None and m.users == 1 and m.library is None]:
        images = [node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE" and node.image]
        bpy.data.materials.remove(material)
        for image in images:
            if image.users == 0:
                bpy.data.images.remove(image)


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
