"""Where builds and decisions are kept.

In:   a URL from the settings.     Out: a MapStore.
"""

from __future__ import annotations

from pathlib import Path

from kg_builder.stores.base import BuildSummary, MapStore, TermView
from kg_builder.stores.neo4j_address import SCHEMES
from strokemap.errors import MapStoreUnsupported

__all__ = ["BuildSummary", "MapStore", "TermView", "open_map_store"]


def open_map_store(url: str) -> MapStore:
    """Open the store that a URL names, making what it needs if that is not there.

    ``sqlite:///ABSOLUTE/PATH``, or ``neo4j://USER:PASSWORD@HOST:PORT/DATABASE`` and its kin (neo4j_address.py).
    Errors: MapStoreUnsupported, MapStoreUnreachable, MapStoreRefused, MapStoreFailed, FormatUnknown.
    """
    scheme, _, rest = url.partition("://")
    if scheme in SCHEMES:
        from kg_builder.stores.neo4j import Neo4jMapStore

        return Neo4jMapStore(url)
    if scheme != "sqlite" or not rest.startswith("/") or not rest.strip("/"):
        raise MapStoreUnsupported(
            "This version can't open such a map store.",
            hint="Set map_store to sqlite:///ABSOLUTE/PATH or neo4j://USER:PASSWORD@HOST:PORT, or leave it out.",
            where="map_store",
        )
    from kg_builder.stores.sqlite import SqliteMapStore

    return SqliteMapStore(Path("/" + rest.lstrip("/")))
