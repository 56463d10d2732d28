"""Select patches by what they are: like these, of this surface, of that time, in conflict, kept under a name."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import FloatProperty, IntProperty, StringProperty

from mosaic_core.errors import Cancelled, MosaicError
from mosaic_core.memory.conflicts import Conflicts, find_conflicts
from mosaic_core.wording import counted, phrase

from ..memory import meaning, sets, store
from ..memory.read import edited_memory
from ..memory.select import change_selection
from ..translations import report
from .memory_poll import MemoryOperator, told_selected
from .select import SelectOperator
from .waiting import WaitingOperator, Watch, Work


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


class SpanOperator(SelectOperator):
    """Asks for a span of seconds; `bounds` are the two properties, shown as the memory has them."""

    bounds: tuple[str, str]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        obj = store.active_memory(context)
        try:
            span_s = self.whole_span_s(obj)
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}
        for name, value_s in zip(self.bounds, span_s, strict=True):
            if not self.properties.is_property_set(name):
                setattr(self, name, value_s)
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in (*self.bounds, "mode"):
            self.layout.prop(self, name)


class MOSAIC_OT_select_time(SpanOperator, bpy.types.Operator):
    """Select the patches whose view was captured in a span of time"""

    bl_idname = "mosaic.select_time"
    bl_label = "Select by Capture Time"
    bounds = ("since_s", "until_s")

    since_s: FloatProperty(name="Since", description="Seconds on the timeline", default=0.0, precision=3)
    until_s: FloatProperty(name="Until", description="Seconds on the timeline", default=1e6, precision=3)

    def whole_span_s(self, obj: bpy.types.Object) -> tuple[float, float]:
        times = meaning.capture_times_s(obj)
        return float(times.min()), float(times.max())

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        return meaning.faces_seen_between(obj, self.since_s, self.until_s)


class MOSAIC_OT_select_age(SpanOperator, bpy.types.Operator):
    """Select the patches that were captured so long before the newest view"""

    bl_idname = "mosaic.select_age"
    bl_label = "Select by Age"
    bounds = ("least_s", "most_s")

    least_s: FloatProperty(
        name="At Least", description="Seconds before the newest view", default=0.0, min=0, precision=3
    )
    most_s: FloatProperty(name="At Most", description="Seconds before the newest view", default=1e6, min=0, precision=3)

    def whole_span_s(self, obj: bpy.types.Object) -> tuple[float, float]:
        return 0.0, float(np.ptp(meaning.capture_times_s(obj)))

    def find(self, _context: bpy.types.Context, obj: bpy.types.Object) -> np.ndarray:
        return meaning.faces_of_age(obj, self.least_s, self.most_s)


class MOSAIC_OT_select_conflicts(WaitingOperator, SelectOperator, bpy.types.Operator):
    """Select the patches that another view contradicts: something else is there, or nothing"""

    bl_idname = "mosaic.select_conflicts"
    bl_label = "Select Conflicts"

    def begin(self, context: bpy.types.Context) -> Work:
        """Every view is compared with every earlier one."""
        memory = edited_memory(store.active_memory(context))

        def work(watch: Watch) -> Conflicts:
            def on_view(share: float) -> None:
                watch.share = share**2  # each view has more before it than the last
                if watch.stopped:
                    raise Cancelled("cancelled")

            return find_conflicts(memory, on_view=on_view)

        return work

    def end(self, context: bpy.types.Context, result: Conflicts) -> set[str]:
        """Select them."""
        obj = store.active_memory(context)
        if obj is None:
            raise MosaicError(phrase("the memory is gone"))
        told_selected(self, change_selection(obj, meaning.faces_in_conflict(obj, result), self.mode))
        return {"FINISHED"}


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

    # No list of the names that are there: where there is none yet, it covers the dialog's buttons.
    name: StringProperty(name="Name", default="Set")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.activate_init = True  # the name can be typed at once
        column.prop(self, "name")

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = store.active_memory(context)
        try:
            members = meaning.selected_patches(obj)
            sets.keep_set(obj, self.name, members)
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}
        patches = counted(int(members.sum()), "patches")
        report(self, "INFO", phrase("{patches} kept as {name}", patches=patches, name=self.name))
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
            report(self, "ERROR", error)
            return {"CANCELLED"}
        finally:
            if mode == "EDIT":
                bpy.ops.object.mode_set(mode="EDIT")
        report(self, "INFO", phrase("forgot {name}", name=self.name))
        return {"FINISHED"}


CLASSES = (
    MOSAIC_OT_select_like,
    MOSAIC_OT_select_connected,
    MOSAIC_OT_select_grow,
    MOSAIC_OT_select_time,
    MOSAIC_OT_select_age,
    MOSAIC_OT_select_conflicts,
    MOSAIC_OT_select_set,
    MOSAIC_OT_keep_set,
    MOSAIC_OT_forget_set,
)
