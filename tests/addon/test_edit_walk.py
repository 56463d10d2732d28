"""Undo and redo through long random sequences of edits: memory, mesh and overlay agree after every step."""

from __future__ import annotations

import pytest

from .edit_walk import Walk
from .memory_scenes import built


def walked(tmp_path, *, seed: int, steps: int) -> Walk:
    """A walk of so many steps; fails with its seed and the steps up to the first that went wrong."""
    obj, memory = built(tmp_path)
    walk = Walk(obj, memory, folder=tmp_path, seed=seed)
    for number in range(steps):
        try:
            walk.step()
        except Exception as error:
            told = "\n".join(f"{i + 1:4} {words}" for i, words in enumerate(walk.told))
            pytest.fail(f"seed {seed}, step {number + 1}: {type(error).__name__}: {error}\n{told}")
    return walk


def test_twenty_random_edits_undone_and_redone_agree(tmp_path):
    walked(tmp_path, seed=1, steps=20)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_two_hundred_random_edits_undone_and_redone_agree(tmp_path, seed):
    walk = walked(tmp_path, seed=seed, steps=200)
    missing = {"select", "own_edit", "native_edit", "undo", "redo", "save_and_reload", "append"} - set(walk.counts)
    assert not missing, "the walk went past no step of these kinds"
