"""Splices: two memories become one, and a part of a memory becomes a memory of its own.

Both start a new history: edit logs name placements by ids, and the ids of the second memory change. Whoever wants to
undo keeps the memories they came from; a `Memory` never changes.

The second memory is carried by a similarity. Where that is rigid, its cameras move too, so that its views stand where
they would have been captured. A camera cannot be scaled or mirrored: then views and patches stay as captured and the
transform goes into the placements, where readout undoes it. Such views have no direction in the spliced world to show
sky in, so their sky stays hidden.

Views of different worlds must not be asked about each other's surfaces: a view of the second memory looked through the
place where the first one's wall stands now, and would swear that nothing is there. So every view knows its world.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from ..errors import EditError
from .edits import FIRST_COPY_ID, mirror_matrix, placements_from_parts
from .features import Features
from .memory import Memory
from .motion import Motion
from .patches import Patches
from .placements import Placements, check_similarities
from .view import View

# A matrix this close to a rotation is one: cameras hold single precision or better.
RIGID_TOLERANCE = 1e-6


def splice(
    first: Memory,
    second: Memory,
    world_from_second: np.ndarray | None = None,  # (4, 4) similarity, mirrored or not; None = where it is
) -> Memory:
    """Both memories in one world. The first keeps its rows and placement ids; object names that both have get a suffix.

    Raises `EditError` for a transform that is no similarity, `MosaicError` where an engine's features of the two differ
    in type or width.
    """
    matrix = np.eye(4) if world_from_second is None else np.array(world_from_second, dtype=np.float64)
    if matrix.shape != (4, 4):
        raise EditError(f"a splice's transform must be 4x4, got shape {matrix.shape}")
    check_similarities(matrix[None])
    rigid = is_rigid(matrix)
    object_shift = _largest_object_id(first)
    world_shift = 1 + max((view.world for view in first.views), default=-1)
    patches = _moved_patches(second.patches, matrix) if rigid else second.patches
    patches = replace(
        patches,
        view=patches.view + np.int32(len(first.views)),
        object_id=_shifted(patches.object_id, object_shift),
    )
    views = [_moved_view(v, matrix if rigid else np.eye(4), object_shift, world_shift) for v in second.views]
    written = _joined(first.placements, second.placements, len(first.patches), matrix, rigid=rigid)
    return Memory(
        views=(*first.views, *views),
        object_names=joined_names(first.object_names, second.object_names, object_shift),
        patches=first.patches.followed_by(patches),
        pixel_rows=(*first.pixel_rows, *(_frozen(_shifted(r, len(first.patches))) for r in second.pixel_rows)),
        written=written,
        features=_joined_features(first, second),
        # In a world that grew or was mirrored a way is another's: it is read off the moments there.
        motions={**first.motions, **(_shifted_motions(second, matrix, object_shift) if rigid else {})},
    )


def splice_left_right(
    left: Memory,
    right: Memory,
    world_from_right: np.ndarray | None = None,  # (4, 4) as `align` gives it: then its heights stay
    *,
    gap_m: float = 0.0,
) -> Memory:
    """`right` beside `left` along the world's +X, on the same ground, centred on the same Y. Raises `EditError`.

    The ground of both is their lowest point, unless `mosaic_core.memory.splice_alignment` has found a better one.
    """
    return splice(left, right, left_right_matrix(left, right, world_from_right, gap_m=gap_m))


def left_right_matrix(
    left: Memory, right: Memory, world_from_right: np.ndarray | None = None, *, gap_m: float = 0.0
) -> np.ndarray:  # (4, 4) world_from_right
    """Where `splice_left_right` puts the second memory. Raises `EditError`."""
    matrix = np.eye(4) if world_from_right is None else np.asarray(world_from_right, dtype=np.float64)
    (left_low, left_high), (right_low, right_high) = extent_m(left), extent_m(right, matrix)
    offset = (left_low + left_high - right_low - right_high) / 2
    offset[0] = left_high[0] + gap_m - right_low[0]
    offset[2] = left_low[2] - right_low[2] if world_from_right is None else 0.0
    return _shift(offset) @ matrix


def splice_top_bottom(
    bottom: Memory,
    top: Memory,
    world_from_top: np.ndarray | None = None,  # (4, 4) as `align` gives it: its turn and scale
    *,
    gap_m: float = 0.0,
    flipped: bool = False,
) -> Memory:
    """`top` above `bottom`, centred on the same X and Y; `flipped` hangs it upside down as a reflection would.

    Raises `EditError` for a memory without anything that has a place.
    """
    return splice(bottom, top, top_bottom_matrix(bottom, top, world_from_top, gap_m=gap_m, flipped=flipped))


def top_bottom_matrix(
    bottom: Memory,
    top: Memory,
    world_from_top: np.ndarray | None = None,
    *,
    gap_m: float = 0.0,
    flipped: bool = False,
) -> np.ndarray:  # (4, 4) world_from_top
    """Where `splice_top_bottom` puts the second memory. Raises `EditError`."""
    matrix = np.eye(4) if world_from_top is None else np.asarray(world_from_top, dtype=np.float64)
    (bottom_low, bottom_high), (low, high) = extent_m(bottom), extent_m(top, matrix)
    if flipped:
        matrix = mirror_matrix((low + high) / 2, (0, 0, 1)) @ matrix
    offset = (bottom_low + bottom_high - low - high) / 2
    offset[2] = bottom_high[2] + gap_m - low[2]
    return _shift(offset) @ matrix


def extract(memory: Memory, ids: Iterable[int]) -> Memory:
    """These placements as a memory of their own: only the views and patches they need, rows counted anew.

    The pictures of the kept views stay whole, they are evidence of free space; their other pixels belong to no patch.
    A placement's id is its row again, unless it is a further copy. Raises `EditError` for unknown ids or none at all.
    """
    wanted = np.unique(np.array(list(ids), dtype=np.int64))
    if len(wanted) == 0:
        raise EditError("extracting needs at least one placement, got none")
    kept = memory.placements.taken(memory.placements.indices_of(wanted))
    old_rows = np.unique(kept.rows)
    new_row = np.zeros(len(memory.patches) + 1, np.int32)
    new_row[old_rows] = np.arange(1, len(old_rows) + 1)
    patches = memory.patches.taken(old_rows - 1)
    views = np.unique(patches.view)
    rows = new_row[kept.rows]
    used = set(np.unique(patches.object_id).tolist())
    return Memory(
        views=tuple(memory.views[i] for i in views),
        object_names={key: name for key, name in memory.object_names.items() if key in used},
        patches=patches.of_views(np.searchsorted(views, patches.view)),
        pixel_rows=tuple(_frozen(new_row[memory.pixel_rows[i]]) for i in views),
        motions={key: motion for key, motion in memory.motions.items() if key in used},
        features={
            name: Features(table.values[old_rows[old_rows <= len(table)] - 1], table.dtype)
            for name, table in memory.features.items()
        },
        written=_with_ids(kept, _ids_like_rows(rows, taken=np.zeros(0, np.int64)), rows),
    )


def extent_m(
    memory: Memory,
    new_from_world: np.ndarray | None = None,  # (4, 4) in which frame, None = the memory's world
) -> tuple[np.ndarray, np.ndarray]:  # (3,) low, (3,) high
    """The box around everything the memory shows, metres. Raises `EditError` where nothing has a place."""
    placements = memory.placements
    at = np.flatnonzero(placements.visible & ~memory.patches.sky[placements.rows - 1])
    if len(at) == 0:
        raise EditError("the memory shows nothing that has a place")
    quads = memory.patches.column("quad_world", placements.rows_at(at) - 1).astype(np.float64)
    matrices = placements.edited_from_captured(at)
    matrices = matrices if new_from_world is None else new_from_world @ matrices
    points = np.einsum("nij,ncj->nci", matrices[:, :3, :3], quads) + matrices[:, None, :3, 3]
    return points.min(axis=(0, 1)), points.max(axis=(0, 1))


def is_rigid(matrix: np.ndarray) -> bool:  # (4, 4)
    """Whether a similarity is a rotation and a translation, which a camera can follow."""
    linear = matrix[:3, :3]
    return bool(np.allclose(linear @ linear.T, np.eye(3), atol=RIGID_TOLERANCE) and np.linalg.det(linear) > 0)


def joined_names(first: Mapping[int, str], second: Mapping[int, str], shift: int) -> dict[int, str]:
    """The names of both; ids of the second go up by `shift`, names the first has already get `.001`, `.002`, ..."""
    names = dict(first)
    for object_id, name in second.items():
        taken, number, free = set(names.values()), 0, name
        while free in taken:
            number += 1
            free = f"{name}.{number:03d}"
        names[object_id + shift] = free
    return names


def _joined_features(first: Memory, second: Memory) -> dict[str, Features]:
    """The tables of both; patches that only the other memory's engine has encoded have none."""
    tables = dict(first.features)
    for name, table in second.features.items():
        before = tables.get(name, Features(table.values[:0], table.dtype))
        tables[name] = before.padded(len(first.patches)).followed_by(table)
    return tables


