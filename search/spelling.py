"""Words that no text has → the word that was meant: British spellings by rule, mistakes by the nearest word there is.

A mistake is corrected only where no text and no dictionary has the word, so that “station” never becomes “statin”.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from rapidfuzz.distance import OSA

from search.index import TextIndex
from search.query import Words
from strokemap.text import american, fold

_SHORTEST = 5
_SHORTEST_FOR_TWO = 8
"""A word this long may have two letters wrong."""


def correct(words: Words, *, index: TextIndex, pages: TextIndex) -> Words:
    """Give the words with the one meant for each that neither ``index`` nor ``pages`` has.

    What is quoted or left out is taken as it is.
    """
    fixed = (*words.quoted, *words.excluded)
    asked = dict.fromkeys(fold(word.surface) for word in words.words if not word.within(fixed))
    meant = {word: _meant(word, indexes=(index, pages)) for word in asked if word.isalpha()}
    return replace(words, corrected={word: right for word, right in meant.items() if right != word})


def _meant(word: str, *, indexes: tuple[TextIndex, ...]) -> str:
    if len(word) < _SHORTEST or any(index.knows(word) for index in indexes):
        return word
    plain = american(word)
    for sounds_alike in (plain, plain.replace("f", "ph")):
        if any(index.knows(sounds_alike) for index in indexes):
            return sounds_alike
    edits = 2 if len(word) >= _SHORTEST_FOR_TWO else 1
    like = {other for index in indexes for other in index.words_like(word, edits=edits)}
    ranked = sorted(
        (american(other) != plain, OSA.distance(word, other), -sum(index.knows(other) for index in indexes), other)
        for other in like
        if other.isalpha() and other[0] == word[0]
    )
    if not ranked or (ranked[0][0] and word in _english()):
        return word
    return ranked[0][-1]


@lru_cache(maxsize=1)
def _english() -> frozenset[str]:
    from spellchecker import SpellChecker

    return frozenset(SpellChecker(language="en").word_frequency.keys())
