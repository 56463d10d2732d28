"""`Readout`: what the memory shows to one camera, and the `Picture` in which it is put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from .arrays import NUMPY, Array, Arrays, as_float32
from .hole_filling import fill_holes, guessed_depth
from .lens import rays_of


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
    """The columns of a `Readout` while they are being filled, flat, in NumPy or torch."""

    def __init__(self, camera: Camera, time_s: float, arrays: Arrays = NUMPY) -> None:
        count = camera.image_height * camera.image_width
        self.camera, self._arrays = camera, arrays
        self._size = (camera.image_height, camera.image_width)
        self._time_s = as_float32(time_s)
        self._eye = arrays.of(camera.position_world.astype(np.float32)[:, None])
        self.rays = arrays.of(rays_of(camera, np.arange(count)))  # (3, H * W), with a camera-z of 1
        self.values = arrays.full((3, count), 0, np.float32)
        self.covered = arrays.full((count,), False, np.bool_)
        self.z_depth = arrays.full((count,), np.inf, np.float32)
        self.owner = arrays.full((count,), -1, np.int32)  # position in the placement table, -1 = none
        self.confidence = arrays.full((count,), 0, np.float32)
        self.age_s = arrays.full((count,), np.inf, np.float32)
        self.view = arrays.full((count,), -1, np.int32)
        self.uv = arrays.full((2, count), np.nan, np.float32)
        self._filled: Array = None  # holes that somebody has filled already

    @property
    def eye(self) -> Array:  # (3, 1) float32
        """The camera's centre, world."""
        return self._eye

    def points(self, pixels: Array, z_depth: Array) -> Array:  # (3, n) float32
        """The world points that these pixels show at these depths."""
        return self._eye + self._arrays.take(self.rays, pixels, 1) * z_depth

    def put(
        self,
        pixels: Array,  # (n,) flat, each once
        *,
        values: Array,  # (C, n)
        z_depth: Array | float,  # (n,)
        owner: Array | int,  # (n,) position in the placement table, -1 = none
        confidence: Array | float,  # (n,)
        view: Array | int,  # (n,)
        uv: tuple[Array, Array],  # (n,) each
        age_s: Array | float,  # (n,)
    ) -> None:
        self.covered[pixels] = True
        for plane, value in zip((*self.values, *self.uv), (*values, *uv), strict=True):
            plane[pixels] = value
        self.z_depth[pixels] = z_depth
        self.owner[pixels] = owner
        self.confidence[pixels] = confidence
        self.age_s[pixels] = age_s
        self.view[pixels] = view

    def make_holes(
        self,
        pixels: Array,  # (n,) flat
        filling: Array,  # (C, n) what they show instead of the smooth filling
    ) -> None:
        """Take back what these pixels show."""
        self.covered[pixels] = False
        self.values[:, pixels] = filling
        self.z_depth[pixels], self.age_s[pixels] = np.inf, np.inf
        self.owner[pixels], self.view[pixels] = -1, -1
        self.confidence[pixels] = 0
        self.uv[:, pixels] = np.nan
        self._filled = pixels

    def age_of(self, view_time_s: Array | float) -> Array | float:
        """How long ago that was, seconds."""
        return abs(self._time_s - view_time_s)

    def guessed_depth(self) -> Array:  # (H, W) float32
        """Depth so far, continued over the pixels that are still open."""
        return guessed_depth(self.z_depth.reshape(self._size), self.covered.reshape(self._size), self._arrays)

    def readout(
        self,
        ids: Array,  # (N + 1,) int64 placement ids, after a zero for no placement
    ) -> Readout:
        """What the picture has become, its holes filled; columns are arrays of the library at work."""
        arrays = self._arrays

        def shaped(column: Array) -> Array:
            return column.reshape(self._size)

        def stacked(planes: Array) -> Array:
            return arrays.packed(planes.T).reshape(*self._size, len(planes))

        values, covered, z_depth = stacked(self.values), shaped(self.covered), shaped(self.z_depth)
        filled = fill_holes(values, covered, z_depth, arrays)
        if self._filled is not None:
            filled.reshape(-1, filled.shape[-1])[self._filled] = self.values[:, self._filled].T
        return Readout(
            values=filled,
            covered=covered,
            z_depth=z_depth,
            placement_id=shaped(arrays.take(ids, self.owner + 1)),
            confidence=shaped(self.confidence),
            age_s=shaped(self.age_s),
            source_view=shaped(self.view),
            source_uv=stacked(self.uv),
        )
