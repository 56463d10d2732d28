"""Clips filmed of composed assets: ids, depth and edits are true, and training's own readers take them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="the add-on tests need the bpy package")
pytest.importorskip("torch", reason="clips are planned with the ray caster, which is written in torch")

from blender_addon.filming import film  # noqa: E402
from blender_addon.filming.__main__ import main  # noqa: E402
from blender_addon.filming.assets import assets_in, name_of  # noqa: E402
from blender_addon.filming.composing import compose  # noqa: E402
from blender_addon.filming.look import CYCLES  # noqa: E402
from mosaic_core.errors import MosaicError  # noqa: E402
from mosaic_core.memory.readout import MemoryReader  # noqa: E402
from mosaic_core.model.text import unknown_words  # noqa: E402
from mosaic_core.train.clips import EDIT_FRAME, Clip, read_clip  # noqa: E402
from mosaic_core.train.scenes import FIRST_THING, GROUND, Thing  # noqa: E402
from mosaic_core.train.windows import camera_of, edited_like, memory_of, window_of  # noqa: E402

SEED, PLACE = 1, "dungeon"
SIZE = {"image_height": 80, "image_width": 144}
# A pixel's depth is kept in half precision: 2 mm at 4 m. Boxes are exact.
NEAR_M = 0.01


@pytest.fixture(scope="module")
def assets(shared_assets):
    return assets_in(shared_assets / "dungeon")


@pytest.fixture(scope="module")
def filmed(assets) -> tuple[dict[str, Clip], tuple[Thing, ...]]:
    """A clip for each edit of one scene, and the plan of that scene."""
    import blender_addon

    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    try:
        kinds = ("moved", "copied", "deleted")
        clips = {kind: film.film_clip(assets, SEED, place=PLACE, edit=kind, **SIZE) for kind in kinds}
        bpy.ops.wm.read_factory_settings(use_empty=True)
        things = compose(assets, PLACE, SEED).scene.things
    finally:
        blender_addon.unregister()
    return clips, things


def points_of(clip: Clip, frame: int, object_id: int) -> np.ndarray:  # (N, 3) world metres
    camera, mask = camera_of(clip, frame), clip.object_ids[frame] == object_id
    return camera.unproject(camera.pixel_centres()[mask], clip.z_depth[frame][mask].astype(float))


def share_inside(points: np.ndarray, thing: Thing, offset_m=(0.0, 0.0, 0.0)) -> float:
    """How many of the points lie in the box around a thing."""
    x, y, z = (points - thing.centre - np.array(offset_m)).T
    cosine, sine = np.cos(thing.yaw), np.sin(thing.yaw)
    local = np.abs(np.stack([cosine * x + sine * y, cosine * y - sine * x, z], -1))
    return float((local < np.array(thing.half_size) + NEAR_M).all(axis=-1).mean())


@pytest.mark.slow
def test_ids_and_depth_are_those_of_the_scene(filmed):
    clips, things = filmed
    clip, seen = clips["moved"], set()
    for frame in range(EDIT_FRAME):
        for index, thing in enumerate(things):
            points = points_of(clip, frame, FIRST_THING + index)
            if len(points):
                seen.add(index)
                assert share_inside(points, thing) == 1, f"{thing.name} in frame {frame}"
        ground = points_of(clip, frame, GROUND)
        assert abs(np.median(ground[:, 2])) < 0.2
    assert len(seen) >= 3
    assert np.array_equal(np.isinf(clip.z_depth), clip.object_ids == 0)


@pytest.mark.slow
def test_edits_are_really_made(filmed):
    clips, things = filmed
    edited = int(clips["moved"].edited_id)
    thing = things[edited - FIRST_THING]
    assert all(str(clip.edit) == kind and clip.edited_id == edited for kind, clip in clips.items())
    found = {"moved": 0, "copied": 0}
    for kind, new_id in (("moved", edited), ("copied", FIRST_THING + len(things))):
        clip, offset_m = clips[kind], clips[kind].edit_offset_m
        assert np.linalg.norm(offset_m) > 0.5 and offset_m[2] == 0
        for frame in range(EDIT_FRAME, film.FRAMES):
            points = points_of(clip, frame, new_id)
            found[kind] += len(points)
            assert not len(points) or share_inside(points, thing, offset_m) == 1
        assert not (clip.object_ids[:EDIT_FRAME] == FIRST_THING + len(things)).any()
    assert min(found.values()) > 100
    deleted = clips["deleted"]
    assert (deleted.object_ids[:EDIT_FRAME] == edited).any()
    assert not (deleted.object_ids[EDIT_FRAME:] == edited).any()
    for clip in clips.values():
        assert np.array_equal(clip.rgb[:EDIT_FRAME], deleted.rgb[:EDIT_FRAME])


@pytest.mark.slow
def test_memory_of_the_frames_before_edited_alike_shows_the_frames_after(filmed):
    clips, _ = filmed
    for kind, clip in clips.items():
        memory = memory_of(clip, np.arange(0, EDIT_FRAME, 2))
        readers = MemoryReader(memory), MemoryReader(edited_like(clip, memory))
        errors = np.zeros(2)
        for frame in range(EDIT_FRAME, film.FRAMES, 2):
            before, after = (reader.rgb(camera_of(clip, frame)) for reader in readers)
            changed = before.covered & after.covered & (np.abs(before.values - after.values).max(axis=-1) > 0.05)
            truth = clip.rgb[frame] / 255
            errors += [((shown.values - truth)[changed] ** 2).sum() for shown in (before, after)]
            same = after.covered & ~changed
            assert np.abs(after.values - truth)[same].mean() < 0.06, "surfaces keep their colour as the camera moves"
        assert errors[1] < 0.5 * errors[0], kind
        window = window_of(clip, (SEED, 0))
        assert window.frames[0] == EDIT_FRAME and (window.cells.view >= 0).mean() > 0.3


@pytest.mark.slow
def test_files_are_kept_and_follow_from_the_seed(assets, shared_assets, tmp_path):
    small = {"image_height": 16, "image_width": 24}
    folder = shared_assets / PLACE
    (file,) = film.film_clips(tmp_path, folder, range(5, 6), cycles_share=0, **small)
    first = file.read_bytes()
    assert file.name == "clip_0000005.npz"
    film.film_clips(tmp_path, folder, range(5, 6), cycles_share=0, **small)
    assert file.read_bytes() == first and [f.name for f in tmp_path.iterdir()] == [file.name]
    again, clip = film.film_clip(assets, 5, place=PLACE, **small), read_clip(file)
    for name in ("rgb", "z_depth", "object_ids", "world_from_cam", "caption", "edit", "edit_offset_m"):
        assert np.array_equal(getattr(clip, name), getattr(again, name)), name
    words = unknown_words(str(clip.caption))
    assert str(clip.caption).startswith("a dungeon with a ") and len(words) < 6, words


@pytest.mark.slow
def test_cycles_sees_what_workbench_sees(assets, monkeypatch, filmed):
    clips, _ = filmed
    monkeypatch.setattr(film, "FRAMES", 2)
    monkeypatch.setattr(film, "EDIT_FRAME", 1)
    clip = film.film_clip(assets, SEED, place=PLACE, engine=CYCLES, edit="none", **SIZE)
    assert clip.rgb.std() > 10
    # Two frames are the ends of the same move: the first is the same.
    assert np.array_equal(clip.object_ids[0], clips["moved"].object_ids[0])
    assert np.array_equal(clip.z_depth[0], clips["moved"].z_depth[0])


def test_a_folder_without_assets_is_refused(tmp_path, capsys):
    (tmp_path / "readme.txt").write_text("no assets")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(MosaicError, match=r"expected a folder with \.glb or \.gltf files, found none in"):
            film.film_clips(tmp_path / "out", folder, range(1))
    assert not (tmp_path / "out").exists()


def test_an_asset_that_is_none_is_named(tmp_path):
    (tmp_path / "chest.glb").write_bytes(b"not a model")
    with pytest.raises(MosaicError, match=r"chest\.glb cannot be imported"):
        film.film_clip(assets_in(tmp_path), 0, place=PLACE, **SIZE)


def test_the_command_reports_an_error_in_one_line(tmp_path, capfd):
    assert main(["--assets", str(tmp_path), "--out", str(tmp_path / "out"), "--clips", "1"]) == 1
    assert capfd.readouterr().err.splitlines() == [
        f"blender_addon.filming: expected a folder with .glb or .gltf files, found none in {tmp_path}"
    ]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("chest_gold.glb", "yellow chest"),
        ("barrel_large_decorated.gltf.glb", "big barrel"),
        ("trunk_small_A.gltf.glb", "small chest"),
        ("bottle_A_labeled_green.gltf.glb", "green bottle"),
        ("stool.gltf", "stool"),
    ],
)
def test_assets_are_called_in_words(file, name):
    assert name_of(Path(file)) == name
