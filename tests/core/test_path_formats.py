"""Camera paths in the formats of other tools: what comes back, what a file says literally, and what is refused."""

from __future__ import annotations

import io
import json
import math
import time
import zipfile

import numpy as np
import pytest

from mosaic_core.cameras import Camera, CameraPath
from mosaic_core.cameras.formats import FORMAT_NAMES, Gaps, read_path, read_path_stating, write_path
from mosaic_core.cameras.formats.files import FORMATS, decode
from mosaic_core.errors import CameraError

from .test_path_formats_literally import C2W_GL, hand_made, written

HEIGHT, WIDTH = 360, 640


def random_rotation(rng) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def random_path(rng, count=5, *, plain_lens=False, numbers=None, fps=24.0) -> CameraPath:
    """Cameras anywhere, looking anywhere; with `plain_lens` one every format holds but those without any."""
    focal = WIDTH / 2 / math.tan(rng.uniform(0.2, 1.2))
    cameras = []
    for _ in range(count):
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = random_rotation(rng), rng.uniform(-50, 50, 3)
        fx, fy, cx, cy = focal, focal, WIDTH / 2, HEIGHT / 2
        if not plain_lens:
            fx, fy = rng.uniform(100, 2000, 2)
            cx, cy = rng.uniform(0.3, 0.7, 2) * (WIDTH, HEIGHT)
        cameras.append(Camera(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), matrix, HEIGHT, WIDTH))
    return CameraPath(tuple(cameras), numbers or tuple(range(1, count + 1)), fps)


def facts_of(path) -> Gaps:
    fov_deg = math.degrees(2 * math.atan(path.image_width / 2 / path[0].intrinsics_px[0, 0]))
    return Gaps(path.fps, path.image_height, path.image_width, fov_deg)


def place_of(folder, name):
    return folder / (name if len(FORMATS[name].members) > 1 else f"path_{name}.dat")


# ViewCrafter's holds only orbits: see `test_path_formats_literally`.
@pytest.mark.parametrize("name", sorted({*FORMAT_NAMES} - {"viewcrafter"}))
def test_a_round_trip_keeps_every_camera(tmp_path, name):
    rng = np.random.default_rng(1)
    for trial in range(8):
        path = random_path(rng, 1 + trial, plain_lens=True)
        file = place_of(tmp_path, name)
        write_path(path, file, format=name)
        read = read_path_stating(file, gaps=facts_of(path))
        assert read.format_name == name  # guessed by content, whatever the file is called
        back = read.path
        assert (len(back), back.image_height, back.image_width) == (len(path), HEIGHT, WIDTH)
        assert back.fps == pytest.approx(path.fps) and back.frame_numbers == path.frame_numbers
        for a, b in zip(path, back, strict=True):
            assert np.abs(a.world_from_cam - b.world_from_cam).max() < 1e-6
            assert np.abs(a.intrinsics_px - b.intrinsics_px).max() < 1e-6 * WIDTH


KEEPS_ANY_LENS = {"mosaic", "realestate10k", "transforms", "gen3c", "matrix_game", "colmap", "colmap_binary", "vipe"}
KEEPS_ANY_LENS |= {"gen3c_multiview", "mirage", "seva", "lingbot"}


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_lenses_are_kept_or_reported(tmp_path, name):
    path = random_path(np.random.default_rng(2), 4)
    lost = write_path(path, place_of(tmp_path, name), format=name)
    back = read_path(place_of(tmp_path, name), name, gaps=facts_of(path))
    same = all(np.allclose(a.intrinsics_px, b.intrinsics_px, atol=1e-6) for a, b in zip(path, back, strict=True))
    assert same == (name in KEEPS_ANY_LENS)
    assert any("lens" in s or "pixel" in s for s in lost.sentences) == (name not in KEEPS_ANY_LENS)


def said_of(tmp_path, path, name) -> str:
    return " | ".join(write_path(path, place_of(tmp_path, name), format=name).sentences)


