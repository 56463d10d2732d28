"""Detail composition on pictures whose every pixel is known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("torch")

from mosaic_core.engines.composition import CHANGED, compose, resized, resized_nearest
from mosaic_core.engines.motion import BLOCK_PX
from mosaic_core.memory.picture import Readout

HEIGHT, WIDTH = 48, 64
HOLE = (slice(16, 32), slice(24, 40))


def picture() -> np.ndarray:  # (HEIGHT, WIDTH, 3)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / 10
    waves = np.stack([np.sin(x), np.cos(y), np.sin(x + y)], -1)
    return (0.5 + 0.15 * waves).astype(np.float32)


def readout_of(values: np.ndarray, *, hole=HOLE) -> Readout:
    """Memory shows these values, but for a hole; its depth is 4."""
    size = values.shape[:2]
    covered = np.ones(size, bool)
    covered[hole] = False
    return Readout(
        values=np.where(covered[..., None], values, np.float32(0.5)),
        covered=covered,
        z_depth=np.where(covered, np.float32(4), np.float32(np.inf)),
        placement_id=covered.astype(np.int64),
        confidence=covered.astype(np.float32),
        age_s=np.zeros(size, np.float32),
        source_view=covered.astype(np.int32) - 1,
        source_uv=np.zeros((*size, 2), np.float32),
    )


NEAR = np.full((HEIGHT, WIDTH), 2.5, np.float32)


def test_what_memory_holds_is_kept_to_the_bit():
    readout = readout_of(picture())
    noise = np.random.default_rng(0).normal(0, 0.03, (HEIGHT, WIDTH, 3)).astype(np.float32)
    composed = compose(readout, picture() + noise, NEAR, picture())
    assert np.array_equal(composed.from_memory, readout.covered)
    assert np.array_equal(composed.rgb[readout.covered], readout.values[readout.covered])
    assert (composed.z_depth[readout.covered] == 4).all() and (composed.z_depth[~readout.covered] == 2.5).all()
    assert composed.rgb.dtype == composed.z_depth.dtype == np.float32


@pytest.mark.parametrize("brighter", [-0.07, 0.0, 0.07])
def test_a_hole_is_filled_at_memorys_brightness_without_a_step(brighter):
    """The model is right but for its exposure: the composed picture is the true one, hole and outline included."""
    shown = picture() - np.float32(brighter)
    composed = compose(readout_of(picture()), shown, NEAR, shown)
    np.testing.assert_allclose(composed.rgb, picture(), atol=1e-4)


def test_a_rim_around_a_hole_does_not_stain_it():
    """Regression: what was left of a deleted thing's outline was continued over the whole of its hole."""
    memory, model = picture(), picture() - np.float32(0.03)
    rim = np.zeros((HEIGHT, WIDTH), bool)
    rim[14:34, 22:42] = True
    rim[HOLE] = False
    memory[rim] -= np.float32(0.3)
    composed = compose(readout_of(memory), model, NEAR, model)
    assert np.array_equal(composed.rgb[rim], memory[rim]), "memory has the first word"
    np.testing.assert_allclose(composed.rgb[HOLE], picture()[HOLE], atol=0.01)


def test_the_last_pixel_before_a_hole_is_the_models_where_it_sees_no_rim():
    """Regression: what was deleted left a line of its colour around its hole."""
    memory = picture()
    rim = np.zeros((HEIGHT, WIDTH), bool)
    rim[15:33, 23:41] = True
    rim[HOLE] = False
    memory[rim] -= np.float32(0.3)
    seen, not_seen = (compose(readout_of(memory), model, NEAR, memory) for model in (memory, picture()))
    assert seen.from_memory[rim].all()
    assert np.array_equal(not_seen.from_memory, seen.from_memory & ~rim)
    np.testing.assert_allclose(not_seen.rgb, picture(), atol=0.01)


def test_where_the_model_shows_something_else_it_is_believed():
    model = picture()
    arrived = (slice(0, 2 * BLOCK_PX), slice(0, 2 * BLOCK_PX))  # whole blocks, away from the hole
    model[arrived] += 1.1 * CHANGED
    model[-BLOCK_PX:, -BLOCK_PX:] -= 1.1 * CHANGED  # a single block is the model's error
    composed = compose(readout_of(picture()), model, NEAR, picture())
    assert not composed.from_memory[arrived].any()
    assert composed.from_memory.sum() == HEIGHT * WIDTH - 16 * 16 - 4 * BLOCK_PX**2
    np.testing.assert_allclose(composed.rgb[arrived], model[arrived], atol=1e-3)
    assert (composed.z_depth[arrived] == 2.5).all()


def test_when_dusk_falls_memorys_detail_stays_and_is_dark():
    checks = 0.2 * (np.indices((HEIGHT, WIDTH)).sum(0) % 2 - 0.5)[..., None]
    values, dusk = (picture() + checks).astype(np.float32), np.array([0.5, 0.45, 0.6], np.float32)
    model = picture() * dusk
    model[: 2 * BLOCK_PX, : 2 * BLOCK_PX] = 0.9  # and somebody comes with a lamp
    composed = compose(readout_of(values), model, NEAR, picture())
    assert not composed.from_memory[: 2 * BLOCK_PX, : 2 * BLOCK_PX].any()
    held = composed.from_memory
    assert held.sum() == HEIGHT * WIDTH - 16 * 16 - 4 * BLOCK_PX**2
    np.testing.assert_allclose(composed.rgb[held], (values * dusk)[held], atol=0.03)


