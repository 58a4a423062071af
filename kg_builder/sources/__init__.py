"""Where pages come from.

In:   a path to a MediaWiki XML export.     Out: a PageSource, which answers by title.
"""

from __future__ import annotations

from pathlib import Path

from kg_builder.sources.base import Fetched, PageSource
from kg_builder.sources.dump import XmlExport
from strokemap.errors import SourceUnsupported
from strokemap.progress import Progress

__all__ = ["Fetched", "PageSource", "XmlExport", "open_source"]


def open_source(source: str, *, work: Path, progress: Progress) -> PageSource:
    """Open what ``--source`` names; an export is read through once and kept indexed under ``work``.

    Errors: SourceUnsupported, InputMissing, SourceMalformed.
    """
    if "://" in source:
        raise SourceUnsupported(
            "This version reads pages from export files only, not from addresses.",
            hint="Download an XML export (Special:Export, or a Wikipedia dump) and give its path.",
            where=source.partition("?")[0],
        )
    return XmlExport.open(Path(source), work=work, progress=progress)
