"""Retakes of a range, retakes that keep what an edit cannot have touched, depth beside frames, and takes made again."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath, load_path, save_path
from mosaic_core.errors import GenerateError
from mosaic_core.generate import Prompt, Shot, generate
from mosaic_core.generate.remake import remake_of
from mosaic_core.images import read_depth_exr
from mosaic_core.memory import edits, load_memory, save_memory, save_placements
from mosaic_core.memory.readout import MemoryReader

from .known_scenes import RED, camera_at, placements_of, room_memory

NUMBERS = tuple(range(11, 19))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A clip of a pan past the red crate; the shot it was made from; the shot after the crate was moved."""
    folder = tmp_path_factory.mktemp("first")
    memory = room_memory(height=45, width=80)
    save_memory(memory, folder / "room.mosaic")
    cameras = tuple(
        camera_at((0.0, -4.5, 1.9), (x, 0.0, 1.0), height=36, width=64) for x in np.linspace(-9, 9, len(NUMBERS))
    )
    save_path(CameraPath(cameras, NUMBERS, 24.0), folder / "path.json")
    moved = memory.edited(edits.translate(placements_of(memory, RED), (0.0, 0.3, 0.0)))
    save_placements(moved.placements, folder / "placements.npz")
    shot = Shot(folder / "room.mosaic", folder / "path.json", engine="preview", depth=True, name="Pan")
    clip = generate(shot, folder / "take_0001")
    return clip, shot, replace(shot, placements_file=folder / "placements.npz", earlier_clip=clip.folder)


def pictures(clip) -> dict[int, bytes]:
    return {number: (clip.frames_dir / f"frame_{number:04d}.png").read_bytes() for number in NUMBERS}


def test_depth_beside_a_frame_is_the_memorys_in_metres(first):
    clip, shot, _ = first
    path, reader = load_path(shot.path_file), MemoryReader(load_memory(shot.memory_file))
    truth = reader.rgb(path[3]).z_depth
    shown = read_depth_exr((clip.depth_dir / "depth_0014.exr").read_bytes(), image_height=36, image_width=64)
    assert np.array_equal(shown, truth) and np.isfinite(truth).any()
    assert clip.manifest["shot"]["depth"] and len(list(clip.depth_dir.iterdir())) == len(NUMBERS)


def test_a_range_is_made_anew_and_all_else_is_the_earlier_clip(first, tmp_path):
    clip, _, edited = first
    again = generate(replace(edited, retake=(14, 15)), tmp_path / "take")
    whole = generate(replace(edited, earlier_clip=None), tmp_path / "whole")
    expected = {n: (pictures(whole) if n in (14, 15) else pictures(clip))[n] for n in NUMBERS}
    assert pictures(again) == expected and pictures(whole)[14] != pictures(clip)[14]
    assert again.manifest["taken_over"] == [n for n in NUMBERS if n not in (14, 15)]
    depth = [file.read_bytes() for file in sorted(again.depth_dir.iterdir())]
    assert len(depth) == len(NUMBERS) and depth[0] == (clip.depth_dir / "depth_0011.exr").read_bytes()


@pytest.mark.slow
def test_frames_outside_a_range_do_not_pass_for_the_state_of_its_clip(first, tmp_path):
    _, _, edited = first
    part = generate(replace(edited, retake=(14, 14)), tmp_path / "part")
    whole = generate(replace(edited, earlier_clip=None), tmp_path / "whole")
    third = generate(replace(edited, earlier_clip=part.folder), tmp_path / "third")
    assert pictures(third) == pictures(whole) and third.manifest["taken_over"] == [14]


@pytest.mark.slow
def test_a_range_that_cannot_be_retaken_is_refused_and_nothing_is_written(first, tmp_path):
    clip, _, edited = first
    cases = [
        (replace(edited, retake=(40, 50)), "no frame from 40 to 50"),
        (replace(edited, retake=(14, 15), earlier_clip=tmp_path / "gone"), "cannot be taken from"),
    ]
    bare = tmp_path / "bare"
    shutil.copytree(clip.folder, bare)
    shutil.rmtree(bare / "depth")
    cases.append((replace(edited, retake=(14, 15), earlier_clip=bare), r"depth_0011\.exr"))
    for shot, words in cases:
        with pytest.raises(GenerateError, match=words):
            generate(shot, tmp_path / "out")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
    with pytest.raises(GenerateError, match="needs an earlier clip and rising frames"):
        replace(edited, retake=(15, 14))
    generate(replace(edited, retake=(14, 15), earlier_clip=bare, depth=False), tmp_path / "out")


def test_a_take_is_made_again_from_its_manifest_wherever_it_lies(first, tmp_path):
    _, _, edited = first
    shot_folder = tmp_path / "take_0002" / "shot"
    shot_folder.mkdir(parents=True)
    for file in (edited.path_file, edited.placements_file):
        shutil.copy(file, shot_folder)
    files = {"path_file": shot_folder / "path.json", "placements_file": shot_folder / "placements.npz"}
    clip = generate(
        replace(edited, retake=(13, 16), prompts=(Prompt("dusk", strength=0.5),), **files), tmp_path / "take_0002"
    )
    moved = tmp_path / "elsewhere"
    clip.folder.rename(moved)
    remake = remake_of(moved)
    assert remake.warnings == () and remake.shot.path_file == moved / "shot" / "path.json"
    assert pictures(generate(remake.shot, tmp_path / "again")) == pictures(replace(clip, folder=moved))


def test_what_a_take_needs_and_lacks_is_named(first, tmp_path):
    clip, _, edited = first
    folder = tmp_path / "take"
    folder.mkdir()
    with pytest.raises(GenerateError, match="no manifest"):
        remake_of(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(GenerateError, match="is damaged"):
        remake_of(folder)
    memory = tmp_path / "room.mosaic"
    shutil.copy(edited.memory_file, memory)
    generate(
        replace(
            edited, memory_file=memory, retake=(14, 15), earlier_clip=shutil.copytree(clip.folder, tmp_path / "old")
        ),
        folder,
    )
    (tmp_path / "old" / "manifest.json").unlink()
    with pytest.raises(GenerateError, match="kept frames of a clip that is gone"):
        remake_of(folder)
    memory.write_bytes(b"another")
    with pytest.raises(GenerateError, match="memory file has changed"):
        remake_of(folder)
    memory.unlink()
    with pytest.raises(GenerateError, match="memory file of the take is gone"):
        remake_of(folder)


@pytest.mark.slow
def test_the_model_continues_from_the_frames_that_are_kept(first, tmp_path):
    pytest.importorskip("torch")
    _, shot, edited = first
    shot = replace(shot, engine="tiny", seed=5)
    whole = generate(shot, tmp_path / "whole")
    part = generate(replace(shot, seed=6, retake=(14, 16), earlier_clip=whole.folder), tmp_path / "part")
    assert [n for n in NUMBERS if pictures(part)[n] != pictures(whole)[n]] == [14, 15, 16]
    other = generate(replace(shot, seed=6), tmp_path / "other")
    assert pictures(part)[14] != pictures(other)[14], "it follows from the kept frames, not from its own"
    edited = replace(edited, engine="tiny", seed=5, earlier_clip=whole.folder)
    kept = generate(replace(edited, keeps_unchanged=True), tmp_path / "kept")
    assert 0 < len(kept.manifest["taken_over"]) < len(NUMBERS)
    assert all(pictures(kept)[n] == pictures(whole)[n] for n in kept.manifest["taken_over"])
