"""What each camera-path format says literally, for one camera worked out by hand; and what is particular to some."""

from __future__ import annotations

import io
import json
import math
import struct

import numpy as np
import pytest

from mosaic_core.cameras import Camera, CameraPath
from mosaic_core.cameras.formats import Gaps, read_path, read_path_stating, write_path
from mosaic_core.cameras.formats.files import FORMATS, decode
from mosaic_core.cameras.presets import even_times, spiral
from mosaic_core.errors import CameraError

HEIGHT, WIDTH = 360, 640


def hand_made() -> CameraPath:
    """A camera at (1, 2, 3) that looks along +Y with its image upright, so right is +X and down is -Z."""
    matrix = np.array([[1, 0, 0, 1], [0, 0, 1, 2], [0, -1, 0, 3], [0, 0, 0, 1]], dtype=float)
    lens = np.array([[320, 0, 320], [0, 320, 180], [0, 0, 1]], dtype=float)
    return CameraPath((Camera(lens, matrix, HEIGHT, WIDTH),), (24,), 24.0)


def written(name) -> dict:
    return FORMATS[name].write(hand_made())


# cam_from_world by hand: rows are the camera's right, down and forward; the last column -R @ (1, 2, 3).
W2C = [[1, 0, 0, -1], [0, 0, -1, 3], [0, 1, 0, -2]]
# world_from_cam in OpenGL axes: right +X, up +Z, backward -Y.
C2W_GL = [[1, 0, 0, 1], [0, 0, -1, 2], [0, 1, 0, 3], [0, 0, 0, 1]]


def test_realestate10k_says_literally():
    line = written("realestate10k")[""].decode().split("\n")[1]
    numbers = [float(part) for part in line.split()]
    assert numbers[0] == 1_000_000  # frame 24 at 24 a second, in microseconds
    assert numbers[1:7] == pytest.approx([0.5, 320 / 360, 0.5, 0.5, 0, 0])
    assert np.reshape(numbers[7:], (3, 4)).tolist() == W2C


def test_nerfstudio_says_literally():
    document = json.loads(written("nerfstudio")[""])
    frame = document["camera_path"][0]
    assert frame["camera_to_world"] == np.ravel(C2W_GL).tolist()
    assert frame["fov"] == pytest.approx(math.degrees(2 * math.atan(180 / 320)))  # vertical
    assert (document["render_height"], document["render_width"], document["fps"]) == (360, 640, 24)
    assert json.loads(document["keyframes"][0]["matrix"]) == np.ravel(np.transpose(C2W_GL)).tolist()
    assert json.loads(document["keyframes"][0]["properties"])[1] == ["NAME", "Camera 0"]


def test_transforms_says_literally():
    document = json.loads(written("transforms")[""])
    assert document["frames"] == [{"file_path": "images/frame_0024.png", "transform_matrix": C2W_GL}]
    assert [document[n] for n in ("fl_x", "fl_y", "cx", "cy", "w", "h")] == [320, 320, 320, 180, 640, 360]


def test_gen3c_says_literally():
    arrays = np.load(io.BytesIO(written("gen3c")[""]), allow_pickle=False)
    assert arrays["w2c"].tolist() == [[*W2C, [0, 0, 0, 1]]]
    assert arrays["intrinsics"].tolist() == [[[320, 0, 320], [0, 320, 180], [0, 0, 1]]]


def test_colmap_says_literally():
    documents = written("colmap")
    assert documents["cameras.txt"].decode().split("\n")[1] == "1 PINHOLE 640 360 320.0 320.0 320.0 180.0"
    words = documents["images.txt"].decode().split("\n")[1].split()
    # A quarter turn about +X: w first, half an angle of 90 degrees.
    assert [float(w) for w in words[1:8]] == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0, -1, 3, -2])
    assert (words[0], words[8], words[9]) == ("1", "1", "frame_0024.png")
    assert "points3D.txt" in documents

    documents = written("colmap_binary")
    lens = struct.pack("<QiiQQ4d", 1, 1, 1, 640, 360, 320, 320, 320, 180)
    assert documents["cameras.bin"] == lens and documents["points3D.bin"] == bytes(8)
    values = struct.unpack_from("<Qi7di", documents["images.bin"])
    assert values == pytest.approx((1, 1, 0.5**0.5, 0.5**0.5, 0, 0, -1, 3, -2, 1))
    assert documents["images.bin"].endswith(b"frame_0024.png\0" + bytes(8))


