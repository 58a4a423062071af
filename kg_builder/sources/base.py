"""The seam to where pages come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kg_builder.model import Page, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The answer for a list of titles.

    ``resolved`` maps every title asked for to the page it leads to, redirects followed, or to None where there is none.
    ``pages`` holds each page once; ``failed`` holds titles that exist but could not be had, with the reason.
    """

    pages: tuple[Page, ...]
    resolved: dict[str, str | None]
    failed: dict[str, str]


class PageSource(Protocol):
    """Where pages come from: an export file or a wiki's API. Answers do not depend on the order of asking."""

    @property
    def name(self) -> str:
        """Absolute path or URL, for the record of the build."""
        ...

    @property
    def site(self) -> Site:
        """The wiki's own name and address, so that readers learn whose text they see."""
        ...

    @property
    def edition(self) -> str:
        """What tells one state of the source from another: a content digest, or "" where pages may change any time."""
        ...

    @property
    def requests(self) -> int:
        """How many requests or passes over the file were made so far."""
        ...

    def fetch(self, titles: Sequence[str]) -> Fetched:
        """Read pages by title. Errors: SourceMalformed, or a retryable MapError where the source is out of reach."""
        ...

    def changed(self, since: datetime, *, requests: int) -> frozenset[str] | None:
        """Give the titles whose page, redirect or absence may have changed since a moment; more than that is no harm.

        None where telling would take more than so many requests, or where the source does not know any more.
        """
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...
