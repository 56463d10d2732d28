"""A capture in a second Blender, in a real window."""

from __future__ import annotations

import shutil

from harness import FOLDER


def test_a_second_blender_captures_the_same_and_leaves_nothing_however_it_ends(blender, scene_file, shots, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    result = blender.play(
        FOLDER / "scenario_background.py",
        blend_file=shutil.copy(scene_file, project),
        folder=tmp_path / "run",
        shots=shots,
        limit_s=800,
    )
    assert not result["error"], result["error"]
    assert "in the other file a capture works" in result["passed"]
    log = (tmp_path / "run" / "blender.log").read_text(errors="replace")
    assert "Traceback" not in log, log[-4000:]
    remarks = [line for line in log.splitlines() if "captured in this window" in line]
    assert len(remarks) == 2 and "broke down the last time" in remarks[0] and "it crashed" in remarks[1], remarks
