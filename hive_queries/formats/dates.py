"""Dates of mappings: in whatever format an institution writes them, each with its precision."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import TypeAlias

from hive_queries.formats.mapping import DateRule
from hive_queries.rows import Unreadable, date_of
from strokemap.errors import MappingInvalid

Dated: TypeAlias = tuple[date | None, str]
"""The earliest day that a date can mean, and its precision."""
_DIRECTIVES = {"Y": r"(?P<Y>\d{4})", "y": r"(?P<y>\d\d)", "m": r"(?P<m>\d\d?)", "d": r"(?P<d>\d\d?)"}
_DIRECTIVES |= dict.fromkeys("HMS", r"\d\d?")
_CENTURY_ENDS = 50  # of two digits: 49 is 2049, 50 is 1950


def date_reader(rule: DateRule) -> Callable[[str, str], Dated]:
    """Give what reads a text as a date; the second argument names the column. Errors: MappingInvalid."""
    read = _formatted(rule) if rule.format else lambda text, name: date_of(text, name=name)

    def read_needed(text: str, name: str) -> Dated:
        if not text and rule.needed:
            raise Unreadable(name, "empty")
        return read(text, name) if text else (None, "unknown")

    return read_needed


def later(day: Dated, rule: DateRule) -> Dated:
    """Give the date so many days and months after another, with the other's precision. Raises Unreadable."""
    on, precision = day
    if on is None:
        return day
    try:
        on += timedelta(days=rule.days)
        year, month = divmod(on.year * 12 + on.month - 1 + rule.months_later, 12)
        return on.replace(
            year=year, month=month + 1, day=min(on.day, calendar.monthrange(year, month + 1)[1])
        ), precision
    except (OverflowError, ValueError):
        raise Unreadable("row", "not a day of the calendar") from None


def _formatted(rule: DateRule) -> Callable[[str, str], Dated]:
    pattern = _compile(rule)

    @lru_cache(maxsize=4096)
    def read(text: str, name: str) -> Dated:
        match = pattern.fullmatch(text)
        if not match:
            raise Unreadable(name, f"not a date such as {_example(rule)}")
        found = {key: value for key, value in match.groupdict().items() if value}
        year = int(found["Y"]) if "Y" in found else _four_digits(int(found["y"]))
        named = next((int(key[1:]) for key in found if key[0] == "b"), 1)
        try:
            on = date(year, int(found.get("m", named)), int(found.get("d", 1)))
        except ValueError:
            raise Unreadable(name, "not a day of the calendar") from None
        return on, "day" if "d" in found else "month" if "m" in found or rule.months else "year"

    return read


def _compile(rule: DateRule) -> re.Pattern[str]:
    months = "|".join(f"(?P<b{number}>{month})" for number, month in enumerate(rule.months, start=1))
    directives = _DIRECTIVES | ({"b": f"(?:{months})"} if len(rule.months) == 12 else {})
    text = re.sub(r"%(.)|([^%]+)", lambda m: directives.get(m[1], "(") if m[1] else re.escape(m[2]), rule.format)
    try:
        pattern = re.compile(text, re.ASCII | re.IGNORECASE)
    except re.error:
        pattern = None
    if pattern is None or not {"Y", "y"} & set(pattern.groupindex):
        raise MappingInvalid(
            f"The date format “{rule.format}” can't be used.",
            hint="Write it with %Y or %y, %m or %b (with twelve months), %d, %H, %M, %S, as in %d.%m.%Y.",
            where="dates",
        )
    return pattern


def _example(rule: DateRule) -> str:
    named = re.sub(r"\W.*", "", rule.months[1]) if rule.months else ""
    example = {"Y": "2024", "y": "24", "m": "02", "b": named, "d": "29", "H": "13", "M": "30", "S": "00"}
    return re.sub(r"%(.)", lambda m: example.get(m[1], ""), rule.format)


def _four_digits(year: int) -> int:
    return year + (1900 if year >= _CENTURY_ENDS else 2000)
