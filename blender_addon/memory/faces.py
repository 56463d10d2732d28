"""The mesh of a memory as arrays, read and written in Object Mode and in Edit Mode.

    FACE    row        the patch, 0 = none              FACE    object_id  the object the patch shows
            placement  the id of the placement          CORNER  corner     which corner of the patch: TL, TR, BR, BL
            memory     which memory the row belongs to          Col        the patch's colour there
            view       the view the patch was seen in
            flags      `Placements.flags`; the hidden one is Blender's own face hiding

`corner` is kept because native tools reverse and rotate the corners of a face (Flip Normals, Mirror), and `memory`
because Join mixes the faces of different memories. Attribute data of a mesh in Edit Mode is out of reach; a copy of
the mesh has it, and costs next to nothing because Blender shares the arrays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bmesh
import bpy
import numpy as np

from mosaic_core.memory import HIDDEN
from mosaic_core.memory.quads import Faces

FACE_INTS = ("row", "placement", "memory", "view", "object_id", "flags")
CORNER = "corner"
COLOUR = "Col"


def face_count(obj: bpy.types.Object) -> int:
    """Faces of the mesh as the artist sees it now."""
    with readable_mesh(obj) as mesh:
        return len(mesh.polygons)


@contextlib.contextmanager
def readable_mesh(obj: bpy.types.Object) -> Iterator[bpy.types.Mesh]:
    """A mesh whose attributes can be read, with everything done in Edit Mode so far. Do not write to it."""
    if obj.mode != "EDIT":
        yield obj.data
        return
    obj.update_from_editmode()
    copy = obj.data.copy()
    try:
        yield copy
    finally:
        bpy.data.meshes.remove(copy)


def read_faces(obj: bpy.types.Object, *, tag: int) -> Faces:
    """All faces of a memory object, in its own space. `tag` names the memory they should belong to.

    Missing attributes read as 0; faces that are no quads come with corners of nan.
    """
    with readable_mesh(obj) as mesh:
        is_quad, vertices = _corner_vertices(mesh)
        positions = np.zeros((len(mesh.vertices), 3), np.float32)
        mesh.vertices.foreach_get("co", positions.ravel())
        corners = np.full((len(is_quad), 4, 3), np.nan, np.float32)
        corners[is_quad] = positions[vertices[is_quad]]
        hidden = np.zeros(len(is_quad), bool)
        mesh.polygons.foreach_get("hide", hidden)
        flags = face_ints(mesh, "flags").astype(np.uint8) & ~HIDDEN
        tags = face_ints(mesh, "memory")
        return Faces(
            corners_mesh=corners,
            vertices=vertices,
            is_quad=is_quad,
            own=(tags == tag) | (tags == 0),
            rows=face_ints(mesh, "row"),
            ids=face_ints(mesh, "placement").astype(np.int64),
            flags=np.where(hidden, flags | HIDDEN, flags),
        )


def face_ints(mesh: bpy.types.Mesh, name: str) -> np.ndarray:  # (F,) int32
    """An integer face attribute; zeros where the mesh has none of that name."""
    return _ints(mesh, name, "FACE", len(mesh.polygons))


def has_attribute(mesh: bpy.types.Mesh, name: str, domain: str) -> bool:
    """True where the mesh has an integer attribute of that name on that domain."""
    attribute = mesh.attributes.get(name)
    return attribute is not None and attribute.domain == domain and attribute.data_type in ("INT", "INT8")


def write_face_ints(obj: bpy.types.Object, name: str, faces: np.ndarray, values: np.ndarray) -> None:
    """Set an integer attribute of some faces; the others keep theirs."""
    faces, values = np.asarray(faces), np.broadcast_to(np.asarray(values), np.shape(faces))
    if obj.mode == "EDIT":
        mesh = bmesh.from_edit_mesh(obj.data)
        layer = mesh.faces.layers.int.get(name) or mesh.faces.layers.int.new(name)
        mesh.faces.ensure_lookup_table()
        for face, value in zip(faces.tolist(), values.tolist(), strict=True):
            mesh.faces[face][layer] = value
        bmesh.update_edit_mesh(obj.data, loop_triangles=False, destructive=False)
        return
    everything = face_ints(obj.data, name)
    everything[faces] = values
    set_ints(obj.data, name, "FACE", everything)


def set_ints(mesh: bpy.types.Mesh, name: str, domain: str, values: np.ndarray) -> None:
    """Create or overwrite a whole integer attribute of a mesh in Object Mode."""
    attribute = mesh.attributes.get(name)
    if attribute is not None and not has_attribute(mesh, name, domain):
        mesh.attributes.remove(attribute)
        attribute = None
    if attribute is None:
        kind = "INT8" if name == CORNER else "INT"
        attribute = mesh.attributes.new(name, kind, domain)
    attribute.data.foreach_set("value", np.ascontiguousarray(values, np.int32).ravel())


def write_corners(
    obj: bpy.types.Object,
    faces: Faces,
    index: np.ndarray,  # (n,) which faces
    corners_mesh: np.ndarray,  # (n, 4, 3)
) -> None:
    """Put the vertices of some faces elsewhere. `faces` is what `read_faces` gave for this object just now."""
    vertices = faces.vertices[index].ravel()
    positions = np.asarray(corners_mesh, np.float32).reshape(-1, 3)
    if obj.mode == "EDIT":
        mesh = bmesh.from_edit_mesh(obj.data)
        mesh.verts.ensure_lookup_table()
        for vertex, position in zip(vertices.tolist(), positions.tolist(), strict=True):
            mesh.verts[vertex].co = position
        mesh.normal_update()
        bmesh.update_edit_mesh(obj.data)
        return
    everything = np.zeros((len(obj.data.vertices), 3), np.float32)
    obj.data.vertices.foreach_get("co", everything.ravel())
    everything[vertices] = positions
    obj.data.vertices.foreach_set("co", everything.ravel())
    obj.data.update()


@contextlib.contextmanager
def editable_bmesh(obj: bpy.types.Object) -> Iterator[bmesh.types.BMesh]:
    """The mesh to add and remove faces in, whatever mode the object is in."""
    if obj.mode == "EDIT":
        mesh = bmesh.from_edit_mesh(obj.data)
        mesh.faces.ensure_lookup_table()
        yield mesh
        bmesh.update_edit_mesh(obj.data)
        return
    mesh = bmesh.new()
    try:
        mesh.from_mesh(obj.data)
        mesh.faces.ensure_lookup_table()
        yield mesh
        mesh.to_mesh(obj.data)
        obj.data.update()
    finally:
        mesh.free()


def _ints(mesh: bpy.types.Mesh, name: str, domain: str, count: int) -> np.ndarray:
    values = np.zeros(count, np.int32)
    if count and has_attribute(mesh, name, domain):
        mesh.attributes[name].data.foreach_get("value", values)
    return values


def _corner_vertices(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:  # (F,) is quad, (F, 4)
    """The vertices of each quad in the order of the patch's corners; 0 for other faces."""
    count = len(mesh.polygons)
    start, total = np.zeros(count, np.int32), np.zeros(count, np.int32)
    mesh.polygons.foreach_get("loop_start", start)
    mesh.polygons.foreach_get("loop_total", total)
    vertex_of_loop = np.zeros(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", vertex_of_loop)
    is_quad = total == 4
    vertices = np.zeros((count, 4), np.int32)
    loops = start[is_quad, None] + np.arange(4, dtype=np.int32)
    if has_attribute(mesh, CORNER, "CORNER"):
        corner = _ints(mesh, CORNER, "CORNER", len(mesh.loops))[loops]
        order = np.argsort(corner, axis=1, kind="stable")
        told = (np.take_along_axis(corner, order, axis=1) == np.arange(4)).all(axis=1)
        order[~told] = np.arange(4)
        loops = np.take_along_axis(loops, order.astype(np.int32), axis=1)
    vertices[is_quad] = vertex_of_loop[loops]
    return is_quad, vertices
