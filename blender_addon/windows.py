"""What is drawn in windows: redraws and the context for operators that a timer calls. Does nothing without a window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


def redraw(*area_types: str, region_type: str = "") -> None:
    """Draw every area of these types again soon; of them only the regions of that type where one is named."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in area_types and not region_type:
                area.tag_redraw()
            elif area.type in area_types:
                for region in area.regions:
                    if region.type == region_type:
                        region.tag_redraw()


@contextmanager
def window_context(scene: bpy.types.Scene | None = None) -> Iterator[None]:
    """A context with a window in it: timers run without one, and operators want to know where they act.

    The window that shows `scene` where one does.
    """
    windows = list(bpy.context.window_manager.windows)
    showing = [window for window in windows if scene is not None and window.scene == scene]
    if bpy.context.window is not None and not showing:
        showing = [bpy.context.window]
    if not windows:
        yield
        return
    with bpy.context.temp_override(window=(showing or windows)[0]):
        yield
