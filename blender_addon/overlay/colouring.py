"""What the colours of the patches say, a function a mode: (F, 4) RGBA a face, the fourth how much of it covers the
captured pixels. NumPy alone; `supply` brings what is known, `draw` shows it.

A mode that still waits for something returns None, and the captured pixels are shown until it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mosaic_core.memory import Memory, Placements
from mosaic_core.memory.conflicts import KINDS, Conflicts
from mosaic_core.memory.dirty import PlacementsDiff
from mosaic_core.memory.seen_along import SeenAlong
from mosaic_core.memory.view import SOURCES
from mosaic_core.wording import phrase

from .ramps import GREY, RED, RGBA, SAYS, kinds, much, rgba

_MOST_ENTRIES = 10
_ADDED: RGBA = (0.20, 0.85, 0.35, SAYS)
_CHANGED: RGBA = (0.20, 0.60, 1.00, SAYS)
REMOVED: RGBA = (1.00, 0.35, 0.15, 1.00)
_CONFLICT_COLOURS: tuple[RGBA, ...] = ((1.0, 0.75, 0.10, SAYS), RED, (0.75, 0.35, 1.00, SAYS))
_CONFLICT_WORDS = {
    "look": phrase("another view shows it in other colours"),
    "gone": phrase("a later view sees past it"),
    "come": phrase("an earlier view saw past it"),
}
_SOURCE_WORDS = {
    "captured": phrase("captured"),
    "imported": phrase("imported"),
    "generated": phrase("generated"),
}


@dataclass(frozen=True)
class Legend:
    """What a legend says: a title and a colour with its meaning a line, phrases (`wording`) or names."""

    title: str
    entries: tuple[tuple[RGBA, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Known:
    """What there is to colour from. What is None is not known, or not yet."""

    face_ids: np.ndarray  # (F,) int64, the placement of each face, 0 = none
    face_views: np.ndarray  # (F,) int, the view of each face's patch
    memory: Memory | None = None
    seen: SeenAlong | None = None
    conflicts: Conflicts | None = None
    since_take: PlacementsDiff | None = None
    take_name: str = ""
    removed_world: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))  # (n, 3), since that take
    waiting: dict[str, str] = field(default_factory=dict)  # by mode: what it waits for, or why it cannot be


@dataclass(frozen=True)
class Mode:
    """A way to colour the patches."""

    identifier: str
    name: str
    description: str
    colours: Callable[[Known], np.ndarray | None]
    legend: Callable[[Known], Legend]
    needs: str = ""  # the field of `Known` without which it has nothing to say


def needs_of(mode: str) -> str:
    """The field of `Known` without which a mode has nothing to say; "" for none."""
    return _MODE_OF[mode].needs


def face_colours(known: Known, mode: str) -> np.ndarray | None:  # (F, 4) float32
    """The colours of all faces in that mode; None for the captured pixels."""
    chosen = _MODE_OF[mode]
    if chosen.needs and getattr(known, chosen.needs) is None:
        return None
    colours = chosen.colours(known)
    if colours is not None:
        colours[known.face_ids <= 0] = 0
    return colours


def legend_of(known: Known, mode: str) -> Legend | None:
    """What the colours mean, or what is still missing; None for the captured pixels."""
    chosen = _MODE_OF[mode]
    if chosen.needs and getattr(known, chosen.needs) is None:
        reason = known.waiting.get(mode, phrase("looking ..."))
        return Legend(phrase("{mode}: {reason}", mode=phrase(chosen.name), reason=reason))
    return chosen.legend(known) if mode != "CAPTURED" else None


def _by_placement(known: Known, ids: np.ndarray, values: np.ndarray, missing: float = 0) -> np.ndarray:  # (F,)
    """Values of placements (ids ascending), a face each."""
    if len(ids) == 0:
        return np.full(len(known.face_ids), missing, values.dtype)
    at = np.minimum(np.searchsorted(ids, known.face_ids), len(ids) - 1)
    return np.where(ids[at] == known.face_ids, values[at], missing)


def _filled(known: Known, colour: RGBA = GREY) -> np.ndarray:
    return np.tile(np.array(colour, np.float32), (len(known.face_ids), 1))


def _coverage(known: Known) -> np.ndarray | None:
    assert known.seen is not None
    frames = _by_placement(known, known.seen.placement_ids, known.seen.frames_seen)
    colours = much(frames / max(len(known.seen.frame_numbers), 1))
    colours[frames == 0] = GREY
    return colours


def _coverage_legend(known: Known) -> Legend:
    assert known.seen is not None
    count = len(known.seen.frame_numbers)
    worst = int(np.argmin(known.seen.known))
    share, number = known.seen.known[worst], known.seen.frame_numbers[worst]
    entries = [
        (rgba(much(np.array([s]))[0]), phrase("seen in {share:.0%} of the path's frames", share=s)) for s in (1.0, 0.5)
    ]
    least = (rgba(much(np.array([1 / count]))[0]), phrase("in 1 of {count} frames", count=count))
    title = phrase("Coverage: least at frame {frame}, {known:.0%} known", frame=number, known=share)
    return Legend(title, (*entries, least, (GREY, phrase("never seen"))))


def _confidence(known: Known) -> np.ndarray | None:
    assert known.seen is not None
    surely = _by_placement(known, known.seen.placement_ids, known.seen.confidence)
    colours = much(surely)
    colours[_by_placement(known, known.seen.placement_ids, known.seen.frames_seen) == 0] = GREY
    return colours


def _confidence_legend(known: Known) -> Legend:
    words = (
        (1.0, phrase("1: seen from the path's direction, sharp")),
        (0.5, phrase("0.5")),
        (0.0, phrase("0: from the side or far away")),
    )
    entries = [(rgba(much(np.array([share]))[0]), text) for share, text in words]
    return Legend(phrase("Confidence along the path"), (*entries, (GREY, phrase("the path does not see it"))))


def _ages_s(memory: Memory) -> np.ndarray:  # (V,)
    times = np.array([view.time_s for view in memory.views])
    return times.max(initial=-np.inf) - times


def _age(known: Known) -> np.ndarray | None:
    assert known.memory is not None
    ages = _ages_s(known.memory)
    share = 1 - ages / max(float(ages.max(initial=0)), 1e-9)
    colours = _filled(known)
    valid = (known.face_views >= 0) & (known.face_views < len(ages))
    colours[valid] = much(share[known.face_views[valid]])
    return colours


def _age_legend(known: Known) -> Legend:
    assert known.memory is not None
    oldest = float(_ages_s(known.memory).max(initial=0))
    if oldest == 0:
        return Legend(phrase("Age: all views are of one moment"), ((rgba(much(np.array([1.0]))[0]), "0 s"),))
    shares = (1.0, 0.5, 0.0)
    entries = tuple(
        (rgba(much(np.array([s]))[0]), phrase("{age:.3g} s before the newest view", age=(1 - s) * oldest))
        for s in shares
    )
    return Legend(phrase("Age"), entries)


def _views(known: Known) -> np.ndarray | None:
    assert known.memory is not None
    table = np.concatenate([kinds(len(known.memory.views)), np.array([GREY], np.float32)])
    valid = (known.face_views >= 0) & (known.face_views < len(known.memory.views))
    return table[np.where(valid, known.face_views, len(table) - 1)]


def _views_legend(known: Known) -> Legend:
    assert known.memory is not None
    names = [view.name or phrase("View {number}", number=number) for number, view in enumerate(known.memory.views)]
    colours = kinds(len(names))
    entries = [(rgba(colour), name) for colour, name in zip(colours[:_MOST_ENTRIES], names, strict=False)]
    if len(names) > _MOST_ENTRIES:
        entries.append((GREY, phrase("and {count} more", count=len(names) - _MOST_ENTRIES)))
    return Legend(phrase("Views"), tuple(entries))


def _source(known: Known) -> np.ndarray | None:
    assert known.memory is not None
    of_view = np.array([SOURCES.index(view.source) for view in known.memory.views], np.intp)
    table = np.concatenate([kinds(len(SOURCES)), np.array([GREY], np.float32)])
    valid = (known.face_views >= 0) & (known.face_views < len(of_view))
    index = np.full(len(known.face_views), len(SOURCES))
    index[valid] = of_view[known.face_views[valid]]
    return table[index]


def _source_legend(known: Known) -> Legend:
    assert known.memory is not None
    held = {view.source for view in known.memory.views}
    colours = kinds(len(SOURCES))
    entries = [(rgba(c), _SOURCE_WORDS[name]) for c, name in zip(colours, SOURCES, strict=True) if name in held]
    return Legend(phrase("Source"), tuple(entries))


def _conflicts(known: Known) -> np.ndarray | None:
    assert known.conflicts is not None
    found, colours = known.conflicts, _filled(known)
    for kind in range(len(KINDS)):
        mine = found.taken(found.kind == kind)
        ids = np.concatenate([mine.earlier, mine.later])
        colours[np.isin(known.face_ids, ids[ids > 0])] = _CONFLICT_COLOURS[kind]
    return colours


def _conflicts_legend(known: Known) -> Legend:
    assert known.conflicts is not None
    counts = np.bincount(known.conflicts.kind, minlength=len(KINDS))
    entries = [
        (colour, phrase("{words}: {count}", words=_CONFLICT_WORDS[name], count=count))
        for colour, name, count in zip(_CONFLICT_COLOURS, KINDS, counts, strict=True)
        if count
    ]
    title = phrase("Conflicts") if entries else phrase("Conflicts: the views agree")
    return Legend(title, (*entries, (GREY, phrase("no view contradicts it"))))


def _changed(known: Known) -> np.ndarray | None:
    assert known.since_take is not None
    colours = _filled(known)
    colours[np.isin(known.face_ids, known.since_take.changed)] = _CHANGED
    colours[np.isin(known.face_ids, known.since_take.added)] = _ADDED
    return colours


def _changed_legend(known: Known) -> Legend:
    assert known.since_take is not None
    diff = known.since_take
    lines = (
        (_CHANGED, diff.changed, phrase("moved or altered")),
        (_ADDED, diff.added, phrase("added")),
        (REMOVED, diff.removed, phrase("gone")),
    )
    entries = tuple(
        (colour, phrase("{words}: {count}", words=words, count=len(ids))) for colour, ids, words in lines if len(ids)
    )
    take = known.take_name
    title = phrase("Changed since {take}", take=take) if entries else phrase("Nothing changed since {take}", take=take)
    return Legend(title, (*entries, (GREY, phrase("as in that take"))))


def removed_places(before: Placements, memory: Memory, diff: PlacementsDiff) -> np.ndarray:  # (n, 3) float32 world
    """Where the patches stood that are gone since."""
    from mosaic_core.memory.quads import quads_of

    gone = before.taken(before.indices_of(diff.removed))
    centres = quads_of(gone, memory.patches).mean(axis=1)
    return centres[np.isfinite(centres).all(axis=1)].astype(np.float32)


MODES: Sequence[Mode] = (
    Mode("CAPTURED", "Captured", "The pixels that were captured", lambda _: None, lambda _: Legend("")),
    Mode(
        "COVERAGE",
        "Coverage",
        "In how many of the path's frames each patch is seen",
        _coverage,
        _coverage_legend,
        needs="seen",
    ),
    Mode(
        "CONFIDENCE",
        "Confidence",
        "How well the views saw what the path sees, by angle and sharpness",
        _confidence,
        _confidence_legend,
        needs="seen",
    ),
    Mode("AGE", "Age", "When each patch was captured", _age, _age_legend, needs="memory"),
    Mode("VIEW", "View", "Which view each patch comes from", _views, _views_legend, needs="memory"),
    Mode("SOURCE", "Source", "Captured, imported or generated", _source, _source_legend, needs="memory"),
    Mode(
        "CONFLICTS",
        "Conflicts",
        "Patches that another view contradicts",
        _conflicts,
        _conflicts_legend,
        needs="conflicts",
    ),
    Mode(
        "CHANGED",
        "Changed",
        "What differs from the newest take",
        _changed,
        _changed_legend,
        needs="since_take",
    ),
)
_MODE_OF = {mode.identifier: mode for mode in MODES}
