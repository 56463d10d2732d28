"""How well the views of a memory agree: on which surfaces, how closely, and where one sees what another denies.

`mosaic_core.memory.view_surfaces` says what counts as agreeing, double and denied. Everything is compared where it was
captured, so that edits do not count as disagreement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..memory import Memory, View
from ..memory.view_surfaces import ViewSurface

_OTHERS_A_VIEW = 8  # the nearest views by place and direction; more say little more


@dataclass(frozen=True, eq=False)
class Agreement:
    """What was found, for the memory, for each view and for each patch."""

    compared: int  # comparisons that said something: agreeing + double + denied
    agreeing: float  # share of them
    double: float
    denied: float
    offset_m: float  # median distance between two layers of one surface; 0 without any
    colour_difference: float  # mean difference of colour where views agree, 0 .. 1
    views: tuple[dict[str, Any], ...]
    doubtful: np.ndarray  # (P,) float32: share of a patch's comparisons that were double or denied


def compare_views(memory: Memory) -> Agreement:
    """Compare the views of a memory. Views of different worlds are not compared."""
    surfaces = [ViewSurface(memory, index) for index in range(len(memory.views))]
    counts = np.zeros((len(memory.patches) + 1, 2))  # comparisons, and those that went badly
    totals = np.zeros(3)
    offsets, colours, lines = [], [], []
    for index, surface in enumerate(surfaces):
        seen_before = np.zeros(len(surface.pixels), bool)
        of_view = np.zeros(3)
        for other in _others(memory.views, index):
            verdict = surface.seen_by(surfaces[other])
            groups = verdict.agreeing, verdict.double, verdict.denied
            of_view += [group.sum() for group in groups]
            seen_before |= (groups[0] | groups[1]) & (other < index)
            said = groups[0] | groups[1] | groups[2]
            np.add.at(counts[:, 0], surface.rows[said], 1)
            np.add.at(counts[:, 1], surface.rows[groups[1] | groups[2]], 1)
            offsets.append(verdict.offset_m[groups[1]])
            colours.append(verdict.colour_difference[groups[0]])
        totals += of_view
        view = memory.views[index]
        lines.append(
            {
                "name": view.name,
                "time_s": view.time_s,
                **dict(zip(("agreeing", "double", "denied"), _shares(of_view), strict=True)),
                "new": round(float(1 - seen_before.mean()), 4) if len(seen_before) else 0.0,
            }
        )
    agreeing, double, denied = _shares(totals)
    return Agreement(
        int(totals.sum()), agreeing, double, denied,
        offset_m=_median(offsets),
        colour_difference=_mean(colours),
        views=tuple(lines),
        doubtful=(counts[1:, 1] / np.maximum(counts[1:, 0], 1)).astype(np.float32),
    )  # fmt: skip


def _others(views: tuple[View, ...], index: int) -> list[int]:
    """The views of the same world that stand and look most like this one."""
    mine = views[index].camera
    distances = []
    for other, view in enumerate(views):
        if other != index and view.world == views[index].world:
            away_m = np.linalg.norm(view.camera.position_world - mine.position_world)
            turn = 1 - float(view.camera.forward_world @ mine.forward_world)
            distances.append((turn * 2 + float(away_m) / (1 + float(away_m)), other))
    return [other for _, other in sorted(distances)[:_OTHERS_A_VIEW]]


def _shares(counts: np.ndarray) -> list[float]:
    return [round(float(count / max(counts.sum(), 1)), 4) for count in counts]


def _median(parts: list[np.ndarray]) -> float:
    values = np.concatenate(parts) if parts else np.zeros(0)
    return round(float(np.median(values)), 5) if len(values) else 0.0


def _mean(parts: list[np.ndarray]) -> float:
    values = np.concatenate(parts) if parts else np.zeros(0)
    return round(float(values.mean()), 4) if len(values) else 0.0
