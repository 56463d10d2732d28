"""Placements as quads and back: what a memory looks like as a mesh, and what an artist's mesh means for the memory.

A placement is shown as the quad of its patch. Whoever edits geometry edits placements: reading back compares each
quad with the one that building would give. Same bits, same placement. Everything else moved, and by what is fitted
(`mosaic_core.memory.similarity`). So an untouched patch keeps its transform to the last bit, however often a file goes
through Blender. Pure NumPy; the host program only fills `Faces`.

Damage is counted and never raised: native tools can cut, merge, shear or flatten quads; `QuadReport` says what was
found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import EditError
from .compact import distinct_codes, joined_rows, rows_of
from .edits import FIRST_COPY_ID
from .patches import Patches
from .placements import LOCKED, Placements
from .quads_report import QuadReport
from .similarity import (
    apply_to_quads,
    by_coordinate,
    errors_of,
    nearest_similarity,
    noise_of,
    shared_similarities,
    sizes_of,
)

# A whole object whose matrix is this near to a similarity has one; Blender rounds matrices to single precision.
SIMILAR = 1e-5
# Corners may miss their patch's shape by this share of its size before the quad counts as sheared.
SHEARED = 1e-2
# Quads squeezed to less than this share of their proportions say nothing about where their patch is.
COLLAPSED = 1e-4
# And so do quads that shrank to this share of their size, and objects scaled to it.
VANISHED = 1e-6
# A fit that makes a quad smaller than this share of what it became has found nothing alike in the two.
SHRUNK = 1e-3


@dataclass(frozen=True, eq=False)
class Faces:
    """F faces of a mesh. The corners of faces that are no quads are not looked at."""

    corners_mesh: np.ndarray  # (F, 4, 3) float32, in image order TL, TR, BR, BL, in the mesh's own space
    vertices: np.ndarray  # (F, 4) int, which vertex each corner is
    is_quad: np.ndarray  # (F,) bool
    own: np.ndarray  # (F,) bool, belongs to this memory (joining brings faces of others)
    rows: np.ndarray  # (F,) int, 0 = none
    ids: np.ndarray  # (F,) int, placement; 0 = none
    flags: np.ndarray  # (F,) uint8, as `Placements.flags`

    def __len__(self) -> int:
        return len(self.rows)

    def taken(self, index: np.ndarray | slice) -> Faces:
        """Some of the faces."""
        return Faces(**{name: getattr(self, name)[index] for name in Faces.__dataclass_fields__})


@dataclass(frozen=True, eq=False)
class Reading:
    """Everything that reading a mesh back found. Indices are into the faces it was read from."""

    placements: Placements
    report: QuadReport
    face: np.ndarray  # (n,) the faces that stand for a placement, locked ones included
    ids: np.ndarray  # (n,) int64, the placement each of them stands for; second faces of one got fresh ids
    damaged: np.ndarray  # (d,) faces of ours that stand for nothing: no quads, pieces, collapsed
    sheared: np.ndarray  # (s,) faces whose shape is not their patch's


@dataclass(frozen=True, eq=False)
class _Match:
    """Faces with the placements they stand for, one to one."""

    face: np.ndarray  # (n,) index into the faces
    rows: np.ndarray  # (n,)
    ids: np.ndarray  # (n,) int64, unique
    base_at: np.ndarray  # (n,) index into the base of the placement the face came from, -1 = none, as captured
    source: np.ndarray  # (n, 4, 3) float32, the quad that building would give
    is_copy: np.ndarray  # (n,) bool, its id is fresh


@dataclass(frozen=True, eq=False)
class _Motion:
    """What moved each matched quad away from its source, in the mesh's own space."""

    index: np.ndarray  # (n,) into table, 0 = nothing did
    table: np.ndarray  # (K, 4, 4), the first is the identity
    collapsed: np.ndarray  # (n,) bool
    sheared: np.ndarray  # (n,) bool


def has_place(patches: Patches) -> np.ndarray:  # (P,) bool
    """Patches that can be shown as a quad; sky has no place."""
    return patches.has_quad


def quads_of(placements: Placements, patches: Patches) -> np.ndarray:  # (N, 4, 3) float32, world
    """Where the corners of every placement are, in image order; nan where the patch has no place."""
    return _placed(patches, placements.rows, placements.transforms, placements.transform_index)


