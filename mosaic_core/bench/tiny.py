"""The video model: 48 frames of a room at the size it was trained on, weights loaded and all.

Measured in a process of its own, so that its peak of memory is its own too. The baseline is `preview` of the same path.
"""

from __future__ import annotations

import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from ..cameras import CameraPath
from ..memory import Memory
from ..scenes import camera_looking_at
from .measure import Row, row, times_ms
from .preview import VIEWS, room_views

HEIGHT, WIDTH, FRAMES = 144, 256, 48


def rows(*, repeats: int = 3) -> list[Row]:
    """The model composed with memory, as the engine ships."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        times, baseline, peak_mib = pool.submit(_measured, repeats).result()
    size = f"{FRAMES} frames {WIDTH}x{HEIGHT} from {VIEWS} views, peak {peak_mib:.0f} MiB"
    return [row("tiny_48", size, times, statistics.median(baseline))]


def _measured(repeats: int) -> tuple[list[float], list[float], float]:
    from ..engines.preview import PreviewEngine
    from ..engines.tiny import TinyEngine

    memory = Memory.from_views(room_views())
    size = {"image_height": HEIGHT, "image_width": WIDTH}
    steps = np.linspace(-1.5, 1.5, FRAMES)
    cameras = [camera_looking_at((x, -4.6, 2.0), (0.0, 1.5, 0.6), **size) for x in steps]
    path = CameraPath(tuple(cameras), tuple(range(FRAMES)), fps=24)
    times = times_ms(lambda: list(TinyEngine().frames(memory, path)), repeats)
    peak_mib = _peak_mib()
    return times, times_ms(lambda: list(PreviewEngine().frames(memory, path)), repeats), peak_mib


def _peak_mib() -> float:
    """The most memory this process ever held; nan where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB; bytes on macOS
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
