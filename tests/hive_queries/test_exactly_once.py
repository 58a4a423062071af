"""However extracts come, the tables end as if each had come once: the same rows, hashed, as after one clean run."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.acquisition import (
    Target,
    clean_run,
    fingerprint,
    finish,
    load,
    load_on_full_disk,
    make_extracts,
    measure_kills,
    shake,
    start,
)
from hive_queries import open_history_store
from hive_queries.dialect import read_statements

if TYPE_CHECKING:
    from tests.servers.hiveserver2 import HiveServer

(LATEST,) = read_statements("SELECT code FROM latest_events", where="")


@pytest.fixture(params=["duckdb", pytest.param("hive", marks=pytest.mark.server)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """An empty store of each engine that extracts go to; both must end as one clean run on the embedded one."""
    url = f"duckdb:///{tmp_path / 'histories'}"
    if request.param == "hive":
        server: HiveServer = request.getfixturevalue("hive_server")
        url = server.url()
    target = Target(url=url, work=tmp_path / "work")
    with closing(open_history_store(url)) as store:
        for institution in {batch.institution for batch in store.batches()}:
            store.drop(institution)
    return target


def test_loads_killed_sent_twice_and_in_any_order_end_as_one_clean_run(target: Target, tmp_path: Path) -> None:
    extracts = make_extracts(tmp_path / "extracts", seed=1)[:2]
    tally = shake(target, extracts, kills=5, seed=1)
    assert tally.killed == 5
    assert min(tally.at_steps, tally.at_moments) == 2
    assert fingerprint(target) == clean_run(tmp_path, extracts)


def test_rounds_of_kills_are_counted_by_kind(tmp_path: Path) -> None:
    measured = measure_kills(tmp_path, kills=2, rounds=1)
    assert (measured["kills"], measured["at counted steps"], measured["at random moments"]) == (2, 1, 1)
    assert measured["same as the clean run"] == 1


def test_two_loads_at_once_count_once(target: Target, tmp_path: Path) -> None:
    extracts = make_extracts(tmp_path / "extracts", seed=2)[:1]
    assert None not in [finish(one) for one in [start(extracts[0], target), start(extracts[0], target)]]
    assert fingerprint(target) == clean_run(tmp_path, extracts)


# From the start, while rows land, and while DuckDB writes them as Parquet.
@pytest.mark.parametrize(
    ("limit", "code"),
    [(0, "home.folder.unwritable"), (1500, "home.folder.unwritable"), (3000, "history.store.unreachable")],
)
def test_full_disk_is_reported_leaves_nothing_and_the_next_load_completes(
    target: Target, tmp_path: Path, limit: int, code: str
) -> None:
    extracts = make_extracts(tmp_path / "extracts", seed=3)[:1]
    assert load_on_full_disk(extracts[0], target, limit=limit) == code
    with closing(open_history_store(target.url)) as store:
        assert store.batches() == ()
    load(extracts[0], target)
    assert fingerprint(target) == clean_run(tmp_path, extracts)


def test_changed_file_of_the_same_name_is_a_batch_of_its_own_and_the_last_change_holds(
    target: Target, tmp_path: Path
) -> None:
    path = tmp_path / "Condition.ndjson"

    def send(code: str, changed: str, *, minute: int) -> None:
        coding = [{"system": "http://snomed.info/sct", "code": code}]
        condition = {
            "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
            "code": {"coding": coding}, "meta": {"lastUpdated": changed} if changed else {},
        }  # fmt: skip
        path.write_text(json.dumps(condition))
        load(path, target, minute=minute)

    def held() -> list[tuple[object, ...]]:
        with closing(open_history_store(target.url)) as store:
            return list(store.run(LATEST, parameters={}))

    send("2", "2025-06-02T10:00:00+02:00", minute=1)
    send("1", "2025-06-02T07:59:59Z", minute=2)
    assert held() == [("2",)], "what comes late does not undo what was changed after it"
    send("3", "2025-06-02T08:00:01Z", minute=3)
    assert held() == [("3",)]
    send("4", "", minute=4)
    assert held() == [("4",)], "without a time of its own a row is as new as its coming"
    with closing(open_history_store(target.url)) as store:
        assert len(store.batches()) == 4
