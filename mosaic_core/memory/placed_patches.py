"""Placed patches, prepared for reading features: every shown placement as a flat piece with a border.

A patch is known where a ray meets its plane, and shown where that point, taken back to the patch's own view, falls into
the box of the patch's own pixels. So a patch is a quadrilateral in the picture, whatever the camera's distance: a
surface stays closed when the camera comes near, and nothing behind it shows through.

The table is ordered for a tree of boxes (`mosaic_core.memory.patch_tree`), not for ties: placements of about one size
that lie together stand together. Beside the memory it holds 98 bytes a placement: a row of 64 with all that is known of
it, once more its plane and rank in columns (24), 8 to find the placement again, and 2 for the tree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from .memory import Memory
from .patch_tree import FAN, TreeLevel, build_tree
from .surfels import by_patch, transformed
from .view import View

# A patch answers for its own pixels and this share of its side around, which closes seams between tilted neighbours.
MARGIN = 1 / 8
# A plane is flattened until its inverse depth varies by no more than this share of its mean over the patch: beyond, its
# far end would run away to the horizon.
MAX_TILT = 0.75
# Spheres around patches are this much larger than they need to be, for rounding, ...
SLACK = 1e-3
# ... and a point counts as on a plane within this share of the radius and this of the distance from the origin.
THICKNESS, ROUNDING = 2e-4, 2e-6
# A point so close to the plane, and seen in the patch's box along a ray as slanted as MAX_TILT lets it be, is this
# share of the radius outside of the patch at most.
HIT_SLACK = 0.05
# Placements whose planes differ by less than a radius over this count as one layer, in which the lower rank goes first.
LAYERS_PER_RADIUS = 1000.0
# Places with so many leaves of placements share none with their neighbours.
FULL_LEAVES = 4
# Columns of `rows`.
PLANE, SPHERE, BOX, SOURCE, RANK, THICK = slice(0, 4), slice(4, 8), slice(8, 12), 12, 13, 14


@dataclass(frozen=True, eq=False)
class PlacedPatches:
    """N shown placements in leaves of 16, the last leaf filled up with copies of one placement.

    M = 16 ceil(N / 16). Ranks count from 0 in the order of patches and transforms, which decides ties.
    """

    rows: np.ndarray  # (M, 16) float32, a cache line a placement:
    # PLANE n and d of the plane n . x = d in the edited world; SPHERE centre and radius around all that it shows;
    # BOX left, top, right, bottom in the patch's own view, pixels; SOURCE row of `px_from_edited`, RANK, as int32 bits;
    # THICK how far from its plane a point still counts, metres
    planes: np.ndarray  # (4, M) float32, PLANE once more, a row a coordinate
    owner: np.ndarray  # (N,) int32, by rank: position in the placement table
    at_rank: np.ndarray  # (N,) int32, by rank: row in this table
    px_from_edited: np.ndarray  # (S, 12) float32, edited world -> homogeneous pixels of a view, rows of a (3, 4)
    source_view: np.ndarray  # (S,) int32, the view of each
    source_transform: np.ndarray  # (S,) int32, the placement transform of each
    tree: tuple[TreeLevel, ...]  # boxes around the placements, the root first

    def __len__(self) -> int:
        return len(self.owner)


def place_patches(memory: Memory, shown: np.ndarray) -> PlacedPatches:
    """Prepare the placements that are `shown` ((N,) bool); sky has no place and is left out."""
    placements, patches = memory.placements, memory.patches
    owner = by_patch(placements, np.flatnonzero(shown & ~patches.sky[placements.rows - 1])).astype(np.int32)
    row = placements.rows_at(owner) - 1
    planes, corners, boxes = (column[..., row] for column in _captured(memory))
    moved = [transformed(placements, owner, corner, planes) for corner in corners]
    planes, corners = moved[0][1], np.stack([points for points, _, _ in moved])
    centre = (corners[0] + corners[1] + corners[2] + corners[3]) / 4
    away = np.sqrt(((corners - centre) ** 2).sum(axis=1).max(axis=0, initial=0))
    away = away * np.float32(1 + SLACK) + np.float32(1e-6) * np.abs(centre).max(axis=0, initial=0)
    source, pairs, px_from_edited = _sources(memory, owner)
    order = _in_space(centre, away, planes)
    at_rank = np.zeros(len(owner), np.int32)
    at_rank[order[::-1]] = np.arange(len(order), dtype=np.int32)[::-1]
    rows = np.zeros((len(order), 16), np.float32)
    for span, columns in ((PLANE, planes), (SPHERE, np.concatenate([centre, away[None]])), (BOX, boxes)):
        rows[:, span] = columns[:, order].T
    rows.view(np.int32)[:, SOURCE], rows.view(np.int32)[:, RANK] = source[order], order
    rows[:, THICK] = THICKNESS * rows[:, 7] + ROUNDING * np.abs(rows[:, 4:7]).max(axis=1, initial=0)
    return PlacedPatches(
        rows=rows,
        planes=np.ascontiguousarray(rows[:, PLANE].T),
        owner=owner,
        at_rank=at_rank,
        px_from_edited=px_from_edited,
        source_view=pairs[0],
        source_transform=pairs[1],
        tree=_tree(rows, np.abs(corners - centre).max(axis=0, initial=0)[:, order]),
    )


def _captured(memory: Memory) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planes (4, P), corners (4, 3, P) and boxes (4, P) of every patch where it was captured; nonsense for sky."""
    patches = memory.patches
    planes, boxes = (np.zeros((4, len(patches)), np.float32) for _ in range(2))
    all_corners = np.zeros((4, 3, len(patches)), np.float32)
    view = np.where(patches.sky, -1, patches.view)
    order = np.argsort(view, kind="stable")
    order = order[np.count_nonzero(view < 0) :]
    ends = np.searchsorted(view[order], np.arange(len(memory.views)), side="right")
    quads = patches.quad_world
    for index, mine in enumerate(np.split(order, ends[:-1]) if len(ends) else []):
        if len(mine):
            columns = _captured_by(memory.views[index], quads[mine])
            for table, column in zip((planes, all_corners, boxes), columns, strict=True):
                table[..., mine] = column
    return planes, all_corners, boxes


