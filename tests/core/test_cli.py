"""`mosaic ...` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mosaic_core.cameras import CameraPath, load_path, save_path
from mosaic_core.cli import main
from mosaic_core.conventions import swap_camera_axes
from mosaic_core.memory import load_memory, save_memory

from .known_scenes import camera_at, room_memory


@pytest.fixture
def folder(tmp_path):
    save_memory(room_memory(), tmp_path / "room.mosaic")
    path = CameraPath((camera_at((0, -4.5, 1.9)), camera_at((0.2, -4.5, 1.9))), (1, 2), 24.0)
    save_path(path, tmp_path / "path.json")
    return tmp_path


def test_edit_then_generate_shows_the_edit(folder, capsys):
    memory, edited, path = (str(folder / name) for name in ("room.mosaic", "edited.mosaic", "path.json"))
    assert main(["edit", memory, "--object", "Red Crate", "--move", "1", "0", "0", "--out", edited]) == 0
    assert main(["generate", memory, "--path", path, "--out", str(folder / "before")]) == 0
    assert main(["generate", edited, "--path", path, "--out", str(folder / "after"), "--json"]) == 0
    before, after = (folder / take / "frames" / "frame_0001.png" for take in ("before", "after"))
    assert before.read_bytes() != after.read_bytes()
    assert '"engine": "tiny"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("action", "changes"),
    [
        (["--copy", "1", "0", "0"], "copies"),
        (["--turn", "30"], "moved"),
        (["--scale", "1.5"], "moved"),
        (["--delete"], "deleted"),
        (["--hide"], "hidden"),
    ],
)
def test_every_action_shows_in_inspect(folder, capsys, action, changes):
    memory, edited = str(folder / "room.mosaic"), str(folder / "edited.mosaic")
    assert main(["edit", memory, "--object", "Blue Crate", *action, "--out", edited]) == 0
    capsys.readouterr()
    assert main(["inspect", edited, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts[changes] > 0
    assert [edit["author"] for edit in facts["edits"]] == ["command line"]
    assert main(["inspect", edited]) == 0
    assert "Blue Crate" in capsys.readouterr().out


def test_turning_and_scaling_keep_the_middle_in_place(folder):
    from mosaic_core.memory.object_edits import edit_objects, middle_world
    from mosaic_core.memory.selection import ids_of_objects

    memory = load_memory(folder / "room.mosaic")
    ids = ids_of_objects(memory.placements, memory.patches, [3])
    before = middle_world(memory, ids)
    for action in (("turn", 90.0), ("scale", 2.0)):
        after = middle_world(edit_objects(memory, ["Red Crate"], action), ids)
        assert abs(after - before).max() < 1e-4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["inspect", "none.mosaic"], "there is no file"),
        (["edit", "room.mosaic", "--object", "Ghost", "--delete", "--out", "x.mosaic"], "no object 'Ghost'"),
        (["edit", "room.mosaic", "--object", "Red Crate", "--scale", "0", "--out", "x.mosaic"], "zero"),
        (["path", "path.json"], "--out"),
        (["path", "room.mosaic", "--out", "x.mosaic"], "no camera-path format known"),
        (["path", "path.json", "--out", "x.mosaic", "--format", "x"], "no camera-path format 'x'"),
        (["generate", "room.mosaic", "--path", "none.json", "--out", "o"], "cannot read the camera path"),
        (["generate", "room.mosaic", "--path", "path.json", "--out", "o", "--engine", "x"], "no engine 'x'"),
    ],
)
def test_mistakes_end_in_one_sentence_and_a_failure(folder, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(folder)
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    assert not (folder / "x.mosaic").exists() and not (folder / "o").exists()


def test_a_path_goes_to_another_tool_and_back(folder, capsys):
    text, back = str(folder / "cameras.txt"), str(folder / "back.json")
    assert main(["path", str(folder / "path.json"), "--out", text, "--format", "realestate10k"]) == 0
    said = capsys.readouterr().out
    assert "2 frames, mosaic" in said and "lost     the image size (160 x 90) is not in the file" in said
    assert main(["path", text, "--out", back, "--size", "160", "90", "--check", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["format"], facts["frames"], facts["fps"]) == ("realestate10k", 2, 24.0)
    assert facts["assumed"] == ["the image is taken to be 160 x 90 pixels"]
    assert facts["lost"] == facts["findings"] == []
    before, after = load_path(folder / "path.json"), load_path(back)
    assert abs(before[1].world_from_cam - after[1].world_from_cam).max() < 1e-6


def test_a_path_is_looked_at_for_mistakes(folder, capsys):
    path = load_path(folder / "path.json")
    flipped = [replace(camera, world_from_cam=swap_camera_axes(camera.world_from_cam)) for camera in path]
    save_path(replace(path, cameras=tuple(flipped)), folder / "flipped.json")
    assert main(["path", str(folder / "path.json"), "--check"]) == 0
    assert "check    nothing looks wrong" in capsys.readouterr().out
    assert main(["path", str(folder / "flipped.json"), "--check"]) == 0
    assert "check    The image is upside down in 2 of 2 frames" in capsys.readouterr().out


def test_a_path_is_scaled_anchored_smoothed_and_resampled(folder, capsys):
    file, out = str(folder / "path.json"), str(folder / "out.json")
    assert main(["path", file, "--out", out, "--length", "20", "2", "--resample", "48"]) == 0
    assert "2 frames, mosaic, 3 frames at 48 a second now" in capsys.readouterr().out
    path = load_path(out)
    assert abs(path[0].position_world - (0, -0.45, 0.19)).max() < 1e-9 and path.fps == 48
    assert main(["path", file, "--out", out, "--anchor", "2", "--frames", "9", "--even", "--smooth", "0.04"]) == 0
    path = load_path(out)
    assert len(path) == 9 and abs(path[8].world_from_cam - np.eye(4)).max() < 1e-9
    assert main(["path", out, "--out", out, "--onto", file]) == 0
    assert abs(load_path(out)[0].world_from_cam - load_path(file)[0].world_from_cam).max() < 1e-9
    assert main(["path", file, "--out", out, "--anchor", "3"]) == 1
    assert "the path has no frame 3, it goes from 1 to 2" in capsys.readouterr().err
    assert main(["path", "--format", "list"]) == 0
    assert "ViewCrafter" in capsys.readouterr().out


def test_a_part_of_a_path_at_another_size(folder, capsys):
    file, out = str(folder / "path.json"), str(folder / "out.json")
    assert main(["path", file, "--out", out, "--only", "2", "9", "--pixels", "320", "180"]) == 0
    path, whole = load_path(out), load_path(file)
    assert path.frame_numbers == (2,) and (path.image_height, path.image_width) == (180, 320)
    assert np.array_equal(path[0].world_from_cam, whole[1].world_from_cam)
    point = whole[1].unproject(np.array([40.0, 30.0]), np.array(2.0))
    np.testing.assert_allclose(path[0].project(point)[0], (80, 60))
    for bad, words in (
        (["--only", "3", "9"], "no frames from 3 to 9, it goes from 1 to 2"),
        (["--pixels", "0", "9"], "pixels"),
    ):
        assert main(["path", file, "--out", str(folder / "no.json"), *bad]) == 1
        assert words in capsys.readouterr().err and not (folder / "no.json").exists()


def test_a_path_is_compared_with_the_scene_it_is_for(folder, capsys):
    file, inches = str(folder / "path.json"), str(folder / "inches.json")
    assert main(["path", file, "--out", inches, "--scale", "39.37"]) == 0
    scene = ["--check", "--scene", str(folder / "room.mosaic")]
    capsys.readouterr()
    assert main(["path", file, *scene]) == 0
    assert "nothing looks wrong" in capsys.readouterr().out
    assert main(["path", inches, *scene]) == 0
    assert "far outside the scene" in capsys.readouterr().out


def test_the_core_imports_without_blender_and_without_torch():
    """One-way dependencies: the add-on imports the core inside Blender, where there is no torch."""
    code = (
        "import sys; sys.modules['bpy'] = sys.modules['torch'] = None\n"
        "import mosaic_core.cli, mosaic_core.memory, mosaic_core.generate, mosaic_core.worker, mosaic_core.engines\n"
        "import mosaic_core.engines.preview, mosaic_core.memory.readout\n"
        "assert not {'PIL', 'av'} & set(sys.modules), 'Blender has neither'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_bench_reports_medians_beside_a_baseline(monkeypatch, capsys):
    monkeypatch.setattr("mosaic_core.bench.preview.HEIGHT", 36)
    monkeypatch.setattr("mosaic_core.bench.preview.WIDTH", 64)
    assert main(["bench", "--only", "preview", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["machine"]["cores"] >= 1
    names = [row["name"] for row in result["rows"]]
    assert names == ["preview_frame", "preview_path", "reader", "live_frame", "live_reader"]
    assert all(row["median_ms"] > 0 and row["baseline_ms"] > 0 for row in result["rows"])


def test_bench_names_its_groups(capsys):
    assert main(["bench", "--only", "speed"]) == 1
    assert "the bench has no group 'speed', only preview" in capsys.readouterr().err


def test_every_command_has_an_example(capsys):
    for command in ("demo", "generate", "inspect", "edit", "splice", "path", "bench", "train", "worker"):
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
        assert f"example: mosaic {command}" in capsys.readouterr().out