def _joined(first: Placements, second: Placements, row_shift: int, matrix: np.ndarray, *, rigid: bool) -> Placements:
    """Both tables; the second's rows and ids go up, its transforms act in the spliced world."""
    rows = second.rows + np.int32(row_shift)
    table = matrix @ second.transforms
    if rigid:
        # The captured world of the second memory has moved along: what stood where it was captured still does.
        table = table @ np.linalg.inv(matrix)
        table[(second.transforms == np.eye(4)).all(axis=(1, 2))] = np.eye(4)
    captured = second.ids == second.rows
    ids = _ids_like_rows(rows, taken=first.ids, eligible=captured)
    return placements_from_parts(
        ids=np.concatenate([first.ids, ids]),
        rows=np.concatenate([first.rows, rows]),
        transforms=np.concatenate([first.edited_from_captured(), table[second.transform_index]]),
        flags=np.concatenate([first.flags, second.flags]),
        time_range_s=np.concatenate([first.time_range_s, second.time_range_s]),
    )


def _shifted_motions(memory: Memory, matrix: np.ndarray, object_shift: int) -> dict[int, Motion]:
    return {number + object_shift: motion.moved(matrix) for number, motion in memory.motions.items()}


def _ids_like_rows(
    rows: np.ndarray,  # (n,)
    *,
    taken: np.ndarray,  # ids that are in use
    eligible: np.ndarray | None = None,  # (n,) bool, may get their row as id
) -> np.ndarray:  # (n,) int64
    """Each placement's row as its id, the first of each row only; the others get ids of copies."""
    first = np.zeros(len(rows), bool)
    position = np.arange(len(rows)) if eligible is None else np.flatnonzero(eligible)
    first[position[np.unique(rows[position], return_index=True)[1]]] = True
    first &= ~np.isin(rows, taken)
    ids = rows.astype(np.int64)
    start = max(FIRST_COPY_ID, int(taken.max(initial=0)) + 1)
    ids[~first] = start + np.arange((~first).sum())
    return ids


