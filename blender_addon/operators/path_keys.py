"""Keys of the path camera: from the view, of the lens alone, from a curve; and how fast it goes along them."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty

from mosaic_core.errors import CameraError, MosaicError

from ..paths.curve import followed_curve, new_path_camera
from ..paths.keyframes import bake_path
from ..paths.presets import adopt_path_camera
from ..paths.sample import path_camera_of, path_from_camera
from ..paths.speed import set_speed
from ..paths.views import frame_aspect, has_viewport, key_view, lens_for, viewport_view
from ..registry import registration

_BAKE_EVERY = 12  # half a second: few enough keys to go on with from the view


def bake_camera(context: bpy.types.Context, camera_obj: bpy.types.Object, *, every: int) -> int:
    """Key what a camera does over the scene's frames and free it of its curve; the number of frames looked at."""
    settings, render = context.scene.mosaic, context.scene.render
    path = path_from_camera(context, camera_obj, image_height=settings.height, image_width=settings.width)
    bake_path(path, camera_obj, every=every, pixel_aspect=(render.pixel_aspect_x, render.pixel_aspect_y))
    return len(path)


class MOSAIC_OT_key_view(bpy.types.Operator):
    """Put the path camera where the viewport looks from and key its place, rotation and lens at this frame"""

    bl_idname = "mosaic.key_view"
    bl_label = "Key the View"
    bl_options = {"REGISTER", "UNDO"}

    lens: EnumProperty(
        name="Lens",
        description="Which lens the key gets",
        items=[
            ("VIEW", "As the View", "The frame shows as much as fits into the viewport"),
            ("KEEP", "As It Is", "The camera keeps the lens it has"),
        ],
        default="VIEW",
    )
    instead: EnumProperty(
        description="What becomes of the curve that the camera follows",
        name="Do",
        items=[
            ("BAKE", "Bake into Keys", "Turn its way into keys, let go of the curve, then key the view"),
            ("NEW", "Key a New Camera", "Leave this camera on its curve"),
        ],
        default="BAKE",
        options={"SKIP_SAVE"},
    )
    every: IntProperty(name="Key Every", description="Frames from one baked key to the next", default=12, min=1)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not has_viewport(context):
            cls.poll_message_set("Look at the scene in a 3D viewport")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        camera_obj = context.scene.mosaic.path_camera
        if camera_obj is not None and followed_curve(camera_obj) is not None:
            return context.window_manager.invoke_props_dialog(self, width=420)
        return self.execute(context)

    def draw(self, context: bpy.types.Context) -> None:
        layout, camera_obj = self.layout, context.scene.mosaic.path_camera
        curve_obj = followed_curve(camera_obj) if camera_obj is not None else None
        if curve_obj is not None:
            layout.label(
                text=f"{camera_obj.name} follows {curve_obj.name}: its place comes from the curve", icon="INFO"
            )
            layout.prop(self, "instead", expand=True)
            if self.instead == "BAKE":
                layout.prop(self, "every")
        layout.prop(self, "lens")

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        camera_obj, frame = scene.mosaic.path_camera, scene.frame_current
        try:
            view = viewport_view(context)
            if camera_obj is not None and followed_curve(camera_obj) is not None:
                if self.instead == "BAKE":
                    bake_camera(context, camera_obj, every=self.every)
                else:
                    camera_obj = None
            if camera_obj is None:
                camera_obj = new_path_camera(context, name="Path Camera", like=scene.camera)
                camera_obj.rotation_mode = "QUATERNION"
            aspect = frame_aspect(scene)
            lens_mm = lens_for(camera_obj.data, view.tan_half_width, aspect=aspect) if self.lens == "VIEW" else None
            key_view(camera_obj, view, frame=frame, lens_mm=lens_mm)
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        adopt_path_camera(scene, camera_obj)
        outside = not scene.frame_start <= frame <= scene.frame_end
        note = f", outside the scene's frames {scene.frame_start} to {scene.frame_end}" if outside else ""
        self.report({"WARNING"} if outside else {"INFO"}, f"{camera_obj.name} is keyed at frame {frame}{note}")
        return {"FINISHED"}


class PathCameraOperator:
    """Mixed into operators that change the path camera."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            camera_obj = path_camera_of(context.scene)
        except CameraError as error:
            cls.poll_message_set(str(error))
            return False
        if camera_obj.library is not None:
            cls.poll_message_set(f"{camera_obj.name} is linked from another file: make it local first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self.report({"INFO"}, self.change(context, path_camera_of(context.scene)))
        except MosaicError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class MOSAIC_OT_bake_path(PathCameraOperator, bpy.types.Operator):
    """Turn what moves the path camera (curve, constraints, parent) into keys of its own"""

    bl_idname = "mosaic.bake_path"
    bl_label = "Bake to Keys"

    every: IntProperty(
        name="Key Every",
        description="Frames from key to key: 1 is exact, more leaves few enough keys to edit by hand",
        default=_BAKE_EVERY,
        min=1,
    )

    def change(self, context: bpy.types.Context, camera_obj: bpy.types.Object) -> str:
        """Do it; what was done, in words."""
        count = bake_camera(context, camera_obj, every=self.every)
        return f"{camera_obj.name} is keyed over {count} frames"


class MOSAIC_OT_key_lens(PathCameraOperator, bpy.types.Operator):
    """Key the path camera's lens at this frame, for zooms"""

    bl_idname = "mosaic.key_lens"
    bl_label = "Key Lens"

    lens_mm: FloatProperty(
        name="Focal Length (mm)",
        description="0 is the lens as it is",
        default=0.0,
        min=0.0,
        max=5000.0,
        options={"SKIP_SAVE"},
    )

    def change(self, context: bpy.types.Context, camera_obj: bpy.types.Object) -> str:
        """Do it; what was done, in words."""
        if self.lens_mm == 0:
            self.lens_mm = camera_obj.data.lens
        frame = context.scene.frame_current
        camera_obj.data.lens = max(self.lens_mm, 1.0)
        camera_obj.data.keyframe_insert("lens", frame=frame)
        return f"{camera_obj.name} has {camera_obj.data.lens:.4g} mm at frame {frame}"


class MOSAIC_OT_path_speed(PathCameraOperator, bpy.types.Operator):
    """Change how fast the path camera goes along its way; frames and way stay"""

    bl_idname = "mosaic.path_speed"
    bl_label = "Speed"

    kind: EnumProperty(
        name="Speed",
        description="How the speed changes along the way",
        items=[
            ("EVEN", "Even Speed", "The same distance every frame"),
            ("EASE", "Ease In and Out", "Start and stop gently"),
            ("EASE_IN", "Ease In", "Start gently, end at full speed"),
            ("EASE_OUT", "Ease Out", "Start at full speed, stop gently"),
        ],
        default="EVEN",
    )

    def change(self, context: bpy.types.Context, camera_obj: bpy.types.Object) -> str:
        """Do it; what was done, in words."""
        set_speed(context, camera_obj, self.kind)
        return f"{camera_obj.name}: {self.properties.bl_rna.properties['kind'].enum_items[self.kind].name}"


register, unregister = registration(MOSAIC_OT_key_view, MOSAIC_OT_bake_path, MOSAIC_OT_key_lens, MOSAIC_OT_path_speed)
