"""Legends: what the colours on the screen mean, in the lower left corner of the viewport."""

from __future__ import annotations

from collections.abc import Sequence

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..translations import in_words
from .colouring import Legend

_FONT = 0
_TEXT_PT, _LINE_PX, _SWATCH_PX, _MARGIN_PX = 11, 18, 11, 14
_BACKDROP = (0.05, 0.05, 0.06, 0.65)


class LegendDrawing:
    """Legends of one moment, with their coloured squares kept as a batch."""

    def __init__(self) -> None:
        self._key: object = None
        self._batch: gpu.types.GPUBatch | None = None
        self._lines: list[tuple[str, int, int, bool]] = []
        self._shader: gpu.types.GPUShader | None = None

    def draw(self, legends: Sequence[Legend], *, left_px: int, scale: float) -> None:
        """Draw them above each other; pixels are counted from the region's lower left corner."""
        if not legends:
            return
        if self._shader is None:
            self._shader = gpu.shader.from_builtin("FLAT_COLOR")
        legends = [translated(legend) for legend in legends]
        key = (tuple(legends), left_px, scale)
        if key != self._key:
            self._prepare(legends, left_px, scale)
            self._key = key
        gpu.state.blend_set("ALPHA")
        try:
            self._batch.draw(self._shader)
        finally:
            gpu.state.blend_set("NONE")
        blf.size(_FONT, _TEXT_PT * scale)
        for text, x, y, is_title in self._lines:
            blf.color(_FONT, *((1.0, 1.0, 1.0, 1.0) if is_title else (0.85, 0.85, 0.85, 1.0)))
            blf.position(_FONT, x, y, 0)
            blf.draw(_FONT, text)

    def forget(self) -> None:
        """Free the graphics card's memory."""
        self._key = self._batch = None

    def _prepare(self, legends: Sequence[Legend], left_px: int, scale: float) -> None:
        blf.size(_FONT, _TEXT_PT * scale)
        step, swatch, x = round(_LINE_PX * scale), round(_SWATCH_PX * scale), left_px + round(_MARGIN_PX * scale)
        y, squares, colours, self._lines = round(_MARGIN_PX * scale), [], [], []
        width = 0
        for legend in reversed(legends):
            for colour, text in reversed(legend.entries):
                squares.append((x, y, swatch, swatch))
                colours.append((*colour[:3], 1.0))
                self._lines.append((text, x + swatch + round(7 * scale), y, False))
                width = max(width, round(blf.dimensions(_FONT, text)[0]) + swatch + round(7 * scale))
                y += step
            self._lines.append((legend.title, x, y, True))
            width = max(width, round(blf.dimensions(_FONT, legend.title)[0]))
            y += step + round(4 * scale)
        pad = round(6 * scale)
        squares.insert(0, (x - pad, round(_MARGIN_PX * scale) - pad, width + 2 * pad, y - round(_MARGIN_PX * scale)))
        colours.insert(0, _BACKDROP)
        self._batch = _rectangles(self._shader, squares, colours)


def translated(legend: Legend) -> Legend:
    """A legend in the language of Blender's interface."""
    return Legend(in_words(legend.title), tuple((colour, in_words(text)) for colour, text in legend.entries))


def left_of(area: bpy.types.Area) -> int:
    """Where free space begins: beside the toolbar, where that lies over the viewport."""
    tools = next((region for region in area.regions if region.type == "TOOLS"), None)
    return tools.width if tools is not None and tools.width > 1 else 0


def _rectangles(
    shader: gpu.types.GPUShader,
    places: Sequence[tuple[int, int, int, int]],  # x, y, width, height
    colours: Sequence[tuple[float, ...]],
) -> gpu.types.GPUBatch:
    corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y), (x + w, y + h), (x, y + h)] for x, y, w, h in places]
    points = np.array(corners, np.float32).reshape(-1, 2)
    points = np.concatenate([points, np.zeros((len(points), 1), np.float32)], axis=1)
    return batch_for_shader(
        shader, "TRIS", {"pos": points, "color": np.repeat(np.array(colours, np.float32), 6, axis=0)}
    )
