"""Reading features with torch, on any device: the twin of `mosaic_core.memory.feature_readout`. Imports torch.

The search runs on the device, a camera after the other; the few cells that saw something are described by the very
lines that the NumPy reader uses; the features of the winners are gathered on the device. So ids, depths, coordinates,
confidence and age have the same bits as the NumPy reader's, on every run and with any number of threads: every
operation of the search is elementwise, a gather, or a minimum of integers, and none depends on an order.

Only code that has torch imports this module (`import mosaic_core.memory` does not).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from ..cameras import Camera
from ..errors import MosaicError
from .feature_readout import check_rows, look_closer
from .memory import Memory
from .patch_search import PatchSearch
from .placed_patches import place_patches


@dataclass(frozen=True, eq=False)
class TorchReadout:
    """What T cameras see of the memory, a value a cell; the fields of `mosaic_core.memory.picture.Readout`."""

    values: Tensor  # (T, h, w, C) of the features' dtype; holes are zero
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
        self._search = PatchSearch(self.placed, TorchArrays(self.device))

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
        sizes = {(camera.image_height, camera.image_width) for camera in cameras}
        if len(sizes) != 1:
            raise MosaicError(f"expected cameras of one size, got {sorted(sizes) or 'none'}")
        times = [time_s] * len(cameras) if isinstance(time_s, int | float) else list(time_s)
        if len(times) != len(cameras):
            raise MosaicError(f"expected a time for each of {len(cameras)} cameras, got {len(times)}")
        size = (len(cameras), *sizes.pop())
        values = features.new_zeros((len(cameras), size[1] * size[2], features.shape[1]))
        columns: list[dict[str, np.ndarray]] = []
        for index, (camera, time) in enumerate(zip(cameras, times, strict=True)):
            keys = self._search.nearest(camera).cpu().numpy()
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


class TorchArrays:
    """`mosaic_core.memory.arrays.Arrays` in torch."""

    at_once = 1 << 18  # operations on 32,768 elements and more are split over the cores, and each call costs

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def of(self, array: np.ndarray) -> Tensor:
        if not array.flags.writeable:
            array = array.copy()  # torch warns of memory that it could write to
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def to_numpy(self, array: Tensor) -> np.ndarray:
        return array.cpu().numpy()

    def take(self, array: Tensor, index: Tensor) -> Tensor:
        return array.index_select(0, index)

    def nonzero(self, mask: Tensor) -> Tensor:
        return mask.nonzero().reshape(-1)

    def floor_int(self, values: Tensor) -> Tensor:
        return values.floor().to(torch.int32)

    def to_float(self, values: Tensor) -> Tensor:
        return values.to(torch.float32)

    def to_int64(self, values: Tensor) -> Tensor:
        return values.to(torch.int64)

    def clip(self, values: Tensor, low: float, high: float) -> Tensor:
        return values.clamp(low, high)

    def maximum(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.maximum(first, second)

    def minimum(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.minimum(first, second)

    def joined(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts)

    def turns(self, cells: Tensor) -> Tensor:
        position = torch.arange(len(cells), device=cells.device)
        is_first = torch.diff(cells, prepend=cells.new_full((1,), -1)) != 0
        return position - torch.where(is_first, position, 0).cummax(0).values

    def bits(self, values: Tensor) -> Tensor:
        return values.view(torch.int32)

    def floats(self, bits: Tensor) -> Tensor:
        return bits.to(torch.int32).view(torch.float32)

    def lower(self, values: Tensor, at: Tensor, candidates: Tensor) -> None:
        values.scatter_reduce_(0, at, candidates, "amin")
