"""The map store on Neo4j 5, Community or larger: what curators see here is what they see in Neo4j Browser.

    (:Topic {name, stack})-[:PUBLISHED]->(:Build {digest, number, topic, terms, links, made_at, …})
    (:Term {build, id, title, …})-[:LINKED {sources, targets, sections, sentences}]->(:Term)    the smaller id first
    (:Text {build, id, sections})  (:Decision {number, …})  (:Unfinished {digest, owner, …})  (:Strokemap {format, …})

``build`` is the build's digest. A topic's ``stack`` has what was published, the last at its end. Every call is one
transaction, except reading and writing a whole build, which go in pages: a build never changes, and it becomes a
:Build only when all of it is there (neo4j_writing.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, LiteralString

from kg_builder.model import Build, Decision, Digest, Link, Made, PageText, Term
from kg_builder.packing import rebuild, unpack
from kg_builder.stores.base import BuildSummary, MapStore, TermView, nothing_before, unknown_build, unknown_term
from kg_builder.stores.bolt import Neo4jServer
from kg_builder.stores.neo4j_address import parse_address
from kg_builder.stores.neo4j_rows import link_of, term_of, text_of
from kg_builder.stores.neo4j_schema import migrate
from kg_builder.stores.neo4j_writing import write_build
from strokemap.errors import MapStoreFailed
from strokemap.progress import Progress
from strokemap.topic import Topic

PAGE = 2_000
"""Terms read at a time."""
LINKS_PAGE = 400
"""Terms whose links are read at a time: those to terms of larger id."""
TEXTS_PAGE = 100
PAGE_SECONDS = 30.0


class Neo4jMapStore(MapStore):
    """A MapStore on a Neo4j server. Errors of every method: MapStoreUnreachable, MapStoreRefused, MapStoreFailed."""

    def __init__(self, url: str) -> None:
        address = parse_address(url)
        self._where = address.uri
        self._server = Neo4jServer(address)
        opened = False
        try:
            migrate(self._server, where=address.uri)
            opened = True
        finally:
            if not opened:
                self._server.close()

    def write(self, build: Build, *, texts: Iterable[PageText], progress: Progress) -> None:
        """Store a build in bounded transactions, the last of which makes it visible; then drop old builds."""
        write_build(self._server, build, texts=texts, progress=progress)

    def read(self, digest: Digest) -> Build:
        topic, made, terms_count, links_count = self._build(digest)
        rows = self._pages(_TERMS, digest, count=terms_count, page=PAGE)
        terms = tuple(term_of(row) for (row,) in rows)
        titles = [term.title for term in terms]
        links: list[Link] = []
        for a, found in self._pages(_LINKS, digest, count=terms_count, page=LINKS_PAGE):
            links.extend(link_of(titles[a], titles[b], evidence) for b, evidence in sorted(found))
        if (len(terms), len(links)) != (terms_count, links_count):
            self._build(digest)  # it may have gone while it was read
            raise MapStoreFailed(
                "A build in the map store is not whole: something else has changed it.",
                hint="Crawl again to a new build, or restore the database.",
                where=digest,
            )
        return Build(
            digest=digest, topic=unpack(Topic, topic), terms=terms, links=tuple(links), made=unpack(Made, made)
        )

    def texts(self, digest: Digest) -> Iterator[PageText]:
        _, _, count, _ = self._build(digest)
        for title, sections in self._pages(_TEXTS, digest, count=count, page=TEXTS_PAGE):
            yield text_of(title, sections)

    def builds(self) -> tuple[BuildSummary, ...]:
        rows = ((*row[:4], json.loads(row[4]), row[5]) for row in self._server.ask(_BUILDS))
        return tuple(rebuild(BuildSummary, row) for row in rows)

    def publish(self, digest: Digest) -> None:
        """Make this build its topic's published one; the published one again changes nothing."""
        if not self._server.ask(_PUBLISH, digest=digest, change=True):
            raise unknown_build(digest)

    def published(self, topic: str) -> Digest | None:
        rows = self._server.ask("MATCH (:Topic {name: $topic})-[:PUBLISHED]->(b:Build) RETURN b.digest", topic=topic)
        return Digest(rows[0][0]) if rows else None

    def rollback(self, topic: str) -> Digest:
        """Take the last publication back, so that the one before holds again."""
        rows = self._server.ask(_ROLLBACK, topic=topic, change=True)
        if not rows:
            raise nothing_before(topic)
        return Digest(rows[0][0])

    def decide(self, decision: Decision) -> Decision:
        said = {name: getattr(decision, name) for name in ("action", "term", "value", "who", "why")}
        rows = self._server.ask(_DECIDE, decision=said | {"at": decision.at.isoformat()}, change=True)
        return replace(decision, number=rows[0][0])

    def decisions(self) -> tuple[Decision, ...]:
        return tuple(rebuild(Decision, row) for row in self._server.ask(_DECISIONS))

    def term(self, digest: Digest, title: str) -> TermView:
        rows = self._server.ask(_TERM, digest=digest, title=title)
        if not rows:
            raise unknown_build(digest)
        term, found = rows[0]
        if term is None:
            raise unknown_term(title)
        links = sorted((link_of(a, b, evidence) for a, b, evidence in found), key=lambda link: (link.a, link.b))
        return TermView(term=term_of(term), links=tuple(links))

    def least_certain(self, digest: Digest, *, limit: int) -> tuple[Term, ...]:
        self._build(digest)
        return tuple(term_of(row) for (row,) in self._server.ask(_LEAST_CERTAIN, digest=digest, limit=limit))

    def path(self, digest: Digest, start: str, end: str) -> tuple[str, ...]:
        rows = self._server.ask(_PATH, digest=digest, start=start, end=end)
        if not rows:
            raise unknown_build(digest)
        has_start, has_end, titles = rows[0]
        for title, known in ((start, has_start), (end, has_end)):
            if not known:
                raise unknown_term(title)
        # Neo4j looks for no path from a term to itself.
        return (start,) if start == end else tuple(titles or ())

    def close(self) -> None:
        self._server.close()

    def _build(self, digest: Digest) -> tuple[str, str, int, int]:
        rows = self._server.ask(_BUILD, digest=digest)
        if not rows:
            raise unknown_build(digest)
        topic, made, terms, links = rows[0]
        return topic, made, terms, links

    def _pages(self, text: LiteralString, digest: Digest, *, count: int, page: int) -> Iterator[list[Any]]:
        for start in range(0, count, page):
            yield from self._server.ask(text, digest=digest, start=start, end=start + page, within=PAGE_SECONDS)


