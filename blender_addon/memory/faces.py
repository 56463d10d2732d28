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

_COLLECTIONS = {"POINT": "vertices", "EDGE": "edges", "FACE": "polygons", "CORNER": "loops"}
# data type -> the field of an element, its NumPy type, how many of them
_TYPES = {
    "INT": ("value", np.int32, 1),
    "INT8": ("value", np.int8, 1),
    "BOOLEAN": ("value", np.bool_, 1),
    "FLOAT_VECTOR": ("vector", np.float32, 3),
}


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
        corners = values_of(mesh, "position", "POINT")[vertices]
        corners[~is_quad] = np.nan
        hidden = values_of(mesh, ".hide_poly", "FACE")
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
    return values_of(mesh, name, "FACE").astype(np.int32)


def values_of(mesh: bpy.types.Mesh, name: str, domain: str) -> np.ndarray:  # (n,) or (n, 3)
    """A whole attribute in its own type, which is a plain copy of memory; zeros where the mesh has none such.

    Blender's own data are attributes too (`position`, `.corner_vert`, `.select_poly`, `.hide_poly`), and a hundred
    times quicker to reach that way than through `vertices` and `polygons`.
    """
    attribute = mesh.attributes.get(name)
    count = len(getattr(mesh, _COLLECTIONS[domain]))
    if attribute is None or attribute.domain != domain or attribute.data_type not in _TYPES:
        return np.zeros(count, bool if name.startswith(".") else np.int32)
    field, dtype, width = _TYPES[attribute.data_type]
    values = np.zeros(count * width, dtype)
    attribute.data.foreach_get(field, values)
    return values.reshape(count, width) if width > 1 else values


def set_values(mesh: bpy.types.Mesh, name: str, domain: str, values: np.ndarray, *, data_type: str) -> None:
    """Create or overwrite a whole attribute of a mesh in Object Mode."""
    attribute = mesh.attributes.get(name)
    if attribute is not None and (attribute.domain, attribute.data_type) != (domain, data_type):
        mesh.attributes.remove(attribute)
        attribute = None
    if attribute is None:
        attribute = mesh.attributes.new(name, data_type, domain)
    field, dtype, _ = _TYPES[data_type]
    attribute.data.foreach_set(field, np.ascontiguousarray(values, dtype).ravel())


def set_ints(mesh: bpy.types.Mesh, name: str, domain: str, values: np.ndarray) -> None:
    """Create or overwrite one of our integer attributes of a mesh in Object Mode."""
    set_values(mesh, name, domain, values, data_type="INT8" if name == CORNER else "INT")


def has_attribute(mesh: bpy.types.Mesh, name: str, domain: str) -> bool:
    """True where the mesh has an integer attribute of that name on that domain."""
    attribute = mesh.attributes.get(name)
    return attribute is not None and attribute.domain == domain and attribute.data_type in ("INT", "INT8")


def face_totals(mesh: bpy.types.Mesh) -> np.ndarray:  # (F,)
    """How many corners each face has."""
    start = np.zeros(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_start", start)
    return np.diff(start, append=np.int32(len(mesh.loops)))


def loop_indices(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # (L,) each
    """The vertex, the edge and the face of every loop."""
    face = np.repeat(np.arange(len(mesh.polygons)), face_totals(mesh))
    return values_of(mesh, ".corner_vert", "CORNER"), values_of(mesh, ".corner_edge", "CORNER"), face


def set_face_flag(mesh: bpy.types.Mesh, flag: str, on: np.ndarray, *, loops_count_as: bool) -> None:
    """Set Blender's own `select` or `hide` of all faces of a mesh in Object Mode; edges and vertices follow.

    An edge or a vertex is selected with one of its faces (`loops_count_as=True`), and hidden only with all of them
    (`loops_count_as=False`: one shown face keeps it shown).
    """
    of_vertex, of_edge, face = loop_indices(mesh)
    loops = (on == loops_count_as)[face]
    for name, domain, of_loop in (("vert", "POINT", of_vertex), ("edge", "EDGE", of_edge)):
        count = len(getattr(mesh, _COLLECTIONS[domain]))
        values = np.full(count, not loops_count_as)
        values[of_loop[loops]] = loops_count_as
        # What belongs to no face at all is neither selected nor hidden.
        values[np.bincount(of_loop, minlength=count) == 0] = False
        set_values(mesh, f".{flag}_{name}", domain, values, data_type="BOOLEAN")
    set_values(mesh, f".{flag}_poly", "FACE", on, data_type="BOOLEAN")
    mesh.update()


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
    everything = values_of(obj.data, "position", "POINT")
    everything[vertices] = positions
    set_values(obj.data, "position", "POINT", everything, data_type="FLOAT_VECTOR")
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


def corner_loops(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:  # (F,) is quad, (F, 4)
    """The loops of each quad in the order of the patch's corners; 0 for other faces."""
    total = face_totals(mesh)
    is_quad = total == 4
    loops = np.where(is_quad, np.cumsum(total) - total, 0)[:, None] + np.arange(4)
    loops[~is_quad] = 0
    corner = values_of(mesh, CORNER, "CORNER")[loops]
    turned = np.flatnonzero((corner != np.arange(4, dtype=corner.dtype)).any(axis=1) & is_quad)
    order = np.argsort(corner[turned], axis=1, kind="stable")
    told = (np.take_along_axis(corner[turned], order, axis=1) == np.arange(4)).all(axis=1)
    loops[turned[told]] = np.take_along_axis(loops[turned[told]], order[told], axis=1)
    return is_quad, loops


def _corner_vertices(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:  # (F,) is quad, (F, 4)
    """The vertices of each quad in the order of the patch's corners; 0 for other faces."""
    is_quad, loops = corner_loops(mesh)
    if not len(mesh.loops):
        return is_quad, np.zeros((len(is_quad), 4), np.int32)
    vertices = values_of(mesh, ".corner_vert", "CORNER")[loops]
    vertices[~is_quad] = 0
    return is_quad, vertices
