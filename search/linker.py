"""Names in a text → terms of the map: runs of words are looked up in the projection. As spaCy entities: describe.py.

The longest run that is a name wins, from left to right. Case, plural endings, British spelling, and whether it is
written together or apart do not matter; a misspelt word stands for the one meant. An abbreviation keeps its case unless
it can mean one term only and is no word of its own. A name that several terms share goes to the one that the other
terms of the text lie nearest to; without others to the one whose title it is, then to the most relevant.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import distribution
from runpy import run_path
from typing import NamedTuple

from kg_builder.projection import Name, Projection, TermId
from search.query import Exclusion, Place, Words
from strokemap.errors import TermUnknown
from strokemap.text import american, fold, is_abbreviation, name_key, word_spans

_BREAK = "."
# A name does not run across the end of a sentence, a quote or a line.
_BREAKS = re.compile(r"[.;:!?]\s|[\"“”\n|]")
# English words that small letters turn some medical abbreviations into.
_ALSO_WORDS = frozenset(str.split("aids ace act arms art bat bed cat dab dash dope ear fast gad gap gas hip hit lad "
                                  "map mar mend nose pap pet raft rest sad sap star step tens tip"))  # fmt: skip
# “Thromboses”, of which the key has already lost its s.
_GREEK_PLURAL = re.compile(r"(?<=[a-z]{4}[aeo])se\b")
_SHORTEST_PART = 3
"""Letters of each half of a name that is written together."""
_MOST_SUGGESTIONS = 3
_LEAST_LIKENESS = 0.7
_LONGEST_SUGGESTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedTerm(Place):
    """A term named in a text: the words that name it, and where they stand."""

    term: str
    surface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What the map knows of a query: its terms, the words that name none, and what is left out, now exactly."""

    terms: tuple[LinkedTerm, ...] = ()
    unlinked: tuple[str, ...] = ()
    """Words that no term covers, in order; small words are not told."""
    excluded: tuple[Exclusion, ...]
    excluded_terms: tuple[str, ...] = ()


class _Match(NamedTuple):
    first: int
    last: int
    names: tuple[Name, ...]


def link(words: Words, *, projection: Projection) -> Linked:
    """Find the terms that a query names. What is left out is linked for itself, and never counts as a term."""
    found = list(named_terms(words, projection=projection))
    terms = [term for term in found if not term.within(words.excluded)]
    excluded: list[Exclusion] = []
    excluded_terms: list[str] = []
    for item in words.excluded:
        inside = [term for term in found if term.within([item])]
        # “without aphasia training” leaves out aphasia; training is searched. What was marked by hand stays whole.
        named = not item.firm and inside and inside[0].start == item.start
        excluded.append(replace(item, end=inside[0].end) if named else item)
        excluded_terms += [term.term for term in inside if term.within(excluded[-1:])]
    known = [*terms, *excluded]
    unlinked = [
        word.surface for word in words.words if not word.within(known) and fold(word.surface) not in _small_words()
    ]
    return Linked(
        terms=tuple(terms),
        unlinked=tuple(dict.fromkeys(unlinked)),
        excluded=tuple(excluded),
        excluded_terms=tuple(dict.fromkeys(excluded_terms)),
    )


def find_term(name: str, *, projection: Projection) -> TermId | None:
    """Give the term with this title, or else the first with this name."""
    term = projection.term(name)
    if term is None and (named := projection.find(name_key(name))):
        return named[0].term
    return term


def find_terms(
    names: Sequence[str], *, projection: Projection, option: str = "with", passed_over: Container[str] = ()
) -> tuple[TermId, ...]:
    """Give the terms that a user named by hand: a title, or else any name. Errors: TermUnknown, with suggestions."""
    found = []
    for place, name in enumerate(names):
        if name in passed_over:
            continue
        term = find_term(name, projection=projection)
        if term is None:
            shown = name[:_LONGEST_SUGGESTED]
            raise TermUnknown(
                f"No term of this map is called “{shown}”.",
                hint=_suggest(shown, projection=projection),
                where=f"{option}[{place}]",
            )
        found.append(term)
    return tuple(dict.fromkeys(found))


def _suggest(name: str, *, projection: Projection) -> str:
    names: dict[str, str] = {}
    for term, title in enumerate(projection.titles):
        for known in (title, *projection.other_names(TermId(term))):
            names.setdefault(fold(known), known)
    close = difflib.get_close_matches(fold(name), names, n=_MOST_SUGGESTIONS, cutoff=_LEAST_LIKENESS)
    if not close:
        return "Search for it to see which terms are near."
    return f"Did you mean {' or '.join(names[key] for key in close)}?"


