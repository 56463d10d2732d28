"""Path curves and the cameras that follow them, made of Blender's own datablocks and constraints.

Everything a path is can be edited with native tools: the curve's points give the route, the F-curve of the Follow
Path constraint's offset gives the speed, an Empty gives what the camera looks at. The constraints carry fixed names, so
that following again changes them instead of stacking new ones.
"""

from __future__ import annotations

from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix, Vector

from mosaic_core.errors import CameraError

from .. import compat

FOLLOW_NAME = "Mosaic Path"
LOOK_NAME = "Mosaic Look At"
OFFSET_DATA_PATH = f'constraints["{FOLLOW_NAME}"].offset_factor'

# Follow Path moves along straight chords between evaluated points: 64 a segment keep an orbit of eight segments
# within 1e-5 of its radius, and cost nothing on a curve without a bevel.
CURVE_RESOLUTION = 64

AIMS = ("TARGET", "PATH", "FREE")


class Timing(NamedTuple):
    """When a camera travels its curve."""

    frame_start: int
    frame_count: int  # from the start of the curve to its end, both included
    ease: bool  # starts and stops gently
    there_and_back: bool
    loop: bool = False  # the frame after the last is the first again


def new_path_curve(context: bpy.types.Context, *, name: str, location_world: Vector | None = None) -> bpy.types.Object:
    """An empty curve object to draw a path in, linked, selected and active. Needs Object Mode."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions = "3D"
    curve.resolution_u = CURVE_RESOLUTION
    curve.twist_mode = "Z_UP"  # keeps a camera upright that looks along the curve
    obj = bpy.data.objects.new(name, curve)
    if location_world is not None:
        obj.location = location_world
    link_visibly(context, obj)
    for other in context.view_layer.objects:
        other.select_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj
    return obj


def add_bezier(
    curve_obj: bpy.types.Object,
    knots_world: np.ndarray,  # (K, 3) points the path passes through, metres
    *,
    tangents_world: np.ndarray | None = None,  # (K, 3) from a knot to its right handle; None: smooth by itself
    cyclic: bool = False,
) -> bpy.types.Spline:
    """Add a Bezier spline through world points, in their order. Raises `CameraError` for under two points or NaN."""
    knots = np.asarray(knots_world, dtype=np.float64)
    if knots.ndim != 2 or knots.shape[1] != 3 or len(knots) < 2:
        raise CameraError(f"a path needs at least two points of three numbers, got shape {knots.shape}")
    if not np.isfinite(knots).all():
        raise CameraError("a path's points must be finite, got NaN or infinity")
    # The object was perhaps moved a moment ago: its own transform is current, its world matrix is not.
    local_from_world = curve_obj.matrix_basis.inverted_safe()
    spline = curve_obj.data.splines.new("BEZIER")
    spline.bezier_points.add(len(knots) - 1)
    for index, point in enumerate(spline.bezier_points):
        knot = Vector(knots[index])
        point.co = local_from_world @ knot
        if tangents_world is None:
            point.handle_left_type = point.handle_right_type = "AUTO"
            continue
        tangent = Vector(tangents_world[index])
        point.handle_left_type = point.handle_right_type = "ALIGNED"
        point.handle_left = local_from_world @ (knot - tangent)
        point.handle_right = local_from_world @ (knot + tangent)
    spline.use_cyclic_u = cyclic
    return spline


def new_path_camera(context: bpy.types.Context, *, name: str, like: bpy.types.Object | None = None) -> bpy.types.Object:
    """A perspective camera at the origin with the lens that `like` shows now, linked and kept out of the selection."""
    data = bpy.data.cameras.new(name)
    if like is not None:
        shown = like.evaluated_get(context.evaluated_depsgraph_get()).data
        for setting in ("sensor_fit", "sensor_width", "sensor_height", "lens", "shift_x", "shift_y"):
            setattr(data, setting, getattr(shown, setting))
        data.clip_start, data.clip_end = shown.clip_start, shown.clip_end
    obj = bpy.data.objects.new(name, data)
    link_visibly(context, obj)
    return obj


def new_target(context: bpy.types.Context, *, name: str, location_world: Vector) -> bpy.types.Object:
    """An Empty for a camera to look at."""
    target = bpy.data.objects.new(name, None)
    target.empty_display_type = "SPHERE"
    target.empty_display_size = 0.25
    target.location = location_world
    link_visibly(context, target)
    return target


def follow(
    camera_obj: bpy.types.Object,
    curve_obj: bpy.types.Object,
    *,
    frame_start: int,
    frame_count: int,  # frames from the start of the curve to its end, both included
    aim: str = "TARGET",  # TARGET: at `target`; PATH: along the curve; FREE: as the camera itself is turned
    target: bpy.types.Object | None = None,
    ease: bool = False,
    there_and_back: bool = False,
    loop: bool = False,  # closes the curve, unless the camera goes there and back
) -> None:
    """Make a camera travel a curve: Follow Path with a keyed offset, and Track To where it aims at a target.

    A curve without points is fine: the camera waits until something is drawn. Keys that already say this timing stay,
    with whatever the artist did between them. Raises `CameraError` for a camera whose own animation or parent would be
    added to the path, and for an aim without its target.
    """
    if aim not in AIMS:
        raise CameraError(f"aim must be one of {', '.join(AIMS)}, got {aim}")
    if frame_count < 2:
        raise CameraError(f"a camera needs at least two frames to travel a path, got {frame_count}: set Frames higher")
    if aim == "TARGET" and target is None:
        raise CameraError("a camera that looks at a target needs one: choose an object")
    _refuse_own_motion(camera_obj, aim)
    if loop and not there_and_back:
        close_curve(curve_obj)
    lift = lift_m(camera_obj)
    # Follow Path adds the camera's own place to the curve's, and turns it on top of the curve's direction.
    turned = camera_obj.matrix_basis.to_3x3().to_4x4() if aim == "FREE" else Matrix.Identity(4)
    camera_obj.matrix_basis = turned
    constraint = _constraint(camera_obj, "FOLLOW_PATH", FOLLOW_NAME)
    constraint.target = curve_obj
    refresh_path(curve_obj)
    constraint.use_fixed_location = True
    constraint.use_curve_follow = aim == "PATH"
    constraint.forward_axis, constraint.up_axis = "TRACK_NEGATIVE_Z", "UP_Y"
    lift_camera(camera_obj, lift)
    timing = Timing(frame_start, frame_count, ease, there_and_back, loop)
    if timing != followed_timing(camera_obj):
        key_offset(camera_obj, timing)
    _look(camera_obj, target if aim == "TARGET" else None)


def lift_m(camera_obj: bpy.types.Object) -> float:
    """How far a camera is kept above the curve it follows; 0 where it follows none."""
    if followed_curve(camera_obj) is None:
        return 0.0
    return camera_obj.location[_up_axis(camera_obj)]


def lift_camera(camera_obj: bpy.types.Object, height_m: float) -> None:
    """Keep a camera this far above the curve it follows: by its own place, which Follow Path adds to the curve's."""
    location = Vector((0.0, 0.0, 0.0))
    location[_up_axis(camera_obj)] = height_m
    camera_obj.location = location


