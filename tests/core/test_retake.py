"""A retake makes only the frames that an edit touched, and nobody can tell."""

from __future__ import annotations

import json
from dataclasses import replace

import av
import numpy as np
import pytest

from mosaic_core.cameras import CameraPath, save_path
from mosaic_core.engines import engine_named
from mosaic_core.generate import Shot, generate, shot_from_json, shot_to_json
from mosaic_core.memory import edits, save_memory, save_placements
from mosaic_core.memory.dirty import dirty_frames

from .known_scenes import RED, camera_at, placements_of, room_memory


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """A pan past the red crate, made before it was moved; and the shot after."""
    folder = tmp_path_factory.mktemp("takes")
    memory = room_memory()
    save_memory(memory, folder / "room.mosaic")
    cameras = tuple(camera_at((0.0, -4.5, 1.9), (x, 0.0, 1.0)) for x in np.linspace(-9, 9, 10))
    path = CameraPath(cameras, tuple(range(1, 11)), 24.0)
    save_path(path, folder / "path.json")
    first = Shot(folder / "room.mosaic", folder / "path.json", engine="preview")
    generate(first, folder / "first")
    edited = memory.edited(edits.translate(placements_of(memory, RED), (0.0, 0.3, 0.0)))
    save_placements(edited.placements, folder / "placements.npz")
    second = replace(first, placements_file=folder / "placements.npz", earlier_clip=folder / "first")
    return folder, second, dirty_frames(memory, edited, path)


def pictures(clip) -> list[bytes]:
    return [file.read_bytes() for part in (clip.frames_dir, clip.coverage_dir) for file in sorted(part.iterdir())]


def decoded(video_file) -> np.ndarray:
    """(T, H, W, 3) 0 .. 255"""
    with av.open(str(video_file)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]).astype(np.float32)


def test_a_retake_has_the_bits_of_a_whole_take(takes, tmp_path, monkeypatch):
    _, shot, dirty = takes
    whole = generate(replace(shot, earlier_clip=None), tmp_path / "whole")
    made = []
    engine = engine_named("preview")
    ask = type(engine).frames

    def watched(self, *arguments, indices=None, **others):
        made.extend(indices)
        return ask(self, *arguments, indices=indices, **others)

    monkeypatch.setattr(type(engine), "frames", watched)
    retake = generate(shot, tmp_path / "retake")
    assert pictures(retake) == pictures(whole)
    # Not to the byte: at some small sizes x264 encodes the same frames now one way, now another.
    shown, expected = decoded(retake.video_file), decoded(whole.video_file)
    assert shown.shape == expected.shape and np.abs(shown - expected).mean() < 1
    assert set(dirty) <= set(made) and 0 < len(made) < 10
    assert retake.manifest["taken_over"] == [i + 1 for i in range(10) if i not in made]
    assert retake.manifest["covered_fraction"] == whole.manifest["covered_fraction"]
    assert whole.manifest["taken_over"] == []


@pytest.mark.slow
def test_without_a_change_nothing_is_made_again(takes, tmp_path):
    folder, shot, _ = takes
    again = generate(replace(shot, placements_file=None), tmp_path / "again")
    assert again.manifest["taken_over"] == list(range(1, 11))
    assert [f.read_bytes() for f in sorted(again.frames_dir.iterdir())] == [
        f.read_bytes() for f in sorted((folder / "first" / "frames").iterdir())
    ]


@pytest.mark.slow
def test_a_retake_of_a_retake_starts_from_what_that_showed(takes, tmp_path):
    _, shot, _ = takes
    generate(shot, tmp_path / "retake")
    third = generate(replace(shot, placements_file=None, earlier_clip=tmp_path / "retake"), tmp_path / "third")
    first = generate(replace(shot, placements_file=None, earlier_clip=None), tmp_path / "first")
    assert pictures(third) == pictures(first) and 0 < len(third.manifest["taken_over"]) < 10


@pytest.mark.slow
def test_a_clip_can_be_retaken_in_its_own_folder(takes, tmp_path):
    _, shot, _ = takes
    generate(replace(shot, placements_file=None, earlier_clip=None), tmp_path / "take")
    retaken = generate(replace(shot, earlier_clip=tmp_path / "take"), tmp_path / "take")
    whole = generate(replace(shot, earlier_clip=None), tmp_path / "whole")
    assert pictures(retaken) == pictures(whole) and retaken.manifest["taken_over"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", ["missing", "no manifest", "manifest", "path", "engine", "frame", "half a frame", "placements", "version"]
)
def test_a_clip_that_cannot_be_trusted_is_made_whole(takes, tmp_path, damage):
    folder, shot, _ = takes
    earlier = tmp_path / "earlier"
    placements = tmp_path / "placements.npz"
    placements.write_bytes((folder / "placements.npz").read_bytes())
    clip = generate(replace(shot, earlier_clip=None, placements_file=placements), earlier)
    shot = replace(shot, earlier_clip=earlier, placements_file=None)
    manifest = json.loads(clip.manifest_file.read_text())
    frame = sorted(clip.frames_dir.iterdir())[0]
    if damage == "missing":
        shot = replace(shot, earlier_clip=tmp_path / "nowhere")
    elif damage == "no manifest":
        clip.manifest_file.unlink()
    elif damage == "manifest":
        clip.manifest_file.write_text("{")
    elif damage == "path":
        manifest["inputs_sha256"]["path"] = "0" * 64
    elif damage == "engine":
        manifest["shot"]["engine"] = "tiny"
    elif damage == "version":
        manifest["versions"]["mosaic"] = "0.0.1"
    elif damage == "frame":
        for file in clip.frames_dir.iterdir():
            file.unlink()
    elif damage == "half a frame":
        frame.write_bytes(frame.read_bytes()[:200])
    elif damage == "placements":
        placements.write_bytes(placements.read_bytes()[:-1] + b"x")
    if damage in ("path", "engine", "version"):
        clip.manifest_file.write_text(json.dumps(manifest))
    retaken = generate(shot, tmp_path / "retaken")
    assert retaken.manifest["taken_over"] == []
    whole = generate(replace(shot, earlier_clip=None), tmp_path / "whole")
    assert pictures(retaken) == pictures(whole)


def test_the_earlier_clip_crosses_into_the_gpu_process(takes):
    _, shot, _ = takes
    document = shot_to_json(shot)
    assert shot_from_json(json.loads(json.dumps(document))) == replace(
        shot,
        memory_file=shot.memory_file.absolute(),
        path_file=shot.path_file.absolute(),
    )
    del document["earlier_clip"]  # as older manifests are
    assert shot_from_json(document).earlier_clip is None
