"""Where histories are kept. In: a URL of the settings. Out: a HistoryStore."""

from __future__ import annotations

from pathlib import Path

from hive_queries.engines.base import Batch, BatchDigest, Cell, HistoryStore, Parameter
from strokemap.errors import HistoryStoreUnsupported

__all__ = ["Batch", "BatchDigest", "Cell", "HistoryStore", "Parameter", "open_history_store"]

_DUCKDB, _HIVE = "duckdb:///", "hive://"


def open_history_store(url: str) -> HistoryStore:
    """Open the history store of a URL; the folder of ``duckdb:///FOLDER`` is made when the first batch comes.

    A server is asked at once whether it is there. Errors: HistoryStoreUnsupported, FormatUnknown,
    HistoryStoreUnreachable, HistoryStoreRefused.
    """
    # A driver takes a quarter of a second to load: only who opens a store pays for it.
    if url.startswith(_HIVE):
        from hive_queries.engines.hive import HiveStore

        return HiveStore.open(url)
    if url.startswith(_DUCKDB) and url.removeprefix(_DUCKDB).strip("/"):
        from hive_queries.engines.duckdb import DuckDBStore

        return DuckDBStore(Path("/" + url.removeprefix(_DUCKDB).lstrip("/")))
    raise HistoryStoreUnsupported(
        "This version can't open such a history store.",
        hint="Give hive://… or duckdb:///ABSOLUTE/FOLDER, or leave history_store empty for a folder under home.",
        where="history_store",
    )
