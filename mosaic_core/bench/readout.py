"""Reading features out of a million patches: what the worker does for every frame, before any model.

Two kinds of memory of the same room, because they ask different things of a search: `exact` depth, where more than a
thousand views agree on every surface to the last bit, and `noisy` depth, off by half a per cent as estimated depth is.
The rows `readout_*` are the slower of the two.

The baseline is the plainest exact way: the centres of all patches projected, sorted by cell, depth and row, the first
of each cell taken. It has no footprint: it leaves holes and shows what lies behind. It is the price of a worse picture.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np

from ..cameras import Camera
from ..memory import Memory
from ..memory.feature_readout import FeatureReader
from ..scenes import Box, camera_looking_at
from ..scenes.patch_memory import patch_memory
from .measure import Row, row, times_ms

PATCHES, CHANNELS, CELLS = 1_000_000, 48, (22, 40)
PICTURE = {"image_height": 352, "image_width": 640}
TARGET = (0.0, 2.0, 1.0)
_ROOM = (
    Box((-8, -6, -0.5), (8, 6, 0), 1, (0.5, 0.5, 0.5)),
    Box((-8, 5, 0), (8, 6, 4.5), 2, (0.5, 0.5, 0.5)),
    Box((-8, -6, 0), (-7, 6, 4.5), 3, (0.5, 0.5, 0.5)),
    Box((7, -6, 0), (8, 6, 4.5), 4, (0.5, 0.5, 0.5)),
    *(Box((x, y, 0), (x + 0.9, y + 0.9, 0.6 + 0.2 * i), 5 + i, (0.5, 0.5, 0.5))
      for i, (x, y) in enumerate([(-3.0, 1.0), (-1.2, 2.4), (0.4, 0.6), (1.8, 2.0), (3.2, 0.2), (-0.4, -1.5)])),
)  # fmt: skip


def rows(*, repeats: int = 15) -> list[Row]:
    """Both readouts with all and with 30 % in view, and making the reader."""
    whole = camera_looking_at((0.0, -5.6, 2.0), TARGET, fov_deg=75, **PICTURE)
    memories = {
        "exact": room_of_patches(whole, PATCHES, depth_noise=0.0),
        "noisy": room_of_patches(whole, PATCHES, depth_noise=0.005),
    }
    features = np.random.default_rng(0).standard_normal((PATCHES, CHANNELS), np.float32)
    found = []
    for name, memory in memories.items():
        cameras = [c.scaled_to(image_height=CELLS[0], image_width=CELLS[1]) for c in (whole, part_of(memory, whole))]
        found.append(_rows_of(name, memory, features, cameras, repeats))
    return [max(same, key=lambda r: r.median_ms) for same in zip(*found, strict=True)]


def room_of_patches(camera: Camera, count: int, *, depth_noise: float) -> Memory:
    """So many patches of a room, all in one camera's picture, from views that stand around it."""
    generator = np.random.default_rng(1)
    cells = CELLS[0] * CELLS[1]
    views = [
        camera_looking_at(
            ((0.0, -4.6, 2.0) + generator.uniform(-1, 1, 3) * (1.5, 1.0, 0.6)).tolist(),
            (TARGET + generator.uniform(-1, 1, 3) * (2.5, 0.5, 0.4)).tolist(),
            fov_deg=generator.uniform(35, 60),
            **PICTURE,
        )
        for _ in range(count * 5 // (4 * cells) + 2)
    ]
    return patch_memory(views, _ROOM, depth_noise=depth_noise, seen_by=camera, count=count)


def part_of(memory: Memory, camera: Camera, share: float = 0.3) -> Camera:
    """The camera turned aside until this share of the patches is in its picture."""
    low, high, turned = 0.0, 20.0, camera
    for _ in range(30):
        middle = (low + high) / 2
        aside = (TARGET[0] + middle, *TARGET[1:])
        turned = camera_looking_at(camera.position_world.tolist(), aside, fov_deg=75, **PICTURE)
        uv, _ = turned.project(memory.patches.centre_world)
        seen = ((uv >= 0) & (uv < [turned.image_width, turned.image_height])).all(axis=-1).mean()
        low, high = (middle, high) if seen > share else (low, middle)
    return turned


def _rows_of(name: str, memory: Memory, features: np.ndarray, cameras: list[Camera], repeats: int) -> list[Row]:
    import torch

    from ..memory.readout_torch import TorchFeatureReader

    reader, torch_reader = FeatureReader(memory), TorchFeatureReader(memory)
    torch_features = torch.from_numpy(features)
    size = f"{len(memory.patches):,} patches, {features.shape[1]} channels, {CELLS[0]}x{CELLS[1]} cells, {name} depth"
    found = []
    for camera, label in zip(cameras, ("all in view", "30 % in view"), strict=True):
        baseline = statistics.median(times_ms(lambda camera=camera: _sorted_centres(memory, features, camera), 3))
        readouts: dict[str, Callable[[], object]] = {
            "readout_torch": lambda camera=camera: torch_reader.read(torch_features, [camera]),
            "readout_numpy": lambda camera=camera: reader.read(features, camera),
        }
        suffix = "" if label == "all in view" else "_30"
        for kind, work in readouts.items():
            found.append(row(kind + suffix, f"{size}, {label}", times_ms(work, repeats), baseline))
    found.append(row("readout_prepare", size, times_ms(lambda: FeatureReader(memory), 3), baseline))
    return found


def _sorted_centres(memory: Memory, features: np.ndarray, camera: Camera) -> np.ndarray:  # (h, w, C)
    uv, z = camera.project(memory.patches.centre_world)
    inside = np.flatnonzero((z > 0) & (uv >= 0).all(axis=-1) & (uv < [camera.image_width, camera.image_height]).all(-1))
    column, line = uv[inside].astype(np.int64).T
    cell = line * camera.image_width + column
    order = np.lexsort((inside, z[inside], cell))
    cells, first = np.unique(cell[order], return_index=True)
    values = np.zeros((camera.image_height * camera.image_width, features.shape[1]), np.float32)
    values[cells] = features[inside[order[first]]]
    return values.reshape(camera.image_height, camera.image_width, -1)
