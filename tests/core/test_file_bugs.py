"""One test for each defect that fuzzing found in a file reader, or that a hostile file could have used."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.cameras import Camera, load_path, save_path
from mosaic_core.cameras.formats import read_path
from mosaic_core.cameras.formats.npz import array_of
from mosaic_core.errors import CameraError, EditError, MemoryFileError
from mosaic_core.memory import load_placements, save_placements
from mosaic_core.zips import DamagedZip, ZipReader

from .known_scenes import room_memory
from .test_fuzz_files import small_path


def npz_with(content: bytes, *, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("data.npy", content)
    return buffer.getvalue()


def npy(header: str, body: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + body


def with_manifest(file, change) -> None:
    """Change the manifest of an archive in place."""
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(file, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)


@pytest.fixture
def placements_file(tmp_path):
    save_placements(room_memory(((0.0, -5.5, 2.2),), height=16, width=16).placements, tmp_path / "p.npz")
    return tmp_path / "p.npz"


@pytest.mark.parametrize("header", ["{'descr': '<f8', 'shape': (2,", "(" * 900, "{'descr': '|O', 'shape': (1,), }", ""])
def test_an_array_header_that_is_no_python_raised_a_token_error(header):
    with pytest.raises(CameraError, match="damaged"):
        array_of(npz_with(npy(header, bytes(16))), "data")


def test_a_listed_type_that_is_an_object_raised_a_type_error(placements_file):
    with_manifest(placements_file, lambda m: m["members"]["placements/ids"].update(dtype={"a": 1}))
    with pytest.raises(MemoryFileError, match="impossible type"):
        load_placements(placements_file)


def test_a_camera_of_huge_numbers_gave_a_warning(tmp_path):
    matrix = np.eye(4)
    matrix[0, 0] = 1e308
    with pytest.raises(CameraError, match="rotation"):
        Camera(np.eye(3), matrix, 10, 10)
    save_path(small_path(), tmp_path / "path.json")
    document = json.loads((tmp_path / "path.json").read_text())
    document["frames"][0]["world_from_cam"][0] = 1e308
    (tmp_path / "path.json").write_text(json.dumps(document))
    with pytest.raises(CameraError):
        load_path(tmp_path / "path.json")


def test_a_placement_of_huge_numbers_gave_a_warning():
    placements = room_memory(((0.0, -5.5, 2.2),), height=16, width=16).placements
    transforms = np.stack([np.eye(4), np.diag([1e200, 1e200, 1e200, 1])])
    with pytest.raises(EditError, match="similarity"):
        replace(placements, transforms=transforms)


def test_a_manifest_of_brackets_is_refused(placements_file):
    with zipfile.ZipFile(placements_file, "w") as new:
        new.writestr("manifest.json", "[" * 200_000)
    with pytest.raises(MemoryFileError, match="not valid JSON"):
        load_placements(placements_file)


def test_a_short_path_took_half_a_gigabyte_to_read(tmp_path):
    save_path(small_path(), tmp_path / "path.json")
    tracemalloc.start()
    try:
        read_path(tmp_path / "path.json", "mosaic")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_an_array_that_claims_more_than_its_bytes_is_refused_before_there_is_room_for_it():
    for shape in ("(99999999999,)", "(9,)", "(-1,)", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"):
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
        with pytest.raises(CameraError, match="damaged"):
            array_of(npz_with(npy(header, bytes(64))), "data")


def test_a_zip_that_claims_more_than_it_can_unpack_to_is_refused():
    data = bytearray(npz_with(bytes(1 << 22), method=zipfile.ZIP_DEFLATED))
    at = data.rfind(b"PK\1\2")
    data[at + 24 : at + 28] = struct.pack("<I", 0x7FFFFFFF)
    with ZipReader(io.BytesIO(bytes(data))) as archive, pytest.raises(DamagedZip, match="claims 2147483647 bytes"):
        archive.array("data.npy", at_most=1 << 40)


def test_text_that_shrinks_like_no_text_is_refused():
    """A hundred kilobytes of deflated brackets would become gigabytes of lists."""
    data = npz_with(b"[" * (32 << 20), method=zipfile.ZIP_DEFLATED)
    with ZipReader(io.BytesIO(data)) as archive, pytest.raises(DamagedZip, match="claims"):
        archive.text("data.npy", at_most=1 << 40)


def test_compressions_that_ask_for_memory_are_refused():
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        with ZipReader(io.BytesIO(npz_with(b"x", method=method))) as archive, pytest.raises(DamagedZip, match="way"):
            archive.text("data.npy", at_most=100)


def test_a_directory_of_millions_of_members_is_refused_before_it_is_read():
    entries = bytes(17 << 20)
    end = struct.pack("<4s4HIIH", b"PK\5\6", 0, 0, 65535, 65535, len(entries), 0, 0)
    with pytest.raises(DamagedZip, match="directory claims"):
        ZipReader(io.BytesIO(entries + end))
