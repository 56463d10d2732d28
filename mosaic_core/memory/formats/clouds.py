"""Point clouds as PLY and GLB files, through trimesh.

PLY has all by the names other programs know: `x y z nx ny nz red green blue alpha`, and `patch`, the patch's row.
GLB has `POSITION`, `NORMAL`, `COLOR_0` and `_PATCH`; glTF's world has y up, so (x, y, z) becomes (x, z, -y) and back,
without rounding. Meshes of other programs are read as their vertices.

trimesh trusts what a header counts, so counts are held against the file's length before it is asked.
"""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError
from .base import read_file, write_file
from .cloud import PointCloud

_MAX_HEADER_BYTES = 1 << 16
_MAX_POINTS_GLB = 1 << 24  # above it a float32 skips whole numbers, and glTF allows no 32-bit integers here
_MAX_JSON_BYTES = 16 << 20
_GLB, _JSON_CHUNK, _BIN_CHUNK = struct.Struct("<4sII"), 0x4E4F534A, 0x004E4942
_POINTS = 0
_GL_TYPES = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_GL_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
# What trimesh makes of geometry may be far larger than the file: a mesh in a hundred places is a hundred meshes.
_MAX_GROWTH = 64


def write_cloud(cloud: PointCloud, file: Path) -> None:
    """Write a `.ply` or `.glb` file. Raises `FormatError`, also for a cloud without points."""
    if len(cloud) == 0:
        raise FormatError("there are no points to export: the memory shows nothing that has a place")
    write_file(file, _glb_bytes(cloud) if file.suffix.lower() == ".glb" else _ply_bytes(cloud))


def read_cloud(file: Path) -> PointCloud:
    """The points of a `.ply` or `.glb` file; what it does not hold is black, without normal, of no patch.

    Raises `FormatError`.
    """
    return cloud_of(read_file(file), "glb" if file.suffix.lower() == ".glb" else "ply")


def cloud_of(data: bytes, kind: str) -> PointCloud:
    """The points in the bytes of a file of kind `ply` or `glb`. Raises `FormatError`."""
    try:
        with np.errstate(all="ignore"):
            return _cloud_of_glb(data) if kind == "glb" else _cloud_of_ply(data)
    except FormatError:
        raise
    except Exception as error:  # trimesh raises whatever its parsers meet
        text = " ".join(str(error).split())[:200]
        raise FormatError(f"a damaged {kind.upper()} file: {type(error).__name__}: {text}") from error


def _ply_bytes(cloud: PointCloud) -> bytes:
    import trimesh
    from trimesh.exchange.ply import export_ply

    alpha = np.full((len(cloud), 1), 255, np.uint8)
    mesh = trimesh.Trimesh(
        vertices=cloud.points_m,
        vertex_normals=cloud.normals,
        vertex_colors=np.hstack([cloud.rgb, alpha]),
        process=False,
        validate=False,
    )
    mesh.vertex_attributes["patch"] = cloud.patch_rows
    return export_ply(mesh, vertex_normal=True)


def _cloud_of_ply(data: bytes) -> PointCloud:
    import trimesh

    _check_ply_header(data)
    geometry: Any = trimesh.load(io.BytesIO(data), file_type="ply", process=False, skip_materials=True)
    columns = geometry.metadata["_ply_raw"]["vertex"]["data"]
    names = columns.dtype.names if isinstance(columns, np.ndarray) else tuple(columns)
    count = len(columns["x"])

    def joined(wanted: tuple[str, ...], default: float) -> np.ndarray:
        if not all(name in names for name in wanted):
            return np.full((count, len(wanted)), default)
        return np.stack([np.asarray(columns[name]).reshape(-1) for name in wanted], axis=-1)

    rows = joined(("patch",), 0)[:, 0]
    return PointCloud(joined(("x", "y", "z"), np.nan), _colours(joined(("red", "green", "blue"), 0)),
                      joined(("nx", "ny", "nz"), 0), _rows(rows))  # fmt: skip


def _colours(values: np.ndarray) -> np.ndarray:  # (N, 3) uint8
    """Colours of 8 bits as they are, fractions as shares of 255."""
    if values.dtype.kind == "f":
        largest = np.nanmax(values, initial=0)
        values = np.round(np.clip(np.nan_to_num(values), 0, 255) * (255 if largest <= 1 else 1))
    return np.clip(values, 0, 255).astype(np.uint8)


def _rows(values: np.ndarray) -> np.ndarray:  # (N,) int32
    whole = np.isfinite(values) & (values >= 0) & (values < 2**31)
    return np.where(whole, values, 0).astype(np.int32)


def _check_ply_header(data: bytes) -> None:
    """Refuse counts that the file cannot hold, and headers without an end."""
    end = data.find(b"end_header", 0, _MAX_HEADER_BYTES)
    if not data.startswith(b"ply") or end < 0:
        raise FormatError("it is no PLY file, or its header has no end")
    lines = [line.split() for line in data[:end].split(b"\n")]
    counts = [line[-1] for line in lines if line[:1] == [b"element"]]
    if any(len(line) == 0 for line in lines[1:-1]) or not counts:
        raise FormatError("its header is damaged")
    for count in counts:
        if not count.isdigit() or len(count) > 12 or int(count) > len(data):
            raise FormatError(f"its header counts {count[:20].decode('ascii', 'replace')} in {len(data)} bytes")


