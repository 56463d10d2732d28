"""Every file reader meets thousands of damaged and hostile files: a result or one of our errors, and nothing else.

The quick tests take a sample; the slow ones make more than 20,000 cases together.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath, load_path
from mosaic_core.cameras.formats import FORMAT_NAMES, Gaps, read_path
from mosaic_core.cameras.formats.files import FORMATS
from mosaic_core.cameras.path_file import save_path
from mosaic_core.exr import exr_bytes, read_exr
from mosaic_core.generate.video import VideoWriter
from mosaic_core.images import png_bytes, read_any_rgb, read_integers, read_rgb, video_frames
from mosaic_core.memory import (
    Features,
    Memory,
    append_memory,
    edits,
    load_memory,
    load_placements,
    save_memory,
    save_placements,
)
from mosaic_core.memory.formats import FORMAT_NAMES as MEMORY_FORMAT_NAMES
from mosaic_core.memory.formats import Known, export_memory, import_memory
from mosaic_core.memory.formats.clouds import cloud_of
from mosaic_core.memory.motion import Motion

from .fuzzing import Files, fuzz, mutated_glb, mutated_json_bytes, mutated_zip
from .known_scenes import NAMES, RED, camera_at, placements_of, room_memory, view_of
from .test_memory_files import VERSION_1


@dataclass(frozen=True)
class Target:
    """A reader, a valid file for it, and how many cases it gets."""

    read: Callable[[Path], object]
    files: Files
    cases: int
    declared_bytes: int
    inner: Callable | None = None


ZIPPED_DEPTH = np.linspace(1, 9, 20 * 24, dtype=np.float32).reshape(20, 24).round(1)
ZIPPED_DEPTH[18:] = np.random.default_rng(0).random((2, 24))


def small_memory():
    """Two views with an undone and two applied edits, and a thing that moves."""
    memory = room_memory(((-2.5, -5.0, 1.8), (2.5, -5.0, 1.6)), height=24, width=32)
    red = placements_of(memory, RED)
    memory = memory.with_motions({RED: Motion(np.arange(3.0), np.tile(np.eye(4), (3, 1, 1)))})
    memory = memory.edited(edits.translate(red, (0.1, 0, 0)), edits.copy(red, np.eye(4)), edits.hide(red))
    return memory.edited(edits.set_time_range(red, since_s=1.0)).undo()


def small_path() -> CameraPath:
    return CameraPath(tuple(camera_at((x, -4.5, 1.9)) for x in (-1.0, 0.0, 1.0)), (1, 2, 3), 24.0)


def memory_target(folder: Path) -> Target:
    """With features, and two appends."""
    file, memory = folder / "valid.mosaic", small_memory()
    memory = memory.with_features("tiny", Features.of(np.zeros((len(memory.patches), 2)), "bfloat16"))
    save_memory(memory, file)
    memory = memory.with_views([view_of(camera_at((0, -3, 3), height=16, width=16))], NAMES).redo()
    append_memory(memory, file)
    append_memory(memory.with_features("tiny", Features.of(np.zeros((len(memory.patches), 2)), "bfloat16")), file)
    return Target(load_memory, {"": file.read_bytes()}, 2000, 200_000, mutated_zip)


def old_memory_target(_folder: Path) -> Target:
    return Target(load_memory, {"": VERSION_1.read_bytes()}, 1000, 200_000, mutated_zip)


def placements_target(folder: Path) -> Target:
    save_placements(small_memory().placements, folder / "valid.npz")
    return Target(load_placements, {"": (folder / "valid.npz").read_bytes()}, 1500, 50_000, mutated_zip)


def path_file_target(folder: Path) -> Target:
    save_path(small_path(), folder / "valid.json")
    return Target(load_path, {"": (folder / "valid.json").read_bytes()}, 1000, 50_000, mutated_json_bytes)


def path_target(name: str) -> Target:
    files = {key: data for key, data in FORMATS[name].write(small_path()).items() if key in FORMATS[name].members}
    inner = mutated_json_bytes if all(_is_json(data) for data in files.values()) else None
    if all(data.startswith(b"PK") for data in files.values()):
        inner = mutated_zip
    gaps = Gaps(fps=24.0)

    def read(place: Path) -> object:
        return read_path(place, name, gaps=gaps)

    return Target(read, files, 600, 100_000, inner)


def _is_json(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{"


def exported_target(name: str, folder: Path) -> Target:
    """A memory of two small views in another tool's format."""
    views = [view_of(camera_at((x, -5.0, 1.8), height=16, width=24), name=str(x)) for x in (-1.0, 1.0)]
    single = {"ply": "cloud.ply", "glb": "cloud.glb", "mirage": "geometry.npz"}
    place = folder / single.get(name, "place")
    unit = 0.001 if name == "rgbd" else None
    export_memory(Memory.from_views(views), place, format=name, known=Known(depth_unit_m=unit))
    save_path(small_path(), folder / "path.json")
    files = {"": place.read_bytes()} if place.is_file() else {
        f.relative_to(place).as_posix(): f.read_bytes() for f in place.rglob("*") if f.is_file()
    }  # fmt: skip

    def read(failing: Path) -> object:
        if name in ("ply", "glb"):
            return cloud_of(failing.read_bytes(), name)
        return import_memory(failing, name)

    inner = {"mirage": mutated_zip, "glb": mutated_glb}.get(name)
    return Target(read, files, 800, 400_000, inner)