def placements_from_faces(
    faces: Faces,
    *,
    patches: Patches,
    base: Placements,
    world_from_mesh: np.ndarray | None = None,  # (4, 4) affine
) -> tuple[Placements, QuadReport]:
    """What an artist's faces mean: the placements after the edit, and what was odd about the mesh.

    `base` holds the placements the mesh was built from. Placements that have no quad (sky) and locked ones stay as
    they are in it; others without a face are deleted. A second face with the same id is a copy and gets a fresh id.
    Raises `EditError` for a matrix that is not finite, and for nothing that the faces do.
    """
    reading = read_quads(faces, patches=patches, base=base, world_from_mesh=world_from_mesh)
    return reading.placements, reading.report


def read_quads(
    faces: Faces,
    *,
    patches: Patches,
    base: Placements,
    world_from_mesh: np.ndarray | None = None,  # (4, 4) affine
) -> Reading:
    """As `placements_from_faces`, with everything that repairing the mesh needs to know."""
    placed = has_place(patches)
    kinds = _kinds(faces, placed)
    match = _match(faces, np.flatnonzero(kinds["good"]), patches, base)
    corners, similar = _in_similar_space(_rows_of(faces.corners_mesh, match.face), world_from_mesh)
    motion = _motion(corners, match)
    locked = _locked(match, base)
    taken = np.flatnonzero(~motion.collapsed & ~locked)
    rest = np.flatnonzero(~placed[base.rows - 1] | ((base.flags & LOCKED) != 0))
    unmoved = (motion.index == 0) & np.array_equal(similar, np.eye(4))
    placements = _assemble(faces, match, motion, similar, base, taken, rest)
    counts = {name: int(found.sum()) for name, found in kinds.items() if name != "good"}
    counts["collapsed"] += int(motion.collapsed.sum())
    report = QuadReport(
        **counts,
        placements=len(placements),
        moved=int((~unmoved[taken]).sum()),
        copied=int(match.is_copy.sum()),
        deleted=len(base) - len(rest) - int(((match.base_at >= 0) & ~match.is_copy)[taken].sum()),
        sheared=int(motion.sheared.sum()),
        locked=int(placed[base.rows[rest] - 1].sum()) - int((locked & unmoved).sum()),
    )
    standing = ~motion.collapsed if motion.collapsed.any() else slice(None)
    damaged = np.flatnonzero(kinds["broken"] | kinds["cut_up"] | kinds["collapsed"])
    return Reading(
        placements=placements,
        report=report,
        face=match.face[standing],
        ids=match.ids[standing],
        damaged=np.sort(np.concatenate([damaged, match.face[motion.collapsed]])),
        sheared=match.face[motion.sheared],
    )


def _in_similar_space(
    corners_mesh: np.ndarray,  # (n, 4, 3)
    world_from_mesh: np.ndarray | None,  # (4, 4) affine
) -> tuple[np.ndarray, np.ndarray]:  # (n, 4, 3), (4, 4)
    """The corners in a space from which a similarity leads to the world: the mesh's own where there is one."""
    if world_from_mesh is None:
        return corners_mesh, np.eye(4)
    if not np.isfinite(world_from_mesh).all():
        raise EditError("the object's matrix must be finite, got NaN or infinity")
    similar, off = nearest_similarity(world_from_mesh)
    if off > SIMILAR or np.abs(similar[:3, :3]).max() < VANISHED:
        # No similarity of the world does what this matrix does: each quad gets the nearest one of its own.
        return apply_to_quads(world_from_mesh, corners_mesh), np.eye(4)
    return corners_mesh, similar


def _kinds(faces: Faces, placed: np.ndarray) -> dict[str, np.ndarray]:  # name -> (F,) bool
    """Sort the faces by what they are; every face is of exactly one kind."""
    rows = faces.rows
    plain = rows == 0
    foreign = ~plain & ~faces.own
    inside = (rows >= 1) & (rows <= len(placed))
    known = inside & ~foreign
    known[known] = placed[rows[known] - 1]
    good = known & faces.is_quad
    cut_up = np.zeros(len(rows), bool)
    # Most meshes are nothing but whole quads, and picking them out would cost more than looking at them.
    picked = slice(None) if good.all() else good
    cut_up[picked] = _cut_up(faces.vertices[picked], faces.ids[picked], rows[picked])
    finite = np.isfinite(_sums(faces.corners_mesh))
    return {
        "plain": plain,
        "foreign": foreign,
        "unknown": ~plain & ~foreign & ~known,
        "broken": known & ~faces.is_quad,
        "cut_up": cut_up,
        "collapsed": good & ~cut_up & ~finite,
        "good": good & ~cut_up & finite,
    }


def _sums(quads: np.ndarray) -> np.ndarray:  # (n, 4, 3) -> (n,)
    """A number that is finite for finite quads only: one product is quicker than twelve tests."""
    weights = np.full(12, 1e-3, quads.dtype)  # small enough that no finite sum overflows
    with np.errstate(invalid="ignore", over="ignore"):
        return quads.reshape(len(quads), 12) @ weights


