"""What the prompts say at a moment: the text that holds, and texts that pull the picture towards them or away.

Prompts of strength 1 are one text, in their order: what the model was trained to read. Every other strength w becomes a
pull: w times the difference that its words make beside that text. So 0.5 is half way to what strength 1 gives, 1.5
half as far again, and a negative prompt (w < 0) goes as far the other way: composed guidance (Liu et al. 2022, arXiv
2206.01714), with the text that holds in place of no text: training always had one.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import Prompt


def texts_at(prompts: Sequence[Prompt], time_s: float) -> tuple[str, tuple[tuple[float, str], ...]]:
    """The text at a moment, and (strength, that text with the words of this strength in their places) a pull.

    Prompts of one strength pull together, so each further strength costs one more evaluation of the model.
    """
    held = [prompt for prompt in prompts if prompt.start_s <= time_s < prompt.end_s and prompt.text.strip()]
    strengths = dict.fromkeys(prompt.strength for prompt in held if prompt.strength not in (0, 1))
    return _joined(held, 1), tuple((strength, _joined(held, strength)) for strength in strengths)


def _joined(held: Sequence[Prompt], strength: float) -> str:
    return " ".join(prompt.text for prompt in held if prompt.strength in (1, strength))
