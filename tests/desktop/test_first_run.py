"""From an open scene to a first video in a real window, with nothing prepared."""

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
