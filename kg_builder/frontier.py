"""The crawl's checkpoint: every page read and every level judged, each batch in one transaction.

SIGKILL at any moment leaves the last whole batch. One crawl at a time: whoever opens a frontier holds home's lock.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from kg_builder.model import Judgement, Mention, Page, Section
from kg_builder.sources.base import Fetched
from strokemap.errors import HomeUnwritable

FORMAT = 1
_SCHEMA = """
    CREATE TABLE made_for (aspect TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE resolved (title TEXT PRIMARY KEY, page TEXT) WITHOUT ROWID;
    CREATE TABLE pages (title TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE levels (path_length INTEGER PRIMARY KEY);
    CREATE TABLE judgements (
        title TEXT PRIMARY KEY, path_length INTEGER NOT NULL REFERENCES levels, accepted INTEGER NOT NULL,
        score REAL NOT NULL, reasons TEXT NOT NULL
    ) WITHOUT ROWID;
"""


class Frontier:
    """What one crawl has read and judged so far. Errors: HomeUnwritable where the file can't be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._db = self._connect()
        if self._db.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            self.clear()

    @classmethod
    def open(cls, folder: Path) -> Frontier:
        """Open or make the frontier of a folder. One of another format is made anew: it is only a checkpoint."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return cls(folder / "frontier.sqlite")
        except (OSError, sqlite3.Error) as error:
            raise _unusable(error, folder) from None

    @property
    def started(self) -> bool:
        """Whether there is anything to resume."""
        return bool(self._rows("SELECT 1 FROM resolved LIMIT 1"))

    @property
    def pages_read(self) -> int:
        """How many pages are kept."""
        return int(self._rows("SELECT count(*) FROM pages")[0][0])

    def clear(self) -> None:
        """Forget everything, whatever state the file is in."""
        self._db.close()
        for suffix in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        self._db = self._connect()
        self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")

    def close(self) -> None:
        """Let go; what is kept stays."""
        self._db.close()

    def begin(self, *, pages_of: str, judged_by: str, now: datetime) -> None:
        """Say what the crawl is made of: pages of another state of the source, or judgements by other rules, go."""
        known = dict(self._rows("SELECT aspect, value FROM made_for"))
        with self._transaction():
            if known.get("pages_of") != pages_of:
                self._db.execute("DELETE FROM resolved")
                self._db.execute("DELETE FROM pages")
            if known.get("pages_of") != pages_of or known.get("judged_by") != judged_by:
                self._db.execute("DELETE FROM judgements")
                self._db.execute("DELETE FROM levels")
            aspects = {"pages_of": pages_of, "judged_by": judged_by, "last_begun": now.isoformat()}
            self._db.executemany("INSERT OR REPLACE INTO made_for VALUES (?, ?)", aspects.items())

    def keep_pages(self, fetched: Fetched) -> int:
        """Keep one answer of the source, whole or not at all, and give how many pages were new.

        Titles that failed are left to be asked again.
        """
        settled = [
            (title, page)
            for title, page in fetched.resolved.items()
            if title not in fetched.failed and page not in fetched.failed
        ]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO resolved VALUES (?, ?)", settled)
            packed = ((page.title, _pack(page)) for page in fetched.pages)
            return self._db.executemany("INSERT OR IGNORE INTO pages VALUES (?, ?)", packed).rowcount

    def resolved(self) -> dict[str, str | None]:
        """Give every title asked for so far with the page it leads to."""
        return dict(self._rows("SELECT title, page FROM resolved"))

    def pages(self, titles: Iterable[str]) -> dict[str, Page]:
        """Give kept pages by title."""
        bodies = (body for title in titles for (body,) in self._rows("SELECT body FROM pages WHERE title = ?", title))
        try:
            pages = [_unpack(body) for body in bodies]
        except (zlib.error, ValueError) as error:
            raise _unusable(error, self._file) from None
        return {page.title: page for page in pages}

    def keep_level(self, path_length: int, judgements: Sequence[Judgement]) -> None:
        """Keep all judgements of one path length, whole or not at all."""
        rows = ((one.title, path_length, one.accepted, one.score, json.dumps(one.reasons)) for one in judgements)
        with self._transaction():
            self._db.execute("INSERT INTO levels VALUES (?)", (path_length,))
            self._db.executemany("INSERT INTO judgements VALUES (?, ?, ?, ?, ?)", rows)

    def level(self, path_length: int) -> list[Judgement] | None:
        """Give the judgements of a path length in order of title, or None where it is still to be judged."""
        if not self._rows("SELECT 1 FROM levels WHERE path_length = ?", path_length):
            return None
        query = "SELECT title, accepted, score, reasons FROM judgements WHERE path_length = ? ORDER BY title"
        return [
            Judgement(title=title, accepted=bool(accepted), score=score, reasons=tuple(json.loads(reasons)))
            for title, accepted, score, reasons in self._rows(query, path_length)
        ]

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._file, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        # Enough against SIGKILL; after a power cut the last batches may be missing and are read again.
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        return db

    def _rows(self, query: str, *parameters: str | int) -> list[Any]:
        try:
            return self._db.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise _unusable(error, self._file) from None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                yield
        except sqlite3.Error as error:
            raise _unusable(error, self._file) from None


def _unusable(error: Exception, path: Path) -> HomeUnwritable:
    return HomeUnwritable(
        f"The crawl's checkpoint can't be used: {error}.",
        hint="Make room or mend the permissions; if it is damaged, delete its folder and crawl anew.",
        where=str(path),
    )


def _pack(page: Page) -> bytes:
    fields = [
        page.title,
        page.redirects,
        [(mention.target, mention.surface, mention.section, mention.sentence) for mention in page.mentions],
        [(section.heading, section.text) for section in page.sections],
        page.categories,
        page.identifiers,
        page.disambiguation,
    ]
    return zlib.compress(json.dumps(fields, ensure_ascii=False).encode(), 1)


def _unpack(body: bytes) -> Page:
    title, redirects, mentions, sections, categories, identifiers, disambiguation = json.loads(zlib.decompress(body))
    return Page(
        title=title,
        redirects=tuple(redirects),
        mentions=tuple(Mention(target=a, surface=b, section=c, sentence=d) for a, b, c, d in mentions),
        sections=tuple(Section(heading=heading, text=text) for heading, text in sections),
        categories=tuple(categories),
        identifiers=tuple((system, code) for system, code in identifiers),
        disambiguation=disambiguation,
    )
