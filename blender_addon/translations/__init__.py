"""The add-on's texts in other languages, through Blender's own translation: a module a language, a dictionary each.

Blender looks every label and tooltip up by its English text, so the code has English alone and a text without a
translation is shown in English. Texts with numbers in them are put together in Python and stay English, those of the
legends aside (`blender_addon.overlay.wording`). Another language is one more module like `german`, one like
`german_legends` and one more line in `LANGUAGES`.
"""

from __future__ import annotations

import bpy

from . import german, german_legends

# Blender's locale names; the second is what versions before 4.5 call it, and both may be given.
_GERMAN = {**german.WORDS, **german_legends.WORDS}
LANGUAGES = {"de": _GERMAN, "de_DE": _GERMAN}
# Buttons of operators are looked up in a context of their own.
_CONTEXTS = ("*", "Operator")


def dictionary(words: dict[str, str]) -> dict[tuple[str, str], str]:
    """A language as Blender wants it: (context, English) -> translation."""
    return {(context, english): translated for english, translated in words.items() for context in _CONTEXTS}


def register() -> None:
    bpy.app.translations.register(__package__, {name: dictionary(words) for name, words in LANGUAGES.items()})


def unregister() -> None:
    bpy.app.translations.unregister(__package__)
