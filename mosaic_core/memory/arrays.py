"""The few array functions that NumPy and torch spell differently, so that an algorithm is written once for both.

`NumpyArrays` is the reference; `mosaic_core.memory.arrays_torch` is its twin. Arithmetic uses operators, which round
alike in both: every operation is an array operation of its own, so no multiplication and addition is ever fused. That
is what makes the two give the same bits. Three rules follow for whoever writes such an algorithm: numbers are Python
floats (`as_float32` of a constant that is not exact); nothing is divided by a number, and no number but 1 by an array,
because torch multiplies by the inverse instead; and exp, square roots and their like, which torch rounds in its own
way, are left to preparation, which is done once in NumPy.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

# An array of whichever library is at work.
Array = Any


class Arrays(Protocol):
    """What an algorithm may ask of its array library beside operators."""

    at_once: int  # elements a column is best worked through in

    def of(self, array: np.ndarray) -> Array:
        """This array, where the library wants it."""
        ...

    def to_numpy(self, array: Array) -> np.ndarray:
        """The array back on the host."""
        ...

    def full(self, shape: tuple[int, ...], value: float, dtype: DTypeLike) -> Array:
        """An array of one value."""
        ...

    def positions(self, count: int) -> Array:
        """0, 1, ..., as int64."""
        ...

    def packed(self, array: Array) -> Array:
        """The array with its last axis contiguous in memory."""
        ...

    def copied(self, array: Array) -> Array:
        """The array to write to."""
        ...

    def take(self, array: Array, index: Array, axis: int = 0) -> Array:
        """Elements (of one axis) or whole slices at these positions."""
        ...

    def nonzero(self, mask: Array) -> Array:
        """Positions of the true ones in a mask of one axis."""
        ...

    def where(self, mask: Array, then: Array | float, otherwise: Array | float) -> Array:
        """Elementwise one or the other; numbers count as float32."""
        ...

    def floor(self, values: Array) -> Array:
        """The whole numbers below, as float32."""
        ...

    def is_finite(self, values: Array) -> Array:
        """Neither nan nor infinite."""
        ...

    def to_float(self, values: Array) -> Array:
        """Integers as float32."""
        ...

    def to_int64(self, values: Array) -> Array:
        """Integers as int64; floats cut towards zero."""
        ...

    def clip(self, values: Array, low: float, high: float) -> Array:
        """Values brought between two bounds."""
        ...

    def at_least(self, values: Array, low: float) -> Array:
        """Values brought above a bound; nan stays."""
        ...

    def maximum(self, first: Array, second: Array) -> Array:
        """The larger of each two."""
        ...

    def minimum(self, first: Array, second: Array) -> Array:
        """The smaller of each two."""
        ...

    def joined(self, parts: list[Array], axis: int = 0) -> Array:
        """One after the other."""
        ...

    def stacked(self, parts: list[Array], axis: int = 0) -> Array:
        """Side by side along a new axis."""
        ...

    def spread(self, values: Array, times: int, axis: int) -> Array:
        """Every slice so many times in a row."""
        ...

    def counted(self, counts: Array) -> Array:
        """0 as often as the first count says, then 1 as often as the second, ..."""
        ...

    def running_sum(self, counts: Array) -> Array:
        """Of integers, each with those before it."""
        ...

    def turns(self, cells: Array) -> Array:
        """How many equal ones stand before each in an array whose equal ones are neighbours."""
        ...

    def order(self, *keys: Array) -> Array:
        """Positions in the order of the last key, equal ones in that of the key before it; stable."""
        ...

    def distinct(self, values: Array) -> tuple[Array, Array]:
        """The different values, sorted, and which of them each one is."""
        ...

    def sorted_rows(self, values: Array) -> tuple[Array, Array]:
        """Each row of two axes sorted, and the columns its elements come from; stable."""
        ...

    def search(self, ordered: Array, values: Array, *, after: bool = False) -> Array:
        """Where each value would go in a sorted array: before its equals, or after them."""
        ...

    def smallest(self, values: Array, rank: int) -> float:
        """The value that so many others come before."""
        ...

    def bits(self, values: Array) -> Array:
        """The bits of float32 as int32."""
        ...

    def lower(self, values: Array, at: Array, candidates: Array) -> None:
        """`values[at] = min(values[at], candidates)` with repeats, whatever their order."""
        ...


class NumpyArrays:
    """`Arrays` in NumPy."""

    at_once = 1 << 16  # a dozen such columns fit the cache of one core, and calls are few

    def of(self, array: np.ndarray) -> np.ndarray:
        return array

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def full(self, shape: tuple[int, ...], value: float, dtype: DTypeLike) -> np.ndarray:
        return np.full(shape, value, dtype)

    def positions(self, count: int) -> np.ndarray:
        return np.arange(count)

    def packed(self, array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array)

    def copied(self, array: np.ndarray) -> np.ndarray:
        return array.copy()

    def take(self, array: np.ndarray, index: np.ndarray, axis: int = 0) -> np.ndarray:
        return array.take(index, axis=axis)

    def nonzero(self, mask: np.ndarray) -> np.ndarray:
        return np.flatnonzero(mask)

    def where(self, mask: np.ndarray, then: Array | float, otherwise: Array | float) -> np.ndarray:
        chosen = (np.float32(value) if isinstance(value, float) else value for value in (then, otherwise))
        return np.where(mask, *chosen)

    def floor(self, values: np.ndarray) -> np.ndarray:
        return np.floor(values)

    def is_finite(self, values: np.ndarray) -> np.ndarray:
        return np.isfinite(values)

    def to_float(self, values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32)

    def to_int64(self, values: np.ndarray) -> np.ndarray:
        return values.astype(np.int64)

    def clip(self, values: np.ndarray, low: float, high: float) -> np.ndarray:
        return np.clip(values, low, high)

    def at_least(self, values: np.ndarray, low: float) -> np.ndarray:
        return np.maximum(values, low)

    def maximum(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.maximum(first, second)

    def minimum(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.minimum(first, second)

    def joined(self, parts: list[np.ndarray], axis: int = 0) -> np.ndarray:
        return np.concatenate(parts, axis=axis)

    def stacked(self, parts: list[np.ndarray], axis: int = 0) -> np.ndarray:
        return np.stack(parts, axis=axis)

    def spread(self, values: np.ndarray, times: int, axis: int) -> np.ndarray:
        return values.repeat(times, axis)

    def counted(self, counts: np.ndarray) -> np.ndarray:
        return np.repeat(np.arange(len(counts)), counts)

    def running_sum(self, counts: np.ndarray) -> np.ndarray:
        return np.cumsum(counts)

    def turns(self, cells: np.ndarray) -> np.ndarray:
        position = np.arange(len(cells))
        is_first = np.diff(cells, prepend=-1) != 0
        return position - np.maximum.accumulate(np.where(is_first, position, 0))

    def order(self, *keys: np.ndarray) -> np.ndarray:
        order = np.argsort(_narrowed(keys[0]), kind="stable")
        for key in keys[1:]:
            order = order[np.argsort(_narrowed(key)[order], kind="stable")]
        return order

    def distinct(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Halves of 16 bits, as pairs of small numbers have them, sort by radix; else this is `np.unique`.
        order = self.order(values & 0xFFFFFFFF, values >> 32) if values.dtype == np.int64 else self.order(values)
        ordered = values[order]
        is_first = np.diff(ordered, prepend=ordered[:1] - 1) != 0
        member = np.zeros(len(values), np.intp)
        member[order] = np.cumsum(is_first) - 1
        return ordered[is_first], member

    def sorted_rows(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = np.argsort(values, axis=1, kind="stable")
        return np.take_along_axis(values, columns, axis=1), columns

    def search(self, ordered: np.ndarray, values: np.ndarray, *, after: bool = False) -> np.ndarray:
        return np.searchsorted(ordered, values, "right" if after else "left")

    def smallest(self, values: np.ndarray, rank: int) -> float:
        return float(np.partition(values, rank)[rank])

    def bits(self, values: np.ndarray) -> np.ndarray:
        return values.view(np.int32)

    def lower(self, values: np.ndarray, at: np.ndarray, candidates: np.ndarray) -> None:
        np.minimum.at(values, at, candidates)


def _narrowed(values: np.ndarray) -> np.ndarray:
    """The same numbers in 16 bits where they fit: those NumPy sorts by radix, many times faster."""
    small = values.dtype.kind in "iu" and len(values) and values.min() >= 0 and values.max() < 1 << 16
    return values.astype(np.uint16) if small else values


NUMPY = NumpyArrays()


def as_float32(value: float) -> float:
    """A number that is float32 already: no library rounds it again, each in its way."""
    return float(np.float32(value))
