"""`Readout`: what the memory shows to one camera, and the `Picture` in which it is put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from .hole_filling import fill_holes, guessed_depth
from .placements import Placements


@dataclass(frozen=True, eq=False)
class Readout:
    """What one camera sees of the memory, a value a cell (a pixel for RGB)."""

    values: np.ndarray  # (h, w, C) float32: RGB in [0, 1], or features; holes are filled (RGB) or zero (features)
    covered: np.ndarray  # (h, w) bool, memory holds this cell
    z_depth: np.ndarray  # (h, w) float32 metres; inf = sky or hole
    placement_id: np.ndarray  # (h, w) int64, 0 = none (holes, and sky of the RGB readout)
    confidence: np.ndarray  # (h, w) float32 in [0, 1]: the best view's weight by angle and sharpness
    age_s: np.ndarray  # (h, w) float32, from the view it comes from until now; inf where not covered
    source_view: np.ndarray  # (h, w) int32, the view that weighs most; -1 = none
    source_uv: np.ndarray  # (h, w, 2) float32, fractional pixel in that view; nan = none


class Picture:
    """The columns of a `Readout` while they are being filled, flat."""

    def __init__(self, camera: Camera, time_s: float, placements: Placements) -> None:
        count = camera.image_height * camera.image_width
        self.camera = camera
        self._size = (camera.image_height, camera.image_width)
        self._time_s = np.float32(time_s)
        self.values = np.zeros((3, count), np.float32)
        self.covered = np.zeros(count, bool)
        self.z_depth = np.full(count, np.inf, np.float32)
        self.owner = np.full(count, -1, np.int32)  # position in the placement table, -1 = none
        self._placements = placements
        self.confidence = np.zeros(count, np.float32)
        self.age_s = np.full(count, np.inf, np.float32)
        self.view = np.full(count, -1, np.int32)
        self.uv = np.full((2, count), np.nan, np.float32)
        self._filled = np.zeros(0, np.intp)  # holes that somebody has filled already

    def put(
        self,
        pixels: np.ndarray,  # (n,) flat
        *,
        values: np.ndarray,  # (C, n)
        z_depth: np.ndarray,  # (n,)
        owner: np.ndarray,  # (n,) position in the placement table, -1 = none
        confidence: np.ndarray,  # (n,)
        view: np.ndarray,  # (n,)
        uv: tuple[np.ndarray, np.ndarray],  # (n,) each
        view_time_s: np.ndarray,  # (V,)
    ) -> None:
        self.covered[pixels] = True
        for plane, value in zip((*self.values, *self.uv), (*values, *uv), strict=True):
            plane[pixels] = value
        self.z_depth[pixels] = z_depth
        self.owner[pixels] = owner
        self.confidence[pixels] = np.minimum(confidence, 1)
        self.age_s[pixels] = np.abs(self._time_s - view_time_s[view])
        self.view[pixels] = view

    def make_holes(
        self,
        pixels: np.ndarray,  # (n,) flat
        filling: np.ndarray,  # (C, n) what they show instead of the smooth filling
    ) -> None:
        """Take back what these pixels show."""
        self.covered[pixels] = False
        self.values[:, pixels] = filling
        self.z_depth[pixels], self.age_s[pixels] = np.inf, np.inf
        self.owner[pixels], self.view[pixels] = -1, -1
        self.confidence[pixels] = 0
        self.uv[:, pixels] = np.nan
        self._filled = pixels

    def guessed_depth(self) -> np.ndarray:  # (H, W) float32
        """Depth so far, continued over the pixels that are still open."""
        return guessed_depth(self.z_depth.reshape(self._size), self.covered.reshape(self._size))

    def readout(self) -> Readout:
        def shaped(column: np.ndarray) -> np.ndarray:
            return column.reshape(self._size)

        def stacked(planes: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(planes.T).reshape(*self._size, len(planes))

        values, covered, z_depth = stacked(self.values), shaped(self.covered), shaped(self.z_depth)
        filled = fill_holes(values, covered, z_depth)
        filled.reshape(-1, filled.shape[-1])[self._filled] = self.values[:, self._filled].T
        shown = self.owner >= 0
        placement_id = np.zeros(len(shown), np.int64)
        placement_id[shown] = self._placements.ids_at(self.owner[shown])
        return Readout(
            values=filled,
            covered=covered,
            z_depth=z_depth,
            placement_id=shaped(placement_id),
            confidence=shaped(self.confidence),
            age_s=shaped(self.age_s),
            source_view=shaped(self.view),
            source_uv=stacked(self.uv),
        )
