"""`mosaic evaluate`: film the scenes, make them in every way, measure, and put down a table, JSON and a page."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import MosaicError
from ..files import write_atomically
from ..model.weights import AUTOENCODER, MODEL, SHIPPED, facts_of, load_autoencoder
from ..report.canvas import Canvas
from ..version import VERSION
from .rows import ROWS, row_named
from .scenes import BenchScene, bench_scenes, clip_scenes
from .scores import Scored, score_row

SCENES = 16
PAGE_SCENES, PAGE_ROWS = 12, ("composed", "full", "no_memory", "preview")
_CELL = (256, 144)
# In the table, with how they are written and whether more is better.
COLUMNS = {
    "psnr_revisit": ("revisited, dB", ".2f"),
    "ssim_revisit": ("SSIM", ".3f"),
    "gradient_revisit": ("gradient distance", ".3f"),
    "psnr_band": ("unseen band, dB", ".2f"),
    "psnr_moving": ("moving, dB", ".2f"),
    "psnr_all": ("all, dB", ".2f"),
    "rot_err_deg": ("rotation, deg", ".2f"),
    "trans_err": ("translation, share of depth", ".3f"),
    "registered": ("registered", ".2f"),
    "dynamic": ("dynamic", ".2f"),
    "frechet": ("Fréchet", ".3f"),
    "drift_db": ("drift, dB", ".2f"),
    "seconds_per_frame": ("s a frame", ".2f"),
}
EDIT_COLUMNS = {kind: (f"edit_psnr_{kind}", f"unedited_psnr_{kind}") for kind in ("moved", "copied", "deleted")}


def evaluate(
    *,
    scenes: int = SCENES,
    clips: Path | None = None,
    rows: Sequence[str] = ROWS,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, Any], list[BenchScene], dict[str, Scored]]:
    """The result as JSON would have it, the scenes, and the pictures of each row. Raises `MosaicError`.

    `clips` is a folder of clips filmed elsewhere, to be taken instead of scenes of our own.
    """
    unknown = [name for name in rows if name not in ROWS]
    if unknown:
        raise MosaicError(f"there is no row {unknown[0]!r}, expected some of: {', '.join(ROWS)}")
    files = sorted(clips.glob("clip_*.npz"))[:scenes] if clips else None
    found = scenes if files is None else len(files)
    if found < 2:
        raise MosaicError(f"the benchmark needs at least 2 scenes, got {found}{f' in {clips}' if clips else ''}")
    started = time.perf_counter()
    autoencoder = load_autoencoder()
    filmed = bench_scenes(scenes, processes=os.cpu_count() or 1) if files is None else clip_scenes(files)
    say(f"{'read' if files else 'filmed'} {found} scenes in {time.perf_counter() - started:.0f} s")
    scored: dict[str, Scored] = {}
    for name in rows:
        began = time.perf_counter()
        scored[name] = score_row(row_named(name, filmed), filmed, autoencoder)
        say(f"{name}: {time.perf_counter() - began:.0f} s")
    result = {
        "machine": machine(),
        "scenes": found,
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "weights": {file: dict(facts_of(SHIPPED / file)) for file in (AUTOENCODER, MODEL)},
        "rows": {name: row.metrics for name, row in scored.items()},
    }
    return result, filmed, scored


def machine() -> dict[str, Any]:
    """Where it ran."""
    return {
        "mosaic": VERSION,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
    }


def table(rows: Mapping[str, Mapping[str, float | None]]) -> str:
    """Two Markdown tables: likeness and motion, then obedience to edits."""
    lines = [
        "| row | " + " | ".join(title for title, _ in COLUMNS.values()) + " |",
        "| --- |" + " ---: |" * len(COLUMNS),
    ]
    for name, metrics in rows.items():
        lines.append(f"| {name} | " + " | ".join(_figure(metrics.get(m), f) for m, (_, f) in COLUMNS.items()) + " |")
    kinds = " | ".join(f"{kind}: edited / unedited memory, dB" for kind in EDIT_COLUMNS)
    lines += ["", f"| row | {kinds} |", "| --- |" + " ---: |" * len(EDIT_COLUMNS)]
    for name, metrics in rows.items():
        if any(edited in metrics for edited, _ in EDIT_COLUMNS.values()):
            pairs = (" / ".join(_figure(metrics.get(m), ".2f") for m in pair) for pair in EDIT_COLUMNS.values())
            lines.append(f"| {name} | " + " | ".join(pairs) + " |")
    return "\n".join(lines)


def draw_page(scenes: Sequence[BenchScene], scored: Mapping[str, Scored], file: Path) -> None:
    """The last frame of some scenes, a line each: the truth, then some of the rows. Raises `OSError`."""
    shown, names = list(scenes[:PAGE_SCENES]), [name for name in PAGE_ROWS if name in scored]
    width, height = _CELL
    canvas = Canvas((len(names) + 1) * (width + 4), 24 + len(shown) * (height + 18))
    for column, title in enumerate(("truth", *names)):
        canvas.text((column * (width + 4) + 4, 4), title, size=14)
    for line, scene in enumerate(shown):
        top = 24 + line * (height + 18)
        pictures = [scene.rgb[-1], *(scored[name].last_frames[scene.seed] for name in names)]
        for column, picture in enumerate(pictures):
            canvas.picture((column * (width + 4), top), (width, height), np.round(picture * 255).astype(np.uint8))
        canvas.text((4, top + height + 1), f"{scene.edit}: {scene.caption}"[:150], size=11)
    write_atomically(file, canvas.png())


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
