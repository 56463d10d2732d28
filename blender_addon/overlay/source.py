"""A memory object's mesh as the arrays that are drawn and picked, kept until the mesh changes.

Blender says when a mesh changed (`changed`, called by the depsgraph handler), and only then is it read again: 10 ms
for 100,000 patches. Of what was read, each part has a signature, its checksum, so that a change of the selection sends
no positions to the graphics card. Objects are kept by name and never as references, which undo invalidates.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from mosaic_core.memory import LOCKED

from ..memory.atlas import UV_MAP
from ..memory.faces import COLOUR, corner_loops, face_ints, read_faces, values_of
from .points import PatchArrays, cell_sizes, cells_of_uv

# Colours of an object's faces (F, 4) float32 in 0 .. 1, the fourth how much of them replaces the captured pixels;
# None for the captured pixels alone.
ColourSource = Callable[[bpy.types.Object], np.ndarray | None]
_colour_source: ColourSource | None = None
_shown: dict[str, Shown] = {}


@dataclass(frozen=True, eq=False)
class Shown:
    """What is drawn of an object. Equal signatures mean equal arrays."""

    mesh: str  # its name
    patches: PatchArrays
    selected: np.ndarray  # (P,) bool
    locked: np.ndarray  # (P,) bool
    colours: np.ndarray | None  # (P, 4, 4) float32 a corner: RGB, and how much of it replaces the atlas
    atlases: tuple[str, ...]  # the image of each material, "" = none
    cells: tuple[tuple[float, float], ...]  # how many cells each of those images has
    mesh_signature: int  # positions, colours and pixels
    selection_signature: int

    def __len__(self) -> int:
        return len(self.patches)

    @property
    def signatures(self) -> tuple[int, int]:
        """Of the mesh and of the selection."""
        return self.mesh_signature, self.selection_signature


def shown(obj: bpy.types.Object) -> Shown:
    """The patches of a memory object in Object Mode, read again only after a change."""
    held = _shown.get(obj.name_full)
    if held is None:
        held = _shown[obj.name_full] = _read(obj)
    return held


def changed(name_full: str | None = None) -> None:
    """Read this object again when it is drawn next; all of them where no name is given."""
    if name_full is None:
        _shown.clear()
    else:
        _shown.pop(name_full, None)


def changed_mesh(name_full: str) -> None:
    """Read the objects that use this mesh again when they are drawn next."""
    for name in [name for name, held in _shown.items() if held.mesh == name_full]:
        del _shown[name]


def set_colour_source(source: ColourSource | None) -> None:
    """Colour patches by something else than what was captured, until the next call. Call `changed` when it would
    answer otherwise than before."""
    global _colour_source
    _colour_source = source
    changed()


def _read(obj: bpy.types.Object) -> Shown:
    mesh = obj.data
    faces = read_faces(obj, tag=0)
    hidden = values_of(mesh, ".hide_poly", "FACE")
    index = np.flatnonzero(faces.is_quad & (faces.rows > 0) & ~hidden)
    loops = corner_loops(mesh)[1][index]
    corners = np.ascontiguousarray(faces.corners_mesh[index])
    material = np.clip(face_ints(mesh, "material_index")[index], 0, max(len(mesh.materials) - 1, 0))
    images = [_atlas(slot) for slot in mesh.materials] or [None]
    cells, grids = _cells(mesh, loops, material, images)
    colours = _colours(obj, index, loops, np.array([image is None for image in images])[material])
    selected = values_of(mesh, ".select_poly", "FACE")[index]
    locked = (faces.flags[index] & LOCKED) != 0
    pixels = np.zeros(0) if colours is None else colours
    return Shown(
        mesh=mesh.name_full,
        patches=PatchArrays(index, corners, cells, cell_sizes(corners, cells), material),
        selected=selected,
        locked=locked,
        colours=colours,
        atlases=tuple(image.name_full if image else "" for image in images),
        cells=grids,
        mesh_signature=_checksum(corners, cells, material, pixels),
        selection_signature=_checksum(selected, locked, index),
    )


def _atlas(material: bpy.types.Material | None) -> bpy.types.Image | None:
    """The picture of the captured pixels that a material shows."""
    tree = material.node_tree if material is not None else None
    for node in tree.nodes if tree is not None else ():
        if node.type == "TEX_IMAGE" and node.image is not None and node.image.size[0] > 0:
            return node.image
    return None


def _cells(
    mesh: bpy.types.Mesh,
    loops: np.ndarray,  # (P, 4)
    material: np.ndarray,  # (P,)
    images: list[bpy.types.Image | None],
) -> tuple[np.ndarray, tuple[tuple[float, float], ...]]:
    """The corners in cells of their atlas (P, 4, 2), and how many cells each atlas has."""
    cells = np.zeros((len(loops), 4, 2), np.float32)
    layer = mesh.uv_layers.get(UV_MAP)
    if layer is None:
        return cells, ((1.0, 1.0),) * len(images)
    uv = np.zeros((len(mesh.loops), 2), np.float32)
    layer.uv.foreach_get("vector", uv.ravel())
    grids = []
    for number, image in enumerate(images):
        mine = slice(None) if len(images) == 1 else np.flatnonzero(material == number)
        if image is None:
            grids.append((1.0, 1.0))
            continue
        cells[mine], grid = cells_of_uv(uv[loops[mine]], tuple(image.size))
        grids.append((float(grid[0]), float(grid[1])))
    return cells, tuple(grids)


def _colours(
    obj: bpy.types.Object, index: np.ndarray, loops: np.ndarray, without_atlas: np.ndarray
) -> np.ndarray | None:  # (P, 4, 4) float32
    """Colours that stand in for the captured pixels: what the colour source says, else the patch's own colours where
    there is no atlas."""
    given = _colour_source(obj) if _colour_source is not None else None
    if given is None and not without_atlas.any():
        return None
    colours = np.zeros((len(index), 4, 4), np.float32)
    attribute = obj.data.color_attributes.get(COLOUR)
    if without_atlas.any():
        colours[without_atlas] = (0.5, 0.5, 0.5, 1.0)
        if attribute is not None and attribute.domain == "CORNER":
            of_loop = np.ones((len(obj.data.loops), 4), np.float32)
            attribute.data.foreach_get("color_srgb", of_loop.ravel())
            colours[without_atlas, :, :3] = of_loop[loops[without_atlas], :3]
    if given is not None:
        given = np.asarray(given, np.float32)[index][:, None]
        share = given[..., 3:]
        below = colours[..., 3:]
        colours[..., :3] = np.where(below > 0, colours[..., :3] * (1 - share) + given[..., :3] * share, given[..., :3])
        colours[..., 3:] = np.maximum(below, share)
    return colours


def _checksum(*arrays: np.ndarray) -> int:
    crc = 0
    for array in arrays:
        crc = zlib.crc32(np.ascontiguousarray(array).data, crc)
    return crc
