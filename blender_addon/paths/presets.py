"""Ready-made camera moves as native datablocks: a curve with a camera that follows it, or F-curves for a pan.

The geometry is that of `mosaic_core.cameras.presets`; here it becomes curves and keys an artist can go on editing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import bpy
import numpy as np
from mathutils import Matrix, Vector

from mosaic_core.cameras.presets import Trajectory, dolly, orbit, spiral, truck
from mosaic_core.errors import CameraError

from .. import compat
from .curve import add_bezier, follow, new_path_camera, new_path_curve, new_target

KINDS = ("ORBIT", "DOLLY", "DOLLY_ZOOM", "PAN", "SPIRAL", "THERE_AND_BACK")

# Eight cubic segments a turn stay within 5e-6 of a circle and leave few points to edit.
_SEGMENT_DEG = 45.0


@dataclass(frozen=True)
class Move:
    """What a preset needs to know, in metres and degrees. The start is a matrix in Blender's camera axes."""

    kind: str  # one of KINDS
    world_from_start: Matrix
    centre_world: Vector
    frame_start: int
    frame_count: int
    radius_m: float = 0.0  # orbit and spiral; 0: as far as the start is from the centre's axis
    angle_deg: float = 360.0  # orbit, spiral and pan; positive is counter-clockwise from above, or to the left
    distance_m: float = 2.0  # dolly and there-and-back; positive is forward, or to the right
    radius_factor: float = 0.5  # spiral: radius at the end over radius at the start
    rise_m: float = 1.0  # spiral: height won
    ease: bool = False


def add_preset(context: bpy.types.Context, move: Move) -> bpy.types.Object:
    """Create the camera of a move, with its curve and target; returns the camera.

    The scene's camera is left alone and lends its lens. Raises `CameraError`, and has then created nothing.
    """
    if move.kind not in KINDS:
        raise CameraError(f"the preset must be one of {', '.join(KINDS)}, got {move.kind}")
    if move.frame_count < 2:
        raise CameraError(f"a camera move needs at least two frames, got {move.frame_count}: set Frames higher")
    if move.kind == "PAN":
        return _add_pan(context, move)
    if move.kind in ("ORBIT", "SPIRAL"):
        return _add_round(context, move)
    return _add_line(context, move)


def _add_round(context: bpy.types.Context, move: Move) -> bpy.types.Object:
    start, centre = _round_start(move), np.array(move.centre_world)
    if move.kind == "ORBIT":
        trajectory_at = partial(orbit, start, centre, angle_deg=move.angle_deg)
    else:
        trajectory_at = partial(
            spiral,
            start,
            centre,
            angle_deg=move.angle_deg,
            radius_factor=move.radius_factor,
            rise_m=move.rise_m,
        )
    if abs(move.angle_deg) < 0.01:
        raise CameraError("the camera needs an angle to turn by, got 0: set Angle or Turns")
    closed = move.kind == "ORBIT" and math.isclose(abs(move.angle_deg), 360.0, abs_tol=1e-3)
    knots, tangents = _bezier_of(trajectory_at, angle_deg=abs(move.angle_deg))
    if closed:
        # Blender's path along a closed Bezier curve starts at its LAST point, which therefore is the start.
        knots, tangents = knots[1:], tangents[1:]
    name = move.kind.title()
    origin = Vector((move.centre_world.x, move.centre_world.y, start[2]))
    curve_obj = new_path_curve(context, name=f"{name} Path", location_world=origin)
    add_bezier(curve_obj, knots, tangents_world=tangents, cyclic=closed)
    return _add_camera(context, move, curve_obj, name=name, target_world=move.centre_world)


def _round_start(move: Move) -> np.ndarray:  # (3,)
    """The start, moved along its direction from the centre's axis where a radius is asked for."""
    start, centre = np.array(move.world_from_start.translation), np.array(move.centre_world)
    if move.radius_m <= 0:
        return start
    offset = start[:2] - centre[:2]
    length = np.linalg.norm(offset)
    direction = offset / length if length > 1e-6 else np.array([0.0, -1.0])
    return np.array([*(centre[:2] + direction * move.radius_m), start[2]])


def _bezier_of(
    trajectory_at: Callable[..., Trajectory], *, angle_deg: float
) -> tuple[np.ndarray, np.ndarray]:  # (K, 3) knots, (K, 3) from a knot to its right handle
    """Cubic segments along a move that turns by `angle_deg`: knots on the move, handles along its derivative."""
    segments = max(2, math.ceil(angle_deg / _SEGMENT_DEG - 1e-6))
    times = np.linspace(0.0, 1.0, segments + 1)
    step = 1e-4
    ahead = trajectory_at(times=times + step).positions_world
    behind = trajectory_at(times=times - step).positions_world
    turn = math.radians(angle_deg) / segments
    # A third of the derivative is the Hermite handle; this stretch makes it the well-known handle of a circular arc.
    stretch = 4 * math.tan(turn / 4) / turn
    tangents = (ahead - behind) / (2 * step) / segments / 3 * stretch
    return trajectory_at(times=times).positions_world, tangents


