"""From an institution's extract to a batch that counts: read, validate, pseudonymise, land, commit. Start reading here.

Exactly once: a batch is named by its content, so the same extract again changes nothing; loads of one institution wait
for each other; what a killed load left in landing or in the store never counted, and the next load replaces it.
Mended rows come back the same way, as a batch of their own.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from hive_queries.engines.base import Batch, BatchDigest, HistoryStore
from hive_queries.extracts import open_extract
from hive_queries.formats import Format, find_format
from hive_queries.pseudonyms import OPT_OUT, OURS, Pseudonyms, check_institution, pseudonym
from hive_queries.quarantine import (
    count_bad_rows,
    forget_bad_rows,
    keep_bad_rows,
    read_mended,
    sealing,
    writing_bad_rows,
)
from hive_queries.rows import BadRow, Reading, Taken
from hive_queries.statement import tables
from hive_queries.work import landing_folder, noting
from strokemap.errors import BatchMalformed, InstitutionInvalid
from strokemap.progress import Progress

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY = 2000
_BAD_ROWS = "bad-rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquired:
    """What an acquisition did. ``already``: the batch counted before, and nothing was changed."""

    batch: BatchDigest
    rows: int
    patients: int
    quarantined: int
    already: bool


def acquire(
    path: Path,
    *,
    institution: str,
    format: str,
    store: HistoryStore,
    work: Path,
    key: bytes,
    now: datetime,
    progress: Progress,
    mended: bool = False,
) -> Acquired:
    """Take an extract into the store as one batch; durable on return. Bad rows go to quarantine, the rest counts.

    ``mended``: the file holds rows as ``export_bad_rows`` gave them; what is taken leaves the quarantine. ``key`` is
    the home's pseudonym key. Errors: InstitutionInvalid, UsageError for an unknown format, InputMissing,
    MappingInvalid, BatchMalformed where the extract as a whole can't be taken, HistoryStoreUnreachable, HomeUnwritable.
    """
    check_institution(institution)
    reader = find_format(format)
    if reader.institution != (institution if institution in (OPT_OUT, OURS) else ""):
        raise InstitutionInvalid(
            "Our own events come from “strokemap”, opt-outs from “opt_out”, and nothing else does.",
            hint="Give the institution another name, or the format that belongs to it.",
            where="institution",
        )
    with noting(work, institution, now=now), landing_folder(work, institution) as folder:
        arriving = _Arriving(
            institution=institution, reader=reader, store=store, work=work, key=key, now=now, progress=progress,
            folder=folder,
        )  # fmt: skip
        if not mended:
            extract = open_extract(path, suffix=reader.suffix, folder=reader.folder, file=reader.file)
            progress("Comparing with what is there", 0, None)
            digest = BatchDigest(extract.digest(format_name=reader.name))
            return arriving.count(digest, readings=reader.read(extract), check=extract.check_unchanged)
        rows, content = read_mended(path, institution=institution)
        named = f"strokemap-mended-1\0{reader.name}\0{content}".encode("utf-8", "surrogatepass")
        digest = BatchDigest(hashlib.sha256(named).hexdigest())
        acquired = arriving.count(digest, readings=map(reader.again, rows), check=lambda: None)
        # After the batch counts: cut off in between, the same rows again come here.
        forget_bad_rows(rows, institution=institution, keep=digest, work=work, key=key)
        return acquired


@dataclass(slots=True)
class _Landed:
    """What was written to the landing folder so far."""

    rows: int = 0
    bad_rows: int = 0
    patients: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arriving:
    """One batch on its way, in a landing folder that is its own."""

    institution: str
    reader: Format
    store: HistoryStore
    work: Path
    key: bytes
    now: datetime
    progress: Progress
    folder: Path

    def count(self, digest: BatchDigest, *, readings: Iterator[Reading], check: Callable[[], None]) -> Acquired:
        """Land what was read and make it count, unless it does already. ``check`` may refuse it at the last moment."""
        earlier = [batch for batch in self.store.batches() if batch.institution == self.institution]
        for batch in earlier:
            if batch.digest == digest:
                bad = count_bad_rows(self.work)[self.institution, digest]
                return Acquired(batch=digest, rows=batch.rows, patients=batch.patients, quarantined=bad, already=True)
        landed = self._land(readings)
        check()
        if landed.bad_rows:
            keep_bad_rows(self.folder / _BAD_ROWS, institution=self.institution, batch=digest, work=self.work)
        # Time rises within an institution even when its clock is set back: later batches hold against earlier ones.
        acquired_us = max([(self.now - _EPOCH) // timedelta(microseconds=1), *(b.acquired_us + 1 for b in earlier)])
        batch = Batch(
            institution=self.institution, digest=digest, extract_format=self.reader.name, rows=landed.rows,
            patients=len(landed.patients), acquired_us=acquired_us,
        )  # fmt: skip
        self.progress("Adding the batch", 0, None)
        # A table that the batch has no rows for has an empty file.
        files = {path.stem: path for path in sorted(self.folder.glob("*.csv")) if path.stat().st_size}
        already = not self.store.add(batch, landed=files)
        return Acquired(
            batch=digest, rows=batch.rows, patients=batch.patients, quarantined=landed.bad_rows, already=already
        )

    def _land(self, readings: Iterator[Reading]) -> _Landed:
        """Write what was taken as one CSV file a table, pseudonymised, and the bad rows apart."""
        landed = _Landed()
        pseudonyms = Pseudonyms(self.institution, key=self.key)
        # Our own events are on patients of others, and must meet their histories.
        of_patient = partial(pseudonym, key=self.key) if self.reader.institution else pseudonyms.patient
        first_bad: BadRow | None = None
        with contextlib.ExitStack() as stack:
            seal = sealing(self.institution, key=self.key)
            write_bad = stack.enter_context(writing_bad_rows(self.folder / _BAD_ROWS, seal=seal))
            write = {
                table.name: csv.writer(
                    stack.enter_context((self.folder / f"{table.name}.csv").open("w", encoding="utf-8", newline=""))
                ).writerow
                for table in tables()
            }
            for number, reading in enumerate(readings, start=1):
                match reading:
                    case Taken():
                        landed.rows += 1
                        patient = of_patient(reading.own_id)
                        landed.patients.add(patient)
                        for table, cells in _rows(reading, number=number, patient=patient, pseudonyms=pseudonyms):
                            write[table](cells)
                    case BadRow():
                        landed.bad_rows += 1
                        first_bad = first_bad or reading
                        write_bad(reading)
                if number % _EVERY == 0:
                    self.progress("Reading rows", number, None)
        self.progress("Reading rows", landed.rows + landed.bad_rows, landed.rows + landed.bad_rows)
        if landed.rows == 0:
            raise BatchMalformed(
                "The extract has no row that this format can take. Nothing was taken.",
                hint=f"First problem: {first_bad.reason}." if first_bad else "Check the format.",
                where=f"{first_bad.file}:{first_bad.line}" if first_bad else None,
            )
        return landed


def _rows(
    taken: Taken, *, number: int, patient: str, pseudonyms: Pseudonyms
) -> Iterator[tuple[str, tuple[str | int | float | date | None, ...]]]:
    """Give table and cells, in the order of the table's columns, of all that a row of the extract becomes."""
    row_key = pseudonyms.row(taken.natural_key)
    if person := taken.person:
        yield "patients", (
            row_key, patient, person.site, person.sex, person.birth_year, person.died_on, person.died_precision,
            person.status, number, taken.changed_us,
        )  # fmt: skip
    for event in taken.events:
        yield event.table, (
            row_key, patient, pseudonyms.encounter(event.encounter), event.kind, event.system, event.code,
            event.source_column, event.source_value, event.quantity, event.unit, event.display, event.on,
            event.precision, event.until, event.status, number, taken.changed_us,
        )  # fmt: skip
