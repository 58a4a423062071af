"""Own words and weighted terms → articles with their parts. The weights of the fields stand here.

A word scores the sum of its matches over the fields. A term scores its best match alone, of any of its names as a
phrase in any field; the score of a phrase of n words is divided by n, for tantivy adds up the rarity of its words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from search.article import Article
from search.expand import ExpandedTerm, Expansion
from search.index import ALL, EASE, EXACT, STOP_WORDS, Clause, Request, TextIndex
from search.linker import Linked
from search.query import Filters, Words
from strokemap.text import american, fold

WORD_FIELDS = {ALL: 1.0, "title": 0.1, "section": 0.1, "names": 0.05, "subjects": 0.1}
"""How much a match of an own word counts; measured by benchmarks/retrieval.py."""
TERM_FIELDS = {ALL: 1.0, "title": 0.5, "subjects": 0.5}
EASY = {"easy": 0.1, "clinician": -2.0}
"""What an article of this ease gains for each own word when easy ones are wanted; the field of the part is EASE."""
ABOUT = ("title", "section", "names", "subjects")
"""Where an article says what it is about."""
_SPARE = 20
"""Candidates beyond the page, so that articles of nearly equal score are put in order by the exact sum of parts."""
_NEARLY = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedQuery:
    """What ``retrieve`` takes: made from a reader's query by ``weigh``, or from a patient's needs."""

    words: tuple[str, ...] = ()
    """Own words, each at weight 1."""
    phrases: tuple[str, ...] = ()
    """Every one must stand in an article as it is."""
    excluded: tuple[str, ...] = ()
    """Phrases that must not stand anywhere in an article."""
    not_about: tuple[str, ...] = ()
    """Phrases that an article must not be about."""
    terms: tuple[ExpandedTerm, ...] = ()
    easy: bool = False
    """Articles that are easy to read come sooner, those written for clinicians later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one word or one term adds to a score, and in which field; the other of ``word`` and ``term`` is empty."""

    word: str = ""
    term: str = ""
    field: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An article found. The parts add up to the score."""

    id: str
    score: float
    parts: tuple[Part, ...]
    article: Article
    also: tuple[str, ...] = ()
    """Ids of articles found that are nearly the same as this one, folded into it."""


def weigh(words: Words, *, linked: Linked, expansion: Expansion, easy: bool = False) -> WeightedQuery:
    """Put a query together: each own word at weight 1, the expansion at its low weights."""
    searched = dict.fromkeys(fold(word.surface) for word in words.words if not word.within(linked.excluded))
    return WeightedQuery(
        words=tuple(word for word in searched if word not in STOP_WORDS),
        phrases=tuple(words.text[item.start : item.end] for item in words.quoted),
        excluded=_spellings(words.text[item.start : item.end] for item in linked.excluded if item.firm),
        not_about=(
            *_spellings(words.text[item.start : item.end] for item in linked.excluded if not item.firm),
            # “Without dysphasia” keeps out what is about aphasia.
            *linked.excluded_terms,
        ),
        terms=expansion.terms,
        easy=easy,
    )


def _spellings(phrases: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spelling for phrase in phrases for spelling in (phrase, american(fold(phrase)))))


def retrieve(
    weighted: WeightedQuery, *, index: TextIndex, filters: Filters, limit: int, offset: int = 0
) -> tuple[Hit, ...]:
    """Give the best articles with their parts, best first; ties are broken by id, near-duplicates folded into the best.

    The articles from ``offset`` on are those that a longer list from the start has there.
    """
    scorers = _scorers(weighted, index=index)
    request = _request(weighted, scorers, index=index, filters=filters)
    wanted = offset + limit
    depth = wanted + _SPARE
    while True:
        found = index.best(request, limit=depth)
        parts = _exact([id for id, _ in found], scorers, weighted=weighted, index=index)
        scores = {id: math.fsum(part.score for part in of) for id, of in parts.items()}
        folded = _fold(sorted(scores, key=lambda id: (-scores[id], id)), index=index)
        page = list(folded)[offset:wanted]
        # Whatever was not looked at must score less than the last on the page.
        if len(found) < depth or (len(folded) >= wanted and found[-1][1] < scores[page[-1]] - _NEARLY):
            break
        depth *= 2
    articles = index.articles_by_id(page)
    return tuple(
        Hit(
            id=id,
            score=scores[id],
            parts=tuple(sorted(parts[id], key=lambda part: (-part.score, part.word, part.term, part.field))),
            article=articles[id],
            also=tuple(folded[id]),
        )
        for id in page
    )


