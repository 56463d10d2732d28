"""Events: timeline markers that say what happens from their frame on.

`event: rain starts`, or with a strength `event(0.5): fog`; below 0 it is what shall not be seen from there on. A marker
that begins like an event and is none is left out and said, because a typing error would otherwise just do nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mosaic_core.generate.shot import MAX_STRENGTH

_BEGINNING = re.compile(r"\s*event\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_REST = re.compile(r"\s*(?:\((?P<strength>[^()]*)\))?\s*:(?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class Event:
    """What happens from a frame on."""

    frame: int
    text: str
    strength: float = 1.0


def events_of(markers: Iterable) -> tuple[list[Event], list[str]]:
    """Events by rising frame, and a sentence for each marker that was meant to be one."""
    events, problems = [], []
    for marker in sorted(markers, key=lambda marker: marker.frame):
        beginning = _BEGINNING.fullmatch(marker.name)
        if beginning is None:
            continue
        found = _event(marker.frame, beginning["rest"])
        if isinstance(found, Event):
            events.append(found)
        else:
            problems.append(f"The marker “{marker.name}” at frame {marker.frame} is left out: {found}")
    return events, problems


def _event(frame: int, rest: str) -> Event | str:
    """The event, or what is wrong with it."""
    match = _REST.fullmatch(rest)
    if match is None:
        return "write event: what happens, or event(0.5): what happens"
    text = match["text"].strip()
    if not text:
        return "it does not say what happens"
    if match["strength"] is None:
        return Event(frame, text)
    try:
        strength = float(match["strength"].replace(",", "."))
    except ValueError:
        strength = math.nan
    if not -MAX_STRENGTH <= strength <= MAX_STRENGTH:
        return f"its strength is a number from -{MAX_STRENGTH:g} to {MAX_STRENGTH:g}"
    return Event(frame, text, strength)
