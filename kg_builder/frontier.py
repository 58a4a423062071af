"""The crawl's checkpoint: every page read and every level judged, each batch in one transaction.

SIGKILL at any moment leaves the last whole batch. One crawl at a time: whoever opens a frontier holds home's lock.
What a crawl has read stays when it has come to its end, so that the next one need only ask for what changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from kg_builder.model import Judgement, Page
from kg_builder.packing import pack, unpack
from kg_builder.sources.base import Fetched
from kg_builder.titles import normalise_title
from strokemap.errors import HomeUnwritable
from strokemap.topic import Topic

FORMAT = 3
_SCHEMA = """
    CREATE TABLE made_for (aspect TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE resolved (title TEXT PRIMARY KEY, page TEXT) WITHOUT ROWID;
    CREATE TABLE pages (title TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE levels (path_length INTEGER PRIMARY KEY, judgements TEXT NOT NULL);
"""


def frontier_folder(work: Path, *, topic: Topic, source: str) -> Path:
    """Give the folder under ``work`` for what a crawl of this topic reads from the source of this name."""
    return work / hashlib.sha256(repr((topic, source)).encode()).hexdigest()[:16]


class Frontier:
    """What one crawl has read and judged so far. Errors: HomeUnwritable where the file can't be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._usable():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._connect()
            other = self._db.execute("PRAGMA user_version").fetchone()[0] != FORMAT
        if other:
            self.clear()

    @classmethod
    def open(cls, folder: Path) -> Frontier:
        """Open or make the frontier of a folder. One of another format is made anew: it is only a checkpoint."""
        return cls(folder / "frontier.sqlite")

    @property
    def finished(self) -> bool:
        """Whether the crawl came to its end: there is nothing to resume, but something to refresh."""
        return bool(self._rows("SELECT 1 FROM made_for WHERE aspect = 'finished'"))

    @property
    def read_since(self) -> datetime | None:
        """The moment before which nothing was read of what is kept; None where nothing is."""
        rows = self._rows("SELECT value FROM made_for WHERE aspect = 'read_since'")
        return datetime.fromisoformat(rows[0][0]) if rows else None

    def clear(self) -> None:
        """Forget everything, whatever state the file is in."""
        with self._usable():
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
        aspects = {"pages_of": pages_of, "judged_by": judged_by}
        anew = known.get("pages_of") != pages_of
        with self._transaction():
            if anew:
                self._db.execute("DELETE FROM resolved")
                self._db.execute("DELETE FROM pages")
                aspects["read_since"] = now.isoformat()
            if anew or known.get("judged_by") != judged_by:
                self._db.execute("DELETE FROM levels")
            self._db.executemany("INSERT OR REPLACE INTO made_for VALUES (?, ?)", aspects.items())
            self._db.execute("DELETE FROM made_for WHERE aspect = 'finished'")

    def finish(self) -> None:
        """Say that the crawl came to its end and its build is stored."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO made_for VALUES ('finished', '')")

    def forget(self, titles: Collection[str], *, now: datetime) -> None:
        """Forget the pages of these titles, whichever of their names is among them, and all judgements."""
        names = set(titles)
        with self._usable():
            pages = (_unpacked(body) for (body,) in self._db.execute("SELECT body FROM pages"))
            gone = {page.title for page in pages if not names.isdisjoint(page.names)}
        asked = [(title,) for title, page in self.resolved().items() if {normalise_title(title), page} & (names | gone)]
        with self._transaction():
            self._db.executemany("DELETE FROM pages WHERE title = ?", [(title,) for title in gone])
            self._db.executemany("DELETE FROM resolved WHERE title = ?", asked)
            self._db.execute("DELETE FROM levels")
            self._db.execute("INSERT OR REPLACE INTO made_for VALUES ('read_since', ?)", (now.isoformat(),))

    def keep_pages(self, fetched: Fetched) -> None:
        """Keep one answer of the source, whole or not at all.

        Titles that failed are left to be asked again.
        """
        settled = [
            (title, page)
            for title, page in fetched.resolved.items()
            if title not in fetched.failed and page not in fetched.failed
        ]
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO resolved VALUES (?, ?)", settled)
            packed = ((page.title, zlib.compress(pack(page).encode(), 1)) for page in fetched.pages)
            self._db.executemany("INSERT OR IGNORE INTO pages VALUES (?, ?)", packed)

    def resolved(self) -> dict[str, str | None]:
        """Give every title asked for so far with the page it leads to."""
        return dict(self._rows("SELECT title, page FROM resolved"))

    def pages(self, titles: Iterable[str]) -> dict[str, Page]:
        """Give kept pages by title."""
        bodies = (body for title in titles for (body,) in self._rows("SELECT body FROM pages WHERE title = ?", title))
        with self._usable():
            return {page.title: page for page in map(_unpacked, bodies)}

    def keep_level(self, path_length: int, judgements: Sequence[Judgement]) -> None:
        """Keep all judgements of one path length, whole or not at all."""
        ordered = pack(sorted(judgements, key=lambda judgement: judgement.title))
        with self._transaction():
            self._db.execute("INSERT INTO levels VALUES (?, ?)", (path_length, ordered))

    def level(self, path_length: int) -> list[Judgement] | None:
        """Give the judgements of a path length in order of title, or None where it is still to be judged."""
        rows = self._rows("SELECT judgements FROM levels WHERE path_length = ?", path_length)
        with self._usable():
            return list(unpack(tuple[Judgement, ...], rows[0][0])) if rows else None

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._file, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        # Enough against SIGKILL; after a power cut the last batches may be missing and are read again.
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def _rows(self, query: str, *parameters: str | int) -> list[Any]:
        with self._usable():
            return self._db.execute(query, parameters).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._usable():
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                yield

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error, zlib.error, ValueError) as error:
            raise HomeUnwritable(
                f"The crawl's checkpoint can't be used: {error}.",
                hint="Make room or mend the permissions; if it is damaged, delete its folder and crawl anew.",
                where=str(self._file),
            ) from None


def _unpacked(body: bytes) -> Page:
    return unpack(Page, zlib.decompress(body).decode())
