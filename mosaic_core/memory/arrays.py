"""The few array functions that NumPy and torch spell differently, so that an algorithm is written once for both.

`NumpyArrays` is the reference; its torch twin stands in `mosaic_core.memory.readout_torch`. Arithmetic uses operators,
which round alike in both: every operation is an array operation of its own, so no multiplication and addition is ever
fused. That is what makes the two give the same bits.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

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

    def take(self, array: Array, index: Array) -> Array:
        """Elements (of one axis) or rows (of two) at these positions."""
        ...

    def nonzero(self, mask: Array) -> Array:
        """Positions of the true ones in a mask of one axis."""
        ...

    def floor_int(self, values: Array) -> Array:
        """The integers (int32) below float32 values."""
        ...

    def to_float(self, values: Array) -> Array:
        """Integers as float32."""
        ...

    def to_int64(self, values: Array) -> Array:
        """Integers as int64."""
        ...

    def clip(self, values: Array, low: float, high: float) -> Array:
        """Values brought between two bounds."""
        ...

    def maximum(self, first: Array, second: Array) -> Array:
        """The larger of each two."""
        ...

    def minimum(self, first: Array, second: Array) -> Array:
        """The smaller of each two."""
        ...

    def joined(self, parts: list[Array]) -> Array:
        """One after the other."""
        ...

    def turns(self, cells: Array) -> Array:
        """How many equal ones stand before each in an array whose equal ones are neighbours."""
        ...

    def bits(self, values: Array) -> Array:
        """The bits of float32 as int32."""
        ...

    def floats(self, bits: Array) -> Array:
        """The float32 with these bits (int32 or int64 of that range)."""
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

    def take(self, array: np.ndarray, index: np.ndarray) -> np.ndarray:
        return array.take(index, axis=0)

    def nonzero(self, mask: np.ndarray) -> np.ndarray:
        return np.flatnonzero(mask)

    def floor_int(self, values: np.ndarray) -> np.ndarray:
        return np.floor(values).astype(np.int32)

    def to_float(self, values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32)

    def to_int64(self, values: np.ndarray) -> np.ndarray:
        return values.astype(np.int64)

    def clip(self, values: np.ndarray, low: float, high: float) -> np.ndarray:
        return np.clip(values, low, high)

    def maximum(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.maximum(first, second)

    def minimum(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.minimum(first, second)

    def joined(self, parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(parts)

    def turns(self, cells: np.ndarray) -> np.ndarray:
        position = np.arange(len(cells))
        is_first = np.diff(cells, prepend=-1) != 0
        return position - np.maximum.accumulate(np.where(is_first, position, 0))

    def bits(self, values: np.ndarray) -> np.ndarray:
        return values.view(np.int32)

    def floats(self, bits: np.ndarray) -> np.ndarray:
        return bits.astype(np.int32).view(np.float32)

    def lower(self, values: np.ndarray, at: np.ndarray, candidates: np.ndarray) -> None:
        np.minimum.at(values, at, candidates)
