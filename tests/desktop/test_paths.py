"""Camera paths in a real window: drawn, keyed, kept, checked, written and read, all with the mouse and the keyboard."""

from __future__ import annotations

import shutil

from harness import FOLDER


def test_paths_are_drawn_keyed_bookmarked_checked_and_exchanged(blender, scene_file, shots, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    result = blender.play(
        FOLDER / "scenario_paths.py",
        blend_file=shutil.copy(scene_file, project),
        folder=tmp_path / "run",
        shots=shots,
        limit_s=540,
    )
    assert not result["error"], result["error"]
    assert "which goes the same way" in result["passed"]