def named_terms(words: Words, *, projection: Projection) -> Iterator[LinkedTerm]:
    """Give each term that a text names, in order, what is left out included."""
    spans = list(_spans(words))
    tokens = [words.text[start:end] if end else _BREAK for start, end in spans]
    matches = list(_matches(tokens, projection=projection, corrected=words.corrected))
    settled = [names[0].term for _, _, names in matches if len({name.term for name in names}) == 1]
    for first, last, names in matches:
        start, end = spans[first][0], spans[last - 1][1]
        title = projection.titles[_choose(names, settled=settled, projection=projection)]
        yield LinkedTerm(term=title, surface=words.text[start:end], start=start, end=end)


def _spans(words: Words) -> Iterator[tuple[int, int]]:
    """Give the places of the words; (0, 0) where no name may run on: also where something left out starts or ends."""
    cuts = sorted(place for item in words.excluded for place in (item.start, item.end))
    before = 0
    for start, end in word_spans(words.text):
        if _BREAKS.search(words.text, before, start) or bisect_left(cuts, before) < bisect_right(cuts, start):
            yield 0, 0
        yield start, end
        before = end


@lru_cache(maxsize=1)
def _small_words() -> frozenset[str]:
    # This one file of spaCy by itself: importing the package takes longer than a whole search.
    file = distribution("spacy").locate_file("spacy/lang/en/stop_words.py")
    return frozenset(run_path(str(file))["STOP_WORDS"])


def _matches(tokens: Sequence[str], *, projection: Projection, corrected: Mapping[str, str]) -> Iterator[_Match]:
    keys = [name_key(token) for token in tokens]
    meant = [name_key(corrected.get(fold(token), token)) for token in tokens]
    # In a text all in capitals, capitals say nothing.
    shouted = sum(token.isupper() for token in tokens) > 1 and all(not token.islower() for token in tokens)
    place = 0
    while place < len(tokens):
        longest = min(projection.longest_name, len(tokens) - place)
        for last in range(place + 1, place + longest + 1):
            if not keys[last - 1]:
                longest = last - 1 - place
                break
        for last in range(place + longest, place, -1):
            surface = tokens[place] if last == place + 1 else ""
            names = _find(keys[place:last], projection=projection)
            if not names and meant[place:last] != keys[place:last]:
                names = _find(meant[place:last], projection=projection)
            if names := tuple(name for name in names if not surface or _may_mean(surface, name, names, shouted)):
                yield _Match(place, last, names)
                place = last - 1
                break
        place += 1


def _find(keys: Sequence[str], *, projection: Projection) -> tuple[Name, ...]:
    """Give the names under these words, or else in American spelling or singular, or else written together or apart."""
    key = " ".join(keys)
    plain = american(key)
    for spelling in dict.fromkeys((key, plain, _GREEK_PLURAL.sub("sis", plain))):
        if names := projection.find(spelling):
            return names
    if len(keys) == 2:
        # “A F” is no “AF”.
        return tuple(name for name in projection.find("".join(keys)) if not is_abbreviation(name.name))
    if len(keys) == 1:
        parts = range(_SHORTEST_PART, len(key) - _SHORTEST_PART + 1)
        return next((names for cut in parts if (names := projection.find(f"{key[:cut]} {key[cut:]}"))), ())
    return ()


def _may_mean(surface: str, name: Name, names: Sequence[Name], shouted: bool) -> bool:
    """Tell whether one word may stand for a name under its key, by case."""
    folded = fold(surface)
    small = folded in _small_words()
    if not is_abbreviation(name.name):
        return not small or surface == name.name
    ordinary = small or folded in _ALSO_WORDS
    if surface in (name.name, f"{name.name}s") and not (shouted and ordinary):
        return True
    return not ordinary and len(surface) > 2 and len({other.term for other in names}) == 1


def _choose(names: Sequence[Name], *, settled: Sequence[TermId], projection: Projection) -> TermId:
    terms = list(dict.fromkeys(name.term for name in names))
    if len(terms) == 1:
        return terms[0]
    nearness = dict.fromkeys(terms, 0.0)
    for start in settled:
        near, weights = projection.vector(start)
        for term, weight in zip(near.tolist(), weights.tolist(), strict=True):
            if term in nearness:
                nearness[term] += weight
    titled = {name.term for name in names if name.is_title}
    return min(terms, key=lambda term: (-nearness[term], term not in titled, -projection.relevance(term), term))
