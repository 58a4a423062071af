"""The nouns of the map as frozen data: pages in, terms and links out, a build around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from strokemap.topic import Topic

Digest = NewType("Digest", str)
"""SHA-256 in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One link as a page has it: where it points, how it is worded, and the sentence and section it stands in."""

    target: str
    surface: str
    section: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of a page's plain text under one heading; the lead has the empty heading."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a source gave for one title, parsed: no markup is left in any text."""

    title: str
    redirects: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    sections: tuple[Section, ...] = ()
    categories: tuple[str, ...] = ()
    identifiers: tuple[tuple[str, str], ...] = ()
    """Pairs of system and code from an infobox or medical-resources template, such as ("icd10", "I63")."""
    disambiguation: bool = False

    @property
    def lead(self) -> str:
        """Give the text before the first heading, or the empty string."""
        return self.sections[0].text if self.sections and not self.sections[0].heading else ""

    @property
    def names(self) -> tuple[str, ...]:
        """Give the title and the other names."""
        return (self.title, *self.redirects)

    def evidence(self, titles: Mapping[str, str | None]) -> Iterator[Evidence]:
        """Give what this page says of others; ``titles`` tells which title a mention leads to, None for nowhere."""
        for mention in self.mentions:
            if (target := titles.get(mention.target)) is not None and target != self.title:
                yield Evidence(source=self.title, target=target, section=mention.section, sentence=mention.sentence)


def titles_by_name(pages: Iterable[Page]) -> dict[str, str]:
    """Give the title that each name leads to; a page's own title goes before another's redirect."""
    pages = tuple(pages)
    redirects = {name: page.title for page in pages for name in page.redirects}
    return redirects | {page.title: page.title for page in pages}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Evidence:
    """Who links to whom, in which section and sentence; sorted in this order."""

    source: str
    target: str
    section: str
    sentence: str


def best_evidence(evidence: Iterable[Evidence]) -> Evidence:
    """Choose what to show: a sentence of the lead before others, the shortest first, no sentence at all last."""
    return min(
        evidence, key=lambda one: (not one.sentence, bool(one.section), len(one.sentence), one.sentence, one.section)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A node of the map. ``relevance`` is the judge's score, 1.0 for starting terms."""

    title: str
    other_names: tuple[str, ...] = ()
    path_length: int
    relevance: float
    reasons: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    summary: str = ""
    """The first sentence of the lead."""
    content_hash: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An undirected edge of two terms; ``a`` sorts before ``b``. The evidence is sorted and never empty."""

    a: str
    b: str
    evidence: tuple[Evidence, ...]

    @property
    def weight(self) -> float:
        """log2(1 + mentions), a mention in the lead counted twice; times 1.5 if both pages mention the other.

        One mention in the body weighs 1.
        """
        mentions = sum(1 if evidence.section else 2 for evidence in self.evidence)
        mutual = len({evidence.source for evidence in self.evidence}) > 1
        return round(math.log2(1 + mentions) * (1.5 if mutual else 1.0), 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The wiki that pages come from, as it names itself; empty where it does not say."""

    name: str = ""
    address: str = ""
    """What stands before a page's title in its address, such as ``https://en.wikipedia.org/wiki/``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a build was made; no part of its digest."""

    source: str
    """Absolute path or URL of what was read."""
    site: Site = Site()
    judge: str
    pages: int
    requests: int
    failed: tuple[str, ...] = ()
    """Starting terms that the source lacks and pages that could not be had, each with the reason."""
    unread: int = 0
    """How many linked titles were left unread because ``max_pages`` was reached: above 0, the map is cut."""
    at: datetime
    passed_over: int = 0
    """How many titles at the topic's path length the judge found not worth reading. Last: older records lack it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One immutable version of a map. Terms are sorted by title, links by their two titles."""

    digest: Digest
    topic: Topic
    terms: tuple[Term, ...]
    links: tuple[Link, ...]
    made: Made


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """The readable text of one term's page, kept beside the build for the text index."""

    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a curator decided about a term or link; kept apart from builds and applied to every later one."""

    number: int
    """Given by the store, counting up from 1; 0 before that."""
    action: str
    """accept, reject, merge, rename, alias, code, link, unlink or undo."""
    term: str
    value: str = ""
    """The other term, the new name, ``system:code``, or the number that an undo takes back."""
    who: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A page that accepted terms link to, with all that is known when it is judged."""

    page: Page
    path_length: int
    evidence: tuple[Evidence, ...]
    """The mentions of this page on accepted pages of lower path length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether a candidate becomes a term, how sure that is, and the three strongest reasons."""

    title: str
    accepted: bool
    score: float
    reasons: tuple[str, ...] = ()
