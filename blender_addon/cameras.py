"""Blender's cameras as `Camera`, the one place where Blender's camera axes occur.

The projection comes from Blender's own `calc_matrix_camera` instead of from lens and sensor by hand: sensor fit,
shift, portrait images and pixel aspect then follow Blender by construction (tests compare it with renders).
"""

from __future__ import annotations

import bpy
import numpy as np

from mosaic_core.cameras import Camera
from mosaic_core.conventions import swap_camera_axes
from mosaic_core.errors import CameraError


def world_from_cam_of_blender(
    matrix_world,  # 4x4 of a Blender camera: x right, y up, z backward; may carry scale
) -> np.ndarray:  # (4, 4) x right, y down, z forward; no scale
    """The place and direction of a Blender camera in OpenCV axes. Blender's scale of a camera means nothing."""
    matrix = np.array(matrix_world, dtype=np.float64)
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.isfinite(matrix).all() or (lengths < 1e-12).any():
        raise CameraError(
            "a camera's matrix must be finite and its scale not zero: clear the camera's scale and drivers"
        )
    matrix[:3, :3] /= lengths
    matrix[3] = (0.0, 0.0, 0.0, 1.0)
    return swap_camera_axes(matrix)


def blender_of_world_from_cam(
    world_from_cam: np.ndarray,  # (4, 4) OpenCV axes
) -> np.ndarray:  # (4, 4) for `Object.matrix_world`
    """The inverse of `world_from_cam_of_blender`, up to scale."""
    return swap_camera_axes(world_from_cam)


def camera_of_blender(
    obj: bpy.types.Object,
    depsgraph: bpy.types.Depsgraph,
    *,
    image_height: int,
    image_width: int,
    pixel_aspect: tuple[float, float] = (1.0, 1.0),  # width, height of a pixel, as in the render settings
) -> Camera:
    """What a Blender camera sees at the depsgraph's frame, with constraints, drivers and animation applied.

    The image size need not be the scene's. Raises `CameraError` for an object that is no camera, for orthographic
    and panoramic cameras, for mirrored or sheared ones, and for impossible image sizes.
    """
    if obj is None or obj.type != "CAMERA":
        raise CameraError(f"expected a camera, got {'nothing' if obj is None else repr(obj.name)}")
    evaluated = obj.evaluated_get(depsgraph)
    if evaluated.data.type != "PERSP":
        raise CameraError(
            f"camera {obj.name!r} is {_KIND_NAMES.get(evaluated.data.type, evaluated.data.type)}: "
            "only perspective cameras can be used, so set its Type to Perspective"
        )
    try:
        return Camera(
            intrinsics_of_blender(
                obj,
                depsgraph,
                image_height=image_height,
                image_width=image_width,
                pixel_aspect=pixel_aspect,
            ),
            world_from_cam_of_blender(evaluated.matrix_world),
            image_height,
            image_width,
        )
    except CameraError as error:
        raise CameraError(f"camera {obj.name!r} cannot be used: {error}") from error


def intrinsics_of_blender(
    obj: bpy.types.Object,
    depsgraph: bpy.types.Depsgraph,
    *,
    image_height: int,
    image_width: int,
    pixel_aspect: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:  # (3, 3) pixels
    """The pinhole intrinsics of a perspective camera, read off Blender's projection matrix."""
    clip_from_cam = np.array(
        obj.calc_matrix_camera(
            depsgraph,
            x=max(1, int(image_width)),
            y=max(1, int(image_height)),
            scale_x=pixel_aspect[0],
            scale_y=pixel_aspect[1],
        ),
        dtype=np.float64,
    )
    # clip = P @ (x, y up, -z, 1) with w = z, and uv runs over [0, size] where clip runs over [-1, 1], v downwards.
    half_width, half_height = image_width / 2, image_height / 2
    return np.array(
        [
            [clip_from_cam[0, 0] * half_width, 0.0, (1 - clip_from_cam[0, 2]) * half_width],
            [0.0, clip_from_cam[1, 1] * half_height, (1 + clip_from_cam[1, 2]) * half_height],
            [0.0, 0.0, 1.0],
        ]
    )


_KIND_NAMES = {"ORTHO": "orthographic", "PANO": "panoramic", "CUSTOM": "a custom OSL camera"}
