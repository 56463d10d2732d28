"""Memories in other programs' formats: what comes back, what a file says literally, and what is refused."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath, save_path
from mosaic_core.cameras.formats import Gaps, read_path
from mosaic_core.cli import main
from mosaic_core.errors import FormatError
from mosaic_core.exr import exr_bytes, read_exr
from mosaic_core.images import png_bytes, read_rgb
from mosaic_core.memory import Memory, edits, load_memory, save_memory
from mosaic_core.memory.formats import (
    FORMAT_NAMES,
    Known,
    PointCloud,
    export_memory,
    import_memory,
    pixel_points,
    read_cloud,
    write_cloud,
)
from mosaic_core.memory.readout import MemoryReader

from .known_scenes import NAMES, RED, camera_at, placements_of, room_memory, view_of
from .test_fuzz_files import ZIPPED_DEPTH, zip_exr_bytes

PLACES = {"ply": "cloud.ply", "glb": "cloud.glb", "mirage": "geometry.npz"}
OF_VIEWS = [name for name in FORMAT_NAMES if name not in ("ply", "glb")]


@pytest.fixture(scope="module")
def room() -> Memory:
    return room_memory(height=48, width=64)


def place_of(folder, name):
    return folder / PLACES.get(name, name)


@pytest.mark.parametrize("name", OF_VIEWS)
def test_views_come_back(room, tmp_path, name):
    place = place_of(tmp_path, name)
    export_memory(room, place, format=name)
    imported = import_memory(place)
    assert imported.format_name == name
    tolerance = 0 if name != "vipe" else 6e-4  # half floats
    for ours, theirs in zip(room.views, imported.memory.views, strict=True):
        assert np.abs(ours.camera.world_from_cam - theirs.camera.world_from_cam).max() < 1e-12
        assert np.abs(ours.camera.intrinsics_px - theirs.camera.intrinsics_px).max() < 1e-9
        assert np.array_equal(ours.rgb, theirs.rgb)
        known = np.isfinite(ours.z_depth)
        assert np.array_equal(known, np.isfinite(theirs.z_depth)), "unknown stays unknown"
        assert (np.abs(ours.z_depth[known] - theirs.z_depth[known]) <= tolerance * ours.z_depth[known]).all()
        assert theirs.source == "imported"
    assert len(imported.memory.patches) > 0


def test_a_plain_folder_keeps_masks_ids_and_depth_in_stated_steps(room, tmp_path):
    dynamic = room.views[0].object_ids == RED
    view = view_of(room.views[0].camera)
    moving = Memory.from_views([type(view)(view.camera, view.rgb, view.z_depth, view.object_ids, dynamic, view.sky)])
    for place, unit in ((tmp_path / "exr", None), (tmp_path / "png", 0.001)):
        export_memory(moving, place, format="rgbd", known=Known(depth_unit_m=unit))
        back = import_memory(place).memory.views[0]
        assert np.array_equal(back.object_ids, view.object_ids)
        assert np.array_equal(back.dynamic, dynamic) and np.array_equal(back.sky, view.sky)
        known = np.isfinite(view.z_depth)
        assert np.abs(back.z_depth[known] - view.z_depth[known]).max() <= (0.0005001 if unit else 0)
    (tmp_path / "png" / "depth.json").unlink()
    with pytest.raises(FormatError, match="how many metres one step is"):
        import_memory(tmp_path / "png")
    known_step = import_memory(tmp_path / "png", known=Known(depth_unit_m=0.01)).memory.views[0]
    assert np.allclose(known_step.z_depth[known], 10 * view.z_depth[known], rtol=1e-3)
    with pytest.raises(FormatError, match="which such steps reach"):
        export_memory(moving, tmp_path / "fine", format="rgbd", known=Known(depth_unit_m=1e-6))


def test_mirage_says_literally(room, tmp_path):
    export_memory(room, tmp_path / "geometry.npz", format="mirage", known=Known(fps=16))
    arrays = np.load(tmp_path / "geometry.npz", allow_pickle=False)
    view = room.views[1]
    assert arrays["poses_c2w"].dtype == np.float64 and np.array_equal(
        arrays["poses_c2w"][1], view.camera.world_from_cam
    )
    assert np.array_equal(arrays["intrinsics"][1], view.camera.intrinsics_px)
    assert arrays["depths"].dtype == np.float32 and (arrays["depths"][1][view.sky] == 0).all()
    assert np.array_equal(arrays["masks"][1], ~view.sky) and arrays["frames"].shape == (3, 48, 64, 3)
    assert arrays["fps"].tolist() == [16.0]


def test_mirage_files_of_one_picture_give_one_view(room, tmp_path):
    export_memory(room, tmp_path / "geometry.npz", format="mirage")
    arrays = dict(np.load(tmp_path / "geometry.npz", allow_pickle=False))
    np.savez(tmp_path / "one.npz", **{**arrays, "frames": arrays["frames"][:1]})
    imported = import_memory(tmp_path / "one.npz")
    assert len(imported.memory.views) == 1 and "only the first of 3 cameras" in imported.assumed[0]
    del arrays["frames"]
    np.savez(tmp_path / "none.npz", **arrays)
    with pytest.raises(FormatError, match="holds no frames"):
        import_memory(tmp_path / "none.npz")
    np.savez(tmp_path / "evil.npz", **{**arrays, "frames": np.array([{}], dtype=object)})
    with pytest.raises(FormatError, match="header is not that of an array of numbers"):
        import_memory(tmp_path / "evil.npz")


def test_colmap_says_literally(room, tmp_path):
    export_memory(room, tmp_path, format="colmap")
    export_memory(room, tmp_path, format="colmap_binary")
    model = tmp_path / "sparse" / "0"
    point = [float(word) for word in (model / "points3D.txt").read_text().split("\n")[0].split()]
    centre = room.patches.centre_world[~room.patches.sky][0]
    assert point[0] == 1 and np.allclose(point[1:4], centre, atol=1e-6) and point[8] == 1
    lines = (model / "images.txt").read_text().split("\n")
    u, v, id_ = (float(word) for word in lines[1].split()[:3])
    expected, _ = room.views[0].camera.project(centre.astype(float))
    assert id_ == 1 and np.allclose((u, v), expected, atol=1e-4)
    data = (model / "points3D.bin").read_bytes()
    assert struct.unpack_from("<Q", data)[0] == len((model / "points3D.txt").read_text().splitlines())
    id_, x, y, z, *_, track = struct.unpack_from("<Q3d3BdQ", data, 8)
    assert (id_, track) == (1, 1) and np.allclose((x, y, z), point[1:4])
    depth = (tmp_path / "stereo" / "depth_maps" / "frame_0001.png.geometric.bin").read_bytes()
    assert depth.startswith(b"64&48&1&")
    values = np.frombuffer(depth, "<f4", offset=8).reshape(48, 64)  # x runs fastest
    assert np.array_equal(values == 0, ~np.isfinite(room.views[0].z_depth))
    assert len(read_path(model, "colmap_binary")) == 3, "and it is a camera path"


def test_a_sparse_model_alone_is_no_memory(room, tmp_path):
    export_memory(room, tmp_path, format="colmap")
    for file in (tmp_path / "stereo" / "depth_maps").iterdir():
        file.unlink()
    with pytest.raises(FormatError, match="has no depth maps"):
        import_memory(tmp_path)


def test_vipe_frames_come_from_the_video_where_there_are_no_pictures(room, tmp_path):
    export_memory(room, tmp_path, format="vipe")
    for file in (tmp_path / "frames").iterdir():
        file.unlink()
    views = import_memory(tmp_path).memory.views
    for ours, theirs in zip(room.views, views, strict=True):
        assert np.abs(ours.rgb.astype(int) - theirs.rgb).mean() < 6
    for name in ("pose.npz", "intrinsics.npz", "depth.zip"):  # as ViPE itself leaves them
        kind, _, suffix = name.partition(".")
        (tmp_path / kind).mkdir()
        (tmp_path / name).rename(tmp_path / kind / f"kitchen.{suffix}")
    (tmp_path / "rgb").mkdir()
    (tmp_path / "clip.mp4").rename(tmp_path / "rgb" / "kitchen.mp4")
    assert len(import_memory(tmp_path).memory.views) == 3


def test_edits_are_reported_as_lost_or_shown(room, tmp_path):
    edited = room.edited(edits.delete(placements_of(room, RED)))
    lost = export_memory(edited, tmp_path / "captured", format="rgbd")
    assert "edits are left out" in lost[0]
    assert np.array_equal(import_memory(tmp_path / "captured").memory.views[0].rgb, room.views[0].rgb)
    lost = export_memory(edited, tmp_path / "shown", format="rgbd", shown=True)
    assert not any("edits" in sentence for sentence in lost)
    shown = import_memory(tmp_path / "shown").memory.views
    assert not any((view.object_ids == RED).any() for view in shown)
    assert (room.views[0].object_ids == RED).any()


@pytest.mark.parametrize("kind", ["ply", "glb"])
def test_points_come_back_exactly(room, tmp_path, kind):
    red = placements_of(room, RED)
    shift = np.eye(4)
    shift[0, 3] = 2
    memory = room.edited(edits.copy(red, shift), edits.hide(red))
    export_memory(memory, tmp_path / f"cloud.{kind}", format=kind)
    ours, theirs = pixel_points(memory), read_cloud(tmp_path / f"cloud.{kind}")
    for name in ("points_m", "rgb", "normals", "patch_rows"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    # Every pixel of the crate once, two metres to the right; nothing where it was.
    pixels = sum(int((view.object_ids == RED).sum()) for view in memory.views)
    mine = memory.patches.object_id[theirs.patch_rows - 1] == RED
    assert mine.sum() == pixels
    assert theirs.points_m[mine, 0].min() > 0.39 and theirs.points_m[mine, 0].max() < 1.41


def test_points_lie_on_the_surface_and_normals_look_back(room):
    cloud = pixel_points(room)
    floor = room.patches.object_id[cloud.patch_rows - 1] == 1
    assert np.abs(cloud.points_m[floor, 2]).max() < 1e-4
    assert (cloud.normals[floor, 2] > 0.99).mean() > 0.95
    assert np.allclose(np.linalg.norm(cloud.normals, axis=1), 1, atol=1e-5)


def test_ply_and_glb_have_the_names_other_programs_read(room, tmp_path):
    one = PointCloud(np.array([[1, 2, 3]]), np.array([[10, 20, 30]]), np.array([[0, 0, 1.0]]), np.array([7]))
    write_cloud(one, tmp_path / "one.ply")
    head, _, body = (tmp_path / "one.ply").read_bytes().partition(b"end_header\n")
    names = [line.split()[-1] for line in head.split(b"\n") if line.startswith(b"property") and b"list" not in line]
    assert names == b"x y z nx ny nz red green blue alpha patch".split()
    assert struct.unpack("<6f4Bi", body) == (1, 2, 3, 0, 0, 1, 10, 20, 30, 255, 7)
    write_cloud(one, tmp_path / "one.glb")
    data = (tmp_path / "one.glb").read_bytes()
    tree = json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])
    primitive = tree["meshes"][0]["primitives"][0]
    assert primitive["mode"] == 0 and set(primitive["attributes"]) == {"POSITION", "COLOR_0", "NORMAL", "_PATCH"}
    position = tree["accessors"][primitive["attributes"]["POSITION"]]
    assert position["max"] == [1, 3, -2], "y is up in glTF"


def test_clouds_of_other_programs_are_read(tmp_path):
    text = b"ply\nformat ascii 1.0\nelement vertex 2\n"
    text += b"property double x\nproperty double y\nproperty double z\nend_header\n"
    (tmp_path / "a.ply").write_bytes(text + b"1 2 3\n4 5 6\n")
    cloud = read_cloud(tmp_path / "a.ply")
    assert cloud.points_m.tolist() == [[1, 2, 3], [4, 5, 6]] and not cloud.patch_rows.any()
    trimesh = pytest.importorskip("trimesh")
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box((1, 2, 4)), transform=trimesh.transformations.translation_matrix((0, 0, 5)))
    (tmp_path / "box.glb").write_bytes(scene.export(file_type="glb"))
    box = read_cloud(tmp_path / "box.glb")
    assert np.allclose(np.ptp(box.points_m, axis=0), (1, 4, 2)) and np.allclose(box.points_m.mean(axis=0), (0, -5, 0))


def test_a_cloud_becomes_a_memory_by_looking_at_it(tmp_path):
    room = room_memory(height=90, width=160)
    write_cloud(pixel_points(room), tmp_path / "room.ply")
    with pytest.raises(FormatError, match="name a camera path"):
        import_memory(tmp_path / "room.ply")
    path = CameraPath(tuple(camera_at((x, -5.2, 1.9), height=45, width=80) for x in (-1.0, 1.0)), (1, 2), 24.0)
    save_path(path, tmp_path / "path.json")
    memory = import_memory(tmp_path / "room.ply", known=Known(cameras=tmp_path / "path.json")).memory
    truth = view_of(path[0])
    seen = np.isfinite(memory.views[0].z_depth)
    both = seen & np.isfinite(truth.z_depth)
    assert both.sum() > 0.9 * np.isfinite(truth.z_depth).sum(), "the surface is closed"
    # Squares face the camera, so on a slope their near edges win: a small share of the depth.
    assert np.median(np.abs(memory.views[0].z_depth[both] / truth.z_depth[both] - 1)) < 0.02
    assert MemoryReader(memory).rgb(path[0]).covered.mean() > 0.5


def test_matrix_game_cameras_in_each_of_its_lens_layouts(tmp_path):
    matrices = np.stack([np.eye(4)] * 2)
    lens = np.array([[500.0, 0, 320], [0, 510, 180], [0, 0, 1]])
    for lenses in (np.array([[500.0, 510, 320, 180]] * 2), lens, np.stack([lens] * 2)):
        np.savez(tmp_path / "camera.npz", extrinsics_c2w=matrices, intrinsics=lenses)
        path = read_path(tmp_path / "camera.npz", gaps=Gaps(fps=16))
        assert (len(path), path.image_width, path.image_height) == (2, 640, 360)
        assert np.array_equal(path[1].intrinsics_px, lens)


def test_exr_images_come_back_and_zip_ones_are_read():
    rng = np.random.default_rng(0)
    channels = {"Z": rng.random((7, 5)).astype(np.float32), "A": rng.random((7, 5)).astype(np.float16)}
    channels["Z"][0, 0] = np.inf
    for name, image in read_exr(exr_bytes(channels)).items():
        assert image.dtype == np.float32 and np.array_equal(image, channels[name])
    assert np.array_equal(read_exr(zip_exr_bytes())["Z"], ZIPPED_DEPTH)


def test_image_files_of_the_wrong_size_are_refused_before_they_are_decoded(tmp_path):
    data = png_bytes(np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(FormatError, match="expected an image of 9 x 9 pixels, got 6 x 4"):
        read_rgb(data, image_height=9, image_width=9)
    room = room_memory(height=16, width=16)
    export_memory(room, tmp_path, format="rgbd")
    (tmp_path / "rgb" / "frame_0002.png").write_bytes(data)
    with pytest.raises(FormatError, match="expected an image of 16 x 16"):
        import_memory(tmp_path)


def test_names_that_lead_out_of_the_folder_are_refused(room, tmp_path):
    export_memory(room, tmp_path / "scan", format="colmap")
    images = tmp_path / "scan" / "sparse" / "0" / "images.txt"
    text = images.read_text()
    for name in ("../../secret.png", "/etc/secret.png", "C:/secret.png", "..\\..\\secret.png"):
        images.write_text(text.replace("frame_0001.png", name))
        with pytest.raises(FormatError, match="leads out of its folder"):
            import_memory(tmp_path / "scan")


def test_what_cannot_be_exported_is_one_sentence(room, tmp_path):
    mixed = room.with_views([view_of(camera_at((0, -3, 3), height=16, width=16))], NAMES)
    for name in ("mirage", "vipe", "rgbd"):
        with pytest.raises(FormatError, match="images of one size, got 16 x 16, 64 x 48"):
            export_memory(mixed, place_of(tmp_path, name), format=name)
    export_memory(mixed, tmp_path / "colmap", format="colmap")
    assert len(import_memory(tmp_path / "colmap").memory.views) == 4
    (tmp_path / "file").write_text("x")
    with pytest.raises(FormatError, match="cannot write"):
        export_memory(room, tmp_path / "file" / "x.ply", format="ply")
    with pytest.raises(FormatError, match="there is no memory format 'x'"):
        export_memory(room, tmp_path / "x", format="x")
    empty = room.edited(edits.delete(room.placements.ids))
    with pytest.raises(FormatError, match="nothing that has a place"):
        export_memory(empty, tmp_path / "x.ply", format="ply")
    with pytest.raises(FormatError, match="no memory format known here"):
        import_memory(tmp_path / "file")
    with pytest.raises(FormatError, match="no such file"):
        import_memory(tmp_path / "none")


def test_export_and_import_on_the_command_line(room, tmp_path, capsys):
    memory_file = tmp_path / "room.mosaic"
    save_memory(room, memory_file)
    assert main(["export", str(memory_file), "--format", "colmap", "--out", str(tmp_path / "scan"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["views"] == 3 and any("sky" in sentence for sentence in facts["lost"])
    assert main(["import", str(tmp_path / "scan"), "--out", str(tmp_path / "back.mosaic"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["format"] == "colmap" and facts["views"] == 3
    assert len(load_memory(tmp_path / "back.mosaic").patches) == facts["patches"]
    assert main(["import", str(tmp_path / "room.mosaic"), "--out", str(tmp_path / "x.mosaic")]) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "x.mosaic").exists()


def test_a_memory_is_added_to_another_of_the_same_world_and_edits_stay():
    from mosaic_core.memory.adding import added
    from mosaic_core.memory.object_edits import edit_objects

    known, other = room_memory(((0.0, -5.0, 1.8),)), room_memory(((1.5, -4.5, 1.8), (0.5, -4.0, 1.8)))
    name = known.object_names[1]
    edited = edit_objects(known, [name], ("move", (1.0, 0.0, 0.0)))
    both = added(edited, other)
    assert len(both.views) == 3 and len(both.edits) == len(edited.edits) == 1
    assert both.object_names == known.object_names  # of one name is one object
    assert both.undo().placements.same_as(added(known, other).placements)
    spliced = added(known, edit_objects(other, [name], ("move", (0.0, 0.0, 1.0))))
    assert len(spliced.views) == 3 and not spliced.edits
