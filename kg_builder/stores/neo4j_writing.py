"""A build on its way into Neo4j and out of it again: bounded transactions, and nothing to be seen until the last one.

A write begins with an :Unfinished of the build's digest, whose ``owner`` and ``batches`` every transaction checks and
counts up: a second writer of the same build takes over, the first then stops, and no batch is ever kept twice. The
last transaction turns the :Unfinished into a :Build. What a broken write left is removed by the next write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, LiteralString, TypeVar

from kg_builder.model import Build, Digest, PageText
from kg_builder.packing import pack
from kg_builder.stores.base import KEPT
from kg_builder.stores.bolt import Neo4jServer
from kg_builder.stores.neo4j_rows import link_row, term_row, text_row
from strokemap.errors import MapStoreUnreachable
from strokemap.progress import Progress

_T = TypeVar("_T")
BATCH_SECONDS = 30.0
BATCH_ROWS = 3_000
"""Larger batches are slower: a server with a small heap then collects garbage most of the time."""
BATCH_SIZE = 4_000_000
"""Letters in one transaction, which the server holds in memory."""
TERMS_CUT = 200
LINKS_REMOVED = 2_000
NODES_REMOVED = 1_000
ABANDONED_MILLISECONDS = 120_000
"""After so long without a batch another build's write counts as broken."""
_STORING = "storing the build"


def write_build(server: Neo4jServer, build: Build, *, texts: Iterable[PageText], progress: Progress) -> None:
    """Store a build whole; the same build again changes nothing."""
    begun = server.ask(
        _BEGIN,
        digest=build.digest,
        abandoned=ABANDONED_MILLISECONDS,
        within=BATCH_SECONDS,
        change=True,
    )
    if not begun:
        return
    owner, abandoned = begun[0]
    for digest, its_owner in abandoned:
        _remove(server, digest, owner=its_owner)
    _Write(server, build, owner=owner, progress=progress).run(texts)
    for digest, its_owner in server.ask(_RETIRE, topic=build.topic.name, kept=KEPT, within=BATCH_SECONDS, change=True):
        _remove(server, digest, owner=its_owner)


class _Write:
    """One attempt to store one build."""

    def __init__(self, server: Neo4jServer, build: Build, *, owner: str, progress: Progress) -> None:
        self._server, self._build, self._owner, self._progress = server, build, owner, progress
        self._batches = 0

    def run(self, texts: Iterable[PageText]) -> None:
        """Terms, links, texts, and then the one transaction that makes them a build."""
        build = self._build
        _clear(self._server, build.digest, owner=self._owner)
        ids = {term.title: number for number, term in enumerate(build.terms)}
        terms, links = len(build.terms), len(build.links)
        rows = (term_row(number, term) for number, term in enumerate(build.terms))
        nodes = dict(chain.from_iterable(self._send(_ADD_TERMS, rows, done=0)))
        linked = (link_row(nodes[ids[link.a]], nodes[ids[link.b]], link) for link in build.links)
        self._send(_ADD_LINKS, linked, done=terms)
        ours = (text_row(ids[text.title], text) for text in texts if text.title in ids)
        self._send(_ADD_TEXTS, ours, done=None)
        made = {
            "topic": build.topic.name,
            "topic_file": pack(build.topic),
            "made": pack(build.made),
            "made_at": build.made.at.isoformat(),
            "source": build.made.source,
            "judge": build.made.judge,
            "terms": terms,
            "links": links,
        }
        self._step(_FINISH, made=made)
        self._progress(_STORING, terms + links, terms + links)

    def _send(self, text: LiteralString, rows: Iterable[object], *, done: int | None) -> list[Any]:
        total, answers = len(self._build.terms) + len(self._build.links), []
        for batch in _batches(rows):
            answers.append(self._step(text, rows=batch))
            if done is not None:
                done += len(batch)
                self._progress(_STORING, done, total)
        return answers

    def _step(self, text: LiteralString, **parameters: object) -> Any:
        digest = self._build.digest
        known = {"digest": digest, "owner": self._owner, "batch": self._batches}
        rows = self._server.ask(text, within=BATCH_SECONDS, change=True, **known, **parameters)
        if not rows or not rows[0][0]:
            raise MapStoreUnreachable(
                "Another process has begun to write the same build.", hint="Let it finish.", where=digest
            )
        self._batches += 1
        return rows[0][0]


def _batches(rows: Iterable[_T]) -> Iterator[list[_T]]:
    batch: list[_T] = []
    total = 0
    for row in rows:
        batch.append(row)
        total += len(repr(row))
        if len(batch) == BATCH_ROWS or total >= BATCH_SIZE:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _remove(server: Neo4jServer, digest: Digest, *, owner: str) -> None:
    """Remove what is left of a build in small transactions; whoever takes it over meanwhile goes on instead."""
    _clear(server, digest, owner=owner)
    server.ask(_FORGET, digest=digest, owner=owner, change=True)


