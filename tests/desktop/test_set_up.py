"""Set Up as on a new computer: an environment is really made, with what pip can reach. Takes minutes, and gigabytes.

    MOSAIC_REAL_SET_UP=1 BLENDER=blender python -m pytest tests/desktop/test_set_up.py

Python and pip are this computer's: where pip prefers torch for the CPU, that is what is installed.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from harness import FOLDER


@pytest.mark.skipif(
    not os.environ.get("MOSAIC_REAL_SET_UP"),
    reason="installs torch: set MOSAIC_REAL_SET_UP=1 to have it tried",
)
def test_a_computer_without_torch_gets_an_environment_and_makes_a_video(blender, shots, tmp_path):
    blend_file = tmp_path / "project" / "room.blend"
    blend_file.parent.mkdir()
    run = blender.run("--python-exit-code", "1", "--python", FOLDER / "make_memory.py", "--", blend_file)
    assert run.returncode == 0, run.stdout + run.stderr
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
    try:
        result = blender.play(
            FOLDER / "scenario_set_up.py",
            blend_file=blend_file,
            folder=tmp_path / "run",
            shots=shots,
            limit_s=1800,
            environment={
                **dict.fromkeys(("MOSAIC_PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX")),
                "PATH": os.pathsep.join([str(programs), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
                "HOME": str(tmp_path),  # no environments of this computer's user
                "PIP_CONFIG_FILE": os.environ.get("PIP_CONFIG_FILE"),
            },
        )
    finally:
        for environment in blender.home.rglob("mosaic/env"):
            shutil.rmtree(environment)
    print("\n".join(result["passed"]))
    assert not result["error"], result["error"]
    assert "the video is there" in result["passed"]
