"""A profile beside a look-up in Hive: how it is measured, and what is a failure. The times are for the soak."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.lookups import compare, judge, time_lookups, time_reads
from benchmarks.made_up_histories import INSTITUTION
from hive_queries import open_history_store

if TYPE_CHECKING:
    from tests.servers.hiveserver2 import HiveServer


@pytest.mark.data
@pytest.mark.server
def test_profiles_are_read_and_looked_up_in_hive_in_one_run(
    hive_server: HiveServer, test_data: Path, tmp_path: Path
) -> None:
    with closing(open_history_store(hive_server.url())) as store:
        for institution in {batch.institution for batch in store.batches()}:
            store.drop(institution)
    trial = test_data / "patients" / "ist.csv.gz"
    hive, version = time_lookups(tmp_path, server=hive_server, patients=200, trial=trial, lookups=5)
    with closing(open_history_store(hive_server.url())) as store:
        store.drop(INSTITUTION)
    measured = compare(hive, time_reads(tmp_path / "profiles", version), patients=200)
    assert (measured["hive"]["n"], measured["read"]["n"]) == (5, 200)
    assert min(measured["times_faster"].values()) > 0


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ({"p50_ms": 1.1, "p99_ms": 2.0}, "p50: 90.9 times, a read: 2.0 ms."),
        ({"p50_ms": 0.1, "p99_ms": 2.1}, "p99: 95.2 times, a read: 2.1 ms."),
        ({"p50_ms": 0.1, "p99_ms": 1.1}, "a read: 1.1 ms."),
    ],
)
def test_read_slower_than_promised_is_a_failure(read: dict[str, float], said: str) -> None:
    hive = {"p50_ms": 100.0, "p99_ms": 200.0}
    judge(compare(hive, {"p50_ms": 1.0, "p99_ms": 1.0}, patients=1))
    with pytest.raises(SystemExit) as failure:
        judge(compare(hive, read, patients=1))
    assert str(failure.value).endswith(f": {said}")
