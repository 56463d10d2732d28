"""Location, rotation and scale of moved patches, taken back one by one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from mosaic_core.memory.clearing import PARTS, cleared_quads
from mosaic_core.memory.similarity import apply_to_quads

SCALE = 1.7
TURN = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])


@pytest.fixture
def crate() -> np.ndarray:  # (6, 4, 3) float32
    generator = np.random.default_rng(5)
    middles = generator.uniform(-1, 1, (6, 1, 3))
    sides = generator.normal(0, 0.05, (6, 2, 3))
    corners = np.array([[-1, 1], [1, 1], [1, -1], [-1, -1]])
    return (middles + np.einsum("cs,nsi->nci", corners, sides)).astype(np.float32)


def moved(quads: np.ndarray, *, turn=TURN, scale=SCALE, to=(3.0, -2.0, 0.5)) -> np.ndarray:
    """Turned and scaled about their common middle, then carried away."""
    middle, motion = quads.reshape(-1, 3).mean(axis=0), np.eye(4)
    motion[:3, :3] = scale * turn
    motion[:3, 3] = middle + to - motion[:3, :3] @ middle
    return apply_to_quads(motion, quads).astype(np.float32)


def test_each_part_goes_and_the_others_stay(crate):
    placed = moved(crate)
    expected = {
        "LOCATION": moved(crate, to=(0, 0, 0)),
        "ROTATION": moved(crate, turn=np.eye(3)),
        "SCALE": moved(crate, scale=1.0),
    }
    for part, wanted in expected.items():
        assert np.allclose(cleared_quads(crate, placed, part), wanted, atol=1e-5), part


@pytest.mark.parametrize("order", list(permutations(PARTS)))
def test_all_three_bring_back_the_captured_bits(crate, order):
    placed = moved(crate)
    for part in order:
        placed = cleared_quads(crate, placed, part)
    assert np.array_equal(placed, crate)


def test_what_went_its_own_way_turns_about_its_own_middle(crate):
    placed = moved(crate)
    placed[0] = moved(crate[:1], to=(0, 5, 0), turn=TURN.T)[0]
    turned_back = cleared_quads(crate, placed, "ROTATION")
    assert np.allclose(turned_back[0].mean(axis=0), placed[0].mean(axis=0), atol=1e-5)
    sides = [np.linalg.norm(quads[0] - quads[0].mean(axis=0), axis=-1) for quads in (turned_back, crate)]
    assert np.allclose(sides[0], SCALE * sides[1], atol=1e-5)
    back = cleared_quads(crate, placed, "LOCATION")
    assert np.allclose(back[0].mean(axis=0), crate[0].mean(axis=0), atol=1e-5)
    rest = crate[1:].reshape(-1, 3).mean(axis=0)
    assert np.allclose(back[1:].reshape(-1, 3).mean(axis=0), rest, atol=1e-5), "the others as one"


def test_what_never_moved_keeps_its_bits(crate):
    for part in PARTS:
        assert np.array_equal(cleared_quads(crate, crate.copy(), part), crate)
    assert cleared_quads(crate[:0], crate[:0], "SCALE").shape == (0, 4, 3)
