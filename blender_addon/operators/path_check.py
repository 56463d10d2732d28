"""Check a path before anything is made: what is too fast, in the way, unknown to memory or a mistake, and where.

One operator asks everything that can be asked of the scene as it is: without a memory it leaves out what only a
memory knows. The findings go to the panel, where a click jumps to the frame, and to the timeline; the next check
replaces them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import bpy
import numpy as np
from bpy.props import BoolProperty, IntProperty, StringProperty

from mosaic_core.cameras import CameraPath
from mosaic_core.cameras.plausibility import Finding, check_path
from mosaic_core.errors import CameraError
from mosaic_core.memory import Memory
from mosaic_core.memory.splice import extent_m
from mosaic_core.report.coverage_plan import CoveragePlan, plan_coverage
from mosaic_core.wording import Phrase, phrase

from ..memory import store
from ..memory.read import edited_memory
from ..paths.curve import new_path_camera
from ..paths.findings import add_finding, forget_findings
from ..paths.keyframes import apply_path_to_camera
from ..paths.obstacles import Crossing, Way
from ..paths.place import bounds_world
from ..paths.sample import path_camera_of, path_of_scene
from ..registry import registration
from ..translations import in_words
from .waiting import WaitingOperator, Watch, Work

# What the core's findings are called on a button.
_LABELS = {
    "speed": phrase("too fast"),
    "jump": phrase("jumps"),
    "outside": phrase("outside the scene"),
    "centimetres": phrase("in centimetres"),
    "flipped_axes": phrase("upside down"),
    "world_axes": phrase("another axis is up"),
    "inverted": phrase("inverted matrices"),
    "lens": phrase("unusual lens"),
}


class _Checked(NamedTuple):
    path: CameraPath
    suspicions: list[Finding]
    crossings: list[Crossing]
    plan: CoveragePlan | None  # where there is a memory


class MOSAIC_OT_check_path(WaitingOperator, bpy.types.Operator):
    """Look where the path camera is too fast, passes through geometry, leaves memory or looks wrong; mark it in time"""

    bl_idname = "mosaic.check_path"
    bl_label = "Check Path"
    bl_options = {"REGISTER", "UNDO"}

    frames: IntProperty(
        name="Ask Memory At", description="Frames of the path, spread evenly", default=24, min=2, max=500
    )
    add_cameras: BoolProperty(
        name="Add Cameras",
        description="Where a capture would close the most of what memory does not know, selected",
        default=False,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            path_camera_of(context.scene)
        except CameraError as error:
            cls.poll_message_set(str(error))
            return False
        return True

    def begin(self, context: bpy.types.Context) -> Work:
        """Go along the path in the scene; asking the memory is what takes long."""
        settings, memory_obj = context.scene.mosaic, store.active_memory(context)
        way = Way(context, memory_obj)
        memory = edited_memory(memory_obj) if memory_obj is not None else None
        path = path_of_scene(context, image_height=settings.height, image_width=settings.width, on_frame=way)
        suspicions = check_path(path, _bounds(context, memory))
        frames = self.frames  # the operator itself may be gone while the thread works

        def work(watch: Watch) -> _Checked:
            asked = itertools.count(1)

            def should_stop() -> bool:
                watch.share = next(asked) / min(frames, len(path.frame_numbers))
                return watch.stopped

            known = memory is not None and memory.views
            plan = plan_coverage(memory, path, max_frames=frames, should_stop=should_stop) if known else None
            return _Checked(path, suspicions, way.crossings, plan)

        return work

    def end(self, context: bpy.types.Context, result: _Checked) -> set[str]:
        """The findings, and the cameras where they are wanted."""
        scene, path, plan = context.scene, result.path, result.plan
        cameras = add_cameras(context, path, plan) if self.add_cameras and plan is not None else []
        show_findings(scene, result.suspicions, result.crossings, plan)
        scene.mosaic_checked = "\n".join(in_words(line) for line in _summary(path, plan, cameras))
        count = len(scene.mosaic_findings)
        found = phrase("1 finding") if count == 1 else phrase("{count} findings", count=count)
        self.report(
            {"WARNING"} if count else {"INFO"}, ". ".join([in_words(found), *scene.mosaic_checked.splitlines()])
        )
        return {"FINISHED"}


def show_findings(
    scene: bpy.types.Scene, suspicions: Iterable[Finding], crossings: Iterable[Crossing], plan: CoveragePlan | None
) -> None:
    """Put what was found into the scene, in place of what was found before."""
    forget_findings(scene)
    for finding in suspicions:
        label = _LABELS.get(finding.kind, finding.kind.replace("_", " "))
        add_finding(scene, finding.kind, label, finding.sentence, stretches=finding.stretches)
    for first, last, name in crossings:
        sentence = phrase(
            "Between frames {first} and {last} the camera passes through {name}.", first=first, last=last, name=name
        )
        add_finding(scene, "geometry", phrase("through {name}", name=name), sentence, stretches=[(first, last)])
    for first, last, least in _unknown(plan) if plan else ():
        sentence = phrase(
            "From frame {first} to {last} memory knows as little as {least:.0%} of the picture: the rest is made up.",
            first=first,
            last=last,
            least=least,
        )
        add_finding(scene, "memory", phrase("{least:.0%} known", least=least), sentence, stretches=[(first, last)])


def _bounds(context: bpy.types.Context, memory: Memory | None) -> np.ndarray | None:  # (2, 3)
    if memory is not None and memory.views:
        return np.stack(extent_m(memory))
    return bounds_world(context)


def _unknown(plan: CoveragePlan) -> list[tuple[int, int, float]]:
    """First and last frame of each stretch with holes, and how little is known there."""
    known = dict(zip(plan.frame_numbers, plan.known, strict=True))
    return [
        (first, last, min(share for number, share in known.items() if first <= number <= last))
        for first, last in plan.invented
    ]


def _summary(path: CameraPath, plan: CoveragePlan | None, cameras: list[bpy.types.Object]) -> list[Phrase]:
    """Lines for the panel: what was looked at, and what memory knows on the whole."""
    lines = [phrase("Frames {first} to {last} checked", first=path.frame_numbers[0], last=path.frame_numbers[-1])]
    if plan is None:
        return [*lines, phrase("No memory to ask what it knows of them")]
    lines.append(phrase("{known:.0%} of the path is known", known=np.mean(plan.known)))
    if plan.proposals:
        count, known = len(plan.proposals), np.mean(plan.known_after)
        one = phrase("{known:.0%} with 1 more capture", known=known)
        lines.append(one if count == 1 else phrase("{known:.0%} with {count} more captures", known=known, count=count))
    if cameras:
        names = ", ".join(camera.name for camera in cameras)
        lines.append(phrase("Capture from {names} with Add Views", names=names))
    return lines


def add_cameras(context: bpy.types.Context, path: CameraPath, plan: CoveragePlan) -> list[bpy.types.Object]:
    """A still camera for each proposal, the only ones that are selected then. Raises `CameraError`."""
    render = context.scene.render
    cameras = []
    for number in plan.proposals:
        camera_obj = new_path_camera(context, name=f"Capture {number}")
        still = replace(path, cameras=(path[path.frame_numbers.index(number)],), frame_numbers=(number,))
        apply_path_to_camera(still, camera_obj, pixel_aspect=(render.pixel_aspect_x, render.pixel_aspect_y))
        camera_obj.animation_data_clear()
        cameras.append(camera_obj)
    if cameras:
        context.view_layer.update()
        for obj in list(context.view_layer.objects.selected):
            obj.select_set(False)
        for camera_obj in cameras:
            camera_obj.select_set(True)
    return cameras


class MOSAIC_OT_go_to_frame(bpy.types.Operator):
    """Go to this frame"""

    bl_idname = "mosaic.go_to_frame"
    bl_label = "Go to Frame"
    bl_options = {"INTERNAL"}  # as moving the playhead, this is no step of undo

    frame: IntProperty(name="Frame", description="Where the timeline shall go")
    sentence: StringProperty(name="Finding", description="What was found there")

    @classmethod
    def description(cls, _context: bpy.types.Context, properties) -> str:
        """The finding in full."""
        return properties.sentence.rstrip(".")

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.frame_set(self.frame)
        return {"FINISHED"}


register, unregister = registration(MOSAIC_OT_check_path, MOSAIC_OT_go_to_frame)