def test_mosaicmem_says_literally():
    pose = json.loads(written("mosaicmem")[""])["poses"][0]
    assert pose["timestamp"] == 1.0
    expected = {"tx": -1, "ty": 3, "tz": -2, "qx": 0.5**0.5, "qy": 0, "qz": 0, "qw": 0.5**0.5}
    assert pose["world_to_camera"] == pytest.approx(expected)


def test_spatia_says_literally():
    documents = written("spatia")
    assert json.loads(documents["w2c.txt"]) == [*W2C, [0, 0, 0, 1]]
    assert documents["intrinsics.txt"] == b"[0.5 0.8888888888888888 0.5 0.5]\n"


def test_vipe_says_literally():
    documents = written("vipe")
    pose, lens = (np.load(io.BytesIO(documents[n]), allow_pickle=False) for n in ("pose.npz", "intrinsics.npz"))
    assert pose["data"].tolist() == [[[1, 0, 0, 1], [0, 0, 1, 2], [0, -1, 0, 3], [0, 0, 0, 1]]]
    assert pose["inds"].tolist() == lens["inds"].tolist() == [24]
    assert lens["data"].tolist() == [[320, 320, 320, 180]]


# world_from_cam in OpenCV axes: right +X, down -Z, forward +Y.
C2W = [[1, 0, 0, 1], [0, 0, 1, 2], [0, -1, 0, 3]]
HALF = 0.5**0.5


def text_of(name, member="") -> str:
    return written(name)[member].decode()


def test_tum_says_literally():
    numbers = [float(part) for part in text_of("tum").splitlines()[1].split()]
    # A quarter turn about -X, the quaternion's w last.
    assert numbers == pytest.approx([1.0, 1, 2, 3, -HALF, 0, 0, HALF])


def test_kitti_says_literally():
    assert np.reshape([float(part) for part in text_of("kitti").split()], (3, 4)).tolist() == C2W


def test_seva_says_literally():
    (entry,) = json.loads(text_of("seva"))
    assert entry["w2c"] == [*np.ravel(W2C).tolist(), 0, 0, 0, 1]
    assert entry["K"] == [320, 0, 320, 0, 320, 180, 0, 0, 1] and entry["img_wh"] == [640, 360]


def test_matrix_game_and_lingbot_say_literally():
    arrays = np.load(io.BytesIO(written("matrix_game")[""]), allow_pickle=False)
    assert arrays["extrinsics_c2w"].tolist() == [[*C2W, [0, 0, 0, 1]]]
    assert arrays["intrinsics"].tolist() == [[320, 320, 320, 180]]
    documents = written("lingbot")
    assert np.load(io.BytesIO(documents["poses.npy"]), allow_pickle=False).tolist() == [[*C2W, [0, 0, 0, 1]]]
    assert np.load(io.BytesIO(documents["intrinsics.npy"]), allow_pickle=False).tolist() == [[320, 320, 320, 180]]


def test_mirage_says_literally():
    arrays = np.load(io.BytesIO(written("mirage")[""]), allow_pickle=False)
    assert arrays["poses_c2w"].tolist() == [[*C2W, [0, 0, 0, 1]]]
    assert arrays["intrinsics"].tolist() == [[[320, 0, 320], [0, 320, 180], [0, 0, 1]]]
    assert arrays["processed_size"].tolist() == [360, 640]
    assert (arrays["frame_indices"].tolist(), arrays["fps"].tolist()) == ([24], [24])


def test_gen3c_multiview_says_literally():
    arrays = np.load(io.BytesIO(written("gen3c_multiview")[""]), allow_pickle=False)
    for name in ("w2cs_all", "w2cs_key_frames"):
        assert arrays[name].tolist() == [[*W2C, [0, 0, 0, 1]]]
    assert arrays["Ks_all"].tolist() == [[[320, 0, 320], [0, 320, 180], [0, 0, 1]]]


