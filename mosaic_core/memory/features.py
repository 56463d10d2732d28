"""`Features`: what a model made of the patches, a row a patch: the latents that an engine is fed from memory.

A memory keeps a table for each engine, by name. Tables are made by encoding views, which may happen long after the
capture: a table may be shorter than the patch table, and a row of NaN is a patch that was not encoded. NumPy has no
bfloat16, so those tables keep the bits in uint16; the upper half of a float32 is a bfloat16.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..errors import MosaicError

# How each type is kept in an array.
DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": np.uint16}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, eq=False)
class Features:
    """A table of n rows, for patches 1 .. n. Raises `MosaicError` for another type or shape."""

    values: np.ndarray  # (n, C) in DTYPES[dtype]
    dtype: str  # float32, float16 or bfloat16

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise MosaicError(f"features are {', '.join(DTYPES)}, got {self.dtype!r}")
        values = np.ascontiguousarray(self.values)
        if values.dtype != DTYPES[self.dtype] or values.ndim != 2 or values.shape[1] == 0:
            raise MosaicError(f"{self.dtype} features are (patches, channels), got {values.dtype}{values.shape}")
        values = values.view()
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @classmethod
    def of(
        cls,
        values: np.ndarray,  # (n, C) of any float type
        dtype: str = "float32",
    ) -> Features:
        """A table of these numbers, rounded to the nearest of `dtype`. Raises `MosaicError`."""
        values = np.asarray(values, np.float32)
        return cls(
            _bfloat16_bits(values) if dtype == "bfloat16" else values.astype(DTYPES.get(dtype, np.float32)), dtype
        )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def channels(self) -> int:
        """Numbers a patch."""
        return self.values.shape[1]

    def float32(
        self,
        rows: np.ndarray,  # (n,) of patches, from 1
    ) -> np.ndarray:  # (n, C) float32
        """The features of these patches; NaN for patches that were not encoded. Raises `MosaicError` for row 0."""
        rows = np.asarray(rows)
        if rows.size and rows.min() < 1:
            raise MosaicError(f"patches are numbered from 1, got {rows.min()}")
        found = np.full((len(rows), self.channels), np.nan, np.float32)
        inside = rows <= len(self)
        values = self.values[rows[inside] - 1]
        found[inside] = (values.astype(np.uint32) << 16).view(np.float32) if self.dtype == "bfloat16" else values
        return found

    def followed_by(self, more: Features) -> Features:
        """Both tables, one after the other. Raises `MosaicError` where their types or widths differ."""
        if (more.dtype, more.channels) != (self.dtype, self.channels):
            raise MosaicError(
                f"features of {self.channels} {self.dtype} channels cannot go on with {more.channels} of {more.dtype}"
            )
        return Features(np.concatenate([self.values, more.values]), self.dtype)

    def padded(self, count: int) -> Features:
        """At least `count` rows, NaN where there were none."""
        missing = np.full((max(count - len(self), 0), self.channels), np.nan, np.float32)
        return self.followed_by(Features.of(missing, self.dtype)) if len(missing) else self


def check_name(name: object) -> str:
    """The name of a feature table. Raises `MosaicError` for one that is no short plain word."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise MosaicError(f"a feature table's name is up to 64 letters, digits and ._-, got {str(name)[:80]!r}")
    return name


def _bfloat16_bits(values: np.ndarray) -> np.ndarray:  # float32 -> uint16
    """Round to nearest, ties to even. A NaN stays one: its lower bits must not be what made it a NaN."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)
