"""Frame numbers and a frame rate from timestamps, and file names with a frame number in them.

Timestamps are rounded (RealEstate10K keeps whole microseconds), so a rate is snapped to one that cameras have when it
lies within what the rounding allows, and left alone otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from .base import Gaps

_COMMON_RATES = tuple(rate / 1.001 for rate in (24, 30, 48, 60, 120))
_MAX_NUMBER = 10**9
_NUMBER = re.compile(r"\d{1,9}")


def frames_of_times(times_s: Sequence[float], gaps: Gaps, *, resolution_s: float) -> tuple[tuple[int, ...], float]:
    """Frame numbers and frames a second of rising times; asks `gaps` where the times do not tell."""
    found = _evenly(times_s, resolution_s)
    if found is None:
        if any(times_s):
            gaps.note("the timestamps do not lie on whole frames and are left out")
        return gaps.take_numbers(len(times_s)), gaps.take_fps()
    steps, fps = found
    first = times_s[0] * fps
    slack = 0.05 + abs(times_s[0]) * 1e-9 * fps
    whole = abs(first - round(first)) < slack and abs(first) < _MAX_NUMBER
    start = round(first) if whole else 1
    return tuple(start + step for step in steps), fps


def _evenly(times_s: Sequence[float], resolution_s: float) -> tuple[list[int], float] | None:
    """The times as whole steps from the first, and steps a second; None where they are uneven or stand still."""
    differences = [b - a for a, b in pairwise(times_s)]
    if not differences or min(differences) <= 0:
        return None
    step_s = min(differences)
    span_s = times_s[-1] - times_s[0]
    if not step_s >= 1e-3 or span_s / step_s > _MAX_NUMBER:
        return None
    counts = [round(d / step_s) for d in differences]
    if any(abs(d / step_s - n) > 0.05 + n * resolution_s / step_s for d, n in zip(differences, counts, strict=True)):
        return None
    steps = [0]
    for count in counts:
        steps.append(steps[-1] + count)
    fps = steps[-1] / span_s
    rate = min((float(round(fps)), *_COMMON_RATES), key=lambda r: abs(r - fps))
    if rate > 0 and abs(rate - fps) <= fps * (2 * resolution_s / span_s + 1e-9):
        fps = rate
    return (steps, fps) if fps <= 1000 else None


def name_of_frame(number: int) -> str:
    """`frame_0012.png`."""
    return f"frame_{number:04d}.png"


def nameable(numbers: Sequence[int]) -> Sequence[int]:
    """Numbers that a file name can carry: the path's own, or 1 .. n where one is negative or too long."""
    return numbers if min(numbers) >= 0 and max(numbers) < _MAX_NUMBER else range(1, len(numbers) + 1)


def order_of_names(names: Sequence[str], gaps: Gaps) -> tuple[list[int], tuple[int, ...]]:
    """The order of frames whose files are named so, and their numbers; the file's order where names do not tell."""
    numbers = []
    for name in names:
        found = _NUMBER.findall(name.replace("\\", "/").rpartition("/")[2])
        numbers.append(int(found[-1]) if found else -1)
    if min(numbers) < 0 or len(set(numbers)) < len(numbers):
        return list(range(len(names))), gaps.take_numbers(len(names))
    order = sorted(range(len(names)), key=lambda i: numbers[i])
    return order, tuple(numbers[i] for i in order)
