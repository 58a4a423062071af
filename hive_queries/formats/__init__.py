"""What institutions send. In: an Extract. Out: its rows, each taken, bad or left out, in the order of the extract."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from hive_queries.extracts import Extract
from hive_queries.formats import fhir
from hive_queries.formats.mapping import parse_mapping
from hive_queries.formats.table import TableReader
from hive_queries.rows import BadRow, Reading
from strokemap.errors import InputMissing, UsageError

__all__ = ["Format", "find_format", "format_names"]

_OWN_MAPPING = "mapping:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One acquisition format. ``read`` raises BatchMalformed where the extract as a whole is not of this format.

    ``again`` reads a mended row. ``name`` goes into the name of each batch: of a mapping it holds the content's digest,
    so that an extract read by a changed mapping is another batch. With ``institution`` only that one may send it, and
    patients are written ``<institution>-<own id>``.
    """

    name: str
    suffix: str
    folder: bool
    file: bool
    read: Callable[[Extract], Iterator[Reading]]
    again: Callable[[BadRow], Reading]
    institution: str = ""


def format_names() -> tuple[str, ...]:
    """Give the names of all formats."""
    shipped = (item.name for item in files(__name__).iterdir() if item.name.endswith(".toml"))
    return "fhir", *sorted(name.removesuffix(".toml") for name in shipped)


def find_format(name: str) -> Format:
    """Give the format of a name, or of ``mapping:FILE``. Errors: UsageError, InputMissing, MappingInvalid."""
    if name.startswith(_OWN_MAPPING):
        path = Path(name.removeprefix(_OWN_MAPPING))
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise InputMissing(
                "The mapping can't be read.", hint="Name a TOML file in UTF-8: mapping:FILE.", where=str(path)
            ) from None
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return _mapped(text, name=f"{_OWN_MAPPING}{digest}", where=str(path))
    if name not in format_names():
        raise UsageError(
            "There is no acquisition format of that name.",
            hint=f"Give one of: {', '.join(format_names())}, mapping:FILE.",
            where="format",
        )
    if name == "fhir":
        return Format(name=name, suffix=".ndjson", folder=True, file=True, read=fhir.read, again=fhir.again)
    text = (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    return _mapped(text, name=name, where=f"{name}.toml")


def _mapped(text: str, *, name: str, where: str) -> Format:
    mapping = parse_mapping(text, where=where)
    reader = TableReader(mapping)
    return Format(
        name=name,
        suffix=".csv",
        folder=mapping.folder,
        file=not mapping.folder,
        read=reader.read,
        again=reader.again,
        institution=mapping.institution,
    )
