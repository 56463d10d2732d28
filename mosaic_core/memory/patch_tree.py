"""A tree of boxes around placed patches, for asking which of them a ray may meet.

Placements that stand next to each other in the table lie together in space, so a tree over the table's order is a tree
over space: sixteen placements a leaf, sixteen boxes a node, up to one root. Building it is a minimum and a maximum a
level. Boxes stand along the world's axes; a node also knows the lowest rank below it, which decides ties in depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Placements of a leaf, and boxes of a node: a cache line of each coordinate.
FAN = 16
# A box that no ray meets, to fill up nodes with.
_NOWHERE = np.float32(3e37)


@dataclass(frozen=True, eq=False)
class TreeLevel:
    """The boxes of one level, grouped by the node above: box [g, i] is node 16 g + i of the level."""

    low: tuple[np.ndarray, np.ndarray, np.ndarray]  # (G, 16) float32 each, x, y and z in the world
    high: tuple[np.ndarray, np.ndarray, np.ndarray]  # (G, 16) float32 each
    first_rank: np.ndarray  # (G, 16) int64, the lowest rank in the box


def build_tree(
    low: np.ndarray,  # (3, M) float32, M a multiple of 16
    high: np.ndarray,  # (3, M) float32
    rank: np.ndarray,  # (M,)
) -> tuple[TreeLevel, ...]:  # the root first; the boxes of the last are leaves: placements 16 n .. 16 n + 15
    """Box in leaves, leaves in nodes, and so on. No levels where there are no placements."""
    levels = []
    rank = rank.astype(np.int64)
    while len(rank):
        low, high = low.reshape(3, -1, FAN).min(axis=2), high.reshape(3, -1, FAN).max(axis=2)
        rank = rank.reshape(-1, FAN).min(axis=1)
        count, rest = len(rank), -len(rank) % FAN
        low, high = (np.pad(side, ((0, 0), (0, rest)), constant_values=_NOWHERE) for side in (low, high))
        rank = np.pad(rank, (0, rest), constant_values=np.iinfo(np.int32).max)
        x, y, z = (side.reshape(-1, FAN) for side in low)
        to_x, to_y, to_z = (side.reshape(-1, FAN) for side in high)
        levels.append(TreeLevel((x, y, z), (to_x, to_y, to_z), rank.reshape(-1, FAN)))
        if count <= FAN:
            break
    return tuple(levels[::-1])
