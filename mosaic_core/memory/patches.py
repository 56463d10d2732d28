"""`Patches`: the immutable table of everything lifted out of the views. Row r stands at index r - 1; row 0 is "none".

Edits never touch this table. What an artist moves, copies or deletes are placements of its rows.

There are millions of rows, so columns are held small (`mosaic_core.memory.compact`) and made when they are asked for.
Whoever wants some rows only asks `column` or `taken`, which read no others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..errors import MosaicError
from .compact import coded_quads, decoded_quads, has_quad, narrow
from .growing import GrowingColumns

_COLUMNS: dict[str, tuple[type, tuple[int, ...]]] = {
    "view": (np.int32, ()),
    "cell_yx": (np.int32, (2,)),
    "object_id": (np.int32, ()),
    "pixel_count": (np.int32, ()),
    "sky": (np.bool_, ()),
    "dynamic": (np.bool_, ()),
    "quad_world": (np.float32, (4, 3)),
    "centre_world": (np.float32, (3,)),
    "rgb": (np.uint8, (4, 3)),
}
# What is held: numbers in the narrowest type, sky and dynamic as two bits, quads as steps on their grids.
_HELD = ("view", "cell_yx", "object_id", "pixels_less_one", "marks", "steps", "exponent", "centre_world", "rgb")
_SKY, _DYNAMIC = np.uint8(1), np.uint8(2)


@dataclass(frozen=True, eq=False)
class Patches:
    """P patches, a column an array, read-only. Raises `MosaicError` for columns of different lengths.

    Corners are held to 1/32,000 of the way from the centre: `quad_world` reads as near to what was given, and given
    again keeps its bits. A quad that is not finite reads as nan.
    """

    view: np.ndarray  # (P,) int32, index into Memory.views
    cell_yx: np.ndarray  # (P, 2) int32, the 16x16 cell of the view it was cut from
    object_id: np.ndarray  # (P,) int32, 0 = no object
    pixel_count: np.ndarray  # (P,) int32, how many of the cell's pixels are its own
    sky: np.ndarray  # (P,) bool, a direction at infinity: it has no place, and its quad is nan
    dynamic: np.ndarray  # (P,) bool
    quad_world: np.ndarray  # (P, 4, 3) float32, corners in image order TL, TR, BR, BL, metres, as captured
    centre_world: np.ndarray  # (P, 3) float32; a unit direction for sky
    rgb: np.ndarray  # (P, 4, 3) uint8, the patch's own colour near each corner

    def __post_init__(self) -> None:
        given = {name: np.ascontiguousarray(self.__dict__.pop(name), dtype=_COLUMNS[name][0]) for name in _COLUMNS}
        count = len(given["view"])
        for name, (_, shape) in _COLUMNS.items():
            if given[name].shape != (count, *shape):
                raise MosaicError(f"patches: {name} must have shape {(count, *shape)}, got {given[name].shape}")
        held: dict[str, np.ndarray] = {}
        for name in _HELD:
            if name not in held:
                held |= held_columns(name, given.__getitem__)
        self.__dict__["_columns"] = held

    def __getattr__(self, name: str) -> np.ndarray:
        """A column: those are no attributes of their own."""
        if name not in _COLUMNS:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        return self.column(name)

    def __len__(self) -> int:
        return len(self._held("view"))

    @staticmethod
    @cache
    def none() -> Patches:
        """A table without rows."""
        return Patches(**{name: np.zeros((0, *shape), dtype) for name, (dtype, shape) in _COLUMNS.items()})

    @staticmethod
    def _of(columns: dict[str, np.ndarray], growing: GrowingColumns | None = None) -> Patches:
        """A table of columns as they are held."""
        patches = object.__new__(Patches)
        patches.__dict__.update(_columns=columns, _growing=growing)
        return patches

    def _held(self, name: str) -> np.ndarray:
        """A column as it is held."""
        return self.__dict__["_columns"][name]

    def column(self, name: str, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        """A column, or its rows at these positions: reads no others."""
        column = _COLUMN_OF[name](lambda held: self._held(held)[index])
        column = column.view()
        column.flags.writeable = False
        return column

    def quads_at(self, index: np.ndarray | slice) -> np.ndarray:  # (n, 4, 3) float32
        """The quads of the rows at these positions, the caller's own to change."""
        return decoded_quads(*(self._held(name)[index] for name in ("steps", "exponent", "centre_world")))

    def taken(self, index: np.ndarray | slice) -> Patches:
        """The rows at these positions."""
        return Patches._of({name: _frozen(self._held(name)[index]) for name in _HELD})

    def of_views(self, view: np.ndarray) -> Patches:  # (P,)
        """The same patches under other numbers of their views."""
        held = {name: self._held(name) for name in _HELD}
        return Patches._of(held | held_columns("view", lambda _: np.asarray(view, np.int32)))

    def followed_by(self, other: Patches) -> Patches:
        """Both tables, one after the other; the second's rows shift by the length of the first.

        Takes as long as the second is, on average, however long the first is (`mosaic_core.memory.growing`).
        """
        mine, more = ({name: table._held(name) for name in _HELD} for table in (self, other))
        growing: GrowingColumns | None = self.__dict__.get("_growing")
        if growing is None:
            growing = GrowingColumns(mine, room=len(other))
        growing = growing.followed_by(more, after=len(self))
        return Patches._of(growing.first(len(self) + len(other)), growing)

    @property
    def nbytes(self) -> int:
        """What the table takes in memory."""
        return sum(self._held(name).nbytes for name in _HELD)

    @property
    def has_quad(self) -> np.ndarray:  # (P,) bool
        """Patches whose quad is not nan; sky has none."""
        return has_quad(self._held("exponent"))

    @property
    def size_m(self) -> np.ndarray:  # (P,) float32
        """The side of a square as large as the quad; nan for sky."""
        x, y, z = self._diagonals_crossed()
        return np.sqrt(np.sqrt(x * x + y * y + z * z) / 2)

    @property
    def normal_world(self) -> np.ndarray:  # (P, 3) float32
        """Unit normals that point back at the camera the patch was seen from; nan for sky."""
        normal = -np.stack(self._diagonals_crossed(), axis=-1)
        return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)

    def _diagonals_crossed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # (P,) each: x, y, z
        """The cross product of a quad's diagonals, twice its area; coordinate by coordinate, for speed."""
        (x0, y0, z0), (x1, y1, z1), (x2, y2, z2), (x3, y3, z3) = np.ascontiguousarray(
            self.quad_world.transpose(1, 2, 0)
        )
        ax, ay, az, bx, by, bz = x2 - x0, y2 - y0, z2 - z0, x3 - x1, y3 - y1, z3 - z1
        return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


