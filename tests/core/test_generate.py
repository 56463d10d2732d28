"""Shot to clip: what is on disk afterwards, and what is not when it goes wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath, save_path
from mosaic_core.engines import engine_named
from mosaic_core.errors import CameraError, Cancelled, GenerateError, MemoryFileError, MosaicError
from mosaic_core.generate import Prompt, Shot, generate, shot_from_json, shot_to_json
from mosaic_core.generate.video import VideoWriter
from mosaic_core.memory import edits, memory_sha256, save_memory, save_placements
from mosaic_core.report.contact_sheet import CELL_WIDTH_PX, GAP_PX, LABEL_HEIGHT_PX

from .known_scenes import RED, camera_at, placements_of, room_memory


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    save_memory(room_memory(), folder / "room.mosaic")
    cameras = tuple(camera_at((x, -4.5, 1.9)) for x in (-0.5, 0.0, 0.5, 1.0))
    save_path(CameraPath(cameras, (11, 12, 13, 14), 24.0), folder / "path.json")
    return folder


@pytest.fixture
def shot(inputs) -> Shot:
    return Shot(inputs / "room.mosaic", inputs / "path.json", engine="preview")


def test_a_clip_is_frames_video_coverage_and_a_manifest(shot, tmp_path):
    events = []
    clip = generate(shot, tmp_path / "take", on_event=lambda event: events.append((event, event.rgb_file.is_file())))
    assert [event.frame_number for event, _ in events] == [11, 12, 13, 14]
    assert all(was_there for _, was_there in events), "frames are on disk as they are announced"
    assert sorted(f.name for f in clip.frames_dir.iterdir()) == [f"frame_{n:04d}.png" for n in (11, 12, 13, 14)]
    assert len(list(clip.coverage_dir.iterdir())) == 4
    manifest = json.loads(clip.manifest_file.read_text())
    assert manifest["inputs_sha256"]["memory"] == memory_sha256(shot.memory_file)
    assert manifest["shot"]["engine"] == "preview" and manifest["frames"] == [11, 12, 13, 14]
    assert all(0.5 < share <= 1 for share in manifest["covered_fraction"])
    assert sorted(p.name for p in clip.folder.iterdir()) == ["clip.mp4", "coverage", "frames", "manifest.json"]
    _assert_video_shows(clip.video_file, clip.frames_dir)


def _assert_video_shows(video_file, frames_dir):
    import av
    from PIL import Image

    with av.open(str(video_file)) as container:
        assert float(container.streams.video[0].average_rate) == 24
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(decoded) == 4
    for picture, file in zip(decoded, sorted(frames_dir.iterdir()), strict=True):
        truth = np.asarray(Image.open(file)).astype(float)
        assert picture.shape == truth.shape
        assert np.abs(picture - truth).mean() < 4


def test_the_same_shot_gives_the_same_frames(shot, tmp_path):
    first, second = generate(shot, tmp_path / "a"), generate(shot, tmp_path / "b")
    for file in first.frames_dir.iterdir():
        assert file.read_bytes() == (second.frames_dir / file.name).read_bytes()


def test_placements_handed_over_replace_the_memorys_own(shot, inputs, tmp_path):
    memory = room_memory()
    save_placements(memory.edited(edits.delete(placements_of(memory, RED))).placements, tmp_path / "p.npz")
    plain = generate(shot, tmp_path / "plain")
    edited = generate(replace(shot, placements_file=tmp_path / "p.npz"), tmp_path / "edited")
    name = "frame_0012.png"
    assert (plain.frames_dir / name).read_bytes() != (edited.frames_dir / name).read_bytes()
    assert edited.manifest["inputs_sha256"]["placements"] is not None


def test_a_new_take_replaces_the_old_one_whole(shot, tmp_path):
    generate(shot, tmp_path)
    (tmp_path / "frames" / "frame_9999.png").write_bytes(b"left over")
    generate(shot, tmp_path)
    assert not (tmp_path / "frames" / "frame_9999.png").exists()


def test_cancelling_leaves_the_old_take_and_nothing_half_written(shot, tmp_path):
    old = generate(shot, tmp_path)
    before = old.manifest_file.read_bytes()
    seen = []
    with pytest.raises(Cancelled):
        generate(shot, tmp_path, on_event=seen.append, should_stop=lambda: len(seen) >= 2)
    assert len(seen) == 2
    assert old.manifest_file.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "coverage", "frames", "manifest.json"]


def test_an_output_folder_that_is_a_file_is_refused(shot, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(GenerateError, match="cannot write"):
        generate(shot, tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_full_disk_is_named_and_nothing_is_kept(shot, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mosaic_core.generate.run.write_png", full)
    with pytest.raises(GenerateError, match=r"disk of .* is full"):
        generate(shot, tmp_path / "take")
    assert list((tmp_path / "take").iterdir()) == []


def test_bad_inputs_are_named(shot, inputs, tmp_path):
    cases = [
        (Shot(tmp_path / "none.mosaic", shot.path_file), MemoryFileError, "there is no file"),
        (Shot(shot.memory_file, tmp_path / "none.json"), CameraError, "cannot read the camera path"),
        (Shot(shot.memory_file, shot.path_file, memory_sha256="0" * 64), GenerateError, "has changed"),
        (Shot(shot.memory_file, shot.path_file, placements_file=inputs / "path.json"), MemoryFileError, "not a"),
    ]
    for bad, error, words in cases:
        with pytest.raises(error, match=words):
            generate(bad, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_unknown_engines_and_bad_seeds_are_refused(inputs):
    with pytest.raises(GenerateError, match="expected one of: preview"):
        Shot(inputs / "m", inputs / "p", engine="magic")
    with pytest.raises(GenerateError, match="seed"):
        Shot(inputs / "m", inputs / "p", seed=-1)
    with pytest.raises(GenerateError, match="ends before"):
        Shot(inputs / "m", inputs / "p", prompts=(Prompt("rain", 2.0, 1.0),))
    with pytest.raises(GenerateError, match=r"strength of 'rain' must be -4 \.\. 4"):
        Shot(inputs / "m", inputs / "p", prompts=(Prompt("rain", strength=float("nan")),))
    with pytest.raises(GenerateError, match="no engine"):
        engine_named("magic")


def test_a_shot_survives_the_trip_to_the_gpu_process(shot):
    shot = Shot(shot.memory_file, shot.path_file, seed=7, prompts=(Prompt("dusk"), Prompt("rain", 1.0, 2.5, -0.5)))
    document = json.loads(json.dumps(shot_to_json(shot), allow_nan=False))
    assert shot_from_json(document) == shot
    for prompt in document["prompts"]:
        del prompt["strength"]  # shots of earlier versions have none
    assert [prompt.strength for prompt in shot_from_json(document).prompts] == [1.0, 1.0]
    for broken in ({}, [], None, {**document, "seed": "many"}, {**document, "prompts": [{}]}):
        with pytest.raises(MosaicError, match="malformed shot"):
            shot_from_json(broken)


def test_odd_sizes_still_make_a_video(tmp_path):
    import av

    with VideoWriter(tmp_path / "odd.mp4", fps=30, image_height=17, image_width=33) as video:
        video.add(np.zeros((17, 33, 3), np.float32))
    with av.open(str(tmp_path / "odd.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.height, frame.width) == (16, 32)


@pytest.mark.slow
def test_frames_come_out_in_order_however_many_threads_work(inputs):
    memory = room_memory()
    cameras = tuple(camera_at((x, -4.5, 1.9), height=18, width=32) for x in np.linspace(-2, 2, 12))
    path = CameraPath(cameras, tuple(range(12)), 24.0)
    engine = engine_named("preview")
    frames = list(engine.frames(memory, path, prompts=(), seed=0))
    singles = [next(engine.frames(memory, CameraPath((c,), (0,), 24.0), prompts=(), seed=0)) for c in cameras]
    for ours, alone in zip(frames, singles, strict=True):
        assert np.array_equal(ours.rgb, alone.rgb)


def test_no_folder_is_left_where_there_was_none(shot, tmp_path):
    with pytest.raises(Cancelled):
        generate(shot, tmp_path / "new" / "take", should_stop=lambda: True)
    leftovers = [p.name for p in tmp_path.rglob("*") if p.name.startswith(".mosaic")]
    shutil.rmtree(tmp_path / "new", ignore_errors=True)
    assert leftovers == []


@pytest.mark.slow
def test_a_contact_sheet_shows_clips_below_each_other_and_what_memory_held(shot, tmp_path, capsys):
    from PIL import Image

    from mosaic_core.cli import main

    for name in ("first", "second"):
        generate(shot, tmp_path / name)
    clips = [str(tmp_path / "first"), str(tmp_path / "second")]
    assert main(["sheet", *clips, "--frames", "2", "--out", str(tmp_path / "sheet.png")]) == 0
    assert "2 frames of 2 clips" in capsys.readouterr().out
    with Image.open(tmp_path / "sheet.png") as sheet, Image.open(tmp_path / "first/frames/frame_0011.png") as frame:
        assert sheet.width == 2 * (CELL_WIDTH_PX + GAP_PX) + GAP_PX
        top = GAP_PX + LABEL_HEIGHT_PX
        height = round(CELL_WIDTH_PX * frame.height / frame.width)
        shown = sheet.crop((GAP_PX, top, GAP_PX + CELL_WIDTH_PX, top + height))
        assert np.abs(np.asarray(shown, float) - np.asarray(frame.resize(shown.size), float)).mean() < 4
    assert main(["sheet", *clips, "--frames", "0", "--out", str(tmp_path / "no.png")]) == 1
    assert main(["sheet", str(tmp_path), "--out", str(tmp_path / "no.png")]) == 1
    (tmp_path / "second/frames/frame_0014.png").unlink()
    assert main(["sheet", *clips, "--out", str(tmp_path / "no.png")]) == 1
    words = capsys.readouterr().err
    assert "at least one frame" in words and "holds no clip" in words and "frame_0014.png cannot be read" in words
    assert not (tmp_path / "no.png").exists()