def test_worldscore_says_literally():
    document = json.loads(text_of("worldscore"))
    assert document["cameras_interp"] == document["cameras"] == [C2W_GL]
    assert document["focal_length"] == 320


def test_recammaster_says_literally():
    document = json.loads(text_of("recammaster"))
    rows = np.reshape([float(n) for n in document["frame0"]["cam01"].replace("[", "").replace("]", "").split()], (4, 4))
    # Unreal's world is left-handed: y points the other way. Rows: forward, right, up, position in centimetres.
    assert rows.tolist() == [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [100, -200, 300, 1]]


def test_recammaster_is_understood_as_recammaster_does(tmp_path):
    """Relative to the first camera, its own recipe: transpose, columns 1 2 0 3, negate column 1, a hundredth."""
    rng = np.random.default_rng(0)
    file = tmp_path / "cameras.json"
    matrices = []
    for _ in range(3):
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        matrix = np.eye(4)
        matrix[:3, :3] = rotation * np.sign(np.linalg.det(rotation))  # Unreal's axes are a rotation of its own world
        matrix[3, :3] = rng.uniform(-500, 500, 3)
        matrices.append(matrix)
    texts = ["".join("[" + " ".join(map(repr, row)) + "] " for row in m.tolist()) for m in matrices]
    file.write_text(json.dumps({f"frame{4 * i}": {"cam01": texts[0], "cam07": t} for i, t in enumerate(texts)}))
    theirs = []
    for matrix in matrices:
        c2w = matrix.T[:, [1, 2, 0, 3]]
        c2w[:3, 1] *= -1
        c2w[:3, 3] /= 100
        theirs.append(c2w)
    path = read_path(file, gaps=Gaps(camera="cam07"))
    assert path.frame_numbers == (1, 5, 9)
    for camera, c2w in zip(path, theirs, strict=True):
        ours = path[0].cam_from_world @ camera.world_from_cam
        assert np.abs(ours - np.linalg.inv(theirs[0]) @ c2w).max() < 1e-9
    assert "of 2 cameras cam01 is read" in read_path_stating(file).assumed
    with pytest.raises(CameraError, match="no camera 'cam11' in it, there are cam01, cam07"):
        read_path(file, gaps=Gaps(camera="cam11"))


def test_instant_ngp_says_literally():
    document = json.loads(text_of("instant_ngp"))
    (frame,) = document["path"]
    # Their axes are our y, z, x; a third of the length, around the middle of their unit cube.
    assert frame["T"] == pytest.approx([0.33 * 2 + 0.5, 0.33 * 3 + 0.5, 0.33 * 1 + 0.5])
    assert frame["fov"] == pytest.approx(math.degrees(2 * math.atan(180 / 320))) and frame["timestamp"] == 1.0
    x, y, z, w = frame["R"]
    forward = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
    assert forward == pytest.approx([1, 0, 0], abs=1e-12), "our +Y is their +X"
    exported = json.loads(text_of("gen3c_export"))
    (camera,) = exported["cameras"]
    assert np.ravel(camera["start"]) == pytest.approx([0, 0, 1, 1.16, 0, -1, 0, 1.49, 1, 0, 0, 0.83])
    assert (exported["resolution"], exported["fps"]) == ([640, 360], 24)
    columns = {"cameras": [{"start": np.transpose(camera["start"]).tolist()}]}
    path = decode({"": json.dumps(columns).encode()}, FORMATS["gen3c_export"], Gaps())
    assert path[0].world_from_cam[:3].tolist() == pytest.approx(np.array(C2W), abs=1e-12)


