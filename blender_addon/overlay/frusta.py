"""The cameras of a memory's views as lines: arrays in, arrays out, NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mosaic_core.cameras import Camera

from .lines import Lines

# Edges between the eye (0) and the image's corners TL, TR, BR, BL (1 .. 4), then the mark that says which side is up.
_EDGES = ((0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1), (1, 5), (5, 2))
# A frustum is drawn this long, as a share of the scene's diagonal.
LENGTH = 0.04
_LEAST_M, _MOST_M = 0.05, 2.0


def frusta_lines(
    cameras: Sequence[Camera],
    colours: np.ndarray,  # (V, 4)
    *,
    length_m: float,  # from the eye to the middle of the image
) -> Lines:
    """A pyramid a camera, with a mark over the image's upper edge."""
    if len(cameras) == 0:
        return Lines.none()
    points = np.stack([_corners(camera, length_m) for camera in cameras])
    ends = points[:, np.array(_EDGES)]  # (V, 10, 2, 3)
    rgba = np.broadcast_to(np.asarray(colours, np.float32)[:, None, None], (*ends.shape[:3], 4))
    return Lines(ends.reshape(-1, 3).astype(np.float32), np.ascontiguousarray(rgba.reshape(-1, 4)))


def frustum_length_m(extent_m: float) -> float:
    """A length that is neither lost in a large scene nor in the way in a small one."""
    return float(np.clip(LENGTH * extent_m, _LEAST_M, _MOST_M))


def _corners(camera: Camera, length_m: float) -> np.ndarray:  # (6, 3) eye, TL, TR, BR, BL, mark
    width, height = camera.image_width, camera.image_height
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height), (width / 2, -height * 0.2)], np.float64)
    return np.concatenate([camera.position_world[None], camera.unproject(corners, np.full(5, length_m))])
