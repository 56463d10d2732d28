"""Move, rotate and scale the selected patches with the mouse, as Blender's G, R, S and its gizmos do.

While the artist drags, the mesh stays as it is and the points are drawn with the motion; confirming changes the patches
once, in one undo step. What the drag was ends up in the property `motion`: Repeat Last does it again, and scripts
can do it without a mouse.
"""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, FloatVectorProperty

from mosaic_core.wording import counted, phrase

from ..memory import change, store
from ..memory.select import selected_faces
from ..overlay import draw, marks
from ..registry import registration
from ..translations import report
from .dragging import AXES, Drag, Lens
from .memory_poll import why_none
from .pick import InViewport

_HELP = (
    "Confirm: LMB/Enter   Cancel: RMB/Esc   X/Y/Z: axis, twice: own   Shift-X/Y/Z: plane   "
    "Ctrl: snap   Shift: fine   0-9: type"
)
_CONFIRM, _CANCEL = ("RET", "NUMPAD_ENTER", "SPACE"), ("ESC", "RIGHTMOUSE")


class MOSAIC_OT_transform(InViewport, bpy.types.Operator):
    """Move, rotate or scale the selected patches with the mouse"""

    bl_idname = "mosaic.transform"
    bl_label = "Transform Patches"
    bl_options = {"REGISTER", "UNDO", "BLOCKING", "GRAB_CURSOR"}

    kind: EnumProperty(
        name="Kind",
        description="What the mouse does to the patches",
        items=[
            ("MOVE", "Move", "Carry them along"),
            ("ROTATE", "Rotate", "Turn them about their common middle"),
            ("SCALE", "Scale", "Enlarge or shrink them about their common middle"),
        ],
        options={"SKIP_SAVE", "HIDDEN"},
    )
    axis: EnumProperty(
        name="Axis",
        description="World axis to begin with",
        items=[("NONE", "Free", ""), *((axis, axis, "") for axis in AXES)],
        options={"SKIP_SAVE", "HIDDEN"},
    )
    plane: BoolProperty(name="Plane", description="In the plane across the axis", options={"SKIP_SAVE", "HIDDEN"})
    duplicate: BoolProperty(name="Duplicate", description="Copy the patches first", options={"SKIP_SAVE", "HIDDEN"})
    release_confirm: BoolProperty(
        name="Confirm on Release", description="Letting go of the button ends the drag", options={"SKIP_SAVE", "HIDDEN"}
    )
    motion: FloatVectorProperty(
        name="Motion",
        description="A 4 x 4 matrix in world space, row by row",
        size=16,
        default=np.eye(4).ravel().tolist(),
        options={"SKIP_SAVE", "HIDDEN"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        obj, index = self._patches(context)
        if len(index) == 0:
            return {"CANCELLED"}
        if self.duplicate:
            change.duplicate_faces(obj, index)
            obj, index = self._patches(context)
        view, region = context.region_data, context.region
        lens = Lens(np.array(view.perspective_matrix, np.float64), region.width, region.height)
        axis = "" if self.axis == "NONE" else self.axis
        mouse = np.array([event.mouse_region_x, event.mouse_region_y], float)
        own = change.own_axes(obj, index)
        self._drag = Drag(
            self.kind, change.centre_of(obj, index), lens, mouse, axis=axis, plane=self.plane, world_from_own=own
        )
        self._last = np.array([event.mouse_x, event.mouse_y], float)
        self._copied = self.duplicate
        marks.hover(region, None, "", tuple(mouse))
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(_HELP)
        self._show(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        drag = self._drag
        drag.snap, drag.fine = event.ctrl, event.shift
        if event.type in _CANCEL and event.value == "PRESS":
            return self._end(context, cancel=True)
        let_go = event.type == "LEFTMOUSE" and event.value == ("RELEASE" if self.release_confirm else "PRESS")
        if let_go or (event.type in _CONFIRM and event.value == "PRESS"):
            return self._end(context)
        if event.type in ("MOUSEMOVE", "INBETWEEN_MOUSEMOVE"):
            here = np.array([event.mouse_x, event.mouse_y], float)
            drag.mouse_by(here - self._last)
            self._last = here
        elif event.value == "PRESS":
            text = event.ascii or event.unicode
            drag.key(event.type, text, shift=event.shift)
        self._show(context)
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender itself ends the drag, e.g. because the window closes."""
        self._clear(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj, index = self._patches(context)
        if len(index) == 0:
            return {"CANCELLED"}
        if self.duplicate:
            index = change.duplicate_faces(obj, index)
        self._apply(obj, index)
        return {"FINISHED"}

    def _apply(self, obj: bpy.types.Object, index: np.ndarray) -> None:
        motion = np.array(self.motion, np.float64).reshape(4, 4)
        if not np.array_equal(motion, np.eye(4)):
            change.transform_faces(obj, index, motion)
        patches = counted(len(index), "patches")
        done = {
            "MOVE": phrase("{patches} moved", patches=patches),
            "ROTATE": phrase("{patches} turned", patches=patches),
            "SCALE": phrase("{patches} scaled", patches=patches),
        }[self.kind]
        report(self, "INFO", phrase("{patches} copied", patches=patches) if self.duplicate else done)

    def _patches(self, context: bpy.types.Context) -> tuple[bpy.types.Object, np.ndarray]:
        obj = store.active_memory(context)
        index, locked = change.changeable(obj, selected_faces(obj))
        if len(index) == 0:
            report(self, "ERROR", why_none(locked))
        return obj, index

    def _show(self, context: bpy.types.Context) -> None:
        draw.set_motion(store.active_memory(context), self._drag.motion())
        context.area.header_text_set(self._drag.words())
        context.region.tag_redraw()

    def _end(self, context: bpy.types.Context, *, cancel: bool = False) -> set[str]:
        motion = np.eye(4) if cancel else self._drag.motion()
        self._clear(context)
        if not self._copied and np.array_equal(motion, np.eye(4)):  # a click on the gizmo is no edit
            return {"CANCELLED"}
        self.motion = motion.ravel().tolist()
        obj, index = self._patches(context)
        self._apply(obj, index)
        return {"FINISHED"}

    def _clear(self, context: bpy.types.Context) -> None:
        obj = store.active_memory(context)
        if obj is not None:
            draw.set_motion(obj, None)
        if context.area is not None:
            context.area.header_text_set(None)
            context.area.tag_redraw()
        context.workspace.status_text_set(None)


register, unregister = registration(MOSAIC_OT_transform)
