"""The embedded map store: builds, publications and decisions in one SQLite file.

What a method changed is on the disk when it returns. Each call has a connection of its own, so any number of threads
and processes may use one file; readers never wait for a writer (WAL), writers wait for each other.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from kg_builder.model import Build, Decision, Digest, Evidence, Link, Made, PageText, Section, Term
from kg_builder.packing import pack, rebuild, unpack
from kg_builder.stores.base import KEPT, BuildSummary, MapStore, TermView, nothing_before, unknown_build, unknown_term
from strokemap.errors import FormatUnknown, MapStoreUnreachable
from strokemap.progress import Progress
from strokemap.topic import Topic

APPLICATION = 0x53_4D_41_50
"""Says in the file's header that it is a map store of Strokemap."""
WAIT_SECONDS = 30.0


class SqliteMapStore(MapStore):
    """A MapStore in one file. Errors of every method: MapStoreUnreachable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._connection(make=True) as db:
            db.execute("PRAGMA journal_mode = WAL")
            _migrate(db, path=path)

    def write(self, build: Build, *, texts: Iterable[PageText], progress: Progress) -> None:
        """Store a build in one transaction, then drop the oldest builds that nobody may need."""
        with self._transaction("IMMEDIATE") as db:
            if db.execute("SELECT 1 FROM builds WHERE digest = ?", (build.digest,)).fetchone():
                return
            counts = (len(build.terms), len(build.links))
            row = (build.digest, build.topic.name, pack(build.topic), pack(build.made), *counts)
            insert = "INSERT INTO builds (digest, topic_name, topic, made, terms, links) VALUES (?, ?, ?, ?, ?, ?)"
            number = db.execute(insert, row).lastrowid
            ids = {term.title: index for index, term in enumerate(build.terms)}
            db.executemany(
                "INSERT INTO terms VALUES (?, ?, ?, ?)",
                ((number, ids[term.title], term.title, pack(term)) for term in build.terms),
            )
            progress("storing the build", counts[0], sum(counts))
            db.executemany(
                "INSERT INTO links VALUES (?, ?, ?, ?)",
                ((number, ids[link.a], ids[link.b], pack(link.evidence)) for link in build.links),
            )
            progress("storing the build", sum(counts), sum(counts))
            ours = (text for text in texts if text.title in ids)
            db.executemany(
                "INSERT INTO texts VALUES (?, ?, ?)",
                ((number, ids[text.title], zlib.compress(pack(text.sections).encode(), 3)) for text in ours),
            )
            _prune(db, topic=build.topic.name)

    def read(self, digest: Digest) -> Build:
        with self._transaction() as db:
            number, topic, made = _build_row(db, digest)
            rows = db.execute("SELECT term FROM terms WHERE build = ? ORDER BY id", (number,))
            terms = tuple(unpack(Term, term) for (term,) in rows)
            links = db.execute("SELECT a, b, evidence FROM links WHERE build = ? ORDER BY a, b", (number,))
            return Build(
                digest=digest,
                topic=unpack(Topic, topic),
                terms=terms,
                links=tuple(_link(terms[a].title, terms[b].title, evidence) for a, b, evidence in links),
                made=unpack(Made, made),
            )

    def texts(self, digest: Digest) -> Iterator[PageText]:
        with self._transaction() as db:
            number, *_ = _build_row(db, digest)
            query = "SELECT title, sections FROM texts JOIN terms USING (build, id) WHERE build = ? ORDER BY id"
            for title, blob in db.execute(query, (number,)):
                sections = unpack(tuple[Section, ...], zlib.decompress(blob).decode())
                yield PageText(title=title, sections=sections)

    def builds(self) -> tuple[BuildSummary, ...]:
        with self._transaction() as db:
            published = {digest for (digest,) in db.execute(_PUBLISHED)}
            query = "SELECT digest, topic_name, terms, links, made FROM builds ORDER BY number DESC"
            rows = ((*row, json.loads(made), row[0] in published) for *row, made in db.execute(query))
            return tuple(rebuild(BuildSummary, row) for row in rows)

    def publish(self, digest: Digest) -> None:
        """Make this build its topic's published one; the published one again changes nothing."""
        with self._transaction("IMMEDIATE") as db:
            number, packed, _ = _build_row(db, digest)
            topic = unpack(Topic, packed).name
            if _published(db, topic)[:1] != [digest]:
                db.execute("INSERT INTO publications (topic_name, build) VALUES (?, ?)", (topic, number))

    def published(self, topic: str) -> Digest | None:
        with self._transaction() as db:
            return next(iter(_published(db, topic)), None)

    def rollback(self, topic: str) -> Digest:
        """Take the last publication back, so that the one before holds again."""
        with self._transaction("IMMEDIATE") as db:
            stack = _published(db, topic)
            if len(stack) < 2:
                raise nothing_before(topic)
            db.execute(
                "DELETE FROM publications WHERE number = (SELECT max(number) FROM publications WHERE topic_name = ?)",
                (topic,),
            )
            return stack[1]

    def decide(self, decision: Decision) -> Decision:
        row = (decision.action, decision.term, decision.value, decision.who, decision.why, decision.at.isoformat())
        with self._transaction("IMMEDIATE") as db:
            insert = "INSERT INTO decisions (action, term, value, who, why, at) VALUES (?, ?, ?, ?, ?, ?)"
            return replace(decision, number=db.execute(insert, row).lastrowid or 0)

    def decisions(self) -> tuple[Decision, ...]:
        with self._transaction() as db:
            query = "SELECT number, action, term, value, who, why, at FROM decisions ORDER BY number"
            return tuple(rebuild(Decision, row) for row in db.execute(query))

    def term(self, digest: Digest, title: str) -> TermView:
        with self._transaction() as db:
            number, *_ = _build_row(db, digest)
            row = _term_row(db, number, title)
            links = tuple(_link(*found) for found in db.execute(_LINKS_OF, {"build": number, "term": row[0]}))
            return TermView(term=unpack(Term, row[1]), links=links)

    def least_certain(self, digest: Digest, *, limit: int) -> tuple[Term, ...]:
        """Give the terms of least relevance; SQLite reads through the build's terms, never its links."""
        with self._transaction() as db:
            number, *_ = _build_row(db, digest)
            return tuple(unpack(Term, term) for (term,) in db.execute(_LEAST_CERTAIN, (number, limit)))

    def path(self, digest: Digest, start: str, end: str) -> tuple[str, ...]:
        """Give the titles along a shortest path, looked for in widening circles around its end."""
        with self._transaction() as db:
            number, *_ = _build_row(db, digest)
            first, last = (_term_row(db, number, title)[0] for title in (start, end))
            following, circle = {last: last}, [last]
            while circle and first not in following:
                rows = db.execute(_NEIGHBOURS, {"build": number, "circle": json.dumps(circle)})
                circle = []
                for near, far in rows:
                    if far not in following:
                        following[far] = near
                        circle.append(far)
            steps = [first] if first in following else []
            while steps and steps[-1] != last:
                steps.append(following[steps[-1]])
            title_of = "SELECT title FROM terms WHERE build = ? AND id = ?"
            return tuple(db.execute(title_of, (number, step)).fetchone()[0] for step in steps)

    def close(self) -> None:
        """Nothing is held open between calls."""

    @contextlib.contextmanager
    def _connection(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        """Connect for one call; whatever SQLite reports, the caller hears that the store is out of reach."""
        try:
            if make:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = FULL")
                db.execute("PRAGMA foreign_keys = ON")
                yield db
        except (sqlite3.Error, OSError) as error:
            raise MapStoreUnreachable(
                f"The map store can't be used: {error}.",
                hint="Check the setting map_store, the file's permissions and the room on the disk; else restore it.",
                where=str(self._path),
            ) from None

    @contextlib.contextmanager
    def _transaction(self, kind: Literal["DEFERRED", "IMMEDIATE"] = "DEFERRED") -> Iterator[sqlite3.Connection]:
        """Read or, ``IMMEDIATE``, write: what is read in one transaction is of one moment."""
        with self._connection() as db:
            db.execute(f"BEGIN {kind}")
            with db:
                yield db


# The stack of each topic: a publication puts one on top, a rollback takes it off.
_PUBLISHED = """
    SELECT builds.digest FROM builds JOIN publications ON publications.build = builds.number
    WHERE publications.number IN (SELECT max(number) FROM publications GROUP BY topic_name)
"""


def _build_row(db: sqlite3.Connection, digest: Digest) -> tuple[int, str, str]:
    row = db.execute("SELECT number, topic, made FROM builds WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        raise unknown_build(digest)
    return int(row[0]), str(row[1]), str(row[2])


# Each half by its own index, which SQLite has to be told: by itself it would read through all links of the build.
_LINKS_OF = """
    SELECT a.title, b.title, found.evidence FROM (
        SELECT build, a, b, evidence FROM links WHERE build = :build AND a = :term UNION ALL
        SELECT build, a, b, evidence FROM links INDEXED BY links_b WHERE build = :build AND b = :term
    ) AS found
    JOIN terms AS a ON a.build = found.build AND a.id = found.a
    JOIN terms AS b ON b.build = found.build AND b.id = found.b ORDER BY found.a, found.b
"""
# A term is packed as the list of its fields: path length and relevance are the third and the fourth.
_LEAST_CERTAIN = """
    SELECT term FROM terms WHERE build = ? AND json_extract(term, '$[2]') > 0
    ORDER BY json_extract(term, '$[3]'), id LIMIT ?
"""
_NEIGHBOURS = """
    SELECT a, b FROM json_each(:circle) CROSS JOIN links ON build = :build AND a = value UNION ALL
    SELECT b, a FROM json_each(:circle) CROSS JOIN links INDEXED BY links_b ON build = :build AND b = value
    ORDER BY 1, 2
"""


def _term_row(db: sqlite3.Connection, build: int, title: str) -> tuple[int, str]:
    row = db.execute("SELECT id, term FROM terms WHERE build = ? AND title = ?", (build, title)).fetchone()
    if row is None:
        raise unknown_term(title)
    return int(row[0]), str(row[1])


def _link(a: str, b: str, evidence: str) -> Link:
    return Link(a=a, b=b, evidence=unpack(tuple[Evidence, ...], evidence))


def _published(db: sqlite3.Connection, topic: str) -> list[Digest]:
    """Give what is published and what a rollback would lead to."""
    query = """
        SELECT builds.digest FROM publications JOIN builds ON builds.number = publications.build
        WHERE publications.topic_name = ? ORDER BY publications.number DESC LIMIT 2
    """
    return [Digest(digest) for (digest,) in db.execute(query, (topic,))]


def _prune(db: sqlite3.Connection, *, topic: str) -> None:
    needed = [digest for (digest,) in db.execute(_PUBLISHED)] + _published(db, topic)
    db.execute(
        """
        DELETE FROM builds WHERE topic_name = :topic
        AND digest NOT IN (SELECT value FROM json_each(:needed))
        AND number NOT IN (SELECT number FROM builds WHERE topic_name = :topic ORDER BY number DESC LIMIT :kept)
        """,
        {"topic": topic, "needed": json.dumps(needed), "kept": KEPT},
    )


def _migrate(db: sqlite3.Connection, *, path: Path) -> None:
    """Bring the file to the newest format: each step and the note that it was done commit together."""
    # In one transaction, for another process may be making the file at this moment.
    db.execute("BEGIN")
    with db:
        (application,), (format_,), (tables,) = (
            db.execute(query).fetchone()
            for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
    if (application != APPLICATION and (application or tables)) or format_ > len(_STEPS):
        raise FormatUnknown(
            "This file is no map store of this version of Strokemap.",
            hint=f"This version knows formats up to {len(_STEPS)}: use a newer one, or another file.",
            where=str(path),
        )
    for number in range(format_ + 1, len(_STEPS) + 1):
        db.execute("BEGIN IMMEDIATE")
        with db:
            # Another process may have been first while this one waited for the lock.
            if db.execute("PRAGMA user_version").fetchone()[0] < number:
                for statement in _STEPS[number - 1]:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {number}")


_STEP_1 = (
    """
    CREATE TABLE builds (
        number INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL UNIQUE, topic_name TEXT NOT NULL,
        topic TEXT NOT NULL, made TEXT NOT NULL, terms INTEGER NOT NULL, links INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE terms (
        build INTEGER NOT NULL REFERENCES builds ON DELETE CASCADE, id INTEGER NOT NULL, title TEXT NOT NULL,
        term TEXT NOT NULL,
        PRIMARY KEY (build, id), UNIQUE (build, title)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE links (
        build INTEGER NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL CHECK (a < b), evidence TEXT NOT NULL,
        PRIMARY KEY (build, a, b),
        FOREIGN KEY (build, a) REFERENCES terms (build, id) ON DELETE CASCADE,
        FOREIGN KEY (build, b) REFERENCES terms (build, id) ON DELETE CASCADE
    ) WITHOUT ROWID
    """,
    "CREATE INDEX links_b ON links (build, b)",
    """
    CREATE TABLE texts (
        build INTEGER NOT NULL, id INTEGER NOT NULL, sections BLOB NOT NULL, PRIMARY KEY (build, id),
        FOREIGN KEY (build, id) REFERENCES terms (build, id) ON DELETE CASCADE
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE publications (
        number INTEGER PRIMARY KEY AUTOINCREMENT, topic_name TEXT NOT NULL,
        build INTEGER NOT NULL REFERENCES builds (number) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE decisions (
        number INTEGER PRIMARY KEY AUTOINCREMENT, action TEXT NOT NULL, term TEXT NOT NULL, value TEXT NOT NULL,
        who TEXT NOT NULL, why TEXT NOT NULL, at TEXT NOT NULL
    )
    """,
)
_STEPS = (_STEP_1,)
