"""Getting the GPU process, right where it is needed: what is missing, the button, and how far it is."""

from __future__ import annotations

import bpy

from ..preferences import may_install
from ..worker_setup import needs_set_up
from .drawing import draw_text

_WHY = "Video is made by a Python with torch. Set Up takes one that is on this computer, or installs one (up to 3 GB)."
_OFFLINE = "Blender may not go online, so only this computer is searched."


def draw_set_up(layout: bpy.types.UILayout, context: bpy.types.Context) -> bool:
    """Draw what is missing before anything can be generated; False, and nothing drawn, where nothing is."""
    status = context.window_manager.mosaic_worker
    if status.installing:
        _draw_progress(layout, context, status)
        return True
    if not needs_set_up():
        return False
    if status.failed and status.line:
        box = layout.box()
        draw_text(box, context, status.line[:1].upper() + status.line[1:], icon="ERROR")
        row = box.row(align=True)
        row.operator("mosaic.copy_report", icon="COPYDOWN")
        row.operator("mosaic.open_preferences", icon="PREFERENCES")
    else:
        draw_text(layout, context, _WHY, icon="INFO")
    if not may_install():
        draw_text(layout, context, _OFFLINE, icon="INTERNET_OFFLINE")
        layout.prop(context.preferences.system, "use_online_access", text="Allow Online Access")
    row = layout.row()
    row.scale_y = 1.6
    row.operator("mosaic.set_up", icon="IMPORT")
    return True


def _draw_progress(layout: bpy.types.UILayout, context: bpy.types.Context, status) -> None:
    split = layout.split(factor=0.75, align=True)
    if status.fraction >= 0:
        split.progress(factor=status.fraction, type="BAR", text=f"{status.fraction:.0%}")
    else:
        split.label(text="Setting up", icon="SORTTIME")
    split.operator("mosaic.cancel_environment")
    draw_text(layout, context, status.line)