def test_what_each_format_loses_is_said(tmp_path):
    rng = np.random.default_rng(3)
    path = random_path(rng, 3, plain_lens=True, numbers=(10, 11, 13), fps=25.0)
    said = {name: said_of(tmp_path, path, name) for name in FORMAT_NAMES}
    assert said["mosaic"] == ""
    for name in ("transforms", "gen3c", "colmap", "spatia", "vipe"):
        assert "the frame rate (25 frames a second) is not in the file" in said[name]
    for name in ("realestate10k", "gen3c", "mosaicmem", "spatia", "vipe"):
        assert "the image size (640 x 360) is not in the file" in said[name]
    for name in ("nerfstudio", "gen3c", "spatia"):
        assert "the frame numbers (10 .. 13) become 1 .. 3" in said[name]
    for name in ("realestate10k", "transforms", "colmap", "mosaicmem", "vipe"):
        assert "frame numbers" not in said[name], "timestamps, names and indices carry them"
    assert "the lens (focal length, principal point) is not in the file" in said["mosaicmem"]
    assert "frame rate" not in said["realestate10k"] + said["mosaicmem"] + said["nerfstudio"]


def test_shift_aspect_skew_and_zoom_are_named(tmp_path):
    def path_with(*lenses):
        cameras = tuple(Camera(np.array(k, dtype=float), np.eye(4), HEIGHT, WIDTH) for k in lenses)
        return CameraPath(cameras, tuple(range(1, len(cameras) + 1)), 24.0)

    shifted = path_with([[500, 0, 330], [0, 500, 180], [0, 0, 1]])
    assert "the lens shift (10, 0 pixels from the middle) is left out" in said_of(tmp_path, shifted, "nerfstudio")
    assert "shift" not in said_of(tmp_path, shifted, "colmap")
    wide = path_with([[500, 0, 320], [0, 250, 180], [0, 0, 1]])
    assert "the pixel aspect (0.5) becomes 1" in said_of(tmp_path, wide, "nerfstudio")
    skewed = path_with([[500, 9, 320], [0, 500, 180], [0, 0, 1]])
    assert "the skew of the pixels is left out" in said_of(tmp_path, skewed, "realestate10k")
    zoom = path_with(*([[f, 0, 320], [0, f, 180], [0, 0, 1]] for f in (400, 500)))
    assert "the file keeps one for all frames" in said_of(tmp_path, zoom, "spatia")
    assert "focal length" not in said_of(tmp_path, zoom, "nerfstudio")


def test_foreign_details_are_understood(tmp_path):
    file = tmp_path / "transforms.json"
    frames = [{"file_path": f"./r_{n}", "transform_matrix": C2W_GL} for n in (2, 10, 1)]
    file.write_text(json.dumps({"camera_angle_x": math.pi / 2, "frames": frames}))
    read = read_path_stating(file, gaps=Gaps(image_height=400, image_width=800))
    assert read.path.frame_numbers == (1, 2, 10)
    assert read.path[0].intrinsics_px[0, 0] == pytest.approx(400)
    assert read.assumed == ("the image is taken to be 800 x 400 pixels", "the frame rate is taken to be 24")

    file = tmp_path / "videox.txt"  # zero timestamps, as VideoX-Fun writes, and rounded rotations
    row = "0 0.5 0.9 0.5 0.5 0 0 1 0 0 0 0 0.8 -0.6001 0 0 0.6 0.8 2"
    file.write_text(f"\n{row}\n{row}\n")
    path = read_path(file)
    assert (len(path), path.frame_numbers, path.fps, path.image_width) == (2, (1, 2), 24, 1280)
    rotation = path[0].world_from_cam[:3, :3]
    assert np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-12

    model = tmp_path / "scan" / "sparse" / "0"
    write_path(hand_made(), model, format="colmap")
    (model / "cameras.txt").write_text("1 SIMPLE_PINHOLE 640 360 320 320 180\n")
    assert np.allclose(read_path(tmp_path / "scan")[0].world_from_cam, hand_made()[0].world_from_cam)
    assert np.allclose(read_path(model / "images.txt")[0].position_world, (1, 2, 3))


