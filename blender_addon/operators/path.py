"""Operators that make camera paths: draw one, follow a curve, presets. (Files: `path_files`, registered here too.)

Each is one undo step. What is created is native (curve, Empty, camera, keys) and stays editable by native tools; the
redo panel adjusts the numbers afterwards.
"""

from __future__ import annotations

import math

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from mosaic_core.errors import MosaicError

from ..paths.curve import (
    follow,
    followed_curve,
    followed_frames,
    followed_timing,
    lift_camera,
    look_target,
    new_path_camera,
    new_path_curve,
    new_target,
)
from ..paths.place import centre_of, start_view
from ..paths.presets import Move, add_preset, adopt_path_camera
from ..registry import registration
from .path_files import MOSAIC_OT_export_path, MOSAIC_OT_import_path

_AIM_TIP = "What the camera looks at"
_CENTRE_TIP = "What is looked at, or turned around"
_AIM_ITEMS = [
    ("TARGET", "At a Target", "The camera looks at an Empty, which can be moved and animated"),
    ("PATH", "Along the Path", "The camera looks where it goes"),
    ("FREE", "As It Is", "The camera keeps its own rotation"),
]
_CENTRE_ITEMS = [
    ("AUTO", "Automatic", "What is selected, or else the memory, or else the 3D cursor"),
    ("SELECTION", "Selection", "The middle of what is selected"),
    ("MEMORY", "Memory", "The middle of the scene's memory"),
    ("CURSOR", "3D Cursor", "The 3D cursor"),
]


def _frames_property() -> IntProperty:
    return IntProperty(
        name="Frames",
        description="Frames from the start of the path to its end; fewer frames make a faster camera",
        default=0,
        min=0,
        soft_max=1000,
        options={"SKIP_SAVE"},
    )


def _frame_count(scene: bpy.types.Scene, frames: int) -> int:
    """The frames asked for, or the scene's whole range where none are; at least two, or nothing moves."""
    return max(2, frames or scene.frame_end - scene.frame_start + 1)


class MOSAIC_OT_draw_path(bpy.types.Operator):
    """Draw a camera path in the viewport with Blender's curve drawing. A new camera follows it at once"""

    bl_idname = "mosaic.draw_path"
    bl_label = "Draw Path"
    bl_options = {"REGISTER", "UNDO"}

    depth: EnumProperty(
        name="Draw On",
        description="How far away a stroke lies",
        items=[
            ("CURSOR", "In the Air", "In the plane of the 3D cursor that faces the view"),
            ("SURFACE", "On Surfaces", "On the surfaces under the pointer; the camera is kept above by the offset"),
        ],
        default="CURSOR",
    )
    surface_offset: FloatProperty(
        name="Offset",
        description="Height of the camera above the stroke",
        default=1.6,
        soft_min=0.0,
        soft_max=10.0,
        subtype="DISTANCE",
    )
    aim: EnumProperty(name="Look", description=_AIM_TIP, items=_AIM_ITEMS[:2], default="TARGET")
    centre: EnumProperty(name="Target", description=_CENTRE_TIP, items=_CENTRE_ITEMS, default="AUTO")
    frames: _frames_property()
    ease: BoolProperty(name="Ease", description="Start and stop gently", default=False)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene is not None and context.view_layer is not None

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "depth")
        if self.depth == "SURFACE":
            layout.prop(self, "surface_offset")
        layout.prop(self, "aim")
        if self.aim == "TARGET":
            layout.prop(self, "centre")
        layout.prop(self, "frames")
        layout.prop(self, "ease")

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        self.frames = _frame_count(scene, self.frames)
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        try:
            centre_world = centre_of(context, self.centre)
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        curve_obj = new_path_curve(context, name="Path", location_world=scene.cursor.location)
        camera_obj = new_path_camera(context, name="Path Camera", like=scene.camera)
        target = None
        if self.aim == "TARGET":
            target = new_target(context, name="Path Target", location_world=centre_world)
        follow(
            camera_obj,
            curve_obj,
            frame_start=scene.frame_start,
            frame_count=self.frames,
            aim=self.aim,
            target=target,
            ease=self.ease,
        )
        if self.depth == "SURFACE":
            lift_camera(camera_obj, self.surface_offset)
        adopt_path_camera(scene, camera_obj)
        _start_drawing(context, depth=self.depth)
        return {"FINISHED"}


