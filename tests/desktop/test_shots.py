"""Several shots in a real window: a queue that goes on by itself, its takes, and a comparison of two."""

from __future__ import annotations

from harness import FOLDER


def test_two_shots_are_queued_made_listed_and_compared(blender, shots, tmp_path):
    blend_file = tmp_path / "project" / "room.blend"
    blend_file.parent.mkdir()
    run = blender.run("--python-exit-code", "1", "--python", FOLDER / "make_memory.py", "--", blend_file)
    assert run.returncode == 0, run.stdout + run.stderr
    result = blender.play(
        FOLDER / "scenario_shots.py", blend_file=blend_file, folder=tmp_path / "run", shots=shots, limit_s=500
    )
    assert not result["error"], result["error"]
    assert "the Image Editor shows it" in result["passed"]