def test_frames_left_out_and_odd_rates_survive_timestamps(tmp_path):
    rng = np.random.default_rng(4)
    for fps in (12.0, 23.976023976, 29.97002997, 24.0, 60.0):
        path = random_path(rng, 90, plain_lens=True, numbers=(*range(0, 89), 120), fps=fps)
        for name in ("realestate10k", "mosaicmem"):
            write_path(path, tmp_path / "p", format=name)
            back = read_path(tmp_path / "p")
            assert back.frame_numbers == path.frame_numbers
            assert back.fps == pytest.approx(fps, rel=1e-7)


def refusal_of(name, documents) -> str | None:
    """The sentence these bytes are refused with, None where they are a path; any other error fails the test."""
    try:
        path = decode(documents, FORMATS[name], Gaps())
    except CameraError as error:
        text = str(error)
        assert "\n" not in text and len(text) < 500
        return text
    assert all(np.isfinite(c.world_from_cam).all() and np.isfinite(c.intrinsics_px).all() for c in path)
    return None


def small_documents(name) -> dict:
    return FORMATS[name].write(random_path(np.random.default_rng(5), 2, plain_lens=True))


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_file_cut_anywhere_is_refused_or_is_fewer_frames(name):
    documents = small_documents(name)
    for member in FORMATS[name].members:
        data = documents[member]
        accepted = [n for n in range(len(data)) if refusal_of(name, {**documents, member: data[:n]}) is None]
        # Nothing tells that lines are missing from a text's end, nor digits from its last number.
        is_text = name in ("realestate10k", "spatia", "colmap", "kitti", "tum", "viewcrafter")
        assert is_text or all(not data[n:].strip() for n in accepted)
        assert 0 not in accepted and len(accepted) < len(data) / 2


WORDS = (*b'nan e300 1e999 -1 null [] {} "x" \x00 \xff\xfe'.split(), b"9" * 30, b"[" * 50)


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_mutated_files_end_in_a_path_or_a_sentence(name):
    rng = np.random.default_rng(6)
    documents = small_documents(name)
    start = time.monotonic()
    refused = 0
    for _ in range(500):
        member = FORMATS[name].members[rng.integers(len(FORMATS[name].members))]
        data = bytearray(documents[member])
        for _ in range(rng.integers(1, 6)):
            at = int(rng.integers(len(data)))
            kind = rng.integers(5)
            if kind == 0:
                data[at] = rng.integers(256)
            elif kind == 1:
                data[at] ^= 1 << int(rng.integers(8))
            elif kind == 2:
                del data[at : at + int(rng.integers(1, 40))]
            elif kind == 3:
                data[at : at + 3] = WORDS[rng.integers(len(WORDS))]
            else:
                data[at:at] = data[at : at + int(rng.integers(1, 60))]
            data = data or bytearray(b" ")
        refused += refusal_of(name, {**documents, member: bytes(data)}) is not None
    assert refused > 50
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_rubbish_is_refused(name):
    for rubbish in (
        b"",
        b"\n\n",
        b"[" * 100_000,
        b'{"a":' * 5000,
        b"\x00" * 99,
        b"nan " * 19,
        b"[]",
        b"{}",
        b"null",
        b"7",
    ):
        assert refusal_of(name, dict.fromkeys(FORMATS[name].members, rubbish))


def with_text(name, member, old, new) -> dict:
    documents = written(name)
    text = documents[member].decode()
    assert old in text
    return {**documents, member: text.replace(old, new, 1).encode()}


