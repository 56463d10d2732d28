"""The panel Memory: capture settings, the memory that is worked on, and how it is."""

from __future__ import annotations

import bpy
import numpy as np

from mosaic_core.wording import counted

from ..memory import store
from ..overlay import draw
from ..registry import registration
from ..translations import in_words
from .drawing import SidebarPanel, draw_pair, draw_text, safely

# Counting is a millisecond up to here; beyond, the numbers are left out and drawing stays quick.
_MAX_COUNTED_FACES = 500_000


def draw_memory(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Capture settings, the memory that is worked on, and how it is."""
    settings = context.scene.mosaic
    row = layout.row(align=True)
    row.operator("mosaic.capture_wizard", text="Set Up Capture...", icon="OUTLINER_OB_CAMERA")
    row.operator("mosaic.import_memory", text="Import...", icon="IMPORT")
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "capture_source")
    if settings.capture_source == "ANIMATION":
        column.prop(settings, "capture_every")
    column.prop(settings, "capture_engine")
    draw_pair(column, "Size", settings, "capture_width", "capture_height")
    row = layout.row(align=True)
    row.scale_y = 1.4
    if not store.is_memory(settings.memory):
        row.operator("mosaic.capture", icon="RENDER_STILL")
    else:
        row.operator("mosaic.capture", text="Capture", icon="RENDER_STILL")
        row.operator("mosaic.capture", text="Add Views", icon="ADD").extend = True
    layout.separator()
    layout.prop(settings, "memory")
    obj = store.active_memory(context)
    if obj is None:
        draw_text(layout, context, "No memory yet: capture the scene", icon="INFO")
        return
    _draw_memory_facts(layout, context, obj)
    row = layout.row(align=True)
    row.operator("mosaic.validate", text="Validate", icon="CHECKMARK")
    row.operator("mosaic.relink", text="Relink", icon="FILE_REFRESH")
    row = layout.row(align=True)
    row.prop(settings, "show_points", toggle=True)
    row.prop(settings, "point_detail", text="")
    if settings.show_points:
        layout.prop(settings, "point_size", text="Point Size")
    if draw.failure():
        draw_text(layout, context, f"Points cannot be drawn here: {draw.failure()}", icon="ERROR")
    alone = context.space_data is not None and getattr(context.space_data, "local_view", None) is not None
    layout.operator("mosaic.show_memory", text="Back to the Scene" if alone else "Show Alone", icon="ZOOM_SELECTED")


def _draw_memory_facts(layout: bpy.types.UILayout, context: bpy.types.Context, obj: bpy.types.Object) -> None:
    counts = memory_counts(obj)
    if counts:
        words = (in_words(counted(number, plural)) for (_, plural), number in counts.items())
        layout.label(text=", ".join(words), icon="MESH_GRID")
    file = store.absolute_path(obj)
    if not file.is_file():
        draw_text(layout, context, f"The memory file is missing, expected {file}: use Relink", icon="ERROR")
    if not store.is_editable(obj):
        draw_text(layout, context, "Linked from another file: make it local to edit it", icon="LINKED")


def memory_counts(obj: bpy.types.Object) -> dict[tuple[str, str], int]:
    """How many patches, views and objects the faces show; nothing in Edit Mode, which keeps them to itself."""
    mesh = obj.data
    if obj.mode == "EDIT":
        return {}
    counts = {("patch", "patches"): len(mesh.polygons)}
    if len(mesh.polygons) <= _MAX_COUNTED_FACES:
        for name, nouns in (("view", ("view", "views")), ("object_id", ("object", "objects"))):
            attribute = mesh.attributes.get(name)
            if attribute is not None and attribute.domain == "FACE" and attribute.data_type == "INT":
                values = np.zeros(len(attribute.data), np.int32)
                attribute.data.foreach_get("value", values)
                counts[nouns] = int((np.bincount(values[values >= 0]) > 0).sum()) if len(values) else 0
    return counts


class MOSAIC_PT_memory(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_memory"
    bl_label = "Memory"
    draw = safely(draw_memory)


register, unregister = registration(MOSAIC_PT_memory)
