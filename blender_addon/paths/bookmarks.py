"""Bookmarks: named views kept in the scene, and the path through them.

The path is `mosaic_core.cameras.spline` through the chosen views, in the order of the list. Where along it the camera
is at a frame is a monotone curve of its own, so it never runs backwards between two bookmarks that lie close together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import bpy
import numpy as np
from bpy.props import BoolProperty, CollectionProperty, FloatProperty, FloatVectorProperty, IntProperty
from mathutils import Matrix, Quaternion, Vector

from mosaic_core.cameras import Camera, CameraPath
from mosaic_core.cameras.monotone import monotone_cubic
from mosaic_core.cameras.resample import with_even_speed
from mosaic_core.cameras.spline import spline_through
from mosaic_core.errors import CameraError

from ..cameras import world_from_cam_of_blender
from ..registry import registration
from .views import FULL_FRAME_MM, View

# A turn counts as this much way a radian, so that a bookmark that only turns the camera takes its time too.
_METRES_A_RADIAN = 1.0


class MosaicBookmark(bpy.types.PropertyGroup):
    """A view worth keeping; `name` is the artist's."""

    chosen: BoolProperty(name="In the Path", description="The path through bookmarks passes here", default=True)
    location: FloatVectorProperty(name="Location", description="Where the view is taken from", subtype="TRANSLATION")
    rotation: FloatVectorProperty(
        name="Rotation", description="Which way the view looks", size=4, subtype="QUATERNION", default=(1, 0, 0, 0)
    )
    lens_mm: FloatProperty(name="Lens", description="On a sensor 36 mm wide", default=50.0, min=1.0)


def view_of(bookmark: MosaicBookmark) -> View:
    """The view a bookmark keeps."""
    place = Matrix.LocRotScale(Vector(bookmark.location), Quaternion(bookmark.rotation), None)
    return View(place, FULL_FRAME_MM / 2 / bookmark.lens_mm)


def add_bookmark(scene: bpy.types.Scene, view: View, *, name: str = "") -> MosaicBookmark:
    """Keep a view at the end of the scene's list, as "View 3" where it gets no name."""
    bookmarks = scene.mosaic_bookmarks
    taken = {bookmark.name for bookmark in bookmarks}
    number = len(bookmarks) + 1
    while f"View {number}" in taken:
        number += 1
    bookmark = bookmarks.add()
    bookmark.name = name.strip() or f"View {number}"
    bookmark.location = view.world_from_view.to_translation()
    bookmark.rotation = view.world_from_view.to_quaternion()
    bookmark.lens_mm = view.lens_mm
    scene.mosaic_bookmark_index = len(bookmarks) - 1
    return bookmark


def chosen_bookmarks(scene: bpy.types.Scene) -> list[MosaicBookmark]:
    """Those that the path passes, in its order."""
    return [bookmark for bookmark in scene.mosaic_bookmarks if bookmark.chosen]


def bookmark_path(
    bookmarks: Sequence[MosaicBookmark],
    *,
    frame_start: int,
    frame_count: int,
    fps: float,
    image_height: int,
    image_width: int,
    pixel_aspect: float = 1.0,  # width of a pixel over its height
    even_speed: bool = True,  # False: the same number of frames from each bookmark to the next
    loop: bool = False,  # ends where it starts: the frame after the last would be the first
) -> CameraPath:
    """A camera for every frame through the bookmarks. Raises `CameraError` for too few bookmarks or frames."""
    if len(bookmarks) < 2:
        raise CameraError("a path goes through at least two bookmarks: keep another view, or tick one more")
    if frame_count < max(2, len(bookmarks)):
        raise CameraError(f"a path through {len(bookmarks)} bookmarks needs at least as many frames, got {frame_count}")
    keys = [
        _camera_of(view_of(bookmark), image_height=image_height, image_width=image_width, pixel_aspect=pixel_aspect)
        for bookmark in bookmarks
    ]
    lap = len(keys)
    if loop:
        # Two more on either side, so that the seam is as smooth as every other bookmark.
        keys = [*keys[-2:], *keys, *keys[:3]]
    way = _way(keys)
    first, last = (2, 2 + lap) if loop else (0, lap - 1)
    shares = np.arange(frame_count) / frame_count if loop else np.linspace(0.0, 1.0, frame_count)
    stops = np.linspace(0.0, 1.0, last - first + 1)
    at = monotone_cubic(stops, way[first : last + 1], np.append(shares, 1.0))
    # A loop is sampled with its seam: the last frame is then left out, as it would show the first again.
    cameras = spline_through(keys, way, at if loop else at[:-1])
    path = CameraPath(cameras, tuple(range(frame_start, frame_start + len(cameras))), fps)
    if even_speed:
        path = with_even_speed(path)
    if loop:
        path = replace(path, cameras=path.cameras[:-1], frame_numbers=path.frame_numbers[:-1])
    return path


def _way(keys: Sequence[Camera]) -> np.ndarray:  # (K,) rising
    """How far along each key lies, in metres and turns; two keys in one place are a step apart all the same."""
    steps = []
    for one, other in pairwise(keys):
        moved_m = float(np.linalg.norm(other.position_world - one.position_world))
        cosine = (np.trace(one.world_from_cam[:3, :3].T @ other.world_from_cam[:3, :3]) - 1) / 2
        steps.append(max(moved_m + _METRES_A_RADIAN * float(np.arccos(np.clip(cosine, -1, 1))), 1e-3))
    return np.concatenate([[0.0], np.cumsum(steps)])


def _camera_of(view: View, *, image_height: int, image_width: int, pixel_aspect: float) -> Camera:
    focal_px = image_width / 2 / view.tan_half_width
    lens = np.array([[focal_px, 0, image_width / 2], [0, focal_px * pixel_aspect, image_height / 2], [0, 0, 1]])
    return Camera(lens, world_from_cam_of_blender(view.world_from_view), image_height, image_width)


_register_classes, _unregister_classes = registration(MosaicBookmark)


def register() -> None:
    _register_classes()
    bpy.types.Scene.mosaic_bookmarks = CollectionProperty(type=MosaicBookmark)
    bpy.types.Scene.mosaic_bookmark_index = IntProperty(name="Bookmark")


def unregister() -> None:
    del bpy.types.Scene.mosaic_bookmarks
    del bpy.types.Scene.mosaic_bookmark_index
    _unregister_classes()
