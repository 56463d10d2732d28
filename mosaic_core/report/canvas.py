"""A sheet to draw a report on, with Pillow (imported when a sheet is made, as the core needs only NumPy).

Everything is drawn at twice its size and scaled down once at the end, which smooths lines and text alike.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import MosaicError

Colour = tuple[int, int, int]
Point = tuple[float, float]

INK: Colour = (32, 36, 44)
FAINT: Colour = (118, 124, 134)
GRID: Colour = (226, 229, 234)
PAPER: Colour = (255, 255, 255)
# Apart for colour-blind eyes too (Okabe and Ito 2008): blue, orange, green, purple, red, sky.
SERIES: tuple[Colour, ...] = (
    (0, 114, 178),
    (230, 126, 20),
    (0, 138, 100),
    (170, 80, 150),
    (205, 60, 40),
    (86, 180, 233),
)

_SCALE = 2


class Canvas:
    """Positions in pixels of the finished picture, from the top left. Raises `MosaicError` without Pillow."""

    def __init__(self, width: int, height: int) -> None:
        try:
            from PIL import Image, ImageDraw, ImageFont
        except ImportError as error:
            raise MosaicError("a report page is drawn with Pillow, which is not installed here") from error
        self.width, self.height = width, height
        self._modules = Image, ImageFont, ImageDraw
        self._image = Image.new("RGB", (width * _SCALE, height * _SCALE), PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._fonts: dict[int, Any] = {}

    def text(
        self, at: Point, words: str, *, size: int = 13, colour: Colour = INK, anchor: str = "la", upwards: bool = False
    ) -> None:
        """Words at a place; `anchor` as Pillow names them: l, m or r, then a (top), m or s (baseline)."""
        if not upwards:
            self._draw.text(_scaled(at), words, fill=colour, font=self._font(size), anchor=anchor)
            return
        image_module = self._modules[0]
        font = self._font(size)
        left, _, right, bottom = font.getbbox(words, anchor="la")
        strip = image_module.new("RGB", (int(right - left) + 4, int(bottom) + 4), PAPER)
        self._modules[2].Draw(strip).text((2, 2), words, fill=colour, font=font)
        turned = strip.rotate(90, expand=True)
        x, y = _scaled(at)
        self._image.paste(turned, (round(x - turned.width / 2), round(y - turned.height / 2)))

    def width_of(self, words: str, *, size: int = 13) -> float:
        """How wide words become."""
        return self._font(size).getlength(words) / _SCALE

    def line(self, points: Sequence[Point], colour: Colour, *, width: float = 1.0) -> None:
        """A line through points."""
        if len(points) > 1:
            self._draw.line(
                [_scaled(p) for p in points], fill=colour, width=max(1, round(width * _SCALE)), joint="curve"
            )

    def box(self, low: Point, high: Point, *, fill: Colour | None = None, edge: Colour | None = None) -> None:
        """A rectangle."""
        self._draw.rectangle([_scaled(low), _scaled(high)], fill=fill, outline=edge, width=_SCALE)

    def dot(self, at: Point, radius: float, colour: Colour) -> None:
        """A filled circle."""
        low, high = (at[0] - radius, at[1] - radius), (at[0] + radius, at[1] + radius)
        self._draw.ellipse([_scaled(low), _scaled(high)], fill=colour)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled shape."""
        self._draw.polygon([_scaled(p) for p in points], fill=colour)

    def picture(
        self,
        at: Point,
        size: tuple[float, float],  # width, height on the page
        rgb: np.ndarray,  # (h, w, 3) uint8
        *,
        smooth: bool = True,
    ) -> None:
        """A picture, stretched to a size."""
        image_module = self._modules[0]
        image = image_module.fromarray(np.ascontiguousarray(rgb))
        how = image_module.Resampling.LANCZOS if smooth else image_module.Resampling.NEAREST
        image = image.resize((round(size[0] * _SCALE), round(size[1] * _SCALE)), how)
        x, y = _scaled(at)
        self._image.paste(image, (round(x), round(y)))

    def png(self) -> bytes:
        """The finished picture."""
        image_module = self._modules[0]
        stream = io.BytesIO()
        small = self._image.resize((self.width, self.height), image_module.Resampling.LANCZOS)
        small.save(stream, format="PNG", optimize=True)
        return stream.getvalue()

    def _font(self, size: int) -> Any:
        if size not in self._fonts:
            self._fonts[size] = self._modules[1].load_default(size * _SCALE)
        return self._fonts[size]


def _scaled(at: Point) -> Point:
    return at[0] * _SCALE, at[1] * _SCALE
