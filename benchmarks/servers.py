"""The real servers: seconds to start, memory, loads and profiles on each history store, how soon what is wrong is told.

    python -m benchmarks.servers

Starts the servers of the tests, one after the other. All rows of the International Stroke Trial, from the folder that
STROKEMAP_TEST_DATA names, are loaded on DuckDB, Hive and Spark, each by the command line in a home of its own, with the
same keys: the profiles' versions must be the same. Writes docs/evidence/servers.json.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from fastapi.testclient import TestClient

from api.acquiring import Intake
from api.app import make_app
from api.curating import Bench
from api.demo import demonstrate, open_demonstration
from api.service import open_service, utc_now
from benchmarks.evidence import Home, Measured, write
from benchmarks.made_up import made_up_map
from hive_queries import open_history_store
from kg_builder import open_map_store
from strokemap.errors import StrokemapError
from strokemap.progress import silent
from strokemap.settings import Settings
from tests.api.conftest import headers_for
from tests.servers.__main__ import PAGES
from tests.servers.hive import hive_in
from tests.servers.mediawiki import Wikis
from tests.servers.neo4j import Neo4jProcess
from tests.servers.process import ServerProcess
from tests.servers.spark import spark_in

TERM, QUESTION = "/api/v1/map/terms/Aphasia", "/api/v1/histories/questions/blood-pressure-above-target"


def start(server: ServerProcess) -> Measured:
    """Start a server and time it."""
    begun = time.monotonic()
    server.start()
    return {"start_seconds": round(time.monotonic() - begun, 1), "started_rss_mb": server.memory_mb}


def load(folder: Path, patients: Path, *, name: str, store: str) -> Measured:
    """Acquire all rows, acquire them again, make the profiles."""
    home = Home(folder, f"home-{name}", origin="benchmark.example/ledger", history_store=store)
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


def told(call: Callable[[], object], code: str) -> float:
    """Give the seconds until a call fails with this code."""
    begun = time.monotonic()
    try:
        call()
    except StrokemapError as error:
        if error.code == code:
            return round(time.monotonic() - begun, 1)
        raise
    raise SystemExit(f"No {code} was told.")


def lost_write(neo4j: Neo4jProcess, lose: Callable[[], None]) -> float:
    """Lose Neo4j in the middle of a write, and give the seconds until that is told."""
    lost: list[float] = []

    def once(*_: object) -> None:
        if not lost:
            lose()
            lost.append(time.monotonic())

    with closing(open_map_store(neo4j.url)) as store:
        build = made_up_map(terms=5_000, links=50_000)
        told(lambda: store.write(build, texts=(), progress=once), "map.store.unreachable")
    neo4j.thaw()
    return round(time.monotonic() - lost[0], 1)


def over_http(folder: Path, path: str, *, map_store: str = "", history_store: str = "") -> float:
    """Ask a frozen store over HTTP, and give the seconds until the answer 503."""
    setup = open_demonstration(
        Settings(home=folder / "demonstration", keys=folder / "demonstration-keys"), explicit=True
    )
    if setup.home.current("map") is None:
        demonstrate(setup, progress=silent, say=lambda _: None)
    app = make_app(
        open_service(setup.home, setup.keys),
        bench=Bench(home=setup.home, store_url=map_store or setup.settings.map_store_url()),
        intake=Intake(
            home=setup.home,
            keys=setup.keys,
            store_url=history_store or setup.settings.history_store_url(),
            now=utc_now,
        ),
    )
    role, body = ("curator", None) if path == TERM else ("clinician", {"params": {}})
    with TestClient(app, base_url="http://strokemap.test", raise_server_exceptions=False) as web:
        begun = time.monotonic()
        answer = web.request("POST" if body else "GET", path, json=body, headers=headers_for(setup, role))
        assert answer.status_code == 503, answer.text
        return round(time.monotonic() - begun, 1)


def measure_neo4j(folder: Path) -> Measured:
    """Start Neo4j, and see how soon it is told when it is frozen, when a write is lost, when the password is wrong."""
    neo4j = Neo4jProcess(folder / "neo4j")
    try:
        measured = start(neo4j)
        wrong = neo4j.address(password="wrong")
        measured["wrong_password_told_after_seconds"] = told(lambda: open_map_store(wrong), "map.store.refused")
        with neo4j.frozen():
            frozen = told(lambda: open_map_store(neo4j.url), "map.store.unreachable")
            measured["frozen_told_after_seconds"] = frozen
            measured["frozen_503_after_seconds"] = over_http(folder, TERM, map_store=neo4j.url)
        measured["frozen_in_a_write_told_after_seconds"] = lost_write(neo4j, neo4j.freeze)
        measured["killed_in_a_write_told_after_seconds"] = lost_write(neo4j, neo4j.kill)
        return measured
    finally:
        neo4j.kill()


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
        measured["Neo4j"] = measure_neo4j(folder)
        versions = set()
        for key, server in (
            ("Hive", hive_in(folder / "hive")),
            ("Spark", spark_in(folder / "spark")),
            ("DuckDB", None),
        ):
            try:
                started = start(server) if server else {}
                loaded = load(folder, patients, name=key, store=server.url() if server else "")
                versions.add(loaded["profiles"]["version"])  # type: ignore[index]
                measured[key] = started | loaded
                if server:
                    address, most = server.url(connect=4), server.memory_mb
                    with server.frozen():
                        frozen = told(lambda address=address: open_history_store(address), "history.store.unreachable")
                        http = over_http(folder, QUESTION, history_store=address)
                    measured[key] |= {
                        "most_rss_mb": most,
                        "frozen_told_after_seconds": frozen,
                        "frozen_503_after_seconds": http,
                    }
            finally:
                if server:
                    server.kill()
    if len(versions) != 1:
        raise SystemExit(f"The engines give profiles of different versions: {sorted(versions)}.")
    write("servers", measured, command="python -m benchmarks.servers")


if __name__ == "__main__":
    main()
