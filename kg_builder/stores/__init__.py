"""Where builds and decisions are kept.

In:   a URL from the settings.     Out: a MapStore.
"""

from __future__ import annotations

from pathlib import Path

from kg_builder.stores.base import BuildSummary, MapStore, TermView
from strokemap.errors import MapStoreUnsupported

__all__ = ["BuildSummary", "MapStore", "TermView", "open_map_store"]


def open_map_store(url: str) -> MapStore:
    """Open the store that a URL names, ``sqlite:///ABSOLUTE/PATH``, making it if it is not there.

    Errors: MapStoreUnsupported, MapStoreUnreachable, FormatUnknown.
    """
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite" or not rest.startswith("/") or not rest.strip("/"):
        raise MapStoreUnsupported(
            "This version can't open such a map store.",
            hint="Set map_store to sqlite:///ABSOLUTE/PATH, or leave it out for the one under home.",
            where="map_store",
        )
    from kg_builder.stores.sqlite import SqliteMapStore

    return SqliteMapStore(Path("/" + rest.lstrip("/")))
