"""Selecting by meaning in a real window: what an artist asks for by menu is what the memory knows."""

from __future__ import annotations

from harness import FOLDER


def test_an_artist_selects_by_what_patches_are_and_keeps_sets(blender, shots, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    arguments = ("--python", FOLDER / "make_memory.py", "--", "--carried-off", project / "memory.blend")
    run = blender.run("--python-exit-code", "1", *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    result = blender.play(
        FOLDER / "scenario_selection.py",
        blend_file=project / "memory.blend",
        folder=tmp_path / "run",
        shots=shots,
        limit_s=540,
    )
    assert not result["error"], result["error"]
    assert "the set is there after the file is opened again" in result["passed"]
