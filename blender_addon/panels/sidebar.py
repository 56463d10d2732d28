"""The tab "Mosaic" in the 3D viewport's sidebar: Memory, Edit, Path, Generate, Result, in the order of the work.

Drawing only reads. It runs at every mouse move, so nothing here loads a memory or hashes a file; what the buttons
may not do is said by the operators' `poll`.
"""

from __future__ import annotations

import bpy
import numpy as np

from ..memory import store
from ..memory.sets import set_names
from ..operators.generate import newest_frame, shown_take
from ..operators.memory_poll import count_of
from ..paths.curve import followed_curve, followed_frames, look_target
from ..registry import registration
from ..results import live_thumbnail, thumbnail
from ..shots import memory_to_generate_from
from .drawing import draw_text, safely

_MAX_MENU_ENTRIES = 200
# Counting is a millisecond up to here; beyond, the numbers are left out and drawing stays quick.
_MAX_COUNTED_FACES = 500_000


class _SidebarPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mosaic"


def draw_memory(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Capture settings, the memory that is worked on, and how it is."""
    settings = context.scene.mosaic
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "capture_source")
    if settings.capture_source == "ANIMATION":
        column.prop(settings, "capture_every")
    column.prop(settings, "capture_engine")
    _size(column, settings, "capture_width", "capture_height")
    row = layout.row(align=True)
    row.scale_y = 1.4
    row.operator("mosaic.capture", icon="RENDER_STILL")
    if store.is_memory(settings.memory):
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
    alone = context.space_data is not None and getattr(context.space_data, "local_view", None) is not None
    layout.operator("mosaic.show_memory", text="Back to the Scene" if alone else "Show Alone", icon="ZOOM_SELECTED")


def _draw_memory_facts(layout: bpy.types.UILayout, context: bpy.types.Context, obj: bpy.types.Object) -> None:
    counts = memory_counts(obj)
    if counts:
        words = (count_of(number, noun, plural) for (noun, plural), number in counts.items())
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


def draw_edit(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Select patches, then do something with them."""
    obj = store.active_memory(context)
    if obj is not None:
        layout.label(text=selection_in_words(obj), icon="RESTRICT_SELECT_OFF")
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
    row.menu("MOSAIC_MT_select_meaning", text="More")
    flow = layout.grid_flow(columns=2, even_columns=True, align=True)
    flow.operator("mosaic.duplicate", text="Duplicate", icon="DUPLICATE")
    flow.operator("mosaic.move", text="Move", icon="EMPTY_ARROWS")
    flow.operator("mosaic.rotate", text="Rotate", icon="DRIVER_ROTATIONAL_DIFFERENCE")
    flow.operator("mosaic.scale", text="Scale", icon="FULLSCREEN_ENTER")
    flow.operator("mosaic.hide", text="Hide", icon="HIDE_ON")
    flow.operator("mosaic.show", text="Show All", icon="HIDE_OFF")
    flow.operator("mosaic.delete", text="Delete", icon="TRASH")
    flow.operator("mosaic.reset", text="Reset", icon="LOOP_BACK")


def selection_in_words(obj: bpy.types.Object) -> str:
    """How many patches are selected."""
    mesh = obj.data
    if obj.mode == "EDIT":
        return f"{mesh.total_face_sel} patches selected"
    selected = np.zeros(len(mesh.polygons), bool)
    mesh.polygons.foreach_get("select", selected)
    return f"{int(selected.sum())} of {len(selected)} patches selected"


def draw_path(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The camera, how it moves, and how to change that."""
    scene, settings = context.scene, context.scene.mosaic
    column = layout.column(align=True)
    column.scale_y = 1.4
    column.operator("mosaic.draw_path", icon="GREASEPENCIL")
    layout.operator_menu_enum("mosaic.path_preset", "kind", text="Add Preset", icon="CURVE_PATH")
    layout.prop(settings, "path_camera", text="Camera")
    camera_obj = settings.path_camera or scene.camera
    if camera_obj is None:
        draw_text(layout, context, "No camera: draw a path or add one", icon="INFO")
    else:
        if settings.path_camera is None:
            layout.label(text=f"The scene's camera: {camera_obj.name}", icon="CAMERA_DATA")
        _draw_path_facts(layout, camera_obj)
    row = layout.row(align=True)
    row.prop(scene, "frame_start", text="Start")
    row.prop(scene, "frame_end", text="End")
    layout.operator("mosaic.plan_path", icon="VIEWZOOM")
    for line in settings.plan.splitlines():
        draw_text(layout, context, line, icon="NONE")
    row = layout.row(align=True)
    row.operator("mosaic.export_path", text="Export", icon="EXPORT")
    row.operator("mosaic.import_path", text="Import", icon="IMPORT")


def _draw_path_facts(layout: bpy.types.UILayout, camera_obj: bpy.types.Object) -> None:
    curve = followed_curve(camera_obj)
    frames = followed_frames(camera_obj)
    if curve is not None:
        length = f", {frames[1]} frames from {frames[0]}" if frames else ""
        layout.label(text=f"{camera_obj.name} follows {curve.name}{length}", icon="CON_FOLLOWPATH")
    target = look_target(camera_obj)
    if target is not None:
        layout.label(text=f"looks at {target.name}", icon="CON_TRACKTO")
    layout.operator("mosaic.follow_path", text="Speed and Look" if curve is not None else "Follow Curve")


def draw_generate(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What to make, the button, and how far it is."""
    settings, status = context.scene.mosaic, context.window_manager.mosaic_job
    if status.running:
        # Above the settings, where it is seen without scrolling.
        split = layout.split(factor=0.75, align=True)
        split.progress(factor=status.fraction, type="BAR", text=status.text)
        cancel = split.row(align=True)
        cancel.enabled = not status.cancelling
        cancel.operator("mosaic.cancel")
        _draw_icon(layout, live_thumbnail())
    column = layout.column()
    column.enabled = not status.running
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "engine")
    _size(column, settings, "width", "height")
    column.prop(settings, "seed")
    column.prop(settings, "prompt")
    column.prop(settings, "output_folder")
    column.prop(settings, "add_background")
    column.prop(settings, "add_strip")
    if not status.running:
        _draw_generate_button(layout, context, status)


def _draw_generate_button(layout: bpy.types.UILayout, context: bpy.types.Context, status) -> None:
    obj = memory_to_generate_from(context)
    row = layout.row()
    row.scale_y = 1.4
    name = f"Generate from {obj.name}" if obj is not None else "Generate"
    row.operator("mosaic.generate", text=name, icon="RENDER_ANIMATION")
    if status.error:
        _draw_error(layout.box(), context, status)
    elif status.text:
        draw_text(layout, context, status.text, icon="INFO")


def _draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, status) -> None:
    draw_text(layout, context, status.error, icon="ERROR")
    row = layout.row(align=True)
    row.operator("mosaic.copy_report", icon="COPYDOWN")
    row.operator("mosaic.open_preferences", icon="PREFERENCES")


