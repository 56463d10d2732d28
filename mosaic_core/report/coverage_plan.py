"""Before anything is generated: how much of a path memory knows, where it would be invented, and what to capture.

A few frames of the path are read at a small size. Every place that no view has seen, at the depth of the surfaces
around, is then looked for in the path's own cameras: the one that would close the most of what is still open is
proposed first, since a capture from the path shows what the path needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..cameras import Camera, CameraPath
from ..memory import Memory
from ..memory.hole_filling import guessed_depth
from ..memory.selection import in_image
from ..memory.timed_reader import TimedReader
from .frames import chosen_frames

WIDTH_PX = 160
# A frame that is known to this share needs nothing.
ENOUGH = 0.97
# A camera that would close less of all frames than this is not worth capturing.
LEAST_GAIN = 0.01


@dataclass(frozen=True)
class CoveragePlan:
    """What memory knows along a path: a number a frame that was looked at, and where to capture."""

    frame_numbers: tuple[int, ...]
    known: tuple[float, ...]  # share of the frame's pixels that memory holds
    known_after: tuple[float, ...]  # about the same with views captured at the proposals
    proposals: tuple[int, ...]  # frame numbers, the most useful first

    @property
    def invented(self) -> tuple[tuple[int, int], ...]:
        """First and last frame of each stretch that memory does not know well enough."""
        stretches: list[tuple[int, int]] = []
        going = False
        for number, share in zip(self.frame_numbers, self.known, strict=True):
            if share < ENOUGH:
                stretches[-1:] = [(stretches[-1][0], number)] if going else [*stretches[-1:], (number, number)]
            going = share < ENOUGH
        return tuple(stretches)


def plan_coverage(
    memory: Memory,
    path: CameraPath,
    *,
    max_frames: int = 24,
    max_proposals: int = 4,
    should_stop: Callable[[], bool] = lambda: False,
) -> CoveragePlan:
    """Look at the path. `should_stop` is asked between frames; what was seen so far is then planned with.

    Raises `MosaicError` for a memory without views.
    """
    height = max(1, round(WIDTH_PX * path.image_height / path.image_width))
    small = path.scaled_to(image_height=height, image_width=WIDTH_PX)
    reader = TimedReader(memory)
    indices, missing, known = [], [], []
    for index in chosen_frames(path, max_frames):
        if indices and should_stop():
            break
        readout = reader.rgb(small[index], small.time_s(index))
        indices.append(index)
        known.append(float(readout.covered.mean()))
        missing.append(_unseen_points(small[index], readout.covered, readout.z_depth))
    cameras = [small[index] for index in indices]
    closes = [[in_image(camera, points) for points in missing] for camera in cameras]
    open_still = [np.ones(len(points), bool) for points in missing]
    proposals = _greedy(closes, open_still, enough=LEAST_GAIN * height * WIDTH_PX * len(indices), at_most=max_proposals)
    return CoveragePlan(
        frame_numbers=tuple(path.frame_numbers[index] for index in indices),
        known=tuple(known),
        known_after=tuple(1 - still.sum() / (height * WIDTH_PX) for still in open_still),
        proposals=tuple(path.frame_numbers[indices[i]] for i in proposals),
    )


def _greedy(closes: list[list[np.ndarray]], open_still: list[np.ndarray], *, enough: float, at_most: int) -> list[int]:
    """Cameras by what they close of what the ones before leave open; `open_still` is what all of them leave."""
    chosen: list[int] = []
    while len(chosen) < at_most:
        gains = [sum(int((o & c).sum()) for o, c in zip(open_still, mine, strict=True)) for mine in closes]
        best = int(np.argmax(gains))
        if gains[best] < max(enough, 1):
            break
        chosen.append(best)
        for still, closed in zip(open_still, closes[best], strict=True):
            still &= ~closed
    return chosen


def _unseen_points(camera: Camera, covered: np.ndarray, z_depth: np.ndarray) -> np.ndarray:  # (n, 3) world
    """Where what nobody saw probably is: at the depth of the surfaces around it, far away where there are none."""
    depth = guessed_depth(z_depth, covered & np.isfinite(z_depth))
    depth = np.where(np.isfinite(depth), depth, 100.0)
    pixels = camera.pixel_centres()
    return camera.unproject(pixels[~covered], depth[~covered])
