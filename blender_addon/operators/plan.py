"""Plan a path before anything is made: what memory knows along it, what looks like a mistake, and what to capture."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
from bpy.props import BoolProperty, IntProperty

from mosaic_core.cameras import CameraPath
from mosaic_core.cameras.plausibility import check_path
from mosaic_core.errors import MosaicError
from mosaic_core.memory.splice import extent_m
from mosaic_core.report.coverage_plan import CoveragePlan, plan_coverage

from ..memory import store
from ..memory.read import edited_memory
from ..paths.curve import new_path_camera
from ..paths.keyframes import apply_path_to_camera
from ..paths.sample import path_of_scene
from ..registry import registration
from .memory_poll import poll_memory

MARKER_PREFIX = "holes:"


class MOSAIC_OT_plan_path(bpy.types.Operator):
    """Say how much of the path the memory knows, mark what would be invented, and add cameras that would close it"""

    bl_idname = "mosaic.plan_path"
    bl_label = "Plan Coverage"
    bl_options = {"REGISTER", "UNDO"}

    frames: IntProperty(name="Look at", description="Frames of the path, spread evenly", default=24, min=2, max=500)
    add_cameras: BoolProperty(
        name="Add Cameras", description="Where a capture would close the most of the holes, selected", default=True
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return poll_memory(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.mosaic
        size = {"image_height": settings.height, "image_width": settings.width}
        try:
            memory = edited_memory(store.active_memory(context))
            path = path_of_scene(context, **size)
            plan = plan_coverage(memory, path, max_frames=self.frames)
            findings = check_path(path, np.stack(extent_m(memory)))
            cameras = add_cameras(context, path, plan) if self.add_cameras else []
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        mark_holes(context.scene, plan)
        lines = [*plan_in_words(plan), *(finding.sentence for finding in findings)]
        if cameras:
            lines.append(f"Capture from {', '.join(camera.name for camera in cameras)} with Add Views")
        settings.plan = "\n".join(lines)
        self.report(
            {"WARNING"} if findings or plan.invented else {"INFO"}, ". ".join(line.rstrip(".") for line in lines)
        )
        return {"FINISHED"}


def plan_in_words(plan: CoveragePlan) -> list[str]:
    """Lines for the panel."""
    worst = int(np.argmin(plan.known))
    lines = [
        f"{np.mean(plan.known):.0%} of the path is known, {plan.known[worst]:.0%} at frame {plan.frame_numbers[worst]}"
    ]
    if plan.invented:
        spans = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in plan.invented)
        lines.append(f"Invented in part: frames {spans}")
    if plan.proposals:
        lines.append(f"{np.mean(plan.known_after):.0%} with {len(plan.proposals)} more captures")
    return lines


def mark_holes(scene: bpy.types.Scene, plan: CoveragePlan) -> None:
    """Timeline markers where each stretch begins, in place of those of the plan before."""
    for marker in [m for m in scene.timeline_markers if m.name.startswith(MARKER_PREFIX)]:
        scene.timeline_markers.remove(marker)
    known = dict(zip(plan.frame_numbers, plan.known, strict=True))
    for first, last in plan.invented:
        least = min(share for number, share in known.items() if first <= number <= last)
        scene.timeline_markers.new(f"{MARKER_PREFIX} {least:.0%} known, to {last}", frame=first)


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


register, unregister = registration(MOSAIC_OT_plan_path)
