"""Which frames of a path an edit can have changed: a crate moved in 100,000 patches, a path of 120 frames.

The baseline is what it saves: reading each frame twice and comparing, counted from one frame at 256x144 of a memory of
six small views, which is kind to it.
"""

from __future__ import annotations

import statistics

import numpy as np

from ..cameras import CameraPath
from ..memory import Memory, edits
from ..memory.dirty import candidate_frames, same_readout
from ..memory.readout import MemoryReader
from ..scenes import camera_looking_at, ray_cast_view
from .measure import Row, row, times_ms
from .preview import ROOM, room_views

VIEWS, HEIGHT, WIDTH, FRAMES = 28, 720, 1280, 120
CRATE = 7
_TARGET = (0.0, 1.5, 0.6)


def rows(*, repeats: int = 7) -> list[Row]:
    """A crate that every view sees."""
    places = np.linspace((-4.5, -5.2, 1.5), (4.5, -4.2, 2.8), VIEWS)
    size = {"image_height": HEIGHT, "image_width": WIDTH}
    before = Memory.from_views([ray_cast_view(camera_looking_at(place, _TARGET, **size), ROOM) for place in places])
    after = _moved(before)
    path = _path()
    measured = times_ms(lambda: candidate_frames(before, after, path), repeats)
    moved = len(_crate(before))
    what = f"{len(before.placements)} patches, {moved} moved, {FRAMES} frames"
    return [row("dirty_frames", what, measured, FRAMES * _reading_ms(path))]


def _path() -> CameraPath:
    size = {"image_height": 144, "image_width": 256}
    cameras = [camera_looking_at((x, -4.6, 2.0), (2 * x, 1.5, 0.6), **size) for x in np.linspace(-4, 4, FRAMES)]
    return CameraPath(tuple(cameras), tuple(range(FRAMES)), 24.0)


def _crate(memory: Memory) -> np.ndarray:
    placements = memory.placements
    return placements.ids[memory.patches.object_id[placements.rows - 1] == CRATE]


def _moved(memory: Memory) -> Memory:
    return memory.edited(edits.translate(_crate(memory), (0.3, 0.0, 0.0)))


def _reading_ms(path: CameraPath) -> float:
    memory = Memory.from_views(room_views())
    old, new = MemoryReader(memory), MemoryReader(_moved(memory))
    camera = path[FRAMES // 2]
    return statistics.median(times_ms(lambda: same_readout(old.rgb(camera), new.rgb(camera)), 3))
