"""Capture from the dialog, in a real window."""

from __future__ import annotations

import shutil

from harness import FOLDER


def test_a_ring_is_captured_from_the_dialog_and_escape_takes_it_away(blender, scene_file, shots, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    blend_file = shutil.copy(scene_file, project)
    result = blender.play(
        FOLDER / "scenario_capture.py",
        blend_file=blend_file,
        folder=tmp_path / "run",
        shots=shots,
        limit_s=400,
    )
    assert not result["error"], result["error"]
    assert "the ring is gone afterwards" in result["passed"]
