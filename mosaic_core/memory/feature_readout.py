"""Reading features: which patch does each cell of a camera see, and how far is it to be trusted?

`FeatureReader` is the NumPy reference and runs inside Blender; `mosaic_core.memory.readout_torch` is its twin for the
worker. What both find (`mosaic_core.memory.patch_search`) they describe with the same lines
(`mosaic_core.memory.seen_patches`), so they agree to the bit.
"""

from __future__ import annotations

import numpy as np

from ..cameras import Camera
from ..errors import MosaicError
from .arrays import NUMPY
from .host_search import host_search
from .memory import Memory
from .patch_search import PatchSearch
from .picture import Readout
from .placed_patches import place_patches
from .seen_patches import PatchDescriber


class FeatureReader:
    """Reads the patch features of one memory state. Build once, ask for each camera. Safe to share between threads."""

    def __init__(self, memory: Memory, *, time_s: float | None = None, compiled: bool = False) -> None:
        """`time_s` hides placements whose time range excludes it; None shows them at any time. `compiled` finds the
        same in a third of the time where numba is installed (`mosaic_core.memory.host_search`): not inside Blender.
        """
        self.memory = memory
        self.placed = place_patches(memory, memory.placements.shown_at(time_s))
        self._search = host_search(self.placed) if compiled else PatchSearch(self.placed, NUMPY)
        self._describer = PatchDescriber(memory, self.placed)

    def read(
        self,
        features: np.ndarray,  # (P, C), a row a patch
        camera: Camera,  # its image size is the grid: one pixel a cell
        *,
        time_s: float = 0.0,
    ) -> Readout:
        """The patch features a camera sees, nearest placement a cell; cells nobody reached hold zeros.

        Values keep the features' type. Raises `MosaicError` unless there is a row for each patch.
        """
        check_rows(self.memory, features.shape)
        seen = self._describer.describe(camera, self._search.nearest(camera), time_s)
        values = np.zeros((camera.image_height * camera.image_width, features.shape[1]), features.dtype)
        values[seen.cells] = features[seen.rows - 1]
        size = (camera.image_height, camera.image_width)
        columns = {name: column.reshape(*size, *column.shape[1:]) for name, column in seen.columns.items()}
        return Readout(values=values.reshape(*size, -1), **columns)


def check_rows(memory: Memory, shape: tuple[int, ...]) -> None:
    """Raise `MosaicError` unless features of this shape hold a row a patch."""
    if len(shape) != 2 or shape[0] != len(memory.patches):
        raise MosaicError(
            f"expected a feature row for each of {len(memory.patches)} patches, got an array of {tuple(shape)}"
        )
