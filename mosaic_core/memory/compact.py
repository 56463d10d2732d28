"""Columns that are held small: numbers in the narrowest type that has room, quads as steps on a grid of their own.

A patch's corners lie on a grid of its own whose spacing is a power of two: as fine as 16 bits allow, counted from the
centre, and no finer than single precision resolves where the patch stands. A corner is then a number of steps, two
bytes a coordinate, exact to half a step: 1/32,000 of the way from the centre to the farthest corner. Every point of the
grid is a float32, and reading one rounds nothing. So a quad that was read and is coded again comes out with the same
bits, through any number of files, and "untouched" can be told by comparing bits.
"""

from __future__ import annotations

import numpy as np

_MOST_STEPS = 32_767
# Steps are 2 ** exponent metres. Quads beyond 2 ** 100 m have no place, and nothing is finer than 2 ** -100 m.
_LARGEST = 100
_NO_PLACE = -128
_STEP_M = np.full(256, np.nan, np.float32)
_STEP_M[np.arange(-_LARGEST, _LARGEST + 1).astype(np.int8).view(np.uint8)] = np.ldexp(
    np.float32(1), np.arange(-_LARGEST, _LARGEST + 1)
)
# A point beside each of a quad's corners. Products with ones and zeros are exact, in whatever order they are summed.
_POINT_TO_QUAD = np.tile(np.eye(3, dtype=np.float32), 4)
_BLOCK = 8192  # quads that are coded or decoded at a time, so that they stay in the cache


def narrow(values: np.ndarray) -> np.ndarray:
    """Integers in the smallest of uint8, uint16 and their own type that holds them all."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    for dtype in (np.uint8, np.uint16):
        if low >= 0 and high <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values


def held_once(column: np.ndarray) -> np.ndarray:  # (n,) or (n, 2) of 4 bytes each
    """The same column; where all rows have the same bits, it is one row that stands for all."""
    if len(column) == 0 or column.strides[0] == 0:
        return column
    column = np.ascontiguousarray(column)
    rows = column.view(np.uint64)[:, 0] if column.ndim == 2 else column
    return np.broadcast_to(column[0].copy(), column.shape) if (rows == rows[0]).all() else column


def rows_of(column: np.ndarray, index: np.ndarray) -> np.ndarray:
    """`column[index]` for positions, at no cost where one row stands for all."""
    if len(column) and column.strides[0] == 0:
        return np.broadcast_to(column[0], (len(index), *column.shape[1:]))
    return column.take(index, axis=0)


def joined_rows(column: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Both, one after the other; the first itself where nothing follows."""
    return np.concatenate([column, more]) if len(more) else column


def distinct_codes(
    codes: np.ndarray,  # (n,) int64, not negative
) -> tuple[np.ndarray, np.ndarray]:  # distinct codes, (n,) index into them
    """`np.unique` with its inverse, by counting where the codes are small: sorting takes ten times as long."""
    if int(codes.max(initial=0)) > 4 * len(codes) + 1024:
        distinct, index = np.unique(codes, return_inverse=True)
        return distinct, index.ravel()
    used = np.bincount(codes) > 0
    return np.flatnonzero(used), (np.cumsum(used) - 1)[codes]


def held_bytes(column: np.ndarray) -> int:
    """What a column takes: one row where that stands for all."""
    return column[:1].nbytes if len(column) and column.strides[0] == 0 else column.nbytes


def coded_quads(
    quads: np.ndarray,  # (n, 4, 3) float32
    centres: np.ndarray,  # (n, 3) float32
) -> tuple[np.ndarray, np.ndarray]:  # (n, 4, 3) int16 steps from the centre, (n,) int8 exponent of the step
    """Quads on their grids. One that is not finite, or whose centre is not, has no place and reads as nan."""
    steps, exponents = np.zeros((len(quads), 4, 3), np.int16), np.zeros(len(quads), np.int8)
    for start in range(0, len(quads), _BLOCK):
        block = slice(start, start + _BLOCK)
        # Coordinate by coordinate: NumPy is slow along axes as short as these.
        corners, centre = (np.ascontiguousarray(a[block].transpose(*range(1, a.ndim), 0)) for a in (quads, centres))
        coded, exponents[block] = _coded(corners, centre)
        steps[block] = coded.transpose(2, 0, 1)
    return steps, exponents


def _coded(corners: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (4, 3, n), (3, n)
    with np.errstate(invalid="ignore", over="ignore"):
        reach, away = np.abs(corners).max(axis=(0, 1)), np.abs(corners - centre).max(axis=(0, 1))
        placed = (reach < 2.0**_LARGEST) & (away < 2.0**_LARGEST)
    if not placed.all():
        corners, centre = np.where(placed, corners, np.float32(0)), np.where(placed, centre, np.float32(0))
        reach, away = np.where(placed, reach, np.float32(0)), np.where(placed, away, np.float32(0))
    # The farthest corner in 15 bits, the largest coordinate in the 24 that float32 has, 2 ** 24 itself included.
    # What was rounded up to a power of two lies below it: coded again, no quad may get a coarser grid than it has.
    exponent = np.where(away > 0, np.frexp(away * np.float32(1 - 2.0**-23))[1] - 15, -_LARGEST)
    fraction, power = np.frexp(reach)
    exponent = np.maximum(np.maximum(exponent, power - (fraction == 0.5) - 24), -_LARGEST)
    steps = _steps(corners, centre, exponent)
    # The farthest may be a step more than there is room for.
    far = np.flatnonzero(np.maximum(steps.max(axis=(0, 1)), -steps.min(axis=(0, 1))) > _MOST_STEPS)
    exponent[far] += 1
    steps[..., far] = _steps(corners[..., far], centre[:, far], exponent[far])
    return steps, np.where(placed, exponent, _NO_PLACE)


def _steps(corners: np.ndarray, centre: np.ndarray, exponent: np.ndarray) -> np.ndarray:  # (4, 3, n)
    """Whole numbers below 2 ** 26, and so is their difference: exact in single precision."""
    step_m = np.ldexp(np.float32(1), exponent)
    steps = np.rint(corners / step_m)
    steps -= np.rint(centre / step_m)
    return steps


def decoded_quads(
    steps: np.ndarray,  # (n, 4, 3) int16
    exponents: np.ndarray,  # (n,) int8
    centres: np.ndarray,  # (n, 3) float32
) -> np.ndarray:  # (n, 4, 3) float32
    """The quads that `coded_quads` coded, exactly on their grids; nan for what has no place."""
    quads = steps.reshape(-1, 12).astype(np.float32)
    with np.errstate(invalid="ignore"):
        for start in range(0, len(quads), _BLOCK):
            block = slice(start, start + _BLOCK)
            step_m = np.repeat(_STEP_M.take(exponents[block].view(np.uint8)), 12).reshape(-1, 12)
            base = centres[block] @ _POINT_TO_QUAD
            base /= step_m
            np.rint(base, out=base)
            quads[block] += base
            quads[block] *= step_m
    return quads.reshape(-1, 4, 3)


def has_quad(exponents: np.ndarray) -> np.ndarray:  # (n,) bool
    """Which of the coded quads have a place."""
    return exponents != _NO_PLACE
