"""The kept picture of the points: what a redraw draws of it, and what it shows meanwhile. No graphics card in here."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from blender_addon.overlay import layer
from blender_addon.overlay.layer import BUDGET_S, Shows

SIZE = (640, 480)


class Card:
    """Stands for the graphics card: a clock that goes on with each part that is drawn, and what came to be seen."""

    def __init__(self, part_s: float = 0.02) -> None:
        self.now_s, self.part_s, self.drawn, self.seen = 0.0, part_s, [], None
        self.parts = [lambda number=number: self._draw(number) for number in range(7)]

    def _draw(self, number: int) -> None:
        self.now_s += self.part_s
        self.drawn.append(number)

    def redraw(self, shows: Shows) -> tuple[list[int], bool]:
        """Which parts this redraw drew, and whether the picture is complete."""
        self.drawn.clear()
        complete = layer.draw(1, SIZE, shows, self.parts)
        return list(self.drawn), complete

    def until_complete(self, shows: Shows) -> int:
        """How many redraws it took."""
        for count in range(1, 20):
            if self.redraw(shows)[1]:
                return count
        raise AssertionError("never complete")


@pytest.fixture
def card(monkeypatch):
    card = Card()

    def new_layer(size):
        return layer._Layer(size, None, None, SimpleNamespace(bind=nullcontext))

    monkeypatch.setattr(layer, "_new_layer", new_layer)
    monkeypatch.setattr(layer, "_clear", lambda _layer: None)
    monkeypatch.setattr(layer, "_copy", lambda shown: setattr(card, "seen", shown.shows))
    monkeypatch.setattr(layer.time, "perf_counter", lambda: card.now_s)
    monkeypatch.setattr(layer, "_layers", {})
    monkeypatch.setattr(layer, "_state", layer._State())
    return card


def test_all_parts_are_drawn_once_and_an_unchanged_view_draws_none(card):
    shows, drawn = Shows("here", "red"), []
    while True:
        parts, complete = card.redraw(shows)
        drawn += parts
        if complete:
            break
    assert drawn == list(range(7))
    assert card.redraw(shows) == ([], True) and card.seen == shows


@pytest.mark.parametrize("part_s", [0.001, 0.008, 0.02, 0.04])
def test_a_redraw_takes_as_much_time_as_it_may(card, part_s):
    """By the clock, after the first few: quick parts all at once, slow ones one by one."""
    card.part_s = part_s
    for turn in range(8):
        drawn, _ = card.redraw(Shows(f"turned {turn}", "red"))
    assert len(drawn) * part_s <= BUDGET_S and drawn[0] == 0
    assert len(drawn) == 7 or (len(drawn) + 1) * part_s > BUDGET_S / 2, "and no less than that"


def test_a_view_that_turns_is_seen_at_once_and_the_selection_when_all_of_it_is_drawn(card):
    before, selected, turned = Shows("here", "red"), Shows("here", "orange"), Shows("there", "orange")
    card.until_complete(before)
    assert not card.redraw(selected)[1] and card.seen == before, "half a picture would flicker"
    card.until_complete(selected)
    assert card.seen == selected
    assert not card.redraw(turned)[1] and card.seen == turned, "the picture before would lag behind the hand"


def test_a_selection_that_changes_again_starts_again(card):
    first, second, third = (Shows("here", colour) for colour in ("red", "orange", "grey"))
    card.until_complete(first)
    card.redraw(second)
    drawn, _ = card.redraw(third)
    assert drawn[0] == 0 and card.seen == first
    card.until_complete(third)
    assert card.seen == third and card.redraw(third) == ([], True)


def test_each_viewport_has_its_picture_and_few_are_kept(card):
    shows = Shows("here", "red")
    for viewport in range(9):
        while not layer.draw(viewport, SIZE, shows, card.parts):
            pass
    assert len(layer._layers) <= 4
    card.drawn.clear()
    assert layer.draw(8, SIZE, shows, card.parts) and not card.drawn
    assert not layer.draw(8, (320, 200), shows, card.parts), "another size is another picture"
