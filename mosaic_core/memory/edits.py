"""Edits: what an artist did to placements, as a log. Undo, redo, fork, reset and replay follow from it.

An `Edit` is a small JSON-able record. `apply_edit` is a pure function of the placements before and the record, so
replaying a log gives the same table bit for bit, and two states compare by their tables.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..errors import EditError
from .placements import DYNAMIC, HIDDEN, LOCKED, Placements

# Ids of captured placements are their rows; ids of copies count up from here. Both fit Blender's 32-bit attributes.
FIRST_COPY_ID = 1 << 30


@dataclass(frozen=True)
class Edit:
    """One entry of the log. Make them with the functions of this module, e.g. `transform(ids, matrix)`."""

    kind: str  # a key of _APPLY
    parameters: dict[str, Any]  # plain JSON values
    author: str = ""
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


def transform(ids: Iterable[int], matrix: np.ndarray, *, author: str = "") -> Edit:
    """Move, rotate, scale or mirror: `matrix` (4, 4), a similarity of the world, acts on top of what is there."""
    return Edit("transform", {"ids": _id_list(ids), "matrix": _matrix_list(matrix)}, author)


def translate(ids: Iterable[int], offset_m: Iterable[float], *, author: str = "") -> Edit:
    """Move by a vector in world metres."""
    matrix = np.eye(4)
    matrix[:3, 3] = list(offset_m)
    return transform(ids, matrix, author=author)


def mirror(
    ids: Iterable[int],
    point_m: Iterable[float],  # (3,) a point of the plane, world
    normal: Iterable[float],  # (3,) any length
    *,
    author: str = "",
) -> Edit:
    """Reflect in the plane through `point_m`. Raises `EditError` for a normal of no length."""
    return transform(ids, mirror_matrix(point_m, normal), author=author)


def flip_vertical(ids: Iterable[int], height_m: float, *, author: str = "") -> Edit:
    """Turn upside down, as a reflection in the level plane at this height."""
    return mirror(ids, (0, 0, height_m), (0, 0, 1), author=author)


def mirror_matrix(
    point_m: Iterable[float],  # (3,)
    normal: Iterable[float],  # (3,) any length
) -> np.ndarray:  # (4, 4)
    """The reflection in the plane through `point_m`. Raises `EditError` for a normal of no length."""
    axis, point = np.array(list(normal), np.float64), np.array(list(point_m), np.float64)
    squared = float(axis @ axis) if axis.shape == point.shape == (3,) else np.nan
    if not (np.isfinite(squared) and squared > 1e-24 and np.isfinite(point).all()):
        raise EditError("a mirror plane needs a finite point and a normal that is not zero, three numbers each")
    matrix = np.eye(4)
    matrix[:3, :3] -= 2 / squared * np.outer(axis, axis)
    matrix[:3, 3] = 2 / squared * (point @ axis) * axis
    return matrix


def copy(ids: Iterable[int], matrix: np.ndarray, *, author: str = "") -> Edit:
    """Add a second placement of each patch, transformed by `matrix` (4, 4) from where the original stands."""
    return Edit("copy", {"ids": _id_list(ids), "matrix": _matrix_list(matrix)}, author)


def delete(ids: Iterable[int], *, author: str = "") -> Edit:
    """Drop placements. The patches themselves stay in the memory."""
    return Edit("delete", {"ids": _id_list(ids)}, author)


def hide(ids: Iterable[int], *, author: str = "") -> Edit:
    """Keep placements but show them to nobody."""
    return Edit("set_flag", {"ids": _id_list(ids), "flag": int(HIDDEN), "on": True}, author)


def show(ids: Iterable[int], *, author: str = "") -> Edit:
    """Undo `hide`."""
    return Edit("set_flag", {"ids": _id_list(ids), "flag": int(HIDDEN), "on": False}, author)


def lock(ids: Iterable[int], *, author: str = "") -> Edit:
    """Protect placements: later edits that name them are refused."""
    return Edit("set_flag", {"ids": _id_list(ids), "flag": int(LOCKED), "on": True}, author)


def unlock(ids: Iterable[int], *, author: str = "") -> Edit:
    """Undo `lock`."""
    return Edit("set_flag", {"ids": _id_list(ids), "flag": int(LOCKED), "on": False}, author)


def set_dynamic(ids: Iterable[int], dynamic: bool = True, *, author: str = "") -> Edit:
    """Say that placements move by themselves, or (False) that they stand still."""
    return Edit("set_flag", {"ids": _id_list(ids), "flag": int(DYNAMIC), "on": bool(dynamic)}, author)


def set_time_range(ids: Iterable[int], *, since_s: float = -np.inf, until_s: float = np.inf, author: str = "") -> Edit:
    """Show placements from `since_s` until before `until_s`. Raises `EditError` for an empty or unordered range."""
    if not since_s < until_s:
        raise EditError(f"a time range must end after it begins, got {since_s} .. {until_s}")
    parameters = {"ids": _id_list(ids), "since_s": _finite(float(since_s)), "until_s": _finite(float(until_s))}
    return Edit("set_time_range", parameters, author)


def settle(ids: Iterable[int], *, until_s: float, decision: str, author: str = "") -> Edit:
    """Note that contradictions of these placements with views up to `until_s` are decided; changes no placement."""
    return Edit("settle", {"ids": _id_list(ids), "until_s": float(until_s), "decision": decision}, author)


def reset(ids: Iterable[int], *, author: str = "") -> Edit:
    """Put placements back where their patches were captured."""
    return Edit("reset", {"ids": _id_list(ids)}, author)


def replace_placements(before: Placements, after: Placements, *, author: str = "") -> Edit:
    """What turns `before` into `after`, whatever the artist did with native tools in between."""
    removed = before.ids[~np.isin(before.ids, after.ids)]
    kept = np.flatnonzero(np.isin(after.ids, before.ids))
    at = before.indices_of(after.ids[kept])
    differs = (
        (after.rows[kept] != before.rows[at])
        | (after.edited_from_captured(kept) != before.edited_from_captured(at)).any(axis=(1, 2))
        | (after.flags[kept] != before.flags[at])
        | (after.time_range_s[kept] != before.time_range_s[at]).any(axis=1)
    )
    added = np.sort(np.concatenate([kept[differs], np.flatnonzero(~np.isin(after.ids, before.ids))]))
    used, index = np.unique(after.transform_index[added], return_inverse=True)
    parameters = {
        "removed": removed.tolist(),
        "ids": after.ids[added].tolist(),
        "rows": after.rows[added].tolist(),
        "transform_index": index.tolist(),
        "transforms": after.transforms[used].reshape(-1, 16).tolist(),
        "flags": after.flags[added].tolist(),
        # JSON has no infinity: an open end is null.
        "time_range_s": [[_finite(t) for t in pair] for pair in after.time_range_s[added].tolist()],
    }
    return Edit("replace", parameters, author)


def apply_edit(placements: Placements, edit: Edit) -> Placements:
    """The placements after one edit.

    Raises `EditError` for an unknown kind, ids that are not there, locked placements, or parameters that make no sense.
    """
    action = _APPLY.get(edit.kind)
    if action is None:
        raise EditError(f"unknown kind of edit {edit.kind!r}, expected one of {sorted(_APPLY)}")
    try:
        return action(placements, edit.parameters)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EditError(f"malformed edit {edit.kind!r}: {type(error).__name__}: {error}") from error


def fresh_ids(placements: Placements, count: int) -> np.ndarray:  # (count,) int64
    """Ids for new copies, above every copy's id in the table."""
    last = int(placements.ids[-1]) if len(placements) else 0
    first = max(last + 1, FIRST_COPY_ID)
    return np.arange(first, first + count, dtype=np.int64)