def column_names() -> tuple[str, ...]:
    """The names of the table's columns, in order."""
    return tuple(_COLUMNS)


def column_kind(name: str) -> tuple[np.dtype, tuple[int, ...]]:
    """A column's type, and the shape of one row."""
    dtype, shape = _COLUMNS[name]
    return np.dtype(dtype), shape


Columns = Callable[[str], np.ndarray]  # by name


def held_columns(name: str, given: Columns) -> dict[str, np.ndarray]:
    """The column that is held under this name, of the columns given, and what comes with it."""
    if name in ("steps", "exponent"):
        steps, exponent = coded_quads(given("quad_world"), given("centre_world"))
        columns = {"steps": steps, "exponent": exponent}
    elif name == "marks":
        columns = {name: given("sky") * _SKY | given("dynamic") * _DYNAMIC}
    elif name == "pixels_less_one":
        # A whole cell has 256 pixels: one less fits a byte.
        columns = {name: narrow(given("pixel_count") - np.int32(1))}
    else:
        column = given(name)
        columns = {name: narrow(column) if column.dtype == np.int32 else column.view()}
    return {key: _frozen(column) for key, column in columns.items()}


_COLUMN_OF: dict[str, Callable[[Columns], np.ndarray]] = {
    "view": lambda held: held("view").astype(np.int32),
    "cell_yx": lambda held: held("cell_yx").astype(np.int32),
    "object_id": lambda held: held("object_id").astype(np.int32),
    "pixel_count": lambda held: held("pixels_less_one").astype(np.int32) + np.int32(1),
    "sky": lambda held: (held("marks") & _SKY) != 0,
    "dynamic": lambda held: (held("marks") & _DYNAMIC) != 0,
    "quad_world": lambda held: decoded_quads(held("steps"), held("exponent"), held("centre_world")),
    "centre_world": lambda held: held("centre_world"),
    "rgb": lambda held: held("rgb"),
}


def _frozen(column: np.ndarray) -> np.ndarray:
    column.flags.writeable = False
    return column
