"""Writing a chunk of eight latent frames, 7,040 cells, into memories of growing size; and what a still camera adds.

Each repeat writes to another place of the world, so that the memory has to be asked and cannot answer. The frames see
the same things from eight places, as a chunk does, and are compared with each other. The baseline is a plain append
that joins whole tables, as the published latent cache does: it compares nothing, and grows with the memory.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

import numpy as np

from ..cameras import Camera
from ..memory import Memory, View
from ..memory.latent_views import latent_views
from ..memory.lifting import lift_views
from ..memory.patches import column_names
from ..memory.writing import write
from ..scenes import ray_cast_view
from .measure import Row, row, times_ms
from .preview import ROOM
from .retrieval import LATENT_HEIGHT, LATENT_WIDTH, chunk_cameras
from .retrieval import latent_views as views_anywhere

SIZES = (10_000, 100_000, 1_000_000)
# What a depth estimator gives for a 352x640 frame.
DEPTH_HEIGHT, DEPTH_WIDTH = 286, 520


def rows(*, repeats: int = 15) -> list[Row]:
    """A write at each size, the pooling of its depth maps, and the growth under a still camera."""
    cameras = chunk_cameras()
    truth = [ray_cast_view(_scaled(camera), ROOM) for camera in cameras]
    chunk = _latents(cameras, truth)
    measured = [_written(chunk, size, repeats) for size in SIZES]
    pooled = times_ms(lambda: _latents(cameras, truth), repeats)
    plain = statistics.median(times_ms(lambda: [view.z_depth[6::13, 6::13].copy() for view in truth], repeats))
    name = f"8 depth maps {DEPTH_HEIGHT}x{DEPTH_WIDTH} -> {LATENT_HEIGHT}x{LATENT_WIDTH}"
    return [*measured, row("write_pooling", f"{name}, masks and colours; baseline: one tap", pooled, plain)]


def growth(chunks: int = 20) -> tuple[int, int]:
    """Patches after the first frame and after that many chunks from a camera that stands still."""
    still = chunk_cameras()[0]
    view = _latents([still], [ray_cast_view(_scaled(still), ROOM)])[0]
    rng = np.random.default_rng(0)
    memory = write(Memory.from_views([]), [view]).memory
    first = len(memory.patches)
    for _ in range(chunks):
        memory = write(memory, [_noisy(view, rng) for _ in range(8)]).memory
    return first, len(memory.patches)


def _written(chunk: list[View], size: int, repeats: int) -> Row:
    views = views_anywhere(-(-size // (LATENT_HEIGHT * LATENT_WIDTH)))
    memory = Memory.from_views(views)
    # The first write makes the index of places; the later ones go on with it.
    state = [write(memory, [_shifted(chunk[0], 1)]).memory]
    places: Iterator[list[View]] = ([_shifted(view, 2 + n) for view in chunk] for n in count())
    waiting = [next(places) for _ in range(repeats + 1)]

    def one() -> None:
        state[0] = write(state[0], waiting.pop()).memory

    times = times_ms(one, repeats)
    plain = {name: getattr(memory.patches, name) for name in column_names()}
    baseline = statistics.median(times_ms(lambda: _joined(memory, plain, chunk), 5))
    return row("write", f"8 latents, {8 * LATENT_HEIGHT * LATENT_WIDTH} cells, into {size} patches", times, baseline)


def _joined(memory: Memory, columns: dict[str, np.ndarray], views: Sequence[View]) -> dict[str, np.ndarray]:
    lifted, _ = lift_views(views, first_view=len(memory.views), first_row=len(memory.patches) + 1)
    return {name: np.concatenate([column, getattr(lifted, name)]) for name, column in columns.items()}


def _scaled(camera: Camera) -> Camera:
    return camera.scaled_to(image_height=DEPTH_HEIGHT, image_width=DEPTH_WIDTH)


def _latents(cameras: Sequence[Camera], truth: Sequence[View]) -> list[View]:
    z, rgb, sky = (np.stack([getattr(view, name) for view in truth]) for name in ("z_depth", "rgb", "sky"))
    return latent_views(cameras, z, height=LATENT_HEIGHT, width=LATENT_WIDTH, rgb=rgb, sky=sky)


def _shifted(view: View, number: int) -> View:
    """The same picture of another room, forty metres on."""
    world_from_cam = view.camera.world_from_cam.copy()
    world_from_cam[0, 3] += 40.0 * number
    return replace(view, camera=replace(view.camera, world_from_cam=world_from_cam))


def _noisy(view: View, rng: np.random.Generator) -> View:
    """As an estimator and a decoder would give it again: a little off everywhere."""
    z = view.z_depth * rng.normal(1, 0.003, view.z_depth.shape).astype(np.float32)
    rgb = np.clip(view.rgb + rng.normal(0, 3, view.rgb.shape), 0, 255).astype(np.uint8)
    return replace(view, z_depth=z, rgb=rgb)
