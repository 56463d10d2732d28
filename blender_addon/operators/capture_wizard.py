"""Set Up Capture: a dialog that asks where the views come from, shows the cameras and says how long it takes.

The ring's cameras stand in the scene while the dialog is open, so the viewport shows what every number does. The
capture itself is `mosaic.capture`, with its progress and its Escape; this operator pushes no undo step of its own.
"""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from mosaic_core.errors import MosaicError

from ..capture import rates, requests_from_settings
from ..capture.ring import Ring, build_ring, default_ring, remove_ring, ring_cameras
from ..memory import store
from ..panels.drawing import draw_pair, draw_text
from ..paths.speed import keyed_frames
from ..registry import registration
from .capture_run import running

_VIEWS_OF_AN_ANIMATION = 24


class MOSAIC_OT_capture_wizard(bpy.types.Operator):
    """Choose where the views come from, see the cameras and how long it takes, then capture"""

    bl_idname = "mosaic.capture_wizard"
    bl_label = "Set Up Capture"
    bl_options = {"REGISTER"}

    source: EnumProperty(
        name="From",
        description="Which cameras look at the scene",
        items=[
            ("RING", "Ring", "Cameras around what is selected, or around the whole scene; in a room, looking out"),
            ("ANIMATION", "Animation", "The scene's camera, every few frames"),
            ("SELECTED", "Selected", "The selected cameras"),
        ],
        default="RING",
    )
    where: EnumProperty(
        name="Stand",
        description="Where the cameras of the ring stand, and which way they look",
        items=[
            ("AUTO", "Automatic", "Inside where walls stand all round the middle, else outside"),
            ("AROUND", "Around, Looking In", "On a circle, looking at the middle"),
            ("INSIDE", "Inside, Looking Out", "Near the middle of a room, looking at its walls"),
        ],
        default="AUTO",
        options={"SKIP_SAVE"},
    )
    number: IntProperty(
        name="Cameras", description="How many cameras the ring has", default=8, min=1, soft_max=48, max=1000
    )
    radius: FloatProperty(
        name="Radius", description="0 suits the scene", min=0.0, subtype="DISTANCE", options={"SKIP_SAVE"}
    )
    height: FloatProperty(
        name="Height", description="Above the middle of what is captured", subtype="DISTANCE", options={"SKIP_SAVE"}
    )
    fov_deg: FloatProperty(
        name="Field of View", description="Horizontal, in degrees", min=0.0, max=150.0, options={"SKIP_SAVE"}
    )
    every: IntProperty(name="Every", description="Frames from one view to the next", default=0, min=0)
    keep: BoolProperty(name="Keep the Cameras", description="Leave the ring's cameras in the scene", default=False)
    extend: BoolProperty(
        name="Add to the Memory", description="Keep the memory's views and edits", default=False, options={"SKIP_SAVE"}
    )

    _fitted = ""  # which ring radius, height and field of view were filled in for
    _problem = ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Capture works in Object Mode")
            return False
        if running() is not None:
            cls.poll_message_set("A capture is running: wait for it, or end it with Esc")
            return False
        if bpy.app.is_job_running("RENDER"):
            cls.poll_message_set("Blender is rendering")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self._suit(context)
        self._preview(context)
        return context.window_manager.invoke_props_dialog(self, width=380)

    def check(self, context: bpy.types.Context) -> bool:
        """Blender calls this when the artist changed something."""
        self._preview(context)
        return True

    def cancel(self, context: bpy.types.Context) -> None:
        """Nothing stays of a dialog that was closed."""
        remove_ring(context.scene)

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.mosaic
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.row().prop(self, "source", expand=True)
        names = {"RING": ("where", "number", "radius", "height", "fov_deg", "keep"), "ANIMATION": ("every",)}
        for name in names.get(self.source, ()):
            layout.prop(self, name)
        layout.prop(settings, "capture_engine")
        draw_pair(layout, "Size", settings, "capture_width", "capture_height")
        if store.is_memory(settings.memory):
            layout.prop(self, "extend", text=f"Add to {settings.memory.name}")
        draw_text(layout, context, self._in_words(context), icon="ERROR" if self._problem else "INFO")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self._apply(context)
        except MosaicError as error:
            remove_ring(context.scene)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        mode = "EXEC_DEFAULT" if bpy.app.background or context.window is None else "INVOKE_DEFAULT"
        try:
            bpy.ops.mosaic.capture(mode, ring=self.source == "RING", keep_ring=self.keep, extend=self.extend)
        except RuntimeError as error:  # what the capture reported
            self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
            return {"CANCELLED"}
        return {"FINISHED"}

    def _suit(self, context: bpy.types.Context) -> None:
        """Defaults from the scene: chosen cameras win, then a camera that moves, then a ring."""
        scene = context.scene
        chosen = [obj for obj in context.view_layer.objects.selected if obj.type == "CAMERA"]
        camera_obj = scene.camera
        moves = camera_obj is not None and (keyed_frames(camera_obj) is not None or len(camera_obj.constraints) > 0)
        if not self.properties.is_property_set("source"):
            self.source = "SELECTED" if len(chosen) > 1 else "ANIMATION" if moves else "RING"
        if self.every == 0:
            self.every = max(1, round((scene.frame_end - scene.frame_start + 1) / _VIEWS_OF_AN_ANIMATION))

    def _ring(self, context: bpy.types.Context) -> Ring:
        """The ring as chosen; what was left open is filled in from the scene."""
        suits = default_ring(context, number=self.number, where=self.where)
        if self._fitted and self._fitted != suits.where:
            self.radius, self.fov_deg = 0.0, 0.0
            self.property_unset("height")
        self._fitted = suits.where
        self.radius = self.radius or suits.radius_m
        self.fov_deg = self.fov_deg or suits.fov_deg
        if not self.properties.is_property_set("height"):
            self.height = suits.height_m
        return suits._replace(radius_m=self.radius, height_m=self.height, fov_deg=self.fov_deg)

    def _preview(self, context: bpy.types.Context) -> None:
        """Show the ring's cameras as they would stand, and remember why not."""
        self._problem = ""
        try:
            self._apply(context)
        except MosaicError as error:
            remove_ring(context.scene)
            self._problem = str(error)

    def _apply(self, context: bpy.types.Context) -> None:
        """Bring scene and settings to what was chosen. Raises `MosaicError`."""
        self._suit(context)
        settings = context.scene.mosaic
        if self.source == "RING":
            build_ring(context, self._ring(context))
            return
        remove_ring(context.scene)
        settings.capture_source = "ANIMATION" if self.source == "ANIMATION" else "SELECTED_CAMERAS"
        settings.capture_every = self.every
        requests_from_settings(context)

    def _in_words(self, context: bpy.types.Context) -> str:
        """How many views, and how long they take; or what is wrong."""
        if self._problem:
            return self._problem[0].upper() + self._problem[1:]
        settings = context.scene.mosaic
        if self.source == "RING":
            views = len(ring_cameras(context.scene))
        else:
            views = len(requests_from_settings(context).cameras)
        pixels = settings.capture_width * settings.capture_height
        seconds = rates.estimate_s(settings.capture_engine, views=views, pixels=pixels)
        left_out = self.number - views if self.source == "RING" else 0
        note = f"; {left_out} of {self.number} have no free place" if left_out else ""
        stand = {"INSIDE": " from inside", "AROUND": " from around"}[self._fitted] if self.source == "RING" else ""
        return f"{views} views{stand}, {rates.in_words(seconds)}{note}"


register, unregister = registration(MOSAIC_OT_capture_wizard)
