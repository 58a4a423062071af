"""What institutions send. In: an Extract. Out: its rows, each taken, bad or left out, in the order of the extract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hive_queries.extracts import Extract
from hive_queries.formats import fhir, ist, synthea
from hive_queries.rows import Reading
from strokemap.errors import UsageError

__all__ = ["Format", "find_format", "format_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One acquisition format. ``read`` raises BatchMalformed where the extract as a whole is not of this format."""

    name: str
    suffix: str
    folder: bool
    file: bool
    read: Callable[[Extract], Iterator[Reading]]


_FORMATS = {
    item.name: item
    for item in (
        Format(name="ist", suffix=".csv", folder=False, file=True, read=ist.read),
        Format(name="synthea", suffix=".csv", folder=True, file=False, read=synthea.read),
        Format(name="fhir", suffix=".ndjson", folder=True, file=True, read=fhir.read),
    )
}


def format_names() -> tuple[str, ...]:
    """Give the names of all formats."""
    return tuple(_FORMATS)


def find_format(name: str) -> Format:
    """Give the format of that name. Errors: UsageError."""
    if name not in _FORMATS:
        raise UsageError(
            "There is no acquisition format of that name.",
            hint=f"Give one of: {', '.join(_FORMATS)}.",
            where="format",
        )
    return _FORMATS[name]