@pytest.mark.parametrize(
    ("name", "member", "old", "new", "words"),
    [
        ("realestate10k", "", " 0.5 ", " nan ", "NaN"),
        ("realestate10k", "", " 0.5 ", " ", "19 numbers, got 18"),
        ("nerfstudio", "", '"perspective"', '"fisheye"', "perspective"),
        ("nerfstudio", "", '"render_height": 360', '"render_height": 9e9', "16384"),
        ("nerfstudio", "", '"render_height": 360', '"render_height": "tall"', "not a usable nerfstudio"),
        ("transforms", "", '"OPENCV"', '"OPENCV_FISHEYE"', "pinhole"),
        ("transforms", "", '"fl_x": 320.0', '"fl_x": NaN', "NaN"),
        ("transforms", "", '"fl_x": 320.0', '"fl_x": -1', "positive"),
        ("colmap", "cameras.txt", "PINHOLE", "OPENCV", "undistort"),
        ("colmap", "images.txt", " 1 frame", " 2 frame", "does not have"),
        ("mosaicmem", "", '"qw"', '"q"', "it has no 'qw'"),
        ("mosaicmem", "", '"qw": 0.7', '"qw": 0.1', "length 1"),
        ("spatia", "w2c.txt", "[1.0, 0.0", "[2.0, 0.0", "scale or a shear"),
        ("spatia", "w2c.txt", "[1.0, 0.0", "[-1.0, 0.0", "mirrored"),
        ("spatia", "w2c.txt", "-2.0]", "1e300]", "kilometres"),
        ("spatia", "w2c.txt", "0.0, 0.0, 0.0, 1.0]", "0.0, 0.0, 5.0, 1.0]", "0 0 0 1"),
        ("spatia", "intrinsics.txt", "0.5 ", "zero ", "not a number"),
    ],
)
def test_mistakes_are_named(name, member, old, new, words):
    assert words in (refusal_of(name, with_text(name, member, old, new)) or "")


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_npz_files_are_never_unpickled_and_never_larger_than_they_are():
    buffer = io.BytesIO()
    np.savez(buffer, w2c=np.array([Evil()], dtype=object), intrinsics=np.zeros((1, 3, 3)))
    assert "numbers" in (refusal_of("gen3c", {"": buffer.getvalue()}) or "")
    huge = io.BytesIO()
    with zipfile.ZipFile(huge, "w") as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 4, 4)})
        archive.writestr("w2c.npy", header.getvalue())
        archive.writestr("intrinsics.npy", header.getvalue())
    assert "numbers" in (refusal_of("gen3c", {"": huge.getvalue()}) or "")
    for w2c in (np.zeros((0, 4, 4)), np.zeros(()), np.full((1, 4, 4), np.nan), np.array(["a"])):
        buffer = io.BytesIO()
        np.savez(buffer, w2c=w2c, intrinsics=np.zeros((len(w2c) if w2c.ndim else 0, 3, 3)))
        assert refusal_of("gen3c", {"": buffer.getvalue()})


@pytest.mark.slow
def test_a_zip_bomb_is_not_unpacked():
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("w2c.npy", "w") as member:
            block = bytes(1 << 24)
            for _ in range(33):
                member.write(block)
        archive.writestr("intrinsics.npy", b"")
    assert len(bomb.getvalue()) < 1 << 20
    assert "too large" in (refusal_of("gen3c", {"": bomb.getvalue()}) or "")


def test_unknown_formats_and_unwritable_places_are_one_sentence(tmp_path):
    (tmp_path / "x.json").write_text('{"what": 1}')
    for place in (tmp_path / "x.json", tmp_path):
        with pytest.raises(CameraError, match="no camera-path format known here"):
            read_path(place)
    with pytest.raises(CameraError, match="there is no such file"):
        read_path(tmp_path / "none")
    with pytest.raises(CameraError, match="there is no camera-path format 'x'"):
        write_path(hand_made(), tmp_path / "y", format="x")
    away = Camera(np.diag([9.0, 9, 1]), np.eye(4) + np.eye(4, k=3) * 1e300, 9, 9)
    with pytest.raises(CameraError, match="million kilometres"):
        write_path(CameraPath((away,), (1,), 24), tmp_path / "y", format="mosaicmem")
    for place, name in ((tmp_path / "x.json" / "y", "mosaic"), (tmp_path / "x.json", "colmap")):
        with pytest.raises(CameraError, match="cannot write"):
            write_path(hand_made(), place, format=name)
