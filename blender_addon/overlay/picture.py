"""A picture over the viewport: uploaded when it is another one than before, and else only drawn."""

from __future__ import annotations

from collections.abc import Callable

import blf
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

_FONT, _TEXT_PT = 0, 11
_UV = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32)  # of TL, TR, BR, BL: the last row of a texture is on top
_TRIANGLES = np.array([(0, 1, 2), (0, 2, 3)], np.uint32)


class PictureDrawing:
    """One picture on the graphics card."""

    def __init__(self) -> None:
        self._source: object = None
        self._texture: gpu.types.GPUTexture | None = None
        self._shader: gpu.types.GPUShader | None = None
        self._corners: np.ndarray | None = None
        self._batch: gpu.types.GPUBatch | None = None

    def draw(
        self,
        source: object,  # names the picture: the same object, the same picture
        image: Callable[[], np.ndarray],  # (h, w, 4) float32, display-referred, row 0 on top; asked for new ones only
        corners: np.ndarray,  # (4, 2) TL, TR, BR, BL in pixels of the region
    ) -> None:
        """Draw it between these corners."""
        if self._shader is None:
            self._shader = gpu.shader.from_builtin("IMAGE")
        if source is not self._source or self._texture is None:
            self._texture, self._source = texture_of(image()), source
        if self._corners is None or not np.array_equal(corners, self._corners):
            points = np.concatenate([corners, np.zeros((4, 1))], axis=1).astype(np.float32)
            content = {"pos": points, "texCoord": _UV}
            self._batch = batch_for_shader(self._shader, "TRIS", content, indices=_TRIANGLES)
            self._corners = corners
        gpu.state.blend_set("NONE")
        self._shader.bind()
        self._shader.uniform_sampler("image", self._texture)
        self._batch.draw(self._shader)

    def draw_label(self, text: str, corners: np.ndarray, *, scale: float) -> None:
        """A line above the picture's upper left corner."""
        blf.size(_FONT, _TEXT_PT * scale)
        blf.color(_FONT, 1.0, 1.0, 1.0, 1.0)
        blf.position(_FONT, float(corners[0, 0]), float(corners[0, 1]) + 5 * scale, 0)
        blf.draw(_FONT, text)

    def forget(self) -> None:
        """Free the graphics card's memory."""
        self._source = self._texture = self._corners = self._batch = None


def texture_of(image: np.ndarray) -> gpu.types.GPUTexture:  # (h, w, 4) float32
    """A texture with these values as they are; rows start at the bottom there."""
    flipped = np.ascontiguousarray(image[::-1], np.float32)
    buffer = gpu.types.Buffer("FLOAT", flipped.size, flipped.ravel())
    return gpu.types.GPUTexture((image.shape[1], image.shape[0]), format="RGBA32F", data=buffer)