def _add_line(context: bpy.types.Context, move: Move) -> bpy.types.Object:
    """Dolly, with a zoom or without, and there-and-back: a straight curve of two points."""
    start = np.array(move.world_from_start.translation)
    target_world = _point_ahead(move)
    if abs(move.distance_m) < 1e-6:
        raise CameraError("the camera needs a distance to move by, got 0: set Distance")
    ends = np.array([0.0, 1.0])
    target = np.array(target_world)
    subject_m = float(np.linalg.norm(target - start))
    if move.kind == "DOLLY_ZOOM" and move.distance_m > 0.9 * subject_m:
        raise CameraError(
            f"the camera would reach what it looks at, {subject_m:.3g} m away: move by less, or choose another centre"
        )
    if move.kind in ("DOLLY", "DOLLY_ZOOM"):
        trajectory = dolly(start, target, times=ends, distance_m=move.distance_m)
    else:
        right = np.array(move.world_from_start.col[0][:3])
        trajectory = truck(start, target, times=ends, offset_world=right * move.distance_m)
    name = move.kind.title().replace("_And_", " and ").replace("_", " ")
    knots = trajectory.positions_world
    curve_obj = new_path_curve(context, name=f"{name} Path", location_world=move.world_from_start.translation)
    add_bezier(curve_obj, knots, tangents_world=np.tile((knots[1] - knots[0]) / 3, (2, 1)))
    keep_looking = target_world if move.kind == "THERE_AND_BACK" else None
    camera_obj = _add_camera(context, move, curve_obj, name=name, target_world=keep_looking)
    if move.kind == "DOLLY_ZOOM":
        _key_zoom(camera_obj.data, move, closer=1 - move.distance_m / subject_m)
    return camera_obj


def _key_zoom(data: bpy.types.Camera, move: Move, *, closer: float) -> None:
    """The subject keeps its size when the lens is as long as the camera is far: both run along the same curve."""
    start_mm = data.lens
    for frame, share in ((move.frame_start, 1.0), (move.frame_start + move.frame_count - 1, closer)):
        data.lens = start_mm * share
        data.keyframe_insert("lens", frame=frame)
    data.lens = start_mm
    for fcurve in compat.fcurves_of(data):
        for key in fcurve.keyframe_points:
            key.interpolation = "BEZIER" if move.ease else "LINEAR"
            key.handle_left_type = key.handle_right_type = "AUTO_CLAMPED"
        fcurve.update()


def _point_ahead(move: Move) -> Vector:
    """The point on the start's view axis nearest to the centre, so that the move begins with the view as it is."""
    position = move.world_from_start.translation
    forward = -move.world_from_start.col[2].to_3d()
    distance = (move.centre_world - position).dot(forward)
    return position + forward * (distance if distance > 0.1 else max(abs(move.distance_m), 1.0))


def _add_pan(context: bpy.types.Context, move: Move) -> bpy.types.Object:
    """A camera that stands still: only the rotation about the vertical is keyed."""
    camera_obj = new_path_camera(context, name="Pan Camera", like=context.scene.camera)
    # Euler XYZ turns about the world's Z last, so that this one channel is a pan whatever the tilt.
    camera_obj.rotation_mode = "XYZ"
    camera_obj.matrix_basis = move.world_from_start
    start_rad = camera_obj.rotation_euler.z
    for frame, share in ((move.frame_start, 0.0), (move.frame_start + move.frame_count - 1, 1.0)):
        camera_obj.rotation_euler.z = start_rad + math.radians(move.angle_deg) * share
        camera_obj.keyframe_insert("rotation_euler", index=2, frame=frame)
    camera_obj.rotation_euler.z = start_rad
    for fcurve in compat.fcurves_of(camera_obj):
        for key in fcurve.keyframe_points:
            key.interpolation = "BEZIER" if move.ease else "LINEAR"
        fcurve.update()
    return _adopt(context, camera_obj)


def _add_camera(
    context: bpy.types.Context,
    move: Move,
    curve_obj: bpy.types.Object,
    *,
    name: str,
    target_world: Vector | None,  # None: keep the direction of the start
) -> bpy.types.Object:
    camera_obj = new_path_camera(context, name=f"{name} Camera", like=context.scene.camera)
    target = None
    if target_world is None:
        camera_obj.matrix_basis = move.world_from_start
    else:
        target = new_target(context, name=f"{name} Target", location_world=target_world)
    follow(
        camera_obj,
        curve_obj,
        frame_start=move.frame_start,
        frame_count=move.frame_count,
        aim="TARGET" if target else "FREE",
        target=target,
        ease=move.ease,
        there_and_back=move.kind == "THERE_AND_BACK",
    )
    return _adopt(context, camera_obj)


def _adopt(context: bpy.types.Context, camera_obj: bpy.types.Object) -> bpy.types.Object:
    adopt_path_camera(context.scene, camera_obj)
    return camera_obj


def adopt_path_camera(scene: bpy.types.Scene, camera_obj: bpy.types.Object) -> None:
    """Make a camera the scene's path. The scene's own camera stays, but a scene without one gets this."""
    scene.mosaic.path_camera = camera_obj
    if scene.camera is None:
        scene.camera = camera_obj
