"""A made-up map and library of any size, the same each time: power-law links, words as frequent as Zipf says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from kg_builder.build import digest_build
from kg_builder.model import Build, Digest, Evidence, Link, Made, Term
from search.article import KINDS, STAGES, Article
from strokemap.topic import Topic

WORDS = 60_000
_SYLLABLES = [first + vowel for first in "bcdfghklmnprstvw" for vowel in "aeiou"]
_SENTENCE = "This sentence is as long as many a sentence of an encyclopedia, and mentions one term of the two."


@lru_cache(maxsize=1)
def words() -> tuple[str, ...]:
    """Invented words of two to four syllables, the most frequent first; no two are alike."""
    chance = np.random.default_rng(1)
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(chance.choice(_SYLLABLES, size=chance.integers(2, 5))) + chance.choice(["n", "l", "x", "m"])] = (
            None
        )
    return tuple(found)


def zipf(chance: np.random.Generator, size: int) -> np.ndarray:
    """Draw ranks of words: rank r is about 1 / r as frequent as the first."""
    return np.minimum(
        WORDS - 1, np.exp(chance.random(size) * np.log(WORDS)).astype(int) - 1 + chance.integers(0, 2, size)
    )


def titles(terms: int) -> list[str]:
    """Titles of one to three words, rarely the most frequent ones, as titles of pages are."""
    chance = np.random.default_rng(2)
    found: dict[str, None] = {}
    while len(found) < terms:
        for row in 300 + (chance.random((terms, 3)) ** 2 * (WORDS - 300)).astype(int):
            name = " ".join(words()[rank] for rank in row[: chance.integers(1, 4)])
            found[name.capitalize()] = None
            if len(found) == terms:
                break
    return sorted(found)


def made_up_map(*, terms: int, links: int) -> Build:
    """Make a map whose links lie as Zipf says: few terms have many, many have few."""
    chance = np.random.default_rng(3)
    names = titles(terms)
    popular = chance.permutation(terms)
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < links:
        ends = popular[(terms * chance.random((links, 2)) ** np.array([3.0, 1.4])).astype(int)]
        for a, b in ends.tolist():
            if a != b:
                pairs.add((min(a, b), max(a, b)))
            if len(pairs) == links:
                break
    topic = Topic(name="benchmark", starting_terms=(names[0],), path_length=2)
    some = tuple(
        Term(
            title=name,
            other_names=(f"{words()[(7 * number) % WORDS]} {words()[(13 * number + 5) % WORDS]}",),
            path_length=1,
            relevance=0.5,
            summary=f"{name} is a made-up thing of some kind.",
            content_hash=Digest("c" * 64),
        )
        for number, name in enumerate(names)
    )
    linked = tuple(
        Link(
            a=names[a],
            b=names[b],
            evidence=(Evidence(source=names[a], target=names[b], section="Signs", sentence=_SENTENCE),),
        )
        for a, b in sorted(pairs)
    )
    made = Made(source="made up", judge="none", pages=terms, requests=0, at=datetime(2026, 11, 1, tzinfo=UTC))
    return Build(digest=digest_build(topic, some, linked), topic=topic, terms=some, links=linked, made=made)


def made_up_articles(count: int, *, names: list[str], length: int = 300) -> Iterator[Article]:
    """Give articles of ``length`` words, each about one to three terms that it names several times."""
    chance = np.random.default_rng(4)
    for number in range(count):
        about = [names[place] for place in chance.integers(0, len(names), chance.integers(1, 4))]
        text = [words()[rank] for rank in zipf(chance, length)]
        for name in about * 3:
            text.insert(int(chance.integers(0, len(text))), name)
        for place in range(14, len(text), 15):
            text[place] += "."
        yield Article(
            id=f"lib:made-up-{number:06}",
            title=f"All about {about[0]}",
            text=" ".join(text),
            source=f"House {number % 7}",
            kind=KINDS[number % len(KINDS)],
            stage=(STAGES[number % len(STAGES)],),
            language="en",
            reading_grade=float(number % 19),
        )


def made_up_queries(count: int, *, names: list[str]) -> list[str]:
    """Give queries of one or two terms and none to four words more."""
    chance = np.random.default_rng(5)
    found = []
    for _ in range(count):
        some = [names[place] for place in chance.integers(0, len(names), chance.integers(1, 3))]
        more = [words()[rank] for rank in 50 + zipf(chance, int(chance.integers(0, 5))) if rank < WORDS]
        found.append(" ".join([*some, *more]))
    return found
