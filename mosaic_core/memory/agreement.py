"""Does a view agree with what another view's new patches say? The comparison behind merging and behind conflicts.

A patch is taken to the other view by its centre. It is the same place where the view's depth, followed along its own
slope, is the patch's depth; it looks the same where the patch that the view has there has its mean colour. Many pairs
of patches and views are compared in one go, which for a chunk of latent frames takes hardly longer than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from .latent_lifting import slopes_of
from .patches import Patches
from .view import View

# Directions of sky are taken to a camera as points this far away.
_FAR_M = np.float32(1e6)


@dataclass(frozen=True)
class Tolerance:
    """How alike two sightings of a place must be."""

    depth: float = 0.015  # share of the depth
    look: float = 0.06  # mean difference of colour, share of the full scale
    finer: float = 0.9  # a sighting is finer where its patch is smaller than this share of the other's


@dataclass(frozen=True, eq=False)
class Sighted:
    """New patches that were taken to another view, a row a pair of patch and view that has it in its picture."""

    patch: np.ndarray  # (n,) position among the new patches
    view: np.ndarray  # (n,) position among the views asked
    row: np.ndarray  # (n,) int32, the patch that the view has there; 0 = none
    same_place: np.ndarray  # (n,) bool
    pixel: np.ndarray  # (n,) where in the view, flat over all that were asked
    inverse: np.ndarray  # (n,) float32, 1 / z_depth of the patch in that view; meaningless for sky
    look: np.ndarray  # (n,) float32, difference of colour, 0 .. 1; nan without a row or another place
    coarser: np.ndarray  # (n,) bool, the new patch shows the place in no more detail than the view does


class Asked:
    """Views that can be asked about patches, packed."""

    def __init__(self, views: Sequence[View], pixel_rows: Sequence[np.ndarray]) -> None:
        planes = [_planes(list(group)) for _, group in groupby(views, key=_packed_alike)]
        self.inverse, self.along_u, self.along_v = (np.concatenate(p) for p in zip(*planes, strict=True))
        self.rows = np.concatenate([rows.ravel() for rows in pixel_rows])
        self.height = np.array([view.camera.image_height for view in views])
        self.width = np.array([view.camera.image_width for view in views])
        sizes = self.height * self.width
        self.offset = np.cumsum(sizes) - sizes
        matrices = [view.camera.intrinsics_px @ view.camera.cam_from_world[:3] for view in views]
        self.cameras = np.array(matrices, np.float32).reshape(-1, 12).T  # (12, V)
        self.positions = np.array([view.camera.position_world for view in views], np.float32).reshape(-1, 3).T
        self.sharpness_px = np.array([view.camera.focal_px / view.patch_size_px for view in views], np.float32)


class NewPatches:
    """What is asked about the patches of some new views."""

    def __init__(self, lifted: Patches, views: Sequence[View], first_view: int) -> None:
        self.view = lifted.view - first_view  # (n,) position among the new views
        self.centres, self.sky = np.ascontiguousarray(lifted.centre_world.T), lifted.sky  # (3, n), (n,)
        self.colours = mean_colours(lifted.rgb)
        self.lifted = lifted
        positions = np.array([view.camera.position_world for view in views], np.float32)
        sharpness = np.array([view.camera.focal_px / view.patch_size_px for view in views], np.float32)
        distance = _length(*(self.centres - positions.T.take(self.view, axis=1)))
        # How much a cell spans at the patch; an angle for the sky.
        self.spans = np.where(self.sky, np.float32(1), distance) / sharpness[self.view]


def sighted(
    new: NewPatches,
    asked: Asked,
    pairs: tuple[np.ndarray, np.ndarray],  # (n,) new patch, (n,) view asked
    known: Patches,  # the memory's; the rows of the new ones follow
    tolerance: Tolerance,
) -> Sighted:
    """Take patches to views. Pairs that are not in the view's picture, or of unknown depth there, are left out."""
    patch, view = pairs
    sky, centres = new.sky.take(patch), new.centres.take(patch, axis=1)
    # Mostly one view is asked, and its numbers need not be there once a patch.
    whose = view[:1] if (view == view[:1]).all() else view
    m, positions = asked.cameras.take(whose, axis=1), asked.positions.take(whose, axis=1)
    x, y, z = np.where(sky, centres * _FAR_M + positions, centres) if sky.any() else centres
    depth = m[8] * x + m[9] * y + m[10] * z + m[11]
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.float32(1) / depth
        u, v = (m[0] * x + m[1] * y + m[2] * z + m[3]) * own, (m[4] * x + m[5] * y + m[6] * z + m[7]) * own
    width, height = asked.width.take(whose), asked.height.take(whose)
    inside = np.flatnonzero((depth > 0) & (u >= 0) & (v >= 0) & (u < width) & (v < height))
    away = centres - positions
    distance = np.where(sky, np.float32(1), _length(*away)).take(inside)
    patch, view, sky, own, u, v = (column.take(inside) for column in (patch, view, sky, own, u, v))
    whose = whose if len(whose) < 2 else view
    column, line = u.astype(np.intp), v.astype(np.intp)
    pixel = asked.offset.take(whose) + line * asked.width.take(whose) + column
    half = np.float32(0.5)
    theirs = asked.inverse.take(pixel)
    there = theirs + asked.along_u.take(pixel) * (u - column - half) + asked.along_v.take(pixel) * (v - line - half)
    with np.errstate(invalid="ignore"):
        same = np.where(sky, theirs == 0, (theirs > 0) & (np.abs(own - there) <= np.float32(tolerance.depth) * there))
    row = asked.rows.take(pixel)
    look, alike = _look(new, patch, row, known, np.flatnonzero(same & (row > 0)))
    coarser = new.spans.take(patch) >= np.float32(tolerance.finer) * distance / asked.sharpness_px.take(whose)
    return Sighted(patch, view, row, same & alike, pixel, own, look, coarser)


