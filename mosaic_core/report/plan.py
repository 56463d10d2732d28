"""The map of a memory from above, with its views and the path, and the list of its largest objects beside it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..cameras import Camera
from ..memory import Memory
from ..memory.tone_matching import shown_patch_rgb
from .canvas import FAINT, GRID, INK, PAPER, SERIES, Canvas, Colour
from .charts import draw_legend, heat_colours, nice_ticks, tick_text
from .measure import Report

_VIEW: Colour = (40, 44, 52)
_LIST_WIDTH = 420
_MOST_OBJECTS = 18
_MOST_QUADS = 60_000  # of more, every second, third, ... is drawn

Place = Callable[[Any], Any]  # from the world's x and y to the page, north up; numbers or arrays alike
Frame = tuple[float, float, float, float]  # left, top, width, height


def draw_plan(canvas: Canvas, box: tuple[float, float, float, float], report: Report) -> None:
    """Draw the map and the list into a box of left, top, width and height."""
    left, top, width, height = box
    memory = report.memory
    quads, colours = _quads_from_above(memory)
    points = quads.reshape(-1, 2)
    cameras = [view.camera for view in memory.views] + (list(report.path) if report.path else [])
    places = np.array([camera.position_world[:2] for camera in cameras] or [[0.0, 0.0]])
    low, high = _bounds(points if len(points) else places, places)
    plan_width = width - _LIST_WIDTH
    canvas.text((left + 4, top), "From above", size=15)
    entries = [("views", _VIEW)]
    if report.path:
        entries += [("path, start", SERIES[0]), ("path, end", SERIES[4])]
    draw_legend(canvas, (left + 110, top + 2), entries)
    frame = (left + 62, top + 30, plan_width - 80, height - 74)
    place, unit = _projection(frame, low, high)
    _draw_grid(canvas, frame, place, low, unit)
    inside = _inside(place, quads, frame)
    for quad, colour in zip(quads[inside], colours[inside].tolist(), strict=True):
        canvas.polygon([place(corner) for corner in quad], tuple(colour))
    for view in memory.views:
        _draw_camera(canvas, place, view.camera, _VIEW, 16)
    if report.path:
        _draw_path(canvas, place, report)
    _draw_objects(canvas, (left + plan_width + 20, top), report)


def _quads_from_above(memory: Memory) -> tuple[np.ndarray, np.ndarray]:  # (n, 4, 2) world x y, (n, 3) uint8
    """The visible patches where they are now, the lowest first, so that what lies above covers it."""
    placements = memory.placements
    at = np.flatnonzero(placements.visible & ~memory.patches.sky[placements.rows - 1])
    at = at[:: -(-len(at) // _MOST_QUADS) or 1]
    rows = placements.rows[at] - 1
    matrices = placements.edited_from_captured(at)
    quads = np.einsum("nij,ncj->nci", matrices[:, :3, :3], memory.patches.column("quad_world", rows).astype(np.float64))
    quads += matrices[:, None, :3, 3]
    colours = shown_patch_rgb(memory)[rows].mean(axis=1).astype(np.uint8)
    usable = np.isfinite(quads).all(axis=(1, 2))
    order = np.argsort(quads[usable][:, :, 2].mean(1), kind="stable")
    return quads[usable][order][..., :2], colours[usable][order]


def _bounds(points: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A box around nearly all patches, and all cameras; a few far patches do not make the rest small."""
    low, high = np.quantile(points, [0.01, 0.99], axis=0)
    low, high = np.minimum(low, places.min(0)), np.maximum(high, places.max(0))
    margin = 0.05 * max(float((high - low).max()), 0.1)
    return low - margin, high + margin


def _projection(frame: Frame, low: np.ndarray, high: np.ndarray) -> tuple[Place, float]:
    """A function from the world's x and y to the page, north up, and pixels a metre."""
    left, top, width, height = frame
    unit = min(width / (high[0] - low[0]), height / (high[1] - low[1]))
    across, down = (width - unit * (high[0] - low[0])) / 2, (height - unit * (high[1] - low[1])) / 2

    def place(point: np.ndarray) -> tuple[float, float]:
        return left + across + unit * (point[0] - low[0]), top + height - down - unit * (point[1] - low[1])

    return place, unit


def _inside(place: Place, quads: np.ndarray, frame: Frame) -> np.ndarray:  # (n,) bool
    left, top, width, height = frame
    x, y = place(np.moveaxis(quads, -1, 0))
    return ((x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)).all(1)


