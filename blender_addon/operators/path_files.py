"""Operators that read and write camera path files."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
from bpy.props import IntProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from mosaic_core.cameras import load_path, save_path
from mosaic_core.errors import MosaicError

from ..paths.curve import new_path_camera
from ..paths.keyframes import apply_path_to_camera
from ..paths.presets import adopt_path_camera
from ..paths.sample import path_of_scene


class MOSAIC_OT_export_path(bpy.types.Operator, ExportHelper):
    """Write the path camera's motion and lens to a camera path file"""

    bl_idname = "mosaic.export_path"
    bl_label = "Export Path"
    bl_options = {"REGISTER"}

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})
    step: IntProperty(name="Every", description="Frames from one camera to the next", default=1, min=1)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.mosaic
        file = Path(bpy.path.abspath(self.filepath))
        try:
            path = path_of_scene(
                context,
                image_height=settings.height,
                image_width=settings.width,
                step=self.step,
            )
            save_path(path, file)
        except (MosaicError, OSError) as error:
            self.report({"ERROR"}, f"The path was not written: {error}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"Wrote {len(path)} frames to {file}")
        return {"FINISHED"}


class MOSAIC_OT_import_path(bpy.types.Operator, ImportHelper):
    """Read a camera path file into the keyframes of a new camera"""

    bl_idname = "mosaic.import_path"
    bl_label = "Import Path"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, file = context.scene, Path(bpy.path.abspath(self.filepath))
        camera_obj = None
        try:
            path = load_path(file)
            camera_obj = new_path_camera(context, name=file.stem)
            aspect = (scene.render.pixel_aspect_x, scene.render.pixel_aspect_y)
            apply_path_to_camera(path, camera_obj, pixel_aspect=aspect)
        except MosaicError as error:
            if camera_obj is not None:
                bpy.data.cameras.remove(camera_obj.data)  # takes its object with it
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        adopt_path_camera(scene, camera_obj)
        fps = scene.render.fps / scene.render.fps_base
        if not math.isclose(fps, path.fps, rel_tol=1e-4):
            self.report({"WARNING"}, f"The path was made at {path.fps:g} fps, the scene plays at {fps:g}")
        return {"FINISHED"}
