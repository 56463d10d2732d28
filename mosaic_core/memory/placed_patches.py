"""Placed patches, prepared for reading features: every shown placement as a flat piece with a border.

A patch is known where a ray meets its plane, and shown where that point, taken back to the patch's own view, falls into
the box of the patch's own pixels. So a patch is a quadrilateral in the picture, whatever the camera's distance: a
surface stays closed when the camera comes near, and nothing behind it shows through.

The table is ordered for culling, not for ties: placements that lie together and are of about one size and shape form a
cluster of 64. Beside the memory it holds 100 bytes a placement: a row of 64 with all that is known of it, once more the
28 that every readout runs through, in columns, and 8 to find the placement again.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..cameras import Camera
from .memory import Memory
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
CLUSTER_SLACK = 0.05
CLUSTER = 64
# Columns of `rows`.
PLANE, SPHERE, BOX, SOURCE, RANK, THICK = slice(0, 4), slice(4, 8), slice(8, 12), 12, 13, 14


@dataclass(frozen=True, eq=False)
class Clusters:
    """What is known of 64 placements together, for K clusters. Half axes: [i, j] is coordinate j of half axis i."""

    sphere: np.ndarray  # (4, K) float32, world, around the spheres of its placements
    centre: np.ndarray  # (3, K) float32, world, the middle of the box that holds them all
    half_axes: np.ndarray  # (3, 3, K) float32 of that box, the first across the surface
    patch_half_axes: np.ndarray  # (3, 3, K) float32 of a box that holds any one of them, put at its centre
    normal: np.ndarray  # (3, K) float32, across the surface
    slab: np.ndarray  # (2, K) float32, all of them lie between n . x = these
    first_rank: np.ndarray  # (K,) int64

    def taken(self, index: np.ndarray) -> Clusters:
        """The clusters at these positions."""
        return Clusters(**{f.name: getattr(self, f.name)[..., index] for f in fields(self)})


@dataclass(frozen=True, eq=False)
class PlacedPatches:
    """N shown placements in clusters of 64, the last cluster filled up with copies of one placement.

    M = 64 ceil(N / 64). Ranks count from 0 in the order of patches and transforms, which decides ties.
    """

    rows: np.ndarray  # (M, 16) float32, a cache line a placement:
    # PLANE n and d of the plane n . x = d in the edited world; SPHERE centre and radius around all that it shows;
    # BOX left, top, right, bottom in the patch's own view, pixels; SOURCE row of `px_from_edited`, RANK, as int32 bits;
    # THICK how far from its plane a point still counts, metres
    columns: np.ndarray  # (7, M) float32, PLANE and the sphere's centre once more
    owner: np.ndarray  # (N,) int32, by rank: position in the placement table
    at_rank: np.ndarray  # (N,) int32, by rank: row in this table
    px_from_edited: np.ndarray  # (S, 12) float32, edited world -> homogeneous pixels of a view, rows of a (3, 4)
    source_view: np.ndarray  # (S,) int32, the view of each
    source_transform: np.ndarray  # (S,) int32, the placement transform of each
    clusters: Clusters

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
    order = _clustered(centre, away, planes)
    at_rank = np.zeros(len(owner), np.int32)
    at_rank[order[::-1]] = np.arange(len(order), dtype=np.int32)[::-1]
    rows = np.zeros((len(order), 16), np.float32)
    for span, columns in ((PLANE, planes), (SPHERE, np.concatenate([centre, away[None]])), (BOX, boxes)):
        rows[:, span] = columns[:, order].T
    rows.view(np.int32)[:, SOURCE], rows.view(np.int32)[:, RANK] = source[order], order
    rows[:, THICK] = THICKNESS * rows[:, 7] + ROUNDING * np.abs(rows[:, 4:7]).max(axis=1, initial=0)
    return PlacedPatches(
        rows=rows,
        columns=np.ascontiguousarray(rows[:, :7].T),
        owner=owner,
        at_rank=at_rank,
        px_from_edited=px_from_edited,
        source_view=pairs[0],
        source_transform=pairs[1],
        clusters=_clusters(rows, (corners - centre)[:, :, order]),
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


def _clustered(centre: np.ndarray, radius: np.ndarray, planes: np.ndarray) -> np.ndarray:  # (M,) rank of each row
    """Sort by size, by the way the plane faces, and by place; fill up the last cluster."""
    if len(radius) == 0:
        return np.zeros(0, np.int64)
    low = centre.min(axis=1, keepdims=True)
    step = np.maximum((centre.max(axis=1) - low[:, 0]).max() / 1023, 1e-9)
    cell = np.clip((centre - low) / step, 0, 1023).astype(np.int64)
    octave = np.floor(np.log2(np.maximum(radius, 1e-30))).astype(np.int64) + 128
    facing = np.abs(planes[:3]).argmax(axis=0)
    place = _interleaved(cell[0]) << 2 | _interleaved(cell[1]) << 1 | _interleaved(cell[2])
    order = np.argsort((octave << 2 | facing) << 30 | place, kind="stable")
    order = np.concatenate([order, np.repeat(order[-1:], -len(order) % CLUSTER)])
    # The lowest rank of each cluster first: it is asked first, and where depths are equal it is the answer.
    return np.sort(order.reshape(-1, CLUSTER), axis=1).ravel()


def _interleaved(cell: np.ndarray) -> np.ndarray:
    """The ten bits of each number, two zeros between them (a Morton code's share)."""
    for shift, mask in ((16, 0x30000FF), (8, 0x300F00F), (4, 0x30C30C3), (2, 0x9249249)):
        cell = (cell | cell << shift) & mask
    return cell


def _clusters(
    rows: np.ndarray,  # (M, 16)
    offsets: np.ndarray,  # (4, 3, M) the corners of each placement, from its centre
) -> Clusters:
    """Boxes around clusters and around any placement of each, along axes of the placements' corners."""
    count = len(rows) // CLUSTER
    if count == 0:
        none = np.zeros((3, 3, 0), np.float32)
        return Clusters(none[0, [0, 1, 2, 2]], none[0], none, none, none[0], none[0, :2], np.zeros(0, np.int64))
    row = rows.reshape(count, CLUSTER, 16)
    centres, radius, thick = row[..., 4:7], row[..., 7], row[..., THICK]
    low, high = centres.min(axis=1), centres.max(axis=1)
    middle = (low + high) / 2
    away = np.linalg.norm(centres - middle[:, None], axis=-1) + radius
    # By rising spread of the corners: the first axis stands across the surface.
    by_cluster = offsets.reshape(4, 3, count, CLUSTER).transpose(2, 1, 0, 3).reshape(count, 3, -1)
    axes = np.linalg.eigh(by_cluster @ by_cluster.transpose(0, 2, 1))[1].astype(np.float32).transpose(0, 2, 1)
    out = np.abs(axes @ by_cluster).reshape(count, 3, 4, CLUSTER).max(axis=2)  # (K, 3, 64), of each placement
    # A hit may lie beyond its patch by a thickness across its plane and by CLUSTER_SLACK along it.
    along = 1 - np.minimum(np.abs(axes @ row[..., 0:3].transpose(0, 2, 1)), 1) ** 2
    out = out + (thick + 1e-3 * thick)[:, None] + CLUSTER_SLACK * radius[:, None] * np.sqrt(along)
    at = axes @ (centres - middle[:, None]).transpose(0, 2, 1)
    least, most = (at - out).min(axis=2), (at + out).max(axis=2)
    centre = middle + np.einsum("kij,ki->kj", axes, (least + most) / 2)
    across = (axes[:, 0] * middle).sum(axis=1)
    return Clusters(
        sphere=np.concatenate([middle.T, away.max(axis=1)[None] * np.float32(1 + SLACK)]).astype(np.float32),
        centre=np.ascontiguousarray(centre.T, np.float32),
        half_axes=_half_axes(axes, (most - least) / 2),
        patch_half_axes=_half_axes(axes, out.max(axis=2)),
        normal=np.ascontiguousarray(axes[:, 0].T),
        slab=np.stack([across + least[:, 0], across + most[:, 0]]).astype(np.float32),
        first_rank=np.ascontiguousarray(row[..., RANK]).view(np.int32).min(axis=1).astype(np.int64),
    )


def _half_axes(axes: np.ndarray, half: np.ndarray) -> np.ndarray:  # (3, 3, K) float32
    return np.ascontiguousarray((axes * (half * (1 + SLACK))[..., None]).transpose(1, 2, 0), np.float32)
