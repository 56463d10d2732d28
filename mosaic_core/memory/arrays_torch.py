"""`mosaic_core.memory.arrays.Arrays` in torch, on any device. Imports torch, so only code that has it imports this."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

# Torch can do little with unsigned integers but bytes; the wider signed ones sort alike.
_WIDER = {np.dtype(np.uint16): np.int32, np.dtype(np.uint32): np.int64}


class TorchArrays:
    """`Arrays` in torch."""

    at_once = 1 << 18  # operations on 32,768 elements and more are split over the cores, and each call costs

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def of(self, array: np.ndarray) -> Tensor:
        array = array.astype(_WIDER.get(array.dtype, array.dtype), copy=False)
        if not array.flags.writeable:
            array = array.copy()  # torch warns of memory that it could write to
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def to_numpy(self, array: Tensor) -> np.ndarray:
        return array.cpu().numpy()

    def full(self, shape: tuple[int, ...], value: float, dtype: DTypeLike) -> Tensor:
        torch_dtype = torch.from_numpy(np.zeros(0, dtype)).dtype
        return torch.full(shape, value, dtype=torch_dtype, device=self.device)

    def positions(self, count: int) -> Tensor:
        return torch.arange(count, device=self.device)

    def packed(self, array: Tensor) -> Tensor:
        return array.contiguous()

    def copied(self, array: Tensor) -> Tensor:
        return array.clone()

    def take(self, array: Tensor, index: Tensor, axis: int = 0) -> Tensor:
        return array.index_select(axis, index)

    def nonzero(self, mask: Tensor) -> Tensor:
        return mask.nonzero().reshape(-1)

    def where(self, mask: Tensor, then: Tensor | float, otherwise: Tensor | float) -> Tensor:
        return torch.where(mask, then, otherwise)

    def floor(self, values: Tensor) -> Tensor:
        return values.floor()

    def is_finite(self, values: Tensor) -> Tensor:
        return values.isfinite()

    def to_float(self, values: Tensor) -> Tensor:
        return values.to(torch.float32)

    def to_int64(self, values: Tensor) -> Tensor:
        return values.to(torch.int64)

    def clip(self, values: Tensor, low: float, high: float) -> Tensor:
        return values.clamp(low, high)

    def at_least(self, values: Tensor, low: float) -> Tensor:
        return values.clamp(min=low)

    def maximum(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.maximum(first, second)

    def minimum(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.minimum(first, second)

    def joined(self, parts: list[Tensor], axis: int = 0) -> Tensor:
        return torch.cat(parts, dim=axis)

    def stacked(self, parts: list[Tensor], axis: int = 0) -> Tensor:
        return torch.stack(parts, dim=axis)

    def spread(self, values: Tensor, times: int, axis: int) -> Tensor:
        return values.repeat_interleave(times, dim=axis)

    def counted(self, counts: Tensor) -> Tensor:
        return torch.repeat_interleave(counts)

    def running_sum(self, counts: Tensor) -> Tensor:
        return counts.cumsum(0)

    def turns(self, cells: Tensor) -> Tensor:
        position = torch.arange(len(cells), device=cells.device)
        is_first = torch.diff(cells, prepend=cells.new_full((1,), -1)) != 0
        return position - torch.where(is_first, position, 0).cummax(0).values

    def order(self, *keys: Tensor) -> Tensor:
        index = keys[0].argsort(stable=True)
        for key in keys[1:]:
            index = index.index_select(0, key.index_select(0, index).argsort(stable=True))
        return index

    def distinct(self, values: Tensor) -> tuple[Tensor, Tensor]:
        return torch.unique(values, return_inverse=True)

    def sorted_rows(self, values: Tensor) -> tuple[Tensor, Tensor]:
        ordered = values.sort(dim=1, stable=True)
        return ordered.values, ordered.indices

    def search(self, ordered: Tensor, values: Tensor, *, after: bool = False) -> Tensor:
        return torch.searchsorted(ordered, values, right=after)

    def smallest(self, values: Tensor, rank: int) -> float:
        return float(values.kthvalue(rank + 1).values)

    def bits(self, values: Tensor) -> Tensor:
        return values.view(torch.int32)

    def lower(self, values: Tensor, at: Tensor, candidates: Tensor) -> None:
        values.scatter_reduce_(0, at, candidates, "amin")