def mesh_target(kind: str) -> Target:
    """Meshes of another program: faces, materials, nodes."""
    trimesh = pytest.importorskip("trimesh")
    box = trimesh.creation.box((1, 2, 4))
    encoding = {"encoding": "ascii"} if kind == "ascii.ply" else {}
    data = box.export(file_type=kind[-3:], **encoding)
    data = data.encode() if isinstance(data, str) else data
    inner = mutated_glb if kind.endswith("glb") else None
    return Target(lambda place: cloud_of(place.read_bytes(), kind[-3:]), {"": data}, 800, 400_000, inner)


def exr_target(_folder: Path) -> Target:
    z_depth = np.linspace(1, 9, 24 * 40, dtype=np.float32).reshape(24, 40)
    data = exr_bytes({"Z": z_depth, "R": z_depth.astype(np.float16)})
    return Target(lambda place: read_exr(place.read_bytes()), {"": data}, 2000, 20_000)


def zip_exr_target(_folder: Path) -> Target:
    """Two blocks of lines with ZIP compression, which is read and not written."""
    return Target(lambda place: read_exr(place.read_bytes()), {"": zip_exr_bytes()}, 2000, 20_000)


def zip_exr_bytes() -> bytes:
    z_depth = ZIPPED_DEPTH
    plain = exr_bytes({"Z": z_depth}).replace(
        b"compression\0compression\0\x01\0\0\0\0", b"compression\0compression\0\x01\0\0\0\3"
    )
    header = plain[: len(plain) - 20 * (8 + 8 + 24 * 4)]
    blocks = []
    for first in (0, 16):
        raw = np.frombuffer(z_depth[first : first + 16].astype("<f4").tobytes(), np.uint8)
        apart = np.concatenate([raw[::2], raw[1::2]])
        apart[1:] = apart[1:] - apart[:-1] + np.uint8(128)
        packed = zlib.compress(apart.tobytes())
        packed = packed if len(packed) < len(raw) else raw.tobytes()  # what does not shrink is stored
        blocks.append(struct.pack("<2i", first, len(packed)) + packed)
    return header + bytes(16) + b"".join(blocks)


def image_target(kind: str) -> Target:
    rng = np.random.default_rng(0)
    size = {"image_height": 16, "image_width": 24}
    if kind == "png16":
        data, read = png_bytes(rng.integers(0, 9999, (16, 24), dtype=np.uint16)), read_integers
    else:
        data, read = png_bytes(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)), read_rgb
    if kind == "jpeg":
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(read_rgb(data, **size)).save(buffer, "JPEG")
        data = buffer.getvalue()
    return Target(lambda place: read(place.read_bytes(), **size), {"": data}, 1200, 20_000)


def photo_target(kind: str) -> Target:
    """A photograph of any size: what it claims to be is all that is known of it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(buffer, kind)
    return Target(lambda place: read_any_rgb(place.read_bytes()), {"": buffer.getvalue()}, 400, 200_000_000)


def video_target(folder: Path) -> Target:
    with VideoWriter(folder / "clip.mp4", fps=24, image_height=16, image_width=32) as video:
        for level in (0.1, 0.5, 0.9):
            video.add(np.full((16, 32, 3), level, np.float32))

    def read(place: Path) -> object:
        return list(video_frames(place, image_height=16, image_width=32))

    return Target(read, {"": (folder / "clip.mp4").read_bytes()}, 400, 50_000)


TARGETS: dict[str, Callable[[Path], Target]] = {
    "memory": memory_target,
    "old_memory": old_memory_target,
    "placements": placements_target,
    "path_file": path_file_target,
    **{name: (lambda folder, name=name: exported_target(name, folder)) for name in MEMORY_FORMAT_NAMES},
    **{f"mesh.{kind}": (lambda _folder, kind=kind: mesh_target(kind)) for kind in ("ply", "ascii.ply", "glb")},
    "exr": exr_target,
    "zip_exr": zip_exr_target,
    **{kind: (lambda _folder, kind=kind: image_target(kind)) for kind in ("png", "png16", "jpeg")},
    **{
        f"photo_{kind}": (lambda _folder, kind=kind: photo_target(kind))
        for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
    },
    "video": video_target,
    **{f"path_{name}": (lambda _folder, name=name: path_target(name)) for name in FORMAT_NAMES},
}


def run(name: str, folder: Path, *, seed: int, share: float) -> None:
    folder.joinpath("valid").mkdir()
    target = TARGETS[name](folder / "valid")
    cases = int(target.cases * share)
    refused = fuzz(
        target.read,
        target.files,
        folder,
        cases=cases,
        seed=seed,
        declared_bytes=target.declared_bytes,
        inner=target.inner,
    )
    assert refused > cases / 4, "mutations that nobody notices test nothing"
    assert sorted(p.name for p in folder.iterdir()) == ["failing", "valid"], "a reader leaves nothing behind"


@pytest.mark.parametrize("name", TARGETS)
def test_some_damaged_files_end_in_our_error_or_a_result(name, tmp_path):
    run(name, tmp_path, seed=1, share=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_many_damaged_files_end_in_our_error_or_a_result(name, tmp_path):
    run(name, tmp_path, seed=2, share=1.0)
