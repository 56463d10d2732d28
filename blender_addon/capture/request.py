"""`CaptureRequest`: which cameras, at which frames, how large, by which engine; and how the settings make one."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from mosaic_core.cameras.camera import MAX_IMAGE_SIDE_PX
from mosaic_core.errors import CaptureError

from .ring import ring_cameras

# Blender renders nothing smaller.
_MIN_IMAGE_SIDE_PX = 4
# Each view keeps some 20 bytes a pixel in memory: a thousand 640x360 views are 4.6 GB.
MAX_VIEWS = 1000


@dataclass(frozen=True)
class CaptureRequest:
    """What to capture. Raises `CaptureError` for no cameras, unsupported cameras and impossible sizes."""

    cameras: tuple[tuple[bpy.types.Object, int], ...]  # a camera object and a frame of the timeline, one a view
    image_height: int
    image_width: int
    engine: str = "BLENDER_WORKBENCH"  # as in `scene.render.engine`
    samples: int | None = None  # for EEVEE and Cycles; None = as the scene has it

    def __post_init__(self) -> None:
        if not self.cameras:
            raise CaptureError("there is no camera to capture from: add one or select some")
        if len(self.cameras) > MAX_VIEWS:
            raise CaptureError(
                f"a capture holds at most {MAX_VIEWS} views, got {len(self.cameras)}: choose fewer cameras"
            )
        for camera, _frame in self.cameras:
            check_camera(camera)
        for name in ("image_height", "image_width"):
            side = getattr(self, name)
            if not _MIN_IMAGE_SIDE_PX <= side <= MAX_IMAGE_SIDE_PX:
                raise CaptureError(f"{name} must be {_MIN_IMAGE_SIDE_PX} .. {MAX_IMAGE_SIDE_PX} pixels, got {side}")
        if self.samples is not None and self.samples < 1:
            raise CaptureError(f"samples must be at least 1, got {self.samples}")

    @property
    def frames(self) -> frozenset[int]:
        """The distinct frames looked at; with two or more, motion can be told."""
        return frozenset(frame for _camera, frame in self.cameras)

    def view_name(self, index: int) -> str:
        """The camera's name, with the frame where that camera looks more than once."""
        camera, frame = self.cameras[index]
        repeated = sum(other == camera for other, _frame in self.cameras) > 1
        return f"{camera.name} {frame:04d}" if repeated else camera.name


def check_camera(camera: bpy.types.Object) -> None:
    """Refuse what cannot become a pinhole camera, before anything is rendered. Raises `CaptureError`."""
    if camera is None or camera.type != "CAMERA":
        raise CaptureError(f"expected a camera, got {'nothing' if camera is None else repr(camera.name)}")
    if camera.data.type != "PERSP":
        raise CaptureError(
            f"camera {camera.name!r} is not a perspective camera: set its Type to Perspective, or capture from another"
        )


def requests_from_settings(context: bpy.types.Context) -> CaptureRequest:
    """The request that `scene.mosaic` describes. Raises `CaptureError` with what is missing."""
    scene, settings = context.scene, context.scene.mosaic
    if settings.capture_source == "ANIMATION":
        cameras = _along_animation(scene, every=settings.capture_every)
    else:
        cameras = tuple(
            (camera, scene.frame_current)
            for camera in _cameras(scene, context.view_layer, source=settings.capture_source)
        )
    return CaptureRequest(
        cameras=cameras,
        image_height=settings.capture_height,
        image_width=settings.capture_width,
        engine=settings.capture_engine,
    )


def request_of_ring(context: bpy.types.Context) -> CaptureRequest:
    """A request for the cameras of the scene's ring, now, in the settings' size. Raises `CaptureError`."""
    scene, settings = context.scene, context.scene.mosaic
    return CaptureRequest(
        cameras=tuple((camera, scene.frame_current) for camera in ring_cameras(scene)),
        image_height=settings.capture_height,
        image_width=settings.capture_width,
        engine=settings.capture_engine,
    )


def _cameras(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, *, source: str) -> list[bpy.types.Object]:
    if source == "SCENE_CAMERA":
        camera = camera_at_frame(scene, scene.frame_current)
        if camera is None:
            raise CaptureError("the scene has no camera: add one and make it the active camera")
        return [camera]
    everything = sorted((obj for obj in scene.objects if obj.type == "CAMERA"), key=lambda obj: obj.name_full)
    if source == "ALL_CAMERAS":
        if not everything:
            raise CaptureError("the scene has no camera: add one")
        return everything
    selected = [obj for obj in everything if obj.select_get(view_layer=view_layer)]
    if not selected:
        raise CaptureError("no camera is selected: select the cameras to capture from")
    return selected


def _along_animation(scene: bpy.types.Scene, *, every: int) -> tuple[tuple[bpy.types.Object, int], ...]:
    frames = range(scene.frame_start, scene.frame_end + 1, every)
    if len(frames) > MAX_VIEWS:
        raise CaptureError(f"{len(frames)} views are more than the {MAX_VIEWS} a capture holds: capture fewer frames")
    cameras = tuple((camera_at_frame(scene, frame), frame) for frame in frames)
    if any(camera is None for camera, _frame in cameras):
        raise CaptureError("the scene has no camera: add one and make it the active camera")
    return cameras


def camera_at_frame(scene: bpy.types.Scene, frame: int) -> bpy.types.Object | None:
    """The camera the scene looks through at a frame: timeline markers may switch it."""
    bound = [marker for marker in scene.timeline_markers if marker.camera is not None]
    earlier = [marker for marker in bound if marker.frame <= frame]
    if earlier:
        return max(earlier, key=lambda marker: marker.frame).camera
    # As Blender has it: before the first marker, the first marker's camera.
    return min(bound, key=lambda marker: marker.frame).camera if bound else scene.camera