def mean_colours(rgb: np.ndarray) -> np.ndarray:  # (n, 4, 3) uint8 -> (n, 3) float32 in 0 .. 1
    """The mean of a patch's corner colours."""
    # Corner by corner: NumPy is slow at reducing over axes as short as these.
    first, second, third, fourth = (rgb[:, corner].astype(np.float32) for corner in range(4))
    return (first + second + third + fourth) * np.float32(1 / (4 * 255))


def _look(
    new: NewPatches, patch: np.ndarray, row: np.ndarray, known: Patches, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # (n,) difference of colour, (n,) bool may be one thing
    look, alike = np.full(len(patch), np.nan, np.float32), np.ones(len(patch), bool)
    theirs = row[at] - 1 - len(known)
    ours = patch[at]
    for mine, table, index in (
        (np.flatnonzero(theirs >= 0), new.lifted, theirs),
        (np.flatnonzero(theirs < 0), known, row[at] - 1),
    ):
        if len(mine) == 0:
            continue
        index, own, to = index[mine], ours[mine], at[mine]
        colours = new.colours[index] if table is new.lifted else mean_colours(table.rgb[index])
        difference = np.abs(colours - new.colours[own])
        look[to] = (difference[:, 0] + difference[:, 1] + difference[:, 2]) / 3
        there, here = table.column("object_id", index), new.lifted.column("object_id", own)
        # Estimators know no objects: 0 may be anything.
        one = (there == here) | (there == 0) | (here == 0)
        alike[to] = one & (table.column("dynamic", index) == new.lifted.column("dynamic", own))
    return look, alike


def _packed_alike(view: View) -> tuple[int, ...]:
    return (view.patch_size_px, view.camera.image_height, view.camera.image_width)


def _planes(views: list[View]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # flat float32: 1 / z and its slopes
    """Inverse depth of every pixel, nan where unknown and 0 for sky, and how it changes to the next pixel."""
    inverse = np.float32(1) / np.stack([view.z_depth for view in views])
    if views[0].patch_size_px == 1:
        along_u, along_v = slopes_of(inverse, np.stack([view.object_ids for view in views]))
    else:
        # From one pixel of a picture to the next, depth hardly changes.
        along_u = along_v = np.zeros_like(inverse)
    inverse[~(inverse > 0) & ~np.stack([view.sky for view in views])] = np.nan
    return inverse.ravel(), along_u.ravel(), along_v.ravel()


def _length(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.sqrt(x * x + y * y + z * z)
