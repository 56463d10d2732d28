"""What a path sees of a memory: for each placement in how many frames and how surely, and where the path has holes.

A patch counts as seen where the picture shows a surface at its place, no matter which of several patches of that
surface gave the pixel its colour: an artist asks whether the path sees the wall, not which view won. Holes become
points in the world, at the depth of the surfaces around them, so that they can be looked at from elsewhere.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from ..cameras import Camera, CameraPath
from .hole_filling import guessed_depth
from .memory import Memory
from .picture import Readout
from .quads import quads_of
from .timed_reader import TimedReader

# A patch and the picture agree on the surface within this share of the depth: a pixel of a small picture covers a lot.
SAME_SURFACE = 0.03
# Holes without a surface around them are put this far away, metres.
FAR_M = 20.0
# Points of holes that are kept a frame: enough to see their shape. Of several in one cell of a grid over all of them,
# one is kept: frames of a path look at the same holes.
HOLE_POINTS = 400
HOLE_GRID = 48


@dataclass(frozen=True, eq=False)
class SeenAlong:
    """A path looked at in some of its frames."""

    frame_numbers: tuple[int, ...]
    known: tuple[float, ...]  # share of each frame's pixels that memory holds
    placement_ids: np.ndarray  # (N,) int64, ascending
    frames_seen: np.ndarray  # (N,) int32, in how many of the frames
    confidence: np.ndarray  # (N,) float32, the best with which a frame shows its surface; 0 where none does
    holes_world: np.ndarray  # (n, 3) float32


def seen_along(
    memory: Memory,
    path: CameraPath,  # its size is that of the pictures
    indices: list[int],  # the frames to look at
    *,
    reader: TimedReader | None = None,
) -> Generator[None, None, SeenAlong]:
    """Look at some frames, one a step, so that others can work in between; the generator returns what was found.

    Raises `MosaicError` for a memory without views.
    """
    reader = TimedReader(memory) if reader is None else reader
    placements = memory.placements
    centres = quads_of(placements, memory.patches).mean(axis=1)
    seen = np.zeros(len(placements), np.int32)
    confidence = np.zeros(len(placements), np.float32)
    known: list[float] = []
    holes: list[np.ndarray] = [np.zeros((0, 3), np.float32)]
    for index in indices:
        camera, time_s = path[index], path.time_s(index)
        readout = reader.rgb(camera, time_s)
        shown, surely = _shown_by(readout, camera, centres)
        shown &= placements.shown_at(time_s)
        seen += shown
        confidence = np.where(shown, np.maximum(confidence, surely), confidence)
        known.append(float(readout.covered.mean()))
        holes.append(holes_of(readout, camera))
        yield
    return SeenAlong(
        frame_numbers=tuple(path.frame_numbers[index] for index in indices),
        known=tuple(known),
        placement_ids=placements.ids,
        frames_seen=seen,
        confidence=confidence,
        holes_world=_thinned(np.concatenate(holes)),
    )


def holes_of(readout: Readout, camera: Camera, *, at_most: int = HOLE_POINTS) -> np.ndarray:  # (n, 3) float32 world
    """Where what nobody saw probably is: at the depth of the surfaces around, evenly thinned to `at_most` points."""
    pixels = np.flatnonzero(~readout.covered)
    if len(pixels) == 0:
        return np.zeros((0, 3), np.float32)
    pixels = pixels[:: -(-len(pixels) // at_most)]
    depth = guessed_depth(readout.z_depth, readout.covered & np.isfinite(readout.z_depth)).ravel()[pixels]
    centres = camera.pixel_centres().reshape(-1, 2)[pixels]
    return camera.unproject(centres, np.where(np.isfinite(depth), depth, FAR_M)).astype(np.float32)


def _thinned(points: np.ndarray) -> np.ndarray:  # (n, 3) -> (m, 3)
    if len(points) == 0:
        return points
    low = points.min(axis=0)
    cell_m = max(float((points.max(axis=0) - low).max()) / HOLE_GRID, 1e-6)
    first = np.unique(np.floor((points - low) / cell_m).astype(np.int64), axis=0, return_index=True)[1]
    return points[np.sort(first)]


def _shown_by(
    readout: Readout,
    camera: Camera,
    centres: np.ndarray,  # (N, 3), nan = no place
) -> tuple[np.ndarray, np.ndarray]:  # (N,) bool, (N,) float32
    """Which places lie on the surface that the picture shows there, and with which confidence it does."""
    with np.errstate(invalid="ignore"):
        uv, z = camera.project(centres.astype(np.float64))
        inside = (z > 0) & (uv >= 0).all(axis=1) & (uv < (camera.image_width, camera.image_height)).all(axis=1)
    at = np.flatnonzero(inside)
    column, row = uv[at].astype(np.intp).T
    near = z[at] <= readout.z_depth[row, column] * (1 + SAME_SURFACE)
    shown = np.zeros(len(centres), bool)
    shown[at] = near & readout.covered[row, column]
    surely = np.zeros(len(centres), np.float32)
    surely[at] = readout.confidence[row, column]
    return shown, surely
