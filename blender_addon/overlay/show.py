"""Draws the views' frusta, the path, the holes along it and the legends, and tells the patches their colours.

What is drawn is prepared when something it depends on has changed, and kept until then: a redraw of an unchanged scene
compares one tuple and issues the draw calls. Drawing never raises: it would be called again at every mouse move, so a
failure is logged once and the overlay is left out until something changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from mosaic_core.cameras import CameraPath
from mosaic_core.errors import MosaicError
from mosaic_core.memory import Memory
from mosaic_core.memory.splice import extent_m
from mosaic_core.wording import phrase

from . import changes, colouring, source, supply
from .colouring import Legend
from .frusta import frusta_lines, frustum_length_m
from .knowledge import gather
from .legend import LegendDrawing, left_of
from .lines import LineBatch, Lines, crosses
from .path import path_lines, speed_entries
from .ramps import MAGENTA, kinds

_log = logging.getLogger(__name__)
_told: set[str] = set()


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that is drawn at one moment."""

    lines: tuple[Lines, ...] = ()
    legends: tuple[Legend, ...] = ()


class _Drawing:
    """What is on the graphics card."""

    def __init__(self) -> None:
        self.key: object = None
        self.prepared = Prepared()
        self.batches: list[LineBatch] = []
        self.legend = LegendDrawing()
        self.coloured = False


_drawing = _Drawing()


def quietly(draw: Callable[[], None]) -> Callable[[], None]:
    """A draw handler that never raises: each failure is logged once."""

    def handler() -> None:
        try:
            draw()
        except Exception as error:
            sentence = f"{draw.__name__}: {type(error).__name__}: {error}"
            if sentence not in _told:
                _told.add(sentence)
                _log.exception("an overlay could not be drawn")

    return handler


def prepared(context: bpy.types.Context) -> Prepared:
    """What is to be drawn now; made anew only after changes."""
    settings, obj = context.window_manager.mosaic_view, supply.memory_shown(context)
    key = _key(context, settings, obj)
    if key != _drawing.key:
        _drawing.key = key  # also where making it fails: it is not tried again at every mouse move
        _drawing.prepared = Prepared()
        _drawing.prepared = _prepare(context, settings, obj)
    return _drawing.prepared


def colours_of(obj: bpy.types.Object) -> np.ndarray | None:  # (F, 4) float32
    """The colours of a memory's faces in the chosen mode; None for the captured pixels."""
    context = bpy.context
    mode = context.window_manager.mosaic_view.colour_mode
    if mode == "CAPTURED" or obj.mode == "EDIT" or obj != supply.memory_shown(context):
        return None
    return colouring.face_colours(gather(context, obj, mode, faces=True), mode)


def _key(context: bpy.types.Context, settings, obj: bpy.types.Object | None) -> tuple[object, ...]:
    switches = (settings.colour_mode, settings.show_frusta, settings.show_path, settings.show_holes)
    take = (context.window_manager.mosaic_job.take_folder, context.scene.mosaic.shot_index)
    of_memory = (obj.name_full, obj.mosaic.memory_sha256, changes.version_of(obj)) if obj is not None else ()
    return context.scene.name_full, switches, supply.revision(), take, of_memory, supply.path_key(context.scene)


def _prepare(context: bpy.types.Context, settings, obj: bpy.types.Object | None) -> Prepared:
    lines: list[Lines] = []
    legends: list[Legend] = []
    known = None
    if obj is not None and (settings.colour_mode != "CAPTURED" or settings.show_holes or settings.show_frusta):
        known = gather(context, obj, settings.colour_mode, holes=settings.show_holes)
        if settings.colour_mode != "CAPTURED":
            legends.append(colouring.legend_of(known, settings.colour_mode))
            lines += _gone(known)
    bounds = _bounds(known.memory) if known is not None else None
    if settings.show_frusta and known is not None and known.memory is not None:
        lines.append(_frusta(known, bounds))
    if settings.show_holes and known is not None:
        lines += _holes(known, legends)
    if settings.show_path:
        path = supply.path_of(context.scene)
        if path is not None:
            lines.append(_path(path, bounds, legends))
        elif supply.trouble():
            legends.append(Legend(phrase("Path: {reason}", reason=supply.trouble())))
    return Prepared(tuple(each for each in lines if len(each)), tuple(legends))


