"""Which patches touch, and what grows from that."""

from __future__ import annotations

import numpy as np
import pytest

from mosaic_core.memory.neighbourhood import Neighbourhood
from mosaic_core.memory.selection import lab_of_srgb, like_colours

from .known_scenes import FLOOR, RED, WALL, room_memory


def wall(columns: int, rows: int, *, side: float = 1.0, at=(0.0, 0.0, 0.0)) -> np.ndarray:  # (n, 4, 3)
    """Squares side by side in the x-z plane, row by row."""
    x, z = (a.ravel() * side for a in np.meshgrid(np.arange(columns), np.arange(rows)))
    corner = np.stack([x, np.zeros_like(x), z], axis=-1).astype(float) + at
    steps = np.array([(0, 0, side), (side, 0, side), (side, 0, 0), (0, 0, 0)])
    return corner[:, None] + steps


def test_squares_of_a_wall_touch_their_neighbours():
    near = Neighbourhood.of(wall(5, 5))
    middle = np.arange(25) == 12
    assert set(np.flatnonzero(near.grown(middle))) == {6, 7, 8, 11, 12, 13, 16, 17, 18}
    assert np.array_equal(near.shrunk(near.grown(middle)), middle)
    assert near.connected(middle).all()


def test_a_wall_behind_or_around_the_corner_is_another_surface():
    behind = wall(5, 4, at=(0, 0.6, 0))  # nearer than a patch is wide
    near = Neighbourhood.of(np.concatenate([wall(5, 4), behind]))
    first = np.arange(40) < 20
    assert np.array_equal(near.connected(np.arange(40) == 3), first)


def test_patches_of_other_sizes_and_views_join_the_surface():
    fine = wall(6, 8, side=0.5, at=(5.0, 0.02, 0.0))  # continues the wall, seen from nearer, a little off
    near = Neighbourhood.of(np.concatenate([wall(5, 4), fine]))
    assert near.connected(np.arange(68) == 0).all()


def test_what_has_no_place_touches_nothing():
    quads = wall(3, 1)
    quads[1] = np.nan
    near = Neighbourhood.of(quads)
    assert np.array_equal(near.grown(np.array([True, False, False])), [True, False, False])
    assert not Neighbourhood.of(np.zeros((0, 4, 3))).grown(np.zeros(0, bool)).size


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_those_of_a_loop_over_all(seed):
    rng = np.random.default_rng(seed)
    parts = [
        wall(4, 3, side=side, at=rng.uniform(-2, 2, 3)) + rng.normal(0, 0.02, (12, 1, 3)) for side in (0.3, 0.5, 0.9)
    ]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    quads = np.concatenate([*parts, parts[0] @ turn.T])
    found = {tuple(sorted(pair)) for pair in Neighbourhood.of(quads).pairs.tolist()}
    assert len(found) == len(Neighbourhood.of(quads).pairs), "each once"
    assert found == touching_pairs(quads)


def touching_pairs(quads: np.ndarray) -> set[tuple[int, int]]:
    pairs = set()
    for i, first in enumerate(quads):
        for j, second in enumerate(quads[:i]):
            shapes = []
            for quad in (first, second):
                normal = np.cross(quad[2] - quad[0], quad[3] - quad[1])
                length = float(np.linalg.norm(normal))
                shapes.append((quad.mean(axis=0), normal / length, (length / 2) ** 0.5))
            (a, normal_a, width_a), (b, normal_b, width_b) = shapes
            octaves = abs(np.floor(np.log2(width_a)) - np.floor(np.log2(width_b)))
            apart = b - a
            distance = float(np.linalg.norm(apart))
            off = max(abs(apart @ normal_a), abs(apart @ normal_b))
            flat = distance <= 0.25 * min(width_a, width_b) or off <= 0.36 * distance
            alike = normal_a @ normal_b >= np.cos(np.radians(40))
            if octaves < 2 and distance <= 0.85 * (width_a + width_b) and flat and alike:
                pairs.add((j, i))
    return pairs


def test_floor_wall_and_the_side_of_a_crate_are_surfaces_of_their_own():
    """Where a crate stands on the floor its front's patches and the floor's lie in each other's planes."""
    patches = room_memory().patches
    near = Neighbourhood.of(patches.quad_world)
    front = (patches.object_id == RED) & (np.abs(patches.centre_world[:, 1] - 0.2) < 0.01)
    for surface, thing in ((patches.object_id == FLOOR, FLOOR), (patches.object_id == WALL, WALL), (front, RED)):
        # The patch next to the surface's middle: an outline's may be a single one in mid-air.
        middle = patches.centre_world[surface].mean(axis=0)
        off = np.where(surface, np.linalg.norm(patches.centre_world - middle, axis=1), np.inf)
        reached = near.connected(np.arange(len(patches)) == np.argmin(off))
        assert reached[surface].mean() > 0.8
        of = patches.object_id[reached]
        assert (of == thing).mean() > 0.95, np.unique(of, return_counts=True)


def test_lab_is_the_published_one():
    for rgb, lab in (
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((128, 128, 128), (53.59, 0, 0)),
    ):
        np.testing.assert_allclose(lab_of_srgb(np.array(rgb, np.uint8)), lab, atol=0.02)


def test_like_colours_are_those_near_any_that_is_wanted():
    rgb = np.array([(200, 30, 30), (205, 34, 28), (30, 30, 200), (34, 33, 205), (30, 200, 30)], np.uint8)
    wanted = np.array([True, False, True, False, False])
    assert like_colours(rgb, wanted, difference=6).tolist() == [True, True, True, True, False]
    assert like_colours(rgb, wanted, difference=0.5).tolist() == wanted.tolist()
    assert like_colours(rgb, wanted, difference=300).all()
    assert not like_colours(rgb, np.zeros(5, bool), difference=300).any()
