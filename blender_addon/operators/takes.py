"""Operators of the list of takes: choose one, make it again, retake a part of it, delete it, flip between two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from mosaic_core.errors import GenerateError, MosaicError
from mosaic_core.generate.remake import remake_of

from .. import queue_run, results, take_facts
from ..registry import registration
from ..scene_id import id_of
from ..scene_takes import folder_for_takes
from ..shot_list import ShotValues, active_shot, shots_of
from ..shots import JobRequest, RemadeShot, Retake, prepared_shot, request_from_settings
from ..take_facts import TakeFacts, facts_of
from ..takes import move_to_trash, take_in
from .generate import shown_take

_FOLDER = {"subtype": "DIR_PATH", "options": {"SKIP_SAVE"}}


def _chosen(context: bpy.types.Context, folder: str) -> TakeFacts:
    """The named take, or the one that is shown. Raises `GenerateError` where there is none."""
    chosen = Path(bpy.path.abspath(folder)) if folder else shown_take(context)
    facts = None if chosen is None else facts_of(chosen)
    if facts is None:
        raise GenerateError(f"there is no take in {chosen}" if chosen else "there is no take yet: generate one first")
    return facts


def _has_scene(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if context.scene is None:
        cls.poll_message_set("There is no scene")
        return False
    return True


class _TakeOperator:
    """What the operators of one take share."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_scene(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self._do(context, _chosen(context, self.folder))
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _queue(self, name: str, work: queue_run.Work) -> None:
        item = queue_run.add_work(name, work)
        if bpy.app.background:
            queue_run.run_to_end()
            if item.status != "DONE":
                raise GenerateError(item.words or "it was cancelled")


class MOSAIC_OT_choose_take(_TakeOperator, bpy.types.Operator):
    """Show this take below, and what can be done with it"""

    bl_idname = "mosaic.choose_take"
    bl_label = "Choose Take"
    bl_options = {"INTERNAL"}

    folder: StringProperty(name="Take", description="Folder of the take", **_FOLDER)
    compare: BoolProperty(name="Compare", description="As the one to compare with", options={"SKIP_SAVE"})

    def _do(self, context: bpy.types.Context, facts: TakeFacts) -> None:
        if self.compare:
            context.window_manager.mosaic_compare.other = str(facts.folder)
        else:
            context.window_manager.mosaic_job.take_folder = str(facts.folder)


