"""`Patches`: the immutable table of everything lifted out of the views. Row r stands at index r - 1; row 0 is "none".

Edits never touch this table. What an artist moves, copies or deletes are placements of its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..errors import MosaicError
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


@dataclass(frozen=True, eq=False)
class Patches:
    """P patches, a column an array. Raises `MosaicError` for columns of different lengths."""

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
        count = len(self.view)
        for name, (dtype, shape) in _COLUMNS.items():
            array = np.ascontiguousarray(getattr(self, name), dtype=dtype)
            if array.shape != (count, *shape):
                raise MosaicError(f"patches: {name} must have shape {(count, *shape)}, got {array.shape}")
            array = array.view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.view)

    @classmethod
    def none(cls) -> Patches:
        """A table without rows."""
        return cls(**{name: np.zeros((0, *shape), dtype) for name, (dtype, shape) in _COLUMNS.items()})

    def followed_by(self, other: Patches) -> Patches:
        """Both tables, one after the other; the second's rows shift by the length of the first.

        Takes as long as the second is, on average, however long the first is (`mosaic_core.memory.growing`).
        """
        more = {f.name: getattr(other, f.name) for f in fields(self)}
        growing: GrowingColumns | None = self.__dict__.get("_growing")
        if growing is None:
            growing = GrowingColumns({f.name: getattr(self, f.name) for f in fields(self)}, room=len(other))
        growing = growing.followed_by(more, after=len(self))
        joined = Patches(**growing.first(len(self) + len(other)))
        object.__setattr__(joined, "_growing", growing)
        return joined

    @property
    def size_m(self) -> np.ndarray:  # (P,) float32
        """The side of a square as large as the quad; nan for sky."""
        diagonal_a = self.quad_world[:, 2] - self.quad_world[:, 0]
        diagonal_b = self.quad_world[:, 3] - self.quad_world[:, 1]
        return np.sqrt(np.linalg.norm(np.cross(diagonal_a, diagonal_b), axis=-1) / 2)

    @property
    def normal_world(self) -> np.ndarray:  # (P, 3) float32
        """Unit normals that point back at the camera the patch was seen from; nan for sky."""
        diagonal_a = self.quad_world[:, 2] - self.quad_world[:, 0]
        diagonal_b = self.quad_world[:, 3] - self.quad_world[:, 1]
        normal = np.cross(diagonal_b, diagonal_a)
        return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)


def column_names() -> tuple[str, ...]:
    """The names of the table's columns, in order."""
    return tuple(_COLUMNS)


def column_kind(name: str) -> tuple[np.dtype, tuple[int, ...]]:
    """A column's type, and the shape of one row."""
    dtype, shape = _COLUMNS[name]
    return np.dtype(dtype), shape
