"""The memory file: saving, opening, reading one picture out of it, and appending an edit.

The baseline is what the whole file costs: reading all of it, or, for the two rows that write, saving it anew.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..memory import Features, Memory, append_memory, edits, load_memory, open_memory, save_memory
from .measure import Row, row, times_ms
from .preview import HEIGHT, WIDTH, room_views

VIEWS, CHANNELS = 24, 48


def rows(*, repeats: int = 5) -> list[Row]:
    """Each on the same file, in a folder for temporary files."""
    memory = _noisy_memory()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "memory.mosaic")
        save_ms = times_ms(lambda: save_memory(memory, file), 3)
        load_ms = statistics.median(times_ms(lambda: load_memory(file), 3))
        saved_ms = statistics.median(save_ms)
        size = f"{VIEWS} views {WIDTH}x{HEIGHT}, {len(memory.patches)} patches, {file.stat().st_size >> 20} MiB"
        views = itertools.cycle(range(VIEWS))
        return [
            row("open", size, times_ms(lambda: open_memory(file), repeats), load_ms),
            row("open_one_picture", size, times_ms(lambda: open_memory(file).views[next(views)].rgb, repeats), load_ms),
            row("append_edit", size, times_ms(_append_one_more(open_memory(file), file), repeats), saved_ms),
            row("save", size, save_ms, saved_ms),
        ]


def _noisy_memory() -> Memory:
    """Views whose colours do not compress, as photographs do not, and latents."""
    rng = np.random.default_rng(0)
    views = [
        replace(view, rgb=rng.integers(0, 256, view.rgb.shape, dtype=np.uint8), name=str(index))
        for index, view in enumerate(itertools.islice(itertools.cycle(room_views()), VIEWS))
    ]
    memory = Memory.from_views(views)
    latents = rng.integers(0, 1 << 15, (len(memory.patches), CHANNELS), dtype=np.uint16)
    return memory.with_features("tiny", Features(latents, "bfloat16"))


def _append_one_more(memory: Memory, file: Path) -> Callable[[], None]:
    """Each call appends the last state and one edit more."""
    states = [memory]

    def append() -> None:
        states.append(states[-1].edited(edits.translate([1 + len(states)], (0.1, 0, 0))))
        append_memory(states[-1], file)

    return append
