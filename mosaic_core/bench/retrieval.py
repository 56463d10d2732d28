"""Retrieval for one chunk: eight cameras, a thousand views, all in one room, so that no view is ruled out at once.

The baseline is how Matrix-Game 3.5 finds coverage: every view's coarse depth is warped into every camera, then the same
greedy choice. It asks about each view what this asks about each place.
"""

from __future__ import annotations

import statistics
from dataclasses import replace

import numpy as np

from ..cameras import Camera
from ..memory import Memory, View
from ..memory.coarse_views import GRID_HEIGHT, GRID_WIDTH, CoarseViews
from ..memory.retrieval import Retriever
from ..scenes import camera_looking_at, ray_cast_view
from .measure import Row, row, times_ms
from .preview import ROOM

BUDGET, VIEWS = 4, 1000
LATENT_HEIGHT, LATENT_WIDTH = 22, 40


def rows(*, repeats: int = 15) -> list[Row]:
    """One chunk's query, and preparing the eight views that a chunk adds."""
    memory = Memory.from_views(latent_views(VIEWS))
    coarse = CoarseViews.of(memory)
    retriever = Retriever(memory, coarse)
    cameras = chunk_cameras()
    size = f"{len(cameras)} cameras, {BUDGET} of {VIEWS} views"
    baseline = statistics.median(times_ms(lambda: _warped_coverage(memory.views, cameras), 3))
    query = times_ms(lambda: retriever.coverage(cameras, budget=BUDGET), repeats)
    grown = memory.with_views(latent_views(8, seed=1), {})
    prepared = times_ms(lambda: CoarseViews.of(grown, coarse), repeats)
    anew = statistics.median(times_ms(lambda: CoarseViews.of(grown), 3))
    return [
        row("retrieval", size, query, baseline),
        row("retrieval_write", f"8 views into {VIEWS}", prepared, anew),
    ]


def latent_views(count: int, *, seed: int = 0) -> list[View]:
    """Latent frames from anywhere in the room, in any direction."""
    rng = np.random.default_rng(seed)
    views = []
    for index in range(count):
        place, turn = rng.uniform((-5, -5, 0.6), (5, 4, 2.8)), rng.uniform(0, 2 * np.pi)
        ahead = np.array([np.cos(turn), np.sin(turn), rng.uniform(-0.4, 0.1)])
        camera = camera_looking_at(
            place.tolist(), (place + ahead).tolist(), image_height=LATENT_HEIGHT, image_width=LATENT_WIDTH
        )
        views.append(replace(ray_cast_view(camera, ROOM, time_s=index / 4), patch_size_px=1))
    return views


def chunk_cameras() -> list[Camera]:
    """A chunk that dollies through the room."""
    size = {"image_height": 352, "image_width": 640}
    return [camera_looking_at((x, -4.6, 2.0), (0.0, 1.5, 0.6), **size) for x in np.linspace(-0.5, 0.5, 8)]


def _warped_coverage(views: tuple[View, ...], cameras: list[Camera]) -> list[int]:
    grids = [camera.scaled_to(image_height=GRID_HEIGHT, image_width=GRID_WIDTH) for camera in cameras]
    covered = np.zeros((len(views), len(grids), GRID_HEIGHT, GRID_WIDTH), bool)
    for view, mine in zip(views, covered, strict=True):
        points = view.camera.unproject(view.camera.pixel_centres(), view.z_depth)[::2, ::2].reshape(-1, 3)
        points = points[np.isfinite(points).all(axis=1)]
        for grid, cells in zip(grids, mine, strict=True):
            uv, z = grid.project(points)
            inside = (z > 0) & (uv >= 0).all(axis=-1) & (uv < (GRID_WIDTH, GRID_HEIGHT)).all(axis=-1)
            column, line = uv[inside].astype(int).T
            cells[line, column] = True
    flat, chosen = covered.reshape(len(views), -1), []
    still_open = np.ones(flat.shape[1], bool)
    for _ in range(BUDGET):
        chosen.append(int((flat & still_open).sum(axis=1).argmax()))
        still_open &= ~flat[chosen[-1]]
    return chosen
