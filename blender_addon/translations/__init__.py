"""The add-on's texts in other languages, through Blender's own translation: a module a language, a dictionary each.

Blender looks every label and tooltip up by its English text, so the code has English alone and a text without a
translation is shown in English. Texts with numbers in them are put together in Python and stay English, but for those
that are made as phrases (`mosaic_core.wording`): legends, captions, what panels count, what a check of the path found,
how far a job is, and what selecting, editing, capturing and generating report. Another language is one more module like
`german`, two like `german_legends` and `german_reports`, and one more line in `LANGUAGES`.
"""

from __future__ import annotations

import bpy

from mosaic_core.wording import shown

from . import german, german_legends, german_reports

# Blender's locale names; the second is what versions before 4.5 call it, and both may be given.
_GERMAN = {**german.WORDS, **german_legends.WORDS, **german_reports.WORDS}
LANGUAGES = {"de": _GERMAN, "de_DE": _GERMAN}
# For words that Blender translates itself, and otherwise: a memory is not the computer's. Its translation goes first.
CONTEXT = "Mosaic"
# Buttons of operators are looked up in a context of their own.
_CONTEXTS = ("*", "Operator", CONTEXT)


def dictionary(words: dict[str, str]) -> dict[tuple[str, str], str]:
    """A language as Blender wants it: (context, English) -> translation."""
    return {(context, english): translated for english, translated in words.items() for context in _CONTEXTS}


def in_words(text: str) -> str:
    """A phrase in the language of Blender's interface; another string as it is."""
    return shown(text, bpy.app.translations.pgettext_iface)


def report(operator: bpy.types.Operator, level: str, text: str | BaseException) -> None:
    """What an operator says below and in the status bar, in the language of the interface; of an error what it says."""
    if isinstance(text, BaseException):  # its own text is a plain string, what it was raised with may be a phrase
        text = text.args[0] if text.args and isinstance(text.args[0], str) else str(text)
    operator.report({level}, in_words(text))


def register() -> None:
    bpy.app.translations.register(__package__, {name: dictionary(words) for name, words in LANGUAGES.items()})


def unregister() -> None:
    bpy.app.translations.unregister(__package__)
