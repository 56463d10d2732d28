"""Cameras from the view: what the viewport shows as a camera's place and lens, and as keys at a frame.

The frame of a camera lies inside the viewport: with the lens "as the view" it is as large as fits there, so nothing
outside the viewport gets into the picture. Blender's own Align Camera to View keeps the camera's lens instead.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import bpy
from mathutils import Matrix, Quaternion, Vector

from mosaic_core.errors import CameraError

from .. import compat
from .curve import followed_curve

_ROTATION_PATHS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
_LENS_LIMITS_MM = (1.0, 5000.0)  # Blender's own
FULL_FRAME_MM = 36.0  # width of the sensor that a view's lens is stated for


class View(NamedTuple):
    """A look at the scene: place and direction in Blender's camera axes, and half of the frame's width at 1 m."""

    world_from_view: Matrix
    tan_half_width: float

    @property
    def lens_mm(self) -> float:
        """The lens with this field of view on a sensor 36 mm wide."""
        return FULL_FRAME_MM / 2 / self.tan_half_width


def frame_aspect(scene: bpy.types.Scene) -> float:
    """Width over height of the path's frames, as they are seen."""
    settings, render = scene.mosaic, scene.render
    return settings.width * render.pixel_aspect_x / (settings.height * render.pixel_aspect_y)


def has_viewport(context: bpy.types.Context) -> bool:
    """Whether there is a 3D viewport to look from."""
    space = context.space_data
    return space is not None and space.type == "VIEW_3D" and space.region_3d is not None


def viewport_camera(context: bpy.types.Context) -> bpy.types.Object | None:
    """What the 3D viewport looks through in its camera view: a camera of its own, or else the scene's."""
    space = context.space_data
    return space.camera if space.use_local_camera else context.scene.camera


def looks_through(context: bpy.types.Context) -> bool:
    """Whether the 3D viewport looks through the path camera."""
    if not has_viewport(context) or context.space_data.region_3d.view_perspective != "CAMERA":
        return False
    camera_obj = viewport_camera(context)
    return camera_obj is not None and camera_obj == (context.scene.mosaic.path_camera or context.scene.camera)


def viewport_view(context: bpy.types.Context) -> View:
    """What the 3D viewport shows. Raises `CameraError` for no viewport and for one without perspective."""
    if not has_viewport(context):
        raise CameraError("there is no 3D viewport to take the view from: open one")
    region_3d = context.space_data.region_3d
    if region_3d.view_perspective == "CAMERA":
        camera_obj = viewport_camera(context)
        if camera_obj is None or camera_obj.type != "CAMERA":
            raise CameraError("the viewport looks through no camera: leave the camera view with Numpad 0")
        return view_of_camera(context, camera_obj)
    if not region_3d.is_perspective:
        raise CameraError("the viewport shows no perspective: switch with Numpad 5")
    window = region_3d.window_matrix
    # The largest frame of the path's shape inside the viewport.
    tan_half_width = min(1 / window[0][0], frame_aspect(context.scene) / window[1][1])
    return View(region_3d.view_matrix.inverted(), tan_half_width)


def view_of_camera(context: bpy.types.Context, camera_obj: bpy.types.Object) -> View:
    """What a camera shows now. Raises `CameraError` for one without perspective."""
    if camera_obj.data.type != "PERSP":
        raise CameraError(f"{camera_obj.name} is no perspective camera: set its Type to Perspective")
    depsgraph, settings = context.evaluated_depsgraph_get(), context.scene.mosaic
    render = context.scene.render
    projection = camera_obj.calc_matrix_camera(
        depsgraph,
        x=settings.width,
        y=settings.height,
        scale_x=render.pixel_aspect_x,
        scale_y=render.pixel_aspect_y,
    )
    matrix = camera_obj.evaluated_get(depsgraph).matrix_world
    place = Matrix.LocRotScale(matrix.to_translation(), matrix.to_quaternion(), None)
    return View(place, 1 / projection[0][0])