def _glb_bytes(cloud: PointCloud) -> bytes:
    import trimesh
    from trimesh.exchange.gltf import export_glb

    if len(cloud) and cloud.patch_rows.max() >= _MAX_POINTS_GLB:
        raise FormatError(f"a GLB file holds patch ids below {_MAX_POINTS_GLB}: export as PLY")
    alpha = np.full((len(cloud), 1), 255, np.uint8)
    points = trimesh.PointCloud(_y_up(cloud.points_m), colors=np.hstack([cloud.rgb, alpha]))

    def add(buffers: Any, tree: Any) -> None:
        attributes = tree["meshes"][0]["primitives"][0]["attributes"]
        for name, kind, values in (
            ("NORMAL", "VEC3", _y_up(cloud.normals)),
            ("_PATCH", "SCALAR", cloud.patch_rows.astype(np.float32)),
        ):
            attributes[name] = len(tree["accessors"])
            accessor = {"bufferView": len(buffers), "componentType": 5126, "type": kind, "count": len(cloud)}
            tree["accessors"][name] = accessor
            buffers[name] = np.ascontiguousarray(values, "<f4").tobytes()

    return export_glb(points.scene(), buffer_postprocessor=add)


def _y_up(vectors: np.ndarray) -> np.ndarray:
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=-1)


def _z_up(vectors: np.ndarray) -> np.ndarray:
    return np.stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], axis=-1)


def _cloud_of_glb(data: bytes) -> PointCloud:
    tree, blob = _chunks(data)
    meshes = tree.get("meshes", [])
    primitives = [p for mesh in meshes for p in mesh["primitives"]] if len(meshes) == 1 else []
    if len(primitives) == 1 and "_PATCH" in primitives[0]["attributes"] and primitives[0].get("mode") == _POINTS:
        return _own_cloud(tree, blob, primitives[0]["attributes"])
    return _any_cloud(data, tree)


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON of a GLB file and its binary chunk. Raises `FormatError`."""
    if len(data) < 20 or not data.startswith(b"glTF"):
        raise FormatError("it is no GLB file")
    length, kind = struct.unpack_from("<II", data, _GLB.size)
    start = _GLB.size + 8
    if kind != _JSON_CHUNK or length > min(len(data) - start, _MAX_JSON_BYTES):
        raise FormatError("its first chunk is not JSON, or is cut off")
    tree = json.loads(data[start : start + length])
    at = start + length
    if not isinstance(tree, dict) or len(data) - at < 8:
        return tree if isinstance(tree, dict) else {}, b""
    length, kind = struct.unpack_from("<II", data, at)
    if kind != _BIN_CHUNK or length > len(data) - at - 8:
        raise FormatError("its second chunk is cut off")
    return tree, data[at + 8 : at + 8 + length]


def _own_cloud(tree: dict[str, Any], blob: bytes, attributes: dict[str, int]) -> PointCloud:
    points = _accessor(tree, blob, attributes["POSITION"])
    count = len(points)
    normals = _accessor(tree, blob, attributes["NORMAL"]) if "NORMAL" in attributes else np.zeros((count, 3))
    colours = _accessor(tree, blob, attributes["COLOR_0"])[:, :3] if "COLOR_0" in attributes else np.zeros((count, 3))
    rows = _accessor(tree, blob, attributes["_PATCH"])[:, 0]
    return PointCloud(_z_up(points), _colours(colours), _z_up(normals), _rows(rows))


def _accessor(tree: dict[str, Any], blob: bytes, index: int) -> np.ndarray:  # (count, width)
    accessor = tree["accessors"][index]
    view = tree["bufferViews"][accessor["bufferView"]]
    dtype, width, count = (
        np.dtype(_GL_TYPES[accessor["componentType"]]),
        _GL_WIDTHS[accessor["type"]],
        accessor["count"],
    )
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    stride = view.get("byteStride") or dtype.itemsize * width
    if not all(type(n) is int and n >= 0 for n in (start, stride, count)) or stride < dtype.itemsize * width:
        raise FormatError("its accessors are damaged")
    if count == 0 or start + stride * (count - 1) + dtype.itemsize * width > len(blob):
        raise FormatError("its accessors reach beyond the file")
    return np.ndarray((count, width), dtype.newbyteorder("<"), blob, start, (stride, dtype.itemsize))


def _any_cloud(data: bytes, tree: dict[str, Any]) -> PointCloud:
    """All vertices of another program's scene, where its nodes put them."""
    import trimesh

    counts = [accessor.get("count", 0) for accessor in tree.get("accessors", [])]
    if any(type(n) is not int or not 0 <= n <= len(data) for n in counts):
        raise FormatError("its accessors count more than the file holds")
    if len(tree.get("nodes", [])) * max(counts, default=0) > _MAX_GROWTH * len(data):
        raise FormatError("its nodes repeat geometry too often")
    if any("uri" in item for kind in ("buffers", "images") for item in tree.get(kind, [])):
        raise FormatError("it refers to other files: export it as one GLB file")
    scene: Any = trimesh.load(io.BytesIO(data), file_type="glb", process=False, skip_materials=True, force="scene")
    points, colours = [], []
    for name in scene.graph.nodes_geometry:
        matrix, geometry = scene.graph[name]
        shape = scene.geometry[geometry]
        vertices = trimesh.transform_points(shape.vertices, matrix)
        visual = getattr(getattr(shape, "visual", None), "vertex_colors", getattr(shape, "colors", None))
        rgb = np.asarray(visual)[:, :3] if visual is not None and len(visual) == len(vertices) else None
        points.append(vertices)
        colours.append(np.full((len(vertices), 3), 128, np.uint8) if rgb is None else rgb)
    if not points:
        raise FormatError("it holds no points")
    joined = np.concatenate(points)
    zeros = np.zeros((len(joined), 3))
    return PointCloud(_z_up(joined), _colours(np.concatenate(colours)), zeros, np.zeros(len(joined)))
