"""What a format makes of an extract: rows taken, bad rows, rows left out.

The institution's own ids stand here in plain, in memory only; ``acquire`` replaces them before anything is written.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

FIELD_END, FACT_END = "␟", "␞"
"""The signs between fields and between facts in ``profile.hql``."""
LARGEST = 1e15
"""No measurement is beyond it, or below its negative."""
_LONGEST = 300
# Half a character (a lone surrogate, as JSON can hold) can't be written to any file.
_NOT_PRINTED = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{FIELD_END}{FACT_END}]+")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ].*)?)?)?", re.ASCII)


class Unreadable(ValueError):
    """A field that can't be understood. Never leaves a format: it becomes a BadRow."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.field = name
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A row of the table ``patients``."""

    site: str = ""
    sex: str = ""
    birth_year: int | None = None
    died_on: date | None = None
    died_precision: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A row of one of the other tables; they all have the same columns."""

    table: str
    kind: str
    system: str
    code: str
    source_column: str
    source_value: str
    display: str
    on: date | None
    precision: str
    until: date | None = None
    encounter: str = dataclasses.field(default="", repr=False)
    quantity: float | None = None
    unit: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A row of the extract that was understood: of one patient. Its natural key tells which older row it replaces."""

    own_id: str = dataclasses.field(repr=False)
    natural_key: tuple[str, ...] = dataclasses.field(repr=False)
    person: Person | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that can't be understood. ``reason`` says what was expected, never what stood there; ``row`` is the row."""

    file: str
    line: int
    field: str
    reason: str
    row: str = dataclasses.field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A row of a kind that Strokemap has no use for."""

    what: str


Reading: TypeAlias = Taken | BadRow | LeftOut


def text_of(value: str, *, name: str) -> str:
    """Give a code or value in one line. Raises Unreadable when it is longer than any code is."""
    if len(value) > _LONGEST:
        raise Unreadable(name, f"longer than {_LONGEST} characters")
    return _NOT_PRINTED.sub(" ", value).strip()


def display_of(value: str) -> str:
    """Give words for display in one line, cut where they are too long."""
    return " ".join(_NOT_PRINTED.sub(" ", value).split())[:_LONGEST]


def id_of(value: str, *, name: str) -> str:
    """Give an id as it came. Raises Unreadable when it is empty, too long or holds a control character."""
    own_id = value.strip()
    if not own_id or len(own_id) > 200 or _NOT_PRINTED.search(own_id):
        raise Unreadable(name, "not an id")
    return own_id


def date_of(value: str, *, name: str) -> tuple[date | None, str]:
    """Read an ISO date or date-time, whole or only to the month or year, as the earliest day and its precision.

    The day is that of the writer's clock. Empty text gives no date and the precision ``unknown``.
    """
    if not value.strip():
        return None, "unknown"
    match = _DATE.fullmatch(value.strip())
    if not match:
        raise Unreadable(name, "not a date such as 2024-02-29")
    year, month, day = match.groups()
    try:
        on = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise Unreadable(name, "not a day of the calendar") from None
    return on, "day" if day else "month" if month else "year"


def number_of(value: str, *, name: str, least: float, most: float) -> float:
    """Read a finite number within bounds. Raises Unreadable."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    # float() also reads 1_000, nan and the digits of other scripts, which no institution means.
    if not least <= number <= most or "_" in value or not value.isascii():
        raise Unreadable(name, f"not a number from {least:g} to {most:g}")
    return number
