"""`mosaic bench`: how long things take here. Medians and spread over repeats, a baseline in the same run.

A module a group of rows, each with `rows()`.
"""

from __future__ import annotations

import platform
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import numpy as np

from ..allocation import keep_freed_memory
from ..errors import MosaicError
from ..version import VERSION
from . import dirty, files, placements, preview, readout, retrieval, tiny, writing
from .measure import core_count

GROUPS = {
    "preview": preview,
    "readout": readout,
    "retrieval": retrieval,
    "writing": writing,
    "placements": placements,
    "dirty": dirty,
    "files": files,
    "tiny": tiny,
}


def run_bench(*, only: Collection[str] = ()) -> dict[str, Any]:
    """`{"machine": {...}, "rows": [{"name", "size", "median_ms", "spread_ms", "baseline_ms"}]}`.

    `only` names groups of rows; without it all are measured. Raises `MosaicError` for a group that does not exist.
    """
    unknown = sorted(set(only) - set(GROUPS))
    if unknown:
        raise MosaicError(f"the bench has no group {unknown[0]!r}, only {', '.join(GROUPS)}")
    keep_freed_memory()
    rows = [row for name, group in GROUPS.items() if not only or name in only for row in group.rows()]
    return {"machine": machine_facts(), "rows": [asdict(row) for row in rows]}


def machine_facts() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "mosaic": VERSION,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": core_count(),
    }
