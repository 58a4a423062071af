"""Where pages come from.

In:   a path to a MediaWiki XML export, or the address of a wiki.     Out: a PageSource, which answers by title.
"""

from __future__ import annotations

from pathlib import Path

from kg_builder.sources.base import Fetched, PageSource
from kg_builder.sources.dump import XmlExport
from strokemap.errors import SourceUnsupported
from strokemap.progress import Progress

__all__ = ["Fetched", "PageSource", "XmlExport", "open_source"]


def open_source(source: str, *, work: Path, contact: str = "", progress: Progress) -> PageSource:
    """Open what ``--source`` names: an address is a wiki's, and asked with the operator's ``contact``.

    An export is read through once and kept indexed under ``work``. Errors: SourceUnsupported, SourceContactMissing,
    SourceUnreachable, SourceRefused, InputMissing, SourceMalformed.
    """
    if not source:
        raise SourceUnsupported("No source is named.", hint="Give an XML export or a wiki's address.", where="--source")
    if "://" not in source:
        return XmlExport.open(Path(source), work=work, progress=progress)
    from kg_builder.sources.mediawiki import MediaWiki

    return MediaWiki.open(source, contact=contact)
