"""Making the text index of the published map and the library, once for each pair of them."""

from __future__ import annotations

from kg_builder import published_projection
from search import Library, TextIndex, build_index
from search.index import index_digest
from strokemap.home import Home
from strokemap.progress import Progress


def make_index(home: Home, *, progress: Progress) -> TextIndex:
    """Make the index for what is published and imported now, and point the read side at it; again changes nothing."""
    with home.lock("index"):
        projection, library = published_projection(home), Library.open(home.library)
        digest = index_digest(projection, library)
        folder = home.index / digest
        index = build_index(articles=library.articles(), projection=projection, folder=folder, progress=progress)
        before = home.current("index")
        home.point("index", digest)
        # A request that began before the pointer moved still reads the other.
        home.sweep(home.index, keep={digest, *([before] if before else [])})
    return index
