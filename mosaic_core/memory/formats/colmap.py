"""COLMAP's workspace, text or binary: `images/`, a sparse model in `sparse/0/`, and depth maps.

Depth is read from `stereo/depth_maps/NAME.geometric.bin` (or `.photometric.bin`), where COLMAP's dense reconstruction
leaves it, or from `depth/STEM.exr` and `depth/STEM.png` (16 bits, the step stated). A sparse model alone is no memory:
its few points say nothing about the pixels between them. What is written has a point for each patch, in the middle of
it, seen by its view. Axes and pixel centres are those of `mosaic_core.cameras.formats.colmap`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ...cameras import Camera
from ...cameras.formats import colmap, colmap_binary
from ...cameras.formats.base import quaternion_of_rotation, text_of
from ...errors import CameraError, FormatError
from ...images import known_depth, png_bytes, read_depth_exr, read_integers, read_rgb
from ..memory import Memory
from ..view import View
from .base import (
    Known,
    MemoryFormat,
    finite_or_zero,
    imported_view,
    inside,
    lens_of,
    number_in,
    numbered,
    read_file,
    write_file,
)
from .cloud import PointCloud, patch_points

_DEPTH_HEADER = re.compile(rb"(\d{1,5})&(\d{1,5})&1&")
_MODELS = {"txt": colmap.named_cameras, "bin": colmap_binary.named_cameras}


def _model_folder(place: Path, suffix: str) -> Path | None:
    folders = (place / "sparse" / "0", place / "sparse", place)
    return next((folder for folder in folders if (folder / f"cameras.{suffix}").is_file()), None)


def _matches(suffix: str, place: Path) -> bool:
    return _model_folder(place, suffix) is not None


def _read(suffix: str, place: Path, known: Known) -> Iterator[View]:
    folder = _model_folder(place, suffix)
    if folder is None:
        raise FormatError(f"{place} holds no cameras.{suffix}")
    names = [f"{name}.{suffix}" for name in ("cameras", "images")]
    try:
        named = _MODELS[suffix]({name: read_file(folder / name) for name in names})
    except CameraError as error:
        raise FormatError(str(error)) from error
    if known.fps is None:
        known.note("the frame rate is taken to be 24")
    named.sort(key=lambda pair: (number_in(pair[0]) is None, number_in(pair[0]) or 0, pair[0]))
    found = 0
    for index, (name, camera) in enumerate(named):
        z_depth = _depth(place, name, camera, known)
        if z_depth is None:
            known.note("images without a depth map are left out")
            continue
        size = {"image_height": camera.image_height, "image_width": camera.image_width}
        rgb = read_rgb(read_file(inside(place / "images", name)), **size)
        yield imported_view(camera, rgb, z_depth, name=name, time_s=index / (known.fps or 24.0))
        found += 1
    if not found:
        raise FormatError(f"{place} has no depth maps in stereo/depth_maps or depth: run COLMAP's dense reconstruction")


def _depth(place: Path, name: str, camera: Camera, known: Known) -> np.ndarray | None:
    """The depth map of an image, `None` where there is none."""
    for kind in ("geometric", "photometric"):
        file = inside(place / "stereo" / "depth_maps", f"{name}.{kind}.bin")
        if file.is_file():
            return _depth_map(read_file(file), camera)
    size = {"image_height": camera.image_height, "image_width": camera.image_width}
    plain = inside(place / "depth", name)
    if plain.with_suffix(".exr").is_file():
        return read_depth_exr(read_file(plain.with_suffix(".exr")), **size)
    if plain.with_suffix(".png").is_file():
        steps = read_integers(read_file(plain.with_suffix(".png")), **size)
        return np.where(steps > 0, steps * np.float32(known.unit_m()), np.float32(np.inf))
    return None


def _depth_map(data: bytes, camera: Camera) -> np.ndarray:  # (H, W) float32
    """`WIDTH&HEIGHT&1&` and float32 values, row by row."""
    match = _DEPTH_HEADER.match(data)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if match is None or len(data) - match.end() != 4 * width * height:
        raise FormatError("a depth map is WIDTH&HEIGHT&1& and as many 32-bit floats")
    if (height, width) != (camera.image_height, camera.image_width):
        raise FormatError(
            f"expected depth of {camera.image_width} x {camera.image_height} pixels, got {width} x {height}"
        )
    return known_depth(np.frombuffer(data, "<f4", offset=match.end()).reshape(height, width).copy())


def _write(suffix: str, memory: Memory, place: Path, known: Known) -> None:
    del known
    names = [numbered(index, ".png") for index in range(len(memory.views))]
    for name, view in zip(names, memory.views, strict=True):
        write_file(place / "images" / name, png_bytes(view.rgb))
        height, width = view.z_depth.shape
        depth = f"{width}&{height}&1&".encode() + finite_or_zero(view.z_depth).astype("<f4").tobytes()
        write_file(place / "stereo" / "depth_maps" / f"{name}.geometric.bin", depth)
    documents = (_text if suffix == "txt" else _binary)(memory, names, *_points(memory))
    for name, data in documents.items():
        write_file(place / "sparse" / "0" / name, data)


def _points(memory: Memory) -> tuple[PointCloud, np.ndarray, np.ndarray]:  # (N,) view or -1, (N, 2) its pixel
    """A point a placement; those that stand where they were captured are seen by their view."""
    cloud, captured = patch_points(memory)
    seen_by = np.where(captured, memory.patches.view[cloud.patch_rows - 1], -1)
    uv = np.zeros((len(cloud), 2))
    for index in np.unique(seen_by[seen_by >= 0]):
        mine = seen_by == index
        uv[mine] = memory.views[index].camera.project(cloud.points_m[mine].astype(np.float64))[0]
    seen_by[~np.isfinite(uv).all(axis=1)] = -1
    return cloud, seen_by, uv


def _cameras(memory: Memory) -> tuple[dict[tuple, int], list[int]]:
    """COLMAP's cameras (a lens and a size each) and which of them each view has."""
    ids: dict[tuple, int] = {}
    keys = [(v.camera.image_width, v.camera.image_height, *lens_of(v.camera)) for v in memory.views]
    return ids, [ids.setdefault(key, len(ids) + 1) for key in keys]


