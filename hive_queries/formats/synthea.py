"""A folder of Synthea CSV files, of either vintage: columns are found by name, and a file may be absent.

Names, addresses and numbers of documents are never read into a row. Files without use here are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from hive_queries.extracts import Extract
from hive_queries.formats.table import read_table
from hive_queries.rows import (
    LARGEST,
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
_PATIENTS = "patients.csv"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What one of the files becomes. ``columns`` must be there."""

    kind: str
    system: str
    columns: tuple[str, ...] = ("PATIENT", "CODE", "DATE|START")


_EVENTS = {
    "encounters": _Kind("encounter", "snomed", ("ID", "PATIENT", "CODE", "START")),
    "conditions": _Kind("condition", "snomed"),
    "observations": _Kind("observation", "loinc", ("PATIENT", "CODE", "VALUE", "DATE|START")),
    "medications": _Kind("medication", "rxnorm"),
    "procedures": _Kind("procedure", "snomed"),
}


def read(extract: Extract) -> Iterator[Reading]:
    """Read patients first, then events. Errors: BatchMalformed without patients.csv or without a needed column."""
    by_name = {file.name.lower(): file for file in extract.files}
    if _PATIENTS not in by_name:
        raise BatchMalformed(
            "The folder is not a Synthea extract: it has no patients.csv. Nothing was taken.",
            hint="Send the folder with the CSV files, plain or compressed with gzip.",
            where=_PATIENTS,
        )
    people = by_name.pop(_PATIENTS)
    yield from read_table(people, format_name="synthea", needed=("ID", "BIRTHDATE", "GENDER"), take=_person)
    for name, file in by_name.items():
        table = name.removesuffix(".csv")
        if table in _EVENTS:
            kind = _EVENTS[table]
            take = partial(_event, table=table, kind=kind)
            yield from read_table(file, format_name="synthea", needed=kind.columns, take=take)
        else:
            yield from (LeftOut(what=table) for _ in islice(file.rows(), 1, None))


def _person(row: dict[str, str], _: int) -> Taken:
    own_id = id_of(row["ID"], name="ID")
    born, _precision = date_of(row["BIRTHDATE"], name="BIRTHDATE")
    died_on, precision = date_of(row.get("DEATHDATE", ""), name="DEATHDATE")
    sex = row["GENDER"].strip().upper()
    if sex not in ("F", "M", ""):
        raise Unreadable("GENDER", "not F or M")
    person = Person(
        sex=sex,
        birth_year=born.year if born else None,
        died_on=died_on,
        died_precision=precision if died_on else "",
    )
    return Taken(own_id=own_id, natural_key=("patients", own_id), person=person)


def _event(row: dict[str, str], _: int, *, table: str, kind: _Kind) -> Taken:
    own_id = id_of(row["PATIENT"], name="PATIENT")
    started = row.get("DATE") or row.get("START") or ""
    on, precision = date_of(started, name="DATE" if "DATE" in row else "START")
    until, _precision = date_of(row.get("STOP", ""), name="STOP")
    code = text_of(row["CODE"], name="CODE")
    if not code:
        raise Unreadable("CODE", "empty")
    if kind.kind == "encounter":
        encounter = id_of(row["ID"], name="ID")
        natural_key: tuple[str, ...] = (table, encounter)
    else:
        encounter = row.get("ENCOUNTER", "").strip()
        natural_key = (table, own_id, encounter, started, code)
    column, value, quantity = "CODE", code, None
    if kind.kind == "observation":
        column, value = "VALUE", text_of(row["VALUE"], name="VALUE")
        if value and row.get("TYPE", "").strip() == "numeric":
            quantity = number_of(value, name="VALUE", least=-LARGEST, most=LARGEST)
    event = Event(
        table=table,
        kind=kind.kind,
        system="synthea" if kind.system == "loinc" and not _LOINC.fullmatch(code) else kind.system,
        code=code,
        source_column=f"{table}.{column}",
        source_value=value,
        display=display_of(row.get("DESCRIPTION", "")),
        on=on,
        precision=precision,
        until=until,
        encounter=encounter,
        quantity=quantity,
        unit=text_of(row.get("UNITS", ""), name="UNITS"),
    )
    return Taken(own_id=own_id, natural_key=natural_key, events=(event,))
