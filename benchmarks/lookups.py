"""A profile on the read side beside a look-up of the same row in Hive, in one run.

    python -m benchmarks.lookups [--patients 10000] [--trial ist.csv.gz]

Hive computes the profiles of made-up patients, and their rows are put into a Hive table, held ready as one sorted
Parquet file, which is the best that Hive can do. Rows are then looked up in that table and, once the server has ended
and nothing else goes on in this process, the same ones and more are read on the read side. Writes
docs/evidence/lookups.json, and fails where a read takes longer than 1 ms at the 99th percentile, or is not 100 times as
fast as a look-up.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import duckdb

from benchmarks.evidence import write
from benchmarks.made_up_histories import land, make_batch
from hive_queries import make_profiles, open_history_store
from hive_queries.engines.address import parse_address
from hive_queries.engines.hiveserver2 import Connection
from hive_queries.profiles import Profiles
from strokemap.progress import silent

if TYPE_CHECKING:
    from tests.servers.hiveserver2 import HiveServer

Times = dict[str, float]
READS, LOOKUPS = 5000, 200
LEAST_TIMES, MOST_MS = 100, 1.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Compared(TypedDict):
    """What is written down."""

    patients: int
    hive: Times
    read: Times
    times_faster: Times


_COLUMNS = ("institution", "patient", "sex", "birth_year", "died_on", "died_precision", "facts", "articles")


def main() -> None:
    """Measure both and write them down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=10_000)
    data = Path(os.environ.get("STROKEMAP_TEST_DATA", "../shared/data"))
    parser.add_argument("--trial", type=Path, default=data / "patients" / "ist.csv.gz")
    asked = parser.parse_args()
    from tests.servers.hive import hive_in

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with hive_in(folder / "hive").running() as server:
            hive, version = time_lookups(folder, server=server, patients=asked.patients, trial=asked.trial)
        measured = compare(hive, time_reads(folder / "profiles", version), patients=asked.patients)
    print(measured)
    write("lookups", {**measured}, command="python -m benchmarks.lookups")
    judge(measured)


def compare(hive: Times, read: Times, *, patients: int) -> Compared:
    """Put both times side by side."""
    times = {name: round(hive[f"{name}_ms"] / read[f"{name}_ms"], 1) for name in ("p50", "p99")}
    return {"patients": patients, "hive": hive, "read": read, "times_faster": times}


def judge(measured: Compared) -> None:
    """End with a failure where a read is slower than is promised, by itself or beside a look-up."""
    slow = [f"{name}: {times} times" for name, times in measured["times_faster"].items() if times < LEAST_TIMES]
    if measured["read"]["p99_ms"] > MOST_MS:
        slow.append(f"a read: {measured['read']['p99_ms']} ms")
    if slow:
        raise SystemExit(f"Slower than {LEAST_TIMES} times a look-up in Hive, or than {MOST_MS} ms: {', '.join(slow)}.")


def time_lookups(
    folder: Path, *, server: HiveServer, patients: int, trial: Path, lookups: int = LOOKUPS
) -> tuple[Times, str]:
    """Time look-ups of single profiles in a Hive table that holds them ready; give the profiles' version, too."""
    landed = land(folder / "landed", patients=patients, trial=trial)
    with contextlib.closing(open_history_store(server.url())) as store:
        store.add(make_batch(patients=patients, number=1), landed=landed)
        version = make_profiles(store, folder=folder / "profiles", progress=silent, now=NOW).version
    ready = server.files / "ready"
    ready.mkdir()
    _write_ready(folder / "profiles", ready)
    types = ", ".join(f"{name} {'BIGINT' if name == 'birth_year' else 'STRING'}" for name in _COLUMNS)
    with contextlib.closing(Connection(parse_address(server.url()))) as link:
        list(link.rows(f"CREATE EXTERNAL TABLE ready ({types}) STORED AS PARQUET LOCATION 'file://{ready}'"))
        some = _patients(folder / "profiles", version, n=lookups)
        times = _time(some, lambda one: len(list(link.rows(f"SELECT * FROM ready WHERE patient = '{one}'"))))
        list(link.rows("DROP TABLE ready"))
    return times, version


def time_reads(folder: Path, version: str) -> Times:
    """Time reading single profiles on the read side."""
    with contextlib.closing(Profiles.open(folder, version)) as profiles:
        return _time(_patients(folder, version, n=READS), lambda patient: bool(profiles.get(patient)))


def _time(patients: Iterable[str], find: Callable[[str], int]) -> Times:
    seconds = []
    for patient in patients:
        start = time.perf_counter()
        found = find(patient)
        seconds.append(time.perf_counter() - start)
        if found != 1:
            raise SystemExit("A profile was not found.")
    p99 = statistics.quantiles(seconds, n=100)[98]
    return {"n": len(seconds), "p50_ms": _ms(statistics.median(seconds)), "p99_ms": _ms(p99)}


def _patients(folder: Path, version: str, *, n: int) -> list[str]:
    with contextlib.closing(sqlite3.connect(folder / f"{version.partition('-')[0]}.sqlite")) as connection:
        found = [row[0] for row in connection.execute("SELECT patient FROM profiles ORDER BY patient DESC")]
    return found[:: max(1, len(found) // n)][:n]


def _write_ready(profiles: Path, folder: Path) -> None:
    rows = folder.parent / "ready.csv"
    with contextlib.closing(sqlite3.connect(profiles / "1.sqlite")) as connection, rows.open("w", newline="") as handle:
        csv.writer(handle).writerows(connection.execute("SELECT * FROM profiles ORDER BY patient"))
    columns = {name: "BIGINT" if name == "birth_year" else "VARCHAR" for name in _COLUMNS}
    with contextlib.closing(duckdb.connect()) as connection:
        table = connection.read_csv(str(rows), columns=columns, header=False, auto_detect=False)
        table.write_parquet(str(folder / "part-0.parquet"))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


if __name__ == "__main__":
    main()
