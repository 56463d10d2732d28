"""`Placements`: where each patch occurs in the world. The only thing an edit ever changes.

A placement is one occurrence of a patch: its row and a similarity that carries the captured world to the edited one.
Copies share a row, deleting drops a placement, moving changes its transform. Transforms are kept in a table of
distinct ones, because artists move objects, not patches: a memory of a million patches rarely holds fifty.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import EditError
from .growing import GrowingColumns

HIDDEN = np.uint8(1)  # not shown, kept
LOCKED = np.uint8(2)  # edits refuse to touch it
DYNAMIC = np.uint8(4)  # belongs to something that moves: engines may move it

_COLUMNS = ("ids", "rows", "transform_index", "flags", "time_range_s")


@dataclass(frozen=True, eq=False)
class Placements:
    """A table of N placements and K distinct transforms; all arrays are read-only.

    Raises `EditError` for arrays that do not fit together, repeated ids, or a transform that is no similarity.
    """

    ids: np.ndarray  # (N,) int64, unique, ascending
    rows: np.ndarray  # (N,) int32, the patch's row, from 1
    transform_index: np.ndarray  # (N,) int32 into transforms
    transforms: np.ndarray  # (K, 4, 4) float64 edited_from_captured; transforms[0] is the identity
    flags: np.ndarray  # (N,) uint8: HIDDEN | LOCKED | DYNAMIC
    time_range_s: np.ndarray  # (N, 2) float32: shown from .. until, -inf .. inf by default
    row_span: tuple[int, int] = field(init=False, repr=False)  # the lowest and the highest row; (1, 0) without any

    def __post_init__(self) -> None:
        count = len(self.ids)
        expected = {
            "ids": (np.int64, (count,)),
            "rows": (np.int32, (count,)),
            "transform_index": (np.int32, (count,)),
            "transforms": (np.float64, (len(self.transforms), 4, 4)),
            "flags": (np.uint8, (count,)),
            "time_range_s": (np.float32, (count, 2)),
        }
        for name, (dtype, shape) in expected.items():
            array = np.ascontiguousarray(getattr(self, name), dtype=dtype)
            if array.shape != shape:
                raise EditError(f"placements: {name} must have shape {shape}, got {array.shape}")
            array = array.view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if count and (np.diff(self.ids) <= 0).any():
            raise EditError("placement ids must be unique and ascending")
        if len(self.transforms) == 0 or not np.array_equal(self.transforms[0], np.eye(4)):
            raise EditError("the first transform of a placement table must be the identity")
        if count and not (self.transform_index.min() >= 0 and self.transform_index.max() < len(self.transforms)):
            raise EditError("a placement names a transform that the table does not hold")
        check_similarities(self.transforms)
        span = (int(self.rows.min()), int(self.rows.max())) if count else (1, 0)
        object.__setattr__(self, "row_span", span)

    @classmethod
    def of_rows(cls, rows: np.ndarray, *, flags: np.ndarray | None = None) -> Placements:
        """Every row once, where it was captured; the placement's id is its row."""
        rows = np.asarray(rows, dtype=np.int32)
        count = len(rows)
        return cls(
            ids=rows.astype(np.int64),
            rows=rows,
            transform_index=np.zeros(count, np.int32),
            transforms=np.eye(4)[None],
            flags=np.zeros(count, np.uint8) if flags is None else flags,
            time_range_s=np.tile(np.array([-np.inf, np.inf], np.float32), (count, 1)),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def followed_by_rows(self, first_row: int, flags: np.ndarray) -> Placements:  # (n,) uint8
        """This table and, after it, patches just captured: rows from `first_row`, each with its row as id.

        Takes as long as what is new, on average: what was checked once is not checked again. Copies have the highest
        ids, so a table that holds any is merged anew instead. Raises `EditError` for ids that are taken.
        """
        rows = np.arange(first_row, first_row + len(flags), dtype=np.int32)
        added = Placements.of_rows(rows, flags=flags)
        if len(added) == 0:
            return self
        if len(self) and self.ids[-1] >= first_row:
            return joined_placements(self, added)
        more = {name: getattr(added, name) for name in _COLUMNS}
        growing: GrowingColumns | None = self.__dict__.get("_growing")
        if growing is None:
            growing = GrowingColumns({name: getattr(self, name) for name in _COLUMNS}, room=len(added))
        growing = growing.followed_by(more, after=len(self))
        joined = object.__new__(Placements)
        span = (min(self.row_span[0], first_row), max(self.row_span[1], int(rows[-1]))) if len(self) else added.row_span
        known = {"transforms": self.transforms, "row_span": span, "_growing": growing}
        for name, value in {**growing.first(len(self) + len(added)), **known}.items():
            object.__setattr__(joined, name, value)
        return joined

    @property
    def visible(self) -> np.ndarray:  # (N,) bool
        """Placements that are not hidden."""
        return (self.flags & HIDDEN) == 0

    def edited_from_captured(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:  # (n, 4, 4)
        """One transform a placement."""
        return self.transforms[self.transform_index[index]]

    def indices_of(self, ids: np.ndarray) -> np.ndarray:  # (n,) int
        """Positions of these ids in the table. Raises `EditError` naming the first that is not there."""
        ids = np.asarray(ids, dtype=np.int64)
        at = np.searchsorted(self.ids, ids)
        found = (at < len(self.ids)) & (
            self.ids[np.minimum(at, max(len(self.ids) - 1, 0))] == ids if len(self) else False
        )
        if not np.all(found):
            missing = ids[~np.broadcast_to(found, ids.shape)]
            raise EditError(f"the memory has no placement {int(missing[0])} ({missing.size} of {ids.size} unknown)")
        return at

    def taken(self, index: np.ndarray) -> Placements:
        """The placements at these positions (a boolean mask or ascending indices)."""
        return replace(
            self,
            ids=self.ids[index],
            rows=self.rows[index],
            transform_index=self.transform_index[index],
            flags=self.flags[index],
            time_range_s=self.time_range_s[index],
        )

    def same_as(self, other: Placements) -> bool:
        """True where both tables put the same patches at the same places, bit for bit."""
        return (
            np.array_equal(self.ids, other.ids)
            and np.array_equal(self.rows, other.rows)
            and np.array_equal(self.edited_from_captured(), other.edited_from_captured())
            and np.array_equal(self.flags, other.flags)
            and np.array_equal(self.time_range_s, other.time_range_s)
        )


def check_similarities(
    transforms: np.ndarray,  # (K, 4, 4)
) -> None:
    """Raise `EditError` unless every matrix is a rotation (mirrored or not), a uniform scale and a translation."""
    if not np.isfinite(transforms).all():
        raise EditError("a transform must be finite, got NaN or infinity")
    linear = transforms[:, :3, :3]
    with np.errstate(over="ignore", invalid="ignore"):  # huge numbers are refused, without a remark on the way
        scale = np.cbrt(np.abs(np.linalg.det(linear)))
        if (scale < 1e-9).any():
            raise EditError("a transform must not collapse a patch to nothing, got a scale of zero")
        gram = linear @ linear.transpose(0, 2, 1) / (scale**2)[:, None, None]
    if not np.allclose(gram, np.eye(3), atol=1e-3) or not np.allclose(transforms[:, 3], [0, 0, 0, 1]):
        raise EditError("a placement's transform must be a similarity: rotation, uniform scale, translation")


def joined_placements(table: Placements, added: Placements) -> Placements:
    """Both tables, in the order of ids; the transforms are those of `table`. Raises `EditError` for ids in both."""
    order = np.argsort(np.concatenate([table.ids, added.ids]), kind="stable")
    columns = {n: np.concatenate([getattr(table, n), getattr(added, n)])[order] for n in _COLUMNS}
    return Placements(transforms=table.transforms, **columns)