def rank(weighted: WeightedQuery, *, index: TextIndex, limit: int, role: str = "") -> tuple[tuple[str, float], ...]:
    """Give only the ids and scores of the best articles; ``role`` keeps to library articles or first sections."""
    request = _request(weighted, _scorers(weighted, index=index), index=index, filters=Filters(role=role))
    return index.best(request, limit=limit)


def find_about(names: Iterable[str], *, index: TextIndex, limit: int) -> tuple[str, ...]:
    """Give the ids of the articles that say that they are about one of ``names``, however little else they say."""
    groups = [(clause,) for name in names for clause in _clauses(name, ABOUT, index=index)]
    return index.find(Request(groups=tuple(groups)), limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scorer:
    """One summand of the score, the best of its clauses, and whose it is."""

    word: str = ""
    term: str = ""
    clauses: tuple[Clause, ...]


def _scorers(weighted: WeightedQuery, *, index: TextIndex) -> tuple[_Scorer, ...]:
    scorers: list[_Scorer] = []
    seen: set[str] = set()
    for word in weighted.words:
        for _, stem in index.stems(word):
            if stem in seen:
                # “stroke strokes” is one word to the index and must not count twice.
                continue
            seen.add(stem)
            for field, weight in WORD_FIELDS.items():
                clause = Clause(field=field, stems=((0, stem),), weight=weight)
                scorers.append(_Scorer(word=word, clauses=(clause,)))
    for term in weighted.terms:
        if clauses := tuple(_term_clauses(term, index=index)):
            scorers.append(_Scorer(term=term.term, clauses=clauses))
    return tuple(scorers)


def _term_clauses(term: ExpandedTerm, *, index: TextIndex) -> Iterator[Clause]:
    for stems in dict.fromkeys(index.stems(name) for name in term.names):
        for field, weight in TERM_FIELDS.items() if stems else ():
            yield Clause(field=field, stems=stems, weight=weight * term.weight / len(stems))


def _request(weighted: WeightedQuery, scorers: Sequence[_Scorer], *, index: TextIndex, filters: Filters) -> Request:
    required = [clause for phrase in weighted.phrases for clause in _clauses(phrase, (ALL,), index=index)]
    forbidden = [
        clause
        for phrases, fields in ((weighted.excluded, (ALL, "subjects")), (weighted.not_about, ABOUT))
        for phrase in phrases
        for clause in _clauses(phrase, fields, index=index)
    ]
    exact = ((field, getattr(filters, field)) for field in EXACT)
    required += [Clause(field=field, stems=((0, value),)) for field, value in exact if value]
    return Request(
        groups=tuple(scorer.clauses for scorer in scorers),
        required=tuple(required),
        forbidden=tuple(forbidden),
        preferred=tuple(Clause(field=EASE, stems=((0, ease),), weight=gain) for ease, gain in _gains(weighted).items()),
    )


def _clauses(phrase: str, fields: Sequence[str], *, index: TextIndex) -> list[Clause]:
    stems = index.stems(phrase)
    return [Clause(field=field, stems=stems) for field in fields] if stems else []


def _exact(
    ids: Sequence[str], scorers: Sequence[_Scorer], *, weighted: WeightedQuery, index: TextIndex
) -> dict[str, list[Part]]:
    """Give the parts of each article's score: those of the words and terms, and what being easy to read adds."""
    parts: dict[str, list[Part]] = {id: [] for id in ids}
    clauses = [clause for scorer in scorers for clause in scorer.clauses]
    by_clause = iter(index.scores(clauses, ids=ids) if ids else ())
    for scorer in scorers if ids else ():
        best: dict[str, tuple[float, str]] = {}
        for clause in scorer.clauses:
            for id, score in next(by_clause).items():
                if id not in best or score > best[id][0]:
                    best[id] = (score, clause.field)
        for id, (score, field) in best.items():
            parts[id].append(Part(word=scorer.word, term=scorer.term, field=field, score=score))
    if gains := _gains(weighted):
        for id, article in index.articles_by_id(ids).items():
            if gain := gains.get(article.ease):
                parts[id].append(Part(word=article.ease, field=EASE, score=gain))
    return parts


def _gains(weighted: WeightedQuery) -> dict[str, float]:
    """Give what an article of each ease gains: more for more words, for these score more, too."""
    return {ease: gain * max(1, len(weighted.words)) for ease, gain in EASY.items()} if weighted.easy else {}


def _fold(ids: Sequence[str], *, index: TextIndex) -> dict[str, list[str]]:
    """Give the first of each group of near-duplicates, in the same order, each with the others."""
    folds = index.folds(ids)
    firsts: dict[str, str] = {}
    folded: dict[str, list[str]] = {}
    for id in ids:
        first = firsts.setdefault(folds[id], id)
        if first == id:
            folded[id] = []
        else:
            folded[first].append(id)
    return folded
