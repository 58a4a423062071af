"""Pages from a MediaWiki XML export or Wikipedia dump: streamed once into an index by title, then answered from it.

The index lies under ``work``, named by the digest of the file's content, so that the same file is read through once
however often it is crawled. It is a cache: deleting it loses nothing.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kg_builder.model import Page, Site
from kg_builder.replacing import replacing
from kg_builder.sources.base import Fetched
from kg_builder.sources.pieces import read_pieces
from kg_builder.sources.reader import Reader, Row, read_through
from kg_builder.titles import normalise_title
from kg_builder.wikitext import parse_page
from strokemap.errors import InputMissing, SourceMalformed
from strokemap.home import locked_file, writing
from strokemap.progress import Progress

INDEX_FORMAT = 2
_SCHEMA = """
    CREATE TABLE pages (title TEXT PRIMARY KEY, redirect TEXT, body BLOB) WITHOUT ROWID;
    CREATE TABLE site (name TEXT NOT NULL, address TEXT NOT NULL);
    CREATE INDEX pages_redirect ON pages (redirect) WHERE redirect IS NOT NULL;
"""
# UNION, not UNION ALL: a loop of redirects ends by itself.
_NAMES = """
    WITH RECURSIVE names (title) AS (
        SELECT title FROM pages WHERE redirect = :title
        UNION SELECT pages.title FROM pages JOIN names ON pages.redirect = names.title
    ) SELECT title FROM names WHERE title <> :title ORDER BY title
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlExport:
    """A PageSource over one export file, plain, bz2 or gz. Any number of processes may read one index."""

    name: str
    """Absolute path of the export."""
    edition: str
    """SHA-256 of the file's content."""
    requests: int
    """Passes over the file: none where its index was there."""
    _index: sqlite3.Connection

    @classmethod
    def open(cls, path: Path, *, work: Path, progress: Progress) -> XmlExport:
        """Open an export, reading it through if its index is not there. Errors: InputMissing, SourceMalformed."""
        edition = _digest_file(path)
        target = work / "sources" / f"{edition}.{INDEX_FORMAT}.sqlite"
        passes = 0
        with writing("The index of the export", where=target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                with locked_file(target.parent / ".lock"):
                    if not target.exists():
                        passes = 1
                        _build_index(path, target=target, progress=progress)
        index = sqlite3.connect(f"{target.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        return cls(name=str(path.absolute()), edition=edition, requests=passes, _index=index)

    @property
    def site(self) -> Site:
        """What the export's siteinfo says."""
        with self._undamaged():
            name, address = self._index.execute("SELECT name, address FROM site").fetchone()
        return Site(name=name, address=address)

    def fetch(self, titles: Sequence[str]) -> Fetched:
        """Read pages by title, following chains of redirects; a loop leads nowhere."""
        with self._undamaged():
            resolved = {title: self._resolve(normalise_title(title)) for title in titles}
            found = sorted({title for title in resolved.values() if title is not None})
            return Fetched(pages=tuple(map(self._read, found)), resolved=resolved, failed={})

    def changed(self, since: datetime, *, requests: int) -> frozenset[str] | None:  # noqa: ARG002
        """Give nothing: a changed file is another edition."""
        return frozenset()

    def close(self) -> None:
        self._index.close()

    @contextmanager
    def _undamaged(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, zlib.error):
            raise SourceMalformed(
                "The index made of the export is damaged.",
                hint=f"Delete the files named {self.edition[:8]}… and try again: it is made anew.",
                where="work/sources",
            ) from None

    def _read(self, title: str) -> Page:
        (body,) = self._index.execute("SELECT body FROM pages WHERE title = ?", (title,)).fetchone()
        names = [name for (name,) in self._index.execute(_NAMES, {"title": title})]
        return parse_page(title, zlib.decompress(body).decode(), redirects=names)

    def _resolve(self, title: str) -> str | None:
        seen: set[str] = set()
        while title not in seen:
            seen.add(title)
            row = self._index.execute("SELECT redirect FROM pages WHERE title = ?", (title,)).fetchone()
            if row is None:
                return None
            if row[0] is None:
                return title
            title = row[0]
        return None


def _digest_file(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise InputMissing(
            f"The export can't be read: {error.strerror or 'not readable'}.",
            hint="Give an XML export file of MediaWiki: plain, .bz2 or .gz.",
            where=str(path),
        ) from None


def _build_index(path: Path, *, target: Path, progress: Progress) -> None:
    """Make the index under another name and rename it: what is there under its own name is whole. The lock is ours."""
    partial = target.with_suffix(".partial")
    with replacing(target, beside=partial):
        with closing(sqlite3.connect(partial, isolation_level=None)) as index:
            index.execute("PRAGMA journal_mode = OFF")
            index.execute("PRAGMA synchronous = OFF")
            index.executescript(_SCHEMA)
            index.execute("BEGIN")
            reader = Reader(path)
            try:
                _fill(index, read_pieces(reader), progress=progress)
            except EOFError:
                # From the beginning: what came in pieces before comes again, and takes its own place.
                reader = Reader(path)
                _fill(index, read_through(reader), progress=progress)
            index.execute("INSERT INTO site VALUES (?, ?)", (reader.site.name, reader.site.address))
            index.execute("COMMIT")
        with partial.open("rb") as handle:
            os.fsync(handle.fileno())


def _fill(index: sqlite3.Connection, batches: Iterable[list[Row]], *, progress: Progress) -> None:
    count = 0
    for rows in batches:
        index.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", rows)
        count += len(rows)
        progress("reading the export", count, None)
