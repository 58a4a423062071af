"""What readers get over HTTP while the map and the library change beneath them."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.acquiring import Intake
from api.app import make_app
from api.curating import Bench
from api.service import open_service, utc_now
from kg_builder.decisions import apply_decisions
from kg_builder.model import Decision
from strokemap.progress import silent

READERS, SWAPS = 3, 4


@pytest.fixture
def bench(demonstration, tmp_path: Path) -> Bench:
    """The curator's bench of a copy of the demonstration."""
    shutil.copytree(demonstration.setup.home.root, tmp_path / "home")
    home = replace(demonstration.setup.home, root=tmp_path / "home")
    return Bench(home=home, store_url=f"sqlite:///{home.root / 'map.db'}")


@pytest.fixture
def ask(bench: Bench, demonstration, token: Callable) -> Callable[..., dict]:
    """Send a request by this role, and give the answer, which must be no error."""
    keys = demonstration.setup.keys
    intake = Intake(home=bench.home, keys=keys, store_url="duckdb:///unused", now=utc_now)
    web = TestClient(make_app(open_service(bench.home, keys), bench=bench, intake=intake))

    def request(role: str, method: str, path: str, **body: str) -> dict:
        answer = web.request(method, f"/api/v1/{path}", json=body, headers=token(role))
        assert answer.status_code == 200, answer.text
        return answer.json()

    return request


def test_builds_swap_in_and_out_while_readers_search_and_nobody_gets_an_error(bench: Bench, ask: Callable) -> None:
    other_name = Decision(
        number=1, action="alias", term="Aphasia", value="lossofwords", who="test", why="to tell it apart", at=utc_now()
    )
    with bench.store() as store:
        old = store.read(bench.published())
        new = apply_decisions(old, [other_name])
        store.write(new, texts=store.texts(old.digest), progress=silent)
    answers: list[dict] = []
    failures: list[AssertionError] = []
    done = threading.Event()

    def search_on() -> None:
        while not done.is_set():
            try:
                answers.append(ask("patient", "POST", "search", query="lossofwords after a stroke"))
            except AssertionError as failure:
                failures.append(failure)

    readers = [threading.Thread(target=search_on) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for swap in range(SWAPS):
        if swap % 2 == 0:
            ask("curator", "POST", f"map/builds/{new.digest}/publish")
        else:
            bench.rollback(old.topic.name)
        found = ask("patient", "POST", "search", query="lossofwords")
        named = ["Aphasia"] if swap % 2 == 0 else []
        assert ([term["term"] for term in found["terms"]], found["build"]) == (named, bench.published())
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert {answer["build"] for answer in answers} <= {old.digest, new.digest}
    assert all(answer["results"] for answer in answers)


def test_an_edit_of_the_library_is_found_by_the_very_next_request(bench: Bench, ask: Callable) -> None:
    id = "lib:demonstration-arm-exercises"
    before = ask("patient", "POST", "search", query="zzedit")
    assert before["results"] == []
    ask("curator", "PATCH", f"articles/{id}", field="title", value="Arm exercises zzedit")
    assert [result["id"] for result in ask("patient", "POST", "search", query="zzedit")["results"]] == [id]
    assert bench.published() == before["build"]
