"""Edits by object name, as a person types them: move the crate, copy the barrel, delete the statue."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from ..errors import EditError
from . import edits
from .edits import Edit
from .memory import Memory
from .selection import ids_of_objects, object_ids_named


def edit_objects(memory: Memory, names: Collection[str], action: tuple[str, Any], *, author: str = "") -> Memory:
    """Apply one action, such as `("move", (1, 0, 0))` or `("delete", True)`, to all patches of these objects.

    Raises `EditError` for unknown names and actions, objects without patches, and locked or impossible edits.
    """
    kind, value = action
    if kind not in _ACTIONS:
        raise EditError(f"unknown action {kind!r}, expected one of {sorted(_ACTIONS)}")
    ids = ids_of_objects(memory.placements, memory.patches, object_ids_named(memory.object_names, names))
    if len(ids) == 0:
        raise EditError(f"no patch of {', '.join(sorted(names))} is left to {kind}")
    return memory.edited(_ACTIONS[kind](memory, ids, value, author))


def middle_world(memory: Memory, ids: np.ndarray) -> np.ndarray:  # (3,) metres
    """The middle of the box around these placements, where they are now."""
    at = memory.placements.indices_of(ids)
    centres = memory.patches.centre_world[memory.placements.rows[at] - 1].astype(np.float64)
    transforms = memory.placements.edited_from_captured(at)
    points = np.einsum("nij,nj->ni", transforms[:, :3, :3], centres) + transforms[:, :3, 3]
    return (points.min(axis=0) + points.max(axis=0)) / 2


def _shift(offset_m: Any) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = offset_m
    return matrix


def _about(point: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """The affine matrix of a linear map that leaves `point` where it is."""
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = point - linear @ point
    return matrix


def _turn(memory: Memory, ids: np.ndarray, angle_deg: float, author: str) -> Edit:
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    linear = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return edits.transform(ids, _about(middle_world(memory, ids), linear), author=author)


def _scale(memory: Memory, ids: np.ndarray, factor: float, author: str) -> Edit:
    return edits.transform(ids, _about(middle_world(memory, ids), factor * np.eye(3)), author=author)


_ACTIONS: dict[str, Callable[[Memory, np.ndarray, Any, str], Edit]] = {
    "move": lambda memory, ids, offset_m, author: edits.transform(ids, _shift(offset_m), author=author),
    "copy": lambda memory, ids, offset_m, author: edits.copy(ids, _shift(offset_m), author=author),
    "turn": _turn,
    "scale": _scale,
    "delete": lambda memory, ids, _value, author: edits.delete(ids, author=author),
    "hide": lambda memory, ids, _value, author: edits.hide(ids, author=author),
    "show": lambda memory, ids, _value, author: edits.show(ids, author=author),
    "reset": lambda memory, ids, _value, author: edits.reset(ids, author=author),
}