def _up_axis(camera_obj: bpy.types.Object) -> int:
    # A camera that is turned with the curve has its own place turned as well, and looks along -Z with Y up.
    return 1 if camera_obj.constraints[FOLLOW_NAME].use_curve_follow else 2


def refresh_path(curve_obj: bpy.types.Object) -> None:
    """Have Blender evaluate a curve again. A curve that was evaluated before the first constraint needed its path is
    otherwise taken to have none, and the camera stays at the origin until the curve is edited."""
    curve_obj.update_tag(refresh={"DATA"})


def followed_curve(camera_obj: bpy.types.Object) -> bpy.types.Object | None:
    """The curve this camera follows by `follow`, or None."""
    constraint = camera_obj.constraints.get(FOLLOW_NAME)
    return constraint.target if constraint is not None and constraint.type == "FOLLOW_PATH" else None


def look_target(camera_obj: bpy.types.Object) -> bpy.types.Object | None:
    """The object this camera looks at by `follow`, or None."""
    constraint = camera_obj.constraints.get(LOOK_NAME)
    return constraint.target if constraint is not None and constraint.type == "TRACK_TO" else None


def followed_timing(camera_obj: bpy.types.Object) -> Timing | None:
    """When this camera travels, as the offset's keys have it now; None without keys."""
    keys = _offset_keys(camera_obj)
    if not keys:
        return None
    first, last = round(keys[0].co.x), round(keys[-1].co.x)
    highest = max(key.co.y for key in keys)
    returns = highest - keys[-1].co.y > highest / 2
    loop = any(_cycles_of(fcurve) for fcurve in _offset_curves(camera_obj))
    # A loop's last key is the first frame again, one after the last.
    return Timing(first, last - first + (0 if loop else 1), keys[0].interpolation == "BEZIER", returns, loop)


def followed_frames(camera_obj: bpy.types.Object) -> tuple[int, int] | None:
    """First frame and number of frames of the travel; None without keys."""
    timing = followed_timing(camera_obj)
    return (timing.frame_start, timing.frame_count) if timing else None


