"""How fast a camera goes along its way, without changing the way: even, or gently at one end or both.

A camera on a curve has its speed in one F-curve, the offset along the curve, which is rewritten with two keys and can
be edited from there. A keyed camera has its speed in all its keys at once: it is sampled, retimed and keyed anew.
"""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np

from mosaic_core.cameras import CameraPath
from mosaic_core.cameras.resample import with_even_speed
from mosaic_core.cameras.spline import spline_cameras
from mosaic_core.errors import CameraError

from .. import compat
from .curve import OFFSET_DATA_PATH, followed_curve, followed_timing, key_offset
from .keyframes import apply_path_to_camera
from .sample import path_from_camera
from .views import why_not_keyed

KINDS = ("EVEN", "EASE", "EASE_IN", "EASE_OUT")


def set_speed(context: bpy.types.Context, camera_obj: bpy.types.Object, kind: str) -> None:
    """Retime a camera over the frames it has now. Raises `CameraError` where neither keys nor a curve move it."""
    if kind not in KINDS:
        raise CameraError(f"the speed must be one of {', '.join(KINDS)}, got {kind}")
    if followed_curve(camera_obj) is not None:
        _retime_offset(camera_obj, kind)
        return
    reason = why_not_keyed(camera_obj)
    if reason:
        raise CameraError(reason)
    frames = keyed_frames(camera_obj)
    if frames is None:
        raise CameraError(f"{camera_obj.name} has no keys, so its speed cannot be changed: animate it first")
    settings, render = context.scene.mosaic, context.scene.render
    path = path_from_camera(
        context,
        camera_obj,
        image_height=settings.height,
        image_width=settings.width,
        frame_start=frames[0],
        frame_end=frames[1],
    )
    pixel_aspect = (render.pixel_aspect_x, render.pixel_aspect_y)
    apply_path_to_camera(retimed(path, kind), camera_obj, pixel_aspect=pixel_aspect)


def retimed(path: CameraPath, kind: str) -> CameraPath:
    """The same way in the same frames at another speed: one of `KINDS`. Raises `CameraError`."""
    even = with_even_speed(path)
    if kind == "EVEN":
        return even
    t = np.linspace(0.0, 1.0, len(path))
    eased = {"EASE": t * t * (3 - 2 * t), "EASE_IN": t * t * (2 - t), "EASE_OUT": t * (1 + t - t * t)}[kind]
    return replace(even, cameras=spline_cameras(even, eased * even.time_s(len(even) - 1)))


def keyed_frames(camera_obj: bpy.types.Object) -> tuple[int, int] | None:
    """First and last key of a camera's place; None where it has fewer than two."""
    curves = [f for f in compat.fcurves_of(camera_obj) if f.data_path.startswith(("location", "rotation"))]
    frames = {round(key.co.x) for curve in curves for key in curve.keyframe_points}
    return (min(frames), max(frames)) if len(frames) > 1 else None


def _retime_offset(camera_obj: bpy.types.Object, kind: str) -> None:
    timing = followed_timing(camera_obj)
    if timing is None:
        raise CameraError(f"{camera_obj.name} has no keys on its curve: set its speed and look first")
    key_offset(camera_obj, timing._replace(ease=kind != "EVEN"))
    for fcurve in compat.fcurves_of(camera_obj):
        if fcurve.data_path != OFFSET_DATA_PATH or kind in ("EVEN", "EASE"):
            continue
        first, last = fcurve.keyframe_points[0], fcurve.keyframe_points[-1]
        if kind == "EASE_IN":
            last.handle_left_type = "VECTOR"
        else:
            first.handle_right_type = "VECTOR"
        fcurve.update()
