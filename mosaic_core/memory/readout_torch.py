"""Reading the memory with torch, on any device: the twin of `mosaic_core.memory.readout`. Imports torch.

Features: the search runs on the device, a camera after the other; the few cells that saw something are described by the
very lines that the NumPy reader uses; the features of the winners are gathered on the device. Colours: the lines of the
NumPy reader, at work on tensors. On the host torch only carries what others find, in threads: features a compiled loop
(`mosaic_core.memory.host_search`), colours NumPy. So both have the same bits as the NumPy readers', on every run and
with any number of threads: every operation is elementwise, a gather, a stable sort, or a minimum or sum of integers;
none depends on an order.

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
from .feature_readout import check_rows
from .host_search import host_search, nearest_of_all
from .memory import Memory
from .patch_search import PatchSearch
from .placed_patches import place_patches
from .rgb_readout import RgbReader
from .seen_patches import PatchDescriber, SeenPatches


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
        self._describer = PatchDescriber(memory, self.placed)
        on_host = self.device.type == "cpu"
        self._search = host_search(self.placed) if on_host else PatchSearch(self.placed, TorchArrays(self.device))

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
        seen = [
            self._describer.describe(camera, keys, time)
            for camera, time, keys in zip(cameras, times, self._nearest(cameras), strict=True)
        ]
        rest = {
            field.name: torch.from_numpy(np.stack([one.columns[field.name] for one in seen])).to(self.device)
            for field in fields(TorchReadout)
            if field.name != "values"
        }
        shaped = {name: column.reshape(*size, *column.shape[2:]) for name, column in rest.items()}
        return TorchReadout(
            values=_gathered(features, seen, size[1] * size[2]).reshape(*size, features.shape[1]), **shaped
        )

    def _nearest(self, cameras: Sequence[Camera]) -> list[np.ndarray]:  # T times (h * w,) int64
        """What each camera's cells see, see `PatchSearch.nearest`.

        On the host in as many threads as torch has, and without torch: its own threads wait for each other at every
        operation, so on a machine that does something else as well they are ten times slower than none.
        """
        if self.device.type == "cpu":
            return nearest_of_all(self._search, cameras, torch.get_num_threads())
        return [self._search.nearest(camera).cpu().numpy() for camera in cameras]


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


def _gathered(features: Tensor, seen: Sequence[SeenPatches], count: int) -> Tensor:  # (T, count, C)
    """The features of the patches seen, zero in other cells. Bytes are copied, whatever they mean.

    On the host NumPy does it: woken for so little, torch's threads go on waiting for more for a few milliseconds, and
    keep the cores from who searches next.
    """
    rows = [(one.rows - 1).astype(np.int64) for one in seen]
    if features.device.type != "cpu":
        values = features.new_zeros((len(seen), count, features.shape[1]))
        for one, at, row in zip(seen, values, rows, strict=True):
            cells, row = (torch.from_numpy(a).to(features.device) for a in (one.cells, row))
            at[cells] = features.index_select(0, row)
        return values
    table = features.detach().contiguous().view(torch.uint8).numpy()  # (P, bytes of a row)
    copied = np.zeros((len(seen), count, table.shape[1]), np.uint8)
    for one, at, row in zip(seen, copied, rows, strict=True):
        at[one.cells] = table.take(row, axis=0)
    return torch.from_numpy(copied).view(features.dtype)


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
