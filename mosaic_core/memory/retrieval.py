"""Retrieval: which views does a chunk of frames need? Greedy union coverage under occlusion, within a budget.

The nearest camera is a poor guide: it may look at a wall. What counts is how much of what the frames will show a view
really saw. Each step takes the view that adds most cells nobody chosen so far covers (the greedy rule, within 1 - 1/e
of the best possible choice); equal gains go to the view that sees them better, then to the lower index.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..cameras import Camera
from ..conventions import PATCH_SIZE_PX
from .readout import MemoryReader


def retrieve_views(
    reader: MemoryReader,
    cameras: Sequence[Camera],
    *,
    budget: int,
) -> list[int]:  # view indices, most useful first
    """At most `budget` views that together cover most of what these cameras will see, occlusion included.

    Views that add nothing are not taken, however large the budget.
    """
    gains = np.concatenate([_quality(reader, camera) for camera in cameras], axis=1)  # (V, cells)
    chosen: list[int] = []
    open_cells = np.ones(gains.shape[1], bool)
    while len(chosen) < budget:
        covers = (gains > 0) & open_cells
        score = covers.sum(axis=1) + 1e-3 * (gains * open_cells).sum(axis=1) / max(gains.shape[1], 1)
        best = int(score.argmax()) if len(score) else 0
        if not len(score) or not covers[best].any():
            break
        chosen.append(best)
        open_cells &= ~covers[best]
    return chosen


def _quality(reader: MemoryReader, camera: Camera) -> np.ndarray:  # (V, cells) float32, 0 = not seen
    """How well each view saw what each cell of the camera shows."""
    grid = camera.scaled_to(
        image_height=max(camera.image_height // PATCH_SIZE_PX, 1),
        image_width=max(camera.image_width // PATCH_SIZE_PX, 1),
    )
    return reader.view_weights(grid)
