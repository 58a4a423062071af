"""The articles of a text index, for results and snippets: one SQLite file, or one of edits before it.

    contents   id → the article as JSON, described
    marks      id → the digest of the article as the library has it, and its group of near-duplicates
    bands      where near-duplicates meet (duplicates.py)

A file is written once and then only read, by any number of threads. Methods raise sqlite3.Error where it is damaged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from search.article import Article, format_article, parse_article
from search.duplicates import are_alike, bands, runs

_TABLES = (
    "CREATE TABLE contents (id TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE marks (id TEXT PRIMARY KEY, digest TEXT NOT NULL, fold TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE bands (band BLOB, id TEXT, PRIMARY KEY (band, id)) WITHOUT ROWID",
)
Marked: TypeAlias = tuple[Article, str]
"""An article, described, and the digest by which the library knows it."""
_MOST_ASKED = 500
"""Ids in one statement; SQLite allows some thousands."""


class StoredArticles:
    """Articles by id. Where several files have one, the first of them counts."""

    def __init__(self, databases: Sequence[sqlite3.Connection]) -> None:
        self._databases = tuple(databases)

    @classmethod
    def open(cls, files: Iterable[Path]) -> StoredArticles:
        """Open files for good: their folder may be removed while they are read."""
        # SQLite itself lets one thread after another use a connection.
        return cls(
            [
                sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True, check_same_thread=False)
                for file in files
            ]
        )

    def get(self, ids: Collection[str]) -> dict[str, Article]:
        """Give those of the articles that are here."""
        found = self._look_up("SELECT id, content FROM contents", ids)
        return {id: parse_article(content) for id, content in found.items()}

    def folds(self, ids: Collection[str]) -> dict[str, str]:
        """Give each article's group of near-duplicates."""
        return self._look_up("SELECT id, fold FROM marks", ids)

    def near(self, keys: Iterable[bytes]) -> dict[str, Article]:
        """Give the articles that meet under one of these bands, in order of id."""
        statement = "SELECT id FROM bands WHERE band = ?"
        ids = {id for key in keys for database in self._databases for (id,) in database.execute(statement, [key])}
        return self.get(sorted(ids))

    def digests(self, prefix: str) -> dict[str, str]:
        """Give the digest of each article whose id begins so."""
        found: dict[str, str] = {}
        for database in reversed(self._databases):
            statement = "SELECT id, digest FROM marks WHERE id >= ? AND id < ?"
            found.update(database.execute(statement, [prefix, f"{prefix}\U0010ffff"]))
        return found

    def own(self) -> Iterator[Article]:
        """Give the articles of the first file alone, in order of id."""
        for (content,) in self._databases[0].execute("SELECT content FROM contents ORDER BY id"):
            yield parse_article(content)

    def _look_up(self, select: str, ids: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for database in self._databases:
            missing = [id for id in ids if id not in found]
            for start in range(0, len(missing), _MOST_ASKED):
                some = missing[start : start + _MOST_ASKED]
                found.update(database.execute(f"{select} WHERE id IN ({','.join('?' * len(some))})", some))
        return found


def write_articles(articles: Iterable[Marked], *, file: Path, base: Sequence[Path] = ()) -> int:
    """Write articles and give their number; the last of several with one id counts.

    Each joins the group of the first article, here or in the files of ``base``, that it is nearly the same as.
    """
    with closing(sqlite3.connect(file)) as database, database:
        for statement in _TABLES:
            database.execute(statement)
        for article, digest in articles:
            database.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", [article.id, format_article(article)])
            # A group has an article's digest for a name: what was changed since is no longer of its old group.
            database.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", [article.id, digest, digest])
        older = StoredArticles.open(base)
        together = StoredArticles([database, *older._databases])
        ids = [id for (id,) in database.execute("SELECT id FROM contents ORDER BY id")]
        for id in ids:
            _fold(id, database=database, together=together)
    return len(ids)


def _fold(id: str, *, database: sqlite3.Connection, together: StoredArticles) -> None:
    own = runs(together.get([id])[id])
    keys = bands(own)
    met = together.near(keys)
    alike = next((other for other, article in met.items() if other != id and are_alike(own, runs(article))), None)
    if alike is not None:
        database.execute("UPDATE marks SET fold = ? WHERE id = ?", [together.folds([alike])[alike], id])
    database.executemany("INSERT INTO bands VALUES (?, ?)", [(key, id) for key in keys])
