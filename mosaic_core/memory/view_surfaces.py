"""What one view saw at the places that another view saw: the ground for comparing views.

Sampled pixels of one view are carried into another and compared with what that one saw there:

    agreeing    the same depth, within what the readout takes for the same surface
    double      a surface of the same object that faces the same way a little before or behind: the layer is there twice
    denied      the other view saw past the place, and nothing there
    hidden      something nearer stands before it; says nothing
    outside     not in the other picture; says nothing

Pixels beside an outline are left out: there, two exact views differ. So are pixels that move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cameras import Camera
from .memory import Memory
from .source_views import DEPTH_AGREEMENT, FREE_SPACE, SLOPE_AGREEMENT
from .surfels import pixel_slopes
from .tone import shown_rgb
from .view import View

# A second layer lies this near, as a share of the depth; what lies farther apart are two surfaces.
DOUBLE_WITHIN = 0.04
# Two layers of one surface face the same way: their normals differ by less than acos of this.
_SAME_WAY = 0.9
# Neighbouring pixels whose depths differ by more than this share, beyond their slope, lie beside an outline.
_OUTLINE = 0.03
_SAMPLES_A_VIEW = 4000


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one view says about another's n samples."""

    agreeing: np.ndarray  # (n,) bool
    double: np.ndarray  # (n,) bool
    denied: np.ndarray  # (n,) bool
    offset_m: np.ndarray  # (n,) float64
    ours: np.ndarray  # (n, 3) float32, the samples' colours, 0 .. 1
    theirs: np.ndarray  # (n, 3) float32, what the other view shows there

    @property
    def colour_difference(self) -> np.ndarray:  # (n,)
        """How far the colours are apart, the mean of the channels."""
        return np.abs(self.ours - self.theirs).mean(1)


class ViewSurface:
    """One view of a memory, prepared for asking and for being asked."""

    def __init__(self, memory: Memory, index: int) -> None:
        view, rows = memory.views[index], memory.pixel_rows[index]
        self.view, self.camera = view, view.camera
        with np.errstate(divide="ignore"):
            self.inverse = 1 / view.z_depth.astype(np.float64)
        self.slopes = pixel_slopes(view.z_depth, rows)
        self.inner = _inner(view, rows, self.inverse, self.slopes)
        self.normals = _normals(view.camera, self.inverse, self.slopes)
        usable = np.flatnonzero(self.inner)
        step = max(1, len(usable) // _SAMPLES_A_VIEW)
        self.pixels = usable[step // 2 :: step]
        self.rows = rows.ravel()[self.pixels]
        centres = self.camera.pixel_centres().reshape(-1, 2)[self.pixels]
        self.points = self.camera.unproject(centres, view.z_depth.ravel()[self.pixels].astype(np.float64))

    def seen_by(self, other: ViewSurface) -> Verdict:
        """What another view of the same world saw at this view's samples."""
        uv, z = other.camera.project(self.points)
        height, width = other.inverse.shape
        with np.errstate(invalid="ignore"):
            inside = (z > 0) & (uv >= 0).all(1) & (uv[:, 0] < width) & (uv[:, 1] < height)
        uv, z = np.where(inside[:, None], uv, 0.5), np.where(inside, z, 1.0)
        column, row = uv[:, 0].astype(np.intp), uv[:, 1].astype(np.intp)
        right, down = uv[:, 0] - column - 0.5, uv[:, 1] - row - 0.5
        slope_u, slope_v = (slope[row, column].astype(np.float64) for slope in other.slopes)
        there = other.inverse[row, column] + slope_u * right + slope_v * down
        apart = there * z - 1  # > 0: the other view saw something nearer
        tolerance = DEPTH_AGREEMENT + SLOPE_AGREEMENT * (np.abs(slope_u) + np.abs(slope_v)) * z
        usable = inside & other.inner[row, column]
        agreeing = usable & (np.abs(apart) <= tolerance)
        same_object = other.view.object_ids[row, column] == self.view.object_ids.ravel()[self.pixels]
        facing = (other.normals[row, column] * self.normals.reshape(-1, 3)[self.pixels]).sum(1)
        near = np.abs(apart) <= DOUBLE_WITHIN
        double = usable & ~agreeing & near & same_object & (facing > _SAME_WAY) & (np.abs(apart) > 2 * tolerance)
        denied = usable & ~agreeing & ~double & (apart < -(FREE_SPACE + tolerance))
        ours = shown_rgb(self.view.rgb.reshape(-1, 3)[self.pixels], self.view.tone)
        theirs = shown_rgb(other.view.rgb[row, column], other.view.tone)
        return Verdict(agreeing, double, denied, np.abs(apart) * z, ours, theirs)


def _inner(
    view: View, rows: np.ndarray, inverse: np.ndarray, slopes: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:  # (H, W) bool
    """Pixels of a known, resting surface with their own surface on all sides; the picture's border is left out."""
    usable = np.isfinite(view.z_depth) & ~view.dynamic & (rows > 0)
    inner = np.zeros_like(usable)
    middle = (slice(1, -1), slice(1, -1))
    inner[middle] = usable[middle]
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        there = (slice(1 + down, inverse.shape[0] - 1 + down), slice(1 + right, inverse.shape[1] - 1 + right))
        expected = inverse[middle] + right * slopes[0][middle] + down * slopes[1][middle]
        same = view.object_ids[there] == view.object_ids[middle]
        inner[middle] &= same & (np.abs(inverse[there] - expected) <= _OUTLINE * inverse[middle])
    return inner


def _normals(
    camera: Camera, inverse: np.ndarray, slopes: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:  # (H, W, 3) unit, world
    """Of the planes that the slopes of inverse depth stand for, towards the camera.

    A plane n . p = 1 has the inverse depth n . ray, so its slopes along u and v are n's parts over the focal lengths.
    """
    k = camera.intrinsics_px
    uv = camera.pixel_centres()
    nx, ny = slopes[0] * k[0, 0], slopes[1] * k[1, 1]
    nz = inverse - nx * (uv[..., 0] - k[0, 2]) / k[0, 0] - ny * (uv[..., 1] - k[1, 2]) / k[1, 1]
    normals = -np.stack([nx, ny, nz], axis=-1)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-30)
    return normals @ camera.world_from_cam[:3, :3].T
