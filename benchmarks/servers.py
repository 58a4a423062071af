"""The real servers: seconds to start, memory, loads and profiles on each history store, how soon a frozen one is told.

    python -m benchmarks.servers

Starts the servers of the tests, one after the other. All rows of the International Stroke Trial, from the folder that
STROKEMAP_TEST_DATA names, are loaded on DuckDB, Hive and Spark, each by the command line in a home of its own. Writes
docs/evidence/servers.json.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from benchmarks.soak import Home, Measured, write
from hive_queries import open_history_store
from kg_builder import open_map_store
from strokemap.errors import HistoryStoreUnreachable, MapStoreUnreachable
from tests.servers.__main__ import PAGES
from tests.servers.hive import hive_in
from tests.servers.hiveserver2 import HiveServer
from tests.servers.mediawiki import Wikis
from tests.servers.neo4j import Neo4jProcess
from tests.servers.process import ServerProcess
from tests.servers.spark import spark_in


def start(server: ServerProcess) -> Measured:
    """Start a server and time it."""
    begun = time.monotonic()
    server.start()
    return {"start_seconds": round(time.monotonic() - begun, 1), "started_rss_mb": server.memory_mb}


def load(folder: Path, patients: Path, *, store: str) -> Measured:
    """Acquire all rows, acquire them again, make the profiles."""
    home = Home(folder, **({"history_store": store} if store else {}))
    sync = ("histories", "sync", "--institution", "ist", "--format", "ist", patients)
    loaded, again, profiles = home.run(*sync), home.run(*sync), home.run("histories", "profiles")
    rows = loaded["answer"]["rows"]  # type: ignore[index]
    assert again["answer"]["already"] is True  # type: ignore[index]
    return {
        "rows": rows,
        "load_seconds": loaded["seconds"],
        "load_rows_a_second": round(rows / float(str(loaded["seconds"]))),
        "again_seconds": again["seconds"],
        "profiles_seconds": profiles["seconds"],
        "profiles": profiles["answer"],
    }


def told(server: ServerProcess, address: str) -> float:
    """Freeze a server, open its store, and give the seconds until it is said to be unreachable."""
    with server.frozen():
        begun = time.monotonic()
        with suppress(MapStoreUnreachable, HistoryStoreUnreachable):
            opener = open_history_store if isinstance(server, HiveServer) else open_map_store
            with closing(opener(address)):
                raise SystemExit(f"{server.name} answers though it is frozen.")
        return round(time.monotonic() - begun, 1)


def main() -> None:
    data = Path(os.environ.get("STROKEMAP_TEST_DATA") or "nowhere")
    if not data.is_dir():
        raise SystemExit("Name the folder of the data in STROKEMAP_TEST_DATA (docs/data.md).")
    patients = data / "patients" / "ist.csv.gz"
    measured: Measured = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Wikis(folder / "wikis") as wikis:
            begun = time.monotonic()
            wiki = wikis.server(PAGES)
            seconds = round(time.monotonic() - begun, 1)
            measured["MediaWiki"] = {"start_seconds": seconds, "started_rss_mb": wiki.memory_mb}
        neo4j = Neo4jProcess(folder / "neo4j")
        try:
            measured["Neo4j"] = {**start(neo4j), "frozen_told_after_seconds": told(neo4j, neo4j.url)}
        finally:
            neo4j.kill()
        for key, server in (("Hive", hive_in(folder / "hive")), ("Spark", spark_in(folder / "spark"))):
            try:
                started = start(server)
                loaded = load(folder / f"home-{key}", patients, store=server.url())
                frozen = told(server, server.url(connect=4))
                measured[key] = (
                    started | loaded | {"most_rss_mb": server.memory_mb, "frozen_told_after_seconds": frozen}
                )
            finally:
                server.kill()
        measured["DuckDB"] = load(folder / "home-DuckDB", patients, store="")
    write("servers", measured, command="python -m benchmarks.servers")


if __name__ == "__main__":
    main()
