"""The first video with nothing prepared, and what an artist may do to Blender while a job runs; in a real window."""

from __future__ import annotations

import shutil
import sys

from harness import FOLDER


def test_a_new_artist_reaches_a_first_video_in_six_clicks(blender, scene_file, shots, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    result = blender.play(
        FOLDER / "scenario_first.py",
        blend_file=shutil.copy(scene_file, project),
        folder=tmp_path / "run",
        shots=shots,
        limit_s=600,
        # A computer on which this Python is the active environment and none is set in Mosaic.
        environment={"MOSAIC_PYTHON": None, "VIRTUAL_ENV": sys.prefix},
    )
    assert not result["error"], result["error"]
    assert "the video is there" in result["passed"]


def test_disabling_reloading_and_opening_files_while_a_job_runs_leaves_nothing(blender, scene_file, shots, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    result = blender.play(
        FOLDER / "scenario_robust.py",
        blend_file=shutil.copy(scene_file, project),
        folder=tmp_path / "run",
        shots=shots,
        limit_s=600,
    )
    assert not result["error"], result["error"]
    log = (tmp_path / "run" / "blender.log").read_text(errors="replace")
    assert "Traceback" not in log, log[-4000:]