def test_viewcrafter_holds_orbits_and_says_what_else_it_loses(tmp_path):
    start, centre = np.array([0.0, -4.0, 0.0]), np.zeros(3)
    camera = Camera.from_fov(np.eye(4), fov_deg=60, image_height=HEIGHT, image_width=WIDTH)
    orbit = spiral(start, centre, times=even_times(7), angle_deg=60, radius_factor=0.5, rise_m=1).to_path(
        camera, fps=24
    )
    lost = write_path(orbit, tmp_path / "traj.txt", format="viewcrafter")
    phi, theta, r = ([float(n) for n in line.split()] for line in (tmp_path / "traj.txt").read_text().splitlines())
    assert [phi[0], theta[0], r[0]] == pytest.approx([0, 0, 0], abs=1e-12)
    assert phi[-1] == pytest.approx(-60), "a camera that went to the right looks left"
    assert r[-1] == pytest.approx(math.hypot(2, 1) / 4 - 1) and theta[-1] == pytest.approx(
        -math.degrees(math.atan(0.5))
    )
    assert not any("move" in sentence for sentence in lost.sentences)
    assert {"where the first camera stands in the world is not in the file"} < {*lost.sentences}
    assert any("the distance to the object (4 m)" in sentence for sentence in lost.sentences)
    back = read_path(tmp_path / "traj.txt", gaps=Gaps(24, HEIGHT, WIDTH, 60, distance_m=4))
    for ours, theirs in zip(orbit, back, strict=True):
        relative = [p[0].cam_from_world @ c.world_from_cam for p, c in ((orbit, ours), (back, theirs))]
        assert np.abs(relative[0] - relative[1]).max() < 1e-6
    rolled = [Camera(c.intrinsics_px, c.world_from_cam @ ROLL, HEIGHT, WIDTH) if i else c for i, c in enumerate(orbit)]
    lost = write_path(CameraPath(tuple(rolled), orbit.frame_numbers, 24), tmp_path / "traj.txt", format="viewcrafter")
    assert any(sentence.startswith("cameras move by up to") for sentence in lost.sentences)


ROLL = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def test_a_round_trip_keeps_poses_to_a_millionth_where_text_is_short(tmp_path):
    """TUM's times are printed to a microsecond, its poses with all their digits."""
    numbers = (*range(100, 160), 240)
    path = CameraPath(tuple(hand_made()[0] for _ in numbers), numbers, 23.976023976)
    write_path(path, tmp_path / "traj.txt", format="tum")
    back = read_path(tmp_path / "traj.txt")
    assert back.frame_numbers == numbers and back.fps == pytest.approx(path.fps, rel=1e-7)


def test_real_trajectories_are_read(shared_samples):
    read = read_path_stating(shared_samples / "kitchen" / "camera.npz", gaps=Gaps(16, 720, 1280))
    assert (read.format_name, len(read.path), read.path.image_width) == ("matrix_game", 961, 1280)
    assert np.array_equal(read.path[0].world_from_cam, np.eye(4))


@pytest.mark.parametrize(
    ("name", "document", "words"),
    [
        ("tum", b"1 0 0 0 0 0 0 1\n1 0 0 0 0 0 0 1\n", "rise"),
        ("tum", b"1 0 0 0 0 0 0 2\n", "length 1"),
        ("kitti", b"1 0 0 0 0 1 0 0 0 0 2 0\n", "scale or a shear"),
        ("viewcrafter", b"0 1\n0 1\n0 -1\n", "r is above -1"),
        ("viewcrafter", b"0 1\n0 1 2\n0 0\n", "2 numbers, got 3"),
        ("recammaster", b'{"frame0": {"cam01": "[1 0 0 0]"}}', "16 numbers"),
        ("recammaster", b'{"frame0": {}, "first": {}}', "named frame0"),
        ("instant_ngp", b'{"path": [{"R": [0, 0, 0, 1], "T": [0, 0, 0], "fov": 180}]}', "180"),
        ("gen3c_export", b'{"cameras": [{"start": [[1, 0], [0, 1]]}]}', "3 rows of 4"),
        ("worldscore", b'{"cameras_interp": [[[1, 0, 0, 0]]]}', "3 x 4 or 4 x 4"),
        ("transforms", b'{"camera_angle_x": 60, "frames": [{"transform_matrix": []}]}', "4 x 4"),
    ],
)
def test_mistakes_in_small_formats_are_named(name, document, words):
    with pytest.raises(CameraError, match=words):
        decode({"": document}, FORMATS[name], Gaps())


def test_an_angle_in_degrees_where_radians_belong_is_named():
    frame = {"file_path": "a", "transform_matrix": C2W_GL}
    document = json.dumps({"camera_angle_x": 60, "frames": [frame]}).encode()
    with pytest.raises(CameraError, match="it may be in degrees"):
        decode({"": document}, FORMATS["transforms"], Gaps())