def placements_from_parts(
    *,
    ids: np.ndarray,  # (N,) any order
    rows: np.ndarray,  # (N,)
    transforms: np.ndarray,  # (N, 4, 4), one a placement
    flags: np.ndarray,  # (N,)
    time_range_s: np.ndarray,  # (N, 2)
) -> Placements:
    """Build a table from one transform a placement: sorts by id and keeps each distinct transform once.

    Raises `EditError` as `Placements` does.
    """
    order = np.argsort(ids, kind="stable")
    transforms = np.ascontiguousarray(transforms, dtype=np.float64)[order] + 0.0  # turns -0.0 into 0.0
    as_bytes = transforms.reshape(len(order), 16).view("V128").ravel() if len(order) else np.zeros(0, "V128")
    distinct, first, index = np.unique(as_bytes, return_index=True, return_inverse=True)
    table = transforms[first].reshape(-1, 4, 4)
    identity = np.flatnonzero((table == np.eye(4)).all(axis=(1, 2)))
    position = np.arange(len(distinct)) + 1
    if identity.size:
        position[identity[0]] = 0
        position[identity[0] + 1 :] -= 1
    full = np.zeros((int(position.max(initial=0)) + 1, 4, 4))
    full[0] = np.eye(4)
    full[position] = table
    return Placements(
        ids=np.asarray(ids)[order],
        rows=np.asarray(rows)[order],
        transform_index=position[index.ravel()] if len(order) else np.zeros(0, np.int32),
        transforms=full,
        flags=np.asarray(flags)[order],
        time_range_s=np.asarray(time_range_s)[order],
    )


