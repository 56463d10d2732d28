"""Taking back a part of what moved patches: where they went, how they were turned, or how large they were made.

What moved together is one thing, as an object is in Blender, and is straightened or shrunk about its own middle: a
crate that was moved, turned and then turned back stands whole where it went. A patch that went its own way turns about
its own middle.
"""

from __future__ import annotations

import numpy as np

from .similarity import apply_to_quads, noise_of, shared_similarities

PARTS = ("LOCATION", "ROTATION", "SCALE")


def cleared_quads(
    captured: np.ndarray,  # (n, 4, 3) corners where the patches were captured
    placed: np.ndarray,  # (n, 4, 3) where they are
    part: str,  # one of PARTS
) -> np.ndarray:  # (n, 4, 3), in the dtype of `captured`; the very bits of it where nothing else had moved a patch
    """Where the corners are without that part of the motion. A mirrored patch counts as turned."""
    assert part in PARTS, part
    before, after = captured.astype(np.float64), placed.astype(np.float64)
    group, motions = shared_similarities(before, after)
    left = np.zeros_like(motions)
    for index, motion in enumerate(motions):
        left[index] = _without(part, motion, before[group == index].reshape(-1, 3).mean(axis=0))
    cleared = apply_to_quads(left[group], before) if len(group) else before
    untouched = np.abs(cleared - before).max(axis=(1, 2), initial=0) <= noise_of(before, after)
    return np.where(untouched[:, None, None], captured, cleared.astype(captured.dtype))


def _without(part: str, motion: np.ndarray, middle: np.ndarray) -> np.ndarray:  # (4, 4)
    """A similarity without its location, rotation or scale, as seen from a point that it moves ((3,))."""
    scale = float(np.cbrt(abs(np.linalg.det(motion[:3, :3]))))
    there, linear = motion[:3, :3] @ middle + motion[:3, 3], motion[:3, :3]
    if part == "LOCATION":
        there = middle
    else:
        linear = scale * np.eye(3) if part == "ROTATION" else linear / scale
    cleared = np.eye(4)
    cleared[:3, :3], cleared[:3, 3] = linear, there - linear @ middle
    return cleared
