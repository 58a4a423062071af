"""Making the text index of the published map and the library, once for each pair of them."""

from __future__ import annotations

import shutil

from kg_builder import published_projection
from search import Library, TextIndex, build_index
from search.index_files import base_of
from strokemap.home import Home
from strokemap.progress import Progress

KEPT = 3
"""So many older indexes stay for readers that are about to open one."""


def make_index(home: Home, *, progress: Progress, anew: bool = False) -> TextIndex:
    """Make the index for what is published and imported now, and point the read side at it; again changes nothing.

    A few edits since the last one are indexed by themselves, in a moment, unless it is to be made ``anew``.
    """
    with home.lock("index"):
        projection, library = published_projection(home), Library.open(home.library)
        edited = "" if anew else home.current("index") or ""
        index = build_index(
            library=library, projection=projection, folder=home.index, progress=progress, edited=edited
        )
        home.point("index", index.digest)
        _remove_old(home, used={index.digest, base_of(index.folder)})
    return index


def _remove_old(home: Home, *, used: set[str]) -> None:
    unused = [folder for folder in home.index.iterdir() if folder.name not in used]
    for folder in sorted(unused, key=lambda folder: folder.stat().st_mtime_ns)[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
