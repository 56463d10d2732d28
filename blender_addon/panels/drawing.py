"""What all panels share: their place, drawing that never raises, and text that fits the sidebar.

Drawing only reads. It runs at every mouse move, so nothing in it loads a memory or hashes a file; what the buttons may
not do is said by the operators' `poll`.

A panel that raises leaves a hole in the sidebar and floods the console at every mouse move, so a failure is logged once
and said in the panel's place.
"""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Callable

import bpy

from mosaic_core.errors import MosaicError

from ..translations import CONTEXT, in_words

_log = logging.getLogger(__name__)
_told: set[str] = set()
# Blender's default font at the default size: some seven pixels a letter, two letters of margin.
_PIXELS_A_LETTER = 7.0
_MARGIN_LETTERS = 6
_NARROWEST_LETTERS = 16
_MAX_LINES = 12

Draw = Callable[[bpy.types.UILayout, bpy.types.Context], None]


class SidebarPanel:
    """Where the panels are: the tab "Mosaic" of the 3D viewport's sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mosaic"
    bl_translation_context = CONTEXT


def safely(draw: Draw) -> Callable[[bpy.types.Panel, bpy.types.Context], None]:
    """The `draw` method of a panel from a function of a layout and a context."""

    def draw_method(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        try:
            draw(self.layout, context)
        except MosaicError as error:
            self.layout.label(text=str(error), icon="ERROR")
        except Exception as error:
            sentence = f"{type(error).__name__}: {error}"
            if sentence not in _told:
                _told.add(sentence)
                _log.exception("%s could not be drawn", draw.__name__)
            self.layout.label(text=f"Cannot be shown: {sentence}", icon="ERROR")

    return draw_method


def draw_text(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, *, icon: str = "NONE") -> None:
    """A sentence over as many lines as the region's width asks for; the icon stands before the first.

    It is translated here: Blender would look for the single lines.
    """
    text = bpy.app.translations.pgettext_iface(in_words(text))
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(wrapped(text, _letters_a_line(context))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE")


def wrapped(text: str, letters: int) -> list[str]:
    """Lines of at most `letters` letters; the middle of a very long text is left out."""
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, max(letters, _NARROWEST_LETTERS))]
    if len(lines) > _MAX_LINES:
        half = _MAX_LINES // 2
        lines = [*lines[:half], "...", *lines[-half:]]
    return lines


def _letters_a_line(context: bpy.types.Context) -> int:
    scale = context.preferences.system.ui_scale or 1.0
    width_px = context.region.width if context.region is not None else 300
    return int(width_px / (_PIXELS_A_LETTER * scale)) - _MARGIN_LETTERS


def draw_icon(layout: bpy.types.UILayout, icon: int) -> None:
    """A picture by its icon number; nothing for 0."""
    if icon:
        layout.template_icon(icon_value=icon, scale=8.0)


def draw_pair(layout: bpy.types.UILayout, label: str, data, first: str, second: str) -> None:
    """Two properties of `data` as one line."""
    split = layout.split(factor=0.4)
    split.use_property_split = False
    side = split.row()
    side.alignment = "RIGHT"
    side.label(text=label)
    row = split.row(align=True)
    row.prop(data, first, text="")
    row.prop(data, second, text="")
