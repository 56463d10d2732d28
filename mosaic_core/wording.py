"""Texts with numbers in them that can still be translated when they are drawn.

Blender translates labels by their English text, which a text with numbers in it never is again. So a legend, or what a
check found, is made of phrases: English for whoever reads or compares them, and each remembers its template, which has
a translation, and what was put into it. A plain string is a name or somebody else's message and is shown as it is. No
Blender in here.
"""

from __future__ import annotations

from collections.abc import Callable


class Phrase(str):
    """An English text, and what it was made of."""

    template: str
    values: dict[str, object]


def phrase(template: str, **values: object) -> Phrase:
    """The template with these values in it, as `str.format` puts them there."""
    made = Phrase(template.format(**values))
    made.template, made.values = template, values
    return made


def counted(number: int, nouns: str) -> Phrase:
    """'1 patch', '5 patches'; of patches, views or objects."""
    if nouns == "patches":
        return phrase("1 patch") if number == 1 else phrase("{count} patches", count=number)
    if nouns == "views":
        return phrase("1 view") if number == 1 else phrase("{count} views", count=number)
    return phrase("1 object") if number == 1 else phrase("{count} objects", count=number)


def shown(text: str, translate: Callable[[str], str]) -> str:
    """The text in the language that `translate` leads to; phrases within phrases too."""
    if not isinstance(text, Phrase):
        return text
    values = {name: shown(value, translate) if isinstance(value, str) else value for name, value in text.values.items()}
    return translate(text.template).format(**values)
