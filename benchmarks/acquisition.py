"""Acquisition disturbed: loads killed at counted steps and at random moments, two at once, sent twice, in any order,
on a full disk.

However it went, the tables must end as if each extract had come once: a hash over all rows is compared with that of one
clean run. The tests call this at small n, ``make soak`` at full n.
"""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from hive_queries import HistoryStore, acquire, open_history_store
from hive_queries.dialect import read_statements
from hive_queries.quarantine import quarantined
from hive_queries.statement import read_shipped
from strokemap.errors import StrokemapError
from strokemap.progress import silent

if TYPE_CHECKING:
    from tests.servers.hiveserver2 import HiveServer

INSTITUTION = "shaken"
EXTRACTS, PATIENTS, RESOURCES = 5, 8, 24
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = b"k" * 32
KILLED = -signal.SIGKILL
# What Python tells an audit hook of a change to the disk; syncing is not among them and counted by wrapping it.
_STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "fcntl.flock"}
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["benchmarks.acquisition", "hive_queries.engines.duckdb", "hive_queries.engines.hive"]
)


@dataclass(frozen=True)
class Target:
    """Where a load goes."""

    url: str
    work: Path


@dataclass(frozen=True)
class Started:
    """A load under way."""

    process: BaseProcess
    done: Queue[tuple[int, float]]


@dataclass
class Tally:
    """What was done to a store."""

    at_steps: int = 0
    at_moments: int = 0
    survived: int = 0

    @property
    def killed(self) -> int:
        """All kills: half of them at counted steps, half at random moments."""
        return self.at_steps + self.at_moments


