"""Coloured line segments: the arrays, and how they get to the graphics card and are drawn there.

A batch is made when its lines are other ones than before and kept until then: drawing again is one call. The width is
Blender's own shader's, because a driver need not know lines wider than a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

WIDTH_PX = 2.0


@dataclass(frozen=True, eq=False)
class Lines:
    """n segments: two points each, one after the other."""

    points: np.ndarray  # (2 n, 3) float32 world
    colours: np.ndarray  # (2 n, 4) float32

    @classmethod
    def none(cls) -> Lines:
        return cls(np.zeros((0, 3), np.float32), np.zeros((0, 4), np.float32))

    def __add__(self, other: Lines) -> Lines:
        return Lines(
            np.concatenate([self.points, other.points]).astype(np.float32),
            np.concatenate([self.colours, other.colours]).astype(np.float32),
        )

    def __len__(self) -> int:
        return len(self.points) // 2


def crosses(points: np.ndarray, colour: tuple[float, float, float, float], *, size_m: float) -> Lines:
    """Three short segments through each point (n, 3), along the axes."""
    offsets = np.array([[(-0.5, 0, 0), (0.5, 0, 0)], [(0, -0.5, 0), (0, 0.5, 0)], [(0, 0, -0.5), (0, 0, 0.5)]])
    ends = (points[:, None, None] + offsets * size_m).reshape(-1, 3).astype(np.float32)
    return Lines(ends, np.tile(np.array(colour, np.float32), (len(ends), 1)))


class LineBatch:
    """Lines on the graphics card."""

    def __init__(self) -> None:
        self._lines: Lines | None = None
        self._batch: gpu.types.GPUBatch | None = None
        self._shader: gpu.types.GPUShader | None = None

    def draw(self, lines: Lines, region_size: tuple[int, int], *, width_px: float = WIDTH_PX) -> None:
        """Draw them in the region's own view, hidden by what stands before them."""
        if len(lines) == 0:
            return
        if self._shader is None:
            self._shader = gpu.shader.from_builtin("POLYLINE_FLAT_COLOR")
        if self._lines is not lines:
            self._batch = batch_for_shader(self._shader, "LINES", {"pos": lines.points, "color": lines.colours})
            self._lines = lines
        gpu.state.blend_set("ALPHA")
        gpu.state.depth_test_set("LESS_EQUAL")
        try:
            self._shader.bind()
            self._shader.uniform_float("viewportSize", region_size)
            self._shader.uniform_float("lineWidth", width_px)
            self._batch.draw(self._shader)
        finally:
            gpu.state.depth_test_set("NONE")
            gpu.state.blend_set("NONE")

    def forget(self) -> None:
        """Free the graphics card's memory."""
        self._lines = self._batch = None
