"""Reading the memory: what it shows to one camera. Colours in `rgb_readout`, features in `feature_readout`.

One reader serves the viewport preview, the engines and the tests, so they all get the same bits.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..cameras import Camera
from ..errors import MosaicError
from .feature_readout import FeatureReader
from .memory import Memory
from .picture import Readout
from .rgb_readout import RgbReader
from .view_parts import ViewParts


class MemoryReader:
    """Reads one memory state. Build once, call `rgb` or `features` for each camera. Safe to share between threads."""

    def __init__(self, memory: Memory, *, time_s: float | None = None, parts: ViewParts | None = None) -> None:
        """`time_s` hides placements whose time range excludes it; None shows them at any time. `parts` keeps what no
        edit changes for the reader of the next state."""
        self.memory = memory
        self.shown = memory.placements.shown_at(time_s)
        self._shown_time_s = time_s
        self._rgb = RgbReader(memory, self.shown, parts=parts) if memory.views else None

    def rgb(self, camera: Camera, *, time_s: float = 0.0) -> Readout:
        """The picture a camera sees, see `mosaic_core.memory.rgb_readout`. Raises `MosaicError` without any view."""
        if self._rgb is None:
            raise MosaicError("the memory holds no views: capture something first")
        return self._rgb.read(camera, time_s=time_s)

    def features(
        self,
        features: np.ndarray,  # (P, C), a row a patch
        camera: Camera,  # its image size is the grid: one pixel a cell
        *,
        time_s: float = 0.0,
    ) -> Readout:
        """The patch features a camera sees, see `FeatureReader.read` (`mosaic_core.memory.feature_readout`)."""
        return self._features.read(features, camera, time_s=time_s)

    @cached_property
    def _features(self) -> FeatureReader:
        return FeatureReader(self.memory, time_s=self._shown_time_s)
