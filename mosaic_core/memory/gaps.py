"""Gaps in an object's picture through which something farther shows, and whether memory may show it there.

Views see an object from a few sides. From another side, a face that none of them saw is missing, and whatever stands
behind would show through the object. Such a place betrays itself: left and right of it (or above and below) the picture
shows the same object, nearer. Whether it is a real opening, as between the bars of a fence, the views can tell: one of
them must have seen past the point where the object would close it. Where none did, nothing is known and the pixel is a
hole, filled from the two sides.

On an artist-like scene (a chest moved, three unseen cameras of 640x360) this turned 304 of 367, 87 of 87 and 48 of 48
background pixels inside the chest into holes, and 9 .. 15 % of all pixels it refused had shown the right thing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Gaps are at most this wide. Twice as much closed eight more of those pixels and refused a quarter more good ones.
MAX_GAP_PX = 8
# What shows in a gap lies farther than its sides by more than this share of the depth.
FARTHER = 0.01


@dataclass(frozen=True, eq=False)
class Gaps:
    """n pixels in gaps, each once, ascending."""

    pixel: np.ndarray  # (n,) flat
    near_side: np.ndarray  # (n,) flat pixel of the object at the end that is nearer to the camera
    far_side: np.ndarray  # (n,) flat pixel at the other end
    far_share: np.ndarray  # (n,) float32 in (0, 1): how far from the near side towards the far one


def find_gaps(
    labels: np.ndarray,  # (H, W) unsigned, which object (and edit) each pixel shows; 0 = none
    z_depth: np.ndarray,  # (H, W) float32, inf for sky and holes
) -> Gaps:
    """Pixels between two of one object, in a row or a column, that show something farther than both.

    A pixel in a gap of a row and in one of a column counts to the narrower, the row's if they are equal.
    """
    width = labels.shape[1]
    along_rows = _gaps_along_rows(labels, z_depth, strides=(width, 1))
    transposed = (np.ascontiguousarray(plane.T) for plane in (labels, z_depth))
    along_columns = _gaps_along_rows(*transposed, strides=(1, width))
    pixel, first, last, share, gap_px = (np.concatenate(both) for both in zip(along_rows, along_columns, strict=True))
    order = np.lexsort((gap_px, pixel))
    order = order[np.diff(pixel[order], prepend=-1) > 0]
    pixel, first, last, share = (column[order] for column in (pixel, first, last, share))
    z = z_depth.ravel()
    turned = z[first] > z[last]
    return Gaps(
        pixel=pixel,
        near_side=np.where(turned, last, first),
        far_side=np.where(turned, first, last),
        far_share=np.where(turned, 1 - share, share),
    )


def _gaps_along_rows(
    labels: np.ndarray,  # (H, W)
    z_depth: np.ndarray,  # (H, W)
    *,
    strides: tuple[int, int],  # of a row and of a column in flat positions
) -> tuple[np.ndarray, ...]:  # (n,) flat pixel, flat first and last side, share from first to last, width
    # Sorted by label, the pixels of one object stand side by side, in their order; where they skip columns is a gap.
    columns = np.argsort(labels, axis=1, kind="stable")
    ordered = np.take_along_axis(labels, columns, axis=1)
    skip = np.diff(columns, axis=1)
    same = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)
    row, at = np.nonzero(same & (skip > 1) & (skip <= MAX_GAP_PX + 1))
    first, gap_px = columns[row, at], skip[row, at] - 1
    gap = np.repeat(np.arange(len(row)), gap_px)
    step = 1 + np.arange(len(gap)) - np.repeat(np.cumsum(gap_px) - gap_px, gap_px)
    row, first, gap_px = row[gap], first[gap], gap_px[gap]
    last = first + gap_px + 1
    sides_z = np.maximum(z_depth[row, first], z_depth[row, last])
    behind = z_depth[row, first + step] > np.float32(1 + FARTHER) * sides_z
    flat = [(row * strides[0] + column * strides[1])[behind] for column in (first + step, first, last)]
    return *flat, (step.astype(np.float32) / (gap_px + 1).astype(np.float32))[behind], gap_px[behind]
