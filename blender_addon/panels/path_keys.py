"""The sub-panel Keys of the panel Path: keys from the view, the lens, speed."""

from __future__ import annotations

import bpy

from mosaic_core.wording import phrase

from ..registry import registration
from ..translations import in_words
from .drawing import SidebarPanel, safely


def draw_path_keys(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Keys from the view, the lens, speed."""
    scene = context.scene
    text = phrase("Key the View at {frame}", frame=scene.frame_current)
    layout.operator("mosaic.key_view", text=in_words(text), icon="KEY_HLT")
    camera_obj = scene.mosaic.path_camera or scene.camera
    row = layout.row(align=True)
    if camera_obj is not None and camera_obj.type == "CAMERA":
        row.prop(camera_obj.data, "lens", text="Lens")
    row.operator("mosaic.key_lens", text="Key Lens", icon="KEY_HLT")
    row = layout.row(align=True)
    row.operator_menu_enum("mosaic.path_speed", "kind", text="Speed", icon="IPO_EASE_IN_OUT")
    row.operator("mosaic.bake_path", text="Bake", icon="ACTION")


class MOSAIC_PT_path_keys(SidebarPanel, bpy.types.Panel):
    bl_idname = "MOSAIC_PT_path_keys"
    bl_label = "Keys"
    bl_parent_id = "MOSAIC_PT_path"
    draw = safely(draw_path_keys)


register, unregister = registration(MOSAIC_PT_path_keys)
