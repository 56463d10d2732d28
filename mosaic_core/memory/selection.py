"""Which placements an artist means by "that object", "what this view saw", "what this camera sees".

Pure functions from tables to ids; hosts turn ids into their own selection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ..cameras import Camera
from ..errors import EditError
from .patches import Patches
from .placements import Placements

_XYZ_OF_RGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    np.float32,
)


def object_ids_named(object_names: Mapping[int, str], names: Collection[str]) -> list[int]:
    """The ids of objects with these names. Raises `EditError` for a name that the memory does not hold."""
    ids_of: dict[str, list[int]] = {}
    for object_id, name in object_names.items():
        ids_of.setdefault(name, []).append(object_id)
    missing = [name for name in names if name not in ids_of]
    if missing:
        held = ", ".join(sorted(ids_of)) or "no named objects"
        raise EditError(f"the memory has no object {missing[0]!r}; it holds {held}")
    return sorted(object_id for name in set(names) for object_id in ids_of[name])


def ids_of_objects(placements: Placements, patches: Patches, object_ids: Collection[int]) -> np.ndarray:  # (n,) int64
    """Placements whose patch shows one of these objects."""
    return placements.ids[np.isin(patches.object_id[placements.rows - 1], list(object_ids))]


def ids_of_views(placements: Placements, patches: Patches, views: Collection[int]) -> np.ndarray:  # (n,) int64
    """Placements whose patch was seen in one of these views (indices into `Memory.views`)."""
    return placements.ids[np.isin(patches.view[placements.rows - 1], list(views))]


def ids_in_frustum(placements: Placements, patches: Patches, camera: Camera) -> np.ndarray:  # (n,) int64
    """Placements whose centre, where it is now, lies in the camera's image; what hides behind others included.

    Sky is a direction: it counts where that direction is in the image.
    """
    index = placements.rows - 1
    sky = patches.sky[index]
    matrices = placements.edited_from_captured()
    centres = patches.centre_world[index].astype(np.float64)
    moved = np.einsum("nij,nj->ni", matrices[:, :3, :3], centres) + matrices[:, :3, 3]
    points = np.where(sky[:, None], camera.position_world + centres, moved)
    return placements.ids[in_image(camera, points)]


def in_image(camera: Camera, points_world: np.ndarray) -> np.ndarray:  # (n, 3) -> (n,) bool
    """Points in front of the camera and inside its image."""
    uv, z_depth = camera.project(points_world)
    with np.errstate(invalid="ignore"):
        inside = (uv >= 0).all(axis=-1) & (uv <= (camera.image_width, camera.image_height)).all(axis=-1)
    return inside & (z_depth > 0)


def like_colours(
    rgb: np.ndarray,  # (n, 3) uint8
    wanted: np.ndarray,  # (n,) bool, those that show the colours to look for
    *,
    difference: float,
) -> np.ndarray:  # (n,) bool
    """Those whose colour lies within that difference of one of the wanted ones'.

    Differences are distances in CIE L*a*b* (CIE76): 2 can just be told apart, 100 is black from white.
    """
    lab = lab_of_srgb(rgb)
    # Colours that cannot be told apart count as one: a selection has thousands of patches and few colours.
    samples = np.unique(np.round(lab[wanted]), axis=0)
    found = wanted.copy()
    for sample in samples:
        found |= ((lab - sample) ** 2).sum(axis=1) <= difference**2
    return found


def lab_of_srgb(rgb: np.ndarray) -> np.ndarray:  # (..., 3) uint8 -> (..., 3) float32
    """CIE L*a*b* under D65 (CIE 15:2004; sRGB by IEC 61966-2-1)."""
    share = rgb.astype(np.float32) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _XYZ_OF_RGB.T / _XYZ_OF_RGB.sum(axis=1)
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
