"""What readers make of a view that no edit can change, kept for the reader of the next state.

An artist who edits waits for the preview, and preparing a reader is what takes long. Half of it is the same after every
edit: slopes, sizes, the points of the pixels. Who reads one state after another hands the same `ViewParts` to each
reader; who reads one state alone needs none, and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .memory import Memory
from .view import View

Part = TypeVar("Part")


class ViewParts:
    """Parts by kind and by view. Not for several threads at a time."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], tuple[View, np.ndarray, Any]] = {}

    def of(self, kind: str, memory: Memory, index: int, make: Callable[[View, np.ndarray], Part]) -> Part:
        """The part of a view; made of the view and its row map where another view was there before."""
        view, rows = memory.views[index], memory.pixel_rows[index]
        held = self._held.get((kind, index))
        if held is None or held[0] is not view or held[1] is not rows:
            held = self._held[kind, index] = (view, rows, make(view, rows))
        return held[2]


def part_of(
    parts: ViewParts | None, kind: str, memory: Memory, index: int, make: Callable[[View, np.ndarray], Part]
) -> Part:
    """`ViewParts.of`, or the part just made where nobody keeps it."""
    if parts is None:
        return make(memory.views[index], memory.pixel_rows[index])
    return parts.of(kind, memory, index, make)
