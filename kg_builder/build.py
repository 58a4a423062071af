"""From what a crawl accepted to a build: assembled, named by its digest, compared, published, rolled back.

The digest covers topic, titles, other names, codes, path lengths, relevance, links, their evidence and the hash of
each page's text. Relevance is in it, at the four places that a term keeps, because two maps that weigh their terms
differently answer differently. Left out are the reasons (they explain the relevance), the summary (it is part of the
text), and how the build was made.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from kg_builder.model import Build, Digest, Evidence, Link, Made, Page, PageText, Site, Term, titles_by_name
from kg_builder.projection import Projection, make_projection
from kg_builder.stores.base import MapStore
from kg_builder.wikitext import first_sentence
from strokemap.home import Home
from strokemap.progress import Progress
from strokemap.topic import Topic

if TYPE_CHECKING:  # crawl imports this file
    from kg_builder.crawl import Accepted, Crawled

_Key = TypeVar("_Key", str, tuple[str, str])
NO_SITE = Site()
DIGEST_FORMAT = "strokemap-build-1"


def assemble(
    topic: Topic, *, crawled: Crawled, source: str, now: datetime, site: Site = NO_SITE
) -> tuple[Build, Iterable[PageText]]:
    """Make the build of a crawl, and the texts of its terms in order of title.

    Two terms are linked where either's page mentions the other, under its title or a redirect to it.
    """
    accepted = sorted(crawled.terms, key=lambda term: term.page.title)
    terms = tuple(map(_term, accepted))
    links = _links([term.page for term in accepted])
    made = Made(
        source=source,
        site=site,
        judge=crawled.judge,
        pages=crawled.pages,
        requests=crawled.requests,
        failed=crawled.failed,
        unread=crawled.unread,
        at=now,
    )
    build = Build(digest=digest_build(topic, terms, links), topic=topic, terms=terms, links=links, made=made)
    return build, [PageText(title=term.page.title, sections=term.page.sections) for term in accepted]


def digest_build(topic: Topic, terms: Sequence[Term], links: Sequence[Link]) -> Digest:
    """Name what a map says; the order of terms, links, evidence and starting terms makes no difference."""
    sha = hashlib.sha256()
    for line in _canonical(topic, terms, links):
        sha.update(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return Digest(sha.hexdigest())


def _canonical(topic: Topic, terms: Sequence[Term], links: Sequence[Link]) -> Iterator[list[object]]:
    threshold = None if topic.threshold is None else f"{topic.threshold:.6f}"
    yield [DIGEST_FORMAT, topic.name, sorted(topic.starting_terms), topic.path_length, topic.judge, threshold]
    for term in sorted(terms, key=lambda term: term.title):
        names, codes = sorted(term.other_names), sorted(term.codes)
        yield ["term", term.title, names, codes, term.path_length, f"{term.relevance:.4f}", term.content_hash]
    for link in sorted(links, key=lambda link: (link.a, link.b)):
        evidence = [(one.source, one.target, one.section, one.sentence) for one in sorted(set(link.evidence))]
        yield ["link", link.a, link.b, evidence]


def _term(accepted: Accepted) -> Term:
    page = accepted.page
    content = [[section.heading, section.text] for section in page.sections]
    return Term(
        title=page.title,
        other_names=tuple(sorted(set(page.redirects))),
        path_length=accepted.path_length,
        relevance=accepted.relevance,
        reasons=accepted.reasons,
        codes=tuple(sorted(set(page.identifiers))),
        summary=first_sentence(page.lead),
        content_hash=Digest(hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()),
    )


def _links(pages: Sequence[Page]) -> tuple[Link, ...]:
    titles = titles_by_name(pages)
    found: dict[tuple[str, str], set[Evidence]] = defaultdict(set)
    for page in pages:
        for evidence in page.evidence(titles):
            found[min(page.title, evidence.target), max(page.title, evidence.target)].add(evidence)
    return tuple(Link(a=a, b=b, evidence=tuple(sorted(found[a, b]))) for a, b in sorted(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDiff:
    """What the second of two builds has that the first has not, and the other way round; all sorted."""

    topic_changed: bool
    terms_added: tuple[str, ...]
    terms_removed: tuple[str, ...]
    terms_changed: tuple[str, ...]
    """Terms of both whose names, codes, path length, relevance or text differ."""
    links_added: tuple[tuple[str, str], ...]
    links_removed: tuple[tuple[str, str], ...]
    links_changed: tuple[tuple[str, str], ...]
    """Links of both whose evidence differs."""

    @property
    def same(self) -> bool:
        """Whether both builds say the same."""
        return not any(getattr(self, name) for name in self.__dataclass_fields__)


def diff_builds(a: Build, b: Build) -> BuildDiff:
    """Compare two builds: what ``b`` adds to, takes from and changes in ``a``."""
    (old_topic, *old), (new_topic, *new) = (_canonical(build.topic, build.terms, build.links) for build in (a, b))
    old_terms, new_terms = ({str(line[1]): line for line in lines if line[0] == "term"} for lines in (old, new))
    old_links, new_links = (
        {(str(line[1]), str(line[2])): line for line in lines if line[0] == "link"} for lines in (old, new)
    )
    terms, links = _compare(old_terms, new_terms), _compare(old_links, new_links)
    return BuildDiff(
        topic_changed=old_topic != new_topic,
        terms_added=terms[0],
        terms_removed=terms[1],
        terms_changed=terms[2],
        links_added=links[0],
        links_removed=links[1],
        links_changed=links[2],
    )


def _compare(old: Mapping[_Key, object], new: Mapping[_Key, object]) -> list[tuple[_Key, ...]]:
    """Give what came, what went and what differs."""
    changed = {key for key in old.keys() & new if old[key] != new[key]}
    return [tuple(sorted(keys)) for keys in (new.keys() - old.keys(), old.keys() - new.keys(), changed)]


def publish_build(store: MapStore, digest: Digest, *, home: Home, progress: Progress) -> Projection:
    """Make a build the one that everybody reads: its projection first, then the store, then the pointer.

    A crash in between leaves the old build readable; publishing again finishes. Errors: BuildUnknown.
    """
    projection = _project(store, digest, home=home, progress=progress)
    store.publish(digest)
    home.point("map", digest)
    return projection


def rollback_build(store: MapStore, topic: str, *, home: Home, progress: Progress) -> Projection:
    """Go back to the build published before. Errors: BuildUnknown where there is none."""
    digest = store.rollback(topic)
    projection = _project(store, digest, home=home, progress=progress)
    home.point("map", digest)
    return projection


def _project(store: MapStore, digest: Digest, *, home: Home, progress: Progress) -> Projection:
    build, texts = store.read(digest), store.texts(digest)
    with home.lock("projections"):
        return make_projection(build, texts=texts, folder=home.projections / digest, progress=progress)
