"""Words that no text has → the word that was meant: British spellings by rule, mistakes by the nearest word there is.

A mistake is corrected only where no text and no dictionary has the word, so that “station” never becomes “statin”.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from rapidfuzz.distance import OSA

from search.index import TextIndex
from search.query import Words
from strokemap.text import american, fold

_SHORTEST, _LONGEST = 5, 30
_MOST_UNKNOWN = 8
"""A text with more words that no text has is no query with mistakes, but of another kind or language."""
_SHORTEST_FOR_TWO = 8
"""A word this long may have two letters wrong."""


def correct(words: Words, *, index: TextIndex, pages: TextIndex) -> Words:
    """Give the words with the one meant for each that neither ``index`` nor ``pages`` has.

    What is quoted or left out is taken as it is.
    """
    fixed = (*words.quoted, *words.excluded)
    asked = dict.fromkeys(fold(word.surface) for word in words.words if not word.within(fixed))
    # One index asked once, where the library's articles and the map's pages lie together.
    indexes = (index,) if index is pages else (index, pages)
    unknown = [word for word in asked if _may_be_misspelt(word) and not _known(word, indexes=indexes)]
    meant = {word: _meant(word, indexes=indexes) for word in unknown if len(unknown) <= _MOST_UNKNOWN}
    return replace(words, corrected={word: right for word, right in meant.items() if right != word})


def _may_be_misspelt(word: str) -> bool:
    return word.isalpha() and _SHORTEST <= len(word) <= _LONGEST


def _known(word: str, *, indexes: Sequence[TextIndex]) -> bool:
    return any(index.knows(word) for index in indexes)


def _meant(word: str, *, indexes: Sequence[TextIndex]) -> str:
    plain = american(word)
    for sounds_alike in (plain, plain.replace("f", "ph")):
        if _known(sounds_alike, indexes=indexes):
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
