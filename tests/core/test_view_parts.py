"""What readers keep for the next state: the same bits, made once."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from mosaic_core.memory import Memory, edits
from mosaic_core.memory.arrays import NUMPY
from mosaic_core.memory.picture import Readout
from mosaic_core.memory.readout import MemoryReader
from mosaic_core.memory.view_parts import ViewParts

from .known_scenes import RED, camera_at, placements_of, room_memory


@pytest.fixture(scope="module")
def memory() -> Memory:
    return room_memory()


def same(first: Readout, second: Readout) -> bool:
    return all(
        np.array_equal(getattr(first, f.name), getattr(second, f.name), equal_nan=f.name == "source_uv")
        for f in fields(Readout)
    )


def test_a_reader_that_was_handed_parts_reads_the_same_bits(memory):
    parts, camera = ViewParts(), camera_at((1.0, -4.0, 1.5))
    moved = memory.edited(edits.translate(placements_of(memory, RED), (0.3, 0.0, 0.1)))
    for state in (memory, moved, memory.edited(edits.delete(placements_of(memory, RED))), memory):
        expected = MemoryReader(state).rgb(camera)
        assert same(MemoryReader(state, parts=parts).rgb(camera), expected)


def test_parts_are_made_once_a_view_and_anew_for_another(memory):
    parts, made = ViewParts(), []

    def make(view, rows):
        made.append(view)
        return rows.sum()

    for _ in range(2):
        assert parts.of("sum", memory, 0, make) == memory.pixel_rows[0].sum()
    assert made == [memory.views[0]]
    other = room_memory(positions=((0.0, -4.0, 2.0),))
    assert parts.of("sum", other, 0, make) == other.pixel_rows[0].sum()
    assert made == [memory.views[0], other.views[0]]


@pytest.mark.parametrize("largest", [50, 60_000, 1 << 20, 1 << 40])
def test_sorting_small_numbers_by_radix_is_the_same_order(largest):
    generator = np.random.default_rng(largest)
    first, second = generator.integers(0, largest, (2, 5000))
    second[::7] *= -1 if largest > 1 << 17 else 1
    np.testing.assert_array_equal(NUMPY.order(first, second), np.lexsort((first, second)))
    values = generator.integers(0, 300, 5000) << 32 | generator.integers(0, min(largest, 1 << 31), 5000)
    for some in (values, second, values[:0]):
        distinct, member = NUMPY.distinct(some)
        expected, inverse = np.unique(some, return_inverse=True)
        np.testing.assert_array_equal(distinct, expected)
        np.testing.assert_array_equal(member, inverse.ravel())
