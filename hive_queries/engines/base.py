"""The seam to where histories are kept: the system of record of what institutions sent.

A new implementation passes ``tests/contracts/test_history_store.py`` and the golden results of every ``.hql`` file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NewType, Protocol, TypeAlias

from hive_queries.statement import Statement

BatchDigest = NewType("BatchDigest", str)
"""SHA-256 of an extract's content, in hexadecimal: the batch's name."""

Parameter: TypeAlias = str | int | float | date
Cell: TypeAlias = str | int | float | None
"""What a query gives: never a date or a list, which the engines hand out in different shapes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One acquired extract that counts, or is about to."""

    institution: str
    digest: BatchDigest
    extract_format: str
    rows: int
    patients: int
    acquired_us: int
    """Microseconds since 1970, UTC; of two rows with one natural key, the one acquired later holds."""


def print_time(acquired_us: int) -> str:
    """Print the time of a batch: ISO, UTC, to the second."""
    return datetime.fromtimestamp(acquired_us // 10**6, UTC).isoformat()


def newest_batches(batches: Iterable[tuple[str, int]]) -> dict[str, str]:
    """Give the printed time of the newest batch of each institution, from pairs of institution and time."""
    return {institution: print_time(acquired_us) for institution, acquired_us in sorted(batches)}


def rows_to_batches(rows: Iterable[tuple[Cell, ...]]) -> tuple[Batch, ...]:
    """Give the batches of the rows that ``batches.hql`` reads, whichever engine read them."""
    return tuple(
        Batch(
            institution=str(institution),
            digest=BatchDigest(str(digest)),
            extract_format=str(extract_format),
            rows=int(rows or 0),
            patients=int(patients or 0),
            acquired_us=int(acquired_us or 0),
        )
        for institution, digest, extract_format, rows, patients, acquired_us in rows
    )


class HistoryStore(Protocol):
    """Batches, each counted once or not at all, and HiveQL over the rows of those that count."""

    def add(self, batch: Batch, *, landed: Mapping[str, Path]) -> bool:
        """Count a batch; durable on return. False, and no change, when the batch counts already.

        ``landed`` gives, for each table that the batch has rows for, a CSV file with the table's columns in their
        order, no header, and nothing between the commas for NULL. Cut off at any moment the batch does not count; a
        second call completes it. Two calls at once count it once. Errors: HistoryStoreUnreachable, FormatUnknown.
        """
        ...

    def batches(self) -> tuple[Batch, ...]:
        """List the batches that count, by institution and time of acquisition. Errors: HistoryStoreUnreachable."""
        ...

    def drop(self, institution: str, *, batch: BatchDigest | None = None) -> int:
        """Remove all of an institution, or one batch, and tell how many counted; none is read from the first moment on.

        Damaged files are no hindrance.
        """
        ...

    def run(self, statement: Statement, *, parameters: Mapping[str, Parameter]) -> Iterator[tuple[Cell, ...]]:
        """Run a query and give its rows one by one, over the batches that count when it starts.

        Parameters are bound by the driver, never pasted. Read it to its end: the store may be locked against changes
        until then. Errors: HistoryStoreUnreachable, HistoryStoreDamaged, HistoryStatementRefused.
        """
        ...

    @property
    def finds_changed(self) -> bool:
        """Whether the engine answers ``changed.hql`` in sensible time; else all profiles are computed each time."""
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...