def _start_drawing(context: bpy.types.Context, *, depth: str) -> None:
    """Edit Mode of the active curve with Blender's Draw tool in hand, where there is a viewport to draw in.

    The tool's own offset goes along the surface's normal: a stroke over a flower pot would leap aside by it. So the
    stroke lies on the surfaces, and the camera is lifted.
    """
    paint = context.tool_settings.curve_paint_settings
    paint.curve_type = "BEZIER"
    paint.depth_mode = depth
    if depth == "SURFACE":
        paint.surface_offset = 0.0
    bpy.ops.object.mode_set(mode="EDIT")
    area = context.area
    if area is None or area.type != "VIEW_3D":
        areas = context.screen.areas if context.window and context.screen else ()
        area = next((a for a in areas if a.type == "VIEW_3D"), None)
    if area is None or bpy.app.background:
        return
    region = next(r for r in area.regions if r.type == "WINDOW")
    with context.temp_override(area=area, region=region):
        bpy.ops.wm.tool_set_by_id(name="builtin.draw")


class MOSAIC_OT_follow_path(bpy.types.Operator):
    """Make a camera follow the selected curve, or change the speed and view of the path camera that follows one"""

    bl_idname = "mosaic.follow_path"
    bl_label = "Follow Path"
    bl_options = {"REGISTER", "UNDO"}

    frames: _frames_property()
    aim: EnumProperty(name="Look", description=_AIM_TIP, items=_AIM_ITEMS, default="TARGET", options={"SKIP_SAVE"})
    centre: EnumProperty(name="New Target", description=_CENTRE_TIP, items=_CENTRE_ITEMS[1:], default="CURSOR")
    ease: BoolProperty(name="Ease", description="Start and stop gently", default=False, options={"SKIP_SAVE"})
    there_and_back: BoolProperty(
        name="There and Back",
        description="Travel to the end and back again",
        default=False,
        options={"SKIP_SAVE"},
    )
    loop: BoolProperty(
        name="Loop",
        description="Close the curve, so that the frame after the last is the first again",
        default=False,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if _curve_and_camera(context)[0] is None:
            cls.poll_message_set("Select a curve, or a camera that follows one")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Whoever follows already is shown what can be set: with the redo panel folded nothing would seem to happen."""
        camera_obj = _curve_and_camera(context)[1]
        if bpy.app.background or camera_obj is None or followed_curve(camera_obj) is None:
            return self.execute(context)
        self._fill_in(context.scene, camera_obj)
        return context.window_manager.invoke_props_popup(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        curve_obj, camera_obj = _curve_and_camera(context)
        self._fill_in(scene, camera_obj)
        start = followed_frames(camera_obj)[0] if camera_obj and followed_frames(camera_obj) else scene.frame_start
        target = camera_obj and look_target(camera_obj)
        try:
            centre_world = centre_of(context, self.centre)
            if camera_obj is None:
                camera_obj = new_path_camera(context, name="Path Camera", like=scene.camera)
            if self.aim == "TARGET" and target is None:
                target = new_target(context, name="Path Target", location_world=centre_world)
            follow(
                camera_obj,
                curve_obj,
                frame_start=start,
                frame_count=self.frames,
                aim=self.aim,
                target=target,
                ease=self.ease,
                there_and_back=self.there_and_back,
                loop=self.loop,
            )
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        adopt_path_camera(scene, camera_obj)
        if len(curve_obj.data.splines) > 1:
            self.report({"WARNING"}, "The curve has several strokes: the camera follows the first")
        return {"FINISHED"}

    def _fill_in(self, scene: bpy.types.Scene, camera_obj: bpy.types.Object | None) -> None:
        """What was not asked for stays as the camera has it, and the redo panel shows it."""
        timing = camera_obj and followed_timing(camera_obj)
        if self.frames == 0:
            self.frames = timing.frame_count if timing else _frame_count(scene, 0)
        if timing:
            for name in ("ease", "there_and_back", "loop"):
                if not self.properties.is_property_set(name):
                    setattr(self, name, getattr(timing, name))
        if camera_obj and followed_curve(camera_obj) and not self.properties.is_property_set("aim"):
            self.aim = _present_aim(camera_obj)


def _curve_and_camera(
    context: bpy.types.Context,
) -> tuple[bpy.types.Object | None, bpy.types.Object | None]:
    """What to follow and who shall: a selected curve with the selected camera, or with the one that follows it already
    (None: a new one is due); or else the active camera or the path camera with the curve it follows."""
    # The view layer's, because the context knows neither in the background.
    active, chosen = context.view_layer.objects.active, context.scene.mosaic.path_camera
    selected = [obj for obj in [active, *context.view_layer.objects.selected] if obj is not None]
    curve_obj = next((obj for obj in selected if obj.type == "CURVE"), None)
    if curve_obj is not None:
        cameras = [obj for obj in context.view_layer.objects.selected if obj.type == "CAMERA"]
        followers = [
            obj
            for obj in [chosen, *context.scene.objects]
            if obj is not None and obj.type == "CAMERA" and followed_curve(obj) == curve_obj
        ]
        return curve_obj, next(iter(cameras + followers), None)
    for camera_obj in (active, chosen):
        if camera_obj is not None and camera_obj.type == "CAMERA" and followed_curve(camera_obj):
            return followed_curve(camera_obj), camera_obj
    return None, None


def _present_aim(camera_obj: bpy.types.Object) -> str:
    if look_target(camera_obj) is not None:
        return "TARGET"
    follows = next(c for c in camera_obj.constraints if c.type == "FOLLOW_PATH")
    return "PATH" if follows.use_curve_follow else "FREE"


class MOSAIC_OT_path_preset(bpy.types.Operator):
    """Add a ready-made camera move that starts at the view of the scene's camera"""

    bl_idname = "mosaic.path_preset"
    bl_label = "Path Preset"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(
        name="Move",
        description="How the camera moves",
        items=[
            ("ORBIT", "Orbit", "Circle the centre and look at it"),
            ("DOLLY", "Dolly", "Move along the view"),
            ("DOLLY_ZOOM", "Dolly Zoom", "Move along the view and zoom against it: the centre keeps its size"),
            ("PAN", "Pan", "Stand still and turn"),
            ("SPIRAL", "Spiral", "Circle the centre, closing in and rising"),
            ("THERE_AND_BACK", "There and Back", "Move sideways and return the same way"),
        ],
        default="ORBIT",
    )
    centre: EnumProperty(name="Centre", description=_CENTRE_TIP, items=_CENTRE_ITEMS, default="AUTO")
    frames: _frames_property()
    radius: FloatProperty(
        name="Radius",
        description="Distance from the centre's axis; 0: as far as the view is",
        default=0.0,
        min=0.0,
        subtype="DISTANCE",
        options={"SKIP_SAVE"},
    )
    angle: FloatProperty(name="Angle", description="How far round the centre", default=math.tau, subtype="ANGLE")
    pan_angle: FloatProperty(
        name="Angle", description="How far the camera turns", default=math.radians(60.0), subtype="ANGLE"
    )
    turns: FloatProperty(name="Turns", description="How often round the centre", default=2.0, min=0.05, soft_max=10.0)
    radius_factor: FloatProperty(
        name="End Radius",
        description="Radius at the end as a share of the radius at the start",
        default=0.5,
        min=0.0,
        soft_max=2.0,
        subtype="FACTOR",
    )
    rise: FloatProperty(name="Rise", description="How much higher the camera ends", default=1.0, subtype="DISTANCE")
    distance: FloatProperty(
        name="Distance",
        description="How far the camera moves; 0: half the way to the centre",
        default=0.0,
        min=0.0,
        subtype="DISTANCE",
        options={"SKIP_SAVE"},
    )
    reverse: BoolProperty(
        name="Reverse",
        description="Clockwise from above, backwards, or to the left; and a pan to the right",
        default=False,
    )
    ease: BoolProperty(name="Ease", description="Start and stop gently", default=False)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Leave Edit Mode first")
            return False
        return True

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        shown = {
            "ORBIT": ("centre", "radius", "angle"),
            "DOLLY": ("distance",),
            "DOLLY_ZOOM": ("centre", "distance"),
            "PAN": ("pan_angle",),
            "SPIRAL": ("centre", "radius", "turns", "radius_factor", "rise"),
            "THERE_AND_BACK": ("centre", "distance"),
        }[self.kind]
        for name in ("kind", *shown, "frames", "reverse", "ease"):
            layout.prop(self, name)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            add_preset(context, self._move(context))
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _move(self, context: bpy.types.Context) -> Move:
        """The settings as numbers. What was left at zero is filled in from the view, and the redo panel shows it."""
        self.frames = _frame_count(context.scene, self.frames)
        centre_world = centre_of(context, self.centre)
        start = start_view(context, centre_world=centre_world)
        away = start.translation - centre_world
        if self.radius == 0:
            self.radius = away.xy.length
        if self.distance == 0:
            self.distance = max(away.length / 2, 0.1)
        sign = -1 if self.reverse else 1
        angles = {"PAN": self.pan_angle, "SPIRAL": math.tau * self.turns}
        return Move(
            kind=self.kind,
            world_from_start=start,
            centre_world=centre_world,
            frame_start=context.scene.frame_start,
            frame_count=self.frames,
            radius_m=self.radius,
            angle_deg=sign * math.degrees(angles.get(self.kind, self.angle)),
            distance_m=sign * self.distance,
            radius_factor=self.radius_factor,
            rise_m=self.rise,
            ease=self.ease,
        )


register, unregister = registration(
    MOSAIC_OT_draw_path,
    MOSAIC_OT_follow_path,
    MOSAIC_OT_path_preset,
    MOSAIC_OT_export_path,
    MOSAIC_OT_import_path,
)
