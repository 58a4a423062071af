"""Which facts speak of which needs: the table ``codes.tsv``, and the little patterns it is written in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from hive_queries import Fact
from search.article import STAGES
from strokemap.errors import RulesInvalid
from strokemap.text import fold, words

_COLUMNS = ("system", "code", "value", "need", "weight", "plain")
_LIMIT = re.compile(r"(>=|<=)(\d+(?:\.\d+)?)")
_NUMBER = re.compile(r"\s*(-?\d+(?:\.\d+)?)")
_WEIGHT = re.compile(r"1(?:\.0*)?|0?\.\d*[1-9]\d*")
STAGE_SYSTEM = "stage"
"""The ``system`` of rows that follow from the stage alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactPattern:
    """What a fact must look like. Written ``system code value``; see the head of ``codes.tsv``."""

    system: str
    code: str
    value: str

    def closeness(self, system: str, code: str, display: str) -> int:
        """Give how closely a code is met: 0 for not at all, more for a more specific pattern."""
        if system != self.system:
            return 0
        if self.code.startswith("~"):
            return 1 if fold(self.code[1:]) in words(display) else 0
        wanted, given = _bare(self.code.removesuffix("*")), _bare(code)
        if self.code.endswith("*"):
            return 1 + len(wanted) if given.startswith(wanted) else 0
        return 1000 if given == wanted else 0

    def holds(self, fact: Fact) -> bool:
        """Tell whether the fact's value is one that counts. ``N`` and ``C`` (can't assess) never do unless named."""
        limit = _LIMIT.fullmatch(self.value)
        if limit is None:
            return self.value == "*" or fold(fact.value.strip()) in fold(self.value).split("|")
        number = _NUMBER.match(fact.value)
        if number is None:
            return False
        value, bound = float(number[1]), float(limit[2])
        return value >= bound if limit[1] == ">=" else value <= bound

    def matches(self, fact: Fact) -> bool:
        """Tell whether code and value both fit."""
        return self.closeness(fact.system, fact.code, fact.display) > 0 and self.holds(fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRow:
    """One row of the table: facts like ``pattern`` mean a need, looked up in the map under ``names`` in turn."""

    pattern: FactPattern
    names: tuple[str, ...]
    weight: float
    plain: str
    """The fact in a reader's words, fit to follow "The record notes"."""

    @property
    def need(self) -> str:
        """Give the need's own name: the first, under which rules know it."""
        return self.names[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The whole table, in its order."""

    rows: tuple[CodeRow, ...]

    def of(self, fact: Fact) -> tuple[CodeRow, ...]:
        """Give the rows that a fact meets. Where several patterns fit the code, only the most specific ones count.

        A specific row whose value does not hold still shuts out the wider ones: what was assessed and found absent
        makes no need.
        """
        close = [(row.pattern.closeness(fact.system, fact.code, fact.display), row) for row in self.rows]
        most = max((closeness for closeness, _ in close), default=0)
        return tuple(row for closeness, row in close if closeness == most > 0 and row.pattern.holds(fact))

    def knows(self, *, system: str, code: str, display: str) -> bool:
        """Tell whether any row speaks of a code, whatever its value."""
        return any(row.pattern.closeness(system, code, display) for row in self.rows)

    def of_stage(self, stage: str) -> tuple[CodeRow, ...]:
        """Give the rows that a stage brings by itself."""
        wanted = (STAGE_SYSTEM, stage.replace(" ", "_"))
        return tuple(row for row in self.rows if (row.pattern.system, row.pattern.code) == wanted)

    def needs(self) -> frozenset[str]:
        """Give the own names of all needs."""
        return frozenset(row.need for row in self.rows)


def load_codes() -> Codes:
    """Read the shipped table. Errors: RulesInvalid with the line."""
    return parse_codes(files("recommend").joinpath("codes.tsv").read_text(encoding="utf-8"), where="codes.tsv")


def parse_codes(text: str, *, where: str) -> Codes:
    """Read a table of codes; lines that start with ``#`` and empty ones are comments. Errors: RulesInvalid."""
    numbered = [(at, line) for at, line in enumerate(text.splitlines(), 1) if line and not line.startswith("#")]
    if not numbered or tuple(numbered[0][1].split("\t")) != _COLUMNS:
        at = numbered[0][0] if numbered else 1
        hint = f"Give the columns {', '.join(_COLUMNS)}, parted by tabs."
        raise RulesInvalid("The table of codes does not begin with its column names.", hint=hint, where=f"{where}:{at}")
    return Codes(rows=tuple(_read_row(line.split("\t"), where=f"{where}:{at}") for at, line in numbered[1:]))


def parse_pattern(text: str, *, where: str) -> FactPattern:
    """Read a pattern written ``system code value``. Errors: RulesInvalid."""
    parts = text.split()
    if len(parts) != 3:
        hint = 'For example "ist RCONSC U|D".'
        raise RulesInvalid("A fact is written as system, code and value.", hint=hint, where=where)
    system, code, value = parts
    if not code.removesuffix("*").removeprefix("~"):
        raise RulesInvalid("A code must not be empty.", hint="Write at least its first letter.", where=where)
    if value.startswith((">", "<")) and not _LIMIT.fullmatch(value):
        raise RulesInvalid("A limit is not a number.", hint='Write it like ">=140".', where=where)
    return FactPattern(system=system, code=code, value=value)


def current(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Give the facts that still stand: of each measured thing the newest reading, of everything else all.

    An old high pressure does not outlive a newer normal one. Readings of one day: the one that sorts last.
    """
    kept: list[Fact] = []
    newest: dict[tuple[str, str, str], Fact] = {}
    for fact in facts:
        if fact.kind != "observation":
            kept.append(fact)
            continue
        thing = (fact.institution, fact.system, fact.code)
        older = newest.get(thing, fact)
        if (day_number(fact), fact.value) >= (day_number(older), older.value):
            newest[thing] = fact
    return (*kept, *newest.values())


def day_number(fact: Fact) -> int:
    """Give a fact's day as a number; 0 for an unknown one."""
    return fact.on.toordinal() if fact.on else 0


def _read_row(cells: list[str], *, where: str) -> CodeRow:
    if len(cells) != len(_COLUMNS):
        message = f"A row of the table of codes has {len(cells)} columns instead of {len(_COLUMNS)}."
        raise RulesInvalid(message, hint="Part the columns by one tab each.", where=where)
    system, code, value, need, weight, plain = (cell.strip() for cell in cells)
    if system == STAGE_SYSTEM and code not in STAGES:
        raise RulesInvalid("No such stage.", hint=f"Stages are: {', '.join(STAGES)}.", where=where)
    names = tuple(name.strip() for name in need.split("|"))
    if not all(names) or not plain:
        raise RulesInvalid("A row lacks its need or its plain words.", hint="Fill both columns.", where=where)
    if not _WEIGHT.fullmatch(weight):
        raise RulesInvalid("A weight is not above 0 and at most 1.", hint="Write it like 0.7.", where=where)
    pattern = parse_pattern(f"{system} {code.replace(' ', '_')} {value}", where=where)
    return CodeRow(pattern=pattern, names=names, weight=float(weight), plain=plain)


def _bare(code: str) -> str:
    return code.replace(".", "").upper()
