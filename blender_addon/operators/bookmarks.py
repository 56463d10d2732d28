"""Operators on bookmarks: keep the view, return to one, forget one, reorder them, make a path through them."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from mosaic_core.errors import MosaicError
from mosaic_core.wording import phrase

from ..paths.bookmarks import add_bookmark, bookmark_path, chosen_bookmarks, view_of
from ..paths.curve import new_path_camera
from ..paths.keyframes import apply_path_to_camera
from ..paths.presets import adopt_path_camera
from ..paths.views import has_viewport, show_view, viewport_view
from ..registry import registration
from ..translations import report


class MOSAIC_OT_bookmark_add(bpy.types.Operator):
    """Keep what the viewport shows, place and lens, under a name"""

    bl_idname = "mosaic.bookmark_add"
    bl_label = "Keep View"
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(name="Name", description="View 1, View 2, ... where empty", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not has_viewport(context):
            cls.poll_message_set("Look at the scene in a 3D viewport")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            bookmark = add_bookmark(context.scene, viewport_view(context), name=self.name)
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}
        report(self, "INFO", phrase("Kept as {name}", name=bookmark.name))
        return {"FINISHED"}


class BookmarkOperator:
    """Mixed into operators on one bookmark: the one they name, or the active one."""

    index = -1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not len(context.scene.mosaic_bookmarks):
            cls.poll_message_set("Keep a view first")
            return False
        return True

    def row(self, scene: bpy.types.Scene) -> int:
        """Which bookmark is meant."""
        wanted = scene.mosaic_bookmark_index if self.index < 0 else self.index
        return min(max(wanted, 0), len(scene.mosaic_bookmarks) - 1)


class MOSAIC_OT_bookmark_show(BookmarkOperator, bpy.types.Operator):
    """Turn the viewport to this bookmark"""

    bl_idname = "mosaic.bookmark_show"
    bl_label = "Go to Bookmark"
    bl_options = {"REGISTER"}  # looking somewhere else is no edit

    index: IntProperty(name="Bookmark", default=-1, options={"HIDDEN", "SKIP_SAVE"}, description="-1: the active one")

    def execute(self, context: bpy.types.Context) -> set[str]:
        bookmark = context.scene.mosaic_bookmarks[self.row(context.scene)]
        try:
            show_view(context, view_of(bookmark))
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}
        return {"FINISHED"}


class MOSAIC_OT_bookmark_remove(BookmarkOperator, bpy.types.Operator):
    """Forget this bookmark"""

    bl_idname = "mosaic.bookmark_remove"
    bl_label = "Forget Bookmark"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(name="Bookmark", default=-1, options={"HIDDEN", "SKIP_SAVE"}, description="-1: the active one")

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        scene.mosaic_bookmarks.remove(self.row(scene))
        scene.mosaic_bookmark_index = max(0, min(scene.mosaic_bookmark_index, len(scene.mosaic_bookmarks) - 1))
        return {"FINISHED"}


class MOSAIC_OT_bookmark_move(BookmarkOperator, bpy.types.Operator):
    """Move the active bookmark in the list, and so in the path"""

    bl_idname = "mosaic.bookmark_move"
    bl_label = "Move Bookmark"
    bl_options = {"REGISTER", "UNDO"}

    direction: EnumProperty(
        name="Direction", description="Where in the list", items=[("UP", "Up", "Earlier"), ("DOWN", "Down", "Later")]
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        at = self.row(scene)
        to = at + (-1 if self.direction == "UP" else 1)
        if not 0 <= to < len(scene.mosaic_bookmarks):
            return {"CANCELLED"}
        scene.mosaic_bookmarks.move(at, to)
        scene.mosaic_bookmark_index = to
        return {"FINISHED"}


class MOSAIC_OT_bookmark_path(bpy.types.Operator):
    """A new camera that moves through the ticked bookmarks, in the order of the list, over the scene's frames"""

    bl_idname = "mosaic.bookmark_path"
    bl_label = "Path through Bookmarks"
    bl_options = {"REGISTER", "UNDO"}

    frames: IntProperty(
        name="Frames",
        description="0 is the scene's whole range",
        default=0,
        min=0,
        soft_max=1000,
        options={"SKIP_SAVE"},
    )
    even_speed: BoolProperty(
        name="Even Speed",
        description="The same distance every frame; otherwise as many frames from each bookmark to the next",
        default=True,
    )
    loop: BoolProperty(name="Loop", description="Go on to the first bookmark again, smoothly", default=False)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if len(chosen_bookmarks(context.scene)) < 2:
            cls.poll_message_set("Keep two views at least, and tick those that the path shall pass")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, render = context.scene, context.scene.render
        self.frames = self.frames or max(2, scene.frame_end - scene.frame_start + 1)
        camera_obj = None
        try:
            path = bookmark_path(
                chosen_bookmarks(scene),
                frame_start=scene.frame_start,
                frame_count=self.frames,
                fps=render.fps / render.fps_base,
                image_height=scene.mosaic.height,
                image_width=scene.mosaic.width,
                pixel_aspect=render.pixel_aspect_x / render.pixel_aspect_y,
                even_speed=self.even_speed,
                loop=self.loop,
            )
            camera_obj = new_path_camera(context, name="Path Camera", like=scene.camera)
            apply_path_to_camera(path, camera_obj, pixel_aspect=(render.pixel_aspect_x, render.pixel_aspect_y))
        except MosaicError as error:
            if camera_obj is not None:
                bpy.data.cameras.remove(camera_obj.data)  # takes its object with it
            report(self, "ERROR", error)
            return {"CANCELLED"}
        adopt_path_camera(scene, camera_obj)
        return {"FINISHED"}


register, unregister = registration(
    MOSAIC_OT_bookmark_add,
    MOSAIC_OT_bookmark_show,
    MOSAIC_OT_bookmark_remove,
    MOSAIC_OT_bookmark_move,
    MOSAIC_OT_bookmark_path,
)
