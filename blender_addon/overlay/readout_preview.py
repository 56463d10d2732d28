"""The live preview: through the path camera, what the engine will be fed at this frame, drawn over the camera's frame.

It is `TimedReader.rgb`, the function that the engines `preview` and `tiny` call, for the same camera, the same time and
what the engine reads of the edited memory: the same bits (a test holds them together), at the size of the shot or,
where that is larger, at 256x144. Holes keep the engine's smooth filling and are hatched.

Drawing never waits: it asks for the picture of this moment and shows the newest there is, marked while another is
being made. The pictures of the path's other frames are made ahead, from the present frame on, and after an edit only
those are made again that the edit can have reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector

from mosaic_core.cameras import Camera
from mosaic_core.errors import MosaicError
from mosaic_core.memory.picture import Readout
from mosaic_core.wording import Phrase, phrase

from ..cameras import camera_of_blender
from ..paths.sample import path_camera_of
from ..paths.views import looks_through
from ..translations import in_words
from . import supply, tasks
from .picture import PictureDrawing
from .show import quietly

# Stripes across holes: this wide and this strong.
STRIPE_PX, STRIPE_SHARE = 3, 0.65
STRIPE_RGB = (1.0, 0.0, 0.8)


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture of the preview."""

    readout: Readout
    camera: Camera
    frame: int
    is_current: bool  # of this camera, this time and the memory as it is now


frames = tasks.Frames()
_drawing = PictureDrawing()
_last: Shown | None = None


def camera_now(context: bpy.types.Context) -> Camera:
    """The path camera as it stands now, at the preview's size. Raises `MosaicError`."""
    scene, (height, width) = context.scene, supply.size_of(context.scene)
    return camera_of_blender(
        path_camera_of(scene),
        context.view_layer.depsgraph,
        image_height=height,
        image_width=width,
        pixel_aspect=(scene.render.pixel_aspect_x, scene.render.pixel_aspect_y),
    )


def time_now_s(scene: bpy.types.Scene) -> float:
    """The time in the clip that this frame is to be: the first of the range is 0, as in `CameraPath.time_s`."""
    return (scene.frame_current - scene.frame_start) / (scene.render.fps / scene.render.fps_base)


def shown_now(context: bpy.types.Context) -> Shown | None:
    """The newest picture there is; asks for that of this moment where it is not there. Raises `MosaicError`."""
    global _last
    obj = supply.memory_shown(context)
    state = supply.edited(obj) if obj is not None else None
    if state is None:
        return None
    state = state.fed_to(context.scene.mosaic.engine)
    frames.aim(state)
    camera, time_s, frame = camera_now(context), time_now_s(context.scene), context.scene.frame_current
    readout = frames.get(state, camera, time_s)
    if readout is not None:
        is_current = supply.is_current(obj)
        if _last is None or _last.readout is not readout or _last.is_current != is_current:
            _last = Shown(readout, camera, frame, is_current)
        _make_ahead(context.scene, state, frame)
        return _last
    wanted, key = [(camera, time_s)], (state.reader, tasks.camera_key(camera), time_s)
    made = supply.background.done("frame")
    if made is not None and made.key == key and made.error is None:
        supply.background.drop("frame")  # it was there, and has gone since
    supply.want("frame", key, lambda: frames.reading(state, wanted))
    if supply.error_of("frame"):
        raise MosaicError(supply.error_of("frame"))
    if _last is not None and _last.is_current:
        _last = Shown(_last.readout, _last.camera, _last.frame, is_current=False)
    return _last


def _make_ahead(scene: bpy.types.Scene, state: tasks.Edited, frame: int) -> None:
    """The other frames of the path, those that follow first."""
    path = supply.path_of(scene)
    if path is None:
        return
    wanted = [(path[i], path.time_s(i)) for i in range(len(path))]
    first = min(max(frame - path.frame_numbers[0], 0), len(path) - 1)
    ordered = (wanted[first:] + wanted[:first])[: tasks.KEPT_FRAMES]
    supply.want("nearby", (state.reader, supply.path_serial()), lambda: frames.reading(state, ordered, take_over=True))


def display_image(readout: Readout) -> np.ndarray:  # (h, w, 4) float32
    """The readout as it is shown: its own values, with stripes across what it does not know."""
    height, width = readout.covered.shape
    image = np.ones((height, width, 4), np.float32)
    image[..., :3] = readout.values
    row, column = np.indices((height, width), sparse=True)
    striped = ~readout.covered & ((row + column) // STRIPE_PX % 2 == 0)
    stripe = np.array(STRIPE_RGB, np.float32)
    image[striped, :3] += np.float32(STRIPE_SHARE) * (stripe - image[striped, :3])
    return image


def label_of(shown: Shown) -> Phrase:
    """A line above the picture."""
    height, width = shown.readout.covered.shape
    line = phrase(
        "What the engine is fed: frame {frame}, {width} x {height}, {holes:.1%} holes",
        frame=shown.frame,
        width=width,
        height=height,
        holes=1 - float(shown.readout.covered.mean()),
    )
    return line if shown.is_current else phrase("{line} (being made again ...)", line=line)


def corners_in_region(context: bpy.types.Context, camera: Camera) -> np.ndarray | None:  # (4, 2) TL, TR, BR, BL
    """Where the picture of a camera lies in the region, pixels; None where the view does not look at it."""
    width, height = camera.image_width, camera.image_height
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    places = camera.unproject(corners, np.ones(4))
    points = [location_3d_to_region_2d(context.region, context.space_data.region_3d, Vector(place)) for place in places]
    return None if any(point is None for point in points) else np.array([tuple(point) for point in points])


def draw_preview() -> None:
    """Over the camera's frame."""
    context = bpy.context
    if not context.window_manager.mosaic_view.show_preview or not looks_through(context):
        return
    scale = context.preferences.system.ui_scale
    try:
        shown = shown_now(context)
        text = label_of(shown) if shown else supply.trouble() or phrase("reading the memory ...")
    except MosaicError as error:
        shown, text = None, str(error)
    corners = corners_in_region(context, camera_now(context))
    if corners is None:
        return
    if shown is not None:
        _drawing.draw(shown.readout, lambda: display_image(shown.readout), corners)
    _drawing.draw_label(in_words(text), corners, scale=scale)


def forget() -> None:
    """Drop all pictures."""
    global _last
    _last = None
    frames.forget()
    _drawing.forget()


_handles: list[object] = []


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    forget()


def register() -> None:
    bpy.app.handlers.load_post.append(_on_load)
    _handles.append(bpy.types.SpaceView3D.draw_handler_add(quietly(draw_preview), (), "WINDOW", "POST_PIXEL"))


def unregister() -> None:
    while _handles:
        bpy.types.SpaceView3D.draw_handler_remove(_handles.pop(), "WINDOW")
    bpy.app.handlers.load_post.remove(_on_load)
    forget()
