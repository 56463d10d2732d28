"""The panel Edit: select patches, then do something with them; and the menus that select by what patches are."""

from __future__ import annotations

import bpy
import numpy as np

from mosaic_core.wording import Phrase, phrase

from ..memory import store
from ..memory.sets import set_names
from ..registry import registration
from ..translations import in_words
from .drawing import SidebarPanel, draw_text, safely

_MAX_MENU_ENTRIES = 200


def draw_edit(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Select patches, then do something with them."""
    obj = store.active_memory(context)
    if obj is not None:
        layout.label(text=in_words(selection_in_words(obj)), icon="RESTRICT_SELECT_OFF")
    else:
        draw_text(layout, context, "Capture a memory first, or make one the active object", icon="INFO")
    column = layout.column(align=True)
    row = column.row(align=True)
    row.enabled = obj is not None
    row.menu("MOSAIC_MT_select_object", text="By Object")
    row.menu("MOSAIC_MT_select_view", text="By View")
    row = column.row(align=True)
    row.operator("mosaic.select_frustum", text="Camera")
    row.operator("mosaic.select_all", text="All").action = "SELECT"
    row.operator("mosaic.select_all", text="None").action = "DESELECT"
    more = row.row(align=True)
    more.enabled = obj is not None
    more.menu("MOSAIC_MT_select_meaning", text="More")
    flow = layout.grid_flow(columns=2, even_columns=True, align=True)
    flow.operator("mosaic.duplicate", text="Duplicate", icon="DUPLICATE")
    flow.operator("mosaic.move", text="Move", icon="EMPTY_ARROWS")
    flow.operator("mosaic.rotate", text="Rotate", icon="DRIVER_ROTATIONAL_DIFFERENCE")
    flow.operator("mosaic.scale", text="Scale", icon="FULLSCREEN_ENTER")
    flow.operator("mosaic.hide", text="Hide", icon="HIDE_ON")
    flow.operator("mosaic.show", text="Show All", icon="HIDE_OFF")
    flow.operator("mosaic.delete", text="Delete", icon="TRASH")
    flow.operator("mosaic.reset", text="Reset", icon="LOOP_BACK")


def selection_in_words(obj: bpy.types.Object) -> Phrase:
    """How many patches are selected."""
    mesh = obj.data
    if obj.mode == "EDIT":
        return phrase("{count} patches selected", count=mesh.total_face_sel)
    selected = np.zeros(len(mesh.polygons), bool)
    mesh.polygons.foreach_get("select", selected)
    return phrase("{count} of {all} patches selected", count=int(selected.sum()), all=len(selected))


def draw_object_menu(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """One entry an object of the memory."""
    names = sorted(_loaded_memory(context).object_names.values())
    if len(names) > _MAX_MENU_ENTRIES:
        layout.operator_context = "INVOKE_DEFAULT"  # asks for the name, and offers all of them
        layout.operator("mosaic.select_object", text="By Name", icon="VIEWZOOM")
    layout.operator_context = "EXEC_DEFAULT"
    layout.operator("mosaic.select_object", text="Of the Selected Patches")
    layout.separator()
    for name in names[:_MAX_MENU_ENTRIES]:
        layout.operator("mosaic.select_object", text=name, translate=False).object_names = name


def draw_view_menu(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """One entry a view of the memory."""
    layout.operator("mosaic.select_view", text="Of the Selected Patches")
    layout.separator()
    for number, view in enumerate(_loaded_memory(context).views[:_MAX_MENU_ENTRIES]):
        name = view.name or in_words(phrase("View {number}", number=number))
        layout.operator("mosaic.select_view", text=name, translate=False).view = number


def draw_meaning_menu(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Selecting by what patches are, and the sets that were kept."""
    layout.operator("mosaic.select_like", text="Similar Colours", icon="COLOR")
    layout.operator("mosaic.select_connected", text="Connected Surface", icon="LINKED")
    layout.operator("mosaic.select_grow", text="Grow", icon="ADD").steps = 1
    layout.operator("mosaic.select_grow", text="Shrink", icon="REMOVE").steps = -1
    layout.operator("mosaic.select_all", text="Invert", icon="ARROW_LEFTRIGHT").action = "INVERT"
    layout.separator()
    layout.operator_context = "INVOKE_DEFAULT"  # these ask first, or take a while
    layout.operator("mosaic.select_time", text="By Capture Time", icon="TIME")
    layout.operator("mosaic.select_age", text="By Age", icon="SORTTIME")
    layout.operator("mosaic.select_conflicts", text="Conflicts", icon="ERROR")
    layout.separator()
    layout.operator("mosaic.keep_set", icon="BOOKMARKS")
    layout.operator_context = "EXEC_DEFAULT"
    names = _sets_of_active(context)
    for name in names:
        layout.operator("mosaic.select_set", text=name, translate=False, icon="GROUP").name = name
    if names:
        layout.menu("MOSAIC_MT_forget_set", icon="REMOVE")


def draw_forget_menu(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """One entry a set that was kept."""
    for name in _sets_of_active(context):
        layout.operator("mosaic.forget_set", text=name, translate=False).name = name


def _sets_of_active(context: bpy.types.Context) -> list[str]:
    obj = store.active_memory(context)
    return set_names(obj)[:_MAX_MENU_ENTRIES] if obj is not None else []


def _loaded_memory(context: bpy.types.Context):
    # A menu is opened on purpose, so loading the file is fine here; it stays loaded. Raises `MosaicError`.
    return store.memory_of(store.active_memory(context))


class MOSAIC_MT_select_object(bpy.types.Menu):
    """Objects the memory has seen"""

    bl_idname = "MOSAIC_MT_select_object"
    bl_label = "Object"
    draw = safely(draw_object_menu)


class MOSAIC_MT_select_view(bpy.types.Menu):
    """Views the memory is made of"""

    bl_idname = "MOSAIC_MT_select_view"
    bl_label = "View"
    draw = safely(draw_view_menu)


class MOSAIC_MT_select_meaning(bpy.types.Menu):
    """Select patches by what they are"""

    bl_idname = "MOSAIC_MT_select_meaning"
    bl_label = "Select"
    draw = safely(draw_meaning_menu)


class MOSAIC_MT_forget_set(bpy.types.Menu):
    """Take the name of a set away; its patches stay"""

    bl_idname = "MOSAIC_MT_forget_set"
    bl_label = "Forget Set"
    draw = safely(draw_forget_menu)


class MOSAIC_PT_edit(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_edit"
    bl_label = "Edit"
    draw = safely(draw_edit)


MENUS = (MOSAIC_MT_select_object, MOSAIC_MT_select_view, MOSAIC_MT_select_meaning, MOSAIC_MT_forget_set)

register, unregister = registration(*MENUS, MOSAIC_PT_edit)
