"""Where each engine pays: profiles and two cohorts over made-up histories, on SQLite, DuckDB, Hive and Spark.

    python -m benchmarks.scale [--patients 10000] [--engines sqlite,duckdb,hive,spark] [--trial ist.csv.gz]

"Traditional" is a row store in one file with indexes on what is asked: SQLite, given the same tables and, by sqlglot,
the same texts. Each engine loads one batch, computes all profiles and both cohorts, and gives its rows to Python; the
digests of the answers must be equal. Each is measured in a process of its own: Hive as HiveServer2 with Tez in local
mode (one task at a time), Spark as its Thrift Server on local[2], each with a heap of 1 GB. On DuckDB a version of the
profiles from changed patients (1 in 100) is timed, too; on Hive a look-up of one profile beside the read side's. Adds
to docs/evidence/scale.json; a line there is replaced by a newer one of its size and engine.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

from benchmarks.made_up_histories import land, make_batch
from benchmarks.soak import ROOT, write
from hive_queries import HistoryStore, make_profiles, open_history_store
from hive_queries.engines import Parameter
from hive_queries.engines.address import parse_address
from hive_queries.engines.hiveserver2 import Connection
from hive_queries.profiles import Profiles
from hive_queries.statement import Statement, read_shipped, tables
from strokemap.progress import silent

ENGINES = ("sqlite", "duckdb", "hive", "spark")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = 100
READS, LOOKUPS = 5000, 50
COHORTS: dict[str, dict[str, Parameter]] = {
    "aphasia-without-speech-therapy": {"days": 30},
    "blood-pressure-above-target": {"target": 140.0, "institution": ""},
}
Run = Callable[[Statement, Mapping[str, Parameter]], Iterable[tuple[object, ...]]]
Measured = dict[str, object]


def main() -> None:
    """Measure each engine at one size, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--trial", type=Path, default=_trial())
    parser.add_argument("--one", action="store_true", help="measure in this process and print")
    asked = parser.parse_args()
    if asked.one:
        with tempfile.TemporaryDirectory() as folder:
            json.dump(
                measure(asked.engines, patients=asked.patients, trial=asked.trial, folder=Path(folder)), sys.stdout
            )
        return
    for engine in asked.engines.split(","):
        words = [sys.executable, "-m", "benchmarks.scale", "--one", "--patients", str(asked.patients)]
        words += ["--engines", engine, "--trial", str(asked.trial)]
        done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        keep({"engine": engine, "patients": asked.patients, **json.loads(done.stdout)})


def measure(engine: str, *, patients: int, trial: Path, folder: Path) -> Measured:
    """Load, compute and ask on one engine."""
    landed = land(folder / "landed", patients=patients, trial=trial)
    with running(engine, folder) as (run, add, peak, more):
        measured: Measured = {"load_s": _timed(lambda: add(landed))[0]}
        statements = {"profiles": (read_shipped("profile.hql")[0], {})} | {
            name: (read_shipped(f"questions/{name}.hql")[0], values) for name, values in COHORTS.items()
        }
        for name, (statement, values) in statements.items():
            seconds, (rows, digest) = _timed(lambda s=statement, v=values: _digest(run(s, v)))  # type: ignore[misc]
            measured[name] = {"seconds": seconds, "rows": rows, "digest": digest}
        measured |= more(patients, trial)
        measured["peak_rss_mb"] = peak()
    return measured


Engine = tuple[Run, Callable[[Mapping[str, Path]], object], Callable[[], int], Callable[[int, Path], Measured]]


@contextlib.contextmanager
def running(engine: str, folder: Path) -> Iterator[Engine]:
    """Give how to run a statement, to load a batch, to tell the peak of memory, and what else to measure."""
    if engine == "sqlite":
        with contextlib.closing(sqlite3.connect(folder / "traditional.sqlite")) as connection:
            yield (
                lambda statement, values: connection.execute(_sqlite(statement), dict(values)),
                lambda landed: _load_sqlite(connection, landed),
                _own_peak,
                lambda *_: {},
            )
    elif engine == "duckdb":
        store = open_history_store(f"duckdb:///{folder / 'store'}")
        yield *_asked(store), _own_peak, lambda patients, trial: _versions(store, folder, patients, trial)
    else:
        from tests.servers.hive import hive_in
        from tests.servers.spark import spark_in

        with (hive_in if engine == "hive" else spark_in)(folder / engine).running() as server:
            store = open_history_store(server.url(deadline=7200, read=7200))
            look = (lambda *_: _lookups(store, server.url(), folder)) if engine == "hive" else (lambda *_: {})
            yield *_asked(store), lambda: _peak_of(server.pid), look
            store.close()


