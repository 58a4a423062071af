"""The table of the International Stroke Trial: one institution, one row a patient, dates known to the month.

Variables: Sandercock, Niewada, Czlonkowska 2011, doi:10.7488/ds/104. The table has no patient's id: the row number, six
digits, is taken for it. Left aside: free text (it may name people), hours, and what the trial computed from the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from hive_queries.extracts import Extract
from hive_queries.formats.table import read_table
from hive_queries.rows import Event, Person, Reading, Taken, Unreadable, number_of, text_of

_MONTHS = ("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "pa", "lis", "gru")
_OCTOBER = "pa"  # paź, of which exports leave pa?, paz or a replacement character
_AT_ONSET, _AT_14_DAYS, _AT_6_MONTHS = "at onset", "at 14 days", "at 6 months"
_REQUIRED = ("HOSPNUM", "SEX", "AGE", "STYPE", "RDATE", *(f"RDEF{number}" for number in range(1, 9)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variable:
    name: str
    table: str
    kind: str
    known: str
    values: frozenset[str]
    """Empty: a number from 0 to ``most``."""
    most: float
    unit: str
    display: str


@cache
def _variables() -> tuple[_Variable, ...]:
    text = (files("hive_queries.formats") / "ist.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return tuple(
        _Variable(
            name=name,
            table=table,
            kind=kind,
            known=known,
            values=frozenset() if values.startswith("..") else frozenset(values.split()),
            most=float(values.removeprefix("..")) if values.startswith("..") else 0.0,
            unit=unit,
            display=display,
        )
        for name, table, kind, known, values, unit, display in lines[1:]
    )


def read(extract: Extract) -> Iterator[Reading]:
    """Read the table; variables that it lacks give no facts. Errors: BatchMalformed where a required one is missing."""
    (file,) = extract.files
    return read_table(file, format_name="ist", needed=_REQUIRED, take=_taken)


def _taken(cells: dict[str, str], number: int) -> Taken:
    row = {name: cell.strip().upper() for name, cell in cells.items()}
    own_id = f"{number:06d}"
    onset = _month(row["RDATE"])
    known = {_AT_ONSET: onset, _AT_14_DAYS: onset + timedelta(days=14), _AT_6_MONTHS: _six_months_after(onset)}
    events = tuple(
        _event(variable, row[variable.name], on=known[variable.known])
        for variable in _variables()
        if row.get(variable.name)
    )
    return Taken(
        own_id=own_id, natural_key=("ist", own_id), person=_person(row, onset=onset, known=known), events=events
    )


def _person(row: dict[str, str], *, onset: date, known: dict[str, date]) -> Person:
    if row["SEX"] not in ("F", "M"):
        raise Unreadable("SEX", "not F or M")
    age = number_of(row["AGE"], name="AGE", least=0, most=120)
    died_on = None
    for dead, days, when in (("FDEAD", "FDEADD", _AT_6_MONTHS), ("DDEAD", "DDEADD", _AT_14_DAYS)):
        if row.get(dead) == "Y":
            # Without the day of death it is known only from the follow-up on.
            day = row.get(days)
            died_on = onset + timedelta(number_of(day, name=days, least=0, most=2000)) if day else known[when]
    return Person(
        site=text_of(row["HOSPNUM"], name="HOSPNUM"),
        sex=row["SEX"],
        birth_year=onset.year - int(age),
        died_on=died_on,
        died_precision="month" if died_on else "",
    )


def _event(variable: _Variable, value: str, *, on: date) -> Event:
    quantity = None
    if not variable.values:
        quantity = number_of(value, name=variable.name, least=0, most=variable.most)
    elif value not in variable.values:
        raise Unreadable(variable.name, f"not one of {', '.join(sorted(variable.values))}")
    return Event(
        table=variable.table,
        kind=variable.kind,
        system="ist",
        code=variable.name,
        source_column=variable.name,
        source_value=value,
        display=variable.display,
        on=on,
        precision="month",
        quantity=quantity,
        unit=variable.unit,
    )


def _month(value: str) -> date:
    """Read ``sty-91`` as January 1991; the day is the first, the earliest that it can mean."""
    name, _, year = value.lower().partition("-")
    month = _OCTOBER if name.startswith(_OCTOBER) and len(name) <= 3 else name
    if month not in _MONTHS or len(year) != 2 or not (year.isascii() and year.isdigit()):
        raise Unreadable("RDATE", "not a Polish month and a year, such as sty-91")
    return date(1900 + int(year) if int(year) >= 50 else 2000 + int(year), _MONTHS.index(month) + 1, 1)


def _six_months_after(day: date) -> date:
    return day.replace(year=day.year + (day.month > 6), month=(day.month + 5) % 12 + 1)