def test_dusk_falls_without_a_jump():
    """As the model's light fades evenly, no two frames differ by more than a little."""
    levels = np.linspace(1, 0.5, 26, dtype=np.float32)
    frames = [compose(readout_of(picture()), picture() * level, NEAR, picture()).rgb for level in levels]
    assert np.abs(frames[0] - picture())[readout_of(picture()).covered].max() == 0
    assert np.abs(frames[-1] - 0.5 * picture()).max() < 0.03
    assert max(np.abs(a - b).mean() for a, b in pairwise(frames)) < 0.05


def test_a_model_that_is_off_everywhere_does_not_take_memorys_place():
    """Regression: an undertrained model's own error passed for things that had moved, and replaced what was known."""
    rng = np.random.default_rng(3)
    wrong = (
        rng.choice([-0.15, 0.15], (HEIGHT // BLOCK_PX, WIDTH // BLOCK_PX, 1)).repeat(BLOCK_PX, 0).repeat(BLOCK_PX, 1)
    )
    wrong = (picture() + wrong).astype(np.float32)
    for unchanged in (picture(), wrong):  # the model's own error, or its autoencoder's
        composed = compose(readout_of(picture()), wrong, NEAR, unchanged)
        assert np.array_equal(composed.from_memory, readout_of(picture()).covered)


def test_a_difference_that_a_block_averages_away_is_memorys_detail():
    checks = np.indices((HEIGHT, WIDTH)).sum(0) % 2 - 0.5
    values = (picture() + 0.3 * checks[..., None]).astype(np.float32)
    assert np.array_equal(
        compose(readout_of(values), picture(), NEAR, picture()).from_memory, readout_of(values).covered
    )


def test_without_memory_the_frame_is_the_models():
    readout = readout_of(picture(), hole=(slice(None), slice(None)))
    composed = compose(readout, picture(), NEAR, picture())
    assert not composed.from_memory.any()
    np.testing.assert_allclose(composed.rgb, picture(), atol=1e-6)
    assert (composed.z_depth == 2.5).all()


@pytest.mark.parametrize("scale", [2, 3])
def test_a_small_model_fills_a_large_frame(scale):
    """Memory at full size, the model at a fraction of it: whole outside of the hole, near the truth inside."""
    large = picture().repeat(scale, 0).repeat(scale, 1)
    hole = tuple(slice(scale * s.start, scale * s.stop) for s in HOLE)
    composed = compose(readout_of(large, hole=hole), picture(), NEAR, picture())
    assert composed.rgb.shape == large.shape and composed.z_depth.shape == large.shape[:2]
    assert np.array_equal(composed.rgb[composed.from_memory], large[composed.from_memory])
    assert np.abs(composed.rgb[hole] - large[hole]).max() < 0.05


def test_colours_stay_within_range_and_do_not_touch_what_was_given():
    bright = readout_of(np.ones((HEIGHT, WIDTH, 3), np.float32))
    before = replace(bright, values=bright.values.copy())
    shown = np.full((HEIGHT, WIDTH, 3), 0.95, np.float32)
    composed = compose(bright, shown, NEAR, 0.5 * shown)
    assert composed.rgb.min() >= 0 and composed.rgb.max() <= 1
    assert np.array_equal(bright.values, before.values)


def test_resizing_keeps_flat_colours_and_never_invents_depth():
    flat = np.full((6, 10, 3), 0.25, np.float32)
    for size in ((6, 10), (3, 5), (40, 33)):
        np.testing.assert_allclose(resized(flat, size), 0.25, atol=1e-6)
    z_depth = np.where(np.arange(10) < 5, 1.0, np.inf) * np.ones((6, 1))
    for size in ((6, 10), (3, 5), (41, 33)):
        shown = resized_nearest(z_depth, size)
        assert shown.shape == size and set(np.unique(shown)) == {1.0, np.inf}
        assert abs(np.isinf(shown).mean() - 0.5) < 0.05 + 1 / size[1]


def test_what_the_autoencoder_cannot_draw_is_no_change():
    """Regression: a square of a photograph's facade, which came out grey, passed for something that had moved."""
    grey = picture()
    grey[: 3 * BLOCK_PX, : 3 * BLOCK_PX] = 0.95
    composed = compose(readout_of(picture()), grey, NEAR, grey)
    assert np.array_equal(composed.from_memory, readout_of(picture()).covered)
    assert np.array_equal(composed.rgb[composed.from_memory], picture()[composed.from_memory])


def test_a_slight_dusk_is_seen():
    composed = compose(readout_of(picture()), 0.9 * picture(), NEAR, picture())
    np.testing.assert_allclose(composed.rgb, 0.9 * picture(), atol=0.01)
