"""Reading the memory with torch, on any device: the twin of `mosaic_core.memory.readout`. Imports torch.

Features: the search runs on the device, a camera after the other; the few cells that saw something are described by the
very lines that the NumPy reader uses; the features of the winners are gathered on the device. Colours: the lines of the
NumPy reader, at work on tensors. On the host both run by NumPy itself, in threads. So both have the same bits as the
NumPy readers', on every run and with any number of threads: every operation is elementwise, a gather, a stable sort, or
a minimum or sum of integers; none depends on an order.

Only code that has torch imports this module (`import mosaic_core.memory` does not).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from ..cameras import Camera
from ..errors import MosaicError
from .arrays import NUMPY
from .arrays_torch import TorchArrays
from .feature_readout import check_rows, look_closer
from .memory import Memory
from .patch_search import PatchSearch
from .placed_patches import place_patches
from .rgb_readout import RgbReader


@dataclass(frozen=True, eq=False)
class TorchReadout:
    """What T cameras see of the memory, a value a cell; the fields of `mosaic_core.memory.picture.Readout`."""

    values: Tensor  # (T, h, w, C): features in their dtype, holes zero; or RGB, float32 in [0, 1], holes filled
    covered: Tensor  # (T, h, w) bool
    z_depth: Tensor  # (T, h, w) float32 metres; inf = hole
    placement_id: Tensor  # (T, h, w) int64, 0 = none
    confidence: Tensor  # (T, h, w) float32 in [0, 1]
    age_s: Tensor  # (T, h, w) float32; inf = hole
    source_view: Tensor  # (T, h, w) int32, -1 = none
    source_uv: Tensor  # (T, h, w, 2) float32, fractional pixel in that view; nan = none


class TorchFeatureReader:
    """Reads the patch features of one memory state on a device. Build once, ask for each camera or batch of them."""

    def __init__(self, memory: Memory, *, device: str | torch.device = "cpu", time_s: float | None = None) -> None:
        """`time_s` hides placements whose time range excludes it; None shows them at any time."""
        self.memory = memory
        self.device = torch.device(device)
        self.placed = place_patches(memory, memory.placements.shown_at(time_s))
        on_host = self.device.type == "cpu"
        self._search = PatchSearch(self.placed, NUMPY if on_host else TorchArrays(self.device))

    @torch.no_grad()
    def read(
        self,
        features: Tensor,  # (P, C) float32, bfloat16 or float16, a row a patch, on the reader's device
        cameras: Sequence[Camera],  # T of one size, which is the grid: one pixel a cell
        *,
        time_s: float | Sequence[float] = 0.0,  # one for all, or one a camera
    ) -> TorchReadout:
        """The patch features that the cameras see, nearest placement a cell; cells nobody reached hold zeros.

        Raises `MosaicError` unless there is a row for each patch, on the reader's device, and at least one camera, all
        of one size.
        """
        check_rows(self.memory, tuple(features.shape))
        if features.device != self.device:
            raise MosaicError(f"expected features on {self.device}, got them on {features.device}")
        size, times = _size_and_times(cameras, time_s)
        size = (len(cameras), *size)
        values = features.new_zeros((len(cameras), size[1] * size[2], features.shape[1]))
        columns: list[dict[str, np.ndarray]] = []
        for index, (camera, time, keys) in enumerate(zip(cameras, times, self._nearest(cameras), strict=True)):
            seen = look_closer(self.memory, self.placed, camera, keys, time)
            cells, rows = (torch.from_numpy(a.astype(np.int64)).to(self.device) for a in (seen.cells, seen.rows - 1))
            values[index, cells] = features.index_select(0, rows)
            columns.append(seen.columns)
        rest = {
            field.name: torch.from_numpy(np.stack([column[field.name] for column in columns])).to(self.device)
            for field in fields(TorchReadout)
            if field.name != "values"
        }
        shaped = {name: column.reshape(*size, *column.shape[2:]) for name, column in rest.items()}
        return TorchReadout(values=values.reshape(*size, -1), **shaped)

    def _nearest(self, cameras: Sequence[Camera]) -> list[np.ndarray]:  # T times (h * w,) int64
        """What each camera's cells see, see `PatchSearch.nearest`.

        On the host with NumPy, which takes two thirds of torch's time for arrays of this size, in as many threads as
        torch has: every n-th cell each, a fair share of any picture. Torch's own threads wait for each other at every
        operation, so on a machine that does something else as well they are ten times slower than none.
        """
        if self.device.type != "cpu":
            return [self._search.nearest(camera).cpu().numpy() for camera in cameras]
        count, threads = cameras[0].image_height * cameras[0].image_width, torch.get_num_threads()
        shares = [np.arange(first, count, threads) for first in range(min(threads, count))]
        keys = [np.zeros(count, np.int64) for _ in cameras]

        def settle(index: int, share: np.ndarray) -> None:
            keys[index][share] = self._search.nearest(cameras[index], share)

        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(settle, index, share) for index in range(len(cameras)) for share in shares]:
                done.result()
        return keys


class TorchRgbReader:
    """Reads the colours of one memory state on a device. Build once, ask for each camera or batch of them."""

    def __init__(self, memory: Memory, *, device: str | torch.device = "cpu", time_s: float | None = None) -> None:
        """`time_s` hides placements whose time range excludes it. Raises `MosaicError` for a memory without views."""
        self.device = torch.device(device)
        arrays = NUMPY if self.device.type == "cpu" else TorchArrays(self.device)
        self._reader = RgbReader(memory, memory.placements.shown_at(time_s), arrays)

    @torch.no_grad()
    def read(
        self,
        cameras: Sequence[Camera],  # T of one size
        *,
        time_s: float | Sequence[float] = 0.0,  # one for all, or one a camera
    ) -> TorchReadout:
        """The pictures that the cameras see. Raises `MosaicError` unless there is a camera, all of one size.

        On the host by NumPy, a camera a thread, for the reason that `TorchFeatureReader` has.
        """
        _, times = _size_and_times(cameras, time_s)

        def read(camera: Camera, time: float) -> list[Tensor]:
            frame = self._reader.read(camera, time_s=time)
            return [torch.as_tensor(getattr(frame, field.name)) for field in fields(TorchReadout)]

        with ThreadPoolExecutor(torch.get_num_threads() if self.device.type == "cpu" else 1) as pool:
            frames = list(pool.map(read, cameras, times))
        return TorchReadout(*(torch.stack(column) for column in zip(*frames, strict=True)))


def _size_and_times(
    cameras: Sequence[Camera], time_s: float | Sequence[float]
) -> tuple[tuple[int, int], Sequence[float]]:
    """Height and width of all cameras, and a time for each. Raises `MosaicError` where there is none."""
    sizes = {(camera.image_height, camera.image_width) for camera in cameras}
    if len(sizes) != 1:
        raise MosaicError(f"expected cameras of one size, got {sorted(sizes) or 'none'}")
    times = [time_s] * len(cameras) if isinstance(time_s, int | float) else list(time_s)
    if len(times) != len(cameras):
        raise MosaicError(f"expected a time for each of {len(cameras)} cameras, got {len(times)}")
    return sizes.pop(), times
