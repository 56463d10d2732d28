"""Operators around the job: start it, cancel it, show and open what came out."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from mosaic_core.errors import Cancelled, MosaicError
from mosaic_core.wording import phrase

from .. import jobs, results
from ..paths.gentle import add_gentle_path, stands_still
from ..registry import registration
from ..scene_takes import folder_for_takes, own_take, takes_of
from ..shot_list import active_shot
from ..shots import memory_to_generate_from, request_from_settings
from ..takes import take_in
from ..translations import report


class MOSAIC_OT_generate(bpy.types.Operator):
    """Generate the video of the path from the memory as it is edited now"""

    bl_idname = "mosaic.generate"
    bl_label = "Generate"
    # The take's own undo step is pushed when it arrives; starting a job changes nothing in the file.
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = why_not_generate(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start the job and give the window back. Whoever has no path yet gets a gentle one."""
        if stands_still(context.scene):
            try:
                camera_obj = add_gentle_path(context)
            except MosaicError as error:
                report(self, "ERROR", error)
                return {"CANCELLED"}
            bpy.ops.ed.undo_push(message=f"Add {camera_obj.name}")
        return self._run(context, wait=bpy.app.background)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """For scripts and the background: return when the take is there."""
        return self._run(context, wait=True)

    def _run(self, context: bpy.types.Context, *, wait: bool) -> set[str]:
        try:
            request = request_from_settings(context)
            job = jobs.start(context, request, output_folder=folder_for_takes(context.scene))
            if wait:
                folder = jobs.run_to_end()
                report(self, "INFO", phrase("The take is in {folder}", folder=folder))
            else:
                report(self, "INFO", phrase("Generating into {folder}", folder=job.folders.take))
        except Cancelled as cancelled:
            report(self, "WARNING", cancelled)
            return {"CANCELLED"}
        except MosaicError as error:
            if not jobs.is_running():
                jobs.show_error(str(error))
            report(self, "ERROR", error)
            return {"CANCELLED"}
        return {"FINISHED"}


def why_not_generate(context: bpy.types.Context) -> str:
    """Why Generate cannot be pressed now; empty where it can."""
    scene = context.scene
    if scene is None:
        return "There is no scene"
    if jobs.is_running():
        return "A job is running: wait for it or cancel it first"
    if memory_to_generate_from(context) is None:
        several = sum(obj.mosaic.is_memory for obj in scene.objects) > 1
        return "Choose which memory to generate from" if several else "Capture a memory first"
    if scene.mosaic.path_camera is None and scene.camera is None:
        return "The scene has no camera: add one, or draw a path"
    return ""


class MOSAIC_OT_cancel(bpy.types.Operator):
    """Stop the running job; nothing of its take is kept"""

    bl_idname = "mosaic.cancel"
    bl_label = "Cancel"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not jobs.is_running():
            cls.poll_message_set("No job is running")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        jobs.cancel()
        return {"FINISHED"}


def shown_take(context: bpy.types.Context) -> Path | None:
    """The folder of the take that was made or chosen last, if it is listed, else the newest that is.

    None where it has none yet. Asks the disk once a second at most.
    """
    name = "" if context.window_manager.mosaic_compare.all_shots else active_shot(context.scene).name
    facts = own_take(context.scene, context.window_manager.mosaic_job.take_folder)
    if facts is not None and (not name or facts.shot_name in ("", name)):
        return facts.folder
    takes = takes_of(context.scene, shot_name=name)
    return takes[0].folder if takes else None


def _has_take(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if context.scene is None or shown_take(context) is None:
        cls.poll_message_set("There is no take yet: generate one first")
        return False
    return True


class MOSAIC_OT_apply_result(bpy.types.Operator):
    """Add a take to the scene, as the path camera's background and as a strip in the sequencer"""

    bl_idname = "mosaic.apply_result"
    bl_label = "Add Take to Scene"
    bl_options = {"REGISTER", "UNDO"}

    folder: StringProperty(
        name="Take", description="Folder of the take; empty: the newest", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    camera: StringProperty(
        name="Camera", description="Camera to show it in; empty: the path camera", options={"SKIP_SAVE"}
    )
    background: BoolProperty(
        name="Camera Background",
        description="Show the take behind the scene when looking through the camera",
        default=True,
        options={"SKIP_SAVE"},
    )
    strip: BoolProperty(
        name="Sequencer Strip",
        description="Add the take to the video sequencer",
        default=True,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene is None:
            cls.poll_message_set("There is no scene")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        folder = Path(bpy.path.abspath(self.folder)) if self.folder else shown_take(context)
        if folder is None:
            report(self, "ERROR", phrase("There is no take yet: generate one first"))
            return {"CANCELLED"}
        camera_obj = scene.mosaic.path_camera or scene.camera
        try:
            notes = results.apply_take(
                scene,
                take_in(folder),
                camera_name=self.camera or (camera_obj.name if camera_obj else ""),
                add_background=self.background,
                add_strip=self.strip,
            )
        except MosaicError as error:
            report(self, "ERROR", error)
            return {"CANCELLED"}
        for note in notes:
            self.report({"WARNING"}, note)
        return {"FINISHED"}


class MOSAIC_OT_open_result(bpy.types.Operator):
    """Open the folder of the newest take, or play its video, in the system's own programs"""

    bl_idname = "mosaic.open_result"
    bl_label = "Open Take"
    bl_options = {"INTERNAL"}

    play: BoolProperty(name="Play", description="Open the video and not the folder", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_take(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = shown_take(context)
        target = folder / "clip.mp4" if self.play else folder
        if not target.exists():
            report(self, "ERROR", phrase("{file} is gone: generate again, or put the take back", file=target))
            return {"CANCELLED"}
        try:
            bpy.ops.wm.path_open(filepath=str(target))
        except RuntimeError as error:
            self.report({"ERROR"}, f"{target} cannot be opened: {str(error).strip()} (open it in another program)")
            return {"CANCELLED"}
        return {"FINISHED"}


register, unregister = registration(
    MOSAIC_OT_generate,
    MOSAIC_OT_cancel,
    MOSAIC_OT_apply_result,
    MOSAIC_OT_open_result,
)