def link_visibly(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Put a new object where the artist's active collection is, or in the scene's own where that one is hidden,
    excluded or linked from another file; and into the local view where one is on."""
    collection = context.collection
    layer = context.view_layer.active_layer_collection
    shown = layer.is_visible and not layer.exclude and layer.collection == collection
    if collection is None or collection.library or not shown:
        collection = context.scene.collection
    collection.objects.link(obj)
    space = context.space_data
    if space is not None and space.type == "VIEW_3D" and space.local_view:
        obj.local_view_set(space, True)


def _constraint(camera_obj: bpy.types.Object, constraint_type: str, name: str) -> bpy.types.Constraint:
    constraint = camera_obj.constraints.get(name)
    if constraint is None or constraint.type != constraint_type:
        constraint = camera_obj.constraints.new(constraint_type)
        constraint.name = name
    return constraint


def _look(camera_obj: bpy.types.Object, target: bpy.types.Object | None) -> None:
    look = camera_obj.constraints.get(LOOK_NAME)
    if target is not None:
        look = _constraint(camera_obj, "TRACK_TO", LOOK_NAME)
        look.target = target
        look.track_axis, look.up_axis = "TRACK_NEGATIVE_Z", "UP_Y"
    elif look is not None:
        camera_obj.constraints.remove(look)


def _refuse_own_motion(camera_obj: bpy.types.Object, aim: str) -> None:
    if camera_obj.parent is not None:
        raise CameraError(
            f"{camera_obj.name} has the parent {camera_obj.parent.name}, which would be added to the path: "
            "clear the parent or choose another camera"
        )
    own = ("location",) if aim == "FREE" else ("location", "rotation", "delta_")
    keyed = {f.data_path for f in compat.fcurves_of(camera_obj) if f.data_path.startswith(own)}
    if keyed:
        raise CameraError(
            f"{camera_obj.name} is animated already ({', '.join(sorted(keyed))}), which would be added to "
            "the path: clear that animation or choose another camera"
        )


def close_curve(curve_obj: bpy.types.Object) -> None:
    """Let a curve end where it starts, smoothly, with the same start. Raises `CameraError` while it is being edited.

    A curve that is closed already, and one without a stroke, stay as they are.
    """
    if curve_obj.mode == "EDIT":
        raise CameraError(f"{curve_obj.name} is being edited: leave Edit Mode first")
    spline = next(iter(curve_obj.data.splines), None)
    if spline is None or spline.use_cyclic_u:
        return
    if spline.type == "BEZIER" and len(spline.bezier_points) > 1:
        points = [_copied(point) for point in spline.bezier_points]
        # The open ends get handles that point to where the curve now comes from and goes to.
        points[0]["handle_left"] = 2 * points[0]["co"] - points[0]["handle_right"]
        points[-1]["handle_right"] = 2 * points[-1]["co"] - points[-1]["handle_left"]
        # Blender's path along a closed Bezier curve starts at its last point.
        for point, values in zip(spline.bezier_points, [*points[1:], points[0]], strict=True):
            for name, value in values.items():
                setattr(point, name, value)
    spline.use_cyclic_u = True


def _copied(point: bpy.types.BezierSplinePoint) -> dict[str, Vector | str | float]:
    # Types first: setting one moves the handles.
    types = {name: getattr(point, name) for name in ("handle_left_type", "handle_right_type")}
    places = {name: getattr(point, name).copy() for name in ("co", "handle_left", "handle_right")}
    return types | places | {"tilt": point.tilt, "radius": point.radius}


def _offset_curves(camera_obj: bpy.types.Object) -> list[bpy.types.FCurve]:
    return [fcurve for fcurve in compat.fcurves_of(camera_obj) if fcurve.data_path == OFFSET_DATA_PATH]


def _cycles_of(fcurve: bpy.types.FCurve) -> list[bpy.types.FModifier]:
    return [modifier for modifier in fcurve.modifiers if modifier.type == "CYCLES"]


def _offset_keys(camera_obj: bpy.types.Object) -> list[bpy.types.Keyframe]:
    return [key for fcurve in _offset_curves(camera_obj) for key in fcurve.keyframe_points]


def key_offset(camera_obj: bpy.types.Object, timing: Timing) -> None:
    """Key the offset along the curve anew: two keys, or three where the camera returns. Needs a followed curve."""
    first, last = timing.frame_start, timing.frame_start + timing.frame_count - 1
    last += timing.loop  # that frame is the first again
    keys = [(first, 0.0), (last, 1.0)]
    if timing.there_and_back:
        keys = [(first, 0.0), ((first + last) / 2, 1.0), (last, 0.0)]
    constraint = camera_obj.constraints[FOLLOW_NAME]
    constraint.driver_remove("offset_factor")
    for fcurve in _offset_curves(camera_obj):
        fcurve.keyframe_points.clear()
        for modifier in _cycles_of(fcurve):
            fcurve.modifiers.remove(modifier)
    for frame, factor in keys:
        constraint.offset_factor = factor
        constraint.keyframe_insert("offset_factor", frame=frame)
    for key in _offset_keys(camera_obj):
        key.interpolation = "BEZIER" if timing.ease else "LINEAR"
        key.handle_left_type = key.handle_right_type = "AUTO_CLAMPED"
    for fcurve in _offset_curves(camera_obj):
        if timing.loop:
            fcurve.modifiers.new("CYCLES")
        fcurve.update()
    constraint.offset_factor = 0.0
