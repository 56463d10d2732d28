"""How far the capture is, in the status bar of every window, beside what Blender says there.

The text that `status_text_set` gives a workspace would stay in one that the artist leaves meanwhile, and take the place
of what other tools say; the header text of an area would take its menus.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

import bpy


class Shown(Protocol):
    """What is drawn."""

    @property
    def in_words(self) -> str: ...


_shown: Shown | None = None


def show(shown: Shown) -> None:
    """Draw it from now on, as it is now."""
    global _shown
    hide()  # whoever sets a status text takes drawing functions away
    _shown = shown
    _bar().prepend(_draw)
    _redraw()


def hide() -> None:
    """Draw it no longer."""
    global _shown
    _shown = None
    with contextlib.suppress(ValueError):
        _bar().remove(_draw)
    _redraw()


def _bar():
    from bl_ui.space_statusbar import STATUSBAR_HT_header  # a module of Blender's windows

    return STATUSBAR_HT_header


def _draw(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    if _shown is not None:
        header.layout.label(text=_shown.in_words, icon="RENDER_STILL")


def _redraw() -> None:
    """The status bar is in no screen's list of areas; setting a text, here none, draws it again."""
    workspace = bpy.context.workspace
    if workspace is not None:
        workspace.status_text_set_internal(None)
