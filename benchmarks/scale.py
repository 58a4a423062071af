"""Where each engine pays: profiles and two cohorts over made-up histories, on SQLite, DuckDB, Hive and Spark.

    python -m benchmarks.scale [--patients 10000,100000] [--engines sqlite,duckdb,hive,spark] [--minutes 240]

"Traditional" is a row store in one file with indexes on what is asked: SQLite, given the same tables and, by sqlglot,
the same texts. Each engine loads one batch, computes all profiles and both cohorts, and gives its rows to Python; the
digests of the answers must be equal. Each is measured in a process of its own: Hive as HiveServer2 with Tez in local
mode (one task at a time), Spark as its Thrift Server on local[2], each with a heap of 6 GB. On DuckDB a version of the
profiles from changed patients (1 in 100) is timed, too.

Each size and engine is a line of docs/evidence/scale.json, added when it is measured; what has a line is passed over,
so that a run that was stopped (SIGTERM) goes on where it was. An engine that has not done all of it in the minutes that
it is given keeps what it has done, and the line says so. ``--again`` measures anew.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import sqlglot
from sqlglot import exp

from benchmarks.evidence import EVIDENCE, ROOT, Measured, commit, write
from benchmarks.lookups import time_reads
from benchmarks.made_up_histories import land, make_batch
from hive_queries import HistoryStore, make_profiles, open_history_store
from hive_queries.engines import Parameter
from hive_queries.statement import Statement, read_shipped, tables
from strokemap.progress import silent

ENGINES = ("sqlite", "duckdb", "hive", "spark")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = 100
COHORTS: dict[str, dict[str, Parameter]] = {
    "aphasia-without-speech-therapy": {"days": 30},
    "blood-pressure-above-target": {"target": 140.0, "institution": ""},
}
SITES: dict[str, dict[str, str]] = {
    # What a task sorts and joins in memory; the tests' servers have the smallest that works.
    "hive": {
        "hive.tez.container.size": "4096",
        "tez.runtime.io.sort.mb": "512",
        "tez.runtime.unordered.output.buffer.size-mb": "256",
    },
    "spark": {
        "spark.sql.shuffle.partitions": "16",
        "spark.driver.maxResultSize": "0",
        # Rows are sent as they are made: it else gathers a whole answer on its heap.
        "spark.sql.thriftServer.incrementalCollect": "true",
    },
}
Run = Callable[[Statement, Mapping[str, Parameter]], Iterable[tuple[object, ...]]]


def main() -> None:
    """Measure each engine at each size, one after the other, the smallest size first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", default="10000,100000,1000000")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--minutes", type=float, default=240, help="for one engine at one size")
    parser.add_argument("--again", action="store_true", help="measure also what has a line")
    parser.add_argument("--trial", type=Path, default=_trial())
    parser.add_argument("--one", action="store_true", help="measure in this process and print")
    asked = parser.parse_args()
    sizes = sorted(map(int, asked.patients.split(",")))
    # Children and folders go with a run that is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if asked.one:
        with tempfile.TemporaryDirectory() as folder:
            for measured in measure(asked.engines, patients=sizes[0], trial=asked.trial, folder=Path(folder)):
                print(json.dumps(measured), flush=True)
        return
    known = (
        set() if asked.again else {(line["engine"], line["patients"]) for line in kept() if "failed_with" not in line}
    )
    for patients in sizes:
        for engine in asked.engines.split(","):
            if (engine, patients) not in known:
                words = ["--engines", engine, "--patients", str(patients), "--trial", str(asked.trial)]
                keep({"engine": engine, "patients": patients, **in_own_process(words, minutes=asked.minutes)})


def in_own_process(words: list[str], *, minutes: float) -> Measured:
    """Measure one engine at one size in a process of its own; what it had done when its time was over, too."""
    with tempfile.TemporaryDirectory(prefix="strokemap-scale-", ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "benchmarks.scale", "--one", *words]
        environment = os.environ | {"TMPDIR": folder}
        ended: Measured = {}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, timeout=minutes * 60, check=False
            )
            said = done.stdout
            if done.returncode:
                ended = {"failed_with": done.returncode, "reason": _reason(done.stderr.decode(errors="replace"))}
        except subprocess.TimeoutExpired as late:
            said = late.stdout or b""
            ended = {"not_reached_after_min": minutes}
    lines = [line for line in said.splitlines() if line.startswith(b"{") and line.endswith(b"}")]
    return (json.loads(lines[-1]) if lines else {}) | ended