def _bounds(memory: Memory | None) -> np.ndarray | None:  # (2, 3)
    try:
        return None if memory is None else np.stack(extent_m(memory))
    except MosaicError:  # nothing of it has a place
        return None


def _size_m(bounds: np.ndarray | None) -> float:
    return float(np.linalg.norm(bounds[1] - bounds[0])) if bounds is not None else 10.0


def _frusta(known: colouring.Known, bounds: np.ndarray | None) -> Lines:
    cameras = [view.camera for view in known.memory.views]
    return frusta_lines(cameras, kinds(len(cameras), alpha=1.0), length_m=frustum_length_m(_size_m(bounds)))


def _path(path: CameraPath, bounds: np.ndarray | None, legends: list[Legend]) -> Lines:
    lines, step = path_lines(path, tick_m=0.02 * _size_m(bounds), bounds=bounds)
    legends.append(Legend(phrase("Path: {count} frames", count=len(path)), speed_entries(path, bounds, step)))
    return lines


def _holes(known: colouring.Known, legends: list[Legend]) -> list[Lines]:
    if known.seen is None:
        reason = next(iter(known.waiting.values()), phrase("looking along the path ..."))
        legends.append(Legend(phrase("Holes: {reason}", reason=reason)))
        return []
    seen = known.seen
    unknown = 1 - float(np.mean(seen.known))
    worst = int(np.argmin(seen.known))
    title = phrase(
        "Holes: {path:.1%} of the path, {worst:.1%} at frame {frame}",
        path=unknown,
        worst=1 - seen.known[worst],
        frame=seen.frame_numbers[worst],
    )
    legends.append(Legend(title, ((MAGENTA, phrase("no view saw this place")),) if len(seen.holes_world) else ()))
    size_m = 0.006 * float(np.linalg.norm(np.ptp(seen.holes_world, axis=0))) if len(seen.holes_world) > 1 else 0.05
    return [crosses(seen.holes_world, MAGENTA, size_m=min(max(size_m, 0.01), 0.1))]


def _gone(known: colouring.Known) -> list[Lines]:
    """What was deleted since the take has no face any more to be coloured."""
    return [crosses(known.removed_world, colouring.REMOVED, size_m=0.06)] if len(known.removed_world) else []


def draw_lines() -> None:
    """In the viewport's own space."""
    context = bpy.context
    if not context.space_data.overlay.show_overlays or not _anything(context):
        return
    lines = prepared(context).lines
    while len(_drawing.batches) < len(lines):
        _drawing.batches.append(LineBatch())
    for batch, each in zip(_drawing.batches, lines, strict=False):
        batch.draw(each, (context.region.width, context.region.height))


def draw_legends() -> None:
    """In pixels of the region."""
    context = bpy.context
    if not context.space_data.overlay.show_overlays or not _anything(context):
        return
    if context.window_manager.mosaic_view.show_legend:
        scale = context.preferences.system.ui_scale
        _drawing.legend.draw(prepared(context).legends, left_px=left_of(context.area), scale=scale)


def _anything(context: bpy.types.Context) -> bool:
    settings = context.window_manager.mosaic_view
    return settings.show_frusta or settings.show_path or settings.show_holes or settings.colour_mode != "CAPTURED"


def forget() -> None:
    """Free the graphics card's memory."""
    global _drawing
    _drawing = _Drawing()


_handles: list[object] = []


def _recolour() -> None:
    """The patches' colours are asked for again: those that were given may be others now."""
    mode = bpy.context.window_manager.mosaic_view.colour_mode
    if mode != "CAPTURED" or _drawing.coloured:
        source.changed()
    _drawing.coloured = mode != "CAPTURED"


def register() -> None:
    source.set_colour_source(colours_of)
    supply.listeners.append(_recolour)
    for draw, kind in ((draw_lines, "POST_VIEW"), (draw_legends, "POST_PIXEL")):
        _handles.append(bpy.types.SpaceView3D.draw_handler_add(quietly(draw), (), "WINDOW", kind))


def unregister() -> None:
    supply.listeners.remove(_recolour)
    source.set_colour_source(None)
    while _handles:
        bpy.types.SpaceView3D.draw_handler_remove(_handles.pop(), "WINDOW")
    forget()