def _clear(server: Neo4jServer, digest: Digest, *, owner: str) -> None:
    """Links first, for a term with many of them would be too much for one transaction."""
    there = "MATCH (t:Term {build: $digest}) WHERE t.id >= 0 RETURN t.id ORDER BY t.id DESC LIMIT 1"
    if last := server.ask(there, digest=digest, within=BATCH_SECONDS):
        for start in range(0, last[0][0] + 1, TERMS_CUT):
            _repeat(server, _CUT_LINKS, LINKS_REMOVED, digest=digest, owner=owner, start=start, end=start + TERMS_CUT)
        _repeat(server, _CUT_TEXTS, NODES_REMOVED, digest=digest, owner=owner)
        _repeat(server, _CUT_TERMS, NODES_REMOVED, digest=digest, owner=owner)


def _repeat(server: Neo4jServer, text: LiteralString, limit: int, **parameters: object) -> None:
    while server.ask(text, limit=limit, within=BATCH_SECONDS, change=True, **parameters)[0][0] == limit:
        pass


# The write to :Strokemap makes those who begin at the same time wait for each other.
_BEGIN = """
    MATCH (s:Strokemap {id: 1})
    SET s.changed = timestamp()
    WITH s
    OPTIONAL MATCH (b:Build {digest: $digest})
    WITH s, b WHERE b IS NULL
    MERGE (u:Unfinished {digest: $digest})
    SET u.owner = randomUUID(), u.batches = 0, u.beat = timestamp()
    WITH u
    OPTIONAL MATCH (other:Unfinished) WHERE other <> u AND other.beat < timestamp() - $abandoned
    SET other.owner = randomUUID(), other.beat = timestamp()
    RETURN u.owner, [one IN collect(other) | [one.digest, one.owner]]
"""
_OURS: LiteralString = """
    MATCH (u:Unfinished {digest: $digest}) SET u.beat = timestamp()
    WITH u WHERE u.owner = $owner AND u.batches = $batch
"""
_EACH: LiteralString = f"{_OURS} SET u.batches = $batch + 1 WITH u UNWIND $rows AS row"
_ADD_TERMS: LiteralString = f"""
    {_EACH} CREATE (t:Term {{build: $digest}}) SET t += row
    RETURN collect([t.id, elementId(t)])
"""
# Found by the server's own number: twice as fast as by build and id.
_ADD_LINKS: LiteralString = f"""
    {_EACH} MATCH (a) WHERE elementId(a) = row[0] MATCH (b) WHERE elementId(b) = row[1]
    CREATE (a)-[l:LINKED]->(b) SET l = row[2]
    RETURN count(*)
"""
_ADD_TEXTS: LiteralString = f"{_EACH} CREATE (:Text {{build: $digest, id: row[0], sections: row[1]}}) RETURN count(*)"
_FINISH: LiteralString = f"""
    {_OURS} MATCH (s:Strokemap {{id: 1}})
    SET s.builds = s.builds + 1
    SET u += $made, u.number = s.builds, u:Build
    REMOVE u:Unfinished, u.owner, u.batches, u.beat
    MERGE (t:Topic {{name: u.topic}}) ON CREATE SET t.stack = []
    RETURN u.number
"""
# The oldest builds that nobody may need become :Unfinished again, all at once; then their parts go bit by bit.
_RETIRE = """
    MATCH (t:Topic {name: $topic})
    SET t.changed = timestamp()
    WITH t
    MATCH (b:Build {topic: $topic})
    WITH t, b ORDER BY b.number DESC
    WITH t, collect(b) AS builds
    WITH t, [b IN builds[$kept..] WHERE NOT b.digest IN t.stack[-2..]] AS old
    WITH t, old, [b IN old | b.digest] AS digests
    SET t.stack = reduce(stack = [], d IN t.stack |
        CASE WHEN d IN digests OR stack[-1] = d THEN stack ELSE stack + d END)
    WITH old UNWIND old AS b
    SET b:Unfinished, b.owner = randomUUID(), b.batches = 0, b.beat = timestamp()
    REMOVE b:Build
    RETURN b.digest, b.owner
"""
_CUTTING: LiteralString = "MATCH (u:Unfinished {digest: $digest, owner: $owner}) SET u.beat = timestamp() WITH u"
_CUT_LINKS: LiteralString = f"""
    {_CUTTING} MATCH (a:Term {{build: $digest}})-[l:LINKED]->() WHERE $start <= a.id < $end
    WITH l LIMIT $limit DELETE l RETURN count(*)
"""
_CUT_TEXTS: LiteralString = f"""
    {_CUTTING} MATCH (x:Text {{build: $digest}}) WHERE x.id >= 0 WITH x LIMIT $limit DELETE x RETURN count(*)
"""
_CUT_TERMS: LiteralString = f"""
    {_CUTTING} MATCH (t:Term {{build: $digest}}) WHERE t.id >= 0 WITH t LIMIT $limit DELETE t RETURN count(*)
"""
_FORGET = "MATCH (u:Unfinished {digest: $digest, owner: $owner}) DELETE u"
