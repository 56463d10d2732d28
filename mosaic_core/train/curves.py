"""A page of curves from a run's log."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..files import write_atomically
from ..report.canvas import Canvas
from ..report.charts import Plot, Series, draw_plot

WIDTH, PLOT_HEIGHT, POINTS = 900, 260, 120
_NOT_PLOTTED = {"step", "ms", "rate", "norm"}


def draw_log(folder: Path) -> Path | None:
    """Draw `log.jsonl` as `log.png`, one plot a quantity, averaged over stretches; None where there is no log."""
    file = folder / "log.jsonl"
    if not file.exists():
        return None
    lines = [json.loads(line) for line in file.read_text().splitlines() if line]
    names = [name for name in lines[0] if name not in _NOT_PLOTTED]
    canvas = Canvas(WIDTH, PLOT_HEIGHT * len(names))
    steps = _averaged([line["step"] for line in lines])
    for index, name in enumerate(names):
        values = _averaged([line[name] for line in lines])
        plot = Plot(name, steps, "step", name, [Series(name, values)])
        draw_plot(canvas, (0, index * PLOT_HEIGHT, WIDTH, PLOT_HEIGHT), plot)
    target = folder / "log.png"
    write_atomically(target, canvas.png())
    return target


def _averaged(values: list[float]) -> list[float]:
    """At most POINTS means of neighbours."""
    return [float(part.mean()) for part in np.array_split(np.array(values), min(POINTS, len(values)))]
