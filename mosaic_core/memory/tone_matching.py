"""Matching the tone of one world of a spliced memory to another's, where they overlap or along the seam.

Where both worlds saw the same surface, the colours of the same places are compared, pixel by pixel. Where they only
meet, each patch beside the border is compared with the nearest patch beyond it that faces the same way: ground with
ground, wall with wall. Those are different places, whose texture differs too: of them only the means are compared.

A gain in linear light is exposure and white balance, and that is what mostly differs; a bias is added only where worlds
overlap and it explains much more. A curve takes any monotone difference, and needs many shades to compare.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from ..errors import EditError
from .ground import surfaces_of
from .memory import Memory
from .tone import KNOTS, Tone, linear_of_srgb
from .view_surfaces import ViewSurface

KINDS = ("gain", "curve")
_LEAST_OVERLAP = 400  # pixels; fewer may be one object's rim
_LEAST_PAIRS = 24  # fewer are a matter of chance
_MOST_PAIRS = 400
_MOST_PATCHES = 6000  # of each side that are looked at for pairs
_FACING = 0.8
_ROUNDS = 12
# A bias is taken where it leaves this share of the differences, or less, of what a gain alone leaves.
_BIAS_PAYS = 0.7
_DARK, _BRIGHT = 0.02, 0.98  # shown values beyond are clipped, and say nothing about a gain


@dataclass(frozen=True, eq=False)
class ToneMatch:
    """A tone for the second worlds, how it was found, and what difference it leaves."""

    tone: Tone
    found: str  # "overlap" or "seam"
    pairs: int
    difference_before: float  # mean difference of the compared colours, 0 .. 1
    difference_after: float


def match_tone(memory: Memory, worlds: Collection[int], *, kind: str = "gain") -> ToneMatch:
    """The tone that makes these worlds of a memory look like the others. Raises `EditError` where nothing compares.

    Deterministic. Views are not changed: `with_tone` gives the memory that shows it.
    """
    if kind not in KINDS:
        raise EditError(f"a tone is matched by one of {', '.join(KINDS)}, got {kind!r}")
    present = {view.world for view in memory.views}
    if not set(worlds) < present or not worlds:
        raise EditError(f"the worlds to match must be some of {sorted(present)} and not all, got {sorted(worlds)}")
    theirs, ours = _overlapping_colours(memory, worlds)
    found = "overlap"
    if len(theirs) < _LEAST_OVERLAP:
        theirs, ours = _colours_along_the_seam(memory, worlds)
        found = "seam"
    if len(theirs) < _LEAST_PAIRS:
        raise EditError("the two worlds neither overlap nor meet: there is nothing to match their tone by")
    same_places = found == "overlap"
    tone = _curve_tone(theirs, ours) if kind == "curve" else _gain_tone(theirs, ours, same_places=same_places)
    shown = np.stack(
        [np.interp(theirs[:, i] * (KNOTS - 1), np.arange(KNOTS), tone.knots[i]) for i in range(3)], axis=-1
    )
    before, after = (float(np.abs(colours - ours).mean()) for colours in (theirs, shown))
    return ToneMatch(tone, found, len(theirs), before, after)


def with_tone(memory: Memory, worlds: Collection[int], tone: Tone | None) -> Memory:
    """The memory with these worlds shown through a tone, after any they have; None shows them as captured again.

    Pictures and patches stay as they are.
    """
    views = tuple(
        replace(view, tone=None if tone is None else tone.after(view.tone)) if view.world in worlds else view
        for view in memory.views
    )
    return replace(memory, views=views)


def shown_patch_rgb(memory: Memory) -> np.ndarray:  # (P, 4, 3) uint8
    """The colours at the patches' corners as their views are shown; the patches' own table where no view has a tone."""
    rgb, view_of = memory.patches.rgb, memory.patches.view
    for index, view in enumerate(memory.views):
        if view.tone is not None:
            rgb = rgb if rgb.flags.writeable else rgb.copy()
            mine = view_of == index
            rgb[mine] = np.round(view.tone.apply(rgb[mine]) * 255).astype(np.uint8)
    return rgb


def _overlapping_colours(memory: Memory, worlds: Collection[int]) -> tuple[np.ndarray, np.ndarray]:  # (n, 3) each
    """Colours of the same places in the second worlds and in the first."""
    # Views of a world that was scaled or mirrored stay as captured: their places are not the memory's.
    moved = memory.placements.rows[memory.placements.transform_index != 0]
    if len(moved) and (memory.patches.view[moved - 1][:, None] == _views_of(memory, worlds)).any(1).mean() > 0.5:
        return np.zeros((0, 3)), np.zeros((0, 3))
    surfaces = [ViewSurface(memory, index) for index in range(len(memory.views))]
    theirs, ours = [np.zeros((0, 3), np.float32)], [np.zeros((0, 3), np.float32)]
    for surface in (surfaces[index] for index in _views_of(memory, worlds)):
        for other in (s for s in surfaces if s.view.world not in worlds):
            verdict = surface.seen_by(other)
            theirs.append(verdict.ours[verdict.agreeing])
            ours.append(verdict.theirs[verdict.agreeing])
    return np.concatenate(theirs), np.concatenate(ours)


def _views_of(memory: Memory, worlds: Collection[int]) -> np.ndarray:
    return np.array([index for index, view in enumerate(memory.views) if view.world in worlds], np.int64)


def _colours_along_the_seam(memory: Memory, worlds: Collection[int]) -> tuple[np.ndarray, np.ndarray]:
    """Colours of the nearest patches of both sides that face the same way."""
    surfaces = surfaces_of(memory)
    rows = memory.placements.rows[surfaces.positions] - 1
    second = np.isin(memory.patches.view[rows], _views_of(memory, worlds))
    colours = shown_patch_rgb(memory)[rows].mean(axis=1) / 255
    sides = []
    for mine in (second, ~second):
        at = np.flatnonzero(mine)
        sides.append(at[:: max(1, -(-len(at) // _MOST_PATCHES))])
    theirs, ours = sides
    if len(theirs) == 0 or len(ours) == 0:
        return np.zeros((0, 3)), np.zeros((0, 3))
    nearest, away_m = np.zeros(len(theirs), np.int64), np.full(len(theirs), np.inf)
    for start in range(0, len(theirs), 512):
        block = theirs[start : start + 512]
        apart = np.linalg.norm(surfaces.centres[block, None] - surfaces.centres[None, ours], axis=-1)
        apart[surfaces.normals[block] @ surfaces.normals[ours].T < _FACING] = np.inf
        nearest[start : start + 512] = apart.argmin(1)
        away_m[start : start + 512] = apart.min(1)
    order = np.argsort(away_m, kind="stable")
    count = min(_MOST_PAIRS, max(_LEAST_PAIRS, len(order) // 8))
    kept = order[:count]
    kept = kept[np.isfinite(away_m[kept])]
    return colours[theirs[kept]], colours[ours[nearest[kept]]]


def _gain_tone(theirs: np.ndarray, ours: np.ndarray, *, same_places: bool) -> Tone:
    """Gains, and biases where they pay, by least absolute differences in linear light; or by means alone."""
    gain, bias = np.ones(3), np.zeros(3)
    for channel in range(3):
        usable = np.ones(len(theirs), bool)
        for side in (theirs, ours):
            usable &= (side[:, channel] > _DARK) & (side[:, channel] < _BRIGHT)
        if usable.sum() < _LEAST_PAIRS:
            continue
        x, y = (linear_of_srgb(side[usable, channel]) for side in (theirs, ours))
        if not same_places:
            gain[channel] = _middle_mean(y) / _middle_mean(x)
            continue
        plain = _line(x, y, with_bias=False)
        shifted = _line(x, y, with_bias=True)
        left = [float(np.abs(g * x + b - y).mean()) for g, b in (plain, shifted)]
        gain[channel], bias[channel] = shifted if shifted[0] > 0 and left[1] < _BIAS_PAYS * left[0] else plain
    return Tone.of_gain_bias(np.clip(gain, 1 / 64, 64), bias)


def _middle_mean(values: np.ndarray) -> float:
    """The mean without the outermost tenths."""
    cut = len(values) // 10
    return float(np.sort(values)[cut : len(values) - cut].mean())


def _line(x: np.ndarray, y: np.ndarray, *, with_bias: bool) -> tuple[float, float]:
    """Slope and intercept with the least absolute residuals, by reweighted least squares."""
    weights = np.ones(len(x))
    slope, intercept = 1.0, 0.0
    for _ in range(_ROUNDS):
        total = weights.sum()
        mean_x, mean_y = ((weights @ x) / total, (weights @ y) / total) if with_bias else (0.0, 0.0)
        spread = weights @ (x - mean_x) ** 2
        if spread < 1e-12 * total:
            return 1.0, float(mean_y - mean_x)
        slope = float(weights @ ((x - mean_x) * (y - mean_y)) / spread)
        intercept = float(mean_y - slope * mean_x)
        weights = 1 / np.maximum(np.abs(slope * x + intercept - y), 1e-3)
    return slope, intercept


def _curve_tone(theirs: np.ndarray, ours: np.ndarray) -> Tone:
    """The monotone curve between the quantiles of the compared colours, continued towards black and white."""
    levels = np.linspace(0, 1, KNOTS)
    shares = np.linspace(0.02, 0.98, 17)
    curves = []
    for channel in range(3):
        x, y = (np.quantile(side[:, channel], shares) for side in (theirs, ours))
        x, first = np.unique(np.round(x, 6), return_index=True)
        y = np.maximum.accumulate(y[first])
        gain = y.mean() / max(float(x.mean()), 1e-6)
        low = [0.0] if x[0] > 0 else []
        high = [1.0] if x[-1] < 1 else []
        knots_x = np.concatenate([low, x, high])
        at_black = [min(y[0], max(0.0, y[0] - gain * x[0]))] if low else []
        at_white = [max(y[-1], min(1.0, y[-1] + gain * (1 - x[-1])))] if high else []
        curves.append(np.interp(levels, knots_x, np.concatenate([at_black, y, at_white])))
    return Tone(np.clip(np.maximum.accumulate(np.stack(curves), axis=1), 0, 1))
