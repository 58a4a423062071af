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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kg_builder.model import Build, Digest, Evidence, Link, Made, Page, PageText, Section, Site, Term
from kg_builder.projection import Projection, make_projection
from kg_builder.stores.base import MapStore
from kg_builder.wikitext import first_sentence
from strokemap.home import Home
from strokemap.progress import Progress
from strokemap.topic import Topic

if TYPE_CHECKING:  # crawl imports this file
    from kg_builder.crawl import Accepted, Crawled

NO_SITE = Site()
DIGEST_FORMAT = "strokemap-build-1"


def assemble(
    topic: Topic, *, crawled: Crawled, source: str, now: datetime, site: Site = NO_SITE
) -> tuple[Build, Iterable[PageText]]:
    """Make the build of a crawl, and the texts of its terms in order of title.

    Two terms are linked where either's page mentions the other, under its title or a redirect to it.
    """
    pages = [accepted.page for accepted in crawled.terms]
    terms = tuple(_term(accepted) for accepted in sorted(crawled.terms, key=lambda accepted: accepted.page.title))
    links = _links(pages)
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
    texts = [PageText(title=page.title, sections=page.sections) for page in pages]
    return build, sorted(texts, key=lambda text: text.title)


def sort_evidence(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Give evidence without doubles, in the one order that all rooms use."""
    return tuple(sorted(set(evidence), key=lambda one: (one.source, one.target, one.section, one.sentence)))


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
        evidence = [(one.source, one.target, one.section, one.sentence) for one in sort_evidence(link.evidence)]
        yield ["link", link.a, link.b, evidence]


def _term(accepted: Accepted) -> Term:
    page = accepted.page
    return Term(
        title=page.title,
        other_names=tuple(sorted(set(page.redirects))),
        path_length=accepted.path_length,
        relevance=accepted.relevance,
        reasons=accepted.reasons,
        codes=tuple(sorted(set(page.identifiers))),
        summary=first_sentence(page.lead),
        content_hash=hash_sections(page.sections),
    )


def hash_sections(sections: Sequence[Section]) -> Digest:
    """Name a page's text: its headings and paragraphs, nothing else."""
    content = [[section.heading, section.text] for section in sections]
    return Digest(hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest())


def _links(pages: Sequence[Page]) -> tuple[Link, ...]:
    titles = {name: page.title for page in pages for name in page.redirects}
    titles |= {page.title: page.title for page in pages}
    found: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for page in pages:
        for mention in page.mentions:
            target = titles.get(mention.target)
            if target is not None and target != page.title:
                pair = (page.title, target) if page.title < target else (target, page.title)
                found[pair].append(
                    Evidence(source=page.title, target=target, section=mention.section, sentence=mention.sentence)
                )
    return tuple(Link(a=a, b=b, evidence=sort_evidence(found[a, b])) for a, b in sorted(found))


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
    old_lines, new_lines = ([*_canonical(build.topic, build.terms, build.links)] for build in (a, b))
    old_terms, new_terms = (
        {str(line[1]): line for line in lines if line[0] == "term"} for lines in (old_lines, new_lines)
    )
    old_links, new_links = (
        {(str(line[1]), str(line[2])): line for line in lines if line[0] == "link"} for lines in (old_lines, new_lines)
    )
    return BuildDiff(
        topic_changed=old_lines[0] != new_lines[0],
        terms_added=tuple(sorted(new_terms.keys() - old_terms.keys())),
        terms_removed=tuple(sorted(old_terms.keys() - new_terms.keys())),
        terms_changed=tuple(
            sorted(title for title in old_terms.keys() & new_terms if old_terms[title] != new_terms[title])
        ),
        links_added=tuple(sorted(new_links.keys() - old_links.keys())),
        links_removed=tuple(sorted(old_links.keys() - new_links.keys())),
        links_changed=tuple(
            sorted(pair for pair in old_links.keys() & new_links if old_links[pair] != new_links[pair])
        ),
    )


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
    return make_projection(build, texts=texts, folder=home.projections / digest, progress=progress)
