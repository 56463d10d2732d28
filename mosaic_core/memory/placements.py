"""`Placements`: where each patch occurs in the world. The only thing an edit ever changes.

A placement is one occurrence of a patch: its row and a similarity that carries the captured world to the edited one.
Copies share a row, deleting drops a placement, moving changes its transform. Transforms are kept in a table of
distinct ones, because artists move objects, not patches: a memory of a million patches rarely holds fifty.

A memory as captured says the same of every patch, and that takes no room: a column whose rows are all alike is one row
(`mosaic_core.memory.compact`), and ids and rows that count up together are made when they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import EditError
from .compact import held_bytes, held_once
from .growing import GrowingColumns

HIDDEN = np.uint8(1)  # not shown, kept
LOCKED = np.uint8(2)  # edits refuse to touch it
DYNAMIC = np.uint8(4)  # belongs to something that moves: engines may move it

_COLUMNS = ("ids", "rows", "transform_index", "flags", "time_range_s")
_COUNTED = {"ids": np.int64, "rows": np.int32}


@dataclass(frozen=True, eq=False)
class Placements:
    """A table of N placements and K distinct transforms; all arrays are read-only, and may be one row that is repeated.

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
        count = len(self.ids)  # as it was given
        expected = {
            "ids": (np.int64, (count,)),
            "rows": (np.int32, (count,)),
            "transform_index": (np.int32, (count,)),
            "transforms": (np.float64, (len(self.transforms), 4, 4)),
            "flags": (np.uint8, (count,)),
            "time_range_s": (np.float32, (count, 2)),
        }
        columns = {name: np.asarray(self.__dict__.pop(name), dtype=dtype) for name, (dtype, _) in expected.items()}
        for name, (_, shape) in expected.items():
            if columns[name].shape != shape:
                raise EditError(f"placements: {name} must have shape {shape}, got {columns[name].shape}")
        if count and (np.diff(columns["ids"]) <= 0).any():
            raise EditError("placement ids must be unique and ascending")
        transforms = columns["transforms"]
        if len(transforms) == 0 or not np.array_equal(transforms[0], np.eye(4)):
            raise EditError("the first transform of a placement table must be the identity")
        index, rows = columns["transform_index"], columns["rows"]
        if count and not (index.min() >= 0 and index.max() < len(transforms)):
            raise EditError("a placement names a transform that the table does not hold")
        check_similarities(transforms)
        span = (int(rows.min()), int(rows.max())) if count else (1, 0)
        self.__dict__.update(_held(columns), row_span=span)

    def __getattr__(self, name: str) -> np.ndarray:
        """Ids and rows where those count up together: they are no attributes of their own then."""
        if name not in _COUNTED or "row_span" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        first, last = self.row_span
        column = np.arange(first, last + 1, dtype=_COUNTED[name])
        column.flags.writeable = False
        return column

    @classmethod
    def of_rows(cls, rows: np.ndarray, *, flags: np.ndarray | None = None) -> Placements:
        """Every row once, where it was captured; the placement's id is its row."""
        rows = np.asarray(rows, dtype=np.int32)
        count = len(rows)
        return cls(
            ids=rows.astype(np.int64),
            rows=rows,
            transform_index=np.broadcast_to(np.int32(0), (count,)),
            transforms=np.eye(4)[None],
            flags=np.broadcast_to(np.uint8(0), (count,)) if flags is None else flags,
            time_range_s=np.broadcast_to(np.array([-np.inf, np.inf], np.float32), (count, 2)),
        )

    def __len__(self) -> int:
        return len(self.flags)

    @property
    def nbytes(self) -> int:
        """What the table takes in memory."""
        return sum(held_bytes(self.__dict__[name]) for name in (*_COLUMNS, "transforms") if name in self.__dict__)

    def rows_at(self, index: np.ndarray) -> np.ndarray:  # (n,) positions -> (n,) int32
        """`rows[index]`, without making the others."""
        return self._at("rows", index)

    def ids_at(self, index: np.ndarray) -> np.ndarray:  # (n,) positions -> (n,) int64
        """`ids[index]`, without making the others."""
        return self._at("ids", index)

    def _at(self, name: str, index: np.ndarray) -> np.ndarray:
        if name in self.__dict__:
            return self.__dict__[name][index]
        return (np.asarray(index) + self.row_span[0]).astype(_COUNTED[name])

    def followed_by_rows(self, first_row: int, flags: np.ndarray) -> Placements:  # (n,) uint8
        """This table and, after it, patches just captured: rows from `first_row`, each with its row as id.

        Takes as long as what is new, on average: what was checked once is not checked again. Copies have the highest
        ids, so a table that holds any is merged anew instead. Raises `EditError` for ids that are taken.
        """
        added = Placements.of_rows(np.arange(first_row, first_row + len(flags), dtype=np.int32), flags=flags)
        if len(added) == 0 or len(self) == 0:
            return added if len(added) else self
        if self._last_id >= first_row:
            return joined_placements(self, added)
        names, count = self._unlike(added), len(self) + len(added)
        joined = object.__new__(Placements)
        for name in ("transform_index", "flags", "time_range_s"):
            column = getattr(self, name)
            joined.__dict__[name] = np.broadcast_to(column[0], (count, *column.shape[1:]))
        if names:
            growing: GrowingColumns | None = self.__dict__.get("_growing")
            if growing is None or growing.names != names:
                growing = GrowingColumns({name: getattr(self, name) for name in names}, room=len(added))
            growing = growing.followed_by({name: getattr(added, name) for name in names}, after=len(self))
            joined.__dict__.update(growing.first(count), _growing=growing)
        span = (min(self.row_span[0], first_row), max(self.row_span[1], added.row_span[1]))
        joined.__dict__.update(transforms=self.transforms, row_span=span)
        return joined

    @property
    def _last_id(self) -> int:
        return int(self.ids[-1]) if "ids" in self.__dict__ else self.row_span[1]

    def _unlike(self, added: Placements) -> tuple[str, ...]:
        """The columns that one row cannot stand for, nor a count, when those are added."""
        counted = not ({"ids", "rows"} & self.__dict__.keys()) and added.row_span[0] == self.row_span[1] + 1
        names = [] if counted else ["ids", "rows"]
        for name in ("transform_index", "flags", "time_range_s"):
            mine, more = getattr(self, name), getattr(added, name)
            if mine.strides[0] or more.strides[0] or not np.array_equal(mine[:1], more[:1]):
                names.append(name)
        return tuple(names)

    @property
    def visible(self) -> np.ndarray:  # (N,) bool
        """Placements that are not hidden."""
        return (self.flags & HIDDEN) == 0

    def shown_at(self, time_s: float | None) -> np.ndarray:  # (N,) bool
        """Placements that are shown at a time; None asks for those shown at any."""
        if time_s is None:
            return self.visible
        since, until = self.time_range_s.T
        return self.visible & (since <= time_s) & (time_s < until)

    def edited_from_captured(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:  # (n, 4, 4)
        """One transform a placement."""
        return self.transforms[self.transform_index[index]]

    def indices_of(self, ids: np.ndarray) -> np.ndarray:  # (n,) int
        """Positions of these ids in the table. Raises `EditError` naming the first that is not there."""
        ids = np.asarray(ids, dtype=np.int64)
        at, found = self.found(ids)
        if not found.all():
            missing = ids[~found]
            raise EditError(f"the memory has no placement {int(missing[0])} ({missing.size} of {ids.size} unknown)")
        return at

    def found(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (n,) int -> (n,) positions, (n,) bool
        """Where these ids stand in the table, any position for those that do not; and which do."""
        last = max(len(self) - 1, 0)
        if len(self) == 0:
            return np.zeros(ids.shape, np.intp), np.zeros(ids.shape, bool)
        if "ids" in self.__dict__:
            at = np.minimum(np.searchsorted(self.ids, ids), last)
            return at, self.ids[at] == ids
        at = ids.astype(np.intp) - self.row_span[0]
        return np.clip(at, 0, last), (at >= 0) & (at <= last)

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


def _held(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns as a table holds them: what is alike in all rows once, what counts up not at all."""
    for name in ("transform_index", "flags", "time_range_s"):
        columns[name] = held_once(columns[name])
    ids, rows = columns["ids"], columns["rows"]
    if len(ids) and ids[-1] - ids[0] == len(ids) - 1 and np.array_equal(ids, rows):
        del columns["ids"], columns["rows"]
    for name in (*_COLUMNS, "transforms"):
        if name in columns:
            columns[name] = columns[name].view()
            columns[name].flags.writeable = False
    return columns


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
