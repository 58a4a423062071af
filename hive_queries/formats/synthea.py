"""A folder of Synthea CSV files, of either vintage: columns are found by name, and a file may be absent.

Names, addresses and numbers of documents are never read into a row. Files without use here are counted and left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from hive_queries.extracts import Extract, ExtractFile, row_text
from hive_queries.rows import (
    BadRow,
    Event,
    LeftOut,
    Person,
    Reading,
    Taken,
    Unreadable,
    date_of,
    display_of,
    id_of,
    number_of,
    text_of,
)
from strokemap.errors import BatchMalformed

_LOINC = re.compile(r"\d{1,7}-\d", re.ASCII)
_LARGEST = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What one of the files becomes. ``columns`` must be there; START may be called DATE."""

    table: str
    kind: str
    system: str
    columns: tuple[str, ...]


_EVENTS = {
    "encounters.csv": _Kind(table="encounters", kind="encounter", system="snomed", columns=("ID", "PATIENT", "CODE")),
    "conditions.csv": _Kind(table="conditions", kind="condition", system="snomed", columns=("PATIENT", "CODE")),
    "observations.csv": _Kind(
        table="observations", kind="observation", system="loinc", columns=("PATIENT", "CODE", "VALUE")
    ),
    "medications.csv": _Kind(table="medications", kind="medication", system="rxnorm", columns=("PATIENT", "CODE")),
    "procedures.csv": _Kind(table="procedures", kind="procedure", system="snomed", columns=("PATIENT", "CODE")),
}
_PATIENTS = "patients.csv"


def read(extract: Extract) -> Iterator[Reading]:
    """Read patients first, then events. Errors: BatchMalformed without patients.csv or without a needed column."""
    by_name = {file.name.lower(): file for file in extract.files}
    if _PATIENTS not in by_name:
        raise BatchMalformed(
            "The folder is not a Synthea extract: it has no patients.csv. Nothing was taken.",
            hint="Send the folder with the CSV files, plain or compressed with gzip.",
            where=_PATIENTS,
        )
    yield from _read_file(by_name.pop(_PATIENTS), needed=("ID", "BIRTHDATE", "GENDER"), take=_person)
    for name, file in by_name.items():
        kind = _EVENTS.get(name)
        if kind is None:
            yield from (LeftOut(what=name.removesuffix(".csv")) for _ in islice(file.rows(), 1, None))
        else:
            started = ("DATE|START",) if kind.kind != "encounter" else ("START",)
            yield from _read_file(file, needed=(*kind.columns, *started), take=_taker(kind))


def _read_file(
    file: ExtractFile, *, needed: tuple[str, ...], take: Callable[[dict[str, str]], Taken]
) -> Iterator[Reading]:
    rows = file.rows()
    _, header = next(rows, (1, []))
    names = [name.strip().upper() for name in header]
    for name in needed:
        if not set(name.split("|")) & set(names):
            raise BatchMalformed(
                f"{file.name} is not a Synthea file: it has no column {name}. Nothing was taken.",
                hint="Send the file with its header line.",
                where=f"{file.name}:1",
            )
    for line, cells in rows:
        try:
            if len(cells) != len(names):
                raise Unreadable("", f"{len(cells)} cells under a header of {len(names)}")
            yield take(dict(zip(names, cells, strict=True)))
        except Unreadable as error:
            yield BadRow(file=file.name, line=line, field=error.field, reason=error.reason, row=row_text(cells))


def _person(row: dict[str, str]) -> Taken:
    own_id = id_of(row["ID"], name="ID")
    born, _ = date_of(row["BIRTHDATE"], name="BIRTHDATE")
    died_on, precision = date_of(row.get("DEATHDATE", ""), name="DEATHDATE")
    sex = row["GENDER"].strip().upper()
    if sex not in ("F", "M", ""):
        raise Unreadable("GENDER", "not F or M")
    person = Person(
        own_id=own_id,
        sex=sex,
        birth_year=born.year if born else None,
        died_on=died_on,
        died_precision=precision if died_on else "",
    )
    return Taken(natural_key=("patients", own_id), people=(person,))


def _taker(kind: _Kind) -> Callable[[dict[str, str]], Taken]:
    def take(row: dict[str, str]) -> Taken:
        own_id = id_of(row["PATIENT"], name="PATIENT")
        started = row.get("DATE") or row.get("START") or ""
        on, precision = date_of(started, name="DATE" if "DATE" in row else "START")
        until, _ = date_of(row.get("STOP", ""), name="STOP")
        code = text_of(row["CODE"], name="CODE")
        if not code:
            raise Unreadable("CODE", "empty")
        encounter = row["ID"].strip() if kind.kind == "encounter" else row.get("ENCOUNTER", "").strip()
        value, quantity = code, None
        if kind.kind == "observation":
            value, quantity = _value(row)
        event = Event(
            table=kind.table,
            own_id=own_id,
            kind=kind.kind,
            system="synthea" if kind.system == "loinc" and not _LOINC.fullmatch(code) else kind.system,
            code=code,
            source_column=f"{kind.table}.{'VALUE' if kind.kind == 'observation' else 'CODE'}",
            source_value=value,
            display=display_of(row.get("DESCRIPTION", "")),
            on=on,
            precision=precision,
            until=until,
            encounter=encounter,
            quantity=quantity,
            unit=text_of(row.get("UNITS", ""), name="UNITS"),
        )
        if kind.kind == "encounter":
            return Taken(natural_key=(kind.table, id_of(row["ID"], name="ID")), events=(event,))
        return Taken(natural_key=(kind.table, own_id, encounter, started, code), events=(event,))

    return take


def _value(row: dict[str, str]) -> tuple[str, float | None]:
    value = text_of(row["VALUE"], name="VALUE")
    if row.get("TYPE", "").strip() == "numeric" and value:
        return value, number_of(value, name="VALUE", least=-_LARGEST, most=_LARGEST)
    return value, None
