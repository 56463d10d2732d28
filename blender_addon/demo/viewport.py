"""How demo.blend looks when it is opened: the memory as it was captured, the path over it, the sidebar at hand."""

from __future__ import annotations

import math

import bpy
from mathutils import Euler

from ..operators.view import show_captured_pixels

VIEW_AT_M = (0.2, -0.4, 0.9)
VIEW_DISTANCE_M = 13.0
VIEW_TURN = Euler((math.radians(64), 0.0, math.radians(12)))


def show_memory_in_viewports(memory_obj: bpy.types.Object) -> None:
    """Hide the modelled scene in the viewport (it still renders) and show the memory in every 3D view, active."""
    _hide_in_viewport("Courtyard")
    for obj in bpy.context.view_layer.objects:
        obj.select_set(False)  # the outline of a selected memory would run through all of its gaps
    bpy.context.view_layer.objects.active = memory_obj
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                _set_up(area.spaces.active)


def _hide_in_viewport(collection_name: str) -> None:
    layer = bpy.context.view_layer.layer_collection.children.get(collection_name)
    if layer is not None:
        layer.hide_viewport = True  # the eye in the outliner: one click brings the scene back


def _set_up(space: bpy.types.SpaceView3D) -> None:
    show_captured_pixels(space)
    space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = False
    space.show_region_ui = True
    region = space.region_3d
    if region is not None:
        region.view_perspective = "PERSP"
        region.view_location = VIEW_AT_M
        region.view_rotation = VIEW_TURN.to_quaternion()
        region.view_distance = VIEW_DISTANCE_M