_BUILD = "MATCH (b:Build {digest: $digest}) RETURN b.topic_file, b.made, b.terms, b.links"
_BUILDS = """
    MATCH (b:Build)
    RETURN b.digest, b.topic, b.terms, b.links, b.made, EXISTS { (:Topic)-[:PUBLISHED]->(b) } ORDER BY b.number DESC
"""
_TERMS = "MATCH (t:Term {build: $digest}) WHERE $start <= t.id < $end RETURN properties(t) ORDER BY t.id"
_LINKS = """
    MATCH (a:Term {build: $digest})-[l:LINKED]->(b:Term) WHERE $start <= a.id < $end
    WITH a.id AS id, collect([b.id, [l.sources, l.targets, l.sections, l.sentences]]) AS found
    RETURN id, found ORDER BY id
"""
_TEXTS = """
    MATCH (x:Text {build: $digest}) WHERE $start <= x.id < $end
    MATCH (t:Term {build: $digest, id: x.id}) RETURN t.title, x.sections ORDER BY x.id
"""
_TERM = """
    MATCH (:Build {digest: $digest})
    OPTIONAL MATCH (t:Term {build: $digest, title: $title})
    OPTIONAL MATCH (t)-[l:LINKED]-(:Term)
    RETURN properties(t), collect(CASE WHEN l IS NULL THEN null ELSE
        [startNode(l).title, endNode(l).title, [l.sources, l.targets, l.sections, l.sentences]] END)
"""
_LEAST_CERTAIN = """
    MATCH (t:Term {build: $digest}) WHERE t.path_length > 0
    RETURN properties(t) ORDER BY t.relevance, t.id LIMIT $limit
"""
# No two terms of a map are further apart than twice the longest path length.
_PATH = """
    MATCH (:Build {digest: $digest})
    OPTIONAL MATCH (a:Term {build: $digest, title: $start})
    OPTIONAL MATCH (b:Term {build: $digest, title: $end})
    OPTIONAL MATCH path = shortestPath((a)-[:LINKED*..12]-(b)) WHERE a <> b
    RETURN a IS NOT NULL, b IS NOT NULL, [t IN nodes(path) | t.title]
"""
# Whoever changes a topic's stack writes to the topic first: that takes its lock, so that what is read then stays so.
_PUBLISH = """
    MATCH (b:Build {digest: $digest})
    MERGE (t:Topic {name: b.topic}) ON CREATE SET t.stack = []
    SET t.changed = timestamp()
    WITH t, b WHERE b:Build
    SET t.stack = CASE WHEN t.stack[-1] = b.digest THEN t.stack ELSE t.stack + b.digest END
    WITH t, b
    OPTIONAL MATCH (t)-[old:PUBLISHED]->(other) WHERE other <> b
    DELETE old
    WITH DISTINCT t, b
    MERGE (t)-[:PUBLISHED]->(b)
    RETURN b.digest
"""
_ROLLBACK = """
    MATCH (t:Topic {name: $topic})
    SET t.changed = timestamp()
    WITH t, t.stack[..-1] AS stack
    MATCH (b:Build {digest: stack[-1]})
    SET t.stack = stack
    WITH t, b
    OPTIONAL MATCH (t)-[old:PUBLISHED]->()
    DELETE old
    WITH DISTINCT t, b
    CREATE (t)-[:PUBLISHED]->(b)
    RETURN b.digest
"""
_DECIDE = """
    MATCH (s:Strokemap {id: 1})
    SET s.decisions = s.decisions + 1
    CREATE (d:Decision {number: s.decisions}) SET d += $decision
    RETURN d.number
"""
_DECISIONS = "MATCH (d:Decision) RETURN d.number, d.action, d.term, d.value, d.who, d.why, d.at ORDER BY d.number"
