"""Hits → results that say why they are here: parts that add up to the score, and a snippet with the matches marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from search.index import EASE
from search.retrieve import Hit, Part, WeightedQuery
from strokemap.text import fold, stem, word_spans

SNIPPET_CHARACTERS = 280
_MOST_READ = 20_000
_EASE = {"easy": "Is easy to read.", "clinician": "Is written for health professionals."}
_SPACE = re.compile(r"\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlight:
    """A place in a snippet that matches an own word or a term of the expansion, as offsets of characters."""

    start: int
    end: int
    by: Literal["word", "term"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An article in an answer. The snippet is plain text, to be escaped by whoever shows it."""

    id: str
    title: str
    url: str
    score: float
    parts: tuple[Part, ...]
    snippet: str
    highlights: tuple[Highlight, ...]
    source: str
    kind: str
    reading_grade: float | None
    length: int
    """Words of the text."""
    why: str
    """What matched, in a sentence without scores or fields."""
    also: tuple[str, ...]
    """Ids of near-duplicates found, which are left out of the list."""


def explain(hits: Sequence[Hit], *, weighted: WeightedQuery, said: Mapping[str, str]) -> tuple[Result, ...]:
    """Give each hit as a result, in the same order; ``said`` is what to call each term."""
    own = frozenset(found for word in weighted.words for found in _stems(word))
    names = frozenset(_stems(name) for term in weighted.terms for name in term.names) - {()}
    return tuple(_result(hit, own=own, names=names, said=said) for hit in hits)


def cut_snippet(result: Result) -> Iterator[tuple[str, str]]:
    """Give the stretches of a snippet in order, each with what matched it: ``word``, ``term`` or the empty string."""
    at = 0
    for match in result.highlights:
        yield from (("", result.snippet[at : match.start]), (match.by, result.snippet[match.start : match.end]))
        at = match.end
    yield "", result.snippet[at:]


def _result(hit: Hit, *, own: frozenset[str], names: frozenset[tuple[str, ...]], said: Mapping[str, str]) -> Result:
    article = hit.article
    snippet, highlights = _snippet(article.text[:_MOST_READ], own=own, names=names)
    return Result(
        id=hit.id,
        title=f"{article.title}: {article.section}" if article.section else article.title,
        url=article.url,
        score=hit.score,
        parts=hit.parts,
        snippet=snippet,
        highlights=highlights,
        source=article.source,
        kind=article.kind,
        reading_grade=article.reading_grade,
        length=article.length,
        why=_why(hit.parts, said=said),
        also=hit.also,
    )


def _why(parts: Sequence[Part], *, said: Mapping[str, str]) -> str:
    words = [f"“{word}”" for word in dict.fromkeys(part.word for part in parts if part.word and part.field != EASE)]
    told = (said.get(part.term, part.term) for part in parts if part.term)
    terms = dict.fromkeys(filter(None, told))
    sentences = [
        f"Has your words {', '.join(words)}." if len(words) > 1 else f"Has your word {words[0]}." if words else "",
        f"{'Also speaks' if words else 'Speaks'} of {', '.join(terms)}." if terms else "",
        "" if words or terms else "Speaks of what often goes with your words.",
        *(_EASE[part.word] for part in parts if part.field == EASE),
    ]
    return " ".join(filter(None, sentences))


def _snippet(text: str, *, own: frozenset[str], names: frozenset[tuple[str, ...]]) -> tuple[str, tuple[Highlight, ...]]:
    """Cut out the stretch in which most different words match, the first of equals, with its matches."""
    matches = sorted(_matches(text, own=own, names=names), key=lambda match: (match.start, match.by != "word"))
    start = _best_start(text, matches)
    end = min(len(text), start + SNIPPET_CHARACTERS)
    if end < len(text):
        # A snippet ends with a whole word, where there is one.
        end = max((place for place in (text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end))), default=end)
        end = end if end > start else start + SNIPPET_CHARACTERS
    marked, reached = [], start
    for match in matches:
        if match.start >= reached and match.end <= end:
            marked.append(Highlight(start=match.start - start, end=match.end - start, by=match.by))
            reached = match.end
    return _SPACE.sub(" ", text[start:end]), tuple(marked)


def _best_start(text: str, matches: Sequence[Highlight]) -> int:
    best, best_count = 0, 0
    found = [_stems(text[match.start : match.end]) for match in matches]
    for place, first in enumerate(matches):
        inside: set[tuple[str, ...]] = set()
        for match, stems in zip(matches[place:], found[place:], strict=True):
            if match.end > first.start + SNIPPET_CHARACTERS * 2 // 3:
                break
            inside.add(stems)
        if len(inside) > best_count:
            best, best_count = first.start, len(inside)
    if best + SNIPPET_CHARACTERS >= len(text):
        best = max(0, len(text) - SNIPPET_CHARACTERS)
    # Go back to where the sentence starts, if it is near, or else to a whole word.
    sentence = max(text.rfind(". ", 0, best), text.rfind("\n", 0, best))
    if best - sentence < SNIPPET_CHARACTERS // 3:
        return min(best, sentence + (2 if text[sentence : sentence + 1] == "." else 1))
    return text.rfind(" ", 0, best) + 1


def _matches(text: str, *, own: frozenset[str], names: frozenset[tuple[str, ...]]) -> Iterator[Highlight]:
    spans = word_spans(text)
    stems = [_stem(text[start:end]) for start, end in spans]
    longest = max(map(len, names), default=0)
    openings = {name[0] for name in names}
    # Few words match, and this is done for each word of each text.
    looked_for = own | openings
    for place in [place for place, found in enumerate(stems) if found in looked_for]:
        if stems[place] in own:
            yield Highlight(start=spans[place][0], end=spans[place][1], by="word")
        if stems[place] in openings:
            for last in range(min(len(stems), place + longest), place, -1):
                if tuple(stems[place:last]) in names:
                    yield Highlight(start=spans[place][0], end=spans[last - 1][1], by="term")
                    break


def _stems(phrase: str) -> tuple[str, ...]:
    return tuple(_stem(phrase[start:end]) for start, end in word_spans(phrase))


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    return stem(fold(word))
