"""From what a crawl accepted to a build that everybody reads: assembled, published, rolled back."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from kg_builder.crawl import Accepted, Crawled
from kg_builder.digest import digest_build
from kg_builder.model import Build, Digest, Evidence, Link, Page, PageText, Term, titles_by_name
from kg_builder.projection import Projection, make_projection
from kg_builder.stores.base import MapStore
from kg_builder.wikitext import first_sentence
from strokemap.home import Home
from strokemap.progress import Progress
from strokemap.topic import Topic


def assemble(topic: Topic, *, crawled: Crawled) -> tuple[Build, Iterable[PageText]]:
    """Make the build of a crawl, and the texts of its terms in order of title.

    Two terms are linked where either's page mentions the other, under its title or a redirect to it.
    """
    accepted = sorted(crawled.terms, key=lambda term: term.page.title)
    terms = tuple(map(_term, accepted))
    links = _links([term.page for term in accepted])
    build = Build(digest=digest_build(topic, terms, links), topic=topic, terms=terms, links=links, made=crawled.made)
    return build, [PageText(title=term.page.title, sections=term.page.sections) for term in accepted]


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


def publish_build(store: MapStore, digest: Digest, *, home: Home, progress: Progress) -> Projection:
    """Make a build the one that everybody reads: its projection first, then the store, then the pointer.

    A crash in between leaves the old build readable; publishing again finishes. Projections of builds that the store
    does not keep any more are removed. Errors: BuildUnknown.
    """
    projection = _project(store, digest, home=home, progress=progress)
    store.publish(digest)
    _point(store, digest, home=home)
    return projection


def rollback_build(store: MapStore, topic: str, *, home: Home, progress: Progress) -> Projection:
    """Go back to the build published before. Errors: BuildUnknown where there is none."""
    digest = store.rollback(topic)
    projection = _project(store, digest, home=home, progress=progress)
    _point(store, digest, home=home)
    return projection


def _project(store: MapStore, digest: Digest, *, home: Home, progress: Progress) -> Projection:
    build, texts = store.read(digest), store.texts(digest)
    with home.lock("projections"):
        return make_projection(build, texts=texts, folder=home.projections / digest, progress=progress)


def _point(store: MapStore, digest: Digest, *, home: Home) -> None:
    home.point("map", digest)
    with home.lock("projections"):
        home.sweep(home.projections, keep={digest, *(build.digest for build in store.builds())})
