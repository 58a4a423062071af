"""What a format makes of an extract: rows taken, bad rows, rows left out.

The institution's own ids stand here in plain, in memory only; ``acquire`` replaces them before anything is written.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeAlias

FIELD_END, FACT_END = "␟", "␞"
"""The signs between fields and between facts in ``profile.hql``."""
RawRow: TypeAlias = "str | dict[str, str | None]"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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


class Event(NamedTuple):
    """A row of one of the other tables; they all have the same columns. A tuple, as an extract makes millions."""

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
    encounter: str = ""
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
    changed_us: int | None = None
    """When the institution last changed the row, by its own clock: microseconds since 1970, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that can't be understood. ``reason`` says what was expected, never what stood there; ``row`` is the row.

    ``number`` counts the file's rows from 1. A row of a table is its cells by column, None where there was no cell.
    """

    file: str
    line: int
    number: int
    field: str
    reason: str
    row: RawRow = dataclasses.field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A row of a kind that Strokemap has no use for."""

    what: str


Reading: TypeAlias = Taken | BadRow | LeftOut


@lru_cache(maxsize=8192)
def text_of(value: str, *, name: str) -> str:
    """Give a code or value in one line. Raises Unreadable when it is longer than any code is."""
    if len(value) > _LONGEST:
        raise Unreadable(name, f"longer than {_LONGEST} characters")
    return _NOT_PRINTED.sub(" ", value).strip()


@lru_cache(maxsize=8192)
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


def stamp_of(value: str, *, name: str) -> int | None:
    """Read an ISO date-time, in UTC where it names no zone, as microseconds since 1970. None for empty text."""
    if not value:
        return None
    try:
        at = datetime.fromisoformat(value)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise Unreadable(name, "not a time such as 2024-02-29T13:30:00Z") from None


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
