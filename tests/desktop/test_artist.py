"""The whole job in a real window, with the mouse and the keyboard."""

from __future__ import annotations

import shutil

from harness import FOLDER


def test_an_artist_captures_selects_moves_draws_and_generates(blender, scene_file, shots, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    blend_file = shutil.copy(scene_file, project)
    result = blender.play(
        FOLDER / "scenario_artist.py",
        blend_file=blend_file,
        folder=tmp_path / "run",
        shots=shots,
        limit_s=540,
    )
    assert not result["error"], result["error"]
    assert "the video is there" in result["passed"]
