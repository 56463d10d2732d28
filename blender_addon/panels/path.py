"""The panel Path: the camera, how it moves, and how to change that."""

from __future__ import annotations

import bpy

from mosaic_core.wording import phrase

from ..paths.curve import followed_curve, followed_frames, look_target
from ..paths.views import looks_through
from ..registry import registration
from .drawing import SidebarPanel, draw_text, safely


def draw_path(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The camera, how it moves, and how to change that."""
    scene, settings = context.scene, context.scene.mosaic
    row = layout.row(align=True)
    row.scale_y = 1.4
    row.operator("mosaic.draw_path", icon="GREASEPENCIL").depth = "CURSOR"
    row.operator("mosaic.draw_path", text="On Surfaces", icon="SNAP_FACE").depth = "SURFACE"
    layout.operator_menu_enum("mosaic.path_preset", "kind", text="Add Preset", icon="CURVE_PATH")
    row = layout.row(align=True)
    row.prop(settings, "path_camera", text="Camera")
    row.operator("mosaic.look_through", text="", icon="VIEW_CAMERA", depress=looks_through(context))
    camera_obj = settings.path_camera or scene.camera
    if camera_obj is None:
        draw_text(layout, context, "No camera: draw a path or add one", icon="INFO")
    else:
        if settings.path_camera is None:
            draw_text(layout, context, phrase("The scene's camera: {name}", name=camera_obj.name), icon="CAMERA_DATA")
        _draw_path_facts(layout, context, camera_obj)
    row = layout.row(align=True)
    row.prop(scene, "frame_start", text="Start")
    row.prop(scene, "frame_end", text="End")
    row = layout.row(align=True)
    row.operator("mosaic.export_path", text="Export", icon="EXPORT")
    row.operator("mosaic.import_path", text="Import", icon="IMPORT")


def _draw_path_facts(layout: bpy.types.UILayout, context: bpy.types.Context, camera_obj: bpy.types.Object) -> None:
    """What it follows and looks at; names are long, so the sentences may take two lines."""
    curve = followed_curve(camera_obj)
    frames = followed_frames(camera_obj)
    if curve is not None:
        text = phrase("follows {curve}", curve=curve.name)
        if frames:
            text = phrase("{follows}, {count} frames from {first}", follows=text, count=frames[1], first=frames[0])
        draw_text(layout, context, text, icon="CON_FOLLOWPATH")
    target = look_target(camera_obj)
    if target is not None:
        draw_text(layout, context, phrase("looks at {target}", target=target.name), icon="CON_TRACKTO")
    layout.operator("mosaic.follow_path", text="Speed and Look" if curve is not None else "Follow Curve")


class MOSAIC_PT_path(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_path"
    bl_label = "Path"
    draw = safely(draw_path)


register, unregister = registration(MOSAIC_PT_path)