def _differ(quads: np.ndarray, others: np.ndarray) -> np.ndarray:  # (n, 4, 3) each -> (n,) bool
    """Quads with any coordinate unlike the other's. Three words a quad are quicker to join than twelve bytes."""
    words = np.ascontiguousarray(quads != others).reshape(len(quads), 12).view(np.uint32)
    return (words[:, 0] | words[:, 1] | words[:, 2]) != 0


def _cut_up(vertices: np.ndarray, ids: np.ndarray, rows: np.ndarray) -> np.ndarray:  # (n,) bool
    """Faces that share a vertex with another face of the same placement: pieces of what was one quad.

    Copies never do: each face is built with four vertices of its own. Subdividing and extruding make such pieces.
    """
    cut = np.zeros(len(rows), bool)
    if len(rows) == 0:
        return cut
    corners = vertices.ravel()
    # Meshes that nobody cut count their vertices face by face: then no two faces share any.
    uses = np.zeros(1) if (corners[1:] > corners[:-1]).all() else np.bincount(corners)
    if uses.max() > 1:
        face, corner = np.nonzero(uses[vertices] > 1)
        pairs = np.stack([vertices[face, corner], ids[face], rows[face]], axis=-1)
        _, inverse, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
        cut[face[counts[inverse.ravel()] > 1]] = True
    return cut


def _match(faces: Faces, face: np.ndarray, patches: Patches, base: Placements) -> _Match:
    """Which placement each of these faces stands for."""
    rows = faces.rows[face].astype(np.int64)
    ids = faces.ids[face].astype(np.int64)
    # A face that lost its id still knows its row, and captured placements are numbered by their rows.
    lost = ids <= 0
    ids[lost] = rows[lost]
    # Nothing deleted, nothing added: each face stands for the placement it was made from.
    at, known = np.arange(len(ids)), np.ones(len(ids), bool)
    if not np.array_equal(ids, base.ids):
        at, known = base.found(ids)
    wrong = known & (base.rows_at(at) != rows) if len(base) else known
    base_at = np.where(known & ~wrong, at, -1)
    was = np.where(base_at >= 0, rows_of(base.transform_index, at), 0) if len(base) else np.zeros(len(ids), np.int32)
    source = _placed(patches, rows, base.transforms, was)
    is_copy = wrong
    order = _order(ids)
    repeated = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(repeated):
        # The first face with an id keeps it, but one that never moved is more "first" than its moved copy.
        among = np.arange(len(ids))[order][np.unique(np.concatenate([repeated, repeated + 1]))]
        moved = _differ(faces.corners_mesh[face[among]], source[among])
        among = among[np.lexsort((among, moved, lost[among], ids[among]))]
        is_copy[among[1:][ids[among[1:]] == ids[among[:-1]]]] = True
    highest = max(int(base.ids.max(initial=0)), int(faces.ids.max(initial=0)))
    fresh = np.flatnonzero(is_copy)
    ids[fresh] = max(highest + 1, FIRST_COPY_ID) + np.arange(len(fresh))
    return _Match(face, rows, ids, base_at, source, is_copy)


def _locked(match: _Match, base: Placements) -> np.ndarray:  # (n,) bool
    locked, is_locked = np.zeros(len(match.face), bool), (base.flags & LOCKED) != 0
    if is_locked.any():
        held = np.flatnonzero((match.base_at >= 0) & ~match.is_copy)
        locked[held] = is_locked[match.base_at[held]]
    return locked


def _placed(
    patches: Patches,
    rows: np.ndarray,  # (n,)
    transforms: np.ndarray,  # (K, 4, 4), the first is the identity
    index: np.ndarray,  # (n,)
) -> np.ndarray:  # (n, 4, 3) float32
    """The quads of some rows at their transforms, rounded to single precision as a mesh stores them."""
    whole = len(rows) == len(patches) and np.array_equal(rows, np.arange(1, len(rows) + 1))
    placed = patches.quads_at(slice(None) if whole else rows - 1)
    # The identity is no arithmetic: most placements never moved.
    away = np.flatnonzero(index)
    if len(away):
        placed[away] = apply_to_quads(transforms[index[away]], placed[away])
    return placed


def _rows_of(table: np.ndarray, index: np.ndarray) -> np.ndarray:
    """`table[index]`, and the table itself where that is all of it in order, as it is for meshes nobody cut."""
    if len(index) == len(table) and np.array_equal(index, np.arange(len(table))):
        return table
    return table.take(index, axis=0)


