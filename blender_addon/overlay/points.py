"""Which points a memory's patches have, and where they are: arrays in, arrays out, NumPy alone.

A patch is one captured cell, and its points are that cell's pixels: 4 x 4 of them from afar, 8 x 8, and all 16 x 16
from near. Drawing and picking mean the same points. The graphics card draws them from four corners a patch
(`shader.py`), so that neither zooming nor turning the view costs anything here; picking makes the few it needs with
`surface_points`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Points a side of a whole cell; squared: 16, 64, 256 a patch.
SIDES = (4, 8, 16)
# Points stand at least this far apart before there are more of them. Nearer ones merge into a surface.
LEAST_SPACING_PX = 3.5
# The rim of a patch's pixels is left out by this share of a cell, or rounding would show a line of the neighbour's.
_INSET_CELLS = 2e-3


@dataclass(frozen=True, eq=False)
class PatchArrays:
    """The P patches of a mesh that are whole and not hidden, in the mesh's own space."""

    face: np.ndarray  # (P,) int64, which face of the mesh each is
    corners_mesh: np.ndarray  # (P, 4, 3) float32, TL, TR, BR, BL
    cells: np.ndarray  # (P, 4, 2) float32, where the corners are in the atlas, in cells; zeros without an atlas
    cell_size: np.ndarray  # (P,) float32, the side of a whole cell in the mesh's units
    material: np.ndarray  # (P,) int32, which of the mesh's materials holds the pixels

    def __len__(self) -> int:
        return len(self.face)

    @cached_property
    def by_coordinate(self) -> np.ndarray:  # (3, 4, P) float32
        """The corners once more, contiguous by coordinate: projecting them takes a sixth of the time."""
        return np.ascontiguousarray(self.corners_mesh.transpose(2, 1, 0))


def points_a_side(cell_px: float) -> int:
    """How many points a side a cell of this many pixels on the screen gets: 4, 8 or 16."""
    return max((side for side in SIDES if cell_px >= side * LEAST_SPACING_PX), default=SIDES[0])


def cells_of_uv(uv: np.ndarray, image_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """UV coordinates (P, 4, 2) in cells of the atlas, and how many cells (2,) the image has each way.

    The atlas does not say how large its cells are; nearly all patches fill theirs, so the median of them does.
    """
    size = np.array(image_size, np.float32)
    extent_px = _extents(uv) * size if len(uv) else np.ones((1, 2))
    side = float(np.median(np.maximum(*extent_px.T)))
    cell_px = 2.0 ** np.clip(np.round(np.log2(max(side, 1.0))), 0, 4)
    cells = (uv * (size / cell_px)).astype(np.float32)
    middle = (cells[:, :1] + cells[:, 1:2] + cells[:, 2:3] + cells[:, 3:]) / 4
    return middle + (cells - middle) * np.float32(1 - 2 * _INSET_CELLS), size / cell_px


def cell_sizes(corners: np.ndarray, cells: np.ndarray) -> np.ndarray:  # (P,) float32
    """The side of the whole cell that each quad (P, 4, 3) shows a part of; the quad's own where `cells` is zero."""
    area = quad_areas(corners)
    extent = _extents(cells)
    share = extent[:, 0] * extent[:, 1]
    return np.sqrt(area / np.where(share > 1e-6, share, 1)).astype(np.float32)


def _extents(quads: np.ndarray) -> np.ndarray:  # (P, 4, n) -> (P, n)
    """How far the corners reach along each axis. Corner by corner: NumPy is slow along an axis as short as four."""
    a, b, c, d = quads[:, 0], quads[:, 1], quads[:, 2], quads[:, 3]
    return np.maximum(np.maximum(a, b), np.maximum(c, d)) - np.minimum(np.minimum(a, b), np.minimum(c, d))


def quad_areas(corners: np.ndarray) -> np.ndarray:  # (P,)
    """The areas of quads (P, 4, 3): half the length of the diagonals' cross product."""
    one, other = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    x = one[:, 1] * other[:, 2] - one[:, 2] * other[:, 1]
    y = one[:, 2] * other[:, 0] - one[:, 0] * other[:, 2]
    z = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    return np.sqrt(x * x + y * y + z * z) / 2


def surface_points(corners: np.ndarray, side: int) -> np.ndarray:  # (P, side * side, 3)
    """Points that stand evenly on quads (P, 4, 3), row by row, none of them on the rim."""
    step = ((np.arange(side) + 0.5) / side).astype(corners.dtype)
    along, down = np.meshgrid(step, step)
    along, down = along.ravel(), down.ravel()
    weights = np.stack([(1 - along) * (1 - down), along * (1 - down), along * down, (1 - along) * down], axis=-1)
    return weights @ corners
