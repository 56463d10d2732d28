"""`Lost`: what a format could not hold of a path, found by reading back what was written.

A list of what each format holds would be a second truth beside its code, and it would not know whether this path has
a lens shift to lose. So the written bytes are read back, with the path's own facts for whatever the file leaves open:
what the reader had to ask for is not in the file, and what then still differs was changed by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..path import CameraPath
from ..placing import anchored
from .base import Documents, Format, Gaps
from .viewcrafter import distance_of

_TOLERANCE = 1e-6  # metres, and parts of the image's width


@dataclass(frozen=True)
class Lost:
    """What is not in a written file: sentences for a person. Empty, and false, where everything is in it."""

    format_name: str
    sentences: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sentences)


def lost_in(path: CameraPath, documents: Documents, format_: Format) -> Lost:
    """What `documents`, the path as `format_` wrote it, do not hold. Raises `CameraError`."""
    first = path[0]
    fov_deg = math.degrees(2 * math.atan(path.image_width / 2 / first.intrinsics_px[0, 0]))
    gaps = Gaps(path.fps, path.image_height, path.image_width, fov_deg, distance_of(path))
    back = format_.read(documents, gaps)
    sentences = []
    if "fps" in gaps.asked:
        sentences.append(f"the frame rate ({path.fps:g} frames a second) is not in the file")
    elif abs(back.fps - path.fps) > 1e-6 * path.fps:
        sentences.append(f"the frame rate {path.fps:g} becomes {back.fps:.6g}")
    if "image size" in gaps.asked:
        sentences.append(f"the image size ({path.image_width} x {path.image_height}) is not in the file")
    if back.frame_numbers != path.frame_numbers:
        old, new = (f"{p.frame_numbers[0]} .. {p.frame_numbers[-1]}" for p in (path, back))
        sentences.append(f"the frame numbers ({old}) become {new}")
    sentences += _lens_sentences(path, back, lens_is_missing="lens" in gaps.asked)
    if "distance" in gaps.asked:
        sentences.append(f"the distance to the object ({gaps.distance_m:.6g} m) is not in the file")
    return Lost(format_.name, (*sentences, *_place_sentences(path, back)))


def _place_sentences(path: CameraPath, back: CameraPath) -> list[str]:
    """About where the cameras are."""
    allowed = _TOLERANCE * max(1.0, *(float(np.abs(camera.position_world).max()) for camera in path))
    if _farthest(path, back) <= allowed:
        return []
    # Formats that start at their first camera keep the path's form, and only lose where it was.
    there = anchored(back, path[0].world_from_cam)
    moved = _farthest(path, there)
    sentences = []
    if moved < _farthest(path, back):
        sentences.append("where the first camera stands in the world is not in the file")
    else:
        moved = _farthest(path, back)
    if moved > allowed:
        sentences.append(f"cameras move by up to {moved:.2g} m")
    return sentences


def _farthest(path: CameraPath, other: CameraPath) -> float:
    return max(float(np.abs(a.world_from_cam - b.world_from_cam).max()) for a, b in zip(path, other, strict=True))


def _lens_sentences(path: CameraPath, back: CameraPath, *, lens_is_missing: bool) -> list[str]:
    """About the lens: focal length, its change over time, shift, pixel aspect and skew."""
    old, new = (np.stack([c.intrinsics_px for c in p]) for p in (path, back))
    width = path.image_width
    tolerance = _TOLERANCE * width
    sentences = []
    if lens_is_missing:
        sentences.append("the lens (focal length, principal point) is not in the file")
    if _varies(old, tolerance) and not _varies(new, tolerance):
        sentences.append("the lens changes along the path, the file keeps one for all frames")
    if np.abs(old[:, 0, 1] - new[:, 0, 1]).max() > tolerance:
        sentences.append("the skew of the pixels is left out")
    first = slice(0, 1)  # what one lens for all frames keeps is the first frame's
    aspect = np.abs(old[first, 1, 1] / old[first, 0, 0] - new[first, 1, 1] / new[first, 0, 0]).max()
    if aspect > _TOLERANCE:
        sentences.append(
            f"the pixel aspect ({old[0, 1, 1] / old[0, 0, 0]:.4g}) becomes {new[0, 1, 1] / new[0, 0, 0]:.4g}"
        )
    shift = old[:, :2, 2] - new[:, :2, 2]
    if np.abs(shift[first]).max() > tolerance or (np.abs(shift).max() > tolerance and _varies(new, tolerance)):
        x, y = shift[np.abs(shift).sum(1).argmax()]
        sentences.append(f"the lens shift ({x:.4g}, {y:.4g} pixels from the middle) is left out")
    if np.abs(old[0, 1, 1] - new[0, 1, 1]) > tolerance and not lens_is_missing:
        sentences.append(f"the focal length {old[0, 1, 1]:.6g} px becomes {new[0, 1, 1]:.6g} px")
    return sentences


def _varies(lenses: np.ndarray, tolerance: float) -> bool:
    return bool(np.abs(lenses - lenses[0]).max() > tolerance)