def _reason(said: str) -> str:
    """Give the last line that names an error, or else the last one."""
    lines = said.strip().splitlines()
    return ([line for line in lines if re.match(r"[\w.]+: ", line)] or lines or [""])[-1][:300]


def measure(engine: str, *, patients: int, trial: Path, folder: Path) -> Iterator[Measured]:
    """Load, compute and ask on one engine; gives what is measured so far, again and again."""
    # Making the patients up takes memory of its own, and must not count as the engine's.
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as apart:
        landed = apart.submit(land, folder / "landed", patients=patients, trial=trial).result()
    with running(engine, folder) as (run, add, peak, more):
        measured: Measured = {"load_s": _timed(lambda: add(landed))[0]}
        statements = {"profiles": (read_shipped("profile.hql")[0], {})} | {
            name: (read_shipped(f"questions/{name}.hql")[0], values) for name, values in COHORTS.items()
        }
        for name, (statement, values) in statements.items():
            yield measured | {"peak_rss_mb": peak()}
            seconds, (rows, digest) = _timed(lambda s=statement, v=values: _digest(run(s, v)))  # type: ignore[misc]
            measured[name] = {"seconds": seconds, "rows": rows, "digest": digest}
        yield measured | {"peak_rss_mb": peak()}
        yield measured | more(patients, trial) | {"peak_rss_mb": peak()}


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
        from tests.servers.hiveserver2 import LARGE
        from tests.servers.spark import spark_in

        start = hive_in if engine == "hive" else spark_in
        with start(folder / engine, java=LARGE, site=SITES[engine]).running() as server:
            store = open_history_store(server.url(deadline=36000, read=36000))
            yield *_asked(store), lambda: server.memory_mb, lambda *_: {}
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
        "read": time_reads(profiles, again.version),
    }


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
        told = joined.parent_select.args["from_"].this
        if not isinstance(told.this, exp.Ordered) and not told.this.args.get("order"):
            told.replace(exp.select("*").from_(told.copy()).order_by("patient", "fact").subquery(told.alias))
        joined.replace(exp.GroupConcat(this=node.this, separator=joined.expressions[0]))
    for node in list(tree.find_all(exp.ConcatWs)):
        end, *parts = node.expressions
        text = parts[0]
        for part in parts[1:]:
            text = exp.DPipe(this=exp.DPipe(this=text, expression=end.copy()), expression=part)
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


def _own_peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _trial() -> Path:
    return Path(os.environ.get("STROKEMAP_TEST_DATA", "../shared/data")) / "patients" / "ist.csv.gz"


def kept() -> list[Measured]:
    """Give the lines among the evidence."""
    path = EVIDENCE / "scale.json"
    return json.loads(path.read_text(encoding="utf-8"))["lines"] if path.exists() else []


def keep(line: Measured) -> None:
    """Put a line among the evidence and print it. Ends the run where an engine answered otherwise than another."""
    line |= {"commit": commit(), "date": datetime.now(UTC).date().isoformat()}
    print(json.dumps(line), flush=True)
    lines = [old for old in kept() if (old["engine"], old["patients"]) != (line["engine"], line["patients"])] + [line]
    lines.sort(key=lambda item: (item["patients"], ENGINES.index(item["engine"])))
    about = "every patient is invented, with the distributions of the International Stroke Trial"
    write("scale", {"made_up": about, "lines": lines}, command="python -m benchmarks.scale")
    for other in lines:
        for asked in ("profiles", *COHORTS):
            digests = {item[asked]["digest"] for item in (other, line) if asked in item}
            if other["patients"] == line["patients"] and len(digests) > 1:
                raise SystemExit(f"{asked}: {other['engine']} and {line['engine']} answer differently.")


if __name__ == "__main__":
    main()
