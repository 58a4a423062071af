"""Mappings: TOML files that say what the columns of CSV files mean. ``docs/mapping.md`` explains each field.

The trial's table, Synthea's files and our own events are such files, too, and lie beside this one.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, TypeAdapter, ValidationError

from strokemap.errors import MappingInvalid

When: TypeAlias = dict[str, str | tuple[str, ...]]
"""A column and the value, or one of the values, that must stand there."""
Kind: TypeAlias = Literal[
    "encounter", "condition", "observation", "deficit", "medication", "procedure", "outcome", "article"
]


class _Strict:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True)
class DateRule(_Strict):
    """A date with a name: of a column, or some time after another one."""

    column: str = ""
    format: str = ""
    """ISO when empty; else of ``%Y %y %m %d %b %H %M %S`` and what stands between them."""
    months: tuple[str, ...] = ()
    """What ``%b`` finds: twelve regular expressions, January first."""
    needed: bool = False
    after: str = ""
    days: int = 0
    months_later: int = 0


@dataclass(frozen=True, kw_only=True)
class DeathRule(_Strict):
    """A death that a flag tells: so many days after a date, or, where their number is missing, on another one."""

    when: When
    after: str
    days: str
    otherwise: str


@dataclass(frozen=True, kw_only=True)
class PersonRule(_Strict):
    """What a row says on the patient. The first of ``deaths`` that fits counts."""

    site: str = ""
    sex: str = ""
    sexes: dict[str, Literal["F", "M", ""]] = field(
        default_factory=lambda: {"F": "F", "M": "M", "FEMALE": "F", "MALE": "M", "": ""}
    )
    born: str = ""
    age: str = ""
    age_on: str = ""
    died: str = ""
    deaths: tuple[DeathRule, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EventRule(_Strict):
    """Facts that a row states: one with ``code``, or one of each of ``columns`` that is filled in."""

    kind: Kind
    on: str = ""
    until: str = ""
    encounter: str = ""
    system: str | dict[str, str] = ""
    """The code system, or systems with the regular expression of their codes; the first that fits counts."""
    code: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    """Column and its meaning in words; the column's name is the code."""
    codes: dict[str, str] = field(default_factory=dict)
    """An own code to ``system code``; others stay as they are."""
    display: str = ""
    value: str = ""
    values: tuple[str, ...] | dict[str, str] = ()
    """The values that there can be, or what they become; one that becomes nothing states nothing."""
    number: tuple[float, float] | None = None
    unit: str = ""
    when: When = field(default_factory=dict)
    unless: When = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FileRule(_Strict):
    """One CSV file. The key tells which older row a row replaces; its columns without ``?`` are never empty."""

    name: str = ""
    required: bool = False
    patient: str
    key: tuple[str, ...] = ()
    changed: str = ""
    void: When = field(default_factory=dict)
    capitals: bool = False
    person: PersonRule | None = None
    event: tuple[EventRule, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mapping(_Strict):
    """A whole mapping. With ``institution`` only that one may send it, and patients are written with theirs."""

    file: tuple[FileRule, ...]
    dates: dict[str, DateRule] = field(default_factory=dict)
    delimiter: str = ","
    decimal: str = "."
    institution: str = ""

    @property
    def folder(self) -> bool:
        """Tell whether it is for a folder of named files, or for one file of any name."""
        return bool(self.file[0].name)


_MAPPING = TypeAdapter(Mapping)


def parse_mapping(text: str, *, where: str) -> Mapping:
    """Read a mapping from TOML text. Errors: MappingInvalid with the field."""
    try:
        mapping = _MAPPING.validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _invalid(f"The mapping is not TOML: {error}.", where) from None
    except ValidationError as error:
        first = error.errors()[0]
        # The name of the alternative that pydantic tried last says nothing to who wrote the file.
        place = ".".join(str(part) for part in first["loc"] if "[" not in str(part))
        raise _invalid(f"The mapping's “{place}” can't be used: {first['msg'].lower()}.", f"{where}: {place}") from None
    names = [rule.name for rule in mapping.file]
    if not names or len(set(names)) != len(names) or (len(names) > 1 and "" in names):
        raise _invalid("A mapping needs one file without a name, or files with a name of their own.", f"{where}: file")
    if len(mapping.delimiter) != 1 or mapping.decimal not in (".", ","):
        raise _invalid("A delimiter is one character, a decimal sign “.” or “,”.", f"{where}: delimiter")
    for number, event in enumerate(event for rule in mapping.file for event in rule.event):
        if bool(event.code) == bool(event.columns):
            raise _invalid(
                "An event needs a code or columns, and not both.", f"{where}: file.event.{number} ({event.kind})"
            )
    return mapping


def _invalid(message: str, where: str) -> MappingInvalid:
    return MappingInvalid(message, hint="See docs/mapping.md for what a mapping may say.", where=where)
