"""What moves in a video by itself, once the camera's own motion is taken out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..cameras import Camera
from ..errors import MosaicError
from ..sampling import bilinear

# A point is hidden where the other frame shows something nearer by this share of its depth.
OCCLUDED_SHARE = 0.02
# Means of blocks this large that differ by more than this have moved, or were made up anew.
BLOCK_PX = 8
MOVED = 0.1


def residual_motion(
    frames: np.ndarray,  # (2, H, W, 3) consecutive frames of a video
    z_depth: np.ndarray,  # (2, H, W) metres, inf = sky or unknown
    cameras: tuple[Camera, Camera],
) -> np.ndarray:  # (H, W) float32, of the first frame
    """What changes between two frames beside the camera: the mean absolute difference of colour after warping.

    The second frame is sampled bilinearly where depth and cameras put each pixel of the first, as if nothing
    had moved. nan where nothing can be said: no depth, outside the second picture, or hidden there (something nearer
    by more than 2 % of the depth). Which pixels those are depends on depth alone, so with the truth's, videos compare.
    Raises `MosaicError` where shapes do not fit or a frame is not finite.
    """
    frames, z_depth = np.asarray(frames, np.float64), np.asarray(z_depth, np.float64)
    size = (cameras[0].image_height, cameras[0].image_width)
    fits = size == (cameras[1].image_height, cameras[1].image_width)
    if frames.shape != (2, *size, 3) or z_depth.shape != (2, *size) or not fits:
        raise MosaicError(f"expected two frames of {size} with depth, got {frames.shape} and {z_depth.shape}")
    if not np.isfinite(frames).all():
        raise MosaicError("frames must be finite, got NaN or infinity")
    known = np.isfinite(z_depth[0]) & (z_depth[0] > 0)
    points = cameras[0].unproject(cameras[0].pixel_centres(), np.where(known, z_depth[0], 1.0))
    uv, reached_depth = cameras[1].project(points)
    warped, inside = bilinear(frames[1], uv[..., 0], uv[..., 1])
    # 1 / z, and not z, is linear across a plane: a floor seen at a low angle does not hide itself.
    with np.errstate(divide="ignore"):
        nearness = np.where(z_depth[1] > 0, 1 / z_depth[1], 0.0)
    hidden = reached_depth * bilinear(nearness, uv[..., 0], uv[..., 1])[0] > 1 + OCCLUDED_SHARE
    residual = np.abs(frames[0] - warped).mean(axis=-1)
    return np.where(known & inside & ~hidden, residual, np.nan).astype(np.float32)


def moving_cells(
    frames: np.ndarray,  # (T, H, W, 3) of a video, H and W multiples of BLOCK_PX
    z_depth: np.ndarray,  # (T, H, W) metres
    cameras: Sequence[Camera],
) -> np.ndarray:  # (T, H / 8, W / 8) bool
    """Cells of each frame that the frame farthest from it in time does not show where they would be if they stood."""
    height, width = (side // BLOCK_PX for side in frames.shape[1:3])
    moving = np.zeros((len(frames), height, width), bool)
    for index in range(len(frames)):
        other = 0 if index >= len(frames) / 2 else len(frames) - 1
        if other == index:
            continue
        pair = [index, other]
        residual = residual_motion(frames[pair], z_depth[pair], (cameras[index], cameras[other]))
        blocks = residual.reshape(height, BLOCK_PX, width, BLOCK_PX)
        seen = np.isfinite(blocks).sum(axis=(1, 3))
        moving[index] = np.nansum(blocks, axis=(1, 3)) > MOVED * np.maximum(seen, 1)
    return moving
