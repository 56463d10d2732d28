"""One flat colour an object, so that a render says which object each pixel shows.

Blender draws what an object instances (collections, geometry nodes, particles, nested or not, linked or not) in the
colour of the instancing object, the one the artist sees in the scene (measured on 4.2 .. 5.2). So colouring every
object, Empties included, answers in the artist's terms and tells two instances of one collection apart.

Each channel carries one of 128 digits, so three hold two million objects. Workbench computes with half floats and
truncates, more than once at outlines: a digit comes back up to an eighth too small, so it is rounded. Anti-aliasing and
view transform are off in that render; what is farther from a digit than `_TOLERANCE` is a blend and means no object.
"""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np

_BITS = 7
_DIGITS = 1 << _BITS
_TOLERANCE = 0.25


class Palette:
    """Objects numbered from 1, and their colours."""

    def __init__(self, objects: Iterable[bpy.types.Object]) -> None:
        self.objects = list(objects)
        # What to call them: unique in the file, and a linked object's name says where it is from.
        self.names = tuple(obj.name_full for obj in self.objects)

    def name_of(self, index: int) -> str:
        """The full name of the object with this number."""
        return self.names[index - 1]

    def colours(self) -> Iterable[tuple[bpy.types.Object, tuple[float, float, float, float]]]:
        """Each object with the colour to give it."""
        for index, obj in enumerate(self.objects, start=1):
            yield obj, colour_of_index(index)


def colour_of_index(index: int) -> tuple[float, float, float, float]:
    """The colour that stands for a number in 1 .. 2**21 - 1."""
    red, green, blue = index >> 2 * _BITS, index >> _BITS & _DIGITS - 1, index & _DIGITS - 1
    return (red / _DIGITS, green / _DIGITS, blue / _DIGITS, 1.0)


def indices_of_colours(
    rgba: np.ndarray,  # (H, W, 4) float32, as rendered
) -> np.ndarray:  # (H, W) int32; 0 = no object
    """The numbers behind rendered colours."""
    digits = rgba[..., :3] * _DIGITS
    whole = np.rint(digits)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        exact = (np.abs(digits - whole) < _TOLERANCE) & (whole >= 0) & (whole < _DIGITS)
    opaque = exact.all(axis=-1) & (rgba[..., 3] > 0.99)
    # Cast only what is known to be a digit: a stray infinity has no integer.
    red, green, blue = np.moveaxis(np.where(opaque[..., None], whole, 0).astype(np.int32), -1, 0)
    return red << 2 * _BITS | green << _BITS | blue
