"""Words for the model: a fixed vocabulary, the words of the scene grammar and their near relations.

A prompt is read word by word; what the model never learned is left out, and `unknown_words` says so, so that a user is
not left guessing why "giraffe" did nothing.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

# Ids follow from the order: new words go to the end, or shipped weights would read other words.
VOCABULARY = (
    "a", "an", "the", "with", "and", "of", "in", "on", "at", "from", "to", "by", "no", "is", "are", "it",
    "room", "street", "landscape", "scene", "ground", "floor", "wall", "walls", "house", "houses", "hill", "hills",
    "tree", "trees", "box", "ball", "pillar", "cylinder", "crate", "barrel", "chest", "table", "stool", "shelf",
    "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "grey", "white", "black",
    "rolls", "moves", "slides", "falls", "comes", "goes", "stands", "turns", "up", "down", "left", "right",
    "dusk", "night", "day", "dawn", "fog", "sun", "sunny", "dark", "light", "bright", "clear", "rain", "snow",
    "dungeon", "city", "courtyard", "castle", "lantern", "torch", "stone", "wood", "big", "small", "two", "three",
)  # fmt: skip
# What people say for what the grammar says.
SYNONYMS = {"gray": "grey", "cube": "box", "sphere": "ball", "column": "pillar", "evening": "dusk", "mist": "fog"}
_IDS = {word: index + 1 for index, word in enumerate(VOCABULARY)}
MAX_WORDS = 48


def words_of(text: str) -> list[str]:
    """The words of a prompt, in lower case."""
    return [SYNONYMS.get(str(word), str(word)) for word in re.findall(r"[a-z]+", text.lower())]


def unknown_words(text: str) -> list[str]:
    """Those the model has never learned, in order, each once."""
    return list(dict.fromkeys(word for word in words_of(text) if word not in _IDS))


def word_ids(texts: list[str]) -> Tensor:  # (B, MAX_WORDS) int64, 0 = none
    """The ids of known words; a longer prompt is cut."""
    ids = torch.zeros(len(texts), MAX_WORDS, dtype=torch.long)
    for row, text in enumerate(texts):
        known = [_IDS[word] for word in words_of(text) if word in _IDS][:MAX_WORDS]
        ids[row, : len(known)] = torch.tensor(known, dtype=torch.long)
    return ids
