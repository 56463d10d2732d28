"""A memory as one native Mesh object: one quad a placement, so that every native tool edits placements.

The mesh is in world coordinates and the object's matrix the identity: what the artist does to the object as a whole is
then a motion of the memory, and what lies in the mesh unchanged is unchanged to the last bit. Sky has no place and
no face. The object does not render and so never gets into its own captures. Its material shows the captured pictures in
Material Preview and, with the shading colour "Texture", in Solid mode; "Attribute" shows each patch's own colours.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from mosaic_core.errors import MosaicError
from mosaic_core.memory import Memory

from . import store
from .atlas import UV_MAP, atlas_image
from .captions import keep_names
from .faces import COLOUR, CORNER, set_face_flag, set_ints, set_values
from .mesh_arrays import MeshArrays, Prepared, prepared
from .properties import SCHEMA
from .sets import carry_sets

MATERIAL_NAME = "Mosaic Memory"


def build_memory_object(
    context: bpy.types.Context,
    memory: Memory,
    memory_file: Path | str,
    name: str = "Memory",
    *,
    made: Prepared | None = None,  # of this memory and file, where a thread has made it
) -> bpy.types.Object:
    """Make the object of a memory that is saved at `memory_file`, link it to the scene, and make it active.

    Raises `MosaicError` where the file cannot be read or the memory does not fit into a mesh.
    """
    made = made or prepared(memory, memory_file)
    obj = bpy.data.objects.new(name, mesh_of_arrays(made.arrays, name))
    _link(obj, memory_file, sha256=made.sha256)
    store.remember(memory, Path(memory_file), sha256=made.sha256)
    context.scene.collection.objects.link(obj)
    context.view_layer.update()  # until then the view layer does not know its new object
    if obj.name in context.view_layer.objects and context.mode == "OBJECT":
        for other in list(context.view_layer.objects.selected):  # the context knows none without a window
            other.select_set(False)
        obj.select_set(True)
        context.view_layer.objects.active = obj
    return obj


def rebuild_memory_object(
    obj: bpy.types.Object, memory: Memory, memory_file: Path | str, *, made: Prepared | None = None
) -> None:
    """Show another state of the memory, or one with more views, in an existing object; it stands at the origin again.

    What the artist did since the object was built is lost unless `memory` holds it. Raises as `build_memory_object`
    does and in Edit Mode, and then leaves the object as it was.
    """
    if obj.mode == "EDIT":
        raise MosaicError(f"leave Edit Mode of {obj.name!r} before it shows another state of its memory")
    made = made or prepared(memory, memory_file)
    mesh = mesh_of_arrays(made.arrays, obj.data.name)
    _link(obj, memory_file, sha256=made.sha256)
    store.remember(memory, Path(memory_file), sha256=made.sha256)
    carry_sets(obj.data, mesh)
    old, obj.data = obj.data, mesh
    obj.parent = None
    obj.matrix_world = np.eye(4)
    if old.users == 0:
        name = old.name
        remove_pictures(old)
        bpy.data.meshes.remove(old)
        mesh.name = name


def mesh_of_arrays(arrays: MeshArrays, name: str) -> bpy.types.Mesh:
    """The mesh alone."""
    mesh = bpy.data.meshes.new(name)
    _add_quads(mesh, arrays.corners_world)
    for attribute, values in arrays.columns.items():
        set_ints(mesh, attribute, "FACE", values)
    set_ints(mesh, CORNER, "CORNER", np.tile(np.arange(4), len(arrays)))
    set_colours(mesh, arrays.corner_rgb)
    # Blender selects what it adds; in the overlay a whole memory in the colour of what is selected shows nothing else.
    set_face_flag(mesh, "select", np.zeros(len(arrays), bool), loops_count_as=True)
    set_face_flag(mesh, "hide", arrays.hidden, loops_count_as=False)
    layer = mesh.uv_layers.new(name=UV_MAP)
    layer.uv.foreach_set("vector", arrays.uv.ravel())
    mesh.materials.append(memory_material(atlas_image(arrays.atlas, f"{mesh.name} Pixels")))
    keep_names(mesh, arrays.memory, tag=arrays.tag)
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


def _link(obj: bpy.types.Object, memory_file: Path | str, *, sha256: str) -> None:
    settings = obj.mosaic
    settings.is_memory = True
    settings.schema = SCHEMA
    store.set_path(obj, Path(memory_file), sha256=sha256)
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
