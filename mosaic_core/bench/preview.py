"""The preview: a frame and a path of frames as the engine makes them, and what Blender's live preview waits for.

The baseline is the plainest correct way to the same picture: every pixel of every view projected, the nearest kept,
without surfels, confirmation or blending (one-pixel splats). It shows what the better picture costs.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..cameras import Camera
from ..memory import Memory, View, edits
from ..memory.readout import MemoryReader
from ..memory.view_parts import ViewParts
from ..scenes import Box, camera_looking_at, ray_cast_view
from .measure import Row, core_count, row, times_ms

HEIGHT, WIDTH, VIEWS = 360, 640, 6
LIVE = {"image_height": 144, "image_width": 256}
_TARGET = (0.0, 1.5, 0.6)
ROOM = (
    Box((-6, -6, -0.5), (6, 6, 0), 1, (0.55, 0.5, 0.45)),
    Box((-6, 5, 0), (6, 6, 3.5), 2, (0.75, 0.72, 0.66)),
    Box((-6.5, -6, 0), (-6, 6, 3.5), 3, (0.6, 0.65, 0.7)),
    Box((6, -6, 0), (6.5, 6, 3.5), 4, (0.7, 0.6, 0.55)),
    *(Box((x, y, 0), (x + 0.9, y + 0.9, 0.6 + 0.2 * i), 5 + i, (0.9 - 0.1 * i, 0.2 + 0.1 * i, 0.3))
      for i, (x, y) in enumerate([(-3.0, 1.0), (-1.2, 2.4), (0.4, 0.6), (1.8, 2.0), (3.2, 0.2), (-0.4, -1.5)])),
)  # fmt: skip


def rows(*, repeats: int = 9) -> list[Row]:
    """A frame on one thread, a path with a frame a core, and making the reader that both share; then a frame of the
    live preview, and the reader after an edit, which keeps what no edit changes of the views."""
    memory, cameras = _scene()
    live, edited, parts = cameras[0].scaled_to(**LIVE), _edited(memory), ViewParts()
    MemoryReader(memory, parts=parts)
    reader = MemoryReader(memory)
    views, small = f"{VIEWS} views {WIDTH}x{HEIGHT}", f"{LIVE['image_width']}x{LIVE['image_height']}"
    size = f"{views} -> {WIDTH}x{HEIGHT}"
    baseline = statistics.median(times_ms(lambda: _one_pixel_splats(memory, cameras[0]), repeats))
    return [
        row("preview_frame", f"{size}, one thread", times_ms(lambda: reader.rgb(cameras[0]), repeats), baseline),
        row("preview_path", f"{size}, a frame a core", _path_times_ms(reader, cameras, repeats), baseline),
        row("reader", views, times_ms(lambda: MemoryReader(memory), 3), baseline),
        row("live_frame", f"{views} -> {small}, one thread", times_ms(lambda: reader.rgb(live), repeats), baseline),
        row("live_reader", f"{views}, after an edit", times_ms(lambda: MemoryReader(edited, parts=parts), 3), baseline),
    ]


def _edited(memory: Memory) -> Memory:
    """Some hundred patches moved."""
    return memory.edited(edits.translate(memory.placements.ids[:200], (0.2, 0.0, 0.0)))


def room_views() -> list[View]:
    """The room from `VIEWS` places."""
    size = {"image_height": HEIGHT, "image_width": WIDTH}
    places = [
        (-4.0, -4.5, 2.4),
        (-2.0, -5.5, 1.8),
        (0.0, -5.0, 2.8),
        (2.0, -5.5, 1.8),
        (4.0, -4.5, 2.4),
        (0.0, -3.5, 1.6),
    ]
    return [ray_cast_view(camera_looking_at(place, _TARGET, **size), ROOM) for place in places[:VIEWS]]


def _scene() -> tuple[Memory, list[Camera]]:
    size = {"image_height": HEIGHT, "image_width": WIDTH}
    path = [camera_looking_at((x, -4.6, 2.0), _TARGET, **size) for x in np.linspace(-1.5, 1.5, 8)]
    return Memory.from_views(room_views()), path


def _path_times_ms(reader: MemoryReader, cameras: list[Camera], repeats: int) -> list[float]:
    """Time a frame when a path is made with every core busy, as the engine does."""
    with ThreadPoolExecutor(core_count()) as pool:
        whole = times_ms(lambda: list(pool.map(reader.rgb, cameras)), max(repeats // 3, 3))
    return [ms / len(cameras) for ms in whole]


def _one_pixel_splats(memory: Memory, camera: Camera) -> np.ndarray:
    picture = np.zeros((camera.image_height, camera.image_width, 3), np.uint8)
    nearest = np.full((camera.image_height, camera.image_width), np.inf)
    for view in memory.views:
        seen = np.isfinite(view.z_depth)
        points = view.camera.unproject(view.camera.pixel_centres()[seen], view.z_depth[seen])
        uv, z = camera.project(points)
        inside = (z > 0) & (uv >= 0).all(axis=-1) & (uv < [camera.image_width, camera.image_height]).all(axis=-1)
        order = np.argsort(-z[inside])
        column, row = uv[inside][order].astype(int).T
        closer = z[inside][order] < nearest[row, column]
        nearest[row[closer], column[closer]] = z[inside][order][closer]
        picture[row[closer], column[closer]] = view.rgb[seen][inside][order][closer]
    return picture
