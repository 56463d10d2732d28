"""How the viewport looks: at the memory alone, as it was captured, or through the path camera; and back again.

Both are the viewport's own state, as Blender's local view and camera view are: undo leaves them alone.
"""

from __future__ import annotations

import bpy

from mosaic_core.errors import CameraError

from ..memory import store
from ..paths.curve import followed_curve, look_target
from ..paths.sample import path_camera_of
from ..paths.views import has_viewport, looks_through
from ..registry import registration


class MOSAIC_OT_show_memory(bpy.types.Operator):
    """Show the memory and the camera path alone in this viewport, with the captured pixels; again to come back"""

    bl_idname = "mosaic.show_memory"
    bl_label = "Show Memory Alone"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.space_data is None or context.space_data.type != "VIEW_3D":
            cls.poll_message_set("Works in a 3D viewport")
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Works in Object Mode: leave the present mode first (Tab)")
            return False
        if context.space_data.local_view is None and store.active_memory(context) is None:
            cls.poll_message_set("There is no memory yet: capture the scene")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        if context.space_data.local_view is None:
            _select_only(context, _shown_with(context, store.active_memory(context)))
            show_captured_pixels(context.space_data)
        # Blender's own local view: the artist leaves it with the numeric pad's slash as well.
        return bpy.ops.view3d.localview(frame_selected=False)


class MOSAIC_OT_look_through(bpy.types.Operator):
    """Look through the path camera in this viewport, whichever camera the scene has; again to come back"""

    bl_idname = "mosaic.look_through"
    bl_label = "Look Through"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not has_viewport(context):
            cls.poll_message_set("Works in a 3D viewport")
            return False
        try:
            path_camera_of(context.scene)
        except CameraError as error:
            cls.poll_message_set(str(error))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        space, chosen = context.space_data, context.scene.mosaic.path_camera
        if looks_through(context):
            space.use_local_camera = False
            return bpy.ops.view3d.view_camera()
        # A chosen camera is this viewport's own meanwhile: the scene's may be another one, or change with the markers.
        space.use_local_camera = chosen is not None
        if chosen is not None:
            space.camera = chosen
        if space.region_3d.view_perspective == "CAMERA":
            return {"FINISHED"}
        # Blender's own way in, because it keeps the view that it comes back to.
        return bpy.ops.view3d.view_camera()


def show_captured_pixels(space: bpy.types.SpaceView3D) -> None:
    """Set a viewport up so that a memory's quads show what was captured."""
    space.shading.type = "SOLID"
    space.shading.light = "FLAT"
    space.shading.color_type = "TEXTURE"


def _shown_with(context: bpy.types.Context, memory_obj: bpy.types.Object) -> list[bpy.types.Object]:
    """The memory, the path camera and what that one follows and looks at."""
    camera = context.scene.mosaic.path_camera
    shown = [memory_obj]
    if camera is not None:
        shown += [camera, followed_curve(camera), look_target(camera)]
    return [obj for obj in shown if obj is not None and obj.name in context.view_layer.objects]


def _select_only(context: bpy.types.Context, objects: list[bpy.types.Object]) -> None:
    for obj in list(context.view_layer.objects.selected):
        obj.select_set(False)
    for obj in objects:
        obj.select_set(True)
    context.view_layer.objects.active = objects[0]


register, unregister = registration(MOSAIC_OT_show_memory, MOSAIC_OT_look_through)
