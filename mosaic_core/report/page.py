"""One page with everything a memory's report says: plots along the path, growth, a map from above, the worst frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .canvas import FAINT, INK, SERIES, Canvas
from .charts import Plot, Series, draw_plot, draw_scale, heat_colours
from .frames import Frame
from .measure import Report
from .plan import draw_plan

_WIDTH, _MARGIN, _GAP = 1600, 36, 18
_HEAD, _PLOT_HEIGHT, _PLAN_HEIGHT = 112, 268, 520
_SHOWN_FRAMES = 4
_HOLE = np.array([235, 30, 160], np.uint8)  # a colour that hardly any scene has
_DOUBT = np.array([255, 120, 20], np.uint8)


def report_page(report: Report, title: str) -> bytes:
    """The page as a PNG. Raises `MosaicError` without Pillow."""
    shown = _worst_frames(report.frames)
    plots = _plots(report)
    columns = 3
    plot_width = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) / columns
    picture_height = _picture_size(report)[1] if shown else 0
    rows = -(-len(plots) // columns)
    frames_height = 44 + len(shown) * (picture_height + 34) + 30 if shown else 0
    height = _HEAD + rows * (_PLOT_HEIGHT + _GAP) + _PLAN_HEIGHT + round(frames_height) + _MARGIN
    canvas = Canvas(_WIDTH, height)
    _draw_head(canvas, report, title)
    for index, plot in enumerate(plots):
        row, column = divmod(index, columns)
        left, top = _MARGIN + column * (plot_width + _GAP), _HEAD + row * (_PLOT_HEIGHT + _GAP)
        draw_plot(canvas, (left, top, plot_width, _PLOT_HEIGHT), plot)
    top = _HEAD + rows * (_PLOT_HEIGHT + _GAP)
    draw_plan(canvas, (_MARGIN, top, _WIDTH - 2 * _MARGIN, _PLAN_HEIGHT - _GAP), report)
    if shown:
        _draw_frames(canvas, report, shown, top + _PLAN_HEIGHT)
    return canvas.png()


def _draw_head(canvas: Canvas, report: Report, title: str) -> None:
    facts, size = report.facts, report.facts["size"]
    canvas.text((_MARGIN, 26), title, size=26)
    on_disk = f"{size['file_mib']:.1f} MiB on disk, " if "file_mib" in size else ""
    in_memory = sum(size[f"{part}_mib"] for part in ("views", "patches", "placements", "features"))
    parts = [
        f"{len(facts['views'])} views, {facts['patches']:,} patches, {facts['placements']:,} placements, "
        f"{len(facts['edits'])} edits",
        f"{on_disk}{in_memory:.1f} MiB in memory, {size['bytes_a_patch']:.0f} bytes a patch beside its pixels",
    ]
    agreement = facts.get("agreement")
    if agreement and agreement["compared"]:
        parts.append(
            f"views agree in {agreement['agreeing']:.1%}, double layers {agreement['double']:.1%}, "
            f"denied {agreement['denied']:.1%}, {sum(facts['conflicts'].values())} conflicts"
        )
    canvas.text((_MARGIN, 64), "   |   ".join(parts), size=14, colour=FAINT)
    if "path" in facts:
        path = facts["path"]
        mean = path["mean"]
        words = (
            f"path: {path['frame_count']} frames at {path['fps']:g} a second, {len(path['frames'])} looked at; "
            f"covered {mean['covered']:.1%} on average, least {path['worst']['covered']:.1%} in frame "
            f"{path['worst']['frame']}; largest hole {path['largest_hole']['share']:.1%} of frame "
            f"{path['largest_hole']['frame']}"
        )
        canvas.text((_MARGIN, 85), words, size=14, colour=INK)


def _plots(report: Report) -> list[Plot]:
    plots = []
    if report.frames:
        frames = report.facts["path"]["frames"]
        times = [frame["time_s"] for frame in frames]

        def column(name: str) -> list[float]:
            return [frame[name] for frame in frames]

        time = "time along the path (s)"
        plots += [
            Plot("Coverage", times, time, "share of the picture", percent=True, top=1.0, ceiling=1.0,
                 series=[Series("covered", column("covered")), Series("sky", column("sky"), SERIES[5])]),
            Plot("Holes", times, time, "share of the picture", percent=True, top=0.01,
                 series=[Series("all holes", [1 - c for c in column("covered")], SERIES[4]),
                         Series("largest hole", column("largest_hole"), SERIES[1])]),
            Plot("Confidence of what is seen", times, time, "confidence, share of pixels", top=1.0, ceiling=1.0,
                 series=[Series("mean confidence", column("confidence"), SERIES[2]),
                         Series("share below 0.25", column("low_confidence"), SERIES[3])]),
            Plot("Age of what is seen", times, time, "seconds between view and frame", top=0.5,
                 series=[Series("mean", column("age_s")), Series("oldest", column("oldest_s"), SERIES[1])]),
        ]  # fmt: skip
    if report.agreement is not None:
        plots += _memory_plots(report)
    return plots


def _memory_plots(report: Report) -> list[Plot]:
    growth = report.facts["growth"]
    x = list(range(1, len(growth) + 1))
    names = [str(i) for i in x]
    if not x:
        return []

    def column(name: str) -> list[float]:
        return [line[name] for line in growth]

    return [
        Plot("Growth", x, "view, in the order it was written", "patches", x_names=names,
             series=[Series("patches so far", column("patches_so_far"), SERIES[5], bars=True),
                     Series("of this view", column("patches"), SERIES[0], bars=True),
                     Series("of it new places", [p * n for p, n in zip(column("patches"), column("new"), strict=True)],
                            SERIES[2], bars=True)]),
        Plot("Disagreement with the views around", x, "view", "share of comparisons", percent=True, top=0.02,
             x_names=names,
             series=[Series("double layers", column("double"), SERIES[1], bars=True),
                     Series("denied", column("denied"), SERIES[4], bars=True)]),
    ]  # fmt: skip


def _worst_frames(frames: tuple[Frame, ...]) -> list[tuple[str, Frame]]:
    """Frames worth looking at, each with the reason, each once."""
    if not frames:
        return []
    reasons: list[tuple[str, Callable[[Frame], float]]] = [
        ("least covered", lambda frame: frame.facts["covered"]),
        ("least confident", lambda frame: frame.facts["confidence"]),
        ("most doubtful", lambda frame: -frame.facts["doubtful"]),
        ("best covered", lambda frame: -frame.facts["covered"]),
    ]
    shown: list[tuple[str, Frame]] = []
    for reason, key in reasons:
        left = [frame for frame in frames if all(frame is not other for _, other in shown)]
        if left:
            shown.append((reason, min(left, key=key)))
    return shown[:_SHOWN_FRAMES]


def _picture_size(report: Report) -> tuple[float, float]:
    width = (_WIDTH - 2 * _MARGIN - 3 * _GAP) / 4
    path = report.facts["path"]
    return width, width * path["image_height"] / path["image_width"]


def _draw_frames(canvas: Canvas, report: Report, shown: list[tuple[str, Frame]], top: float) -> None:
    width, height = _picture_size(report)
    oldest = max([frame.facts["oldest_s"] for frame in report.frames] + [1e-3])
    titles = ("what memory shows, holes filled", "holes and doubtful places", "confidence", "age")
    for column, title in enumerate(titles):
        left = _MARGIN + column * (width + _GAP)
        canvas.text((left, top), title, size=15)
        ramp = heat_colours(np.linspace(0, 1, 128))
        if column == 1:
            _draw_keys(canvas, left, top + 22)
        elif column == 2:
            draw_scale(canvas, (left, top + 22), 150, ramp, ("0", "1"))
        elif column == 3:
            draw_scale(canvas, (left, top + 22), 150, ramp[::-1], ("0 s", f"{oldest:.1f} s"))
    top += 44
    for reason, frame in shown:
        facts = frame.facts
        words = f"frame {facts['frame']}, {facts['time_s']:.2f} s: {reason}; {_described(facts)}"
        canvas.text((_MARGIN, top), words, size=13)
        for column, picture in enumerate(_maps(frame, oldest)):
            at = (_MARGIN + column * (width + _GAP), top + 20)
            canvas.picture(at, (width, height), picture, smooth=column == 0)
        top += height + 34


def _draw_keys(canvas: Canvas, left: float, top: float) -> None:
    for words, colour, offset in (("hole", _HOLE, 0), ("other views disagree", _DOUBT, 70)):
        r, g, b = (int(c) for c in colour)
        canvas.box((left + offset, top + 3), (left + offset + 11, top + 11), fill=(r, g, b))
        canvas.text((left + offset + 16, top), words, size=12, colour=FAINT)


def _described(facts: dict[str, Any]) -> str:
    return (
        f"covered {facts['covered']:.1%}, {facts['holes']} holes, confidence {facts['confidence']:.2f}, "
        f"doubtful {facts['doubtful']:.1%}"
    )


def _maps(frame: Frame, oldest_s: float) -> list[np.ndarray]:
    """The picture, what is wrong with it, confidence and age, each (h, w, 3) uint8."""
    picture = np.round(np.clip(frame.picture, 0, 1) * 255).astype(np.uint8)
    grey = (picture.mean(-1, keepdims=True) * 0.45 + 125).astype(np.uint8).repeat(3, axis=-1)
    wrong = np.where(frame.doubtful[..., None], _DOUBT, grey)
    wrong = np.where(frame.covered[..., None], wrong, _HOLE)
    blank = np.full_like(picture, 205)
    seen = (frame.covered & np.isfinite(frame.age_s))[..., None]
    confidence = np.where(seen, heat_colours(frame.confidence), blank)
    # New is bright: what the eye should find is the old.
    age = np.where(seen, heat_colours(1 - np.where(np.isfinite(frame.age_s), frame.age_s, 0) / oldest_s), blank)
    return [picture, wrong.astype(np.uint8), confidence.astype(np.uint8), age.astype(np.uint8)]