def _text(memory: Memory, names: list[str], cloud: PointCloud, seen_by: np.ndarray, uv: np.ndarray) -> dict[str, bytes]:
    ids, camera_of_view = _cameras(memory)
    cameras = [f"{id_} PINHOLE {key[0]} {key[1]} {text_of(key[2:])}" for key, id_ in ids.items()]
    images, position = [], np.zeros(len(cloud), int)
    for index, (name, view) in enumerate(zip(names, memory.views, strict=True)):
        matrix = view.camera.cam_from_world
        values = text_of([*quaternion_of_rotation(matrix[:3, :3]), *matrix[:3, 3]])
        mine = np.flatnonzero(seen_by == index)
        position[mine] = np.arange(len(mine))
        observed = " ".join(f"{u!r} {v!r} {i + 1}" for i, (u, v) in zip(mine, uv[mine].tolist(), strict=True))
        images += [f"{index + 1} {values} {camera_of_view[index]} {name}", observed or "0.0 0.0 -1"]
    points = []
    for i, (point, colour) in enumerate(zip(cloud.points_m.tolist(), cloud.rgb.tolist(), strict=True)):
        track = f" {seen_by[i] + 1} {position[i]}" if seen_by[i] >= 0 else ""
        points.append(f"{i + 1} {text_of(point)} {colour[0]} {colour[1]} {colour[2]} 0{track}")
    texts = {"cameras.txt": cameras, "images.txt": images, "points3D.txt": points}
    return {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in texts.items()}


def _binary(
    memory: Memory, names: list[str], cloud: PointCloud, seen_by: np.ndarray, uv: np.ndarray
) -> dict[str, bytes]:
    ids, camera_of_view = _cameras(memory)
    cameras = [struct.pack("<Q", len(ids))]
    cameras += [struct.pack("<iiQQ4d", id_, 1, *key) for key, id_ in ids.items()]
    images, position = [struct.pack("<Q", len(names))], np.zeros(len(cloud), int)
    for index, (name, view) in enumerate(zip(names, memory.views, strict=True)):
        matrix = view.camera.cam_from_world
        values = (*quaternion_of_rotation(matrix[:3, :3]), *matrix[:3, 3], camera_of_view[index])
        mine = np.flatnonzero(seen_by == index)
        position[mine] = np.arange(len(mine))
        observed = np.zeros(len(mine), [("uv", "<f8", 2), ("point", "<i8")])
        observed["uv"], observed["point"] = uv[mine], mine + 1
        images.append(struct.pack("<i7di", index + 1, *values) + name.encode() + b"\0")
        images.append(struct.pack("<Q", len(mine)) + observed.tobytes())
    points = [struct.pack("<Q", len(cloud))]
    for i, (point, colour) in enumerate(zip(cloud.points_m.tolist(), cloud.rgb.tolist(), strict=True)):
        track = struct.pack("<2i", seen_by[i] + 1, position[i]) if seen_by[i] >= 0 else b""
        points.append(struct.pack("<Q3d3Bd", i + 1, *point, *colour, 0.0) + struct.pack("<Q", len(track) // 8) + track)
    return {"cameras.bin": b"".join(cameras), "images.bin": b"".join(images), "points3D.bin": b"".join(points)}


_LOST = (
    "object ids and names, and what moves, are left out",
    "sky becomes unknown depth",
    "a skew of the pixels is left out",
    "times of views, features and history are left out",
)
TEXT = MemoryFormat(
    "colmap",
    "COLMAP workspace, text model",
    partial(_matches, "txt"),
    partial(_read, "txt"),
    partial(_write, "txt"),
    _LOST,
)
BINARY = MemoryFormat(
    "colmap_binary",
    "COLMAP workspace, binary model",
    partial(_matches, "bin"),
    partial(_read, "bin"),
    partial(_write, "bin"),
    _LOST,
)
