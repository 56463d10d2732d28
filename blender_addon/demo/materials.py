"""From arrays to Blender: images packed in the file, materials that show them, meshes with their coordinates.

Every material is one image texture into one Principled shader. The image node is the active one, which is what
Workbench (colour "Texture") draws; a bump from the same image gives Cycles and EEVEE relief without a second texture.
"""

from __future__ import annotations

import bpy
import numpy as np

from .surfaces import Surface


def image_of(name: str, pixels_rgb: np.ndarray) -> bpy.types.Image:  # (H, W, 3), row 0 at the bottom
    """A packed 8-bit sRGB image."""
    height, width = pixels_rgb.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=False)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = pixels_rgb
    image.pixels.foreach_set(rgba.ravel())
    image.update()
    image.pack()
    return image


def node_tree_of(datablock: bpy.types.Material | bpy.types.World) -> bpy.types.NodeTree:
    """The shader nodes of a new material or world, emptied; Blender 5 gives them nodes from the start."""
    if datablock.node_tree is None:
        datablock.use_nodes = True
    datablock.node_tree.nodes.clear()
    return datablock.node_tree


def textured_material(
    name: str,
    image: bpy.types.Image,
    *,
    roughness: float = 0.85,
    bump_m: float = 0.0,
    glow: float = 0.0,
) -> bpy.types.Material:
    """A matte surface showing `image`; `bump_m` is the height between its dark and bright parts, `glow` its light."""
    material = bpy.data.materials.new(name)
    tree = node_tree_of(material)
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    for node, x in ((texture, -600), (shader, 0), (output, 300)):
        node.location = (x, 0)
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    shader.inputs["Roughness"].default_value = roughness
    # Highlights move with the camera and a memory of images cannot follow them: keep surfaces matte.
    shader.inputs["Specular IOR Level"].default_value = 0.2
    if glow:
        tree.links.new(texture.outputs["Color"], shader.inputs["Emission Color"])
        shader.inputs["Emission Strength"].default_value = glow
    if bump_m:
        bump = tree.nodes.new("ShaderNodeBump")
        bump.location = (-300, -250)
        bump.inputs["Strength"].default_value = 0.6
        bump.inputs["Distance"].default_value = bump_m
        tree.links.new(texture.outputs["Color"], bump.inputs["Height"])
        tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    tree.nodes.active = texture
    return material


def mesh_object(
    name: str,
    surface: Surface,
    materials: list[bpy.types.Material],
    collection: bpy.types.Collection,
    *,
    location: tuple[float, float, float] = (0, 0, 0),
    turn_deg: float = 0.0,
) -> bpy.types.Object:
    """A mesh object of the surface, linked to the collection."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(surface.vertices.tolist(), [], surface.faces())
    layer = mesh.uv_layers.new(name="UVMap")
    layer.uv.foreach_set("vector", surface.uv.astype(np.float32).ravel())
    mesh.polygons.foreach_set("use_smooth", surface.smooth)
    mesh.polygons.foreach_set("material_index", surface.material.astype(np.int32))
    for material in materials:
        mesh.materials.append(material)
    mesh.update()
    obj = bpy.data.objects.new(name, mesh)
    obj.location = location
    obj.rotation_euler = (0, 0, np.radians(turn_deg))
    collection.objects.link(obj)
    return obj


def sky_world(name: str, image: bpy.types.Image, *, light: float, seen: float) -> bpy.types.World:
    """An equirectangular sky: as bright as `light` where it lights things, as `seen` to the camera."""
    world = bpy.data.worlds.new(name)
    nodes, links = (tree := node_tree_of(world)).nodes, tree.links
    texture = nodes.new("ShaderNodeTexEnvironment")
    texture.image = image
    texture.location = (-500, 0)
    mix = nodes.new("ShaderNodeMixShader")
    mix.location = (100, 0)
    rays = nodes.new("ShaderNodeLightPath")
    rays.location = (-500, 400)
    links.new(rays.outputs["Is Camera Ray"], mix.inputs[0])
    for slot, strength in ((1, light), (2, seen)):
        background = nodes.new("ShaderNodeBackground")
        background.location = (-200, 150 - 150 * slot)
        background.inputs["Strength"].default_value = strength
        links.new(texture.outputs["Color"], background.inputs["Color"])
        links.new(background.outputs["Background"], mix.inputs[slot])
    output = nodes.new("ShaderNodeOutputWorld")
    output.location = (300, 0)
    links.new(mix.outputs["Shader"], output.inputs["Surface"])
    world.color = (0.48, 0.62, 0.72)
    return world
