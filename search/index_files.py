"""Making text indexes: everything anew, or only what was edited since.

A folder is written beside the others, renamed into place, and never changed; manifest.json says what it was made from.

An edit of the library makes a new folder in a moment: the files of an index of everything are linked, the edited
articles are marked as deleted there and stand anew in a small second segment and file. Both are searched as one, with
one set of word counts; old versions stay in those counts until everything is indexed anew. The result depends on that
index of everything and the library only, not on the edits between.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

from kg_builder.projection import Projection
from search.article import LIBRARY, Article, article_digest
from search.index import ARTICLES, BASE, EDITS, TextIndex, damaged, edit_segments, link_file, write_segments
from search.library import Library
from search.pages import page_articles
from search.stored import Marked, StoredArticles, write_articles
from strokemap.errors import HomeUnwritable, IndexMissing
from strokemap.home import Home, replace_file
from strokemap.progress import Progress

FORMAT = "strokemap-index-3"
MOST_EDITS = 500
"""With more edits everything is indexed anew, which then takes less time than it saves."""
_MANIFEST = "manifest.json"
_REPORT_EVERY = 500
_Each = TypeVar("_Each")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an index was made from."""

    format: str = FORMAT
    articles: int
    map: str = ""
    base: str = ""
    """Digest of the index that this one edits; empty where everything was indexed."""


def build_index(
    *, library: Library, projection: Projection, folder: Path, progress: Progress, edited: str = ""
) -> TextIndex:
    """Index the library and the pages of the map, a section an article, into a folder beside others, and open it.

    Where that index is there already it is opened as it is. Where the index named ``edited``, or the one that it edits,
    is of the same map and few articles have changed since, only these are indexed.
    """
    # Reading articles needs spaCy, whose import takes longer than a search.
    from search.describe import describe

    digests = library.digests()
    # An article's digest covers its id.
    digest = hashlib.sha256("\n".join([FORMAT, projection.digest, *digests.values()]).encode()).hexdigest()

    def described(articles: Iterable[Article]) -> Iterator[Marked]:
        # An article written by an older version, without some fields of today's, keeps the digest that the library has.
        for article in articles:
            yield describe(article, projection=projection), digests.get(article.id) or article_digest(article)

    base = folder / base_of(folder / edited) if edited else folder / digest
    if base.name != digest:
        changed = _changed(digests, base=base, of_map=projection.digest)
        if changed is not None:
            name = hashlib.sha256(f"{digest}\n{base.name}".encode()).hexdigest()
            return _made(folder / name, partial(_edit, described(map(library.get, changed)), base=base))
    articles = described(chain(library.articles(), page_articles(projection)))
    return _made(folder / digest, partial(_write, articles, map=projection.digest, progress=progress))


def write_index(articles: Iterable[Article], *, folder: Path, progress: Progress) -> TextIndex:
    """Index just these articles as they are; what was in ``folder`` is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    marked = ((article, article_digest(article)) for article in articles)
    return _made(folder, partial(_write, marked, map="", progress=progress))


def base_of(folder: Path) -> str:
    """Give the digest of the index of everything that an index edits, or its own."""
    try:
        return _read_manifest(folder).base or folder.name
    except IndexMissing:
        return folder.name


def open_index(folder: Path) -> TextIndex:
    """Open an index. Errors: IndexMissing where it is not there, damaged, or of another format."""
    _read_manifest(folder)
    return TextIndex(folder)


def published_index(home: Home) -> TextIndex:
    """Open the index that the home's pointer names. Errors: IndexMissing."""
    digest = home.current("index")
    if digest is None:
        raise IndexMissing("There is no text index in this home yet.", hint="Run: strokemap index")
    return open_index(home.index / digest)


def _read_manifest(folder: Path) -> Manifest:
    try:
        manifest = Manifest(**json.loads((folder / _MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise damaged(folder) from None
    if manifest.format != FORMAT:
        raise damaged(folder)
    return manifest


def _made(folder: Path, write: Callable[[Path], Manifest]) -> TextIndex:
    """Open what is in a folder; else have it written beside it and renamed into place. Errors: HomeUnwritable."""
    try:
        return open_index(folder)
    except IndexMissing:
        pass
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        (beside / BASE).mkdir(parents=True)
        manifest = write(beside)
        replace_file(beside / _MANIFEST, json.dumps(asdict(manifest)))
        if folder.exists():
            # A rename over a folder with files in it is refused.
            folder.rename(beside / "replaced")
        beside.rename(folder)
        shutil.rmtree(folder / "replaced", ignore_errors=True)
    except OSError as error:
        raise HomeUnwritable(
            f"The text index can't be written: {error.strerror or 'unknown reason'}.",
            hint="Check the disk and the folder's permissions.",
            where=str(folder),
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return open_index(folder)


def _changed(now: Mapping[str, str], *, base: Path, of_map: str) -> list[str] | None:
    """Give the ids changed since ``base`` was made; None where it is of no use, or too many are."""
    try:
        if _read_manifest(base).map != of_map:
            return None
        before = StoredArticles.open([base / ARTICLES]).digests(LIBRARY)
    except (IndexMissing, sqlite3.Error):
        return None
    changed = sorted(id for id, digest in now.items() if before.get(id) != digest)
    return changed if before.keys() <= now.keys() and len(changed) <= MOST_EDITS else None


def _edit(articles: Iterable[Marked], folder: Path, *, base: Path) -> Manifest:
    link_file(base / ARTICLES, folder / ARTICLES)
    write_articles(articles, file=folder / EDITS, base=[base / ARTICLES])
    total = edit_segments(StoredArticles.open([folder / EDITS]).own(), base=base, folder=folder)
    return Manifest(articles=total, map=_read_manifest(base).map, base=base.name)


def _write(articles: Iterable[Marked], folder: Path, *, map: str, progress: Progress) -> Manifest:
    total = write_articles(_told(articles, "reading articles", None, progress), file=folder / ARTICLES)
    stored = StoredArticles.open([folder / ARTICLES]).own()
    write_segments(_told(stored, "indexing articles", total, progress), folder=folder)
    return Manifest(articles=total, map=map)


def _told(articles: Iterable[_Each], what: str, total: int | None, progress: Progress) -> Iterator[_Each]:
    for count, article in enumerate(articles, start=1):
        yield article
        if count % _REPORT_EVERY == 0 or count == total:
            progress(what, count, total)
