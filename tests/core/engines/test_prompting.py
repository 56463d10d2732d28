"""Prompts over time and their strengths: what the model reads, and how far it is pulled."""

from __future__ import annotations

import pytest

from mosaic_core.engines import Prompt
from mosaic_core.engines.prompting import texts_at

torch = pytest.importorskip("torch")

from mosaic_core.model.flow import sample  # noqa: E402


def test_prompts_of_full_strength_are_one_text_while_they_hold():
    prompts = (Prompt("a room"), Prompt("rain falls", 1.0, 2.0), Prompt("fog", 3.0))
    assert [texts_at(prompts, t)[0] for t in (0.0, 1.0, 2.0, 3.5)] == [
        "a room",
        "a room rain falls",
        "a room",
        "a room fog",
    ]
    assert all(texts_at(prompts, t)[1] == () for t in (0.0, 1.5, 3.5))


def test_other_strengths_pull_beside_the_text_that_holds_and_share_a_pull():
    prompts = (
        Prompt("a room"),
        Prompt("people", strength=-1.0),
        Prompt("fog", 1.0, strength=0.5),
        Prompt("text", strength=-1.0),
    )
    assert texts_at(prompts, 0.0) == ("a room", ((-1.0, "a room people text"),))
    assert texts_at(prompts, 1.0) == ("a room", ((-1.0, "a room people text"), (0.5, "a room fog")))
    assert texts_at((Prompt("a room"), Prompt("fog", strength=0.0), Prompt("  ", strength=-1.0)), 0.0) == ("a room", ())


def test_a_pull_goes_its_strength_of_the_way_to_what_the_words_would_give():
    given, none = torch.zeros(1, 2, 1, 1, 1), torch.zeros(2, dtype=torch.bool)

    def sampled(told, **options):
        return sample(lambda x, s, told: torch.full_like(x, told), told, given=given, is_given=none, seed=0, **options)

    plain, fog = sampled(1.0), sampled(3.0)
    torch.testing.assert_close(sampled(1.0, pulls=[(0.5, 3.0)]), (plain + fog) / 2)
    torch.testing.assert_close(sampled(1.0, pulls=[(-1.0, 3.0)]), 2 * plain - fog)
    torch.testing.assert_close(sampled(1.0, pulls=[(1.0, 3.0)]), fog)
    torch.testing.assert_close(sampled(1.0, pulls=[(0.5, 3.0), (-0.5, 3.0)]), plain)
    assert torch.equal(sampled(1.0, pulls=[]), plain)
