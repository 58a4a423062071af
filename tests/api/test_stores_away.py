"""The whole main job on a real Neo4j and a real Hive; then both stop answering, and readers do not notice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from api.acquiring import Intake
from api.app import make_app
from api.cli.context import Setup
from api.curating import Bench
from api.demo import demonstrate, open_demonstration
from api.service import open_service, utc_now
from strokemap.progress import silent
from strokemap.settings import Settings
from tests.api.conftest import Shown, headers_for
from tests.servers.process import GIVEN_UP

if TYPE_CHECKING:
    from tests.servers.hiveserver2 import HiveServer
    from tests.servers.neo4j import Neo4jProcess

pytestmark = pytest.mark.server
SAMPLES = json.loads((Path(__file__).parents[2] / "api" / "demonstration" / "searches.json").read_text())
OF_THE_MOMENT = {"entry", "took_ms"}


@pytest.fixture
def setup(tmp_path: Path, neo4j_server: Neo4jProcess, hive_server: HiveServer) -> Setup:
    """A demonstration whose map is in Neo4j and whose histories are in Hive."""
    hive_server.ask("CREATE DATABASE IF NOT EXISTS away", database="default")
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    setup = open_demonstration(settings, explicit=True)
    stores = {"map_store": neo4j_server.url, "history_store": hive_server.url("away", connect=4)}
    return replace(setup, settings=setup.settings.model_copy(update=stores))


@pytest.fixture
def web(setup: Setup) -> Iterator[TestClient]:
    demonstrate(setup, progress=silent, say=lambda _: None)
    app = make_app(
        open_service(setup.home, setup.keys),
        bench=Bench(home=setup.home, store_url=setup.settings.map_store_url()),
        intake=Intake(home=setup.home, keys=setup.keys, store_url=setup.settings.history_store_url(), now=utc_now),
    )
    with TestClient(app, base_url="http://strokemap.test", raise_server_exceptions=False) as web:
        yield web


def answers(web: TestClient, setup: Setup) -> list[dict[str, Any]]:
    """Ask all samples, and leave out of the answers what is of the moment."""
    asked = [("search", {"query": one["query"]}) for one in SAMPLES["searches"]]
    asked += [("recommendations", {"patient": one["patient"], "as_of": one["as_of"]}) for one in SAMPLES["patients"]]
    given = []
    for path, body in asked:
        headers = headers_for(setup, "clinician", institution=body.get("patient", "north").split("-")[0])
        answer = web.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        given.append({name: value for name, value in answer.json().items() if name not in OF_THE_MOMENT})
    return given


def problems(web: TestClient) -> dict[str, str]:
    answer = web.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    return {problem["code"]: problem["message"] for problem in answer.json()["problems"]}


def test_readers_go_on_while_both_stores_are_frozen_and_curators_are_told(
    web: TestClient,
    setup: Setup,
    neo4j_server: Neo4jProcess,
    hive_server: HiveServer,
    command: Callable[..., Shown],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = answers(web, setup)
    assert problems(web) == {}
    expansions = [term for answer in before for term in answer.get("expansion", []) if term["path"]]
    assert expansions
    for term in expansions:
        shown = [path for (path,) in neo4j_server.ask(term["cypher"])]
        assert [len(shown), shown[-1].nodes[-1]["title"]] == [len(term["path"]), term["term"]]
    monkeypatch.setenv("STROKEMAP_MAP_STORE", setup.settings.map_store)
    monkeypatch.setenv("STROKEMAP_HISTORY_STORE", setup.settings.history_store)
    with neo4j_server.frozen(), hive_server.frozen():
        assert answers(web, setup) == before
        found = command("search", SAMPLES["searches"][0]["query"], "--json")
        assert found.status == 0, found.err
        assert set(problems(web)) == {"map.store.unreachable", "history.store.unreachable"}
        curator = headers_for(setup, "curator")
        started = time.monotonic()
        answer = web.get("/api/v1/map/terms/Aphasia", headers=curator)
        assert time.monotonic() - started < GIVEN_UP
        assert (answer.status_code, answer.json()["code"]) == (503, "map.store.unreachable")
    assert problems(web) == {}
    assert web.get("/api/v1/map/terms/Aphasia", headers=curator).status_code == 200
