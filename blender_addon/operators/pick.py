"""Pick patches in the viewport in Object Mode: under the cursor, in a box, a lasso, a circle.

What is selected is the mesh's own face selection, as everywhere; what can be picked is what shows. These operators are
bound to the keys of the tool (`blender_addon.tool`).
"""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, IntProperty

from ..memory import store
from ..memory.captions import caption
from ..memory.faces import face_ints
from ..memory.select import change_selection, patch_faces, selected_faces, set_selection
from ..overlay import marks, screen
from ..overlay.picking import box_region, circle_region, lasso_region
from ..registry import registration
from .memory_poll import poll_memory, told_selected

MODE_ITEMS = [
    ("SET", "Set", "Select only these", "SELECT_SET", 0),
    ("EXTEND", "Extend", "Add these to the selection", "SELECT_EXTEND", 1),
    ("SUBTRACT", "Subtract", "Take these out of the selection", "SELECT_SUBTRACT", 2),
]
_CIRCLE_CORNERS = 48
_LEAST_STEP_PX = 3  # between two corners of a lasso


class InViewport:
    """Mixed into operators that need a viewport and a memory in Object Mode."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.region_data is None or context.space_data is None or context.space_data.type != "VIEW_3D":
            cls.poll_message_set("Works in a 3D viewport")
            return False
        if not context.scene.mosaic.show_points:
            cls.poll_message_set("Patches are picked by their points: switch on Points in the panel Memory")
            return False
        return poll_memory(cls, context, object_mode=True)


class MOSAIC_OT_hover(InViewport, bpy.types.Operator):
    """Mark the patch under the cursor and name its object, view and age"""

    bl_idname = "mosaic.hover"
    bl_label = "Name Patch"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        cursor = (event.mouse_region_x, event.mouse_region_y)
        hit = screen.pick(context, *cursor)
        before, text = marks.hovered()
        if hit is not None and (before is None or (before.object_name, before.face) != (hit.object_name, hit.face)):
            text = caption(bpy.data.objects[hit.object_name], hit.face)
        if marks.hover(context.region, hit, text, cursor):
            context.region.tag_redraw()
        return {"PASS_THROUGH"}


class MOSAIC_OT_pick(InViewport, bpy.types.Operator):
    """Select the patch under the cursor; with Shift add it, or take it out"""

    bl_idname = "mosaic.pick"
    bl_label = "Select Patch"
    bl_options = {"REGISTER", "UNDO"}

    extend: BoolProperty(name="Extend", description="Keep what is selected", options={"SKIP_SAVE"})
    whole_object: BoolProperty(
        name="Whole Object", description="All patches of the patch's object", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        hit = screen.pick(context, event.mouse_region_x, event.mouse_region_y)
        if hit is None:
            obj = store.active_memory(context)
            if self.extend or not selected_faces(obj).any():
                return {"CANCELLED"}
            set_selection(obj, np.zeros(len(obj.data.polygons), bool))
            return {"FINISHED"}
        obj = bpy.data.objects[hit.object_name]
        _make_active(context, obj)
        found = pick_face(obj, hit.face, extend=self.extend, whole_object=self.whole_object)
        told_selected(self, found)
        return {"FINISHED"}


def pick_face(obj: bpy.types.Object, face: int, *, extend: bool, whole_object: bool = False) -> int:
    """Select a face, or all of its object; with `extend` in addition, or out if it was in. How many are selected."""
    found = np.zeros(len(obj.data.polygons), bool)
    found[face] = True
    if whole_object:
        found = _same_object(obj, face)
    was_in = bool(selected_faces(obj)[face])
    return change_selection(obj, found, "SET" if not extend else "SUBTRACT" if was_in else "EXTEND")


def _same_object(obj: bpy.types.Object, face: int) -> np.ndarray:  # (F,) bool
    ids = face_ints(obj.data, "object_id")
    return (ids == ids[face]) & patch_faces(obj)


def _make_active(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    if context.view_layer.objects.active != obj:
        context.view_layer.objects.active = obj
        obj.select_set(True)


class MOSAIC_OT_select_region(InViewport, bpy.types.Operator):
    """Select the patches that show in a region drawn with the mouse. What hides behind others is left out unless
    X-ray is on"""

    bl_idname = "mosaic.select_region"
    bl_label = "Select Patches in Region"
    bl_options = {"REGISTER", "UNDO"}

    shape: EnumProperty(
        name="Shape",
        description="How the region is drawn",
        items=[
            ("BOX", "Box", "Drag from corner to corner"),
            ("LASSO", "Lasso", "Drag around"),
            ("CIRCLE", "Circle", "Paint with the mouse; the wheel changes the size, Enter or right button ends"),
        ],
        default="BOX",
    )
    mode: EnumProperty(
        name="Selection", description="What becomes of what was selected", items=MODE_ITEMS, default="SET"
    )
    radius: IntProperty(
        name="Radius", description="Of the circle; the mouse wheel changes it", default=25, min=1, subtype="PIXEL"
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        here = (event.mouse_region_x, event.mouse_region_y)
        # A box begins with a drag, some pixels after the button was pressed.
        begun = (event.mouse_prev_press_x - context.region.x, event.mouse_prev_press_y - context.region.y)
        self._points = [begun, here] if self.shape == "BOX" else [here]
        self._painting = ""
        self._before = selected_faces(store.active_memory(context))
        marks.hover(context.region, None, "", here)
        self._show(context)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        here = (event.mouse_region_x, event.mouse_region_y)
        if event.type == "ESC" or (event.type == "RIGHTMOUSE" and self.shape != "CIRCLE"):
            return self._end(context, cancel=True)
        if self.shape == "CIRCLE":
            return self._paint(context, event, here)
        if event.type in ("MOUSEMOVE", "INBETWEEN_MOUSEMOVE"):
            self._follow(here)
            self._show(context)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self._follow(here)
            if self.shape == "LASSO" and len(self._points) < 3:  # a click, which goes round nothing
                return self._end(context, cancel=True)
            obj = store.active_memory(context)
            found = screen.faces_in_region(context, obj, self._region(context))
            told_selected(self, change_selection(obj, found, self.mode))
            return self._end(context)
        return {"RUNNING_MODAL"}

    def _follow(self, here: tuple[float, float]) -> None:
        if self.shape == "BOX":
            self._points[1] = here
        elif max(abs(here[0] - self._points[-1][0]), abs(here[1] - self._points[-1][1])) >= _LEAST_STEP_PX:
            self._points.append(here)

    def _paint(self, context: bpy.types.Context, event: bpy.types.Event, here: tuple[float, float]) -> set[str]:
        """The circle: the left button adds, the middle one or Shift takes away, until Enter or the right button."""
        if event.type in ("RET", "NUMPAD_ENTER", "RIGHTMOUSE") and event.value == "PRESS":
            return self._end(context)
        if event.type in ("WHEELUPMOUSE", "WHEELDOWNMOUSE", "NUMPAD_PLUS", "NUMPAD_MINUS") and event.value == "PRESS":
            grows = event.type in ("WHEELDOWNMOUSE", "NUMPAD_PLUS")
            self.radius = max(int(self.radius * (1.2 if grows else 1 / 1.2)) + (1 if grows else 0), 3)
        elif event.type in ("LEFTMOUSE", "MIDDLEMOUSE"):
            adds = event.type == "LEFTMOUSE" and not event.shift
            self._painting = ("EXTEND" if adds else "SUBTRACT") if event.value == "PRESS" else ""
        self._points = [here]
        if self._painting:
            obj = store.active_memory(context)
            change_selection(obj, screen.faces_in_region(context, obj, self._region(context)), self._painting)
        self._show(context)
        return {"RUNNING_MODAL"}

    def _region(self, context: bpy.types.Context) -> np.ndarray:
        size = (context.region.width, context.region.height)
        if self.shape == "BOX":
            return box_region(size, *self._points)
        if self.shape == "LASSO":
            return lasso_region(size, np.array(self._points))
        return circle_region(size, self._points[0], self.radius)

    def _show(self, context: bpy.types.Context) -> None:
        points = list(self._points)
        if self.shape == "BOX":
            (x0, y0), (x1, y1) = points
            points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        elif self.shape == "CIRCLE":
            turn = np.linspace(0, 2 * np.pi, _CIRCLE_CORNERS, endpoint=False)
            points = (np.array(points[0]) + self.radius * np.stack([np.cos(turn), np.sin(turn)], -1)).tolist()
        marks.outline(context.region, points)
        context.region.tag_redraw()

    def _end(self, context: bpy.types.Context, *, cancel: bool = False) -> set[str]:
        marks.outline(context.region, [])
        context.region.tag_redraw()
        if cancel:
            set_selection(store.active_memory(context), self._before)
        return {"CANCELLED"} if cancel else {"FINISHED"}


register, unregister = registration(MOSAIC_OT_hover, MOSAIC_OT_pick, MOSAIC_OT_select_region)
