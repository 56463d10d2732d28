"""The patches as one viewport shows them, ready to be picked, kept until the mesh, the view or the region changes."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from . import draw, source
from .picking import OwnPixels, ScreenPatches

_KEPT = 4  # viewports an artist works in at once
_screens: dict[tuple, ScreenPatches] = {}
_alphas: dict[str, tuple[int, np.ndarray]] = {}  # of an image's name: its session_uid, and the mask


@dataclass(frozen=True)
class Hit:
    """A patch under the cursor."""

    object_name: str
    face: int
    depth_m: float


def screen_of(obj: bpy.types.Object, region: bpy.types.Region, view: bpy.types.RegionView3D) -> ScreenPatches:
    """A memory object's patches in a region of a 3D viewport."""
    shown = source.shown(obj)
    world_from_mesh = np.array(obj.matrix_world, np.float64)
    clip_from_mesh = np.array(view.perspective_matrix, np.float64) @ world_from_mesh
    size = region.width, region.height
    key = (obj.name_full, *shown.signatures, _uids(shown), size, clip_from_mesh.tobytes())
    if key not in _screens:
        while len(_screens) >= _KEPT:
            del _screens[next(iter(_screens))]
        patches = shown.patches
        depth_from_mesh = -(np.array(view.view_matrix, np.float64) @ world_from_mesh)[2]
        if view.is_perspective:
            depth_from_mesh = clip_from_mesh[3]  # the same distance, and known to be
        _screens[key] = ScreenPatches(
            patches.corners_mesh,
            patches.by_coordinate,
            patches.cells,
            patches.cell_size,
            clip_from_mesh,
            depth_from_mesh,
            *size,
            own=_own_pixels(shown),
        )
    return _screens[key]


def pick(context: bpy.types.Context, x: float, y: float) -> Hit | None:
    """The nearest patch of any memory at a pixel of the context's region."""
    best = None
    for obj in draw.memories_shown(context):
        screen = screen_of(obj, context.region, context.region_data)
        at, depth_m = screen.pick(x, y)
        if at >= 0 and (best is None or depth_m < best.depth_m):
            best = Hit(obj.name_full, int(source.shown(obj).patches.face[at]), depth_m)
    return best


def faces_in_region(context: bpy.types.Context, obj: bpy.types.Object, region: np.ndarray) -> np.ndarray:  # (F,) bool
    """The faces of an object that show in a region (H, W) bool of the viewport; with X-ray on, those behind as well."""
    screen = screen_of(obj, context.region, context.region_data)
    through = context.space_data.shading.show_xray and context.space_data.shading.type in ("SOLID", "WIREFRAME")
    found = np.zeros(len(obj.data.polygons), bool)
    found[source.shown(obj).patches.face] = screen.showing_in(region, through=through)
    return found


def forget() -> None:
    """Drop what is kept."""
    _screens.clear()
    _alphas.clear()


def _uids(shown: source.Shown) -> tuple[int, ...]:
    """Which images the atlases are: after undo another memory's may have the same name."""
    images = (bpy.data.images.get(name) if name else None for name in shown.atlases)
    return tuple(image.session_uid if image is not None else 0 for image in images)


def _own_pixels(shown: source.Shown) -> OwnPixels | None:
    """Where the atlas is not transparent: the very pixels that are drawn as points."""
    masks = [_alpha(name) for name in shown.atlases]
    if any(mask is None for mask in masks):
        return None
    material = shown.patches.material

    def own(cells: np.ndarray, patch: np.ndarray) -> np.ndarray:
        found = np.zeros(len(cells), bool)
        for number, mask in enumerate(masks):
            mine = slice(None) if len(masks) == 1 else material[patch] == number
            height, width = mask.shape
            x, y = (cells[mine] * (width / shown.cells[number][0], height / shown.cells[number][1])).astype(int).T
            found[mine] = mask[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        return found

    return own


def _alpha(name: str) -> np.ndarray | None:  # (H, W) bool
    image = bpy.data.images.get(name) if name else None
    if image is None:
        return None
    held = _alphas.get(name)
    if held is None or held[0] != image.session_uid:
        width, height = image.size
        pixels = np.zeros(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        for gone in [each for each in _alphas if each not in bpy.data.images]:
            del _alphas[gone]
        held = _alphas[name] = image.session_uid, pixels[3::4].reshape(height, width) > 0.5
    return held[1]
