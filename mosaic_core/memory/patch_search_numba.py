"""`PatchSearch` as a loop, compiled for the host: a ray after the other goes down the tree. The same bits.

Some nine hundred rays go each its own way through a tree. As arrays that is thousands of small operations, whose calls
cost more than their work; as a loop it is three compares a box. So the GPU process has this where numba is installed,
and `mosaic_core.memory.patch_search` elsewhere, which also says what it is that is found. What decides is the same,
operation by operation in single precision (numba neither fuses nor reorders any unless told to): how deep a placement
lies, and whether it is hit. The rest, the order of boxes and which are left out, cannot change which is nearest. A ray
opens the nearest box first, and drops those whose near side is behind what it has found.

Only who has looked for numba imports this (`mosaic_core.memory.host_search`). Compiling takes two seconds, once: numba
keeps the machine code beside this file, or among the user's caches, until this file changes, and this file only. So
the numbers stand here once more, and are compared with those they repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np

from ..cameras import Camera
from . import depth_keys, patch_search, patch_tree, placed_patches, splatting
from .lens import Lens
from .patch_search import rays_through
from .patch_tree import TreeLevel
from .placed_patches import PlacedPatches

_FAN, _STEP_BITS, _LARGEST_BITS, _FARTHEST = 16, 11, 0x7FFFFFFF, 0x7FFFFFFFFFFFFFFF
_FAINTEST, _NEAREST, _NEAR_M, _ONE = np.float32(1e-6), np.float32(1e3), np.float32(1e-3), np.float32(1)
_SLACKENED = np.float32(1 + 1e-5)
_SOURCE, _RANK, _THICK = 12, 13, 14  # and 0 .. 3 the plane, 4 .. 7 the sphere, 8 .. 11 the box
_repeated = (
    (_STEP_BITS, _LARGEST_BITS, _FARTHEST, _FAN),
    (_FAINTEST, _NEAREST, _NEAR_M, _SLACKENED),
    (slice(0, 4), slice(4, 8), slice(8, 12), _SOURCE, _RANK, _THICK),
)
assert _repeated == (
    (depth_keys.STEP_BITS, depth_keys.LARGEST_BITS, splatting.FARTHEST, patch_tree.FAN),
    (depth_keys.FAINTEST, depth_keys.NEAREST, np.float32(splatting.NEAR_M), np.float32(1 + patch_search.SLACK)),
    tuple(getattr(placed_patches, name) for name in ("PLANE", "SPHERE", "BOX", "SOURCE", "RANK", "THICK")),
), f"the numbers in the machine code are no longer those of the other modules: {_repeated}"


class CompiledPatchSearch:
    """Finds what cameras see of one table of placed patches; stands in for `PatchSearch`. Safe to share by threads."""

    def __init__(self, placed: PlacedPatches) -> None:
        planes = placed.planes.reshape(4, -1, _FAN)
        self._table = (planes, placed.rows, placed.rows.view(np.int32), placed.px_from_edited)
        self._levels = len(placed.tree)
        self._tree = _in_one_row(placed.tree) if placed.tree else ()

    def nearest(
        self,
        camera: Camera,
        pixels: np.ndarray | None = None,  # (n,) flat; None asks for all, h * w
    ) -> np.ndarray:  # (n,) int64
        """A key a cell, see `PatchSearch.nearest`. Threads run side by side in here."""
        lens, rays = Lens(camera), rays_through(camera, pixels)
        found = np.full(rays.uv.shape[1], _FARTHEST, np.int64)
        if self._levels:
            constants = np.array([lens.eye, *lens.tilt_rows], np.float32)
            columns = np.concatenate([rays.along, rays.inverse, rays.uv])
            stack = np.zeros(((self._levels + 1) * _FAN, 2), np.int64)
            _search(*self._tree, *self._table, constants, np.ascontiguousarray(columns.T), stack, found)
        return found


def _in_one_row(levels: Sequence[TreeLevel]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nodes of all levels, root first: each one's boxes side by side, (n, 6, 16) low and high x, y and z; their
    lowest ranks, (n, 16); and where the node of its first box stands, (n,). Leaves are counted on after the nodes."""
    counts = [len(level.first_rank) for level in levels]
    first_child = [start + _FAN * np.arange(n) for start, n in zip(np.cumsum(counts), counts, strict=True)]
    boxes = [np.stack([*level.low, *level.high], axis=1) for level in levels]
    ranks = np.concatenate([level.first_rank for level in levels]).astype(np.int32)
    return np.concatenate(boxes), ranks, np.concatenate(first_child)


_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False}
# Compiled with what calls it, and nothing is handed over but numbers and whole arrays: a part of an array would be
# counted as one more user of it, by both threads, a million times.
_part_of_search = numba.njit(forceinline=True, **_OPTIONS)


