"""Any animated Blender camera as a `CameraPath`: what it really does, frame by frame.

Sampled from the evaluated scene and not from curves or keys, so that constraints, drivers, shake, animated lenses and
parents count exactly as they do in a render.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy

from mosaic_core.cameras import Camera, CameraPath
from mosaic_core.cameras.path import MAX_FRAMES
from mosaic_core.errors import CameraError

from ..cameras import camera_of_blender
from .curve import refresh_path

_TRANSFORM = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")
# A frame, the camera that shows it, and what it sees.
OnFrame = Callable[[int, bpy.types.Object, Camera], None]


def path_camera_of(scene: bpy.types.Scene) -> bpy.types.Object:
    """The camera whose animation is the path: the chosen one, or else the scene's. Raises `CameraError`."""
    chosen = scene.mosaic.path_camera
    if chosen is not None and scene not in chosen.users_scene:
        raise CameraError(f"the path camera {chosen.name} was deleted from the scene: choose another")
    camera_obj = chosen or scene.camera
    if camera_obj is None:
        raise CameraError("the scene has no camera: add one, or draw a path")
    return camera_obj


def path_of_scene(
    context: bpy.types.Context,
    *,
    image_height: int,
    image_width: int,
    frame_start: int | None = None,  # None: the scene's own range
    frame_end: int | None = None,  # included
    step: int = 1,
    on_frame: OnFrame | None = None,
) -> CameraPath:
    """The scene's path: the chosen path camera, or else the scene's camera with its cuts by timeline markers.

    Raises `CameraError` as `path_from_camera` does.
    """
    path_camera_of(context.scene)
    return path_from_camera(
        context,
        context.scene.mosaic.path_camera,
        image_height=image_height,
        image_width=image_width,
        frame_start=frame_start,
        frame_end=frame_end,
        step=step,
        on_frame=on_frame,
    )


def path_from_camera(
    context: bpy.types.Context,
    camera_obj: bpy.types.Object | None,  # None: the scene's active camera at each frame
    *,
    image_height: int,
    image_width: int,
    frame_start: int | None = None,  # None: the scene's own range
    frame_end: int | None = None,  # included
    step: int = 1,
    on_frame: OnFrame | None = None,  # called while the scene is at each frame
) -> CameraPath:
    """Sample the evaluated camera on every `step`-th frame of a range; leaves frame, subframe and what was moved and
    not keyed as they were.

    Raises `CameraError` for no camera, one that is not in the scene or not perspective, an empty range, and sizes a
    path cannot have.
    """
    scene = context.scene
    first = scene.frame_start if frame_start is None else frame_start
    last = scene.frame_end if frame_end is None else frame_end
    _require_range(first, last, step)
    if camera_obj is not None and scene not in camera_obj.users_scene:
        raise CameraError(f"{camera_obj.name} is not in the scene {scene.name}: choose another camera under Path")
    numbers = range(first, last + 1, step)
    with _kept_frame(scene):
        cameras = tuple(
            _camera_at(
                context, camera_obj, frame, image_height=image_height, image_width=image_width, on_frame=on_frame
            )
            for frame in numbers
        )
    return CameraPath(cameras, tuple(numbers), scene.render.fps / scene.render.fps_base)


def _require_range(first: int, last: int, step: int) -> None:
    if step < 1:
        raise CameraError(f"the step between frames must be at least 1, got {step}")
    if last < first:
        raise CameraError(f"the frame range is empty: it starts at {first} and ends at {last}, so set End behind Start")
    if (last - first) // step >= MAX_FRAMES:
        raise CameraError(
            f"a camera path holds at most {MAX_FRAMES} frames, got {(last - first) // step + 1}: set End lower"
        )


def _camera_at(
    context: bpy.types.Context,
    camera_obj: bpy.types.Object | None,
    frame: int,
    *,
    image_height: int,
    image_width: int,
    on_frame: OnFrame | None,
) -> Camera:
    scene = context.scene
    scene.frame_set(frame)
    shown = camera_obj or scene.camera
    if shown is None:
        raise CameraError(
            f"the scene has no camera at frame {frame}: bind one to a timeline marker, or choose one under Path"
        )
    if shown != scene.camera and not shown.visible_get(view_layer=context.view_layer):
        # Blender evaluates a camera in a hidden or excluded collection only while it is the scene's own.
        scene.camera = shown
        for constraint in shown.constraints:
            if constraint.type == "FOLLOW_PATH" and constraint.target is not None:
                refresh_path(constraint.target)
        context.view_layer.update()
    camera = camera_of_blender(
        shown,
        context.evaluated_depsgraph_get(),
        image_height=image_height,
        image_width=image_width,
        pixel_aspect=(scene.render.pixel_aspect_x, scene.render.pixel_aspect_y),
    )
    if on_frame is not None:
        on_frame(frame, shown, camera)
    return camera


@contextmanager
def _kept_frame(scene: bpy.types.Scene) -> Iterator[None]:
    frame, subframe, camera_obj = scene.frame_current, scene.frame_subframe, scene.camera
    transforms = {obj.name_full: _transform(obj) for obj in scene.objects if obj.animation_data is not None}
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)
        # What the artist has moved and not keyed yet: another frame put it back where its keys say.
        for obj in scene.objects:
            kept = transforms.get(obj.name_full, {})
            for name, values in kept.items():
                if tuple(getattr(obj, name)) != values:
                    setattr(obj, name, values)
        # After the frame: markers bound to cameras switch the camera when the frame changes.
        if scene.camera != camera_obj:
            scene.camera = camera_obj


def _transform(obj: bpy.types.Object) -> dict[str, tuple[float, ...]]:
    return {name: tuple(getattr(obj, name)) for name in _TRANSFORM}
