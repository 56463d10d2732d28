"""How well the views of a memory agree: on which surfaces, how closely, and where one sees what another denies.

Sampled pixels of each view are carried into the views around it and compared with what those saw there:

    agreeing    the same depth, within what the readout takes for the same surface
    double      a surface of the same object that faces the same way a little before or behind: the layer is there twice
    denied      the other view saw past the place, and nothing there
    hidden      something nearer stands before it; says nothing
    outside     not in the other picture; says nothing

Pixels beside an outline are left out: there, two exact views differ. So are pixels that move. Everything is compared
where it was captured, so that edits do not count as disagreement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cameras import Camera
from ..memory import Memory, View
from ..memory.source_views import DEPTH_AGREEMENT, FREE_SPACE, SLOPE_AGREEMENT
from ..memory.surfels import pixel_slopes

# A second layer lies this near, as a share of the depth; what lies farther apart are two surfaces.
DOUBLE_WITHIN = 0.04
# Two layers of one surface face the same way: their normals differ by less than acos of this.
_SAME_WAY = 0.9
# Neighbouring pixels whose depths differ by more than this share, beyond their slope, lie beside an outline.
_OUTLINE = 0.03
_SAMPLES_A_VIEW = 4000
_OTHERS_A_VIEW = 8  # the nearest views by place and direction; more say little more


@dataclass(frozen=True, eq=False)
class Agreement:
    """What was found, for the memory, for each view and for each patch."""

    compared: int  # comparisons that said something: agreeing + double + denied
    agreeing: float  # share of them
    double: float
    denied: float
    offset_m: float  # median distance between two layers of one surface; 0 without any
    colour_difference: float  # mean difference of colour where views agree, 0 .. 1
    views: tuple[dict[str, Any], ...]
    doubtful: np.ndarray  # (P,) float32: share of a patch's comparisons that were double or denied


def compare_views(memory: Memory) -> Agreement:
    """Compare the views of a memory. Views of different worlds are not compared."""
    surfaces = [_Surface(memory, index) for index in range(len(memory.views))]
    counts = np.zeros((len(memory.patches) + 1, 2))  # comparisons, and those that went badly
    totals = np.zeros(3)
    offsets, colours, lines = [], [], []
    for index, surface in enumerate(surfaces):
        seen_before = np.zeros(len(surface.pixels), bool)
        of_view = np.zeros(3)
        for other in _others(memory.views, index):
            verdict = surface.seen_by(surfaces[other])
            groups = verdict.agreeing, verdict.double, verdict.denied
            of_view += [group.sum() for group in groups]
            seen_before |= (groups[0] | groups[1]) & (other < index)
            said = groups[0] | groups[1] | groups[2]
            np.add.at(counts[:, 0], surface.rows[said], 1)
            np.add.at(counts[:, 1], surface.rows[groups[1] | groups[2]], 1)
            offsets.append(verdict.offset_m[groups[1]])
            colours.append(verdict.colour_difference[groups[0]])
        totals += of_view
        view = memory.views[index]
        lines.append(
            {
                "name": view.name,
                "time_s": view.time_s,
                **dict(zip(("agreeing", "double", "denied"), _shares(of_view), strict=True)),
                "new": round(float(1 - seen_before.mean()), 4) if len(seen_before) else 0.0,
            }
        )
    agreeing, double, denied = _shares(totals)
    return Agreement(
        int(totals.sum()), agreeing, double, denied,
        offset_m=_median(offsets),
        colour_difference=_mean(colours),
        views=tuple(lines),
        doubtful=(counts[1:, 1] / np.maximum(counts[1:, 0], 1)).astype(np.float32),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Verdict:
    """What one view says about another's n samples."""

    agreeing: np.ndarray  # (n,) bool
    double: np.ndarray  # (n,) bool
    denied: np.ndarray  # (n,) bool
    offset_m: np.ndarray  # (n,) float64
    colour_difference: np.ndarray  # (n,) float64


class _Surface:
    """One view, prepared for asking and for being asked."""

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

    def seen_by(self, other: _Surface) -> _Verdict:
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
        ours = self.view.rgb.reshape(-1, 3)[self.pixels].astype(np.float64)
        difference = np.abs(other.view.rgb[row, column] - ours).mean(1) / 255
        return _Verdict(agreeing, double, denied, np.abs(apart) * z, difference)


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


def _others(views: tuple[View, ...], index: int) -> list[int]:
    """The views of the same world that stand and look most like this one."""
    mine = views[index].camera
    distances = []
    for other, view in enumerate(views):
        if other != index and view.world == views[index].world:
            away_m = np.linalg.norm(view.camera.position_world - mine.position_world)
            turn = 1 - float(view.camera.forward_world @ mine.forward_world)
            distances.append((turn * 2 + float(away_m) / (1 + float(away_m)), other))
    return [other for _, other in sorted(distances)[:_OTHERS_A_VIEW]]


def _shares(counts: np.ndarray) -> list[float]:
    return [round(float(count / max(counts.sum(), 1)), 4) for count in counts]


def _median(parts: list[np.ndarray]) -> float:
    values = np.concatenate(parts) if parts else np.zeros(0)
    return round(float(np.median(values)), 5) if len(values) else 0.0


def _mean(parts: list[np.ndarray]) -> float:
    values = np.concatenate(parts) if parts else np.zeros(0)
    return round(float(values.mean()), 4) if len(values) else 0.0
