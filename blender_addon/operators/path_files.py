"""Operators that read and write camera paths: Mosaic's own file and every format of other tools that the core knows."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from mosaic_core.cameras import CameraPath
from mosaic_core.cameras.formats import ABOUT_FORMATS, FORMAT_SUFFIXES, Gaps, read_path_stating, write_path
from mosaic_core.cameras.placing import anchored, scaled
from mosaic_core.errors import CameraError, MosaicError

from ..cameras import world_from_cam_of_blender
from ..paths.curve import new_path_camera
from ..paths.keyframes import apply_path_to_camera
from ..paths.presets import adopt_path_camera
from ..paths.sample import path_of_scene

_FORMAT_ITEMS = [
    (name, about[0].upper() + about[1:], "A folder of files" if not FORMAT_SUFFIXES[name] else "One file")
    for name, about in ABOUT_FORMATS.items()
]
_GUESS = ("AUTO", "Guess", "By what is in the file")
_SUFFIXES = frozenset(FORMAT_SUFFIXES.values()) - {""}


def named_for(filepath: str, format_name: str) -> str:
    """The same file name with the format's suffix in place of another format's; a folder has none."""
    path = Path(filepath)
    stem = path.with_suffix("") if path.suffix.lower() in _SUFFIXES else path
    return str(stem) + FORMAT_SUFFIXES[format_name] if stem.name else filepath


class MOSAIC_OT_export_path(bpy.types.Operator, ExportHelper):
    """Write the path camera's motion and lens to a file, Mosaic's own or another tool's"""

    bl_idname = "mosaic.export_path"
    bl_label = "Export Path"
    bl_options = {"REGISTER"}

    filename_ext = ".json"
    check_extension = None
    filter_glob: StringProperty(default="*.json;*.txt;*.npz", options={"HIDDEN"})
    format: EnumProperty(name="Format", description="How the file is written", items=_FORMAT_ITEMS, default="mosaic")
    step: IntProperty(name="Every", description="Frames from one camera to the next", default=1, min=1)

    def check(self, _context: bpy.types.Context) -> bool:
        """Let the file's name follow the format while the artist chooses."""
        wanted = named_for(self.filepath, self.format)
        changed, self.filepath = wanted != self.filepath, wanted
        return changed

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
            lost = write_path(path, file, format=self.format)
        except (MosaicError, OSError) as error:
            self.report({"ERROR"}, f"The path was not written: {error}")
            return {"CANCELLED"}
        for sentence in lost.sentences:
            self.report({"WARNING"}, sentence[0].upper() + sentence[1:])
        self.report({"INFO"}, f"Wrote {len(path)} frames to {file}")
        return {"FINISHED"}


class MOSAIC_OT_import_path(bpy.types.Operator, ImportHelper):
    """Read a camera path, Mosaic's own or another tool's, into the keyframes of a new camera"""

    bl_idname = "mosaic.import_path"
    bl_label = "Import Path"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json;*.txt;*.npz;*.npy;*.bin", options={"HIDDEN"})
    format: EnumProperty(
        name="Format", description="How the file is written", items=[_GUESS, *_FORMAT_ITEMS], default="AUTO"
    )
    place: EnumProperty(
        name="Place",
        description="Where the path shall start",
        items=[
            ("FILE", "As in the File", "Many tools start at the world's origin, with another axis up"),
            ("CAMERA", "From the Scene's Camera", "The first camera stands where the scene's camera does now"),
        ],
        default="FILE",
    )
    scale: FloatProperty(name="Scale", description="Of all distances: 0.01 for centimetres", default=1.0, min=1e-6)
    fps: FloatProperty(name="Frames a Second", description="Where the file does not say; 0 is the scene's", min=0.0)
    fov_deg: FloatProperty(
        name="Field of View",
        description="Horizontal, in degrees, where the file has no lens; 0 is 53",
        min=0.0,
        max=170.0,
    )
    distance: FloatProperty(
        name="Distance", description="To what the first camera circles, where the file counts in it; 0 is 1 m", min=0.0
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, file = context.scene, Path(bpy.path.abspath(self.filepath))
        camera_obj = None
        try:
            read = read_path_stating(file, None if self.format == "AUTO" else self.format, gaps=self._gaps(scene))
            path = self._placed(context, read.path)
            camera_obj = new_path_camera(context, name=file.stem or file.parent.name)
            aspect = (scene.render.pixel_aspect_x, scene.render.pixel_aspect_y)
            apply_path_to_camera(path, camera_obj, pixel_aspect=aspect)
        except (MosaicError, OSError) as error:
            if camera_obj is not None:
                bpy.data.cameras.remove(camera_obj.data)  # takes its object with it
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        adopt_path_camera(scene, camera_obj)
        for sentence in read.assumed:
            self.report({"INFO"}, sentence[0].upper() + sentence[1:])
        fps = scene.render.fps / scene.render.fps_base
        if not math.isclose(fps, path.fps, rel_tol=1e-4):
            self.report({"WARNING"}, f"The path was made at {path.fps:g} fps, the scene plays at {fps:g}")
        about = ABOUT_FORMATS[read.format_name]
        self.report({"INFO"}, f"{camera_obj.name} has {len(path)} frames from {about}")
        return {"FINISHED"}

    def _gaps(self, scene: bpy.types.Scene) -> Gaps:
        """What the scene and the artist know where the file is silent."""
        settings, render = scene.mosaic, scene.render
        return Gaps(
            fps=self.fps or render.fps / render.fps_base,
            image_height=settings.height,
            image_width=settings.width,
            fov_deg=self.fov_deg or None,
            distance_m=self.distance or None,
        )

    def _placed(self, context: bpy.types.Context, path: CameraPath) -> CameraPath:
        if self.scale != 1:
            path = scaled(path, self.scale)
        if self.place == "FILE":
            return path
        camera_obj = context.scene.camera
        if camera_obj is None:
            raise CameraError("the scene has no camera for the path to start from: add one, or keep the file's place")
        evaluated = camera_obj.evaluated_get(context.evaluated_depsgraph_get())
        return anchored(path, world_from_cam_of_blender(evaluated.matrix_world))
