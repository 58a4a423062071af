"""However extracts come, the tables end as if each had come once: the same rows, hashed, as after one clean run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.acquisition import (
    INSTITUTION,
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


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(url=f"duckdb:///{tmp_path / 'histories'}", work=tmp_path / "work")


@pytest.fixture
def hive_target(tmp_path: Path, hive_server: HiveServer) -> Target:
    store = open_history_store(hive_server.url())
    store.drop(INSTITUTION)
    store.close()
    return Target(url=hive_server.url(), work=tmp_path / "work")


def test_loads_killed_sent_twice_and_in_any_order_end_as_one_clean_run(tmp_path: Path) -> None:
    measured = measure_kills(tmp_path, kills=5, rounds=1)
    assert measured["kills"] >= 5
    assert measured["same as the clean run"] == 1


@pytest.mark.server
def test_loads_killed_on_hive_end_as_one_clean_run_on_the_embedded_engine(hive_target: Target, tmp_path: Path) -> None:
    extracts = make_extracts(tmp_path / "extracts", seed=1)[:2]
    assert shake(hive_target, extracts, kills=3, seed=1).killed >= 3
    assert fingerprint(hive_target) == clean_run(tmp_path, extracts)


def test_two_loads_at_once_count_once(target: Target, tmp_path: Path) -> None:
    extracts = make_extracts(tmp_path / "extracts", seed=2)[:1]
    assert None not in [finish(one) for one in [start(extracts[0], target), start(extracts[0], target)]]
    assert fingerprint(target) == clean_run(tmp_path, extracts)


@pytest.mark.parametrize("limit", [0, 100, 600, 1500])
def test_full_disk_is_reported_leaves_nothing_and_the_next_load_completes(
    target: Target, tmp_path: Path, limit: int
) -> None:
    extracts = make_extracts(tmp_path / "extracts", seed=3)[:1]
    code = load_on_full_disk(extracts[0], target, limit=limit)
    assert code in {"home.folder.unwritable", "history.store.unreachable"}
    assert open_history_store(target.url).batches() == ()
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
        return list(open_history_store(target.url).run(LATEST, parameters={}))

    send("2", "2025-06-02T10:00:00+02:00", minute=1)
    send("1", "2025-06-02T07:59:59Z", minute=2)
    assert held() == [("2",)], "what comes late does not undo what was changed after it"
    send("3", "2025-06-02T08:00:01Z", minute=3)
    assert held() == [("3",)]
    send("4", "", minute=4)
    assert held() == [("4",)], "without a time of its own a row is as new as its coming"
    assert len(open_history_store(target.url).batches()) == 4
