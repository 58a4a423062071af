"""A mapping's rule compiled against a file's header: every column, constant and default becomes a place in the row.

So reading a row is looking up places, and no rule is read again for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from hive_queries.formats.dates import Dated, date_reader, later
from hive_queries.formats.mapping import DateRule, EventRule, FileRule, Mapping, PersonRule, When
from hive_queries.pseudonyms import split_patient
from hive_queries.rows import Event, Person, Taken, Unreadable, display_of, id_of, number_of, stamp_of, text_of
from strokemap.errors import BatchMalformed, MappingInvalid, PatientInvalid

Cells: TypeAlias = list[str]
"""A row's cells, followed by the constants of the mapping."""
_Add: TypeAlias = "Callable[[Cells, list[Dated], str, list[Event]], None]"
_TABLES = {
    "encounter": "encounters",
    "condition": "conditions",
    "observation": "observations",
    "deficit": "observations",
    "medication": "medications",
    "procedure": "procedures",
    "outcome": "rehab_assessments",
    "article": "article_events",
}


class RowReader:
    """A file's rule, compiled against its header. Errors: BatchMalformed for a column that is not there."""

    def __init__(self, rule: FileRule, *, names: tuple[str, ...], mapping: Mapping, where: str) -> None:
        self._names, self._where, self._mapping = names, where, mapping
        self._shown = [display_of(name) for name in names]
        self._constants = ["", ""]
        self._number = len(names) + 1
        self._capitals = rule.capitals
        self._dates: list[Callable[[Cells, list[Dated]], Dated]] = []
        self._date_places: dict[str, int] = {}
        self._label = rule.name.removesuffix(".csv")
        self._prefix = f"{self._label}." if self._label else ""
        self._patient = self._place(rule.patient)
        self._key = [self._place(column) for column in rule.key or (rule.patient,)]
        self._key_needs = [self._place(column) for column in rule.key if not column.endswith("?")]
        self._changed = self._place(rule.changed)
        self._void = self._test(rule.void) if rule.void else None
        self._patient_name, self._changed_name = self._name(self._patient), self._name(self._changed)
        self._person = rule.person and self._compile_person(rule.person)
        self._events = [self._compile_event(event) for event in rule.event]
        self._chosen_by = next((self._name(at) for event in rule.event for at, _ in self._tests(event.when)), None)
        self._nothing = rule.event and Event(
            table=_TABLES[rule.event[0].kind], kind=rule.event[0].kind, system="", code="", source_column="",
            source_value="", display="", on=None, precision="unknown", status="void",
        )  # fmt: skip

    def take(self, cells: list[str], number: int) -> Taken:
        """Read one row. Raises Unreadable."""
        row = [cell.strip().upper() for cell in cells] if self._capitals else [cell.strip() for cell in cells]
        row += self._constants
        row[self._number] = f"{number:06d}"
        own_id = self._id(row)
        for place in self._key_needs:
            # Rows without it would all pass for one, each replacing the one before.
            if not row[place]:
                raise Unreadable(self._name(place), "empty")
        dates: list[Dated] = []
        for read_date in self._dates:
            dates.append(read_date(row, dates))
        status = "void" if self._void and self._void(row) else ""
        events: list[Event] = []
        fitting = [event(row, dates, status, events) for event in self._events]
        if self._nothing and not events:
            if True not in fitting and self._chosen_by and not status:
                raise Unreadable(self._chosen_by, "nothing that the mapping knows")
            # A row that states nothing any more must replace what it stated before.
            events.append(self._nothing)
        return Taken(
            own_id=own_id,
            natural_key=(self._label, *[row[place] for place in self._key]),
            changed_us=stamp_of(row[self._changed], name=self._changed_name),
            person=self._person(row, dates, status) if self._person else None,
            events=tuple(events),
        )

    def _id(self, row: Cells) -> str:
        own_id = id_of(row[self._patient], name=self._patient_name)
        if self._mapping.institution:
            try:
                split_patient(own_id)
            except PatientInvalid:
                raise Unreadable(self._name(self._patient), "not an institution, a hyphen and its own id") from None
        return own_id

    def _place(self, column: str) -> int:
        """Give where a column, a constant or the row's number stands in a row."""
        if column == "#":
            return self._number
        if not column or column.startswith("="):
            self._constants.append(column[1:])
            return len(self._names) + len(self._constants) - 1
        for name in column.removesuffix("?").split("|"):
            if name.upper() in self._names:
                return self._names.index(name.upper())
        if column.endswith("?"):
            return len(self._names)
        raise BatchMalformed(
            f"{self._where} is not a file of this format: it has no column {column}. Nothing was taken.",
            hint="Send the file with its header line, or name the format that the file has.",
            where=f"{self._where}:1",
        )

    def _name(self, place: int) -> str:
        return self._shown[place] if place < len(self._shown) else "row"

    def _date(self, name: str) -> int:
        """Give where a date stands among the row's dates; those that it is counted from stand before it."""
        if name not in self._date_places:
            rule = self._mapping.dates.get(name, DateRule(column=name))
            if rule.after:
                if self._mapping.dates.get(rule.after, rule).after:
                    raise MappingInvalid(
                        f"The date “{name}” is not counted from a date that has a column.",
                        hint="Let “after” name a date of [dates] that has a column.",
                        where=f"dates.{name}",
                    )
                base = self._date(rule.after)
                self._dates.append(lambda _, dates: later(dates[base], rule))
            else:
                place = self._place(rule.column)
                column, parse = self._name(place), date_reader(rule)
                self._dates.append(lambda row, _: parse(row[place], column))
            self._date_places[name] = len(self._dates) - 1
        return self._date_places[name]

    def _tests(self, when: When) -> list[tuple[int, frozenset[str]]]:
        return [
            (self._place(column), frozenset([values] if isinstance(values, str) else values))
            for column, values in when.items()
        ]

    def _test(self, when: When) -> Callable[[Cells], bool]:
        tests = self._tests(when)
        return lambda row: all(row[place] in values for place, values in tests)

    def _quantity(self, value: str, *, place: int, least: float, most: float) -> float:
        text = value.replace(",", ".") if self._mapping.decimal == "," else value
        return number_of(text, name=self._name(place), least=least, most=most)

    def _compile_person(self, rule: PersonRule) -> Callable[[Cells, list[Dated], str], Person]:
        site, sex, age = self._place(rule.site), self._place(rule.sex), self._place(rule.age)
        born = self._date(rule.age_on if rule.age else rule.born)
        died = self._date(rule.died)
        deaths = [
            (self._test(death.when), self._date(death.after), self._place(death.days), self._date(death.otherwise))
            for death in rule.deaths
        ]
        sexes = {own.upper(): known for own, known in rule.sexes.items()}
        allowed = ", ".join(filter(None, sexes))

        def read(row: Cells, dates: list[Dated], status: str) -> Person:
            if row[sex].upper() not in sexes:
                raise Unreadable(self._name(sex), f"not one of {allowed}")
            birth_year = dates[born][0].year if dates[born][0] else None  # type: ignore[union-attr]
            if rule.age and birth_year is not None:
                birth_year -= int(self._quantity(row[age], place=age, least=0, most=120))
            died_on, precision = dates[died]
            for dead, after, days, otherwise in deaths:
                if dead(row):
                    died_on, precision = dates[otherwise]
                    if row[days]:
                        passed = self._quantity(row[days], place=days, least=0, most=20000)
                        died_on, precision = later(dates[after], DateRule(days=int(passed)))
                    break
            return Person(
                site=text_of(row[site], name=self._name(site)),
                sex=sexes[row[sex].upper()],
                birth_year=birth_year,
                died_on=died_on,
                died_precision=precision if died_on else "",
                status=status,
            )

        return read

    def _compile_event(self, rule: EventRule) -> Callable[[Cells, list[Dated], str, list[Event]], bool]:
        """Give what adds a row's events to a list, and tells whether the rule was for that row."""
        when, unless = self._test(rule.when), self._test(rule.unless)
        add = self._columns(rule) if rule.columns else self._coded(rule)

        def add_fitting(row: Cells, dates: list[Dated], status: str, events: list[Event]) -> bool:
            if (rule.when and not when(row)) or (rule.unless and unless(row)):
                return False
            add(row, dates, status, events)
            return True

        return add_fitting

    def _columns(self, rule: EventRule) -> _Add:
        """Give what makes an event of each filled column; all but value and date is known beforehand."""
        event, value_of, code_of = self._event(rule), self._value(rule), _code_reader(rule)
        stated = [
            (self._place(column), *code_of(name, name), self._prefix + name, display_of(words))
            for column, words in rule.columns.items()
            for name in [column.removesuffix("?")]
        ]

        def add(row: Cells, dates: list[Dated], status: str, events: list[Event]) -> None:
            for place, system, code, column, words in stated:
                if row[place]:
                    value, quantity = value_of(row[place], place)
                    if value:
                        events.append(event(row, dates, status, system, code, column, words, value, quantity))

        return add

    def _coded(self, rule: EventRule) -> _Add:
        """Give what makes one event, of the code that stands in the row; without a value the code is what was said."""
        event, value_of, code_of = self._event(rule), self._value(rule), _code_reader(rule)
        code_at, words_at = self._place(rule.code), self._place(rule.display)
        place, code_name = self._place(rule.value) if rule.value else code_at, self._name(code_at)
        column = self._prefix + self._name(place)

        def add(row: Cells, dates: list[Dated], status: str, events: list[Event]) -> None:
            if not row[code_at]:
                raise Unreadable(code_name, "empty")
            system, code = code_of(row[code_at], code_name)
            value, quantity = value_of(row[place], place) if row[place] else ("", None)
            if value or not rule.values:
                words = display_of(row[words_at])
                events.append(event(row, dates, status, system, code, column, words, value, quantity))

        return add

    def _event(self, rule: EventRule) -> Callable[..., Event]:
        on, until = self._date(rule.on), self._date(rule.until)
        encounter, unit = self._place(rule.encounter), self._place(rule.unit)
        unit_name = self._name(unit)
        table, kind = _TABLES[rule.kind], rule.kind

        def event(
            row: Cells, dates: list[Dated], status: str, system: str, code: str, column: str, words: str, value: str,
            quantity: float | None,
        ) -> Event:  # fmt: skip
            on_date, precision = dates[on]
            return Event(
                table=table,
                kind=kind,
                system=system,
                code=code,
                source_column=column,
                source_value=value,
                display=words,
                on=on_date,
                precision=precision,
                until=dates[until][0],
                encounter=row[encounter],
                quantity=quantity,
                unit=text_of(row[unit], name=unit_name),
                status=status,
            )

        return event

    def _value(self, rule: EventRule) -> Callable[[str, int], tuple[str, float | None]]:
        """Give what reads a value, and its number where the rule wants one."""
        values = rule.values if isinstance(rule.values, dict) else {value: value for value in rule.values}
        expected = f"not one of {', '.join(sorted(values))}"

        def read(value: str, place: int) -> tuple[str, float | None]:
            if values:
                if value not in values:
                    raise Unreadable(self._name(place), expected)
                value = values[value]
            else:
                value = text_of(value, name=self._name(place))
            if rule.number is None or not value:
                return value, None
            return value, self._quantity(value, place=place, least=rule.number[0], most=rule.number[1])

        return read


def _code_reader(rule: EventRule) -> Callable[[str, str], tuple[str, str]]:
    """Give what turns an own code into system and code. Errors: MappingInvalid."""
    known: dict[str, tuple[str, str]] = {}
    for own, coded in rule.codes.items():
        system, _, code = coded.partition(" ")
        known[own] = system, code
    try:
        systems = {rule.system: ".*"} if isinstance(rule.system, str) else rule.system
        patterns = [(name, re.compile(text, re.ASCII | re.DOTALL)) for name, text in systems.items()]
    except re.error:
        raise MappingInvalid(
            "A pattern of a code system is no regular expression.", hint="See docs/mapping.md.", where="system"
        ) from None

    @lru_cache(maxsize=8192)
    def read(code: str, name: str) -> tuple[str, str]:
        if code in known:
            return known[code]
        code = text_of(code, name=name)
        return next((system for system, pattern in patterns if pattern.fullmatch(code)), ""), code

    return read
