"""From an institution's extract to a batch that counts: read, validate, pseudonymise, land, commit. Start reading here.

Exactly once: a batch is named by its content, so the same extract again changes nothing; loads of one institution wait
for each other; what a killed load left in landing or in the store never counted, and the next load replaces it.
"""

from __future__ import annotations

import contextlib
import csv
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hive_queries.engines.base import Batch, BatchDigest, HistoryStore
from hive_queries.extracts import open_extract
from hive_queries.formats import find_format
from hive_queries.pseudonyms import Pseudonyms, check_institution
from hive_queries.quarantine import drop_bad_rows, keep_bad_rows, quarantined, writing_bad_rows
from hive_queries.rows import BadRow, Reading, Taken
from hive_queries.statement import tables
from strokemap.errors import BatchMalformed, HomeUnwritable, InstitutionInvalid
from strokemap.home import locked_file
from strokemap.progress import Progress

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY = 2000
_BAD_ROWS = "bad-rows.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquired:
    """What an acquisition did. ``already``: the batch counted before, and nothing was changed."""

    batch: BatchDigest
    rows: int
    patients: int
    quarantined: int
    already: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What was removed."""

    institution: str
    batches: int


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
) -> Acquired:
    """Take an extract into the store as one batch; durable on return. Bad rows go to quarantine, the rest counts.

    ``key`` is the home's pseudonym key. Errors: InstitutionInvalid, UsageError for an unknown format, InputMissing,
    BatchMalformed where the extract as a whole can't be taken, HistoryStoreUnreachable, HomeUnwritable.
    """
    check_institution(institution)
    reader = find_format(format)
    extract = open_extract(path, suffix=reader.suffix, folder=reader.folder, file=reader.file)
    with _landing(work, institution) as folder:
        progress("Comparing with what is there", 0, None)
        digest = BatchDigest(extract.digest(format_name=reader.name))
        earlier = [batch for batch in store.batches() if batch.institution == institution]
        for batch in earlier:
            if batch.digest == digest:
                bad = sum(row.batch == digest for row in quarantined(work, institution=institution))
                return Acquired(batch=digest, rows=batch.rows, patients=batch.patients, quarantined=bad, already=True)
        landed = _land(
            reader.read(extract), folder=folder, pseudonyms=Pseudonyms(institution, key=key), progress=progress
        )
        extract.check_unchanged()
        if landed.bad_rows:
            keep_bad_rows(folder / _BAD_ROWS, institution=institution, batch=digest, work=work)
        # Time rises within an institution even when its clock is set back: later batches hold against earlier ones.
        acquired_us = max([(now - _EPOCH) // timedelta(microseconds=1), *(b.acquired_us + 1 for b in earlier)])
        batch = Batch(
            institution=institution,
            digest=digest,
            extract_format=reader.name,
            rows=landed.rows,
            patients=len(landed.patients),
            acquired_us=acquired_us,
        )
        progress("Adding the batch", 0, None)
        # A table that the batch has no rows for has an empty file.
        files = {path.stem: path for path in sorted(folder.glob("*.csv")) if path.stat().st_size}
        added = store.add(batch, landed=files)
    return Acquired(
        batch=digest,
        rows=batch.rows,
        patients=batch.patients,
        quarantined=landed.bad_rows,
        already=not added,
    )


def withdraw(institution: str, *, store: HistoryStore, work: Path) -> Withdrawn:
    """Remove an institution's partitions, landing and quarantine; profiles are made anew by whoever calls this.

    Cut off, it is completed by a second call. Errors: InstitutionInvalid where nothing is known of the institution.
    """
    check_institution(institution)
    left = (work / "landing" / institution).exists()
    with _landing(work, institution):
        batches = store.drop(institution)
        quarantine = drop_bad_rows(work, institution=institution)
    if not (batches or quarantine or left):
        raise InstitutionInvalid(
            f"Nothing is held of an institution “{institution}”.",
            hint="List the institutions with: strokemap histories status.",
            where="institution",
        )
    return Withdrawn(institution=institution, batches=batches)


@dataclass(slots=True)
class _Landed:
    """What was written to the landing folder so far."""

    rows: int = 0
    bad_rows: int = 0
    patients: set[str] = field(default_factory=set)


def _land(readings: Iterator[Reading], *, folder: Path, pseudonyms: Pseudonyms, progress: Progress) -> _Landed:
    """Write what was taken as one CSV file a table, pseudonymised, and the bad rows apart."""
    landed = _Landed()
    first_bad: BadRow | None = None
    with contextlib.ExitStack() as stack:
        write_bad = stack.enter_context(writing_bad_rows(folder / _BAD_ROWS))
        write = {
            table.name: csv.writer(
                stack.enter_context((folder / f"{table.name}.csv").open("w", encoding="utf-8", newline=""))
            ).writerow
            for table in tables()
        }
        for number, reading in enumerate(readings, start=1):
            match reading:
                case Taken():
                    landed.rows += 1
                    patient = pseudonyms.patient(reading.own_id)
                    landed.patients.add(patient)
                    for table, cells in _rows(reading, number=number, patient=patient, pseudonyms=pseudonyms):
                        write[table](cells)
                case BadRow():
                    landed.bad_rows += 1
                    first_bad = first_bad or reading
                    write_bad(reading)
            if number % _EVERY == 0:
                progress("Reading rows", number, None)
    progress("Reading rows", landed.rows + landed.bad_rows, landed.rows + landed.bad_rows)
    if landed.rows == 0:
        raise BatchMalformed(
            "The extract has no row that this format can take. Nothing was taken.",
            hint=f"First problem: {first_bad.reason}." if first_bad else "Check the format and whether it is empty.",
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
            person.status, number,
        )  # fmt: skip
    for event in taken.events:
        yield event.table, (
            row_key, patient, pseudonyms.encounter(event.encounter), event.kind, event.system, event.code,
            event.source_column, event.source_value, event.quantity, event.unit, event.display, event.on,
            event.precision, event.until, event.status, number,
        )  # fmt: skip


@contextlib.contextmanager
def _landing(work: Path, institution: str) -> Iterator[Path]:
    """Give an empty folder that is this institution's alone until the end; another load of it waits."""
    root = work / "landing"
    folder = root / institution
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked_file(root / f"{institution}.lock"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise HomeUnwritable(
            f"The landing folder can't be written: {error.strerror}.",
            hint="Check space and permissions of the work folder under home, then try again.",
            where=str(root),
        ) from None
