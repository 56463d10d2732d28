"""Operators of the list of shots: add, duplicate, remove, move."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty

from ..registry import registration
from ..shot_list import add_shot, duplicate_shot, move_shot, remove_shot


def _has_shots(cls: type[bpy.types.Operator], context: bpy.types.Context, *, count: int = 1) -> bool:
    shots = 0 if context.scene is None else len(context.scene.mosaic.shots)
    if shots < count:
        cls.poll_message_set("Add a shot first" if count == 1 else "There is only one shot")
        return False
    return True


class MOSAIC_OT_shot_add(bpy.types.Operator):
    """Add a shot to the list, along the selected camera where one is selected. The first is what is set up now"""

    bl_idname = "mosaic.shot_add"
    bl_label = "Add Shot"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene is None:
            cls.poll_message_set("There is no scene")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = context.view_layer.objects.active
        selected = obj is not None and obj.type == "CAMERA" and obj.select_get()
        add_shot(context.scene, camera_obj=obj if selected else None)
        return {"FINISHED"}


class MOSAIC_OT_shot_duplicate(bpy.types.Operator):
    """Add a copy of the active shot to the list"""

    bl_idname = "mosaic.shot_duplicate"
    bl_label = "Duplicate Shot"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_shots(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        duplicate_shot(context.scene)
        return {"FINISHED"}


class MOSAIC_OT_shot_remove(bpy.types.Operator):
    """Take the active shot off the list; its takes stay on disk"""

    bl_idname = "mosaic.shot_remove"
    bl_label = "Remove Shot"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_shots(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        remove_shot(context.scene)
        return {"FINISHED"}


class MOSAIC_OT_shot_move(bpy.types.Operator):
    """Move the active shot in the list"""

    bl_idname = "mosaic.shot_move"
    bl_label = "Move Shot"
    bl_options = {"REGISTER", "UNDO"}

    direction: EnumProperty(
        name="Direction",
        description="Where in the list",
        items=[("UP", "Up", "Earlier"), ("DOWN", "Down", "Later")],
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_shots(cls, context, count=2)

    def execute(self, context: bpy.types.Context) -> set[str]:
        move_shot(context.scene, -1 if self.direction == "UP" else 1)
        return {"FINISHED"}


register, unregister = registration(
    MOSAIC_OT_shot_add, MOSAIC_OT_shot_duplicate, MOSAIC_OT_shot_remove, MOSAIC_OT_shot_move
)
