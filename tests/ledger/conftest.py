"""Ledgers to test with: small, new for each test, with fixed keys, clock and randomness."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger import Entry, Ledger, open_ledger
from ledger.entry import LeafBytes
from ledger.lines import HEADER, format_line
from ledger.log import Log
from ledger.note import Signer

NOW = datetime(2026, 11, 23, 12, 30, 5, 999_999, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def random_bytes() -> Callable[[int], bytes]:
    return random.Random(7).randbytes


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(
        tmp_path / "ledger",
        vault=tmp_path / "vault.db",
        origin="hospital.example/ledger",
        ledger_key=b"\x01" * 32,
        vault_key=b"\x02" * 32,
    )


@pytest.fixture
def signer() -> Signer:
    return Signer(name="hospital.example/ledger", secret=b"\x01" * 32)


@pytest.fixture
def entry() -> Entry:
    return Entry(
        kind="search",
        institution="north",
        role="clinician",
        actor="Zm9yIHRoaXMgZGF5IG9ubHk",
        digests=(("index", "i1"), ("build", "b1")),
        content=b'{"query":"dysphasia after a stroke"}',
    )


@pytest.fixture
def record(ledger: Ledger, entry: Entry, now: datetime, random_bytes: Callable[[int], bytes]) -> Callable[[int], None]:
    def add(count: int) -> None:
        for _ in range(count):
            ledger.record(entry, now=now, random_bytes=random_bytes)

    return add


@pytest.fixture
def make_log(tmp_path: Path) -> Callable[[int], Log]:
    """A log with so many short entries that were appended but not published."""

    def make(count: int) -> Log:
        folder = tmp_path / "long"
        folder.mkdir(exist_ok=True)
        lines = [format_line(LeafBytes(b"leaf %d" % i), index=i) for i in range(count)]
        (folder / "log").write_bytes(HEADER + b"".join(lines))
        return Log(folder=folder, patience=0.02)

    return make
