"""Plots on a `Canvas`: lines over time, bars, a scale of colours. Every axis has a unit, every series a name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .canvas import FAINT, GRID, INK, SERIES, Canvas, Colour, Point

Place = Callable[[float, float], Point]  # from the axes' values to the page

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 52, 44


@dataclass(frozen=True, eq=False)
class Series:
    """One named line or set of bars."""

    name: str
    values: Sequence[float]
    colour: Colour | None = None  # None = the next of the page's colours
    bars: bool = False


@dataclass(frozen=True, eq=False)
class Plot:
    """Values over x. `percent` labels shares as such; `top` is the least that the y axis reaches to."""

    title: str
    x: Sequence[float]
    x_label: str
    y_label: str
    series: Sequence[Series]
    percent: bool = False
    top: float = 0.0
    ceiling: float = math.inf  # the axis ends here at the latest
    x_names: Sequence[str] = ()  # names of the x positions, instead of numbers


def draw_plot(canvas: Canvas, box: tuple[float, float, float, float], plot: Plot) -> None:
    """Draw a plot into a box of left, top, width and height."""
    left, top, width, height = box
    canvas.text((left + 4, top), plot.title, size=15)
    x0, x1 = left + _LEFT, left + width - _RIGHT
    y0, y1 = top + _TOP, top + height - _BOTTOM
    values = np.concatenate([np.asarray(s.values, dtype=np.float64) for s in plot.series] or [np.zeros(1)])
    ticks = nice_ticks(min(max(float(values.max(initial=0)), plot.top, 1e-9), plot.ceiling))
    high = min(ticks[-1], plot.ceiling)
    for tick in (t for t in ticks if t <= high):
        y = y1 - (y1 - y0) * tick / high
        canvas.line([(x0, y), (x1, y)], GRID)
        canvas.text((x0 - 7, y), tick_text(tick, ticks, percent=plot.percent), size=12, colour=FAINT, anchor="rm")
    low_x, high_x = _x_range(plot)

    def place(x: float, y: float) -> tuple[float, float]:
        share = (x - low_x) / (high_x - low_x)
        return x0 + (x1 - x0) * share, y1 - (y1 - y0) * min(max(y / high, 0.0), 1.0)

    _draw_x_axis(canvas, plot, (x0, x1, y1), (low_x, high_x))
    colours = [s.colour or SERIES[i % len(SERIES)] for i, s in enumerate(plot.series)]
    bars = [i for i, s in enumerate(plot.series) if s.bars]
    for rank, index in enumerate(bars):
        _draw_bars(canvas, plot, index, colours[index], place, (rank, len(bars)))
    for series, colour in zip(plot.series, colours, strict=True):
        if not series.bars:
            points = [place(x, y) for x, y in zip(plot.x, series.values, strict=True)]
            canvas.line(points, colour, width=2)
            if len(points) <= 60:
                for point in points:
                    canvas.dot(point, 2.4, colour)
    canvas.text((left + 10, (y0 + y1) / 2), plot.y_label, size=12, colour=FAINT, upwards=True)
    draw_legend(canvas, (x0, top + 24), [(s.name, c) for s, c in zip(plot.series, colours, strict=True)])


def _x_range(plot: Plot) -> tuple[float, float]:
    low, high = float(min(plot.x)), float(max(plot.x))
    if any(s.bars for s in plot.series):
        return low - 0.6, high + 0.6
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _draw_x_axis(canvas: Canvas, plot: Plot, place: tuple[float, float, float], span: tuple[float, float]) -> None:
    (x0, x1, y1), (low, high) = place, span
    canvas.line([(x0, y1), (x1, y1)], FAINT)
    canvas.text(((x0 + x1) / 2, y1 + 27), plot.x_label, size=12, colour=FAINT, anchor="ma")
    if plot.x_names:
        step = math.ceil(len(plot.x_names) * 46 / max(x1 - x0, 1))
        marks = [(x, name) for x, name in list(zip(plot.x, plot.x_names, strict=True))[::step]]
    else:
        ticks = [t for t in nice_ticks(high) if low - 1e-9 <= t <= high + 1e-9]
        marks = [(t, tick_text(t, ticks, percent=False)) for t in ticks]
    for x, text in marks:
        at = x0 + (x1 - x0) * (x - low) / (high - low)
        canvas.line([(at, y1), (at, y1 + 4)], FAINT)
        canvas.text((at, y1 + 8), text, size=12, colour=FAINT, anchor="ma")


def _draw_bars(canvas: Canvas, plot: Plot, index: int, colour: Colour, place: Place, rank: tuple[int, int]) -> None:
    width = 0.76 / rank[1]
    for x, y in zip(plot.x, plot.series[index].values, strict=True):
        start = x - 0.38 + rank[0] * width
        (left, top), (right, bottom) = place(start, y), place(start + width, 0)
        if bottom - top > 0.2:
            canvas.box((left, top), (right - 1, bottom), fill=colour)


def draw_legend(canvas: Canvas, at: tuple[float, float], entries: Sequence[tuple[str, Colour]]) -> None:
    """Names with their colours, in a row."""
    x, y = at
    for name, colour in entries:
        canvas.box((x, y + 3), (x + 11, y + 11), fill=colour)
        canvas.text((x + 16, y), name, size=12, colour=INK)
        x += 34 + canvas.width_of(name, size=12)


def draw_scale(
    canvas: Canvas,
    at: tuple[float, float],
    length: float,
    colours: np.ndarray,  # (n, 3) uint8, from low to high
    labels: tuple[str, str],
) -> None:
    """A horizontal scale of colours between two labels."""
    x, y = at
    start = x + canvas.width_of(labels[0], size=12) + 6
    canvas.text((x, y), labels[0], size=12, colour=FAINT)
    canvas.picture((start, y + 2), (length, 10), colours[None])
    canvas.text((start + length + 6, y), labels[1], size=12, colour=FAINT)


def heat_colours(
    values: np.ndarray,  # (...) 0 .. 1
) -> np.ndarray:  # (..., 3) uint8
    """Dark blue over teal to yellow: lightness rises with the value, so that it survives a grey print."""
    stops = np.array([[48, 18, 90], [52, 76, 138], [33, 136, 140], [90, 190, 100], [250, 230, 60]], dtype=np.float64)
    at = np.clip(np.asarray(values, dtype=np.float64), 0, 1) * (len(stops) - 1)
    left = np.minimum(at.astype(int), len(stops) - 2)
    share = (at - left)[..., None]
    return np.round(stops[left] * (1 - share) + stops[left + 1] * share).astype(np.uint8)


def nice_ticks(high: float) -> list[float]:
    """Four to seven round numbers from zero to at least `high`."""
    raw = high / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    return [i * step for i in range(math.ceil(high / step - 1e-9) + 1)]


def tick_text(value: float, ticks: Sequence[float], *, percent: bool) -> str:
    """A number as short as its neighbours allow."""
    step = (ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    if percent:
        value, step = value * 100, step * 100
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if digits <= 3 and round(step, digits) != round(step, 6):
        digits += 1
    text = f"{value:,.{digits}f}"
    return text + " %" if percent else text
