"""One pass over an export's XML: bytes in, the rows of finished pages out.

Memory stays bounded by the rows that nobody has taken yet and by one page.
"""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast
from xml.parsers import expat

from kg_builder.model import Site
from kg_builder.titles import is_elsewhere, normalise_title
from kg_builder.wikitext import redirect_target
from strokemap.errors import SourceMalformed

CHUNK = 2**18
LARGEST_PAGE = 32 * 2**20
"""Characters. MediaWiki refuses pages of over 2 MB; a longer text is an attack or a broken file."""
_READ = ("title", "ns", "text", "sitename", "base")
_ROWS = 500

Row = tuple[str, str | None, bytes | None]
"""Title, and where it redirects to or its compressed text."""


def read_through(reader: Reader) -> Iterator[list[Row]]:
    """Give the file's pages in batches, from its beginning to its end. Errors: SourceMalformed."""
    try:
        with _decompressed(reader) as stream:
            while chunk := stream.read(CHUNK):
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


def _decompressed(reader: Reader) -> BinaryIO:
    with reader.path.open("rb") as handle:
        magic = handle.read(6)
    if magic.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(reader.path))
    if magic.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(reader.path))
    if magic.startswith((b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise reader.malformed("This kind of compression can't be read")
    return reader.path.open("rb")


class Reader:
    """The state of one pass: the element read, the page it belongs to, the rows finished. Errors: SourceMalformed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []
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