def draw_result(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The newest take and what can be done with it."""
    folder = shown_take(context)
    if folder is None:
        draw_text(layout, context, "No take yet", icon="INFO")
    else:
        layout.label(text=folder.name, icon="RENDER_RESULT")
        _draw_icon(layout, thumbnail(str(newest_frame(folder) or "")))
        _draw_result_buttons(layout)


def _draw_result_buttons(layout: bpy.types.UILayout) -> None:
    row = layout.row(align=True)
    play = row.operator("mosaic.open_result", text="Play", icon="PLAY")
    play.play = True
    row.operator("mosaic.open_result", text="Open Folder", icon="FILE_FOLDER")
    row = layout.row(align=True)
    background = row.operator("mosaic.apply_result", text="Background", icon="IMAGE_BACKGROUND")
    background.strip = False
    strip = row.operator("mosaic.apply_result", text="Strip", icon="SEQ_SEQUENCER")
    strip.background = False


def _draw_icon(layout: bpy.types.UILayout, icon: int) -> None:
    if icon:
        layout.template_icon(icon_value=icon, scale=8.0)


def _size(layout: bpy.types.UILayout, settings, width: str, height: str) -> None:
    split = layout.split(factor=0.4)
    split.use_property_split = False
    label = split.row()
    label.alignment = "RIGHT"
    label.label(text="Size")
    row = split.row(align=True)
    row.prop(settings, width, text="")
    row.prop(settings, height, text="")


def draw_object_menu(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """One entry an object of the memory."""
    layout.operator("mosaic.select_object", text="Of the Selected Patches")
    layout.separator()
    for name in sorted(_loaded_memory(context).object_names.values())[:_MAX_MENU_ENTRIES]:
        layout.operator("mosaic.select_object", text=name).object_names = name


def draw_view_menu(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """One entry a view of the memory."""
    layout.operator("mosaic.select_view", text="Of the Selected Patches")
    layout.separator()
    for number, view in enumerate(_loaded_memory(context).views[:_MAX_MENU_ENTRIES]):
        layout.operator("mosaic.select_view", text=view.name or f"View {number}").view = number


def draw_meaning_menu(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Selecting by what patches are, and the sets that were kept."""
    layout.operator("mosaic.select_like", text="Similar Colours", icon="COLOR")
    layout.operator("mosaic.select_connected", text="Connected Surface", icon="LINKED")
    layout.operator("mosaic.select_grow", text="Grow", icon="ADD").steps = 1
    layout.operator("mosaic.select_grow", text="Shrink", icon="REMOVE").steps = -1
    layout.operator("mosaic.select_all", text="Invert", icon="ARROW_LEFTRIGHT").action = "INVERT"
    layout.separator()
    layout.operator("mosaic.select_time", text="By Capture Time", icon="TIME")
    layout.operator("mosaic.select_conflicts", text="Conflicts", icon="ERROR")
    layout.separator()
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator("mosaic.keep_set", icon="BOOKMARKS")
    layout.operator_context = "EXEC_DEFAULT"
    obj = store.active_memory(context)
    for name in (set_names(obj) if obj is not None else [])[:_MAX_MENU_ENTRIES]:
        layout.operator("mosaic.select_set", text=name, icon="GROUP").name = name


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


class MOSAIC_PT_memory(_SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_memory"
    bl_label = "Memory"
    draw = safely(draw_memory)


class MOSAIC_PT_edit(_SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_edit"
    bl_label = "Edit"
    draw = safely(draw_edit)


class MOSAIC_PT_path(_SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_path"
    bl_label = "Path"
    draw = safely(draw_path)


class MOSAIC_PT_generate(_SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_generate"
    bl_label = "Generate"
    draw = safely(draw_generate)


class MOSAIC_PT_result(_SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_result"
    bl_label = "Result"
    draw = safely(draw_result)


PANELS = (MOSAIC_PT_memory, MOSAIC_PT_edit, MOSAIC_PT_path, MOSAIC_PT_generate, MOSAIC_PT_result)
MENUS = (MOSAIC_MT_select_object, MOSAIC_MT_select_view, MOSAIC_MT_select_meaning)

register, unregister = registration(*MENUS, *PANELS)
