"""Ways on from an answer: related terms to add, what to call each term, and the query as PubMed takes it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from search.article import Article
from search.expand import OWN_NAMES, Expansion, difficulty, is_hard
from search.linker import Linked
from search.query import Audience, as_meant
from strokemap.text import fold, words

MOST_RELATED = 8
_LEAST_SHARED = 2
_UNSAFE = re.compile(r"[^\w\s'’./+-]+")
"""What means something to PubMed, or nothing at all; it reads letters, digits and these few as they are."""


def related_terms(linked: Linked, expansion: Expansion, articles: Iterable[Article]) -> tuple[str, ...]:
    """Give titles of terms to go on with that are not in the query yet.

    First those that the gate kept out, then those that several of the articles name.
    """
    in_use = {
        *(term.term for term in linked.terms),
        *(term.term for term in expansion.terms),
        *linked.excluded_terms,
    }
    named = Counter(title for article in articles for title in article.terms)
    shared = [title for title, count in named.most_common() if count >= _LEAST_SHARED]
    titles = dict.fromkeys([*expansion.kept_out, *shared])
    return tuple(title for title in titles if title not in in_use)[:MOST_RELATED]


def did_you_mean(text: str, corrected: Mapping[str, str]) -> str:
    """Give a query with the words that were meant; empty where none is misspelt."""
    meant = as_meant(text, corrected)
    return meant if meant != text else ""


def call_terms(expansion: Expansion, *, linked: Linked, audience: Audience) -> dict[str, str]:
    """Give what to call each term: its title; to a patient what they said themselves, or else its plainest name.

    The empty string for a neighbour that has no plain name: a patient is not told of it.
    """
    if audience != "patient":
        return {term.term: term.term for term in expansion.terms}
    called = {term.term: min(term.names, key=difficulty) for term in expansion.terms}
    for term in expansion.terms:
        if term.weight < OWN_NAMES and is_hard(called[term.term]):
            called[term.term] = ""
    said = {term.term: as_meant(term.surface, expansion.corrected) for term in reversed(linked.terms)}
    return called | {term: surface for term, surface in said.items() if term in called}


def pubmed_query(linked: Linked, expansion: Expansion) -> str:
    """Give the expanded query for PubMed: all words and terms, each under any of its names, in title or abstract.

    A neighbour is an alternative to the term from which the map reached it; any other addition is an alternative to the
    whole, as in our own search. What the reader left out follows NOT.
    """
    groups = {term.term: [term.surface] for term in reversed(linked.terms)}
    groups = {term.term: groups[term.term] for term in linked.terms}
    others: list[str] = []
    for added in expansion.terms:
        home = added.path[0].source if added.path else added.term
        groups[home].extend(added.names) if home in groups else others.extend(added.names)
    meant = {word: expansion.corrected.get(fold(word), word) for word in linked.unlinked}
    words_ = [_any_of([word, right]) for word, right in meant.items()]
    wanted = " AND ".join(filter(None, [*(_any_of(names) for names in groups.values()), *words_]))
    beside = _any_of(name for name in others if name not in meant.values())
    whole = f"({wanted}) OR {beside}" if wanted and beside else wanted or beside
    unwanted = _any_of(linked.excluded_terms)
    return f"({whole}) NOT {unwanted}" if whole and unwanted else whole


def _any_of(names: Iterable[str]) -> str:
    cleaned = (" ".join(_UNSAFE.sub(" ", name).split()) for name in names)
    phrases = [f'"{name}"[tiab]' for name in {fold(name): name for name in cleaned if words(name)}.values()]
    return phrases[0] if len(phrases) == 1 else f"({' OR '.join(phrases)})" if phrases else ""