def _motion(corners: np.ndarray, match: _Match) -> _Motion:
    """Compare quads (n, 4, 3) with where building would put them, and fit what is different."""
    changed = np.flatnonzero(_differ(corners, match.source))
    before, after = (by_coordinate(quads.take(changed, axis=0)) for quads in (match.source, corners))
    collapsed, sheared = np.zeros(len(corners), bool), np.zeros(len(corners), bool)
    index = np.zeros(len(corners), np.int64)
    size, size_before = sizes_of(after), sizes_of(before)
    flat = _flatness(after, size) < COLLAPSED * np.minimum(1.0, _flatness(before, size_before))
    flat |= size < VANISHED * size_before
    collapsed[changed[flat]] = True
    if flat.any():
        changed, before, after, size, size_before = (a[~flat] for a in (changed, before, after, size, size_before))
    group, table = shared_similarities(before, after)
    # Corners in the wrong order have a best fit too, and it is to shrink to nothing.
    scale = np.cbrt(np.abs(np.linalg.det(table[:, :3, :3])))[group]
    shrunk = scale * size_before < SHRUNK * size
    collapsed[changed[shrunk]] = True
    table[np.unique(group[shrunk])] = np.eye(4)
    errors = errors_of(table[0] if len(table) == 1 else table[group], before, after)
    sheared[changed] = ~shrunk & (errors > np.maximum(SHEARED * size, noise_of(before, after)))
    moving = ~(table == np.eye(4)).all(axis=(1, 2))
    index[changed] = np.where(moving, 1 + np.arange(len(table)), 0)[group]
    return _Motion(index, np.concatenate([np.eye(4)[None], table]), collapsed, sheared)


def _flatness(quads: np.ndarray, sizes: np.ndarray) -> np.ndarray:  # (n,) 1 for a square, 0 for a line or a point
    diagonals = quads[:, 2:] - quads[:, :2]
    (ax, ay, az), (bx, by, bz) = np.ascontiguousarray(diagonals.transpose(1, 2, 0))
    area = np.sqrt((ay * bz - az * by) ** 2 + (az * bx - ax * bz) ** 2 + (ax * by - ay * bx) ** 2) / 4
    return area / np.maximum(sizes**2, 1e-300)


def _assemble(
    faces: Faces,
    match: _Match,
    motion: _Motion,
    world_from_mesh: np.ndarray,  # (4, 4) a similarity
    base: Placements,
    taken: np.ndarray,  # (t,) which matched faces count
    rest: np.ndarray,  # (r,) which placements of the base stay whatever the faces say
) -> Placements:
    """One table of both."""
    base_at = match.base_at.take(taken)
    unknown = np.flatnonzero(base_at < 0)
    base_at = np.maximum(base_at, 0)
    was, times = np.zeros(len(taken), np.int64), np.zeros((len(taken), 2), np.float32)
    if len(base):
        was, times = rows_of(base.transform_index, base_at).astype(np.int64), rows_of(base.time_range_s, base_at)
    if len(unknown):
        times = times.copy()
        was[unknown], times[unknown] = 0, (-np.inf, np.inf)
    # Distinct (motion, transform before) pairs are few: compose each once.
    pairs, pair = distinct_codes(motion.index.take(taken) * len(base.transforms) + was)
    moved, before = np.divmod(pairs, len(base.transforms))
    composed = (world_from_mesh @ motion.table[moved]) @ base.transforms[before]
    flags = faces.flags.take(match.face.take(taken)).astype(np.uint8)
    flags[match.is_copy.take(taken)] &= ~LOCKED
    ids = joined_rows(match.ids.take(taken), base.ids_at(rest))
    order = _order(ids)
    transforms, index = _identity_first(
        np.concatenate([composed, base.transforms]),
        joined_rows(pair, len(composed) + base.transform_index[rest])[order],
    )
    return Placements(
        ids=ids[order],
        rows=joined_rows(match.rows.take(taken), base.rows_at(rest))[order],
        transform_index=index,
        transforms=transforms,
        flags=joined_rows(flags, base.flags[rest])[order],
        time_range_s=joined_rows(times, base.time_range_s[rest])[order],
    )


def _order(ids: np.ndarray) -> np.ndarray | slice:
    """What sorts the ids, stably; nothing where they are sorted, as they are unless faces were joined or copied."""
    return slice(None) if (np.diff(ids) >= 0).all() else np.argsort(ids, kind="stable")


def _identity_first(transforms: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The transforms in use, the identity first as a placement table has it, and the index into them."""
    used = np.zeros(len(transforms), bool)
    used[index] = True
    moving = used & ~(transforms == np.eye(4)).all(axis=(1, 2))
    position = np.where(moving, np.cumsum(moving), 0)
    return np.concatenate([np.eye(4)[None], transforms[moving]]), position[index]