def _compiled(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile for this signature, and keep the result where there is a folder for it."""

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(signature, cache=True, **_OPTIONS)(function)
        except (OSError, RuntimeError):  # neither the package's folder nor the user's can be written to
            return numba.njit(signature, **_OPTIONS)(function)

    return compiled


@_part_of_search
def _is_hit(rows, place, px_from_edited, source, constants, rays, ray, inverse):
    """`PatchSearch.hits` for one placement and one ray."""
    z_depth = _ONE / inverse
    x = constants[0, 0] + z_depth * rays[ray, 0]
    y = constants[0, 1] + z_depth * rays[ray, 1]
    z = constants[0, 2] + z_depth * rays[ray, 2]
    dx, dy, dz = x - rows[place, 4], y - rows[place, 5], z - rows[place, 6]
    if not dx * dx + dy * dy + dz * dz <= rows[place, 7] * rows[place, 7]:
        return False
    off = rows[place, 0] * x + rows[place, 1] * y + rows[place, 2] * z - rows[place, 3]
    if not abs(off) <= rows[place, _THICK]:
        return False
    m, s = px_from_edited, source
    depth = m[s, 8] * x + m[s, 9] * y + m[s, 10] * z + m[s, 11]
    if not depth > 0:
        return False
    own = _ONE / depth
    u = (m[s, 0] * x + m[s, 1] * y + m[s, 2] * z + m[s, 3]) * own
    v = (m[s, 4] * x + m[s, 5] * y + m[s, 6] * z + m[s, 7]) * own
    return u >= rows[place, 8] and u <= rows[place, 10] and v >= rows[place, 9] and v <= rows[place, 11]


@_part_of_search
def _depths(planes, leaf, constants, u, v, inverse):
    """The inverse depths at which a ray meets the planes of a leaf's placements."""
    ex, ey, ez = constants[0, 0], constants[0, 1], constants[0, 2]
    ax, ay, az = constants[1, 0], constants[1, 1], constants[1, 2]
    bx, by, bz = constants[2, 0], constants[2, 1], constants[2, 2]
    cx, cy, cz = constants[3, 0], constants[3, 1], constants[3, 2]
    for i in range(_FAN):
        nx, ny, nz, d = planes[0, leaf, i], planes[1, leaf, i], planes[2, leaf, i], planes[3, leaf, i]
        scale = _ONE / (d - (nx * ex + ny * ey + nz * ez))
        a, b = (nx * ax + ny * ay + nz * az) * scale, (nx * bx + ny * by + nz * bz) * scale
        c = (nx * cx + ny * cy + nz * cz) * scale
        inverse[i] = a * u + (b * v + c)


@_part_of_search
def _ask(planes, rows, row_bits, px_from_edited, constants, rays, ray, leaf, best, inverse, bits):
    """The best key after asking the placements of a leaf. `bits` are the same bytes as `inverse`."""
    _depths(planes, leaf, constants, rays[ray, 6], rays[ray, 7], inverse)
    for i in range(_FAN):
        if not (inverse[i] >= _FAINTEST and inverse[i] <= _NEAREST):
            continue
        step = np.int64((_LARGEST_BITS - bits[i]) >> _STEP_BITS) << 32
        if step > best:
            continue
        place = leaf * _FAN + i
        key = step | np.int64(row_bits[place, _RANK])
        if key < best and _is_hit(
            rows, place, px_from_edited, row_bits[place, _SOURCE], constants, rays, ray, inverse[i]
        ):
            best = key
    return best


@_part_of_search
def _meet(boxes, node, constants, rays, ray, inverse):
    """The inverse depth at which a ray enters each of a node's boxes, 0 where it passes them by."""
    ex, ey, ez = constants[0, 0], constants[0, 1], constants[0, 2]
    ix, iy, iz = rays[ray, 3], rays[ray, 4], rays[ray, 5]
    for i in range(_FAN):
        x, to_x = (boxes[node, 0, i] - ex) * ix, (boxes[node, 3, i] - ex) * ix
        y, to_y = (boxes[node, 1, i] - ey) * iy, (boxes[node, 4, i] - ey) * iy
        z, to_z = (boxes[node, 2, i] - ez) * iz, (boxes[node, 5, i] - ez) * iz
        enter = max(max(min(x, to_x), min(y, to_y)), min(z, to_z))
        leave = min(min(max(x, to_x), max(y, to_y)), max(z, to_z))
        is_met = (enter <= leave) & (leave > 0)
        inverse[i] = _SLACKENED / max(enter, _NEAR_M) if is_met else np.float32(0)


@_part_of_search
def _open(boxes, first_rank, first_child, constants, rays, ray, node, best, inverse, bits, stack, top):
    """Put the boxes in a node that may hold something better onto the stack, the nearest last. Gives its new top."""
    _meet(boxes, node, constants, rays, ray, inverse)
    bottom = top
    for i in range(_FAN):
        if not inverse[i] >= _FAINTEST:
            continue
        key = np.int64((_LARGEST_BITS - bits[i]) >> _STEP_BITS) << 32 | np.int64(first_rank[node, i])
        if key >= best:
            continue
        at = top
        while at > bottom and stack[at - 1, 0] < key:
            stack[at, 0], stack[at, 1] = stack[at - 1, 0], stack[at - 1, 1]
            at -= 1
        stack[at, 0], stack[at, 1] = key, first_child[node] + i
        top += 1
    return top


_TREE = "float32[:, :, ::1], int32[:, ::1], int64[::1]"
_TABLE = "float32[:, :, ::1], float32[:, ::1], int32[:, ::1], float32[:, ::1]"


@_compiled(f"void({_TREE}, {_TABLE}, float32[:, ::1], float32[:, ::1], int64[:, ::1], int64[::1])")
def _search(boxes, first_rank, first_child, planes, rows, row_bits, px_from_edited, constants, rays, stack, found):
    """Enter the key of what each ray sees."""
    inverse = np.zeros(_FAN, np.float32)
    bits = inverse.view(np.int32)
    nodes = len(first_child)
    for ray in range(len(rays)):
        best, top = np.int64(_FARTHEST), 1
        stack[0, 0], stack[0, 1] = 0, 0
        while top > 0:
            top -= 1
            if stack[top, 0] >= best:
                continue
            node = stack[top, 1]
            if node < nodes:
                top = _open(boxes, first_rank, first_child, constants, rays, ray, node, best, inverse, bits, stack, top)
            else:
                best = _ask(
                    planes, rows, row_bits, px_from_edited, constants, rays, ray, node - nodes, best, inverse, bits
                )
        found[ray] = best
