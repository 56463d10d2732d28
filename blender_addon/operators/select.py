"""Select patches by object, by view, by camera. The selection is Blender's own, so native tools go on from there."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import EnumProperty, IntProperty, StringProperty

from mosaic_core.errors import MosaicError
from mosaic_core.memory.selection import object_ids_named
from mosaic_core.wording import counted, phrase

from ..cameras import camera_of_blender
from ..memory import store
from ..memory.select import (
    change_selection,
    faces_in_frustum,
    faces_of_objects,
    faces_of_views,
    patch_faces,
    selected_faces,
    values_of_selection,
)
from ..translations import report
from .memory_poll import MemoryOperator, told_selected


class SelectOperator(MemoryOperator):
    mode: EnumProperty(
        name="Selection",
        description="What becomes of the present selection",
        items=[
            ("SET", "Set", "Select only these"),
            ("EXTEND", "Extend", "Add these to the selection"),
            ("SUBTRACT", "Subtract", "Take these out of the selection"),
        ],
        default="SET",
        options={"SKIP_SAVE"},  # a menu's entry selects these, whatever the last one did
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = store.active_memory(context)
        try:
            found = self.find(context, obj)
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}
        told_selected(self, change_selection(obj, found, self.mode))
        return {"FINISHED"}


def _object_names(operator: MOSAIC_OT_select_object, context: bpy.types.Context, text: str) -> list[str]:
    obj = store.active_memory(context)
    try:
        names = store.memory_of(obj).object_names.values()
    except MosaicError:
        return []
    return sorted(name for name in names if text.lower() in name.lower())


class MOSAIC_OT_select_object(SelectOperator, bpy.types.Operator):
    """Select all patches of an object; of the objects of the selected patches where no name is given"""

    bl_idname = "mosaic.select_object"
    bl_label = "Select by Object"

    object_names: StringProperty(
        name="Object",
        description="Name of the captured object, or several with commas between; empty: those of the selection",
        search=_object_names,
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        if not self.object_names:
            ids = values_of_selection(obj, "object_id")
            if not ids:
                raise MosaicError(phrase("select a patch of the object first, or name the object"))
            return faces_of_objects(obj, ids)
        held = store.memory_of(obj).object_names
        names = [self.object_names]
        if self.object_names not in held.values():
            names = [name.strip() for name in self.object_names.split(",")]
        return faces_of_objects(obj, object_ids_named(held, names))


class MOSAIC_OT_select_view(SelectOperator, bpy.types.Operator):
    """Select all patches that one view saw; that the views of the selected patches saw where the number is -1"""

    bl_idname = "mosaic.select_view"
    bl_label = "Select by View"

    view: IntProperty(
        name="View", description="Number of the view, from 0; -1: those of the selection", default=-1, min=-1
    )

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        views = [self.view] if self.view >= 0 else values_of_selection(obj, "view")
        if not views:
            raise MosaicError(phrase("select a patch of the view first, or give the view's number"))
        if self.view >= 0:
            count = len(store.memory_of(obj).views)
            if self.view >= count:
                held = counted(count, "views")
                raise MosaicError(phrase("the memory has {views}, there is no view {view}", views=held, view=self.view))
        return faces_of_views(obj, views)


class MOSAIC_OT_select_frustum(SelectOperator, bpy.types.Operator):
    """Select all patches inside the image of the active camera, or of the scene's"""

    bl_idname = "mosaic.select_frustum"
    bl_label = "Select by Camera"

    def find(self, context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        active = context.view_layer.objects.active
        blender_camera = active if active is not None and active.type == "CAMERA" else context.scene.camera
        if blender_camera is None:
            raise MosaicError(phrase("there is no camera: make one active or set the scene's camera"))
        render = context.scene.render
        camera = camera_of_blender(
            blender_camera,
            context.evaluated_depsgraph_get(),
            image_height=render.resolution_y,
            image_width=render.resolution_x,
            pixel_aspect=(render.pixel_aspect_x, render.pixel_aspect_y),
        )
        return faces_in_frustum(obj, camera)


class MOSAIC_OT_select_all(MemoryOperator, bpy.types.Operator):
    """Select all patches, none, or those that are not selected"""

    bl_idname = "mosaic.select_all"
    bl_label = "Select All Patches"

    action: EnumProperty(
        name="Action",
        description="What becomes of the selection",
        items=[
            ("SELECT", "All", "Select every patch that is shown"),
            ("DESELECT", "None", "Select no patch"),
            ("INVERT", "Invert", "Select what is not selected"),
        ],
        default="SELECT",
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = store.active_memory(context)
        patches = patch_faces(obj)
        wanted = {
            "SELECT": patches,
            "DESELECT": np.zeros_like(patches),
            "INVERT": patches & ~selected_faces(obj),
        }[self.action]
        told_selected(self, change_selection(obj, wanted, "SET"))
        return {"FINISHED"}


CLASSES = (MOSAIC_OT_select_object, MOSAIC_OT_select_view, MOSAIC_OT_select_frustum, MOSAIC_OT_select_all)