def _asked(store: HistoryStore) -> tuple[Run, Callable[[Mapping[str, Path]], object]]:
    return (
        lambda statement, values: store.run(statement, parameters=values),
        lambda landed: store.add(make_batch(patients=1, number=1), landed=landed),
    )


def _versions(store: HistoryStore, folder: Path, patients: int, trial: Path) -> Measured:
    """Time a version of all patients, one of the few that changed, and reading single profiles."""
    profiles = folder / "profiles"
    whole, first = _timed(lambda: make_profiles(store, folder=profiles, progress=silent, now=NOW))
    later = land(folder / "later", patients=patients, trial=trial, every=EVERY)
    store.add(make_batch(patients=patients // EVERY, number=2), landed=later)
    few, second = _timed(lambda: make_profiles(store, folder=profiles, progress=silent, now=NOW, since=first.version))
    again = make_profiles(store, folder=profiles, progress=silent, now=NOW)
    if second.version.split("-")[1] != again.version.split("-")[1]:
        raise SystemExit("The version of changed patients is not the one of all.")
    return {
        "version_of_all_s": whole,
        "version_of_changed_s": few,
        "changed_patients": second.computed,
        "same_digest": True,
        "read": _reads(profiles, again.version),
    }


def _lookups(store: HistoryStore, url: str, folder: Path) -> Measured:
    """Look single profiles up in Hive, in a table that holds them ready, and read the same ones on the read side."""
    made = make_profiles(store, folder=folder / "profiles", progress=silent, now=NOW)
    shared = folder / "hive" / "profile_table"
    shared.mkdir()
    rows = sqlite3.connect(folder / "profiles" / "1.sqlite").execute("SELECT * FROM profiles ORDER BY patient")
    with (folder / "rows.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    names = ("institution", "patient", "sex", "birth_year", "died_on", "died_precision", "facts", "articles")
    columns = {name: "BIGINT" if name == "birth_year" else "VARCHAR" for name in names}
    with contextlib.closing(duckdb.connect()) as connection:
        table = connection.read_csv(str(folder / "rows.csv"), columns=columns, header=False, auto_detect=False)
        table.write_parquet(str(shared / "part-0.parquet"))
    types = ", ".join(f"{name} {'BIGINT' if name == 'birth_year' else 'STRING'}" for name in names)
    link = Connection(parse_address(url))
    list(link.rows(f"CREATE EXTERNAL TABLE looked_up ({types}) STORED AS PARQUET LOCATION 'file://{shared}'"))
    patients = [row[0] for row in _patients(folder / "profiles", made.version)]
    wanted = patients[:: max(1, len(patients) // LOOKUPS)][:LOOKUPS]
    seconds = []
    for patient in wanted:
        start = time.perf_counter()
        found = list(link.rows(f"SELECT * FROM looked_up WHERE patient = '{patient}'"))
        seconds.append(time.perf_counter() - start)
        if len(found) != 1:
            raise SystemExit("A profile was not found in Hive.")
    link.close()
    read = _reads(folder / "profiles", made.version)
    hive = {"n": len(seconds), "p50_ms": _ms(statistics.median(seconds)), "least_ms": _ms(min(seconds))}
    return {"hive_lookup": hive, "read": read, "times_faster": round(hive["p50_ms"] / read["p50_ms"])}


def _reads(folder: Path, version: str) -> dict[str, float]:
    profiles = Profiles.open(folder, version)
    patients = [row[0] for row in _patients(folder, version)]
    wanted = patients[:: max(1, len(patients) // READS)][:READS]
    seconds = []
    for patient in wanted:
        start = time.perf_counter()
        profiles.get(patient)
        seconds.append(time.perf_counter() - start)
    profiles.close()
    seconds.sort()
    return {
        "n": len(seconds),
        "p50_ms": _ms(statistics.median(seconds)),
        "p99_ms": _ms(seconds[len(seconds) * 99 // 100]),
    }


def _patients(folder: Path, version: str) -> list[tuple[str]]:
    with contextlib.closing(sqlite3.connect(folder / f"{version.partition('-')[0]}.sqlite")) as connection:
        return connection.execute("SELECT patient FROM profiles ORDER BY patient DESC").fetchall()


def _load_sqlite(connection: sqlite3.Connection, landed: Mapping[str, Path]) -> None:
    connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;")
    batch = make_batch(patients=1, number=1)
    for table in tables():
        types = {"bigint": "INTEGER", "double": "REAL"}
        defined = [f"{column.name} {types.get(column.type, 'TEXT')}" for column in table.columns]
        connection.execute(f"CREATE TABLE {table.name} ({', '.join(defined)}, institution TEXT, batch TEXT)")
        if table.name not in landed:
            continue
        insert = f"INSERT INTO {table.name} VALUES ({', '.join('?' * (len(table.columns) + 2))})"
        strings = [column.type == "string" for column in table.columns]
        with landed[table.name].open(newline="", encoding="utf-8") as handle:
            rows = (
                [cell if cell or text else None for cell, text in zip(row, strings, strict=True)]
                for row in csv.reader(handle)
            )
            connection.executemany(insert, ([*row, batch.institution, batch.digest] for row in rows))
        connection.execute(f"CREATE INDEX {table.name}_key ON {table.name} (institution, row_key)")
        connection.execute(f"CREATE INDEX {table.name}_patient ON {table.name} (patient)")
    record = (batch.extract_format, batch.rows, batch.patients, batch.acquired_us, batch.institution, batch.digest)
    connection.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)", record)
    for item in read_shipped("tables.hql"):
        if item.kind == "view":
            connection.execute(_sqlite(item))
    connection.commit()


def _sqlite(statement: Statement) -> str:
    """Give a text in SQLite's words: dates are text there, and rows are ordered before they are joined."""
    tree = sqlglot.parse_one(statement.hiveql, read="hive")
    for node in list(tree.find_all(exp.TimeToStr)):
        node.replace(node.this)
    for node in list(tree.find_all(exp.ArrayAgg)):
        joined = node.find_ancestor(exp.ConcatWs)
        joined.replace(exp.GroupConcat(this=node.this, separator=joined.expressions[0]))
    for node in list(tree.find_all(exp.ConcatWs)):
        end, *parts = node.expressions
        text = parts[0]
        for part in parts[1:]:
            text = exp.DPipe(this=exp.DPipe(this=text, expression=end.copy()), expression=part)
        node.parent_select.order_by("patient", "fact", copy=False)
        node.replace(text)
    return tree.sql("sqlite")


def _digest(rows: Iterable[tuple[object, ...]]) -> tuple[int, str]:
    count, total = 0, hashlib.sha256()
    for row in rows:
        count += 1
        total.update(repr(tuple(row)).encode())
    return count, total.hexdigest()[:16]


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    start = time.monotonic()
    done = work()
    return round(time.monotonic() - start, 2), done


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _own_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _peak_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _trial() -> Path:
    return Path(os.environ.get("STROKEMAP_TEST_DATA", "../shared/data")) / "patients" / "ist.csv.gz"


def keep(line: Measured) -> None:
    """Put a line among the evidence and print it."""
    print(json.dumps(line), flush=True)
    path = ROOT / "docs" / "evidence" / "scale.json"
    lines = json.loads(path.read_text(encoding="utf-8"))["lines"] if path.exists() else []
    lines = [old for old in lines if (old["engine"], old["patients"]) != (line["engine"], line["patients"])] + [line]
    lines.sort(key=lambda item: (item["patients"], ENGINES.index(item["engine"])))
    about = "every patient is invented, with the distributions of the International Stroke Trial"
    write("scale", {"made_up": about, "lines": lines}, command="python -m benchmarks.scale")


if __name__ == "__main__":
    main()
