"""The seam to where builds and decisions are kept: the system of record of the map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from kg_builder.model import Build, Decision, Digest, Link, Made, PageText, Term
from strokemap.errors import BuildUnknown, MapTermUnknown
from strokemap.progress import Progress

KEPT = 3
"""Builds that a store keeps of each topic, besides the published one and the one that a rollback leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSummary:
    """A line of the list of builds."""

    digest: Digest
    topic: str
    terms: int
    links: int
    made: Made
    published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TermView:
    """One term as the store has it now, with its links."""

    term: Term
    links: tuple[Link, ...]


class MapStore(Protocol):
    """Builds, whole or absent, and the append-only list of decisions."""

    def write(self, build: Build, *, texts: Iterable[PageText], progress: Progress) -> None:
        """Store a build; durable on return. The same build again changes nothing; a write cut off leaves nothing."""
        ...

    def read(self, digest: Digest) -> Build:
        """Give a build back, equal to what was written. Errors: BuildUnknown."""
        ...

    def texts(self, digest: Digest) -> Iterator[PageText]:
        """Give the texts of a build's terms in order of title; other calls may go between. Errors: BuildUnknown."""
        ...

    def builds(self) -> tuple[BuildSummary, ...]:
        """List the builds, newest first."""
        ...

    def publish(self, digest: Digest) -> None:
        """Make this build its topic's published one, in one transaction. Errors: BuildUnknown."""
        ...

    def published(self, topic: str) -> Digest | None:
        """Give a topic's published build."""
        ...

    def rollback(self, topic: str) -> Digest:
        """Publish what was published before. Errors: BuildUnknown where there is nothing before."""
        ...

    def decide(self, decision: Decision) -> Decision:
        """Append a decision and give it back with its number."""
        ...

    def decisions(self) -> tuple[Decision, ...]:
        """Give all decisions, oldest first."""
        ...

    def term(self, digest: Digest, title: str) -> TermView:
        """Look one term up, live. Errors: BuildUnknown, MapTermUnknown."""
        ...

    def least_certain(self, digest: Digest, *, limit: int) -> tuple[Term, ...]:
        """Give the terms of least relevance, ties by title, starting terms left out. Errors: BuildUnknown."""
        ...

    def path(self, digest: Digest, start: str, end: str) -> tuple[str, ...]:
        """Give the titles along a shortest path, both ends among them; empty where the two are not connected.

        Live. Errors: BuildUnknown, MapTermUnknown.
        """
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...


def unknown_build(digest: Digest) -> BuildUnknown:
    """Give the error for a build that is not there."""
    return BuildUnknown("The store has no such build.", hint="`strokemap builds list` shows the builds.", where=digest)


def unknown_term(title: str) -> MapTermUnknown:
    """Give the error for a term that a build lacks."""
    hint = "Give the title as the map writes it."
    return MapTermUnknown(f"This build has no term “{title}”.", hint=hint, where=title)


def nothing_before(topic: str) -> BuildUnknown:
    """Give the error for a rollback that leads nowhere."""
    hint = "`strokemap builds list` shows the builds; publish one of them."
    return BuildUnknown(f"There is no build of “{topic}” that was published before.", hint=hint, where=topic)
