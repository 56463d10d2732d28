"""How a row of `mosaic bench` is measured: the median and spread over repeats, after one run that nobody counts."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured thing."""

    name: str
    size: str
    median_ms: float
    spread_ms: float  # between the quartiles
    baseline_ms: float


def times_ms(work: Callable[[], object], repeats: int) -> list[float]:
    """How long `work` takes, a number a repeat."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return times


def row(name: str, size: str, times_ms: list[float], baseline_ms: float) -> Row:
    """The median and spread of these times, beside the median of the baseline's."""
    low, _, high = statistics.quantiles(times_ms, n=4)
    return Row(name, size, round(statistics.median(times_ms), 1), round(high - low, 1), round(baseline_ms, 1))


def core_count() -> int:
    """Processor cores of this machine."""
    return os.cpu_count() or 1
