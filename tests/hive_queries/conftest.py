"""Made-up extracts and an empty history store for the tests of this room."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hive_queries import HistoryStore, open_history_store
from hive_queries.acquire import Acquired, acquire
from strokemap.progress import silent

KEY = b"k" * 32
Rows = Iterable[Mapping[str, str]]
_IST = {
    "HOSPNUM": "1", "SEX": "F", "AGE": "70", "RATRIAL": "N", "RSBP": "150", "STYPE": "PACS", "RDATE": "sty-91",
    "DDIAGISC": "Y", "DDIAGHA": "N", "DNOSTRK": "N", "DDEAD": "N", "DDEADD": "", "FDEAD": "N", "FDEADD": "",
    "FDENNIS": "Y", "OCCODE": "2", "DPLACE": "", "FPLACE": "",
    **{f"RDEF{number}": "N" for number in range(1, 9)},
}  # fmt: skip


@pytest.fixture
def key() -> bytes:
    return KEY


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def store(tmp_path: Path) -> HistoryStore:
    return open_history_store(f"duckdb:///{tmp_path / 'histories'}")


@pytest.fixture
def ist_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes an IST table; each row is given by what differs from an ordinary one."""

    def write(*rows: Mapping[str, str], name: str = "ist.csv") -> Path:
        path = tmp_path / name
        with path.open("w", newline="") as handle:
            writer = csv.DictWriter(handle, fieldnames=list(_IST))
            writer.writeheader()
            writer.writerows({**_IST, **row} for row in rows)
        return path

    return write


@pytest.fixture
def csv_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of CSV files; a file is a list of rows under the header of its first."""

    def write(name: str = "river", **files: list[Mapping[str, str]]) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for stem, rows in files.items():
            with (folder / f"{stem}.csv").open("w", newline="") as handle:
                writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        return folder

    return write


@pytest.fixture
def ndjson(tmp_path: Path) -> Callable[..., Path]:
    """Writes resources, one a line; text is written as it is."""

    def write(*resources: object, name: str = "lake.ndjson") -> Path:
        path = tmp_path / name
        lines = [item if isinstance(item, str) else json.dumps(item) for item in resources]
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


@pytest.fixture
def take(store: HistoryStore, work: Path) -> Callable[..., Acquired]:
    """Acquires into the store; each call is a minute after the one before."""
    clock = [datetime(2026, 1, 1, tzinfo=UTC)]

    def acquire_one(path: Path, format: str, *, institution: str = "north") -> Acquired:
        clock[0] += timedelta(minutes=1)
        return acquire(
            path, institution=institution, format=format, store=store, work=work, key=KEY, now=clock[0], progress=silent
        )

    return acquire_one