def show_view(context: bpy.types.Context, view: View) -> None:
    """Turn the 3D viewport to a view, lens included. Raises `CameraError` where there is no viewport."""
    if not has_viewport(context):
        raise CameraError("there is no 3D viewport to show the view in: open one")
    space = context.space_data
    region_3d, region = space.region_3d, _window_region(context)
    region_3d.view_perspective = "PERSP"
    rotation = view.world_from_view.to_quaternion()
    region_3d.view_rotation = rotation
    region_3d.view_location = view.world_from_view.to_translation() - rotation @ Vector((0, 0, region_3d.view_distance))
    # Blender's viewport has a sensor of 72 mm across its longer side.
    aspect = frame_aspect(context.scene)
    half_width = max(view.tan_half_width, view.tan_half_width / aspect * region.width / region.height)
    half_longer = half_width * max(1.0, region.height / region.width)
    space.lens = min(max(FULL_FRAME_MM / half_longer, 1.0), 250.0)


def _window_region(context: bpy.types.Context) -> bpy.types.Region:
    return next(region for region in context.area.regions if region.type == "WINDOW")


def lens_for(data: bpy.types.Camera, tan_half_width: float, *, aspect: float) -> float:
    """The lens in mm that shows so much with this camera's sensor."""
    across_width = data.sensor_fit == "HORIZONTAL" or (data.sensor_fit == "AUTO" and aspect >= 1)
    sensor_mm = data.sensor_height if data.sensor_fit == "VERTICAL" else data.sensor_width
    half = tan_half_width if across_width else tan_half_width / aspect
    return min(max(sensor_mm / 2 / half, _LENS_LIMITS_MM[0]), _LENS_LIMITS_MM[1])


def why_not_keyed(camera_obj: bpy.types.Object) -> str:
    """Why keys of this camera's place would not put it there: a sentence, or nothing where they would."""
    curve_obj = followed_curve(camera_obj)
    if curve_obj is not None:
        return (
            f"{camera_obj.name} follows {curve_obj.name}: its place comes from the curve, and keys would be added to it"
        )
    if camera_obj.parent is not None:
        return f"{camera_obj.name} has the parent {camera_obj.parent.name}, which would be added to its keys"
    if len(camera_obj.constraints):
        return (
            f"{camera_obj.name} has the constraint {camera_obj.constraints[0].name}, which would be added to its keys"
        )
    if camera_obj.library is not None:
        return f"{camera_obj.name} is linked from another file"
    return ""


def key_view(
    camera_obj: bpy.types.Object,
    view: View,
    *,
    frame: int,
    lens_mm: float | None = None,  # None: the lens the camera has
) -> None:
    """Put a camera where the view is and key location, rotation and lens. Raises `CameraError`, see above."""
    reason = why_not_keyed(camera_obj)
    if reason:
        raise CameraError(reason)
    before = _rotation_near(camera_obj, frame)
    scale = camera_obj.scale.copy()
    camera_obj.matrix_world = view.world_from_view
    camera_obj.scale = scale
    _take_the_short_way(camera_obj, before)
    if lens_mm is not None:
        camera_obj.data.lens = lens_mm
    camera_obj.keyframe_insert("location", frame=frame)
    camera_obj.keyframe_insert(_rotation_path(camera_obj), frame=frame)
    camera_obj.data.keyframe_insert("lens", frame=frame)


def _rotation_path(camera_obj: bpy.types.Object) -> str:
    return _ROTATION_PATHS.get(camera_obj.rotation_mode, "rotation_euler")


def _rotation_near(camera_obj: bpy.types.Object, frame: int) -> list[float] | None:
    """The rotation's channels at the key before a frame, or else at the one after; None without keys."""
    path = _rotation_path(camera_obj)
    curves = sorted((f for f in compat.fcurves_of(camera_obj) if f.data_path == path), key=lambda f: f.array_index)
    keyed = sorted({key.co.x for curve in curves for key in curve.keyframe_points if key.co.x != frame})
    if not keyed or len(curves) < 3:
        return None
    earlier = [at for at in keyed if at < frame]
    at = earlier[-1] if earlier else keyed[0]
    return [curve.evaluate(at) for curve in curves]


def _take_the_short_way(camera_obj: bpy.types.Object, before: list[float] | None) -> None:
    """One rotation has many numbers: those that are nearest to the neighbouring key's, or F-curves would spin."""
    path = _rotation_path(camera_obj)
    if before is None or path == "rotation_axis_angle":
        return
    if path == "rotation_quaternion" and len(before) == 4:
        if camera_obj.rotation_quaternion.dot(Quaternion(before)) < 0:
            camera_obj.rotation_quaternion.negate()
        return
    for axis in range(3):
        turns = round((camera_obj.rotation_euler[axis] - before[axis]) / math.tau)
        camera_obj.rotation_euler[axis] -= turns * math.tau
