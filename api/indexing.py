"""Making the text index of the published map and the library, and correcting articles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from kg_builder import published_projection
from search import Article, Library, TextIndex, build_index
from search.describe import describe
from search.index_files import base_of
from strokemap.home import Home
from strokemap.progress import Progress, silent

KEPT = 3
"""So many older indexes stay for readers that are about to open one."""


def make_index(home: Home, *, progress: Progress, anew: bool = False) -> TextIndex:
    """Make the index for what is published and imported now, and point the read side at it; again changes nothing.

    A few edits since the last one are indexed by themselves, in a moment, unless it is to be made ``anew``.
    """
    with home.lock("index"):
        projection, library = published_projection(home), Library.open(home.library)
        edited = "" if anew else home.current("index") or ""
        index = build_index(library=library, projection=projection, folder=home.index, progress=progress, edited=edited)
        home.point("index", index.digest)
        home.sweep(home.index, keep={index.digest, base_of(index.folder), *_newest(home)})
    return index


def described_articles(home: Home) -> Iterator[Article]:
    """Give the library's articles in order of id, described by the published map where there is one."""
    articles = Library.open(home.library).articles()
    if home.current("map") is None:
        return articles
    return map(partial(describe, projection=published_projection(home)), articles)


def correct_article(home: Home, id: str, *, field: str, value: str, progress: Progress = silent) -> Article:
    """Correct one field of an article for good, and let readers find it so from the next request on.

    Errors: ArticleUnknown, CorrectionInvalid.
    """
    article = Library.open(home.library).correct(id, field, value)
    if home.current("map"):
        make_index(home, progress=progress)
    return article


def _newest(home: Home) -> list[str]:
    # What a killed process left has a name with a dot, and is of no use to anyone.
    made = [folder for folder in home.index.iterdir() if not folder.name.startswith(".")]
    made.sort(key=lambda folder: folder.stat().st_mtime_ns)
    return [folder.name for folder in made[-KEPT:]]
