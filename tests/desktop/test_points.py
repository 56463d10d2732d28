"""The memory as points in a real window: seen, picked and changed in Object Mode."""

from __future__ import annotations

import numpy as np
import pytest
from harness import FOLDER
from PIL import Image


@pytest.fixture(scope="module")
def memory_file(blender, tmp_path_factory):
    """A saved file with a memory in it."""
    file = tmp_path_factory.mktemp("memory") / "memory.blend"
    run = blender.run("--python-exit-code", "1", "--python", FOLDER / "make_memory.py", "--", file)
    assert run.returncode == 0, run.stdout + run.stderr
    return file


def test_an_artist_picks_and_moves_patches_in_object_mode(blender, memory_file, shots, tmp_path):
    result = blender.play(
        FOLDER / "scenario_points.py", blend_file=memory_file, folder=tmp_path / "run", shots=shots, limit_s=300
    )
    assert not result["error"], result["error"]
    assert "the points are back" in result["passed"]
    kept, drawn, turned, drawn_turned = (
        np.asarray(Image.open(shots / f"{name}.png").convert("RGB"), int)
        for name in ("kept_here", "drawn_here", "kept_turned", "drawn_turned")
    )
    apart = max(np.abs(kept - drawn).max(), np.abs(turned - drawn_turned).max())
    assert apart <= 1, "the kept picture is what drawing shows"
    assert (kept != turned).any(axis=2).mean() > 0.1, "it follows the view"