class MOSAIC_OT_page_takes(bpy.types.Operator):
    """List older or newer takes"""

    bl_idname = "mosaic.page_takes"
    bl_label = "Other Takes"
    bl_options = {"INTERNAL"}

    page: IntProperty(name="Page", description="0 has the newest takes", min=0, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.mosaic_compare.page = self.page
        return {"FINISHED"}


class MOSAIC_OT_remake_take(_TakeOperator, bpy.types.Operator):
    """Make the take again from its manifest: the same shot, the same bits, in a new folder"""

    bl_idname = "mosaic.remake_take"
    bl_label = "Make Again"
    bl_options = {"REGISTER"}

    folder: StringProperty(name="Take", description="Folder of the take; empty: the one that is shown", **_FOLDER)

    def _do(self, context: bpy.types.Context, facts: TakeFacts) -> None:
        remake = remake_of(facts.folder)
        for warning in remake.warnings:
            self.report({"WARNING"}, warning)
        request = _request_of(context, facts, remake.shot.seed, remake.shot.engine)
        output_folder = folder_for_takes(context.scene)
        shot = replace(remake.shot, scene_id=id_of(context.scene))
        self._queue(facts.shot_name, queue_run.Work(request, RemadeShot(shot), output_folder))


class MOSAIC_OT_retake(_TakeOperator, bpy.types.Operator):
    """Make a part of the take again, as everything is set up now; all other frames stay as they are"""

    bl_idname = "mosaic.retake"
    bl_label = "Retake Frames"
    bl_options = {"REGISTER"}

    folder: StringProperty(name="Take", description="Folder of the take; empty: the one that is shown", **_FOLDER)
    changed: BoolProperty(
        name="What Changed",
        description="The frames that edits since can have changed, instead of a range",
        options={"SKIP_SAVE"},
    )
    first: IntProperty(name="First", description="First frame to make again", options={"SKIP_SAVE"})
    last: IntProperty(name="Last", description="Last frame to make again", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the range, beginning with the preview range or the current frame."""
        if self.changed:
            return self.execute(context)
        scene = context.scene
        self.first, self.last = scene.frame_current, scene.frame_current
        if scene.use_preview_range:
            self.first, self.last = scene.frame_preview_start, scene.frame_preview_end
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        """The range."""
        row = self.layout.row(align=True)
        row.prop(self, "first")
        row.prop(self, "last")

    def _do(self, context: bpy.types.Context, facts: TakeFacts) -> None:
        retake = Retake(facts.folder, None if self.changed else (self.first, self.last))
        if not self.changed and not facts.first_frame <= self.first <= self.last <= facts.last_frame:
            taken = f"{facts.first_frame} .. {facts.last_frame}"
            raise GenerateError(
                f"{facts.name} has frames {taken}: choose a range in it, got {self.first} .. {self.last}"
            )
        request = request_from_settings(context, shot=_shot_of(context.scene, facts))
        request = replace(
            request,
            frame_start=facts.first_frame,
            frame_end=facts.last_frame,
            image_width=facts.width or request.image_width,
            image_height=facts.height or request.image_height,
            depth=request.depth and facts.has_depth,
            retake=retake,
        )
        output_folder = folder_for_takes(context.scene)
        self._queue(request.shot_name, queue_run.Work(request, prepared_shot(context, request), output_folder))


class MOSAIC_OT_delete_take(_TakeOperator, bpy.types.Operator):
    """Move the take's folder into the folder "trash" beside the takes; its background and strips go as well"""

    bl_idname = "mosaic.delete_take"
    bl_label = "Delete Take"
    bl_options = {"REGISTER", "UNDO"}

    folder: StringProperty(name="Take", description="Folder of the take; empty: the one that is shown", **_FOLDER)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def _do(self, context: bpy.types.Context, facts: TakeFacts) -> None:
        trash = move_to_trash(facts.folder)
        results.remove_take(facts.folder)
        take_facts.forget()
        if context.window_manager.mosaic_compare.other == str(facts.folder):
            context.window_manager.mosaic_compare.other = ""
        self.report({"INFO"}, f"{facts.name} is now in {trash.parent}")


class MOSAIC_OT_flip_take(bpy.types.Operator):
    """Look at the other take in the camera's background, and again at this one: A and B change places"""

    bl_idname = "mosaic.flip_take"
    bl_label = "Flip A and B"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene is None or shown_take(context) is None or not context.window_manager.mosaic_compare.other:
            cls.poll_message_set("Choose a take to compare with first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        job, compare = context.window_manager.mosaic_job, context.window_manager.mosaic_compare
        shown, other = str(shown_take(context)), compare.other
        camera_obj = context.scene.mosaic.path_camera or context.scene.camera
        try:
            note = results.set_background(take_in(Path(other)), camera_obj.name if camera_obj else "")
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if note:
            self.report({"WARNING"}, note)
        job.take_folder, compare.other = other, shown
        return {"FINISHED"}


def _shot_of(scene: bpy.types.Scene, facts: TakeFacts) -> ShotValues:
    """The shot that a take is of, as it is set up now; the active one where it is not in the list any more."""
    return next((shot for shot in shots_of(scene) if shot.name and shot.name == facts.shot_name), active_shot(scene))


def _request_of(context: bpy.types.Context, facts: TakeFacts, seed: int, engine: str) -> JobRequest:
    """What a job has to know about a take that is made again from its own files."""
    scene, settings = context.scene, context.scene.mosaic
    camera_name = _shot_of(scene, facts).path_camera or (scene.camera.name if scene.camera else "")
    return JobRequest(
        scene_name=scene.name,
        memory_name="",
        memory_library=None,
        camera_name=camera_name,
        follows_markers=False,
        engine=engine,
        image_height=facts.height,
        image_width=facts.width,
        seed=seed,
        prompt="",
        frame_start=facts.first_frame,
        frame_end=facts.last_frame,
        shot_name=facts.shot_name,
        add_background=settings.add_background,
        add_strip=settings.add_strip,
    )


register, unregister = registration(
    MOSAIC_OT_choose_take,
    MOSAIC_OT_page_takes,
    MOSAIC_OT_remake_take,
    MOSAIC_OT_retake,
    MOSAIC_OT_delete_take,
    MOSAIC_OT_flip_take,
)