def make_extracts(folder: Path, *, seed: int) -> list[Path]:
    """Write extracts of one institution: resources come again corrected, late, taken back, and some rows are bad."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    paths = []
    for number in range(EXTRACTS):
        lines: list[object] = [
            {"resourceType": "Patient", "id": f"p{n}", "gender": "female", "birthDate": str(1930 + number),
             "meta": {"lastUpdated": _stamp(number, chance)}}
            for n in range(PATIENTS)
        ]  # fmt: skip
        for n in chance.sample(range(RESOURCES), RESOURCES // 2):
            coding = {"system": "http://snomed.info/sct", "code": str(1000 + number * 100 + n), "display": f"Form {n}"}
            lines.append(
                {"resourceType": "Condition", "id": f"c{n}", "meta": {"lastUpdated": _stamp(number, chance)},
                 "subject": {"reference": f"Patient/p{n % PATIENTS}"}, "onsetDateTime": f"2025-{1 + n % 12:02}",
                 "code": {"coding": [coding]}, "status": chance.choice(["", "", "", "entered-in-error"])}
            )  # fmt: skip
        lines.append({"resourceType": "Condition", "id": "bad", "subject": {}})
        paths.append(folder / str(number) / "Export.ndjson")
        paths[-1].parent.mkdir()
        paths[-1].write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return paths


def load(path: Path, target: Target, *, minute: int = 0) -> bool:
    """Acquire one extract; tell whether it counted already."""
    store = open_history_store(target.url)
    try:
        return acquire(
            path, institution=INSTITUTION, format="fhir", store=store, work=target.work, key=KEY,
            now=NOW + timedelta(minutes=minute), progress=silent,
        ).already  # fmt: skip
    finally:
        store.close()


def load_and_die(
    path: Path, target: Target, minute: int, deadly: int, after: float, told: Queue[tuple[int, float]]
) -> None:
    """Acquire in a process of its own that kills itself at the ``deadly``-th step or after so many seconds; 0 is never.

    Tells the steps and the seconds that it took.
    """
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if done == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    # Between the steps, too: DuckDB's own writes and the wait for Hive leave the interpreter to this thread.
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGKILL))

    sync = os.fsync

    def counted_sync(descriptor: int) -> None:
        step()
        sync(descriptor)

    os.fsync = counted_sync
    sys.addaudithook(lambda event, arguments: step() if _is_step(event, arguments) else None)
    if after:
        timer.start()
    started = time.monotonic()
    load(path, target, minute=minute)
    seconds = time.monotonic() - started
    timer.cancel()
    deadly = 0  # telling is no part of the load
    told.put((done, seconds))


def start(path: Path, target: Target, *, minute: int = 0, deadly: int = 0, after: float = 0) -> Started:
    """Start a load in a process of its own; it kills itself at that step, or after so many seconds."""
    told: Queue[tuple[int, float]] = _processes.Queue()
    process = _processes.Process(target=load_and_die, args=(path, target, minute, deadly, after, told))
    process.start()
    return Started(process=process, done=told)


def finish(started: Started) -> tuple[int, float] | None:
    """Wait for a load; the steps and seconds that it took, or None where it killed itself."""
    started.process.join(timeout=120)
    if started.process.exitcode == KILLED:
        return None
    if started.process.exitcode != 0:
        raise SystemExit(f"A load ended with {started.process.exitcode}.")
    return started.done.get(timeout=10)


def shake(target: Target, extracts: list[Path], *, kills: int, seed: int) -> Tally:
    """Load in any order and again and again, two at once now and then, until so many were killed; then each once.

    Half of the kills are at counted steps, half at random moments of the time that a load takes left alone. When all
    extracts count, none does any more: a load that finds itself there already has little that a kill could hit.
    """
    chance, tally = random.Random(seed), Tally()
    steps, seconds = _measure_clean(extracts[0], target)
    counted: set[Path] = set()
    minute = 0
    while tally.killed < kills:
        minute += 1
        path = chance.choice(extracts)
        at_moment = tally.at_moments < tally.at_steps
        death = {"after": chance.uniform(0, seconds)} if at_moment else {"deadly": chance.randint(1, steps)}
        loads = [start(path, target, minute=minute, **death)]  # type: ignore[arg-type]
        if chance.random() < 0.2:
            loads.append(start(path, target, minute=minute))
        for one in loads:
            if finish(one) is not None:
                tally.survived += 1
                counted.add(path)
            elif at_moment:
                tally.at_moments += 1
            else:
                tally.at_steps += 1
        if counted == set(extracts):
            empty(target)
            counted.clear()
    for path in chance.sample(extracts, len(extracts)):
        minute += 1
        load(path, target, minute=minute)
    return tally


def _measure_clean(path: Path, target: Target) -> tuple[int, float]:
    """Give the steps and seconds of a load left alone, the second one: the first makes the tables."""
    for _ in range(2):
        empty(target)
        measured = finish(start(path, target))
    empty(target)
    return measured or (0, 0.0)


def empty(target: Target) -> None:
    """Drop all batches of the institution."""
    with closing(open_history_store(target.url)) as store:
        store.drop(INSTITUTION)


def fingerprint(target: Target) -> str:
    """Hash all rows of the store and its quarantine: the same for the same true rows, however they came."""
    store = open_history_store(target.url)
    try:
        rows = sorted(map(repr, _rows(store)))
    finally:
        store.close()
    bad = sorted(repr((row.batch, row.line, row.field)) for row in quarantined(target.work, key=KEY))
    left = [item.name for item in (target.work / "landing").iterdir() if item.is_dir()]
    return f"{len(rows)}:{len(bad)}:{len(left)}:{hashlib.sha256(json.dumps([rows, bad]).encode()).hexdigest()}"


def _rows(store: HistoryStore) -> Iterator[tuple[object, ...]]:
    for item in read_shipped("tables.hql"):
        names = [column.name for column in item.columns if column.name != "acquired_us"]
        if item.kind == "table":
            names += ["institution", "batch"]
        elif item.name in ("latest_patients", "latest_events"):
            names = _VIEWED[item.name].split()
        else:
            continue
        columns = ", ".join(f"DATE_FORMAT({n}, 'yyyy-MM-dd') AS {n}" if n.endswith(_DATES) else n for n in names)
        query = f"SELECT {columns} FROM {item.name} WHERE institution = '{INSTITUTION}'"
        (statement,) = read_statements(query, where=item.name)
        for row in store.run(statement, parameters={}):
            yield item.name, *row


_DATES = ("_on", "_date")
_VIEWED = {
    "latest_patients": "institution patient sex birth_year died_on",
    "latest_events": "institution patient origin kind system code display on_date on_precision",
}


def clean_run(folder: Path, extracts: list[Path]) -> str:
    """Load each extract once, in order, into an embedded store of its own."""
    target = Target(url=f"duckdb:///{folder / 'clean'}", work=folder / "clean-work")
    for minute, path in enumerate(extracts):
        load(path, target, minute=minute)
    return fingerprint(target)


def measure_kills(folder: Path, *, kills: int, rounds: int, hive: HiveServer | None = None) -> dict[str, object]:
    """Shake so many stores, a seed each; all fingerprints must be those of clean runs on the embedded engine."""
    at_steps = at_moments = ended = same = 0
    started = time.monotonic()
    for seed in range(rounds):
        place = folder / f"round-{seed}"
        extracts = make_extracts(place / "extracts", seed=seed)
        url = hive.url() if hive else f"duckdb:///{place / 'shaken'}"
        target = Target(url=url, work=place / "shaken-work")
        tally = shake(target, extracts, kills=kills // rounds, seed=seed)
        at_steps, at_moments = at_steps + tally.at_steps, at_moments + tally.at_moments
        ended += tally.survived
        same += fingerprint(target) == clean_run(place, extracts)
        shutil.rmtree(place)
    return {
        "kills": at_steps + at_moments, "at counted steps": at_steps, "at random moments": at_moments,
        "loads that ended": ended, "rounds": rounds, "same as the clean run": same,
        "seconds": round(time.monotonic() - started),
    }  # fmt: skip


def measure_full_disk(folder: Path, *, extract: Path) -> dict[str, object]:
    """Load onto disks of more and more kilobytes: it fails with a code and leaves nothing, or is done."""
    outcomes: dict[str, object] = {}
    for kilobytes in (8, 12, 16, 24, 32, 64):
        try:
            with small_disk(folder / f"disk-{kilobytes}", kilobytes=kilobytes) as disk:
                target = Target(url=f"duckdb:///{disk / 'histories'}", work=disk / "work")
                try:
                    load(extract, target)
                    outcomes[f"{kilobytes} kB"] = "done"
                except StrokemapError as error:
                    counted = len(open_history_store(target.url).batches()) if (disk / "histories").exists() else 0
                    outcomes[f"{kilobytes} kB"] = f"{error.code}, {counted} batches"
        except OSError as error:
            return {"not measured": str(error)}
    return outcomes


def measure_throughput(folder: Path, *, data: Path) -> dict[str, object]:
    """Acquire the real extracts, and let DuckDB copy the same files to Parquet, which is the least to do."""
    measured: dict[str, object] = {}
    for name, format_, files in (
        ("ist", "ist", [data / "ist.csv.gz"]),
        ("synthea-b", "synthea", sorted((data / "synthea-b").glob("*.csv.gz"))),
    ):
        started = time.monotonic()
        acquired = acquire(
            files[0] if format_ == "ist" else files[0].parent, institution="fast", format=format_,
            store=open_history_store(f"duckdb:///{folder / name}"), work=folder / f"{name}-work", key=KEY,
            now=NOW, progress=silent,
        )  # fmt: skip
        ours = time.monotonic() - started
        started = time.monotonic()
        for file in files:
            rows = duckdb.read_csv(str(file), all_varchar=True, header=True, ignore_errors=True)
            rows.write_parquet(str(folder / f"{name}-{file.stem}.parquet"))
        raw = time.monotonic() - started
        measured[name] = {
            "rows": acquired.rows, "seconds": round(ours, 2), "rows a second": round(acquired.rows / ours),
            "raw copy seconds": round(raw, 2), "times the raw copy": round(ours / raw, 1),
        }  # fmt: skip
    return measured


def fill_disk(path: Path, target: Target, limit: int, problem: Queue[str]) -> None:
    """Acquire in a process that may write files up to ``limit`` bytes only, as on a disk that is full from there on."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        load(path, target)
        problem.put("")
    except StrokemapError as error:
        problem.put(error.code)


def load_on_full_disk(path: Path, target: Target, *, limit: int) -> str:
    """Give the code with which such a load fails, or the empty string where it was done."""
    problem = _processes.Queue()
    process = _processes.Process(target=fill_disk, args=(path, target, limit, problem))
    process.start()
    code = str(problem.get(timeout=60))
    process.join(timeout=60)
    return code


@contextmanager
def small_disk(folder: Path, *, kilobytes: int) -> Iterator[Path]:
    """Mount a disk in memory of so many kilobytes. Raises OSError where that is not allowed."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise OSError(errno.EPERM, "mounting is not allowed")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _is_step(event: str, arguments: tuple[object, ...]) -> bool:
    if event not in _STEPS:
        return False
    # Modules that are loaded late are no steps of ours; descriptors and our own files are.
    return event != "open" or not str(arguments[0]).endswith((".py", ".pyc", ".so"))


def _stamp(number: int, chance: random.Random) -> str:
    return f"2025-06-{1 + number:02}T{chance.randrange(24):02}:00:00Z"
