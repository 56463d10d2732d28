"""The tool "Mosaic Select" of the 3D viewport's toolbar in Object Mode: its keys and its gizmo.

The keys are those an artist knows from Blender. They belong to the tool and not to Blender as a whole, so that G moves
objects again as soon as another tool is chosen.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .memory import store
from .memory.faces import values_of
from .overlay import draw, source
from .overlay.marks import TOOL, tool_is_active
from .registry import registration

_GIZMOS = "MOSAIC_GGT_transform"
_ARROW, _RING = 1.25, 0.8  # lengths in gizmo sizes, apart enough to grip one and not the other
_COLOURS = ((1.0, 0.2, 0.32), (0.55, 0.86, 0.0), (0.16, 0.56, 1.0))


def _key(operator: str, kind: str, value: str = "PRESS", /, *modifiers: str, **properties: object) -> tuple:
    event = {"type": kind, "value": value} | dict.fromkeys(modifiers, True)
    return operator, event, {"properties": list(properties.items())} if properties else None


_KEYMAP = (
    _key("mosaic.hover", "MOUSEMOVE", "ANY", "any"),
    _key("mosaic.pick", "LEFTMOUSE", "CLICK"),
    _key("mosaic.pick", "LEFTMOUSE", "CLICK", "shift", extend=True),
    # Not a double click: the gizmo that the first click brings would take the second.
    _key("mosaic.pick", "L", whole_object=True),
    _key("mosaic.pick", "L", "PRESS", "shift", whole_object=True, extend=True),
    _key("mosaic.select_region", "LEFTMOUSE", "CLICK_DRAG", shape="BOX"),
    _key("mosaic.select_region", "LEFTMOUSE", "CLICK_DRAG", "shift", shape="BOX", mode="EXTEND"),
    # On the press: Blender's own Ctrl-click would take it, and then there is no drag.
    _key("mosaic.select_region", "LEFTMOUSE", "PRESS", "ctrl", shape="LASSO"),
    _key("mosaic.select_region", "LEFTMOUSE", "PRESS", "ctrl", "shift", shape="LASSO", mode="EXTEND"),
    _key("mosaic.select_region", "C", shape="CIRCLE"),
    _key("mosaic.select_all", "A", action="SELECT"),
    _key("mosaic.select_all", "A", "PRESS", "alt", action="DESELECT"),
    _key("mosaic.select_all", "I", "PRESS", "ctrl", action="INVERT"),
    _key("mosaic.transform", "G", kind="MOVE"),
    _key("mosaic.transform", "R", kind="ROTATE"),
    _key("mosaic.transform", "S", kind="SCALE"),
    _key("mosaic.transform", "D", "PRESS", "shift", kind="MOVE", duplicate=True),
    _key("mosaic.delete", "X"),
    _key("mosaic.delete", "DEL"),
    _key("mosaic.hide", "H"),
    _key("mosaic.show", "H", "PRESS", "alt"),
    _key("mosaic.reset", "G", "PRESS", "alt", part="LOCATION"),
    _key("mosaic.reset", "R", "PRESS", "alt", part="ROTATION"),
    _key("mosaic.reset", "S", "PRESS", "alt", part="SCALE"),
)


class SelectTool(bpy.types.WorkSpaceTool):
    bl_space_type = "VIEW_3D"
    bl_context_mode = "OBJECT"
    bl_idname = TOOL
    bl_label = "Mosaic Select"
    bl_description = (
        "Pick patches of the memory: click, drag a box, Ctrl-drag a lasso, C for a circle, L for an object. "
        "G, R, S, Shift-D, X, H act on the patches"
    )
    bl_icon = "ops.generic.select_lasso"
    bl_keymap = _KEYMAP
    bl_widget = _GIZMOS

    def draw_settings(context: bpy.types.Context, layout: bpy.types.UILayout, tool) -> None:
        properties = tool.operator_properties("mosaic.select_region")
        layout.row().prop(properties, "mode", expand=True, icon_only=True)


class MOSAIC_GGT_transform(bpy.types.GizmoGroup):
    """Arrows, planes, rings and boxes around the middle of the selected patches; each starts `mosaic.transform`.

    The middle itself is free, so that the patch there can still be clicked.
    """

    bl_idname = _GIZMOS
    bl_label = "Transform Patches"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"3D", "PERSISTENT"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        # The group is there with every tool. Blender's own ones bring their own gizmo, and without points the patches
        # are not what the artist has in hand: `mosaic.transform` would not start.
        if not tool_is_active(context) or not context.scene.mosaic.show_points:
            return False
        obj = store.active_memory(context)
        return obj is not None and obj.mode == "OBJECT" and store.is_editable(obj) and bool(
            values_of(obj.data, ".select_poly", "FACE").any()
        )  # fmt: skip

    def setup(self, context: bpy.types.Context) -> None:
        self._handles = []
        for axis, name in enumerate("XYZ"):
            towards = _z_towards(axis)
            arrow = self._handle("GIZMO_GT_arrow_3d", _COLOURS[axis], towards, kind="MOVE", axis=name)
            arrow.length = _ARROW
            plane = self._handle("GIZMO_GT_primitive_3d", _COLOURS[axis], towards, kind="MOVE", axis=name, plane=True)
            plane.draw_style, plane.scale_basis = "PLANE", 0.12
            plane.use_draw_offset_scale = True
            plane.matrix_offset = Matrix.Translation(_beside(axis) / plane.scale_basis)
            ring = self._handle("GIZMO_GT_dial_3d", _COLOURS[axis], towards, kind="ROTATE", axis=name)
            ring.draw_options, ring.scale_basis = {"CLIP"}, _RING
            box = self._handle("GIZMO_GT_arrow_3d", _COLOURS[axis], towards, kind="SCALE")
            box.draw_style, box.length, box.scale_basis = "BOX", 0.55, 1.0

    def _handle(
        self, kind_of_gizmo: str, colour: tuple[float, float, float], towards: Matrix, **properties: object
    ) -> bpy.types.Gizmo:
        gizmo = self.gizmos.new(kind_of_gizmo)
        values = gizmo.target_set_operator("mosaic.transform")
        values.release_confirm = True
        for name, value in properties.items():
            setattr(values, name, value)
        gizmo.color, gizmo.alpha = colour, 0.7
        gizmo.color_highlight, gizmo.alpha_highlight = [min(1.0, 0.3 + part) for part in colour], 1.0
        gizmo.line_width = 2.0
        gizmo.use_draw_modal = False
        self._handles.append((gizmo, towards))
        return gizmo

    def refresh(self, context: bpy.types.Context) -> None:
        self.draw_prepare(context)

    def draw_prepare(self, context: bpy.types.Context) -> None:
        obj = store.active_memory(context)
        dragged = obj is not None and draw.motion_of(obj) is not None
        middle = None if dragged else middle_of_selection(obj)
        for gizmo, towards in self._handles:
            gizmo.hide = middle is None
            if middle is not None:
                gizmo.matrix_basis = Matrix.Translation(middle) @ towards


_middles: dict[str, tuple[tuple[int, int], np.ndarray | None]] = {}


def middle_of_selection(obj: bpy.types.Object | None) -> np.ndarray | None:  # (3,) world
    """The middle of the selected patches that may be edited; None where there are none."""
    if obj is None or obj.mode != "OBJECT":
        return None
    shown = source.shown(obj)
    key = shown.signatures
    held = _middles.get(obj.name_full)
    if held is None or held[0] != key:
        chosen = shown.patches.corners_mesh[shown.selected & ~shown.locked]
        middle = chosen.reshape(-1, 3).mean(axis=0, dtype=np.float64) if len(chosen) else None
        held = _middles[obj.name_full] = (key, middle)
    if held[1] is None:
        return None
    matrix = np.array(obj.matrix_world)
    return matrix[:3, :3] @ held[1] + matrix[:3, 3]


def _z_towards(axis: int) -> Matrix:  # (4, 4)
    """Blender's gizmos point along their own z."""
    return (Matrix.Rotation(np.pi / 2, 4, "Y"), Matrix.Rotation(-np.pi / 2, 4, "X"), Matrix())[axis]


def _beside(axis: int) -> Vector:
    return Vector(((-0.4, 0.4, 0.0), (0.4, -0.4, 0.0), (0.4, 0.4, 0.0))[axis])


_register_classes, _unregister_classes = registration(MOSAIC_GGT_transform)


def register() -> None:
    _register_classes()
    # Beside the selection tools, and not in their button, where nobody would look for it.
    bpy.utils.register_tool(SelectTool, after={"builtin.select"}, separator=True, group=True)


def unregister() -> None:
    bpy.utils.unregister_tool(SelectTool)
    _unregister_classes()
    _middles.clear()