def _transform(placements: Placements, parameters: dict[str, Any]) -> Placements:
    at = _unlocked(placements, parameters["ids"])
    matrix = np.array(parameters["matrix"], dtype=np.float64).reshape(4, 4)
    transforms = placements.edited_from_captured().copy()
    transforms[at] = matrix @ transforms[at]
    return _with_transforms(placements, transforms)


def _copy(placements: Placements, parameters: dict[str, Any]) -> Placements:
    at = placements.indices_of(parameters["ids"])
    matrix = np.array(parameters["matrix"], dtype=np.float64).reshape(4, 4)
    own = placements.edited_from_captured()
    return placements_from_parts(
        ids=np.concatenate([placements.ids, fresh_ids(placements, len(at))]),
        rows=np.concatenate([placements.rows, placements.rows[at]]),
        transforms=np.concatenate([own, matrix @ own[at]]),
        flags=np.concatenate([placements.flags, placements.flags[at] & ~LOCKED]),
        time_range_s=np.concatenate([placements.time_range_s, placements.time_range_s[at]]),
    )


def _delete(placements: Placements, parameters: dict[str, Any]) -> Placements:
    keep = np.ones(len(placements), bool)
    keep[_unlocked(placements, parameters["ids"])] = False
    return placements.taken(keep)


def _set_flag(placements: Placements, parameters: dict[str, Any]) -> Placements:
    flag = np.uint8(parameters["flag"])
    at = placements.indices_of(parameters["ids"]) if flag == LOCKED else _unlocked(placements, parameters["ids"])
    flags = placements.flags.copy()
    flags[at] = flags[at] | flag if parameters["on"] else flags[at] & ~flag
    return replace(placements, flags=flags)


def _set_time_range(placements: Placements, parameters: dict[str, Any]) -> Placements:
    since, until = parameters["since_s"], parameters["until_s"]
    times = placements.time_range_s.copy()
    times[_unlocked(placements, parameters["ids"])] = (
        -np.inf if since is None else since,
        np.inf if until is None else until,
    )
    return replace(placements, time_range_s=times)


def _reset(placements: Placements, parameters: dict[str, Any]) -> Placements:
    transforms = placements.edited_from_captured().copy()
    transforms[_unlocked(placements, parameters["ids"])] = np.eye(4)
    return _with_transforms(placements, transforms)


def _replace(placements: Placements, parameters: dict[str, Any]) -> Placements:
    ids = np.array(parameters["ids"], dtype=np.int64)
    gone = np.concatenate([np.array(parameters["removed"], dtype=np.int64), ids])
    kept = placements.taken(~np.isin(placements.ids, gone))
    table = np.array(parameters["transforms"], dtype=np.float64).reshape(-1, 4, 4)
    times = [[-np.inf if a is None else a, np.inf if b is None else b] for a, b in parameters["time_range_s"]]
    index = np.array(parameters["transform_index"], dtype=np.int64)
    return placements_from_parts(
        ids=np.concatenate([kept.ids, ids]),
        rows=np.concatenate([kept.rows, np.array(parameters["rows"], dtype=np.int32)]),
        transforms=np.concatenate([kept.edited_from_captured(), table[index] if len(index) else table[:0]]),
        flags=np.concatenate([kept.flags, np.array(parameters["flags"], dtype=np.uint8)]),
        time_range_s=np.concatenate([kept.time_range_s, np.array(times, dtype=np.float32).reshape(-1, 2)]),
    )


_APPLY = {
    "transform": _transform,
    "copy": _copy,
    "delete": _delete,
    "set_flag": _set_flag,
    "set_time_range": _set_time_range,
    "reset": _reset,
    "settle": lambda placements, _parameters: placements,
    "replace": _replace,
}


def _with_transforms(placements: Placements, transforms: np.ndarray) -> Placements:
    return placements_from_parts(
        ids=placements.ids,
        rows=placements.rows,
        transforms=transforms,
        flags=placements.flags,
        time_range_s=placements.time_range_s,
    )


def _unlocked(placements: Placements, ids: list[int]) -> np.ndarray:
    at = placements.indices_of(np.array(ids, dtype=np.int64))
    locked = (placements.flags[at] & LOCKED) != 0
    if locked.any():
        raise EditError(f"{int(locked.sum())} of {len(at)} placements are locked: unlock them first")
    return at


def _id_list(ids: Iterable[int]) -> list[int]:
    return np.unique(np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), dtype=np.int64)).tolist()


def _matrix_list(matrix: np.ndarray) -> list[float]:
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise EditError(f"an edit's matrix must be finite and 4x4, got shape {matrix.shape}")
    return matrix.ravel().tolist()


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