def _captured_by(
    view: View,
    quad_world: np.ndarray,  # (n, 4, 3)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # float64: (4, n) planes, (4, 3, n) corners, (4, n) boxes
    """Fit a plane in inverse depth to each quad's corners, and see where its box, with the margin, lies on it."""
    camera = view.camera
    uv, z = camera.project(quad_world.astype(np.float64))
    inverse = 1 / z.T
    (left, top), (right, bottom) = uv[:, 0].T, uv[:, 2].T
    middle = np.stack([left + right, top + bottom]) / 2
    half = np.stack([right - left, bottom - top]) / 2
    across = (inverse[1] - inverse[0] + inverse[2] - inverse[3]) / 4
    down = (inverse[3] - inverse[0] + inverse[2] - inverse[1]) / 4
    slope = np.stack([across, down]) / np.maximum(half, 1e-6)
    half = half + MARGIN * view.patch_size_px
    mean = inverse.mean(axis=0)
    slope = slope * np.minimum(1, MAX_TILT * mean / np.maximum(np.abs(slope * half).sum(axis=0), 1e-300))
    steps = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    corners = np.stack([middle + half * step[:, None] for step in steps], axis=1)  # (2, 4, n)
    depth = 1 / (mean + sum((slope * half)[i] * steps[:, i, None] for i in (0, 1)))  # (4, n)
    points = camera.unproject(np.moveaxis(corners, 0, -1), depth)  # (4, n, 3)
    normal, offset = _plane(camera, slope, mean - (slope * middle).sum(axis=0))
    box = np.concatenate([middle - half, middle + half])
    return np.concatenate([normal, offset[None]]), np.moveaxis(points, 1, -1), box


def _plane(
    camera: Camera,
    slope: np.ndarray,  # (2, n) inverse depth along u and v
    at_origin: np.ndarray,  # (n,) inverse depth at u = v = 0
) -> tuple[np.ndarray, np.ndarray]:  # (3, n), (n,)
    """The world plane n . x = d whose inverse depth in the picture is `slope . uv + at_origin`."""
    a, b, c = *slope, at_origin
    k = camera.intrinsics_px
    # 1 / z = (a, b, c) . K x / z, so in camera axes the plane is (K^T (a, b, c)) . x = 1.
    x, y, z = k[0, 0] * a, k[0, 1] * a + k[1, 1] * b, k[0, 2] * a + k[1, 2] * b + c
    length = np.sqrt(x * x + y * y + z * z)
    m = camera.world_from_cam
    normal = np.stack([m[i, 0] * x + m[i, 1] * y + m[i, 2] * z for i in range(3)]) / length
    return normal, 1 / length + (normal * camera.position_world[:, None]).sum(axis=0)


def _sources(memory: Memory, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source of each placement (n,), view and transform of each source (2, S), and its matrix (S, 12)."""
    placements = memory.placements
    view = memory.patches.column("view", placements.rows_at(owner) - 1).astype(np.int64)
    key = view * len(placements.transforms) + placements.transform_index[owner]
    keys, source = np.unique(key, return_inverse=True)
    pairs = np.stack(np.divmod(keys, len(placements.transforms))).astype(np.int32)
    captured_from_edited = np.linalg.inv(placements.transforms)[pairs[1]]
    cam_from_captured = np.array([view.camera.cam_from_world for view in memory.views]).reshape(-1, 4, 4)[pairs[0]]
    px_from_cam = np.array([view.camera.intrinsics_px for view in memory.views]).reshape(-1, 3, 3)[pairs[0]]
    px_from_edited = _product(px_from_cam, _product(cam_from_captured, captured_from_edited)[:, :3])
    return source.astype(np.int32), pairs, px_from_edited.reshape(-1, 12).astype(np.float32)


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Stacks of small matrices multiplied term by term, so that no matrix rounds by its place in the stack."""
    terms = [first[:, :, k, None] * second[:, k, None, :] for k in range(second.shape[1])]
    return np.stack(terms).sum(axis=0)


def _in_space(centre: np.ndarray, radius: np.ndarray, planes: np.ndarray) -> np.ndarray:  # (M,) rank of each row
    """Sort so that a leaf is a thin layer: by size, by facing, by depth in steps of the size, by place, depth and rank.

    The steps keep apart what lies behind each other, two walls of a room or a floor and the table on it: where places
    hold few patches, neighbours across share a leaf, and one that reaches from wall to wall is asked by every ray.

    Many views of one surface give patches that overlap each other many times. A leaf as wide as they are and thin
    loses little across the surface, and a ray that has found something in one layer skips the layers behind it, or, on
    a surface known exactly, the leaves of higher rank.
    """
    if len(radius) == 0:
        return np.zeros(0, np.int64)
    facing = np.abs(planes[:3]).argmax(axis=0)
    octave = np.ceil(np.log2(np.maximum(radius, 1e-30))).astype(np.int64)
    low = centre.min(axis=1, keepdims=True)
    # Scenes are built on round numbers: shifted, no wall lies on the border of two slices, in either by chance.
    across = (centre - low) * np.exp2(-octave) + np.float32(0.37)
    cell = np.clip(across, 0, 0x7FFF).astype(np.int64)
    slice_, u, v = (np.take_along_axis(cell, (facing[None] + step) % 3, 0)[0] for step in (0, 1, 2))
    place = (octave + 128) << 47 | facing << 45 | slice_ << 30 | _interleaved(u) << 1 | _interleaved(v)
    depth = np.take_along_axis(centre, facing[None], 0)[0]
    layer = np.round(depth * LAYERS_PER_RADIUS * np.exp2(-octave)).astype(np.int64)
    order = np.lexsort((layer, place))
    return _in_leaves(order, place[order])


def _in_leaves(order: np.ndarray, place: np.ndarray) -> np.ndarray:  # (M,)
    """The order with its leaves filled up by repeats, so that none reaches from one place into another far away.

    Well-filled places have leaves of their own; the others share leaves with their neighbours of like size and facing,
    in the same slice of depth or the next.
    """
    new_place = np.flatnonzero(np.diff(place, prepend=-1))
    count = np.diff(np.append(new_place, len(place)))
    is_full = count >= FULL_LEAVES * FAN
    slice_ = place[new_place] >> 30
    begins = is_full | np.append(False, is_full[:-1]) | (np.diff(slice_, prepend=-2) > 1)
    starts = new_place[begins]
    lengths = np.diff(np.append(starts, len(order)))
    filled = -(-lengths // FAN) * FAN
    segment = np.repeat(np.arange(len(starts)), filled)
    within = np.arange(len(segment)) - np.repeat(np.cumsum(filled) - filled, filled)
    return order[starts[segment] + np.minimum(within, lengths[segment] - 1)]


def _interleaved(cell: np.ndarray) -> np.ndarray:
    """The fifteen bits of each number, a zero between them (a Morton code's share)."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        cell = (cell | cell << shift) & mask
    return cell


def _tree(
    rows: np.ndarray,  # (M, 16)
    reach: np.ndarray,  # (3, M) how far the corners of each placement are from its centre, along the world's axes
) -> tuple[TreeLevel, ...]:
    """Boxes around all that can be hit of the placements."""
    centre, radius, thick = rows[:, 4:7].T, rows[:, 7], rows[:, THICK]
    # A hit may lie beyond its patch by a thickness across its plane and by HIT_SLACK along it.
    along = np.sqrt(1 - np.minimum(np.abs(rows[:, 0:3].T), 1) ** 2)
    reach = (reach + thick + HIT_SLACK * radius * along) * np.float32(1 + SLACK) + ROUNDING * np.abs(centre)
    return build_tree(
        (centre - reach).astype(np.float32), (centre + reach).astype(np.float32), rows.view(np.int32)[:, RANK]
    )
