"""Edit the selected patches: duplicate, move, rotate, scale, delete, reset, hide, show.

They do nothing that native tools could not do in Edit Mode; they do it in Object Mode too, leave locked patches alone,
and give copies ids at once. A button of those that need a value starts the drag of `mosaic.transform` where there are
points to drag, and asks for the value elsewhere; scripts give it.
"""

from __future__ import annotations

from typing import ClassVar

import bpy
import numpy as np
from bpy.props import EnumProperty, FloatProperty, FloatVectorProperty
from mathutils import Matrix

from mosaic_core.errors import MosaicError
from mosaic_core.wording import Phrase, counted, phrase

from ..memory import change, store
from ..memory.select import selected_faces
from ..registry import registration
from ..translations import report
from . import memory_file, select, select_meaning
from .memory_poll import MemoryOperator, why_none


class _EditOperator(MemoryOperator):
    """Runs `apply(obj, index)` on the selected patches that are not locked; it returns what to tell the artist."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = store.active_memory(context)
        index, locked = change.changeable(obj, selected_faces(obj))
        if len(index) == 0:
            report(self, "ERROR", why_none(locked))
            return {"CANCELLED"}
        try:
            told = self.apply(obj, index)
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}
        if locked:
            told = phrase("{told}, {patches} locked and left alone", told=told, patches=counted(locked, "patches"))
        report(self, "INFO", told)
        return {"FINISHED"}


class _DraggedOperator(_EditOperator):
    """An edit with a value, which a button has not: the mouse gives it, or a dialog."""

    drag: ClassVar[dict[str, object]]  # properties of `mosaic.transform` that make it this edit

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        obj = store.active_memory(context)
        index, locked = change.changeable(obj, selected_faces(obj))
        if len(index) == 0:
            report(self, "ERROR", why_none(locked))
            return {"CANCELLED"}
        if not bpy.ops.mosaic.transform.poll():  # Edit Mode, points off, no viewport
            return context.window_manager.invoke_props_dialog(self)
        bpy.ops.mosaic.transform("INVOKE_DEFAULT", **self.drag)
        return {"CANCELLED"}  # the drag is the edit, with an undo step of its own


def _offset_property(default: tuple[float, float, float] = (0, 0, 0)):
    return FloatVectorProperty(
        name="Offset",
        description="World space",
        default=default,
        size=3,
        subtype="TRANSLATION",
        unit="LENGTH",
        options={"SKIP_SAVE"},
    )


class MOSAIC_OT_duplicate(_DraggedOperator, bpy.types.Operator):
    """Copy the selected patches and select the copies"""

    bl_idname = "mosaic.duplicate"
    bl_label = "Duplicate Patches"
    drag: ClassVar = {"kind": "MOVE", "duplicate": True}

    offset: _offset_property()

    def apply(self, obj: bpy.types.Object, index: np.ndarray) -> Phrase:
        copies = change.duplicate_faces(obj, index)
        if any(self.offset):
            change.transform_faces(obj, copies, np.array(Matrix.Translation(self.offset)))
        return phrase("{patches} copied", patches=counted(len(copies), "patches"))


class MOSAIC_OT_move(_DraggedOperator, bpy.types.Operator):
    """Move the selected patches"""

    bl_idname = "mosaic.move"
    bl_label = "Move Patches"
    drag: ClassVar = {"kind": "MOVE"}

    offset: _offset_property()

    def apply(self, obj: bpy.types.Object, index: np.ndarray) -> Phrase:
        change.transform_faces(obj, index, np.array(Matrix.Translation(self.offset)))
        return phrase("{patches} moved", patches=counted(len(index), "patches"))


class MOSAIC_OT_rotate(_DraggedOperator, bpy.types.Operator):
    """Turn the selected patches about their common middle"""

    bl_idname = "mosaic.rotate"
    bl_label = "Rotate Patches"
    drag: ClassVar = {"kind": "ROTATE"}

    angle: FloatProperty(
        name="Angle", description="How far to turn", subtype="ANGLE", unit="ROTATION", options={"SKIP_SAVE"}
    )
    axis: EnumProperty(
        name="Axis",
        description="World axis",
        items=[(axis, axis, f"About the world's {axis}") for axis in "XYZ"],
        default="Z",
        options={"SKIP_SAVE"},
    )

    def apply(self, obj: bpy.types.Object, index: np.ndarray) -> Phrase:
        turn = np.array(Matrix.Rotation(self.angle, 4, self.axis))
        change.transform_faces(obj, index, _about(change.centre_of(obj, index), turn))
        return phrase("{patches} turned", patches=counted(len(index), "patches"))


class MOSAIC_OT_scale(_DraggedOperator, bpy.types.Operator):
    """Enlarge or shrink the selected patches about their common middle"""

    bl_idname = "mosaic.scale"
    bl_label = "Scale Patches"
    drag: ClassVar = {"kind": "SCALE"}

    factor: FloatProperty(
        name="Factor",
        description="How many times as large",
        default=1.0,
        min=0.001,
        max=1000.0,
        options={"SKIP_SAVE"},
    )

    def apply(self, obj: bpy.types.Object, index: np.ndarray) -> Phrase:
        scale = np.diag([self.factor, self.factor, self.factor, 1.0])
        change.transform_faces(obj, index, _about(change.centre_of(obj, index), scale))
        return phrase("{patches} scaled", patches=counted(len(index), "patches"))


class MOSAIC_OT_delete(_EditOperator, bpy.types.Operator):
    """Delete the selected patches from the scene. The memory file keeps them: Undo brings them back"""

    bl_idname = "mosaic.delete"
    bl_label = "Delete Patches"

    def apply(self, obj: bpy.types.Object, index: np.ndarray) -> Phrase:
        change.delete_faces(obj, index)
        return phrase("{patches} deleted", patches=counted(len(index), "patches"))


class MOSAIC_OT_reset(_EditOperator, bpy.types.Operator):
    """Put the selected patches back where they were captured"""

    bl_idname = "mosaic.reset"
    bl_label = "Reset Patches"

    part: EnumProperty(
        name="Part",
        description="What to take back",
        items=[
            ("ALL", "All", "Location, rotation and scale"),
            ("LOCATION", "Location", "Where they went; they stay turned and scaled"),
            ("ROTATION", "Rotation", "How they were turned; what moved together turns back about its middle"),
            ("SCALE", "Scale", "How large they were made; what moved together shrinks about its middle"),
        ],
        options={"SKIP_SAVE"},
    )

    def apply(self, obj: bpy.types.Object, index: np.ndarray) -> Phrase:
        count = counted(change.reset_faces(obj, index, store.memory_of(obj), self.part), "patches")
        return {
            "ALL": phrase("{patches} put back", patches=count),
            "LOCATION": phrase("{patches} moved back", patches=count),
            "ROTATION": phrase("{patches} turned back", patches=count),
            "SCALE": phrase("{patches} scaled back", patches=count),
        }[self.part]


class MOSAIC_OT_hide(_EditOperator, bpy.types.Operator):
    """Hide the selected patches, from the viewport and from what is generated"""

    bl_idname = "mosaic.hide"
    bl_label = "Hide Patches"

    def apply(self, obj: bpy.types.Object, index: np.ndarray) -> Phrase:
        change.set_hidden(obj, index, True)
        return phrase("{patches} hidden", patches=counted(len(index), "patches"))


class MOSAIC_OT_show(MemoryOperator, bpy.types.Operator):
    """Show all hidden patches and select them"""

    bl_idname = "mosaic.show"
    bl_label = "Show Hidden Patches"

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = store.active_memory(context)
        index, _ = change.changeable(obj, change.hidden_faces(obj))
        change.set_hidden(obj, index, False)
        report(self, "INFO", phrase("{patches} shown", patches=counted(len(index), "patches")))
        return {"FINISHED"}


def _about(centre: np.ndarray, motion: np.ndarray) -> np.ndarray:  # (4, 4) the motion, with this point at rest
    there, back = np.eye(4), np.eye(4)
    there[:3, 3], back[:3, 3] = -centre, centre
    return back @ motion @ there


register, unregister = registration(
    *select.CLASSES,
    *select_meaning.CLASSES,
    MOSAIC_OT_duplicate,
    MOSAIC_OT_move,
    MOSAIC_OT_rotate,
    MOSAIC_OT_scale,
    MOSAIC_OT_delete,
    MOSAIC_OT_reset,
    MOSAIC_OT_hide,
    MOSAIC_OT_show,
    *memory_file.CLASSES,
)
