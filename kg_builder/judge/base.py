"""The seam between the crawl and whoever decides which pages belong to a topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kg_builder.model import Candidate, Judgement, Page
from strokemap.topic import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What candidates are measured against: the topic, its starting pages, and all pages accepted so far.

    ``accepted`` holds the pages of every lower path length, the starting ones included. Both are sorted by title.
    """

    topic: Topic
    starting: tuple[Page, ...]
    accepted: tuple[Page, ...]


class Judge(Protocol):
    """Decides which candidates become terms. Pure: the same candidates in any order get the same judgements."""

    @property
    def name(self) -> str:
        """What the build records: which kind of judge, and for a model the start of its training digest."""
        ...

    def worth_reading(self, title: str, sentences: Sequence[str]) -> bool:
        """Take a first look at a title before its page is read, and at the sentences that mention it.

        Asked only at the topic's path length, where nobody follows a page's own links. False only where ``judge`` would
        hardly accept the page: nobody learns what was missed.
        """
        ...

    def judge(self, candidates: Sequence[Candidate], *, context: Context) -> list[Judgement]:
        """Judge all candidates of one path length together; the answers are sorted by title, one each."""
        ...