def _with_ids(placements: Placements, ids: np.ndarray, rows: np.ndarray) -> Placements:
    return placements_from_parts(
        ids=ids,
        rows=rows,
        transforms=placements.edited_from_captured(),
        flags=placements.flags,
        time_range_s=placements.time_range_s,
    )


def _moved_patches(patches: Patches, matrix: np.ndarray) -> Patches:
    """Patches captured in a world that has moved; the sky's are directions and only turn."""
    turn, offset = matrix[:3, :3], matrix[:3, 3]
    quads = patches.quad_world.astype(np.float64) @ turn.T + offset
    centres = patches.centre_world.astype(np.float64) @ turn.T + np.where(patches.sky[:, None], 0.0, offset)
    return replace(patches, quad_world=quads, centre_world=centres)


def _moved_view(view: View, matrix: np.ndarray, object_shift: int, world_shift: int) -> View:
    camera = replace(view.camera, world_from_cam=matrix @ view.camera.world_from_cam)
    ids = _shifted(view.object_ids, object_shift)
    return replace(view, camera=camera, object_ids=ids, world=view.world + world_shift)


def _largest_object_id(memory: Memory) -> int:
    seen = (int(view.object_ids.max(initial=0)) for view in memory.views)
    return max(0, *memory.object_names, *seen, int(memory.patches.object_id.max(initial=0)))


def _shifted(numbers: np.ndarray, by: int) -> np.ndarray:
    """Add to all numbers but 0, which means "none" everywhere."""
    return np.where(numbers > 0, numbers + np.int32(by), numbers).astype(np.int32)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _shift(offset_m: np.ndarray) -> np.ndarray:  # (4, 4)
    matrix = np.eye(4)
    matrix[:3, 3] = offset_m
    return matrix
