"""Validate and repair the mesh of a memory, and find a memory file that moved."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from mosaic_core.errors import MosaicError

from ..memory import store
from ..memory.validate import repair, validate
from .memory_poll import poll_memory


class MOSAIC_OT_validate(bpy.types.Operator):
    """Compare the mesh with its memory, say what native tools broke, and repair what can be repaired"""

    bl_idname = "mosaic.validate"
    bl_label = "Validate and Repair"
    bl_options = {"REGISTER", "UNDO"}

    repair: BoolProperty(name="Repair", description="Put right what can be put right", default=True)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return poll_memory(cls, context, object_mode=True)

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = store.active_memory(context)
        if self.repair:
            try:
                done = repair(obj, store.memory_of(obj))
            except MosaicError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
            for sentence in done:
                self.report({"INFO"}, sentence[0].upper() + sentence[1:])
        left = validate(obj).sentences()
        for sentence in left:
            self.report({"WARNING"}, sentence[0].upper() + sentence[1:])
        if not left:
            self.report({"INFO"}, "The memory is in order")
        return {"FINISHED"}


class MOSAIC_OT_relink(bpy.types.Operator):
    """Choose the .mosaic file of this memory anew; without a file, look for it beside the .blend"""

    bl_idname = "mosaic.relink"
    bl_label = "Relink Memory"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="File", description="The .mosaic file of the memory", subtype="FILE_PATH")
    filter_glob: StringProperty(
        name="Filter", description="Files that are shown", default="*.mosaic", options={"HIDDEN"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return poll_memory(cls, context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = store.active_memory(context)
        try:
            if self.filepath:
                store.relink(obj, Path(bpy.path.abspath(self.filepath)))
            else:
                store.relink_automatically(obj)
                store.memory_file_of(obj)
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{obj.name} is read from {store.absolute_path(obj)}")
        return {"FINISHED"}


CLASSES = (MOSAIC_OT_validate, MOSAIC_OT_relink)
