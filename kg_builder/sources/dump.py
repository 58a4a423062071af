"""Pages from a MediaWiki XML export or Wikipedia dump: streamed once into an index by title, then answered from it.

The index lies under ``work``, named by the digest of the file's content, so that the same file is read through once
however often it is crawled. It is a cache: deleting it loses nothing.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast
from xml.parsers import expat

from kg_builder.model import Page, Site
from kg_builder.replacing import replacing
from kg_builder.sources.base import Fetched
from kg_builder.titles import is_elsewhere, normalise_title
from kg_builder.wikitext import parse_page, redirect_target
from strokemap.errors import InputMissing, SourceMalformed
from strokemap.home import locked_file, writing
from strokemap.progress import Progress

INDEX_FORMAT = 2
LARGEST_PAGE = 32 * 2**20
"""Characters. MediaWiki refuses pages of over 2 MB; a longer text is an attack or a broken file."""
_READ = ("title", "ns", "text", "sitename", "base")
_CHUNK = 2**18
_ROWS = 500
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
            count = 0
            reader = _Reader(path)
            for rows in _batches(reader):
                index.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", rows)
                count += len(rows)
                progress("reading the export", count, None)
            index.execute("INSERT INTO site VALUES (?, ?)", (reader.site.name, reader.site.address))
            index.execute("COMMIT")
        with partial.open("rb") as handle:
            os.fsync(handle.fileno())


_Row = tuple[str, str | None, bytes | None]


def _batches(reader: _Reader) -> Iterator[list[_Row]]:
    """Give the file's pages in batches; memory stays bounded by a batch and a chunk of the file."""
    try:
        with _decompressed(reader) as stream:
            while chunk := stream.read(_CHUNK):
                reader.feed(chunk)
                if len(reader.rows) >= _ROWS:
                    yield reader.rows
                    reader.rows = []
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise reader.malformed("The export is cut off or damaged") from None
    except OSError as error:
        # bz2 reports damage as an OSError without a number; a disk that fails has one.
        reason = error.strerror or "its compressed data are damaged"
        raise reader.malformed(f"The export can't be read to its end: {reason}") from None
    reader.feed(b"", last=True)
    yield reader.rows


def _decompressed(reader: _Reader) -> BinaryIO:
    with reader.path.open("rb") as handle:
        magic = handle.read(6)
    if magic.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(reader.path))
    if magic.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(reader.path))
    if magic.startswith((b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise reader.malformed("This kind of compression can't be read")
    return reader.path.open("rb")


class _Reader:
    """The state of one pass: the element read, the page it belongs to, the rows finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[_Row] = []
        self.site = Site()
        self._open: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._page: dict[str, str] = {}
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        """Read on."""
        try:
            self._parser.Parse(chunk, last)
        except (expat.ExpatError, LookupError, ValueError) as error:
            reason = expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else "unknown encoding"
            raise self.malformed(f"The export is not well-formed XML: {reason}") from None

    def malformed(self, message: str) -> SourceMalformed:
        """Give the error for what was read last."""
        return SourceMalformed(
            f"{message}.",
            hint="Give a whole XML export of MediaWiki (plain, .bz2 or .gz); download it again if it was cut off.",
            where=f"{self.path}:{self._parser.CurrentLineNumber}",
        )

    def _refuse_doctype(self, *_: object) -> None:
        # Entities can blow a kilobyte up to gigabytes; MediaWiki never writes any.
        raise self.malformed("The export has a document type declaration")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        if not self._open and not (name == "mediawiki" and "mediawiki.org/xml/export-" in namespace):
            raise self.malformed("The file is XML, but no export of MediaWiki")
        self._open.append(name)
        self._text, self._length = [], 0
        if name == "page":
            self._page = {}
        elif name == "redirect":
            self._page["redirect"] = attributes.get("title", "")

    def _characters(self, data: str) -> None:
        if self._open and self._open[-1] in _READ:
            self._length += len(data)
            if self._length > LARGEST_PAGE:
                raise self.malformed("A page is larger than MediaWiki allows")
            self._text.append(data)

    def _end(self, _tag: str) -> None:
        name = self._open.pop()
        parent = self._open[-1] if self._open else ""
        if (parent, name) in (("page", "title"), ("page", "ns"), ("revision", "text")):
            # Of several revisions the last one written counts: exports list them oldest first.
            self._page[name] = "".join(self._text)
        elif (parent, name) == ("siteinfo", "sitename"):
            self.site = replace(self.site, name="".join(self._text).strip())
        elif (parent, name) == ("siteinfo", "base"):
            # The address of the main page; those of the others differ from it in their last part.
            self.site = replace(self.site, address="".join(self._text).strip().rpartition("/")[0] + "/")
        elif name == "page":
            self._finish_page()

    def _finish_page(self) -> None:
        title, wikitext = normalise_title(self._page.get("title", "")), self._page.get("text", "")
        elsewhere = self._page["ns"].strip() != "0" if "ns" in self._page else is_elsewhere(title)
        if not title or elsewhere:
            return
        target = normalise_title(self._page.get("redirect", "")) or redirect_target(wikitext)
        self.rows.append((title, target, None) if target else (title, None, zlib.compress(wikitext.encode(), 1)))
