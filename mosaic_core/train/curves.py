"""A run's log, and a page of curves from it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..files import write_atomically
from ..report.canvas import Canvas
from ..report.charts import Plot, Series, draw_plot

WIDTH, PLOT_HEIGHT, POINTS = 900, 260, 120
_NOT_PLOTTED = {"step", "ms", "rate", "norm"}


def log_lines(folder: Path) -> list[dict[str, float]]:
    """The lines of `log.jsonl`, none where there is no log.

    A run that is killed while it writes leaves half a line, which the next run goes on in: such a line is left out.
    """
    file = folder / "log.jsonl"
    lines = []
    for text in file.read_text().splitlines() if file.exists() else []:
        with suppress(json.JSONDecodeError):
            lines.append(json.loads(text))
    return lines


def draw_log(folder: Path) -> Path | None:
    """Draw `log.jsonl` as `log.png`, one plot a quantity, averaged over stretches; None where there is no log."""
    lines = log_lines(folder)
    if not lines:
        return None
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
