"""The conventions everything in Mosaic obeys. One page; every other docstring refers to it.

Axes
    Camera: OpenCV. x right, y down, z forward. World: Blender's. Right-handed, +Z up, metres.
    Matrices act on column vectors: `point_world = world_from_cam @ point_cam`.
Names
    A transform carries both frames, and in a product the inner names touch:
    `px_from_world = px_from_cam @ cam_from_world`. Words such as "pose" or "extrinsic" occur only where a file
    format of somebody else's is read or written.
Pixels
    `uv` is (right, down), its origin the top-left CORNER of the image; the centre of pixel [0, 0] is (0.5, 0.5).
    So rescaling an image by s multiplies focal lengths and principal point by s, without half-pixel terms.
    Arrays are indexed [row, column], height before width, both by keyword.
Depth
    `z_depth` is measured along the camera's z axis, `ray_distance` along the ray. Metres. Unknown and sky are
    +inf, never 0.
Masks
    are positive statements: `covered`, `valid`, `dynamic`.
Images
    At the API: float32 in [0, 1], display-referred sRGB, (H, W, 3), videos (T, H, W, 3). Stored views keep the
    8 bits they were captured with.
Quaternions
    wxyz, unit length.
Units in names
    `time_s`, `fov_deg`, `focal_px`, `size_m`.
"""

from __future__ import annotations

import numpy as np

# Points farther than this are treated as sky: Blender writes 1e10 where a ray hits nothing.
FAR_M = 1e9

# One memory patch is one model token: 16 x 16 pixels, as in MosaicMem (Wan 2.2's latent stride).
PATCH_SIZE_PX = 16

_OPENCV_FROM_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def swap_camera_axes(
    world_from_cam: np.ndarray,  # (..., 4, 4)
) -> np.ndarray:  # (..., 4, 4)
    """Exchange OpenCV camera axes (y down, z forward) for OpenGL's and Blender's (y up, z backward).

    Its own inverse. The swap acts on the camera side, so it multiplies from the right and must happen before
    any inversion.
    """
    world_from_cam = np.asarray(world_from_cam, dtype=np.float64)
    assert world_from_cam.shape[-2:] == (4, 4), world_from_cam.shape
    return world_from_cam @ _OPENCV_FROM_OPENGL
