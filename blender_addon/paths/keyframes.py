"""A `CameraPath` as keyframes of a Blender camera: the exact inverse of sampling one."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from mosaic_core.cameras import CameraPath
from mosaic_core.errors import CameraError

from .. import compat
from ..cameras import blender_of_world_from_cam

_MIN_LENS_MM = 1.0  # Blender's limit


def apply_path_to_camera(
    path: CameraPath,
    camera_obj: bpy.types.Object,
    *,
    pixel_aspect: tuple[float, float] = (1.0, 1.0),  # width, height of a pixel in the scene's render settings
    every: int = 1,  # frames of the path from key to key; the last one is always keyed
) -> None:
    """Key place, direction, lens and shift along a path; replaces the animation.

    With every frame keyed, straight lines between the keys are exact. With `every` above 1 the keys are few enough to
    edit: each passes its frame at the path's own speed, and between two the way is smooth and near.

    Raises `CameraError` for a camera with a parent or constraints, which would be added to the path, and for
    intrinsics Blender cannot have: skew, other pixel aspects than the scene's, a field of view above 173 degrees.
    """
    if camera_obj.parent is not None or len(camera_obj.constraints):
        raise CameraError(
            f"{camera_obj.name} has a parent or constraints, which would be added to the path: choose a camera without"
        )
    sensor_mm = camera_obj.data.sensor_width
    lens_mm, shift = _lens_of_path(path, sensor_mm=sensor_mm, pixel_aspect=pixel_aspect)
    camera_obj.animation_data_clear()
    camera_obj.data.animation_data_clear()
    camera_obj.rotation_mode = "QUATERNION"
    camera_obj.matrix_basis = Matrix.Identity(4)  # also clears a scale and the deltas' effect below
    camera_obj.delta_location = (0.0, 0.0, 0.0)
    camera_obj.delta_rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    data = camera_obj.data
    data.type, data.sensor_fit = "PERSP", "HORIZONTAL"
    positions, quaternions = _motion_of_path(path)
    frames = np.array(path.frame_numbers, dtype=np.float64)
    _key(camera_obj, "location", frames, positions, every=every)
    _key(camera_obj, "rotation_quaternion", frames, quaternions, every=every)
    for name, values in (("lens", lens_mm), ("shift_x", shift[:, 0]), ("shift_y", shift[:, 1])):
        if np.ptp(values) > 1e-7:
            _key(data, name, frames, values[:, None], every=every)
        else:
            setattr(data, name, float(values[0]))


def _motion_of_path(path: CameraPath) -> tuple[np.ndarray, np.ndarray]:  # (T, 3), (T, 4) wxyz
    matrices = [Matrix(blender_of_world_from_cam(c.world_from_cam).tolist()) for c in path]
    quaternions = [matrices[0].to_quaternion()]
    for matrix in matrices[1:]:
        quaternion = matrix.to_quaternion()
        # q and -q are one rotation, but the straight line between them passes through none.
        quaternions.append(-quaternion if quaternion.dot(quaternions[-1]) < 0 else quaternion)
    return np.array([c.position_world for c in path]), np.array(quaternions)


def _lens_of_path(
    path: CameraPath, *, sensor_mm: float, pixel_aspect: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:  # (T,) mm, (T, 2) Blender's shift, in widths of the image
    k = np.array([c.intrinsics_px for c in path])
    height, width = path.image_height, path.image_width
    fx, fy = k[:, 0, 0], k[:, 1, 1]
    aspect = pixel_aspect[1] / pixel_aspect[0]
    if np.abs(k[:, 0, 1]).max() > 1e-6 * fx.max():
        raise CameraError("the path's cameras have a skew, which Blender's cameras cannot have: export it without")
    if not np.allclose(fx, fy * aspect, rtol=1e-4):
        raise CameraError(
            f"the path's pixels are {fy[0] / fx[0]:.4g} times as wide as high and the scene's "
            f"{1 / aspect:.4g} times: change the pixel aspect in the Output settings"
        )
    lens_mm = fx * sensor_mm / width
    if lens_mm.min() < _MIN_LENS_MM:
        raise CameraError(
            f"the path needs {lens_mm.min():.3g} mm of lens, Blender's shortest is {_MIN_LENS_MM:g}: narrow its view"
        )
    shift_x = (width / 2 - k[:, 0, 2]) / width
    shift_y = (k[:, 1, 2] - height / 2) * aspect / width
    return lens_mm, np.stack([shift_x, shift_y], axis=-1)


def _key(
    datablock: bpy.types.ID,
    data_path: str,
    frames: np.ndarray,  # (T,)
    values: np.ndarray,  # (T, channels)
    *,
    every: int,
) -> None:
    """Key every channel of a property on all frames at once: inserting one by one is slow for long paths."""
    kept = sorted({*range(0, len(frames), every), len(frames) - 1})
    slopes = np.gradient(values, frames, axis=0)[kept] if len(frames) > 1 else np.zeros_like(values)
    frames, values = frames[kept], values[kept]
    first = values[0].tolist()
    setattr(datablock, data_path, first if len(first) > 1 else first[0])
    datablock.keyframe_insert(data_path, frame=float(frames[0]))
    for fcurve in compat.fcurves_of(datablock):
        if fcurve.data_path != data_path:
            continue
        channel = fcurve.array_index
        points = fcurve.keyframe_points
        points.add(len(frames) - len(points))
        co = np.stack([frames, values[:, channel]], axis=-1)
        points.foreach_set("co", co.astype(np.float32).ravel())
        for point in points:
            point.interpolation = "LINEAR" if every == 1 else "BEZIER"
        if every > 1 and len(frames) > 1:
            _set_handles(points, co, slopes[:, channel])
        fcurve.update()


def _set_handles(points: bpy.types.FCurveKeyframePoints, co: np.ndarray, slopes: np.ndarray) -> None:
    """Handles along the slopes, a third of the way to the neighbours: the cubic with these values and slopes."""
    gaps = np.diff(co[:, 0])
    for side, gap in (("left", -np.append(gaps[:1], gaps)), ("right", np.append(gaps, gaps[-1:]))):
        handles = co + np.stack([gap, gap * slopes], axis=-1) / 3
        for point in points:
            setattr(point, f"handle_{side}_type", "ALIGNED")
        points.foreach_set(f"handle_{side}", handles.astype(np.float32).ravel())


def bake_path(
    path: CameraPath,
    camera_obj: bpy.types.Object,
    *,
    every: int = 1,  # as in `apply_path_to_camera`
    pixel_aspect: tuple[float, float] = (1.0, 1.0),
) -> None:
    """Replace what moves a camera (curve, constraints, parent) by keys of its sampled path. Raises as above."""
    if every < 1:
        raise CameraError(f"the step between keys must be at least 1, got {every}")
    camera_obj.parent = None
    for constraint in list(camera_obj.constraints):
        camera_obj.constraints.remove(constraint)
    apply_path_to_camera(path, camera_obj, pixel_aspect=pixel_aspect, every=every)
