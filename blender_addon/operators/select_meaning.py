"""Select patches by what they are: like these, of this surface, of that time, in conflict, kept under a name."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import FloatProperty, IntProperty, StringProperty

from mosaic_core.errors import MosaicError

from ..memory import meaning, sets, store
from .memory_poll import MemoryOperator, count_of
from .select import SelectOperator


class MOSAIC_OT_select_like(SelectOperator, bpy.types.Operator):
    """Select all patches whose colour is like that of the selected ones"""

    bl_idname = "mosaic.select_like"
    bl_label = "Select Similar Colours"

    difference: FloatProperty(
        name="Difference",
        description="How far colours may be apart: 2 can just be told apart, 100 is black from white (CIE76)",
        default=8,
        min=0,
        soft_max=50,
        max=300,
    )

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        return meaning.faces_like(obj, difference=self.difference)


class MOSAIC_OT_select_connected(SelectOperator, bpy.types.Operator):
    """Select the whole surfaces that the selected patches are part of, whichever views saw them"""

    bl_idname = "mosaic.select_connected"
    bl_label = "Select Connected Surface"

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        return meaning.faces_connected(obj)


class MOSAIC_OT_select_grow(SelectOperator, bpy.types.Operator):
    """Add the patches that touch the selection, or take its rim away"""

    bl_idname = "mosaic.select_grow"
    bl_label = "Grow or Shrink Selection"

    steps: IntProperty(
        name="Steps",
        description="How many rows of patches: above zero grows, below shrinks",
        default=1,
        min=-50,
        max=50,
    )

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        return meaning.faces_around(obj, steps=self.steps)


class MOSAIC_OT_select_time(SelectOperator, bpy.types.Operator):
    """Select the patches whose view was captured in a span of time"""

    bl_idname = "mosaic.select_time"
    bl_label = "Select by Capture Time"

    since_s: FloatProperty(name="Since", description="Seconds on the timeline", default=0.0)
    until_s: FloatProperty(name="Until", description="Seconds on the timeline", default=1e6)

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        return meaning.faces_seen_between(obj, self.since_s, self.until_s)


class MOSAIC_OT_select_conflicts(SelectOperator, bpy.types.Operator):
    """Select the patches that another view contradicts: something else is there, or nothing"""

    bl_idname = "mosaic.select_conflicts"
    bl_label = "Select Conflicts"

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        return meaning.faces_in_conflict(obj)


def _set_names(operator: bpy.types.Operator, context: bpy.types.Context, text: str) -> list[str]:
    obj = store.active_memory(context)
    return [name for name in sets.set_names(obj) if text.lower() in name.lower()] if obj else []


class MOSAIC_OT_select_set(SelectOperator, bpy.types.Operator):
    """Select the patches that were kept under a name"""

    bl_idname = "mosaic.select_set"
    bl_label = "Select Set"

    name: StringProperty(name="Name", search=_set_names)

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        return sets.faces_of_set(obj, self.name)


class MOSAIC_OT_keep_set(MemoryOperator, bpy.types.Operator):
    """Keep the selected patches under a name, to select them again later"""

    bl_idname = "mosaic.keep_set"
    bl_label = "Keep Selection as Set"

    name: StringProperty(name="Name", default="Set", search=_set_names, search_options={"SUGGESTION"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = store.active_memory(context)
        try:
            members = meaning.selected_patches(obj)
            sets.keep_set(obj, self.name, members)
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{count_of(int(members.sum()))} kept as {self.name}")
        return {"FINISHED"}


class MOSAIC_OT_forget_set(MemoryOperator, bpy.types.Operator):
    """Forget a set; its patches stay as they are"""

    bl_idname = "mosaic.forget_set"
    bl_label = "Forget Set"

    name: StringProperty(name="Name", search=_set_names)

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = store.active_memory(context)
        mode = obj.mode
        if mode == "EDIT":  # Blender removes attributes in Object Mode only
            bpy.ops.object.mode_set(mode="OBJECT")
        try:
            sets.forget_set(obj, self.name)
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            if mode == "EDIT":
                bpy.ops.object.mode_set(mode="EDIT")
        self.report({"INFO"}, f"forgot {self.name}")
        return {"FINISHED"}


CLASSES = (
    MOSAIC_OT_select_like,
    MOSAIC_OT_select_connected,
    MOSAIC_OT_select_grow,
    MOSAIC_OT_select_time,
    MOSAIC_OT_select_conflicts,
    MOSAIC_OT_select_set,
    MOSAIC_OT_keep_set,
    MOSAIC_OT_forget_set,
)