def _draw_grid(canvas: Canvas, frame: Frame, place: Place, low: np.ndarray, unit: float) -> None:
    left, top, width, height = frame
    span = max(width, height) / unit
    step = nice_ticks(span / 2)[1]
    ticks = [0.0, step]
    canvas.box((left, top), (left + width, top + height), edge=GRID)
    for axis in (0, 1):
        number = np.ceil((low[axis] - span) / step)
        while number * step < low[axis] + 2 * span:
            value = float(number * step)
            x, y = place(np.array([value, value]))
            if axis == 0 and left <= x <= left + width:
                canvas.line([(x, top), (x, top + height)], GRID)
                canvas.text(
                    (x, top + height + 5), tick_text(value, ticks, percent=False), size=12, colour=FAINT, anchor="ma"
                )
            if axis == 1 and top <= y <= top + height:
                canvas.line([(left, y), (left + width, y)], GRID)
                canvas.text((left - 7, y), tick_text(value, ticks, percent=False), size=12, colour=FAINT, anchor="rm")
            number += 1
    canvas.text((left + width / 2, top + height + 24), "x (m)", size=12, colour=FAINT, anchor="ma")
    canvas.text((left - 50, top + height / 2), "y (m)", size=12, colour=FAINT, upwards=True)


def _draw_camera(canvas: Canvas, place: Place, camera: Camera, colour: Colour, length: float) -> None:
    """A dot with the two sides of what the camera sees."""
    x, y = place(camera.position_world)
    for uv in ((0.0, camera.image_height / 2), (float(camera.image_width), camera.image_height / 2)):
        ray = camera.rays_world(np.array(uv))[:2]
        size = float(np.linalg.norm(ray))
        if size > 1e-6:
            end = (x + length * ray[0] / size, y - length * ray[1] / size)
            canvas.line([(x, y), end], PAPER, width=3.4)  # so that it shows on dark ground
            canvas.line([(x, y), end], colour, width=1.4)
    canvas.dot((x, y), 4.4, PAPER)
    canvas.dot((x, y), 3.2, colour)


def _draw_path(canvas: Canvas, place: Place, report: Report) -> None:
    assert report.path is not None
    points = [place(camera.position_world) for camera in report.path]
    start, end = np.array(SERIES[0]), np.array(SERIES[4])
    for index, pair in enumerate(pairwise(points)):
        share = index / max(len(points) - 2, 1)
        colour = np.round(start * (1 - share) + end * share).astype(int).tolist()
        canvas.line(pair, (colour[0], colour[1], colour[2]), width=2.4)
    canvas.dot(points[0], 4.5, SERIES[0])
    canvas.dot(points[-1], 4.5, SERIES[4])


def _draw_objects(canvas: Canvas, at: tuple[float, float], report: Report) -> None:
    """The largest objects by placements, with the share of each that other views speak against."""
    memory = report.memory
    x, y = at
    canvas.text((x, y), "Objects", size=15)
    canvas.text((x + 290, y + 3), "placements", size=12, colour=FAINT, anchor="ra")
    canvas.text((x + 380, y + 3), "doubtful", size=12, colour=FAINT, anchor="ra")
    rows = memory.placements.rows[~memory.patches.sky[memory.placements.rows - 1]] - 1
    object_of = memory.patches.object_id[rows]
    doubtful = report.agreement.doubtful[rows] if report.agreement else np.zeros(len(object_of))
    ids, counts = np.unique(object_of, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    most = int(counts.max(initial=1))
    for rank, index in enumerate(order[:_MOST_OBJECTS].tolist()):
        top = y + 28 + rank * 23
        name = memory.object_names.get(int(ids[index]), "(no object)")
        share = float(doubtful[object_of == ids[index]].mean())
        r, g, b = (int(c) for c in heat_colours(np.array(0.35)))
        canvas.box((x, top + 15), (x + 290 * counts[index] / most, top + 17), fill=(r, g, b))
        canvas.text((x, top), name[:34], size=12, colour=INK)
        canvas.text((x + 290, top), f"{counts[index]:,}", size=12, colour=INK, anchor="ra")
        canvas.text((x + 380, top), f"{share:.1%}", size=12, colour=SERIES[4] if share > 0.05 else FAINT, anchor="ra")
    if len(order) > _MOST_OBJECTS:
        words = f"and {len(order) - _MOST_OBJECTS} more"
        canvas.text((x, y + 30 + _MOST_OBJECTS * 23), words, size=12, colour=FAINT)
