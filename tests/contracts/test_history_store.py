"""What every HistoryStore holds to. A new implementation is one more branch in ``any_store``, and one in each list."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hive_queries.dialect import read_statements
from hive_queries.engines import Batch, BatchDigest, HistoryStore, open_history_store
from hive_queries.engines.duckdb import DuckDBStore
from hive_queries.engines.hive import HiveStore
from hive_queries.statement import read_shipped, tables
from strokemap.errors import (
    FormatUnknown,
    HistoryStatementRefused,
    HistoryStoreDamaged,
    HistoryStoreUnreachable,
    HistoryStoreUnsupported,
)

SERVERS = ("hive", "spark")
STORES = ("duckdb", *(pytest.param(name, marks=pytest.mark.server) for name in SERVERS))
IMPLEMENTATIONS = (DuckDBStore, HiveStore)
(COUNT,) = read_statements(
    "SELECT institution, COUNT(*) AS n FROM conditions GROUP BY institution ORDER BY institution ASC NULLS LAST",
    where="",
)
(LATEST,) = read_statements(
    "SELECT code, quantity FROM latest_events WHERE institution = :institution ORDER BY code ASC NULLS LAST",
    where="",
)
Land = Callable[..., dict[str, Path]]


@pytest.fixture(params=STORES)
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HistoryStore]:
    """An empty store of each implementation."""
    if request.param in SERVERS:
        store = open_history_store(request.getfixturevalue(f"{request.param}_server").url())
        for institution in {item.institution for item in store.batches()}:
            store.drop(institution)
    else:
        store = open_history_store(f"duckdb:///{tmp_path / 'histories'}")
    yield store
    store.close()


@pytest.fixture
def land(tmp_path: Path) -> Land:
    """Writes the landing file of the table `conditions`, a row for each key and code."""

    def write(*rows: tuple[str, str], number: int = 1) -> dict[str, Path]:
        path = tmp_path / f"conditions-{number}.csv"
        with path.open("w", newline="") as handle:
            for key, code in rows:
                fixed = (key, "p", "", "condition", "made-up", code, "code", code, 1.5, "", 'say, "it"', "2020-01-31")
                csv.writer(handle).writerow((*fixed, "day", None, "", number, None))
        return {"conditions": path}

    return write


def batch(name: str, *, institution: str = "north", acquired_us: int = 1) -> Batch:
    return Batch(
        institution=institution,
        digest=BatchDigest(name * 64),
        extract_format="fhir",
        rows=2,
        patients=1,
        acquired_us=acquired_us,
    )


def test_empty_store_has_no_batches_and_answers_queries(any_store: HistoryStore) -> None:
    assert any_store.batches() == ()
    assert list(any_store.run(COUNT, parameters={})) == []
    assert any_store.drop("north") == 0


def test_batch_counts_once_however_often_it_is_added(any_store: HistoryStore, land: Land) -> None:
    landed = land(("k1", "A"), ("k2", "B"))
    assert any_store.add(batch("a"), landed=landed) is True
    assert any_store.add(batch("a"), landed=landed) is False
    assert any_store.batches() == (batch("a"),)
    assert list(any_store.run(COUNT, parameters={})) == [("north", 2)]


def test_newest_row_of_a_natural_key_is_read(any_store: HistoryStore, land: Land) -> None:
    any_store.add(batch("b", acquired_us=2), landed=land(("k1", "NEW"), number=2))
    any_store.add(batch("a", acquired_us=1), landed=land(("k1", "OLD"), ("k2", "B")))
    assert list(any_store.run(LATEST, parameters={"institution": "north"})) == [("B", 1.5), ("NEW", 1.5)]
    assert [item.acquired_us for item in any_store.batches()] == [1, 2]


def test_dropping_an_institution_leaves_the_others(any_store: HistoryStore, land: Land) -> None:
    landed = land(("k1", "A"))
    any_store.add(batch("a"), landed=landed)
    any_store.add(batch("b"), landed=landed)
    any_store.add(batch("a", institution="lake"), landed=landed)
    assert any_store.drop("north", batch=BatchDigest("b" * 64)) == 1
    assert [item.digest[0] for item in any_store.batches()] == ["a", "a"]
    assert any_store.drop("north", batch=BatchDigest("c" * 64)) == 0
    assert any_store.drop("north") == 1
    assert list(any_store.run(COUNT, parameters={})) == [("lake", 1)]
    assert any_store.add(batch("a"), landed=landed) is True


HOSTILE = [
    "' OR '1'='1",
    "\\",
    "${env:PATH}",
    "$institution",
    ":institution",
    "a\nb",
    "x'; DROP TABLE conditions --",
    "\u2028",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_parameter_is_a_value(any_store: HistoryStore, land: Land, text: str) -> None:
    any_store.add(batch("a"), landed=land(("k1", "A")))
    (echo,) = read_statements("SELECT COUNT(*) AS n, MAX(:x) AS x FROM conditions WHERE code <> :x", where="")
    assert list(any_store.run(echo, parameters={"x": text})) == [(1, text)]


def test_statement_that_the_engine_refuses_is_told_from_a_store_out_of_reach(any_store: HistoryStore) -> None:
    (unknown,) = read_statements("SELECT canary FROM batches", where="")
    with pytest.raises(HistoryStatementRefused) as refusal:
        list(any_store.run(unknown, parameters={}))
    assert "canary" not in f"{refusal.value.message}{refusal.value.hint}"
    assert not refusal.value.retryable


def test_number_too_large_for_duckdb_is_a_refusal(tmp_path: Path, land: Land) -> None:
    store = open_history_store(f"duckdb:///{tmp_path / 'histories'}")
    store.add(batch("a", acquired_us=2), landed=land(("k1", "A")))
    (large,) = read_statements("SELECT acquired_us * :factor AS n FROM batches", where="")
    with pytest.raises(HistoryStatementRefused):
        list(store.run(large, parameters={"factor": 9_000_000_000_000_000_000}))


def test_every_table_and_view_can_be_read(any_store: HistoryStore) -> None:
    counts = [f"SELECT '{item.name}' AS name, COUNT(*) AS n FROM {item.name}" for item in read_shipped("tables.hql")]
    (every,) = read_statements(" UNION ALL ".join(counts), where="")
    assert set(any_store.run(every, parameters={})) == {(item.name, 0) for item in read_shipped("tables.hql")}


def test_cells_come_back_as_they_were_landed(any_store: HistoryStore, land: Land) -> None:
    any_store.add(batch("a"), landed=land(("k1", "A")))
    (table,) = (item for item in tables() if item.name == "conditions")
    columns = ", ".join(
        f"DATE_FORMAT({item.name}, 'yyyy-MM-dd') AS {item.name}" if item.type == "date" else item.name
        for item in table.columns
    )
    (whole,) = read_statements(f"SELECT {columns} FROM conditions", where="")
    ((*cells,),) = any_store.run(whole, parameters={})
    assert cells[3:] == [
        *("condition", "made-up", "A", "code", "A", 1.5, "", 'say, "it"', "2020-01-31", "day", None, "", 1, None)
    ]


@pytest.mark.parametrize("store", IMPLEMENTATIONS)
def test_signatures_are_those_of_the_seam(store: type) -> None:
    for name, method in inspect.getmembers(HistoryStore, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(store, name)) == inspect.signature(method), name


@pytest.mark.parametrize("url", ["", "hive://host:10000/db", "duckdb:///", "duckdb://x", "sqlite:///x", "/folder"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(HistoryStoreUnsupported) as refusal:
        open_history_store(url)
    assert refusal.value.exit_status == 1


# In those of the first format patients had other pseudonyms: opt-outs among them would hold for nobody.
@pytest.mark.parametrize("written", ["strokemap-histories-1", "strokemap-histories-hive-1", "strokemap-histories-99"])
@pytest.mark.parametrize("engine", ["duckdb", pytest.param("hive", marks=pytest.mark.server)])
def test_folder_of_another_version_is_refused(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str, written: str, land: Land
) -> None:
    (tmp_path / "format").write_text(f"{written}\n")
    url = f"duckdb:///{tmp_path}" if engine == "duckdb" else request.getfixturevalue("hive_server").url(files=tmp_path)
    store = open_history_store(url)
    for use in (store.batches, lambda: store.add(batch("a"), landed=land(("k1", "A")))):
        with pytest.raises(FormatUnknown) as refusal:
            use()
        assert "enter opt-outs again" in refusal.value.hint
    store.close()


def test_damaged_or_forbidden_files_are_reported_without_their_content(tmp_path: Path, land: Land) -> None:
    store = open_history_store(f"duckdb:///{tmp_path / 'histories'}")
    store.add(batch("a"), landed=land(("k1", "CANARY")))
    for number in range(3):
        store.add(batch("b", institution=f"lake_{number}"), landed=land(*((f"k{n}", "A") for n in range(5000))))
    (file,) = (tmp_path / "histories/tables/conditions/institution=north").rglob("*.parquet")
    whole = file.read_bytes()
    # Not a Parquet file, one cut off, and one whose rows alone are damaged.
    for damaged, asked in ((b"CANARY", COUNT), (whole[:-20], COUNT), (whole[:4] + bytes(200) + whole[204:], LATEST)):
        file.write_bytes(damaged)
        with pytest.raises(HistoryStoreDamaged) as refusal:
            list(store.run(asked, parameters={"institution": "north"}))
        assert refusal.value.where == f"north, batch {'a' * 12}"
        assert "CANARY" not in f"{refusal.value.message}{refusal.value.hint}"
    for part in (tmp_path / "histories/tables/batches").rglob("*.parquet"):
        part.write_bytes(b"CANARY")
    assert store.drop("north") == 1, "what is damaged can be withdrawn"
    for number in range(3):
        assert store.drop(f"lake_{number}") == 1
    assert store.batches() == ()
    (tmp_path / "plain").touch()
    with pytest.raises(HistoryStoreUnreachable):
        open_history_store(f"duckdb:///{tmp_path / 'plain'}").batches()
